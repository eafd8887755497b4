package store

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/google/uuid"
)

// PastTest is one test seen from its history: which result it belongs to.
type PastTest struct {
	Test
	ResultID uuid.UUID
	RunID    int64

	resultKey int64
}

// historyOrder is the order of the index on (name, start), read backwards.
var historyOrder = order[PastTest]{
	name: "history",
	keys: []sortKey{
		{column: "t.start_us", desc: true, null: true},
		{column: "t.result_key", desc: true},
		{column: "t.n", desc: true},
	},
	at: func(t *PastTest) []any {
		if t.Start.IsZero() {
			return []any{nil, t.resultKey, t.N}
		}
		return []any{Micros(t.Start), t.resultKey, t.N}
	},
}

// TestHistory returns the tests with this name in all results, the newest first
// and those without a time last. It pages by cursor only, and does not count.
func (s *Store) TestHistory(ctx context.Context, name string, p Page) (List[PastTest], error) {
	var list List[PastTest]
	sum := sha256.Sum256([]byte(name))
	where := []condition{
		{"t.name_id = (SELECT id FROM test_names WHERE hash = ?)", []any{sum[:nameHashSize]}},
		{"r.state = 1", nil},
	}
	after, err := historyOrder.after(p.After)
	if err != nil {
		return list, err
	}
	if after.sql != "" {
		where = append(where, after)
	}
	limit := p.limit()
	query := `SELECT r.id, r.run_id, t.result_key, ` + testFields + `
		FROM tests t JOIN test_names m ON m.id = t.name_id JOIN results r ON r.key = t.result_key` +
		and(where) + " ORDER BY " + historyOrder.terms() + fmt.Sprintf(" LIMIT %d", limit+1)
	rows, err := s.read(ctx).Raw(query, args(where)...).Rows()
	if err != nil {
		return list, fmt.Errorf("history: %w", translate(err))
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
		return list, fmt.Errorf("history: %w", translate(err))
	}
	historyOrder.cut(&list, limit)
	return list, nil
}
