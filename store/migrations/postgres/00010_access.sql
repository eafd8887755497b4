-- +goose Up
CREATE TABLE settings (
    name       text   COLLATE "C" NOT NULL PRIMARY KEY,
    value      bytea  NOT NULL,
    updated_at bigint NOT NULL
);

CREATE TABLE tokens (
    id           text    COLLATE "C" NOT NULL PRIMARY KEY,
    hash         bytea   NOT NULL UNIQUE CHECK (length(hash) = 32),
    key_id       text    COLLATE "C" NOT NULL,
    kind         text    COLLATE "C" NOT NULL,
    prefix       text    COLLATE "C" NOT NULL,
    name         text    COLLATE "C" NOT NULL,
    owner        text    COLLATE "C" NOT NULL,
    email        text    COLLATE "C" NOT NULL,
    tenant       text    COLLATE "C" NOT NULL,
    roles        text    COLLATE "C" NOT NULL,
    flags        text    COLLATE "C" NOT NULL,
    labs         text    COLLATE "C" NOT NULL,
    allow_from   text    COLLATE "C" NOT NULL,
    admin        boolean NOT NULL,
    created_at   bigint  NOT NULL,
    created_by   text    COLLATE "C" NOT NULL,
    expires_at   bigint,
    revoked_at   bigint,
    last_used_at bigint,
    last_used_ip text    COLLATE "C" NOT NULL
);

CREATE INDEX tokens_created ON tokens (created_at, id);
CREATE INDEX tokens_owner ON tokens (owner, created_at, id);
CREATE INDEX tokens_admin ON tokens (id) WHERE admin AND revoked_at IS NULL;
