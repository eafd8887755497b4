-- +goose Up
-- The lab: site designs, tasks, boot actions, nodes, build data and machines.
CREATE TABLE lab_designs (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    digest     TEXT   NOT NULL,
    size       INTEGER NOT NULL,
    nodes      INTEGER NOT NULL,
    sealed     BLOB  NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT   NOT NULL
) STRICT;

CREATE INDEX lab_designs_name ON lab_designs (name, id);

CREATE TABLE lab_snapshots (
    digest     TEXT   NOT NULL PRIMARY KEY,
    sealed     BLOB  NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE lab_tasks (
    id          TEXT    NOT NULL PRIMARY KEY,
    root        TEXT    NOT NULL,
    parent      TEXT    NOT NULL,
    seq         INTEGER  NOT NULL,
    status      TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    node        TEXT    NOT NULL,
    design_ref  TEXT    NOT NULL,
    filter      BLOB,
    plan        BLOB   NOT NULL,
    request     BLOB,
    created_by  TEXT    NOT NULL,
    created_at  INTEGER  NOT NULL,
    updated_at  INTEGER  NOT NULL,
    lease_owner TEXT    NOT NULL,
    lease_until INTEGER,
    cancel_by   TEXT    NOT NULL,
    cancel_at   INTEGER
) STRICT;

CREATE UNIQUE INDEX lab_tasks_root ON lab_tasks (root, seq);
CREATE INDEX lab_tasks_parent ON lab_tasks (parent, seq);
CREATE INDEX lab_tasks_open ON lab_tasks (status, id) WHERE parent = '' AND status NOT IN ('complete', 'terminated');
CREATE INDEX lab_tasks_node ON lab_tasks (node, id) WHERE node <> '';
CREATE INDEX lab_tasks_cancel ON lab_tasks (root) WHERE cancel_at IS NOT NULL;

CREATE TABLE lab_messages (
    id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    task         TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    error        INTEGER NOT NULL,
    context_type TEXT    NOT NULL,
    context      TEXT    NOT NULL,
    extra        BLOB,
    created_at   INTEGER  NOT NULL
) STRICT;

CREATE INDEX lab_messages_task ON lab_messages (task, id);

CREATE TABLE lab_claims (
    node TEXT NOT NULL PRIMARY KEY,
    root TEXT NOT NULL
) STRICT;

CREATE INDEX lab_claims_root ON lab_claims (root);

CREATE TABLE lab_deployments (
    node       TEXT    NOT NULL PRIMARY KEY,
    task       TEXT    NOT NULL,
    root       TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    design_ref TEXT    NOT NULL,
    base_url   TEXT    NOT NULL,
    keyed      INTEGER NOT NULL,
    ended      INTEGER NOT NULL,
    created_at INTEGER  NOT NULL
) STRICT;

CREATE INDEX lab_deployments_root ON lab_deployments (root);

CREATE TABLE lab_boot_actions (
    id         TEXT   NOT NULL PRIMARY KEY,
    node       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    task       TEXT   NOT NULL,
    root       TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX lab_boot_actions_task ON lab_boot_actions (task, id);
CREATE INDEX lab_boot_actions_root ON lab_boot_actions (root, id);

CREATE TABLE lab_nodes (
    name          TEXT   NOT NULL PRIMARY KEY,
    driver        TEXT   NOT NULL,
    status        TEXT   NOT NULL,
    power         TEXT   NOT NULL,
    power_address TEXT   NOT NULL,
    boot_mac      TEXT   NOT NULL,
    boot_ip       TEXT   NOT NULL,
    memory        INTEGER NOT NULL,
    cpu_count     INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE lab_build_data (
    id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    node         TEXT   NOT NULL,
    task         TEXT   NOT NULL,
    generator    TEXT   NOT NULL,
    format       TEXT   NOT NULL,
    data         BLOB  NOT NULL,
    collected_at INTEGER NOT NULL
) STRICT;

CREATE INDEX lab_build_data_node ON lab_build_data (node, generator, id);
CREATE INDEX lab_build_data_task ON lab_build_data (task, id);
CREATE INDEX lab_build_data_age ON lab_build_data (collected_at);

CREATE TABLE lab_machines (
    id            TEXT    NOT NULL PRIMARY KEY,
    macs          TEXT    NOT NULL,
    serial        TEXT    NOT NULL,
    architecture  TEXT    NOT NULL,
    memory        INTEGER  NOT NULL,
    cpu_count     INTEGER  NOT NULL,
    address       TEXT    NOT NULL,
    hold          INTEGER NOT NULL,
    hold_reason   TEXT    NOT NULL,
    registered_at INTEGER  NOT NULL,
    seen_at       INTEGER  NOT NULL,
    key_number    INTEGER  NOT NULL,
    new_key       INTEGER  NOT NULL,
    keys_made     INTEGER  NOT NULL
) STRICT;

CREATE TABLE lab_machine_macs (
    mac     TEXT NOT NULL PRIMARY KEY,
    machine TEXT NOT NULL REFERENCES lab_machines (id) ON DELETE CASCADE
) STRICT;

CREATE INDEX lab_machine_macs_machine ON lab_machine_macs (machine);

-- Which node has a boot MAC address, as the newest design says that a task used.
CREATE TABLE lab_node_macs (
    mac  TEXT NOT NULL PRIMARY KEY,
    node TEXT NOT NULL
) STRICT;

CREATE INDEX lab_node_macs_node ON lab_node_macs (node);

CREATE TABLE lab_work (
    task       TEXT    NOT NULL PRIMARY KEY,
    node       TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    message    TEXT    NOT NULL,
    retry      INTEGER NOT NULL,
    deadline   INTEGER  NOT NULL,
    created_at INTEGER  NOT NULL
) STRICT;

CREATE INDEX lab_work_node ON lab_work (node, status, created_at);
