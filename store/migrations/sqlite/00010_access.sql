-- +goose Up
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
