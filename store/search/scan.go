package search

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/reports"
)

// A search walks the uploads of a source in windows, the newest first, and looks
// for tests inside each. So a page of what is frequent costs a small window, and
// a page of what is rare ends after so many uploads, wherever it has come to then.
// What is known to be rare, because an index says so, is looked up at once.

// fewTests is how many tests, fewUploads how many uploads with all their tests may
// be sorted to find a page among them.
const (
	fewTests   = 20_000
	fewUploads = 50
)

// testPlan is how a source is searched.
type testPlan struct {
	from    string
	uploads string             // the part of it that is about uploads
	direct  bool               // no windows: there are few
	named   bool               // what is rare is a test and not an upload
	upload  []tables.Condition // what uploads must meet
	test    []tables.Condition // what tests must meet, beside that
	walk    *walk              // upload by upload, when not nil
}

// searchSource returns at most limit tests, and, when it gave up before the end
// of the source, how far it has come.
func (s *Store) searchSource(ctx context.Context, src *testSource, q Query, cursor *testCursor, limit int) ([]TestResult, *testCursor, error) {
	where, err := s.productIDs(ctx, src, q)
	if err != nil {
		return nil, nil, err
	}
	list, possible := testConditionsOf(src, where)
	if !possible {
		return nil, nil, nil
	}
	plan, err := s.planTests(ctx, src, list, s.ownConditions(src, q))
	if err != nil {
		return nil, nil, err
	}
	if plan.direct {
		found, err := s.testsIn(ctx, src, plan, cursor, nil, limit)
		return found, nil, err
	}
	var found []TestResult
	for left, size := src.scan, src.first; ; size *= 4 {
		size = min(size, left)
		bottom, err := s.windowBottom(ctx, src, plan, cursor, size)
		if err != nil {
			return nil, nil, err
		}
		more, err := s.testsIn(ctx, src, plan, cursor, bottom, limit-len(found))
		if err != nil {
			return nil, nil, err
		}
		found = append(found, more...)
		left -= size
		if len(found) >= limit || bottom == nil {
			return found, nil, nil
		}
		if cursor = bottom; left <= 0 {
			return found, bottom, nil
		}
	}
}

// ownConditions are those that are no field of the query.
func (s *Store) ownConditions(src *testSource, q Query) []tables.Condition {
	var list []tables.Condition
	if q.HasTook {
		list = append(list, tables.If(src.took+" >= ?", q.Took.Microseconds()))
	}
	for _, pattern := range q.NameGlobs {
		if s.db.Postgres {
			list = append(list, tables.If(src.name+` LIKE ? ESCAPE '\'`, likeOf.Replace(pattern)))
		} else {
			list = append(list, tables.If(src.name+" GLOB ?", globOf.Replace(pattern)))
		}
	}
	return list
}

