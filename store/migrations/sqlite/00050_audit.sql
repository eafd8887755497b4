-- +goose Up
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
CREATE INDEX audit_token ON audit (token_id, id);
