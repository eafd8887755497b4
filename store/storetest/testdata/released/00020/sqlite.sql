CREATE TABLE schema_versions (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
CREATE TABLE settings (
    name       TEXT    NOT NULL PRIMARY KEY,
    value      BLOB    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE TABLE tokens (
    id           TEXT    NOT NULL PRIMARY KEY,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    key_id       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    prefix       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    owner        TEXT    NOT NULL,
    email        TEXT    NOT NULL,
    tenant       TEXT    NOT NULL,
    roles        TEXT    NOT NULL,
    flags        TEXT    NOT NULL,
    labs         TEXT    NOT NULL,
    allow_from   TEXT    NOT NULL,
    admin        INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    last_used_ip TEXT    NOT NULL
) STRICT;
CREATE INDEX tokens_created ON tokens (created_at, id);
CREATE INDEX tokens_owner ON tokens (owner, created_at, id);
CREATE INDEX tokens_admin ON tokens (id) WHERE admin = 1 AND revoked_at IS NULL;
CREATE TABLE sessions (
    id         TEXT    NOT NULL PRIMARY KEY,
    sealed     BLOB    NOT NULL,
    client     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_expires ON sessions (expires_at);
CREATE TABLE audit (
    id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    event        TEXT    NOT NULL,
    request_id   TEXT    NOT NULL,
    actor_kind   TEXT    NOT NULL,
    actor        TEXT    NOT NULL,
    owner        TEXT    NOT NULL,
    roles        TEXT    NOT NULL,
    tenant       TEXT    NOT NULL,
    token_id     TEXT    NOT NULL,
    end_user     TEXT    NOT NULL,
    marker       TEXT    NOT NULL,
    client       TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    operation    TEXT    NOT NULL,
    route        TEXT    NOT NULL,
    object       TEXT    NOT NULL,
    decision     TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    status       INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_event ON audit (event, id);
CREATE INDEX audit_tenant ON audit (tenant, id);
CREATE INDEX audit_token ON audit (token_id, id);
CREATE TABLE events (
    seq            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    tenant         TEXT NOT NULL,
    area           TEXT NOT NULL,
    type           TEXT NOT NULL,
    time           INTEGER NOT NULL,
    product_id     TEXT,
    opportunity_id TEXT,
    agent_id       TEXT NOT NULL,
    test_status    TEXT NOT NULL,
    subject        TEXT NOT NULL,
    data           BLOB NOT NULL
) STRICT;
CREATE INDEX events_tenant ON events (tenant, seq);
CREATE INDEX events_product ON events (product_id, seq) WHERE product_id IS NOT NULL;
CREATE INDEX events_opportunity ON events (opportunity_id, seq) WHERE opportunity_id IS NOT NULL;
CREATE INDEX events_subject ON events (subject, seq) WHERE subject <> '';
CREATE TABLE idempotency_keys (
    principal  TEXT NOT NULL,
    path       TEXT NOT NULL,
    key        TEXT NOT NULL,
    request    BLOB NOT NULL,
    status     INTEGER NOT NULL,
    location   TEXT NOT NULL,
    body       BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (principal, path, key)
) STRICT;
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
CREATE TABLE backups (
    id         TEXT NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL,
    held_until INTEGER NOT NULL
) STRICT;
CREATE TABLE blobs (
    place        TEXT    NOT NULL,
    content      TEXT    NOT NULL,
    object       TEXT    NOT NULL,
    bytes        INTEGER NOT NULL,
    committed_at INTEGER NOT NULL,
    PRIMARY KEY (place, content),
    UNIQUE (place, object)
) STRICT;
CREATE TABLE blob_holds (
    id         TEXT    NOT NULL PRIMARY KEY,
    place      TEXT    NOT NULL,
    content    TEXT    NOT NULL,
    held_until INTEGER NOT NULL
) STRICT;
CREATE INDEX blob_holds_content ON blob_holds (place, content);
CREATE INDEX blob_holds_until ON blob_holds (held_until);
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
CREATE UNIQUE INDEX results_attempt ON results (run_id, attempt) WHERE state = 1;
CREATE UNIQUE INDEX results_same_bytes ON results (run_id, sha256) WHERE state = 1;
CREATE INDEX results_run ON results (run_id);
CREATE INDEX results_created ON results (created_at, key) WHERE state = 1;
CREATE INDEX results_cpid ON results (cpid, created_at, key) WHERE state = 1;
CREATE INDEX results_anonymous ON results (bytes, content_bytes, gzip) WHERE anonymous = 1 AND state = 1;
CREATE INDEX results_unfinished ON results (state, key) WHERE state <> 1;
CREATE INDEX results_sha256 ON results (sha256);
CREATE INDEX results_content_sha256 ON results (content_sha256);
CREATE TABLE test_names (
    id   INTEGER NOT NULL PRIMARY KEY,
    hash BLOB    NOT NULL UNIQUE,
    name TEXT    NOT NULL
) STRICT;
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
INSERT INTO schema_versions (id, version_id, is_applied, tstamp) VALUES (1, 0, 1, '2026-11-30 03:50:23');
INSERT INTO schema_versions (id, version_id, is_applied, tstamp) VALUES (2, 10, 1, '2026-11-30 03:50:23');
INSERT INTO schema_versions (id, version_id, is_applied, tstamp) VALUES (3, 20, 1, '2026-11-30 03:50:23');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence (name, seq) VALUES ('schema_versions', 3);
INSERT INTO sqlite_sequence (name, seq) VALUES ('clouds', 1);
INSERT INTO sqlite_sequence (name, seq) VALUES ('runs', 1);
INSERT INTO sqlite_sequence (name, seq) VALUES ('status_messages', 1);
INSERT INTO sqlite_sequence (name, seq) VALUES ('results', 1);
INSERT INTO settings (name, value, updated_at) VALUES ('secret_fingerprint', x'66696e6765727072696e74', 1767323045000006);
INSERT INTO tokens (id, hash, key_id, kind, prefix, name, owner, email, tenant, roles, flags, labs, allow_from, admin, created_at, created_by, expires_at, revoked_at, last_used_at, last_used_ip) VALUES ('tok_1', x'0000000000000000000000000000000000000000000000000000000000000000', '', 'u', '', '', '', '', '', '["admin"]', '[]', '[]', '["10.0.0.0/8"]', 1, 1767323045000006, '', NULL, NULL, NULL, '');
INSERT INTO clouds (id, tenant, label, endpoint, endpoint_v3, admin_endpoint, test_user, admin_user, alt_user, version, tempest_sha, architecture, cpid, extra_config, created_at, updated_at) VALUES (1, '', 'c''1', 'http://198.51.100.7:5000/v2.0', '', '', '', '', '', '', '', '', '', x'7b2261223a7b2262223a2263227d7d', 1767323045000006, 1767323045000006);
INSERT INTO runs (id, cloud_id, tenant, anonymous, token_hash, finished, finished_at, created_at, attempts, outcome, status_id, result_key) VALUES (1, 1, '', 0, NULL, 1, 1767323045000006, 1767323045000006, 1, 'fail', 1, 1);
INSERT INTO status_messages (id, run_id, text, finished, created_at) VALUES (1, 1, 'test complete', 1, 1767323045000006);
INSERT INTO results (key, id, run_id, attempt, state, lease_until, tenant, uploader, anonymous, created_at, private_to, sha256, bytes, content_sha256, content_bytes, gzip, format, scope, outcome, complete, cpid, duration_us, count_success, count_xfail, count_skip, count_fail, count_uxsuccess, count_inprogress, count_unknown, count_exists, tests, records, noise_bytes, damage, damage_count, warnings, attachments) VALUES (1, '01a22a93-41d5-72f2-a686-dd4186249d50', 1, 1, 1, 1767323645000006, '', '', 0, 1767323045000006, '', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 0, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 0, 0, '', '', 'fail', 0, '', NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, x'5b205d', 0, NULL, NULL);
INSERT INTO test_names (id, hash, name) VALUES (1, x'e3b0c44298fc1c149afbf4c8996fb924', '');
INSERT INTO test_names (id, hash, name) VALUES (2, x'16c2d335d737ab18904cf837bd320164', 'pkg.test_b');
INSERT INTO tests (result_key, n, name_id, status, start_us, stop_us, records, record, duration_us, file, flaky, tags, attachments, others, details) VALUES (1, 1, 1, 1, NULL, NULL, 1, 0, NULL, 0, 0, NULL, NULL, NULL, NULL);
INSERT INTO tests (result_key, n, name_id, status, start_us, stop_us, records, record, duration_us, file, flaky, tags, attachments, others, details) VALUES (1, 2, 2, 6, 1400000000000005, NULL, 2, 0, NULL, 0, 0, x'010108776f726b65722d30', x'01010974726163656261636b0a746578742f706c61696e080102080000', NULL, NULL);