// The signs of a pattern in the words of each database. Both look at case.
var (
	likeOf = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`, "*", "%", "?", "_")
	globOf = strings.NewReplacer("[", "[[]")
)

// productIDs puts the ids of products in the place of their names, because results
// are indexed by those.
func (s *Store) productIDs(ctx context.Context, src *testSource, q Query) ([]reports.Condition, error) {
	list := slices.Clone(q.Where)
	for i, c := range list {
		if src.source != OpportunitySource || c.Field != "product" || c.Op != reports.In {
			continue
		}
		var ids []string
		query := "SELECT id FROM products WHERE tenant = ? AND deleted_at IS NULL AND " + tables.InList("name", len(c.Values))
		if err := s.db.Read(ctx).Raw(query, append([]any{q.Viewer.Tenant}, c.Values...)...).Scan(&ids).Error; err != nil {
			return nil, store.Translate(err)
		}
		list[i] = reports.Condition{Field: "product_id", Op: reports.In}
		for _, id := range ids {
			list[i].Values = append(list[i].Values, id)
		}
	}
	return list, nil
}

// windowBottom returns the place behind the last upload of a window, nil when
// the window holds all that there are.
func (s *Store) windowBottom(ctx context.Context, src *testSource, p *testPlan, cursor *testCursor, size int) (*testCursor, error) {
	where := slices.Concat(src.base, p.upload, src.uploadsBefore(cursor))
	query := "SELECT " + src.at + ", " + src.key + " FROM " + p.uploads + tables.Where(where) +
		fmt.Sprintf(" ORDER BY %s DESC, %s DESC LIMIT 1 OFFSET %d", src.at, src.key, size-1)
	bottom := &testCursor{source: src.source, n: -1}
	err := s.db.Read(ctx).Raw(query, tables.Args(where)...).Row().Scan(&bottom.at, &bottom.key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return bottom, store.Translate(err)
}

// testsIn returns the tests after the cursor, of the uploads down to the bottom; nil
// is the end.
func (s *Store) testsIn(ctx context.Context, src *testSource, p *testPlan, cursor, bottom *testCursor, limit int) ([]TestResult, error) {
	if p.walk != nil {
		return s.walkTests(ctx, src, p, cursor, bottom, limit)
	}
	where := slices.Concat(src.base, src.seen, p.upload, p.test, src.before(cursor), src.since(bottom))
	order := " ORDER BY " + src.at + " DESC, " + src.key + " DESC"
	if src.on != "" {
		where = append(where, tables.Condition{SQL: src.on})
		order += ", " + src.n + " DESC"
	}
	query := "SELECT " + src.columns + " FROM " + p.from + tables.Where(where) + order + fmt.Sprintf(" LIMIT %d", limit)
	return s.readTests(ctx, src, query, tables.Args(where))
}

func (s *Store) readTests(ctx context.Context, src *testSource, query string, args []any) ([]TestResult, error) {
	rows, err := s.db.Read(ctx).Raw(query, args...).Rows()
	if err != nil {
		return nil, store.Translate(err)
	}
	defer rows.Close()
	var list []TestResult
	for rows.Next() {
		f, err := src.read(rows)
		if err != nil {
			return nil, store.Translate(err)
		}
		list = append(list, f)
	}
	return list, store.Translate(rows.Err())
}

// planTests decides with which condition to begin. more are conditions on tests that
// nothing begins with.
func (s *Store) planTests(ctx context.Context, src *testSource, list []testCondition, more []tables.Condition) (*testPlan, error) {
	slices.SortStableFunc(list, func(a, b testCondition) int { return driverRank(a.field) - driverRank(b.field) })
	p := &testPlan{from: src.uploads + src.tests, uploads: src.uploads, test: more}
	for _, c := range list {
		if p.direct || c.few == "" || !c.among {
			continue
		}
		few, err := s.isFew(ctx, c)
		if err != nil {
			return nil, err
		}
		if few {
			p.direct, p.named = true, c.test
			if c.field == "name" && src.byName != "" {
				p.from = src.byName
			}
			p.upload = append(p.upload, c.Condition)
			list = slices.DeleteFunc(slices.Clone(list), func(o testCondition) bool { return o.field == c.field && o.SQL == c.SQL })
		}
	}
	if len(more) == 0 {
		if p.walk = s.walkOf(src, p, list); p.walk != nil {
			return p, nil
		}
	}
	for _, c := range list {
		if src.on != "" && c.among && (c.field == "status" || c.field == "outcome") && !s.db.Postgres {
			// SQLite would rather read all tests of a result than sort the few.
			p.from = strings.Replace(p.from, " CROSS JOIN tests t ", " CROSS JOIN tests t INDEXED BY tests_status ", 1)
		}
		switch driver := !p.direct && src.on == "" && c.single && len(p.upload) == 0; {
		case c.field == "created_on", c.field == "product_id", driver:
			p.upload = append(p.upload, c.Condition)
		case src.on == "" && !s.db.Postgres:
			// Without statistics SQLite takes one index for as good as another;
			// the sign keeps it from this one.
			p.test = append(p.test, tables.If("+"+c.SQL, c.Args...))
		default:
			p.test = append(p.test, c.Condition)
		}
	}
	return p, nil
}

// isFew reports whether an index has so few entries for a condition that they
// can all be looked at.
func (s *Store) isFew(ctx context.Context, c testCondition) (bool, error) {
	var n int
	most := fewTests
	if !c.test {
		most = fewUploads
	}
	query := fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM %s LIMIT %d) AS few", strings.Replace(c.few, "?where", c.SQL, 1), most+1)
	err := s.db.Read(ctx).Raw(query, c.Args...).Scan(&n).Error
	return n <= most, store.Translate(err)
}
