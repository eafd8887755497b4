-- +goose Up
-- What is known of failures. What an issue must match is NULL where anything
-- does; context and sources are JSON.
CREATE TABLE known_issues (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    url        TEXT,
    state      TEXT    NOT NULL,
    expires_at INTEGER,
    name       TEXT    NOT NULL,
    message    TEXT,
    context    BLOB,
    sources    TEXT    NOT NULL,
    cloud_id   INTEGER,
    job        TEXT,
    product_id TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL
) STRICT;

CREATE INDEX known_issues_tenant ON known_issues (tenant, id);
CREATE INDEX known_issues_open ON known_issues (tenant, id) WHERE state = 'open';

-- The history of tests that are named as their specs.
CREATE INDEX opportunity_results_spec ON opportunity_results (spec_name, created_at, id);
