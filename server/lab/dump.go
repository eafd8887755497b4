package lab

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/runs"
	"github.com/slipway-lab/slipway/server/imports/scratch"
	"github.com/slipway-lab/slipway/server/imports/sqldump"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// DumpImport takes over the database of a Drydock, as pg_dump writes the tables of
// drydock_provisioner/statemgmt/db/tables.py: tasks with their messages, boot actions
// and build data, with their ids and times. Nothing of it is gone on with: a task that
// was not over ends, and says so. What is there already under an id stays.
type DumpImport struct {
	Import  imports.Import
	Scratch scratch.Options

	file   imports.File
	tables *scratch.Tables
	tops   []int64 // the rows of top tasks, by their times
	data   []int64 // the rows of build data, likewise
}

// Why tables are left out.
const (
	noKeys    = "the key of a node's boot data is derived here, and that of an old deployment opens nothing"
	noLeaders = "says which Drydock was at work"
)

// dumpTables are Drydock's tables. Older ones lack result_links (migration 4713e7ebca9)
// and build_data (4a5bef3702b). Designs are in no table: a task names its own.
var dumpTables = []scratch.Table{
	{
		Name: "tasks", Needed: []string{"task_id", "status", "action"}, Indexes: []string{"task_id", "parent_task_id"},
		Columns: []string{
			"task_id", "parent_task_id", "result_status", "result_message", "result_reason", "result_successes", "result_failures", "retry", "status",
			"created", "created_by", "updated", "design_ref", "node_filter", "action", "terminated", "terminated_by", "terminate", "result_links",
		},
	},
	{
		Name: "result_message", Needed: []string{"task_id", "message", "error"}, Indexes: []string{"task_id"},
		Columns: []string{"sequence", "task_id", "message", "error", "context", "context_type", "ts", "extra"},
	},
	{
		Name: "boot_action_status", Needed: []string{"action_id", "task_id", "action_status"}, Indexes: []string{"task_id"},
		Columns: []string{"node_name", "action_id", "action_name", "task_id", "action_status"},
	},
	{
		Name: "build_data", Needed: []string{"node_name", "generator", "data_element"},
		Columns: []string{"node_name", "task_id", "collected_date", "generator", "data_format", "data_element"},
	},
	{Name: "boot_action", LeftOut: noKeys},
	{Name: "active_instance", LeftOut: noLeaders},
	{Name: "alembic_version", LeftOut: "says how the tables were made"},
}

// Run imports a dump and returns the report of it, also with an error: of what was done
// before it.
func (d *DumpImport) Run(ctx context.Context, f imports.File) (*imports.Report, error) {
	d.file = f
	if d.Scratch.Dialect == sqldump.Unknown {
		d.Scratch.Dialect = sqldump.PostgreSQL
	}
	var err error
	if d.tables, err = scratch.Open(ctx, f, dumpTables, d.Scratch); err != nil {
		return nil, err
	}
	defer d.tables.Close()
	sum := d.tables.Report
	if !d.tables.Has("tasks") && !d.tables.Has("build_data") {
		sum.Refuse(imports.Finding{File: f.Name, Kind: "dump", Says: "is no dump of a Drydock: it has neither the table tasks nor build_data"})
		return sum, nil
	}
	if err := d.survey(ctx, sum); err != nil {
		return sum, err
	}
	return imports.RunSteps(ctx, &d.Import, f, sum, imports.Steps{Digest: d.tables.Digest, Count: len(d.tops) + len(d.data), Step: d.step})
}

