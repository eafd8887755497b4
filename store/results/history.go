package results

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// PastTest is one test seen from its history: which result it belongs to.
type PastTest struct {
	Test
	ResultID uuid.UUID
	RunID    int64

	resultKey int64
}

// historyOrder is the order of the index on (name, start), read backwards.
var historyOrder = store.Order[PastTest]{
	Name: "history",
	Keys: []store.SortKey{
		{Column: "t.start_us", Desc: true, Null: true},
		{Column: "t.result_key", Desc: true},
		{Column: "t.n", Desc: true},
	},
	At: func(t *PastTest) []any {
		if t.Start.IsZero() {
			return []any{nil, t.resultKey, t.N}
		}
		return []any{store.Micros(t.Start), t.resultKey, t.N}
	},
}

// TestHistory returns the tests with this name in all results, the newest first
// and those without a time last. It pages by cursor only, and does not count.
func (s *Store) TestHistory(ctx context.Context, name string, p store.Page) (store.List[PastTest], error) {
	var list store.List[PastTest]
	where := []tables.Condition{
		tables.If("t.name_id = (SELECT id FROM test_names WHERE hash = ?)", NameHash(name)),
		tables.If("r.state = 1"),
	}
	after, err := historyOrder.After(p.After)
	if err != nil {
		return list, err
	}
	if after.SQL != "" {
		where = append(where, after)
	}
	limit := p.Size()
	query := `SELECT r.id, r.run_id, t.result_key, ` + testFields + `
		FROM tests t JOIN test_names m ON m.id = t.name_id JOIN results r ON r.key = t.result_key` +
		tables.Where(where) + " ORDER BY " + historyOrder.Terms() + fmt.Sprintf(" LIMIT %d", limit+1)
	rows, err := s.db.Read(ctx).Raw(query, tables.Args(where)...).Rows()
	if err != nil {
		return list, fmt.Errorf("history: %w", store.Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		var t PastTest
		if err := t.scan(rows, &t.ResultID, &t.RunID, &t.resultKey); err != nil {
			return list, fmt.Errorf("history: %w", err)
		}
		list.Items = append(list.Items, t)
	}
	if err := rows.Err(); err != nil {
		return list, fmt.Errorf("history: %w", store.Translate(err))
	}
	historyOrder.Cut(&list, limit)
	return list, nil
}
