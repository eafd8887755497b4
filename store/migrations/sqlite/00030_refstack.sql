-- +goose Up
-- RefStack's later API: what it says of a result, and the keys of those who
-- sign their uploads.
CREATE TABLE published_results (
    result_key          INTEGER NOT NULL PRIMARY KEY REFERENCES results (key),
    id                  TEXT    NOT NULL UNIQUE,
    run_id              INTEGER NOT NULL,
    stream_key          INTEGER REFERENCES results (key),
    stream_id           TEXT    NOT NULL,
    cpid                TEXT    NOT NULL,
    duration_seconds    INTEGER NOT NULL,
    tenant              TEXT    NOT NULL,
    owner               TEXT    NOT NULL,
    public              INTEGER NOT NULL,
    verification_status INTEGER NOT NULL,
    answered            INTEGER NOT NULL,
    shared              TEXT,
    guideline           TEXT,
    target              TEXT,
    created_at          INTEGER NOT NULL
) STRICT;

CREATE INDEX published_results_public ON published_results (public, created_at, result_key);
CREATE INDEX published_results_cpid ON published_results (cpid, created_at, result_key);
CREATE INDEX published_results_owner ON published_results (owner, created_at, result_key);
CREATE INDEX published_results_run ON published_results (run_id);
CREATE UNIQUE INDEX published_results_stream ON published_results (stream_key);
CREATE INDEX published_results_stream_id ON published_results (stream_id);

-- fingerprint is the sha256 of the key as RFC 4253 writes it, so a key is
-- known again whatever comment stands behind it. An owner is one of his tenant.
CREATE TABLE public_keys (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    owner       TEXT    NOT NULL,
    format      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    comment     TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    created_at  INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX public_keys_fingerprint ON public_keys (fingerprint, tenant);
CREATE INDEX public_keys_owner ON public_keys (owner, created_at, id);