// survey puts the tasks into trees and finds what refers to something that is missing.
// A task of which the dump lacks the parent stands at the top.
func (d *DumpImport) survey(ctx context.Context, sum *imports.Report) (err error) {
	for _, statement := range []string{
		`CREATE TABLE first AS SELECT min(seq) AS seq, task_id AS id FROM tasks WHERE task_id IS NOT NULL GROUP BY task_id`,
		`CREATE UNIQUE INDEX first_seq ON first (seq)`, `CREATE UNIQUE INDEX first_id ON first (id)`,
		`CREATE TABLE tree (seq INTEGER PRIMARY KEY, root INTEGER, depth INTEGER)`,
		`WITH RECURSIVE below (seq, id, root, depth) AS (
			SELECT f.seq, f.id, f.seq, 0 FROM first AS f JOIN tasks AS t ON t.seq = f.seq
				WHERE t.parent_task_id IS NULL OR NOT EXISTS (SELECT 1 FROM first AS p WHERE p.id = t.parent_task_id)
			UNION ALL
			SELECT f.seq, f.id, below.root, below.depth + 1 FROM below JOIN tasks AS t ON t.parent_task_id = below.id JOIN first AS f ON f.seq = t.seq
		) INSERT INTO tree SELECT seq, root, depth FROM below`,
		`CREATE INDEX tree_root ON tree (root)`,
	} {
		if _, err := d.tables.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	for _, wrong := range []struct{ kind, says, where string }{
		{"tasks", "another task has this id, or it has none; that one stays", "seq NOT IN (SELECT seq FROM first)"},
		{"tasks", "it is a subtask of itself", "seq IN (SELECT seq FROM first) AND seq NOT IN (SELECT seq FROM tree)"},
		{"result_message", "its task is not in the dump", "task_id IS NULL OR task_id NOT IN (SELECT id FROM first JOIN tree ON tree.seq = first.seq)"},
		{"boot_action_status", "its task is not in the dump", "task_id IS NULL OR task_id NOT IN (SELECT id FROM first JOIN tree ON tree.seq = first.seq)"},
	} {
		column := "task_id"
		err := d.tables.Each(ctx, fmt.Sprintf("SELECT line, %s FROM %s WHERE %s ORDER BY seq", column, wrong.kind, wrong.where), nil, func(scan scratch.Scan) error {
			f := imports.Finding{File: d.file.Name, Kind: wrong.kind, Says: wrong.says}
			var id sql.NullString
			err := scan(&f.Line, &id)
			f.ID = d.taskID(id)
			sum.Refuse(f)
			return err
		})
		if err != nil {
			return err
		}
	}
	if d.tops, err = d.tables.Numbers(ctx, "SELECT tree.seq FROM tree JOIN tasks ON tasks.seq = tree.seq WHERE depth = 0 ORDER BY created, tree.seq"); err != nil {
		return err
	}
	d.data, err = d.tables.Numbers(ctx, "SELECT seq FROM build_data ORDER BY collected_date, seq")
	return err
}

func (d *DumpImport) step(ctx context.Context, n int, r *imports.Report, commit imports.Commit) error {
	if n < len(d.tops) {
		return d.tree(ctx, d.tops[n], r, commit)
	}
	return d.buildData(ctx, d.data[n-len(d.tops)], r, commit)
}

// taskID reads an id, which Drydock keeps as 16 bytes; empty for none.
func (d *DumpImport) taskID(raw sql.NullString) string {
	id, err := uuid.FromBytes(d.tables.Bytes([]byte(raw.String)))
	if err != nil {
		return ""
	}
	return id.String()
}

// tree takes over a top task with everything under it, in one transaction.
func (d *DumpImport) tree(ctx context.Context, top int64, r *imports.Report, commit imports.Commit) error {
	t := &dumpedTree{d: d, top: top}
	if err := t.read(ctx, r); err != nil {
		return err
	}
	there, err := labstore.New(d.Import.Store).TasksByID(ctx, t.ids())
	switch {
	case err != nil:
		return err
	case len(t.tasks) == 0:
		return commit(nil) // the report says why
	case len(there) > 0:
		t.repeated(there, r)
		return commit(nil)
	}
	for range t.tasks {
		r.Taken("tasks")
	}
	for range t.messages {
		r.Taken("result_message")
	}
	for range t.actions {
		r.Taken("boot_action_status")
	}
	return commit(func(tx *store.Store) error {
		s := labstore.New(tx)
		if err := s.AdoptTasks(t.tasks); err != nil {
			return err
		}
		if err := s.AddMessages(ctx, append(t.messages, t.doubts...)); err != nil {
			return err
		}
		return s.AdoptBootActions(t.actions)
	})
}

// buildData takes over a record of build data.
func (d *DumpImport) buildData(ctx context.Context, seq int64, r *imports.Report, commit imports.Commit) error {
	f := imports.Finding{File: d.file.Name, Kind: "build_data"}
	var node, task, collected, generator, format, data sql.NullString
	err := d.tables.QueryRowContext(ctx, "SELECT line, node_name, task_id, collected_date, generator, data_format, data_element FROM build_data WHERE seq = ?", seq).
		Scan(&f.Line, &node, &task, &collected, &generator, &format, &data)
	if err != nil {
		return err
	}
	f.ID = plain(node.String)
	row := &labstore.BuildData{
		Node: plain(node.String), Task: d.taskID(task), Generator: plain(generator.String), Format: plain(format.String), Data: []byte(data.String),
	}
	row.CollectedAt, err = runs.Time(collected.String)
	var there, newer bool
	switch {
	case row.Node == "":
		err = errors.New("it belongs to no node")
	case !data.Valid:
		err = errors.New("it has no data_element")
	case err != nil:
		err = fmt.Errorf("its collected_date: %w", err)
	default:
		if there, newer, err = labstore.New(d.Import.Store).FindBuildData(ctx, row); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		f.Says = err.Error()
		r.Refuse(f)
		return commit(nil)
	case there:
		r.There(f.Kind)
		return commit(nil)
	case newer:
		f.Says = "newer data of this generator are there, and these would be taken for the latest"
		r.LeaveOut(f)
		return commit(nil)
	}
	var tasks int
	if err := d.tables.QueryRowContext(ctx, "SELECT count(*) FROM first JOIN tree ON tree.seq = first.seq WHERE id = ?", task).Scan(&tasks); err != nil {
		return err
	}
	if task.Valid && tasks == 0 {
		f.Says = "its task is not in the dump"
		r.Note(f)
	}
	r.Taken(f.Kind)
	return commit(func(tx *store.Store) error {
		copied := *row // in case this runs again
		return labstore.New(tx).AdoptBuildData(&copied)
	})
}
