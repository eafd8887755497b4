-- +goose Up
-- RefStack: clouds, runs, status messages, results and their tests.
-- AUTOINCREMENT where a number is an address that must not come back.
CREATE TABLE clouds (
    id             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant         TEXT    NOT NULL,
    label          TEXT    NOT NULL,
    endpoint       TEXT    NOT NULL,
    endpoint_v3    TEXT    NOT NULL,
    admin_endpoint TEXT    NOT NULL,
    test_user      TEXT    NOT NULL,
    admin_user     TEXT    NOT NULL,
    alt_user       TEXT    NOT NULL,
    version        TEXT    NOT NULL,
    tempest_sha    TEXT    NOT NULL,
    architecture   TEXT    NOT NULL,
    cpid           TEXT    NOT NULL,
    extra_config   BLOB,
    secret_options BLOB,
    secrets        BLOB,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX clouds_tenant ON clouds (tenant, id);
CREATE INDEX clouds_label ON clouds (label, id);
CREATE INDEX clouds_cpid ON clouds (cpid, id);

CREATE TABLE runs (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    cloud_id    INTEGER REFERENCES clouds (id),
    tenant      TEXT    NOT NULL,
    anonymous   INTEGER NOT NULL,
    token_hash  BLOB,
    finished    INTEGER NOT NULL,
    finished_at INTEGER,
    created_at  INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    status_id   INTEGER,
    result_key  INTEGER
) STRICT;

CREATE INDEX runs_cloud ON runs (cloud_id, id);
CREATE INDEX runs_tenant ON runs (tenant, id);
CREATE INDEX runs_anonymous ON runs (created_at) WHERE anonymous = 1;
CREATE INDEX runs_outcome ON runs (outcome, id);
CREATE INDEX runs_finished ON runs (finished, id);

CREATE TABLE status_messages (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    run_id     INTEGER NOT NULL REFERENCES runs (id),
    text       TEXT    NOT NULL,
    finished   INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX status_messages_run ON status_messages (run_id, id);

CREATE TABLE results (
    key               INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id                TEXT    NOT NULL UNIQUE,
    run_id            INTEGER REFERENCES runs (id),
    attempt           INTEGER NOT NULL,
    state             INTEGER NOT NULL,
    lease_until       INTEGER NOT NULL,
    tenant            TEXT    NOT NULL,
    uploader          TEXT    NOT NULL,
    anonymous         INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    private_to        TEXT    NOT NULL,
    sha256            TEXT    NOT NULL,
    bytes             INTEGER NOT NULL,
    content_sha256    TEXT    NOT NULL,
    content_bytes     INTEGER NOT NULL,
    gzip              INTEGER NOT NULL,
    format            TEXT    NOT NULL,
    scope             TEXT    NOT NULL,
    outcome           TEXT    NOT NULL,
    complete          INTEGER NOT NULL,
    cpid              TEXT    NOT NULL,
    duration_us       INTEGER,
    count_success     INTEGER NOT NULL,
    count_xfail       INTEGER NOT NULL,
    count_skip        INTEGER NOT NULL,
    count_fail        INTEGER NOT NULL,
    count_uxsuccess   INTEGER NOT NULL,
    count_inprogress  INTEGER NOT NULL,
    count_unknown     INTEGER NOT NULL,
    count_exists      INTEGER NOT NULL,
    tests             INTEGER NOT NULL,
    records           INTEGER NOT NULL,
    noise_bytes       INTEGER NOT NULL,
    damage            BLOB,
    damage_count      INTEGER NOT NULL,
    warnings          BLOB,
    attachments       BLOB
) STRICT;

-- state: 0 ingesting, 1 visible, 2 discarded. private_to names an owner who has
-- not shared the result, so that every list of results and of their tests can
-- leave it out; else it is empty.
CREATE UNIQUE INDEX results_attempt ON results (run_id, attempt) WHERE state = 1;
CREATE UNIQUE INDEX results_same_bytes ON results (run_id, sha256) WHERE state = 1;
CREATE INDEX results_run ON results (run_id);
CREATE INDEX results_created ON results (created_at, key) WHERE state = 1;
CREATE INDEX results_cpid ON results (cpid, created_at, key) WHERE state = 1;
CREATE INDEX results_anonymous ON results (bytes, content_bytes, gzip) WHERE anonymous = 1 AND state = 1;
CREATE INDEX results_unfinished ON results (state, key) WHERE state <> 1;
CREATE INDEX results_sha256 ON results (sha256);
CREATE INDEX results_content_sha256 ON results (content_sha256);

-- A name's number is given in the order in which names appear, so the tests of
-- one suite lie together in every index. hash is the first 16 bytes of the
-- name's sha256: a name may be too long for an index of PostgreSQL.
CREATE TABLE test_names (
    id   INTEGER NOT NULL PRIMARY KEY,
    hash BLOB    NOT NULL UNIQUE,
    name TEXT    NOT NULL
) STRICT;

-- status: 0 unknown, 1 exists, 2 inprogress, 3 success, 4 uxsuccess, 5 skip,
-- 6 fail, 7 xfail (the numbers of subunit).
-- A test shows the record that decided its status, the one whose number is
-- record. The others of its records stand in others while there are few that
-- came close together, and else in test_records.
CREATE TABLE tests (
    result_key  INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    name_id     INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    start_us    INTEGER,
    stop_us     INTEGER,
    records     INTEGER NOT NULL,
    record      INTEGER NOT NULL,
    duration_us INTEGER,
    file        INTEGER NOT NULL,
    flaky       INTEGER NOT NULL,
    tags        BLOB,
    attachments BLOB,
    others      BLOB,
    details     BLOB,
    PRIMARY KEY (result_key, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX tests_status ON tests (result_key, status, n);
CREATE INDEX tests_history ON tests (name_id, start_us, result_key, n);

CREATE TABLE test_records (
    result_key  INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    record      INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    start_us    INTEGER,
    stop_us     INTEGER,
    duration_us INTEGER,
    file        INTEGER NOT NULL,
    tags        BLOB,
    attachments BLOB,
    details     BLOB,
    PRIMARY KEY (result_key, n, record)
) STRICT, WITHOUT ROWID;

-- The files of a result: what was posted, or for an archive each of its members.
-- sha256 names what was posted, which members of one archive share (part counts
-- what was posted). content_sha256 holds the bytes of the file from
-- content_offset on, unpacked; derived_sha256 what had to be decoded of it.
CREATE TABLE result_files (
    result_key     INTEGER NOT NULL,
    n              INTEGER NOT NULL,
    name           TEXT NOT NULL,
    part           INTEGER NOT NULL,
    part_name      TEXT NOT NULL,
    sha256         TEXT NOT NULL,
    part_bytes     INTEGER NOT NULL,
    packing        TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    content_offset INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    derived_sha256 TEXT NOT NULL,
    format         TEXT NOT NULL,
    writer         TEXT NOT NULL,
    outcome        TEXT NOT NULL,
    tests          INTEGER NOT NULL,
    counts         BLOB,
    damage         BLOB,
    damage_count   INTEGER NOT NULL,
    warnings       BLOB,
    PRIMARY KEY (result_key, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX result_files_sha256 ON result_files (sha256);
CREATE INDEX result_files_content_sha256 ON result_files (content_sha256);
CREATE INDEX result_files_derived_sha256 ON result_files (derived_sha256);
