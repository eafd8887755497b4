package results

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/runs"
	"github.com/slipway-lab/slipway/server/imports/scratch"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// SubunitDump takes over the database of subunit2sql: a SQLite file, or a dump of the
// tables of subunit2sql/db/models.py. A run becomes the stream that it was made from, as
// far as the database has kept it, with its id and its times.
type SubunitDump struct {
	Import  imports.Import
	Limits  intake.Limits
	Scratch scratch.Options
	Name    string // of the runs; empty: what NameKey says in their metadata
	NameKey string

	file   imports.File
	tables *scratch.Tables
	taker  runs.Taker
	rows   []int64 // the runs, by their times
}

// subunitTables are subunit2sql's tables. Older ones lack run_at, the microseconds,
// attachments and uuid; the first ones called the column test_id of test_metadata
// test_run_id (migration 4ca26dac400e). Ids are UUIDs in older ones, and numbers beside
// runs.uuid in later ones.
var subunitTables = []scratch.Table{
	{Name: "tests", Columns: []string{"id", "test_id"}, Needed: []string{"id", "test_id"}, Indexes: []string{"id"}},
	{Name: "runs", Columns: []string{"id", "uuid", "skips", "fails", "passes", "run_time", "artifacts", "run_at"}, Needed: []string{"id"}, Indexes: []string{"id"}},
	{
		Name: "test_runs", Needed: []string{"test_id", "run_id", "status"}, Indexes: []string{"run_id", "id"},
		Columns: []string{"id", "test_id", "run_id", "status", "start_time", "start_time_microsecond", "stop_time", "stop_time_microsecond"},
	},
	{Name: "run_metadata", Columns: []string{"key", "value", "run_id"}, Needed: []string{"key", "value", "run_id"}, Indexes: []string{"run_id"}},
	{Name: "test_run_metadata", Columns: []string{"key", "value", "test_run_id"}, Needed: []string{"key", "value", "test_run_id"}, Indexes: []string{"test_run_id"}},
	{Name: "attachments", Columns: []string{"test_run_id", "label", "attachment"}, Needed: []string{"test_run_id"}, Indexes: []string{"test_run_id"}},
	{Name: "test_metadata", LeftOut: "what is said of a test in all runs has no place here"},
	{Name: "alembic_version", LeftOut: "says how the tables were made"},
}

// Run imports a dump and returns the report of it, also with an error: of what was done
// before it.
func (d *SubunitDump) Run(ctx context.Context, f imports.File) (*imports.Report, error) {
	d.file, d.taker = f, runs.Taker{Import: &d.Import, Limits: d.Limits}
	var err error
	if d.tables, err = scratch.Open(ctx, f, subunitTables, d.Scratch); err != nil {
		return nil, err
	}
	defer d.tables.Close()
	sum := d.tables.Report
	if !d.tables.Has("runs") {
		sum.Refuse(imports.Finding{File: f.Name, Kind: "dump", Says: "is no database of subunit2sql: it has no table runs"})
		return sum, nil
	}
	if err := d.survey(ctx, sum); err != nil {
		return sum, err
	}
	digest := d.tables.Digest + "/" + d.Name + "/" + d.NameKey
	return imports.RunSteps(ctx, &d.Import, f, sum, imports.Steps{Digest: digest, Count: len(d.rows), Step: d.run})
}

// startOf is when a run began: a database that does not say it has the times of tests.
const startOf = `coalesce(CASE WHEN run_at >= '1970' THEN run_at END, (SELECT min(start_time) FROM test_runs WHERE run_id = runs.id AND start_time >= '1971'))`

