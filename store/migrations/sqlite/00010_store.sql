-- +goose Up
-- What every area writes: settings, tokens, the audit log, events.
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

-- Browsers that are logged in. id is a hash of the cookie, sealed the credential that
-- only the cookie opens.
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

-- The event log of all areas.
-- seq is drawn in the order in which transactions commit: see store/event.go.
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
CREATE INDEX events_subject ON events (subject, seq) WHERE subject <> '';
CREATE INDEX events_opportunity ON events (opportunity_id, seq) WHERE opportunity_id IS NOT NULL;

-- Backups that are being taken.
CREATE TABLE backups (
    id         TEXT NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL,
    held_until INTEGER NOT NULL
) STRICT;

-- Answers to Idempotency-Keys.
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

-- The objects in which contents lie when an object store keeps them. A content is
-- named by its sha256, a place by the id that is in it as well.
CREATE TABLE blobs (
    place        TEXT    NOT NULL,
    content      TEXT    NOT NULL,
    object       TEXT    NOT NULL,
    bytes        INTEGER NOT NULL,
    committed_at INTEGER NOT NULL,
    PRIMARY KEY (place, content),
    UNIQUE (place, object)
) STRICT;

-- Contents that a request holds until its rows name them.
CREATE TABLE blob_holds (
    id         TEXT    NOT NULL PRIMARY KEY,
    place      TEXT    NOT NULL,
    content    TEXT    NOT NULL,
    held_until INTEGER NOT NULL
) STRICT;

CREATE INDEX blob_holds_content ON blob_holds (place, content);
CREATE INDEX blob_holds_until ON blob_holds (held_until);
