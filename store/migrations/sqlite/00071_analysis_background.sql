-- +goose Up
-- What comparisons need beside what is stored, and what is done in the background.

-- Runs of one cloud and name are one line. comparable: the current result is
-- complete, undamaged, readable and nobody's private one.
ALTER TABLE runs ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN comparable INTEGER NOT NULL DEFAULT 0;

-- list_id and list_parts: the names of its tests in order, and in how many parts they
-- lie; list_id is 0 for results that are to be listed in the background.
ALTER TABLE results ADD COLUMN list_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN list_parts INTEGER NOT NULL DEFAULT 0;

UPDATE runs SET comparable = 1 WHERE result_key IN
    (SELECT key FROM results WHERE state = 1 AND complete = 1 AND damage_count = 0 AND outcome <> 'error' AND private_to = '');

CREATE INDEX runs_line ON runs (cloud_id, name, created_at, id) WHERE comparable = 1;
CREATE INDEX results_unlisted ON results (key) WHERE state = 1 AND list_id = 0;
CREATE INDEX results_list ON results (list_id);
CREATE INDEX published_results_line ON published_results (cpid, created_at, result_key) WHERE public = 1;

-- Comparisons that were made, and uploads that are not whole.
CREATE INDEX events_comparisons ON events (tenant, seq) WHERE type = 'comparison';
CREATE INDEX results_damaged ON results (key) WHERE state = 1 AND damage_count > 0;

-- Who uploaded what.
CREATE INDEX results_uploader ON results (uploader, key) WHERE uploader <> '';

-- Uploads with tests that failed, or gave no verdict.
CREATE INDEX results_failing ON results (created_at, key) WHERE state = 1 AND count_fail + count_uxsuccess > 0;
CREATE INDEX results_hanging ON results (created_at, key) WHERE state = 1 AND count_inprogress + count_unknown > 0;

-- Keys of results rise in the order in which they came: a test's history.
DROP INDEX tests_history;
CREATE INDEX tests_history ON tests (name_id, result_key, n);