// survey finds what there is to do, and what refers to something that is missing.
func (d *SubunitDump) survey(ctx context.Context, sum *imports.Report) (err error) {
	if d.rows, err = d.tables.Numbers(ctx, "SELECT seq FROM runs ORDER BY "+startOf+", seq"); err != nil {
		return err
	}
	for _, missing := range []struct{ kind, column, of, id string }{
		{"test_runs", "run_id", "runs", "id"}, {"run_metadata", "run_id", "runs", "id"},
		{"test_run_metadata", "test_run_id", "test_runs", "id"}, {"attachments", "test_run_id", "test_runs", "id"},
	} {
		query := fmt.Sprintf("SELECT line, %[2]s FROM %[1]s WHERE %[2]s IS NULL OR %[2]s NOT IN (SELECT %[4]s FROM %[3]s WHERE %[4]s IS NOT NULL) ORDER BY seq", missing.kind, missing.column, missing.of, missing.id)
		err := d.tables.Each(ctx, query, nil, func(scan scratch.Scan) error {
			f := imports.Finding{File: d.file.Name, Kind: missing.kind, Says: "what it belongs to, by its " + missing.column + ", is not in the dump"}
			var id sql.NullString
			err := scan(&f.Line, &id)
			f.ID = id.String
			sum.Refuse(f)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// subunitRun is a row of the table runs with what belongs to it.
type subunitRun struct {
	d     *SubunitDump
	where imports.Finding

	id                                           string
	public, skips, fails, passes, took, artifact sql.NullString
	runAt, start                                 sql.NullString
	first                                        sql.NullInt64

	name   string
	status []string // lines of the run's message
	damage []string
}

// run takes over a run in a step.
func (d *SubunitDump) run(ctx context.Context, n int, r *imports.Report, commit imports.Commit) error {
	t := &subunitRun{d: d, where: imports.Finding{File: d.file.Name, Kind: "run"}, name: d.Name}
	var id sql.NullString
	err := d.tables.QueryRowContext(ctx, `SELECT line, id, uuid, skips, fails, passes, run_time, artifacts, run_at, `+startOf+`,
		(SELECT min(seq) FROM runs AS other WHERE other.id = runs.id) FROM runs WHERE seq = ?`, d.rows[n]).
		Scan(&t.where.Line, &id, &t.public, &t.skips, &t.fails, &t.passes, &t.took, &t.artifact, &t.runAt, &t.start, &t.first)
	if err != nil {
		return err
	}
	t.id, t.where.ID = id.String, id.String
	refuse := func(says string) error {
		f := t.where
		f.Says = says
		r.Refuse(f)
		return commit(nil)
	}
	if t.id == "" || t.first.Int64 != d.rows[n] {
		return refuse("another run has this id, or it has none")
	}
	at, err := runs.Time(t.start.String)
	if err != nil {
		return refuse("neither run_at nor the start of a test says when it ran")
	}
	if t.runAt.String < "1970" {
		t.note(r, "it has no run_at: its first test began then")
	}
	if err := t.describe(ctx, r); err != nil {
		return err
	}
	if err := t.check(ctx, r); err != nil {
		return err
	}
	return d.taker.Take(ctx, t.takes(ctx, at, r), r, commit)
}

func (t *subunitRun) note(r *imports.Report, format string, args ...any) {
	f := t.where
	f.Says = fmt.Sprintf(format, args...)
	r.Note(f)
}

// longestNote bounds the message of a run, as RefStack's does.
const longestNote = 60 << 10

// describe reads what is said of the run beside its tests: it becomes the message of the
// run.
func (t *subunitRun) describe(ctx context.Context, r *imports.Report) error {
	if t.artifact.String != "" {
		t.status = append(t.status, "artifacts: "+t.artifact.String)
	}
	err := t.d.tables.Each(ctx, "SELECT key, value FROM run_metadata WHERE run_id = ? ORDER BY seq", []any{t.id}, func(scan scratch.Scan) error {
		var key, value sql.NullString
		err := scan(&key, &value)
		t.status = append(t.status, key.String+": "+value.String)
		if t.d.Name == "" && key.String == t.d.NameKey && t.name == "" {
			t.name = plain(value.String)
		}
		return err
	})
	for i, line := range t.status {
		t.status[i] = plain(line)
	}
	if text := strings.Join(t.status, "\n"); len(text) > longestNote {
		t.status = []string{plain(text[:longestNote])}
		t.note(r, "its metadata are longer than %d bytes and cut", longestNote)
	}
	return err
}

// plain is a text as it may be stored.
func plain(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\ufffd"), "\ufffd")
}

// check compares the tests of the run with what the run says of them.
func (t *subunitRun) check(ctx context.Context, r *imports.Report) error {
	var first, last sql.NullInt64
	var rows, pass, fail, skip, nameless, strange int64
	err := t.d.tables.QueryRowContext(ctx, `SELECT min(seq), max(seq), count(*), count(*) FILTER (WHERE status = 'success'),
		count(*) FILTER (WHERE status = 'fail'), count(*) FILTER (WHERE status = 'skip'),
		count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM tests WHERE tests.id = test_runs.test_id AND typeof(tests.test_id) = 'text' AND instr(tests.test_id, char(0)) = 0)),
		count(*) FILTER (WHERE status IS NULL OR status NOT IN ('success', 'fail', 'skip', 'xfail', 'uxsuccess', 'inprogress', 'exists'))
		FROM test_runs WHERE run_id = ?`, t.id).Scan(&first, &last, &rows, &pass, &fail, &skip, &nameless, &strange)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what string
		says sql.NullString
		has  int64
	}{{"passes", t.passes, pass}, {"fails", t.fails, fail}, {"skips", t.skips, skip}} {
		if said, err := strconv.ParseInt(c.says.String, 10, 64); err == nil && said != c.has {
			t.damage = append(t.damage, fmt.Sprintf("the run has %d %s by its own count, and %d in the dump", said, c.what, c.has))
		}
	}
	if !t.d.tables.Has("test_runs") {
		t.damage = append(t.damage, "the dump has no table test_runs, and so no test of the run")
	}
	if gap := t.d.tables.GapNear("test_runs", first.Int64, last.Int64, gapRows); gap != nil {
		t.damage = append(t.damage, fmt.Sprintf("the dump has lost tests at line %d, and some may be of this run", gap.Line))
	}
	if nameless > 0 {
		t.damage = append(t.damage, fmt.Sprintf("%d of its tests have no name in the dump, or one that is no text in UTF-8", nameless))
		f := t.where
		f.Kind, f.Says = "test_runs", fmt.Sprintf("%d tests of the run have no name in the dump, or one that is no text in UTF-8", nameless)
		r.Refuse(f)
	}
	if strange > 0 {
		t.note(r, "it has tests whose status is unknown; they stay unknown")
	}
	return nil
}

// gapRows is how far from a gap tests may stand and belong to what was in it: several runs
// are written at once.
const gapRows = 10_000

func (t *subunitRun) takes(ctx context.Context, at time.Time, r *imports.Report) *runs.Run {
	run := &runs.Run{
		Imported: resultstore.Imported{At: at, Name: t.name, Status: strings.Join(t.status, "\n")},
		Where:    t.where, Damage: t.damage, Format: "subunit-v2", Files: []runs.File{{Write: t.stream(ctx)}},
	}
	var err error
	for _, id := range []string{t.public.String, t.id} {
		if run.ID, err = uuid.Parse(id); err == nil {
			break
		}
	}
	if err != nil {
		run.ID = runs.ID("subunit2sql", t.d.Import.Tenant, t.id, at.String(), t.artifact.String)
		t.note(r, "its id is no UUID: it has one made of it")
	}
	if s, err := strconv.ParseFloat(t.took.String, 64); err == nil && s >= 0 && s < math.MaxInt64/1e9 {
		took := time.Duration(s * 1e9)
		run.Took = &took
	}
	return run
}
