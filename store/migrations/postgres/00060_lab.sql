-- +goose Up
-- The lab: site designs, tasks, boot actions, nodes, build data and machines.
CREATE TABLE lab_designs (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    size       bigint NOT NULL,
    nodes      bigint NOT NULL,
    sealed     bytea  NOT NULL,
    created_at bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL
);

CREATE INDEX lab_designs_name ON lab_designs (name, id);

CREATE TABLE lab_snapshots (
    digest     text COLLATE "C" NOT NULL PRIMARY KEY,
    sealed     bytea  NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE lab_tasks (
    id          text COLLATE "C" NOT NULL PRIMARY KEY,
    root        text COLLATE "C" NOT NULL,
    parent      text COLLATE "C" NOT NULL,
    seq         bigint  NOT NULL,
    status      text COLLATE "C" NOT NULL,
    action      text COLLATE "C" NOT NULL,
    node        text COLLATE "C" NOT NULL,
    design_ref  text COLLATE "C" NOT NULL,
    filter      bytea,
    plan        bytea   NOT NULL,
    request     bytea,
    created_by  text COLLATE "C" NOT NULL,
    created_at  bigint  NOT NULL,
    updated_at  bigint  NOT NULL,
    lease_owner text COLLATE "C" NOT NULL,
    lease_until bigint,
    cancel_by   text COLLATE "C" NOT NULL,
    cancel_at   bigint
);

CREATE UNIQUE INDEX lab_tasks_root ON lab_tasks (root, seq);
CREATE INDEX lab_tasks_parent ON lab_tasks (parent, seq);
CREATE INDEX lab_tasks_open ON lab_tasks (status, id) WHERE parent = '' AND status NOT IN ('complete', 'terminated');
CREATE INDEX lab_tasks_node ON lab_tasks (node, id) WHERE node <> '';
CREATE INDEX lab_tasks_cancel ON lab_tasks (root) WHERE cancel_at IS NOT NULL;

CREATE TABLE lab_messages (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task         text COLLATE "C" NOT NULL,
    text         text COLLATE "C" NOT NULL,
    error        boolean NOT NULL,
    context_type text COLLATE "C" NOT NULL,
    context      text COLLATE "C" NOT NULL,
    extra        bytea,
    created_at   bigint  NOT NULL
);

CREATE INDEX lab_messages_task ON lab_messages (task, id);

CREATE TABLE lab_claims (
    node text COLLATE "C" NOT NULL PRIMARY KEY,
    root text COLLATE "C" NOT NULL
);

CREATE INDEX lab_claims_root ON lab_claims (root);

CREATE TABLE lab_deployments (
    node       text COLLATE "C" NOT NULL PRIMARY KEY,
    task       text COLLATE "C" NOT NULL,
    root       text COLLATE "C" NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    design_ref text COLLATE "C" NOT NULL,
    base_url   text COLLATE "C" NOT NULL,
    keyed      boolean NOT NULL,
    ended      boolean NOT NULL,
    created_at bigint  NOT NULL
);

CREATE INDEX lab_deployments_root ON lab_deployments (root);

CREATE TABLE lab_boot_actions (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    node       text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    task       text COLLATE "C" NOT NULL,
    root       text COLLATE "C" NOT NULL,
    status     text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL
);

CREATE INDEX lab_boot_actions_task ON lab_boot_actions (task, id);
CREATE INDEX lab_boot_actions_root ON lab_boot_actions (root, id);

CREATE TABLE lab_nodes (
    name          text COLLATE "C" NOT NULL PRIMARY KEY,
    driver        text COLLATE "C" NOT NULL,
    status        text COLLATE "C" NOT NULL,
    power         text COLLATE "C" NOT NULL,
    power_address text COLLATE "C" NOT NULL,
    boot_mac      text COLLATE "C" NOT NULL,
    boot_ip       text COLLATE "C" NOT NULL,
    memory        bigint NOT NULL,
    cpu_count     bigint NOT NULL,
    updated_at    bigint NOT NULL
);

CREATE TABLE lab_build_data (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node         text COLLATE "C" NOT NULL,
    task         text COLLATE "C" NOT NULL,
    generator    text COLLATE "C" NOT NULL,
    format       text COLLATE "C" NOT NULL,
    data         bytea  NOT NULL,
    collected_at bigint NOT NULL
);

CREATE INDEX lab_build_data_node ON lab_build_data (node, generator, id);
CREATE INDEX lab_build_data_task ON lab_build_data (task, id);
CREATE INDEX lab_build_data_age ON lab_build_data (collected_at);

CREATE TABLE lab_machines (
    id            text COLLATE "C" NOT NULL PRIMARY KEY,
    macs          text COLLATE "C" NOT NULL,
    serial        text COLLATE "C" NOT NULL,
    architecture  text COLLATE "C" NOT NULL,
    memory        bigint  NOT NULL,
    cpu_count     bigint  NOT NULL,
    address       text COLLATE "C" NOT NULL,
    hold          boolean NOT NULL,
    hold_reason   text COLLATE "C" NOT NULL,
    registered_at bigint  NOT NULL,
    seen_at       bigint  NOT NULL,
    key_number    bigint  NOT NULL,
    new_key       bigint  NOT NULL,
    keys_made     bigint  NOT NULL
);

CREATE TABLE lab_machine_macs (
    mac     text COLLATE "C" NOT NULL PRIMARY KEY,
    machine text COLLATE "C" NOT NULL REFERENCES lab_machines (id) ON DELETE CASCADE
);

CREATE INDEX lab_machine_macs_machine ON lab_machine_macs (machine);

-- Which node has a boot MAC address, as the newest design says that a task used.
CREATE TABLE lab_node_macs (
    mac  text COLLATE "C" NOT NULL PRIMARY KEY,
    node text COLLATE "C" NOT NULL
);

CREATE INDEX lab_node_macs_node ON lab_node_macs (node);

CREATE TABLE lab_work (
    task       text COLLATE "C" NOT NULL PRIMARY KEY,
    node       text COLLATE "C" NOT NULL,
    action     text COLLATE "C" NOT NULL,
    status     text COLLATE "C" NOT NULL,
    message    text COLLATE "C" NOT NULL,
    retry      boolean NOT NULL,
    deadline   bigint  NOT NULL,
    created_at bigint  NOT NULL
);

CREATE INDEX lab_work_node ON lab_work (node, status, created_at);
