package reports

import (
	"context"
	"strings"
)

// Plans returns how SQLite finds what a search, a count and the values of a field
// need, a line for each step. What looks for single
// rows that hide others is left out.
func (s *Store) Plans(ctx context.Context, c *Collection, q Query, field string) (search, count, distinct string, err error) {
	plan := func(statement string, args []any) string {
		var steps []struct{ Detail string }
		if failed := s.db.Read(ctx).Raw("EXPLAIN QUERY PLAN "+statement, args...).Scan(&steps).Error; failed != nil {
			err = failed
		}
		var lines []string
		for _, step := range steps {
			if strings.Contains(step.Detail+" ", " "+c.table+" ") || strings.Contains(step.Detail, "TEMP B-TREE") {
				lines = append(lines, strings.ReplaceAll(step.Detail, " COVERING ", " "))
			}
		}
		return strings.Join(lines, "\n")
	}
	search = plan(s.searchStatement(c, q))
	count = plan(s.countStatement(c, q.Where))
	distinct = plan(s.distinctStatement(c, field, q.Where))
	return search, count, distinct, err
}
