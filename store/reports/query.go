package reports

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Query asks for reports. The zero value asks for all of them, in the
// order of their creation.
type Query struct {
	Where      []Condition
	Sort       []string // columns, or paths into what is no column
	Descending bool     // the direction of all of Sort
	Limit      int64    // 0: all
	Skip       int64
}

// reportChunk is how many rows are read at a time.
const reportChunk = 500

// FindReports calls visit for the reports that match, in order, and returns how
// many match whatever limit and skip say. Rows are read in chunks: memory does
// not grow with their number beyond 8 bytes for each, and no transaction stays
// open while visit waits for a slow client. An error of visit ends it.
func (s *Store) FindReports(ctx context.Context, c *Collection, q Query, visit func(*Report) error) (count int64, err error) {
	seqs, count, err := s.matching(ctx, c, q)
	for len(seqs) > 0 && err == nil {
		n := min(len(seqs), reportChunk)
		err = s.reportsBySeq(ctx, c, seqs[:n], visit)
		seqs = seqs[n:]
	}
	return count, err
}

// matching returns the numbers of the page's rows and the count of all matches.
// A page that is not full tells the count by itself.
func (s *Store) matching(ctx context.Context, c *Collection, q Query) (seqs []int64, count int64, err error) {
	err = s.Snapshot(ctx, func(view *Store) error {
		if seqs, err = view.matchingSeqs(ctx, c, q); err != nil {
			return err
		}
		count = q.Skip + int64(len(seqs))
		if (q.Limit == 0 || int64(len(seqs)) < q.Limit) && (len(seqs) > 0 || q.Skip == 0) {
			return nil
		}
		count, err = view.CountReports(ctx, c, q.Where)
		return err
	})
	return seqs, count, err
}

func (s *Store) matchingSeqs(ctx context.Context, c *Collection, q Query) ([]int64, error) {
	statement, args := s.searchStatement(c, q)
	var seqs []int64
	if err := s.db.Read(ctx).Raw(statement, args...).Scan(&seqs).Error; err != nil {
		return nil, fmt.Errorf("search %s: %w", c.table, store.Translate(err))
	}
	return seqs, nil
}

func (s *Store) searchStatement(c *Collection, q Query) (string, []any) {
	where, args := s.where(c, q.Where)
	order, orderArgs := s.orderBy(c, q.Sort, q.Descending && len(q.Sort) > 0)
	limit := q.Limit
	if limit == 0 {
		limit = math.MaxInt64
	}
	statement := "SELECT seq FROM " + c.table + where + order +
		" LIMIT " + strconv.FormatInt(limit, 10) + " OFFSET " + strconv.FormatInt(q.Skip, 10)
	return statement, append(args, orderArgs...)
}

