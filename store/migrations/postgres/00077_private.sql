-- +goose Up
-- A result that its owner has not shared names him here as well, so that every
-- list of results and of their tests can leave it out.
ALTER TABLE results ADD COLUMN private_to text COLLATE "C" NOT NULL DEFAULT '';

UPDATE results SET private_to = (
    SELECT p.owner FROM published_results p WHERE p.result_key = results.key OR p.stream_key = results.key)
WHERE key IN (
    SELECT result_key FROM published_results WHERE NOT public
    UNION SELECT stream_key FROM published_results WHERE NOT public AND stream_key IS NOT NULL);
