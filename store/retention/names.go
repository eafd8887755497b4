package retention

import (
	"context"
	"fmt"
	"strconv"

	"github.com/slipway-lab/slipway/store"
)

// measureNames counts the names to which nothing refers once everything else of the
// plan has gone. A plan of one tenant counts them too: names belong to nobody.
func (s *Store) measureNames(ctx context.Context, p *Plan, all Amounts) error {
	if NamesStay(p.Rules) {
		return nil
	}
	keys, err := s.withoutTests(ctx, p)
	if err != nil {
		return err
	}
	n, err := s.Results.UnusedNames(ctx, keys)
	if err == nil && n > 0 {
		all.of(Names).add(n, n*nameBytes, nil, nil)
	}
	return err
}

// withoutTests returns the results that will have no single tests.
func (s *Store) withoutTests(ctx context.Context, p *Plan) ([]int64, error) {
	keys, err := s.Results.Testless(ctx)
	if err != nil {
		return nil, err
	}
	for i := range p.Steps {
		step := &p.Steps[i]
		column := map[string]string{"tests": "", "runs": "run_id", "opportunities": "id"}
		of, some := column[step.Unit]
		if !some {
			continue
		}
		u := s.unitNamed(step.Unit)
		err := s.each(ctx, p, u, step, func(list []candidate) error {
			gone, err := s.resultsOf(ctx, of, u, list)
			keys = append(keys, gone...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// resultsOf returns the results of rows that go: column of results names them.
func (s *Store) resultsOf(ctx context.Context, column string, u *unit, list []candidate) (keys []int64, err error) {
	if column == "" {
		for i := range list {
			key, err := strconv.ParseInt(list[i].key, 10, 64)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
		return keys, nil
	}
	query := "SELECT key FROM results WHERE run_id IN ?"
	if column == "id" {
		query = "SELECT r.key FROM results r JOIN opportunity_results o ON o.file_id = r.id WHERE o.opportunity_id IN ?"
	}
	if err := s.db.Read(ctx).Raw(query, u.keys(list)).Scan(&keys).Error; err != nil {
		return nil, fmt.Errorf("results of old %s: %w", u.name, store.Translate(err))
	}
	return keys, nil
}

// keys are those of rows as the database has them.
func (u *unit) keys(list []candidate) []any {
	keys := make([]any, len(list))
	for i := range list {
		keys[i] = u.keyOf(list[i].key)
	}
	return keys
}
