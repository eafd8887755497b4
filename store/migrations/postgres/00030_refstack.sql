-- +goose Up
-- RefStack's later API: what it says of a result, and the keys of those who
-- sign their uploads.
CREATE TABLE published_results (
    result_key          bigint NOT NULL PRIMARY KEY REFERENCES results (key),
    id                  text COLLATE "C" NOT NULL UNIQUE,
    run_id              bigint NOT NULL,
    stream_key          bigint REFERENCES results (key),
    stream_id           text COLLATE "C" NOT NULL,
    cpid                text COLLATE "C" NOT NULL,
    duration_seconds    bigint NOT NULL,
    tenant              text COLLATE "C" NOT NULL,
    owner               text COLLATE "C" NOT NULL,
    public              boolean NOT NULL,
    verification_status bigint NOT NULL,
    answered            boolean NOT NULL,
    shared              text COLLATE "C",
    guideline           text COLLATE "C",
    target              text COLLATE "C",
    created_at          bigint NOT NULL
);

CREATE INDEX published_results_public ON published_results (public, created_at, result_key);
CREATE INDEX published_results_cpid ON published_results (cpid, created_at, result_key);
CREATE INDEX published_results_owner ON published_results (owner, created_at, result_key);
CREATE INDEX published_results_run ON published_results (run_id);
CREATE UNIQUE INDEX published_results_stream ON published_results (stream_key);
CREATE INDEX published_results_stream_id ON published_results (stream_id);

-- fingerprint is the sha256 of the key as RFC 4253 writes it, so a key is
-- known again whatever comment stands behind it. An owner is one of his tenant.
CREATE TABLE public_keys (
    id          text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant      text COLLATE "C" NOT NULL,
    owner       text COLLATE "C" NOT NULL,
    format      text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    comment     text COLLATE "C" NOT NULL,
    fingerprint bytea   NOT NULL CHECK (length(fingerprint) = 32),
    created_at  bigint NOT NULL
);

CREATE UNIQUE INDEX public_keys_fingerprint ON public_keys (fingerprint, tenant);
CREATE INDEX public_keys_owner ON public_keys (owner, created_at, id);
