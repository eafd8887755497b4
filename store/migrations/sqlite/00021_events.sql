-- +goose Up
-- The event log of all areas, answers to Idempotency-Keys, webhooks.
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
    data           BLOB NOT NULL
) STRICT;

CREATE INDEX events_tenant ON events (tenant, seq);
CREATE INDEX events_product ON events (product_id, seq) WHERE product_id IS NOT NULL;
CREATE INDEX events_opportunity ON events (opportunity_id, seq) WHERE opportunity_id IS NOT NULL;

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

CREATE TABLE webhooks (
    id          TEXT NOT NULL PRIMARY KEY,
    tenant      TEXT NOT NULL,
    url         TEXT NOT NULL,
    event_types TEXT NOT NULL,
    product_id  TEXT,
    statuses    TEXT NOT NULL,
    enabled     INTEGER NOT NULL,
    description TEXT NOT NULL,
    secret      BLOB NOT NULL,
    cursor      INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    created_by  TEXT NOT NULL
) STRICT;

CREATE INDEX webhooks_tenant ON webhooks (tenant, id);

-- cursor of a webhook is the last event that it has looked at; next_at is when a pending delivery is due; NULL when it is delivered or given up.
CREATE TABLE deliveries (
    id         TEXT NOT NULL PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    event_seq  INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    state      TEXT NOT NULL,
    tries      INTEGER NOT NULL,
    attempts   BLOB NOT NULL,
    next_at    INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX deliveries_event ON deliveries (webhook_id, event_seq);
CREATE INDEX deliveries_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;
