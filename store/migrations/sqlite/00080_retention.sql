-- +goose Up
-- What is kept for how long, what is kept in any case, and the runs that remove the rest.

-- rules is JSON: those that somebody set for the tenant, or for every tenant ('').
CREATE TABLE retention_policies (
    tenant     TEXT    NOT NULL PRIMARY KEY,
    rules      BLOB    NOT NULL,
    revision   INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT    NOT NULL
) STRICT;

-- Sets that stay until until_at, NULL for ever. Columns that the kind of the set does
-- not have are NULL.
CREATE TABLE retention_keeps (
    id              TEXT    NOT NULL PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    ref             TEXT    NOT NULL,
    run_id          INTEGER,
    job             TEXT,
    git_branch      TEXT,
    kernel          TEXT,
    product_id      TEXT,
    image_unique_id TEXT,
    reason          TEXT    NOT NULL,
    until_at        INTEGER,
    created_at      INTEGER NOT NULL,
    created_by      TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX retention_keeps_ref ON retention_keeps (tenant, ref);
CREATE INDEX retention_keeps_run ON retention_keeps (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX retention_keeps_kernel ON retention_keeps (job, kernel) WHERE kernel IS NOT NULL;
CREATE INDEX retention_keeps_image ON retention_keeps (product_id, image_unique_id) WHERE product_id IS NOT NULL;

-- whole: it is about every tenant. plan says what goes, and does not change; progress
-- is what has gone. Both are JSON. Of one tenant one run at a time is open.
CREATE TABLE retention_runs (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    whole      INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    origin     TEXT    NOT NULL,
    plan       BLOB    NOT NULL,
    progress   BLOB    NOT NULL,
    error      TEXT    NOT NULL,
    tries      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    started_at INTEGER,
    ended_at   INTEGER
) STRICT;

CREATE INDEX retention_runs_tenant ON retention_runs (tenant, id);
CREATE INDEX retention_runs_open ON retention_runs (id) WHERE ended_at IS NULL;

-- expired: 1 the upload, 2 its attachments, 4 its single tests have gone, 8 these are
-- still being removed.
ALTER TABLE results ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
CREATE INDEX results_tests_expired ON results (created_at) WHERE expired >= 4;
CREATE INDEX results_tests_going ON results (key) WHERE expired >= 8;

-- Likewise: the bytes have gone, or some tests of the set.
ALTER TABLE kept_files ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
ALTER TABLE report_files ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kernel_sets ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
ALTER TABLE images ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;

-- The oldest first.
CREATE INDEX runs_created ON runs (created_at, id);
CREATE INDEX opportunities_ended ON opportunities (updated_at, id) WHERE deadline IS NULL;
CREATE INDEX opportunities_context ON opportunities (context_id);
