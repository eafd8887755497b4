package results

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Activity is what was stored within one span of time.
type Activity struct {
	Results, Tests                   int64
	Pass, Fail, Error, Skip, Unknown int64
	Damaged                          int64 // results with damage
}

// Activity sums up the results that were stored from a time on, by the number of the
// span in which they came. Results that somebody keeps private are left out.
func (s *Store) Activity(ctx context.Context, scope store.Scope, from time.Time, span time.Duration) (map[int64]Activity, error) {
	where := []tables.Condition{tables.If("state = 1 AND private_to = ''"), tables.If("created_at >= ?", store.Micros(from))}
	where = append(where, scope.Seen("tenant")...)
	query := fmt.Sprintf(`SELECT (created_at - %d) / %d AS span, COUNT(*), SUM(tests), SUM(count_success + count_xfail), SUM(count_fail + count_uxsuccess),
		SUM(count_inprogress + count_unknown), SUM(count_skip), SUM(count_exists), SUM(CASE WHEN damage_count > 0 THEN 1 ELSE 0 END)
		FROM results`, store.Micros(from), span.Microseconds()) + tables.Where(where) + " GROUP BY span"
	rows, err := s.db.Read(ctx).Raw(query, tables.Args(where)...).Rows()
	if err != nil {
		return nil, fmt.Errorf("activity: %w", store.Translate(err))
	}
	defer rows.Close()
	spans := map[int64]Activity{}
	for rows.Next() {
		var n int64
		var a Activity
		if err := rows.Scan(&n, &a.Results, &a.Tests, &a.Pass, &a.Fail, &a.Error, &a.Skip, &a.Unknown, &a.Damaged); err != nil {
			return nil, fmt.Errorf("activity: %w", store.Translate(err))
		}
		spans[n] = a
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("activity: %w", store.Translate(err))
	}
	return spans, nil
}
