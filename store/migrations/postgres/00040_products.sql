-- +goose Up
-- Products, test specs, advertisements, opportunities, agents, results, webhooks.
CREATE TABLE products (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant     text COLLATE "C" NOT NULL,
    owner      text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    release    text COLLATE "C" NOT NULL,
    snaps      text COLLATE "C" NOT NULL,
    manifest   bytea,
    supersede  boolean NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint
);

CREATE UNIQUE INDEX products_name ON products (tenant, owner, name) WHERE deleted_at IS NULL;
CREATE INDEX products_tenant ON products (tenant, id) WHERE deleted_at IS NULL;

CREATE TABLE product_snaps (
    snap       text COLLATE "C" NOT NULL,
    product_id text COLLATE "C" NOT NULL REFERENCES products (id),
    PRIMARY KEY (snap, product_id)
);

CREATE INDEX product_snaps_product ON product_snaps (product_id);

-- What a result must be able to tell of a test spec that has changed since or is gone.
CREATE TABLE spec_versions (
    id              text COLLATE "C" NOT NULL PRIMARY KEY,
    spec_id         text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    platform        text COLLATE "C",
    test_payload    bytea NOT NULL,
    spec_created_at bigint NOT NULL
);

CREATE TABLE test_specs (
    id           text COLLATE "C" NOT NULL PRIMARY KEY,
    product_id   text COLLATE "C" NOT NULL REFERENCES products (id),
    version_id   text COLLATE "C" NOT NULL REFERENCES spec_versions (id),
    name         text COLLATE "C" NOT NULL,
    platform     text COLLATE "C",
    agent_group  text COLLATE "C",
    channels     text COLLATE "C" NOT NULL,
    triggers     text COLLATE "C" NOT NULL,
    enabled      boolean NOT NULL,
    priority     bigint NOT NULL,
    max_attempts bigint NOT NULL,
    queue_ttl_us bigint NOT NULL,
    created_at   bigint NOT NULL,
    updated_at   bigint NOT NULL
);

CREATE UNIQUE INDEX test_specs_name ON test_specs (product_id, name);
CREATE INDEX test_specs_product ON test_specs (product_id, id);

