package analysis

import (
	"cmp"
	"container/heap"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Row is one test of a set.
type Row struct {
	Context   []string // a value for each field that was asked for; see fieldValue
	Name      string
	Source    string // run, published, case, boot or opportunity
	Status    string // in the words of the source
	File      bool   // the status is one of a file
	Synthetic bool   // the server made the result of the opportunity
	Duration  *time.Duration

	Tenant string
	From   *Origin // only of the tests of a line
	Upload int64   // the key of the file that has it, or 0
	N      int64   // its number there, or in the order in which reports came
	ID     string  // of the case, the boot or the opportunity's result
}

// The sources of tests of reports, as rows name them.
const (
	CaseSource = "case"
	BootSource = "boot"
)

// From is where a stream begins: with the first test that is not before.
type From struct {
	Context []string
	Name    string
}

// Rows gives the tests of a set in the order of context and name. Next returns nil
// at the end; what it returns is good until the next call. Close it.
type Rows interface {
	Next() (*Row, error)
	Close()
}

// fieldValue is how rows hold the value of a field: null sorts before the empty
// text.
func fieldValue(v *string) string {
	if v == nil {
		return ""
	}
	return "=" + *v
}

// Tests returns the tests of a set by context and name. Of its fields those count
// that are asked for; a test may come several times then, one after the other.
func (s *Store) Tests(ctx context.Context, set *Set, fields []string, from *From) (Rows, error) {
	if set.Kind == KernelSet || set.Kind == GroupSet {
		return s.reportRows(ctx, set, fields, from)
	}
	return s.uploadRows(ctx, set, fields, from), nil
}

// uploadRows are the tests of uploads, which come in groups of one context each.
type uploadRows struct {
	s    *Store
	ctx  context.Context //nolint:containedctx // rows live as long as one request
	from *From
	rest []uploadGroup
	open rowHeap

	tenant string
	last   *rowSource // whose row was returned
}

type uploadGroup struct {
	context []string
	uploads []*Upload
}

func (s *Store) uploadRows(ctx context.Context, set *Set, fields []string, from *From) *uploadRows {
	var groups []uploadGroup
	for _, u := range set.uploads {
		values := u.context(fields)
		i, known := slices.BinarySearchFunc(groups, values, func(g uploadGroup, v []string) int { return slices.Compare(g.context, v) })
		if !known {
			groups = slices.Insert(groups, i, uploadGroup{context: values})
		}
		groups[i].uploads = append(groups[i].uploads, u)
	}
	for from != nil && len(groups) > 0 && slices.Compare(groups[0].context, from.Context) < 0 {
		groups = groups[1:]
	}
	return &uploadRows{s: s, ctx: ctx, from: from, rest: groups, tenant: set.Tenant}
}

func (u *Upload) context(fields []string) []string {
	values := make([]string, len(fields))
	for i, f := range fields {
		switch f {
		case "platform":
			values[i] = fieldValue(u.Platform)
		case "primary_snap_name":
			values[i] = fieldValue(u.PrimarySnap)
		case "spec_name":
			values[i] = fieldValue(u.SpecName)
		}
	}
	return values
}

// Next returns the next test.
func (r *uploadRows) Next() (*Row, error) {
	if r.last != nil {
		more, err := r.last.next()
		if err != nil {
			return nil, err
		}
		if more {
			heap.Fix(&r.open, 0)
		} else {
			heap.Pop(&r.open)
		}
		r.last = nil
	}
	for len(r.open) == 0 {
		if len(r.rest) == 0 {
			return nil, nil
		}
		if err := r.openGroup(r.rest[0]); err != nil {
			return nil, err
		}
		r.rest = r.rest[1:]
	}
	r.last = r.open[0]
	return &r.last.row, nil
}

// Close does nothing: no query stays open between two tests.
func (r *uploadRows) Close() {}

func (r *uploadRows) openGroup(g uploadGroup) error {
	name := ""
	if r.from != nil && slices.Equal(g.context, r.from.Context) {
		name = r.from.Name
	}
	for _, u := range g.uploads {
		sources, err := r.s.openUpload(r.ctx, u, g.context, name)
		if err != nil {
			return err
		}
		for _, source := range sources {
			more, err := source.next()
			if err != nil {
				return err
			}
			if more {
				source.row.Tenant, source.row.From = cmp.Or(u.tenant, r.tenant), u.origin
				r.open = append(r.open, source)
			}
		}
	}
	heap.Init(&r.open)
	return nil
}

// openUpload opens the tests of an upload: those of its file, and the one that
// stands for the status of its opportunity.
func (s *Store) openUpload(ctx context.Context, u *Upload, values []string, from string) ([]*rowSource, error) {
	var list []*rowSource
	if u.Result != nil {
		names, err := s.Results.ReadList(ctx, u.Result, from)
		if err != nil {
			return nil, err
		}
		list = append(list, &rowSource{names: names, row: Row{Context: values, Source: u.Source, File: true, Upload: u.Result.Key}})
	}
	if u.hasOwnTest() && *u.SpecName >= from {
		list = append(list, &rowSource{row: Row{
			Context: values, Name: *u.SpecName, Source: u.Source, Status: u.Status, Synthetic: u.Synthetic, ID: u.ID,
		}})
	}
	return list, nil
}

// hasOwnTest reports whether the status of an opportunity is a test named as its
// spec: without a file, and when it is not PASSED although nothing in the file
// failed.
func (u *Upload) hasOwnTest() bool {
	if u.Source != OpportunitySet || u.SpecName == nil {
		return false
	}
	if u.Result == nil {
		return true
	}
	return !strings.EqualFold(u.Status, "PASSED") && !u.Result.Counts.Failed()
}

// rowSource gives the tests of a file, or the one that it has already.
type rowSource struct {
	names *results.ListReader // nil: the row is the only one
	row   Row
	given bool
}

func (r *rowSource) next() (bool, error) {
	if r.names == nil {
		more := !r.given
		r.given = true
		return more, nil
	}
	if !r.names.Next() {
		return false, r.names.Err()
	}
	t := r.names.Test()
	r.row.Name, r.row.N, r.row.Status = string(t.Name), t.N, t.Status.String()
	return true, nil
}

// rowHeap has the source with the first name on top, of equal names the newer
// upload.
type rowHeap []*rowSource

func (h rowHeap) Len() int { return len(h) }
func (h rowHeap) Less(i, j int) bool {
	a, b := &h[i].row, &h[j].row
	if c := cmp.Or(strings.Compare(a.Name, b.Name), b.From.at().Compare(a.From.at()), cmp.Compare(b.Upload, a.Upload), cmp.Compare(b.ID, a.ID)); c != 0 {
		return c < 0
	}
	return false
}
func (h rowHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface's.
func (h *rowHeap) Push(x any) { *h = append(*h, x.(*rowSource)) }

// Pop is heap.Interface's.
func (h *rowHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// bytewise orders a text that is no column by its bytes, as columns are.
func (s *Store) bytewise(text string) string {
	if s.db.Postgres {
		return "(" + text + `) COLLATE "C"`
	}
	return text
}

// groupsBelow names a group and all that are below it.
var groupsBelow = `WITH RECURSIVE below(id, depth) AS (SELECT "_id", 0 FROM test_groups WHERE "_id" = ?` +
	` UNION ALL SELECT g."_id", below.depth + 1 FROM below JOIN test_groups g ON g.parent_id = below.id WHERE below.depth < ` + fmt.Sprint(maxGroupDepth) + `) `

func (s *Store) reportRows(ctx context.Context, set *Set, fields []string, from *From) (Rows, error) {
	var keys []string
	for _, f := range fields {
		keys = append(keys, s.bytewise("CASE WHEN "+f+" IS NULL THEN '' ELSE '=' || "+f+" END"))
	}
	where := s.reportWhere(set)
	if from != nil {
		c := tables.Condition{SQL: "(" + strings.Join(append(slices.Clone(keys), "name"), ", ") + ") >= (?" + strings.Repeat(", ?", len(keys)) + ")"}
		for _, v := range from.Context {
			c.Args = append(c.Args, v)
		}
		c.Args = append(c.Args, from.Name)
		where = append(where, c)
	}
	query := "SELECT " + strings.Join(append(slices.Clone(keys), "name", "source", "status", "duration_us", "report_id", "tenant", "seq"), ", ") +
		" FROM kernel_tests" + tables.Where(where) + " ORDER BY " + strings.Join(append(slices.Clone(keys), "name", "seq DESC"), ", ")
	args := tables.Args(where)
	if set.Kind == GroupSet {
		query, args = groupsBelow+query, append([]any{set.Parts[0]}, args...)
	}
	rows, err := s.db.Read(ctx).Raw(query, args...).Rows()
	if err != nil {
		return nil, fmt.Errorf("tests: %w", store.Translate(err))
	}
	return newReportRows(rows, len(fields)), nil
}

// reportWhere are the conditions of the tests of a set of reports.
func (s *Store) reportWhere(set *Set) []tables.Condition {
	list := []tables.Condition{tables.If("replaced = 0")}
	if set.Kind == GroupSet {
		return append(list, tables.If("group_id IN (SELECT id FROM below)"))
	}
	return append(append(list, set.kernelWhere()...), seesReports(set.viewer)...)
}

// reportRows reads the rows of a query on kernel_tests.
type reportRows struct {
	rows   *sql.Rows
	row    Row
	fields int
	dest   []any
	took   *int64
	source int
}

func newReportRows(rows *sql.Rows, fields int) *reportRows {
	r := &reportRows{rows: rows, fields: fields, dest: make([]any, fields)}
	r.dest = append(r.dest, &r.row.Name, &r.source, &r.row.Status, &r.took, &r.row.ID, &r.row.Tenant, &r.row.N)
	return r
}

// Next returns the next test.
func (r *reportRows) Next() (*Row, error) {
	if !r.rows.Next() {
		return nil, store.Translate(r.rows.Err())
	}
	r.row.Context = make([]string, r.fields) // who got the last one may keep it
	for i := range r.row.Context {
		r.dest[i] = &r.row.Context[i]
	}
	if err := r.rows.Scan(r.dest...); err != nil {
		return nil, store.Translate(err)
	}
	r.row.Source, r.row.Duration = reportSources[r.source], microseconds(r.took)
	return &r.row, nil
}

// reportSources are the words for the numbers in kernel_tests.
var reportSources = map[int]string{1: CaseSource, 2: BootSource}

func microseconds(us *int64) *time.Duration {
	if us == nil {
		return nil
	}
	d := time.Duration(*us) * time.Microsecond
	return &d
}

// Close ends the query.
func (r *reportRows) Close() { _ = r.rows.Close() }
