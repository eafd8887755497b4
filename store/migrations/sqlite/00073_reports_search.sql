-- +goose Up
-- Single tests of every source: the results of opportunities that came with a
-- file, the newest first, and from the file back to them.
CREATE INDEX opportunity_results_with_file ON opportunity_results (created_at, id) WHERE file_id IS NOT NULL;
CREATE INDEX opportunity_results_file ON opportunity_results (file_id) WHERE file_id IS NOT NULL;