CREATE TABLE gold_masters (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    product_id text COLLATE "C" NOT NULL REFERENCES products (id),
    digest     text COLLATE "C" NOT NULL,
    channel    text COLLATE "C" NOT NULL,
    snaps      bytea NOT NULL,
    released   boolean NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

CREATE UNIQUE INDEX gold_masters_digest ON gold_masters (product_id, digest);
CREATE INDEX gold_masters_product ON gold_masters (product_id, id);

CREATE TABLE images (
    product_id      text COLLATE "C" NOT NULL REFERENCES products (id),
    image_unique_id text COLLATE "C" NOT NULL,
    reference       bytea NOT NULL,
    PRIMARY KEY (product_id, image_unique_id)
);

CREATE TABLE advertisements (
    id              text COLLATE "C" NOT NULL PRIMARY KEY,
    product_id      text COLLATE "C" NOT NULL REFERENCES products (id),
    kind            text COLLATE "C" NOT NULL,
    channel         text COLLATE "C" NOT NULL,
    image_unique_id text COLLATE "C",
    image_reference bytea,
    extra_snaps     bytea,
    snap_name       text COLLATE "C",
    snap_revision   bigint,
    snaps           bytea,
    platform        text COLLATE "C",
    release         text COLLATE "C",
    opportunities   bigint NOT NULL,
    created_at      bigint NOT NULL,
    created_by      text COLLATE "C" NOT NULL
);

CREATE INDEX advertisements_product ON advertisements (product_id, kind, id);

-- What a device must look like: once for each advertisement and context, so
-- that the rows of opportunities stay narrow.
CREATE TABLE contexts (
    id                    text COLLATE "C" NOT NULL PRIMARY KEY,
    image_unique_id       text COLLATE "C" NOT NULL,
    image_reference       bytea,
    base_snaps            bytea NOT NULL,
    extra_snaps           bytea NOT NULL,
    base_channel          text COLLATE "C" NOT NULL,
    update_channel        text COLLATE "C",
    primary_snap_name     text COLLATE "C",
    primary_snap_revision bigint
);

-- platform_key and group_key: '' takes any agent. kind, subject and
-- ad_channel say what was advertised, for superseding; holder is the agent
-- whose lease is held, '' for none; deadline is NULL in a final state.
-- Nobody picks it before not_before.
CREATE TABLE opportunities (
    id              text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant          text COLLATE "C" NOT NULL,
    product_id      text COLLATE "C" NOT NULL REFERENCES products (id),
    spec_id         text COLLATE "C" NOT NULL,
    version_id      text COLLATE "C" NOT NULL REFERENCES spec_versions (id),
    context_id      text COLLATE "C" NOT NULL REFERENCES contexts (id),
    retry_of        text COLLATE "C",
    image_unique_id text COLLATE "C" NOT NULL,
    release         text COLLATE "C" NOT NULL,
    platform_key    text COLLATE "C" NOT NULL,
    group_key       text COLLATE "C" NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    subject         text COLLATE "C" NOT NULL,
    ad_channel      text COLLATE "C" NOT NULL,
    ad_platform     text COLLATE "C" NOT NULL,
    priority        bigint NOT NULL,
    state           text COLLATE "C" NOT NULL,
    attempt         bigint NOT NULL,
    max_attempts    bigint NOT NULL,
    queue_ttl_us    bigint NOT NULL,
    queued_at       bigint NOT NULL,
    last_queued_at  bigint NOT NULL,
    updated_at      bigint NOT NULL,
    deadline        bigint,
    cancel_by       bigint,
    not_before      bigint NOT NULL,
    holder          text COLLATE "C" NOT NULL,
    result_id       text COLLATE "C",
    output_bytes    bigint NOT NULL
);

CREATE INDEX opportunities_queue ON opportunities (tenant, priority DESC, queued_at, id) WHERE state = 'QUEUED';
CREATE INDEX opportunities_deadline ON opportunities (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX opportunities_product ON opportunities (product_id, id);
CREATE INDEX opportunities_open ON opportunities (product_id, spec_id, id) WHERE deadline IS NOT NULL;
CREATE INDEX opportunities_image ON opportunities (product_id, image_unique_id, id);
CREATE INDEX opportunities_spec ON opportunities (product_id, spec_id, id);
CREATE INDEX opportunities_subject ON opportunities (product_id, subject, ad_channel) WHERE state = 'QUEUED';

CREATE TABLE leases (
    opportunity_id text COLLATE "C" NOT NULL REFERENCES opportunities (id),
    attempt        bigint NOT NULL,
    tenant         text COLLATE "C" NOT NULL,
    product_id     text COLLATE "C" NOT NULL,
    agent_id       text COLLATE "C" NOT NULL,
    platform       text COLLATE "C",
    agent_group    text COLLATE "C",
    token          text COLLATE "C" NOT NULL,
    length_us      bigint NOT NULL,
    expires_at     bigint NOT NULL,
    ended          text COLLATE "C" NOT NULL,
    phase          text COLLATE "C",
    PRIMARY KEY (opportunity_id, attempt)
);

CREATE INDEX leases_agent ON leases (tenant, agent_id, opportunity_id);
CREATE INDEX leases_held ON leases (tenant, agent_id) WHERE ended = '';

-- silence_us is how long nothing may be heard of it: NULL is the server's setting, 0 no limit.
-- silent_at is when it was found silent, NULL while it is not; instance is the machine that
-- polled last of those that name themselves, at instance_at; doubled_at is when another one
-- was told of last.
CREATE TABLE agents (
    tenant       text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    platform     text COLLATE "C",
    agent_group  text COLLATE "C",
    revno        text COLLATE "C",
    capacity     bigint NOT NULL,
    products     text COLLATE "C" NOT NULL,
    releases     text COLLATE "C" NOT NULL,
    labels       bytea NOT NULL,
    mode         text COLLATE "C" NOT NULL,
    comment      text COLLATE "C",
    last_seen_at bigint NOT NULL,
    created_at   bigint NOT NULL,
    silence_us   bigint,
    silent_at    bigint,
    instance     text COLLATE "C",
    instance_at  bigint,
    doubled_at   bigint,
    PRIMARY KEY (tenant, id)
);

-- Agents that released, lost or failed an opportunity, or the one that it repeats: another
-- comes first while one is online, and before not_before they do not get it at all.
CREATE TABLE avoided_agents (
    opportunity_id text COLLATE "C" NOT NULL REFERENCES opportunities (id),
    agent_id       text COLLATE "C" NOT NULL,
    not_before     bigint NOT NULL,
    PRIMARY KEY (opportunity_id, agent_id)
);

CREATE TABLE opportunity_results (
    id                text COLLATE "C" NOT NULL PRIMARY KEY,
    opportunity_id    text COLLATE "C" NOT NULL UNIQUE REFERENCES opportunities (id),
    product_id        text COLLATE "C" NOT NULL,
    image_unique_id   text COLLATE "C" NOT NULL,
    spec_name         text COLLATE "C" NOT NULL,
    primary_snap_name text COLLATE "C",
    base_channel      text COLLATE "C" NOT NULL,
    update_channel    text COLLATE "C",
    test_status       text COLLATE "C" NOT NULL,
    payload           bytea,
    agent_id          text COLLATE "C",
    agent_platform    text COLLATE "C",
    agent_group       text COLLATE "C",
    agent_revno       text COLLATE "C",
    agent             bytea,
    attempt           bigint NOT NULL,
    synthetic         boolean NOT NULL,
    token             text COLLATE "C" NOT NULL,
    digest            bytea,
    file_id           text COLLATE "C",
    created_at        bigint NOT NULL
);

CREATE INDEX opportunity_results_product ON opportunity_results (product_id, created_at, id);
CREATE INDEX opportunity_results_image ON opportunity_results (product_id, image_unique_id, created_at, id);
CREATE INDEX opportunity_results_agent ON opportunity_results (agent_id, created_at, id);

-- The files of results that came with several.
CREATE TABLE kept_files (
    result_id  text COLLATE "C" NOT NULL REFERENCES opportunity_results (id),
    n          bigint NOT NULL,
    name       text COLLATE "C" NOT NULL,
    media_type text COLLATE "C",
    bytes      bigint NOT NULL,
    sha256     text COLLATE "C" NOT NULL,
    read       boolean NOT NULL,
    PRIMARY KEY (result_id, n)
);

CREATE INDEX kept_files_sha256 ON kept_files (sha256);

CREATE TABLE output_pieces (
    opportunity_id text COLLATE "C" NOT NULL REFERENCES opportunities (id),
    start          bigint NOT NULL,
    bytes          bytea NOT NULL,
    PRIMARY KEY (opportunity_id, start)
);

CREATE TABLE webhooks (
    id          text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant      text COLLATE "C" NOT NULL,
    url         text COLLATE "C" NOT NULL,
    event_types text COLLATE "C" NOT NULL,
    product_id  text COLLATE "C",
    statuses    text COLLATE "C" NOT NULL,
    enabled     boolean NOT NULL,
    description text COLLATE "C" NOT NULL,
    secret      bytea NOT NULL,
    cursor      bigint NOT NULL,
    created_at  bigint NOT NULL,
    created_by  text COLLATE "C" NOT NULL
);

CREATE INDEX webhooks_tenant ON webhooks (tenant, id);

-- cursor of a webhook is the last event that it has looked at; next_at is when a pending delivery is due; NULL when it is delivered or given up.
CREATE TABLE deliveries (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    webhook_id text COLLATE "C" NOT NULL REFERENCES webhooks (id),
    event_seq  bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    state      text COLLATE "C" NOT NULL,
    tries      bigint NOT NULL,
    attempts   bytea NOT NULL,
    next_at    bigint,
    created_at bigint NOT NULL
);

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
