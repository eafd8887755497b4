-- +goose Up
-- Products, test specs, advertisements, opportunities, agents, results, webhooks.
CREATE TABLE products (
    id         TEXT NOT NULL PRIMARY KEY,
    tenant     TEXT NOT NULL,
    owner      TEXT NOT NULL,
    name       TEXT NOT NULL,
    release    TEXT NOT NULL,
    snaps      TEXT NOT NULL,
    manifest   BLOB,
    supersede  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

CREATE UNIQUE INDEX products_name ON products (tenant, owner, name) WHERE deleted_at IS NULL;
CREATE INDEX products_tenant ON products (tenant, id) WHERE deleted_at IS NULL;

CREATE TABLE product_snaps (
    snap       TEXT NOT NULL,
    product_id TEXT NOT NULL REFERENCES products (id),
    PRIMARY KEY (snap, product_id)
) STRICT;

CREATE INDEX product_snaps_product ON product_snaps (product_id);

-- What a result must be able to tell of a test spec that has changed since or is gone.
CREATE TABLE spec_versions (
    id              TEXT NOT NULL PRIMARY KEY,
    spec_id         TEXT NOT NULL,
    name            TEXT NOT NULL,
    platform        TEXT,
    test_payload    BLOB NOT NULL,
    spec_created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE test_specs (
    id           TEXT NOT NULL PRIMARY KEY,
    product_id   TEXT NOT NULL REFERENCES products (id),
    version_id   TEXT NOT NULL REFERENCES spec_versions (id),
    name         TEXT NOT NULL,
    platform     TEXT,
    agent_group  TEXT,
    channels     TEXT NOT NULL,
    triggers     TEXT NOT NULL,
    enabled      INTEGER NOT NULL,
    priority     INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    queue_ttl_us INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX test_specs_name ON test_specs (product_id, name);
CREATE INDEX test_specs_product ON test_specs (product_id, id);

CREATE TABLE gold_masters (
    id         TEXT NOT NULL PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id),
    digest     TEXT NOT NULL,
    channel    TEXT NOT NULL,
    snaps      BLOB NOT NULL,
    released   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX gold_masters_digest ON gold_masters (product_id, digest);
CREATE INDEX gold_masters_product ON gold_masters (product_id, id);

CREATE TABLE images (
    product_id      TEXT NOT NULL REFERENCES products (id),
    image_unique_id TEXT NOT NULL,
    reference       BLOB NOT NULL,
    PRIMARY KEY (product_id, image_unique_id)
) STRICT;

CREATE TABLE advertisements (
    id              TEXT NOT NULL PRIMARY KEY,
    product_id      TEXT NOT NULL REFERENCES products (id),
    kind            TEXT NOT NULL,
    channel         TEXT NOT NULL,
    image_unique_id TEXT,
    image_reference BLOB,
    extra_snaps     BLOB,
    snap_name       TEXT,
    snap_revision   INTEGER,
    snaps           BLOB,
    platform        TEXT,
    release         TEXT,
    opportunities   INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    created_by      TEXT NOT NULL
) STRICT;

CREATE INDEX advertisements_product ON advertisements (product_id, kind, id);

-- What a device must look like: once for each advertisement and context, so
-- that the rows of opportunities stay narrow.
CREATE TABLE contexts (
    id                    TEXT NOT NULL PRIMARY KEY,
    image_unique_id       TEXT NOT NULL,
    image_reference       BLOB,
    base_snaps            BLOB NOT NULL,
    extra_snaps           BLOB NOT NULL,
    base_channel          TEXT NOT NULL,
    update_channel        TEXT,
    primary_snap_name     TEXT,
    primary_snap_revision INTEGER
) STRICT;

-- platform_key and group_key: '' takes any agent. kind, subject and
-- ad_channel say what was advertised, for superseding; holder is the agent
-- whose lease is held, '' for none; deadline is NULL in a final state.
-- Nobody picks it before not_before.
CREATE TABLE opportunities (
    id              TEXT NOT NULL PRIMARY KEY,
    tenant          TEXT NOT NULL,
    product_id      TEXT NOT NULL REFERENCES products (id),
    spec_id         TEXT NOT NULL,
    version_id      TEXT NOT NULL REFERENCES spec_versions (id),
    context_id      TEXT NOT NULL REFERENCES contexts (id),
    retry_of        TEXT,
    image_unique_id TEXT NOT NULL,
    release         TEXT NOT NULL,
    platform_key    TEXT NOT NULL,
    group_key       TEXT NOT NULL,
    kind            TEXT NOT NULL,
    subject         TEXT NOT NULL,
    ad_channel      TEXT NOT NULL,
    ad_platform     TEXT NOT NULL,
    priority        INTEGER NOT NULL,
    state           TEXT NOT NULL,
    attempt         INTEGER NOT NULL,
    max_attempts    INTEGER NOT NULL,
    queue_ttl_us    INTEGER NOT NULL,
    queued_at       INTEGER NOT NULL,
    last_queued_at  INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    deadline        INTEGER,
    cancel_by       INTEGER,
    not_before      INTEGER NOT NULL,
    holder          TEXT NOT NULL,
    result_id       TEXT,
    output_bytes    INTEGER NOT NULL
) STRICT;

CREATE INDEX opportunities_queue ON opportunities (tenant, priority DESC, queued_at, id) WHERE state = 'QUEUED';
CREATE INDEX opportunities_deadline ON opportunities (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX opportunities_product ON opportunities (product_id, id);
CREATE INDEX opportunities_open ON opportunities (product_id, spec_id, id) WHERE deadline IS NOT NULL;
CREATE INDEX opportunities_image ON opportunities (product_id, image_unique_id, id);
CREATE INDEX opportunities_spec ON opportunities (product_id, spec_id, id);
CREATE INDEX opportunities_subject ON opportunities (product_id, subject, ad_channel) WHERE state = 'QUEUED';

CREATE TABLE leases (
    opportunity_id TEXT NOT NULL REFERENCES opportunities (id),
    attempt        INTEGER NOT NULL,
    tenant         TEXT NOT NULL,
    product_id     TEXT NOT NULL,
    agent_id       TEXT NOT NULL,
    platform       TEXT,
    agent_group    TEXT,
    token          TEXT NOT NULL,
    length_us      INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    ended          TEXT NOT NULL,
    phase          TEXT,
    PRIMARY KEY (opportunity_id, attempt)
) STRICT;

CREATE INDEX leases_agent ON leases (tenant, agent_id, opportunity_id);
CREATE INDEX leases_held ON leases (tenant, agent_id) WHERE ended = '';

-- silence_us is how long nothing may be heard of it: NULL is the server's setting, 0 no limit.
-- silent_at is when it was found silent, NULL while it is not; instance is the machine that
-- polled last of those that name themselves, at instance_at; doubled_at is when another one
-- was told of last.
CREATE TABLE agents (
    tenant       TEXT NOT NULL,
    id           TEXT NOT NULL,
    platform     TEXT,
    agent_group  TEXT,
    revno        TEXT,
    capacity     INTEGER NOT NULL,
    products     TEXT NOT NULL,
    releases     TEXT NOT NULL,
    labels       BLOB NOT NULL,
    mode         TEXT NOT NULL,
    comment      TEXT,
    last_seen_at INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    silence_us   INTEGER,
    silent_at    INTEGER,
    instance     TEXT,
    instance_at  INTEGER,
    doubled_at   INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT;

-- Agents that released, lost or failed an opportunity, or the one that it repeats: another
-- comes first while one is online, and before not_before they do not get it at all.
CREATE TABLE avoided_agents (
    opportunity_id TEXT NOT NULL REFERENCES opportunities (id),
    agent_id       TEXT NOT NULL,
    not_before     INTEGER NOT NULL,
    PRIMARY KEY (opportunity_id, agent_id)
) STRICT;

CREATE TABLE opportunity_results (
    id                TEXT NOT NULL PRIMARY KEY,
    opportunity_id    TEXT NOT NULL UNIQUE REFERENCES opportunities (id),
    product_id        TEXT NOT NULL,
    image_unique_id   TEXT NOT NULL,
    spec_name         TEXT NOT NULL,
    primary_snap_name TEXT,
    base_channel      TEXT NOT NULL,
    update_channel    TEXT,
    test_status       TEXT NOT NULL,
    payload           BLOB,
    agent_id          TEXT,
    agent_platform    TEXT,
    agent_group       TEXT,
    agent_revno       TEXT,
    agent             BLOB,
    attempt           INTEGER NOT NULL,
    synthetic         INTEGER NOT NULL,
    token             TEXT NOT NULL,
    digest            BLOB,
    file_id           TEXT,
    created_at        INTEGER NOT NULL
) STRICT;

CREATE INDEX opportunity_results_product ON opportunity_results (product_id, created_at, id);
CREATE INDEX opportunity_results_image ON opportunity_results (product_id, image_unique_id, created_at, id);
CREATE INDEX opportunity_results_agent ON opportunity_results (agent_id, created_at, id);

-- The files of results that came with several.
CREATE TABLE kept_files (
    result_id  TEXT NOT NULL REFERENCES opportunity_results (id),
    n          INTEGER NOT NULL,
    name       TEXT NOT NULL,
    media_type TEXT,
    bytes      INTEGER NOT NULL,
    sha256     TEXT NOT NULL,
    read       INTEGER NOT NULL,
    PRIMARY KEY (result_id, n)
) STRICT;

CREATE INDEX kept_files_sha256 ON kept_files (sha256);

CREATE TABLE output_pieces (
    opportunity_id TEXT NOT NULL REFERENCES opportunities (id),
    start          INTEGER NOT NULL,
    bytes          BLOB NOT NULL,
    PRIMARY KEY (opportunity_id, start)
) STRICT;

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
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at) WHERE next_at IS NOT NULL;

-- What makes old deliveries and old output go.
CREATE INDEX opportunities_output ON opportunities (updated_at) WHERE output_bytes > 0;
CREATE INDEX deliveries_ended ON deliveries (created_at) WHERE next_at IS NULL;

-- Single tests of every source: the results of opportunities that came with a
-- file, the newest first, and from the file back to them.
CREATE INDEX opportunity_results_with_file ON opportunity_results (created_at, id) WHERE file_id IS NOT NULL;
CREATE INDEX opportunity_results_file ON opportunity_results (file_id) WHERE file_id IS NOT NULL;
