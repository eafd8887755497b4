-- +goose Up
-- What is known of failures. What an issue must match is NULL where anything
-- does; context and sources are JSON.
CREATE TABLE known_issues (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant     text COLLATE "C" NOT NULL,
    title      text COLLATE "C" NOT NULL,
    url        text COLLATE "C",
    state      text COLLATE "C" NOT NULL,
    expires_at bigint,
    name       text COLLATE "C" NOT NULL,
    message    text COLLATE "C",
    context    bytea,
    sources    text COLLATE "C" NOT NULL,
    cloud_id   bigint,
    job        text COLLATE "C",
    product_id text COLLATE "C",
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL
);

CREATE INDEX known_issues_tenant ON known_issues (tenant, id);
CREATE INDEX known_issues_open ON known_issues (tenant, id) WHERE state = 'open';

-- The history of tests that are named as their specs.
CREATE INDEX opportunity_results_spec ON opportunity_results (spec_name, created_at, id);
