package retention

import (
	"context"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// treeOf are the groups of trees, by their outermost ones.
const treeOf = `SELECT g."_id" FROM test_groups r JOIN test_groups g ON g."_id" = r."_id" OR (g.root_id = r."_id" AND g.tenant = r.tenant) WHERE r.seq = ?`

// newestGroups says which of outermost groups stay because they, or a group inside
// them, are the newest complete one of a line.
func newestGroups(ctx context.Context, s *Store, list []candidate) (map[string]bool, error) {
	stay := map[string]bool{}
	for i := range list {
		var ids []string
		key := numbers(list[i : i+1])[0]
		if err := s.db.Read(ctx).Raw(treeOf, key).Scan(&ids).Error; err != nil {
			return nil, store.Translate(err)
		}
		list[i].parts = len(ids)
		for _, id := range ids {
			newest, err := s.sets.NewestGroup(ctx, id)
			if err != nil {
				return nil, err
			}
			if newest {
				stay[list[i].key] = true
				break
			}
		}
	}
	return stay, nil
}

// removeGroups removes outermost groups with the groups inside them, so that nobody
// finds them any more. Their cases go next, some at a time: going says which.
func removeGroups(_ context.Context, tx *Store, going *Going, list []candidate) (_ []string, err error) {
	keys := numbers(list)
	if going.Kernels, err = tx.kernelsOf("test_groups", keys); err != nil {
		return nil, err
	}
	for _, key := range keys {
		var ids []string
		if err := tx.db.Tx.Raw(treeOf, key).Scan(&ids).Error; err != nil {
			return nil, store.Translate(err)
		}
		going.Groups = append(going.Groups, ids...)
	}
	for _, k := range going.Kernels {
		err := tx.exec([]string{"UPDATE kernel_sets SET expired = 1 WHERE tenant = ? AND job = ? AND git_branch = ? AND kernel = ?"}, k.Tenant, k.Job, k.Branch, k.Kernel)
		if err != nil {
			return nil, err
		}
	}
	return nil, tx.exec([]string{`DELETE FROM test_groups WHERE "_id" IN ?`}, going.Groups)
}

// finishGoing removes the cases of groups that have gone, some at a time, and then
// notes what is left of their kernels.
func (e *execution) finishGoing(ctx context.Context) error {
	if err := e.finishPartition(ctx); err != nil {
		return err
	}
	pace := tables.NewDeletePace()
	for e.progress.Going != nil {
		next, err := e.progress.copied()
		if err != nil {
			return err
		}
		var took time.Duration
		rows := pace.Rows()
		err = e.InTx(store.Patient(ctx), func(tx *Store) error {
			started := time.Now()
			defer func() { took = time.Since(started) }()
			removed, err := tx.removeCases(next.Going.Groups, rows)
			if err != nil {
				return err
			}
			if removed == 0 {
				if err := tx.kernelsLeft(ctx, next.Going.Kernels); err != nil {
					return err
				}
				next.Going = nil
			}
			return e.note(tx, &next)
		})
		if err != nil {
			return err
		}
		pace.Took(rows, took)
		if err := e.pause(took); err != nil {
			return err
		}
	}
	return nil
}

// removeCases removes some cases of groups, or their tests.
func (s *Store) removeCases(groups []string, rows int) (removed int64, err error) {
	if len(groups) == 0 {
		return 0, nil
	}
	for _, sql := range []string{
		"DELETE FROM kernel_tests WHERE seq IN (SELECT seq FROM kernel_tests WHERE group_id IN ? LIMIT ?)",
		`DELETE FROM test_cases WHERE seq IN (SELECT seq FROM test_cases WHERE "test_group_id" IN ? LIMIT ?)`,
	} {
		res := s.db.Tx.Exec(sql, groups, rows)
		if removed += res.RowsAffected; res.Error != nil || removed > 0 {
			return removed, store.Translate(res.Error)
		}
	}
	return 0, nil
}