-- The names of the tests of a result in order, in parts of which first is the first
-- name. Results of one suite share a list: hash is the sha256 of all its names.
CREATE TABLE name_lists (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    hash       BLOB NOT NULL UNIQUE,
    parts      INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE name_list_parts (
    list_id INTEGER NOT NULL,
    part    INTEGER NOT NULL,
    first   TEXT NOT NULL,
    tests   INTEGER NOT NULL,
    data    BLOB NOT NULL,
    PRIMARY KEY (list_id, part)
) STRICT;

-- Which tests of a result have those names, and what became of them.
CREATE TABLE test_lists (
    result_key INTEGER NOT NULL,
    part       INTEGER NOT NULL,
    data       BLOB NOT NULL,
    PRIMARY KEY (result_key, part)
) STRICT;

-- What failing tests say, as far as it is kept.
CREATE TABLE test_failures (
    result_key INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    text       TEXT    NOT NULL,
    PRIMARY KEY (result_key, n)
) STRICT, WITHOUT ROWID;

-- Test cases and boots as tests, in the order in which they came; source: 1 case,
-- 2 boot. One that is posted again leaves the earlier outcome as a row that is
-- replaced. hash is that of the name, as in test_names.
CREATE TABLE kernel_tests (
    seq               INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant            TEXT    NOT NULL,
    source            INTEGER NOT NULL,
    report_id         TEXT    NOT NULL,
    group_id          TEXT,
    replaced          INTEGER NOT NULL,
    hash              BLOB    NOT NULL,
    name              TEXT    NOT NULL,
    status            TEXT    NOT NULL,
    duration_us       INTEGER,
    created_at        INTEGER NOT NULL,
    stored_at         INTEGER NOT NULL,
    job               TEXT,
    git_branch        TEXT,
    kernel            TEXT,
    arch              TEXT,
    board             TEXT,
    build_environment TEXT,
    defconfig_full    TEXT,
    device_type       TEXT,
    lab_name          TEXT,
    failure           TEXT
) STRICT;

CREATE INDEX kernel_tests_report ON kernel_tests (report_id);
CREATE INDEX kernel_tests_history ON kernel_tests (hash, stored_at, seq);
CREATE INDEX kernel_tests_set ON kernel_tests (job, kernel, git_branch);
CREATE INDEX kernel_tests_group ON kernel_tests (group_id, replaced) WHERE group_id IS NOT NULL;

-- A kernel of a job and branch, with the time of its first test.
-- verdicts: a test of it has passed or failed at some time.
CREATE TABLE kernel_sets (
    tenant     TEXT    NOT NULL,
    job        TEXT    NOT NULL,
    git_branch TEXT    NOT NULL,
    kernel     TEXT    NOT NULL,
    first_at   INTEGER NOT NULL,
    verdicts   INTEGER NOT NULL,
    PRIMARY KEY (tenant, job, git_branch, kernel)
) STRICT, WITHOUT ROWID;

CREATE INDEX kernel_sets_line ON kernel_sets (tenant, job, git_branch, first_at, kernel);

CREATE INDEX test_groups_line ON test_groups ("job", "git_branch", "name", "lab_name", "board", "created_on", seq);

-- Images of one product and release are one line; advertised_at is the first time.
ALTER TABLE images ADD COLUMN release TEXT NOT NULL DEFAULT '';
ALTER TABLE images ADD COLUMN advertised_at INTEGER NOT NULL DEFAULT 0;
UPDATE images SET (release, advertised_at) = (SELECT COALESCE(a.release, (SELECT p.release FROM products p WHERE p.id = a.product_id)), a.created_at FROM advertisements a
    WHERE a.product_id = images.product_id AND a.image_unique_id = images.image_unique_id ORDER BY a.created_at, a.id LIMIT 1)
    WHERE EXISTS (SELECT 1 FROM advertisements a WHERE a.product_id = images.product_id AND a.image_unique_id = images.image_unique_id);
CREATE INDEX images_line ON images (product_id, release, advertised_at, image_unique_id);
CREATE INDEX opportunity_results_line ON opportunity_results (product_id, spec_name, created_at, id);

-- Sets that are to be compared with their previous ones, each once. kind is the kind
-- of the set, which says how long it has to rest after changed_at; parts: more files
-- of it may come. changes counts the arrivals, so that one that comes during a
-- comparison is not lost.
CREATE TABLE pending_sets (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    ref        TEXT NOT NULL,
    parts      INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changes    INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    UNIQUE (tenant, ref)
) STRICT;

CREATE INDEX pending_sets_due ON pending_sets (kind, parts, changed_at, id);

-- Background work that one server at a time does, and how far it has come.
CREATE TABLE background_jobs (
    name        TEXT NOT NULL PRIMARY KEY,
    holder      TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    position    INTEGER NOT NULL
) STRICT;

-- When it was told last that a known issue explains something.
CREATE TABLE told_issues (
    issue_id TEXT NOT NULL PRIMARY KEY,
    told_at  INTEGER NOT NULL
) STRICT;

-- Webhooks for comparisons may ask for so many new failures; 0 is any number.
ALTER TABLE webhooks ADD COLUMN new_failures INTEGER NOT NULL DEFAULT 0;

-- What known issues are still to be held against: a result of a run, a report as a
-- test, or the result of an opportunity, of which a test failed.
CREATE TABLE queued_failures (
    id                 INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant             TEXT NOT NULL,
    result_key         INTEGER,
    seq                INTEGER,
    opportunity_result TEXT
) STRICT;

CREATE INDEX queued_failures_tenant ON queued_failures (tenant, id);

-- How many failing tests of something that was stored a known issue matches, when it
-- was stored, and what goes away with it. place tells those of one issue apart.
CREATE TABLE issue_matches (
    issue_id           TEXT NOT NULL REFERENCES known_issues (id) ON DELETE CASCADE,
    place              TEXT NOT NULL,
    at                 INTEGER NOT NULL,
    tests              INTEGER NOT NULL,
    result_key         INTEGER REFERENCES results (key) ON DELETE CASCADE,
    seq                INTEGER REFERENCES kernel_tests (seq) ON DELETE CASCADE,
    opportunity_result TEXT REFERENCES opportunity_results (id) ON DELETE CASCADE,
    PRIMARY KEY (issue_id, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX issue_matches_time ON issue_matches (issue_id, at, result_key, tests);
CREATE INDEX issue_matches_old ON issue_matches (at);
CREATE INDEX issue_matches_result ON issue_matches (result_key) WHERE result_key IS NOT NULL;
CREATE INDEX issue_matches_report ON issue_matches (seq) WHERE seq IS NOT NULL;
CREATE INDEX issue_matches_opportunity ON issue_matches (opportunity_result) WHERE opportunity_result IS NOT NULL;

-- counted: all that was stored before the issue has been held against it.
ALTER TABLE known_issues ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;

-- The beginning of what the agent said of a failure.
ALTER TABLE opportunity_results ADD COLUMN failure TEXT;