// reportsBySeq reads rows by their numbers and hands them out in that order. Rows
// that were deleted meanwhile are left out.
func (s *Store) reportsBySeq(ctx context.Context, c *Collection, seqs []int64, visit func(*Report) error) error {
	list, err := s.reportMap(ctx, c, seqs)
	if err != nil {
		return err
	}
	for _, seq := range seqs {
		if r := list[seq]; r != nil {
			if err := visit(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) reportMap(ctx context.Context, c *Collection, seqs []int64) (map[int64]*Report, error) {
	var in strings.Builder
	for i, seq := range seqs {
		if i > 0 {
			in.WriteByte(',')
		}
		in.WriteString(strconv.FormatInt(seq, 10))
	}
	rows, err := s.db.Read(ctx).Raw("SELECT " + c.selected() + " FROM " + c.table + " WHERE seq IN (" + in.String() + ")").Rows()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", c.table, store.Translate(err))
	}
	defer rows.Close()
	list := make(map[int64]*Report, len(seqs))
	scanner := newScanner(c)
	for rows.Next() {
		r, err := scanner.scan(rows)
		if err != nil {
			return nil, err
		}
		list[r.seq] = r
	}
	return list, store.Translate(rows.Err())
}

// CountReports returns how many reports meet the conditions.
func (s *Store) CountReports(ctx context.Context, c *Collection, conditions []Condition) (int64, error) {
	statement, args := s.countStatement(c, conditions)
	var n int64
	if err := s.db.Read(ctx).Raw(statement, args...).Scan(&n).Error; err != nil {
		return 0, fmt.Errorf("count %s: %w", c.table, store.Translate(err))
	}
	return n, nil
}

func (s *Store) countStatement(c *Collection, conditions []Condition) (string, []any) {
	if len(conditions) == 0 {
		return s.countAllStatement(c)
	}
	where, args := s.where(c, conditions)
	return "SELECT COUNT(*) FROM " + c.table + where, args
}

// DistinctReports returns the different values of a text column among the
// reports that meet the conditions, by bytes; nil comes first when one has no
// value. Without conditions it steps through the column's index from value to
// value, so that it costs as much as there are values.
func (s *Store) DistinctReports(ctx context.Context, c *Collection, field string, conditions []Condition) ([]*string, error) {
	if _, ok := c.places[field]; !ok {
		return nil, fmt.Errorf("%s has no column %.40q: %w", c.table, field, store.ErrInvalid)
	}
	statement, args := s.distinctStatement(c, field, conditions)
	rows, err := s.db.Read(ctx).Raw(statement, args...).Rows()
	if err != nil {
		return nil, fmt.Errorf("values of %s.%s: %w", c.table, field, store.Translate(err))
	}
	defer rows.Close()
	var values []*string
	for rows.Next() {
		var v *string
		if err := rows.Scan(&v); err != nil {
			return nil, fmt.Errorf("values of %s.%s: %w", c.table, field, store.Translate(err))
		}
		values = append(values, v)
	}
	return values, store.Translate(rows.Err())
}

func (s *Store) distinctStatement(c *Collection, field string, conditions []Condition) (string, []any) {
	column := quoted(field)
	where, args := s.where(c, conditions)
	statement := "SELECT DISTINCT " + column + " AS v FROM " + c.table + where
	if len(conditions) == 0 {
		seen := c.Seen(s.scope)
		statement = fmt.Sprintf(`WITH RECURSIVE step(v) AS (
			SELECT * FROM (SELECT MIN(%[1]s) FROM %[2]s%[3]s) AS first
			UNION ALL SELECT (SELECT MIN(%[1]s) FROM %[2]s%[4]s) FROM step WHERE step.v IS NOT NULL)
			SELECT v FROM step WHERE v IS NOT NULL
			UNION ALL SELECT NULL WHERE EXISTS (SELECT 1 FROM %[2]s%[5]s)`, column, c.table, where,
			tables.Where(append([]tables.Condition{tables.If(column + " > step.v")}, seen...)),
			tables.Where(append([]tables.Condition{tables.If(column + " IS NULL")}, seen...)))
		args = slices.Concat(args, args, args)
	}
	return "SELECT v FROM (" + statement + ") AS all_values ORDER BY v" + s.direction(false), args
}

// Group is the reports that have the same values in some columns.
type Group struct {
	// First is the newest of them, or the oldest when the query sorts ascending.
	First *Report
	// Sorted holds, for each field of the query's Sort, the greatest value in
	// the group when it sorts descending, else the least; nil for no column.
	Sorted []any
}

// GroupReports calls visit for every combination of values that the columns have
// among the reports that meet the conditions. Sort and Limit apply to the groups,
// Skip means nothing. What is no column has no value in any report.
func (s *Store) GroupReports(ctx context.Context, c *Collection, q Query, by []string, visit func(Group) error) error {
	statement, args, sorted := s.groupStatement(c, q, by)
	rows, err := s.db.Read(ctx).Raw(statement, args...).Rows()
	if err != nil {
		return fmt.Errorf("group %s: %w", c.table, store.Translate(err))
	}
	defer rows.Close()
	scanner := newScanner(c)
	values := make([]any, len(sorted))
	for i := range values {
		scanner.dest = append(scanner.dest, &values[i])
	}
	for rows.Next() {
		first, err := scanner.scan(rows)
		if err != nil {
			return err
		}
		g := Group{First: first, Sorted: make([]any, len(q.Sort))}
		for i, place := range sorted {
			g.Sorted[place] = fromColumn(c.Columns[c.places[q.Sort[place]]].Kind, values[i])
		}
		if err := visit(g); err != nil {
			return err
		}
	}
	return store.Translate(rows.Err())
}

// groupStatement returns, beside the statement, which fields of Sort it selects.
func (s *Store) groupStatement(c *Collection, q Query, by []string) (string, []any, []int) {
	partition := []string{"1"}
	for _, f := range by {
		if _, ok := c.places[f]; ok {
			partition = append(partition, quoted(f))
		}
	}
	over := " OVER (PARTITION BY " + strings.Join(partition, ", ")
	best := "MIN"
	if q.Descending {
		best = "MAX"
	}
	var extreme, order, selected strings.Builder
	var sorted []int
	for i, f := range q.Sort {
		place, ok := c.places[f]
		if !ok {
			continue
		}
		column := quoted(f)
		if c.Columns[place].Kind == Bool && s.db.Postgres {
			column += "::int" // there is no MAX of booleans
		}
		name := fmt.Sprintf("s%d", len(sorted))
		sorted = append(sorted, i)
		extreme.WriteString(", " + best + "(" + column + ")" + over + ") AS " + name)
		order.WriteString(name + s.direction(q.Descending) + ", ")
		selected.WriteString(", " + name)
	}
	last := s.direction(q.Descending && len(q.Sort) > 0)
	first := `"created_on" DESC, seq DESC`
	if len(q.Sort) > 0 && !q.Descending {
		first = `"created_on", seq`
	}
	where, args := s.where(c, q.Where)
	statement := "SELECT " + c.selected() + selected.String() +
		" FROM (SELECT *, ROW_NUMBER()" + over + " ORDER BY " + first + ") AS place" + extreme.String() +
		" FROM " + c.table + where + ") AS ranked WHERE place = 1 ORDER BY " + order.String() + `"created_on"` + last + ", seq" + last
	if q.Limit > 0 {
		statement += " LIMIT " + strconv.FormatInt(q.Limit, 10)
	}
	return statement, args, sorted
}
