package results

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Run is one execution of a test suite against one cloud. On RefStack's wire
// its ID is the test_id.
type Run struct {
	ID        int64  `gorm:"primaryKey"`
	CloudID   *int64 // nil for an anonymous run
	Tenant    string // that of its cloud, if that has one
	Anonymous bool   // an upload without a credential made it; the store's own
	TokenHash []byte // of the run_token; nil when there is none
	Name      string // of the suite; empty for none. Runs of one cloud and name are one line

	Finished   bool
	FinishedAt *time.Time `gorm:"serializer:micros;type:bigint"`
	CreatedAt  time.Time  `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`

	// Kept by the store. Attempts counts every attempt ever made, also those
	// deleted since, so that no number comes twice. Outcome is that of the
	// current result, empty while there is none.
	Attempts  int64
	Outcome   string
	StatusID  int64 `gorm:"serializer:zeronull;type:bigint"` // last status message
	ResultKey int64 `gorm:"serializer:zeronull;type:bigint"` // current result

	// Comparable says that other runs may be compared with this one: the current
	// result is complete, undamaged and nobody's private one. Kept by the store.
	Comparable bool

	// Filled in when a run is read on its own or in a list.
	LastStatus    *StatusMessage `gorm:"-"`
	CurrentResult uuid.UUID      `gorm:"-"` // uuid.Nil while there is none
	Uploader      string         `gorm:"-"` // name of the token that posted it; empty: it was none, or is gone
}

// CreateRun adds a run and fills in ID and CreatedAt. ErrReference: there is no
// such cloud.
func (s *Store) CreateRun(ctx context.Context, r *Run) error {
	r.CreatedAt = s.Now()
	return s.InTx(ctx, func(tx *Store) error {
		r.ID = 0 // in case this runs again
		if err := tx.db.Tx.Create(r).Error; err != nil {
			return fmt.Errorf("create run: %w", store.Translate(err))
		}
		return nil
	})
}

// Run returns the run with its last status and current result, or ErrNotFound.
func (s *Store) Run(ctx context.Context, scope store.Scope, id int64) (*Run, error) {
	var r Run
	if err := tables.Narrow(s.db.Read(ctx), scope.Seen("tenant")).Take(&r, "id = ?", id).Error; err != nil {
		return nil, fmt.Errorf("run %d: %w", id, store.Translate(err))
	}
	runs := []Run{r}
	if err := s.complete(ctx, runs); err != nil {
		return nil, fmt.Errorf("run %d: %w", id, err)
	}
	return &runs[0], nil
}

// RunFilter narrows a list of runs; zero fields but Scope do not.
type RunFilter struct {
	Scope    store.Scope
	CloudID  int64
	Finished *bool
	Outcome  string
	Tenant   string
	Name     *string // empty: those without a name
	Damaged  *bool   // whether the current result has damage
	Uploader string  // name of the token that posted the current result, which is nobody's private one
	Page     store.Page
}

// damagedRuns are the runs whose current result has damage.
const damagedRuns = `SELECT r.id FROM results x JOIN runs r ON r.id = x.run_id AND r.result_key = x.key WHERE x.state = 1 AND x.damage_count > 0`

// uploadedBy are the runs whose current result was posted with a token of a name.
const uploadedBy = `SELECT r.id FROM tokens t JOIN results x ON x.uploader = t.id JOIN runs r ON r.id = x.run_id AND r.result_key = x.key` +
	` WHERE t.name = ? AND x.state = 1 AND x.uploader <> '' AND x.private_to = ''`

var runOrder = store.Order[Run]{
	Name: "runs",
	Keys: []store.SortKey{{Column: "id", Desc: true}},
	At:   func(r *Run) []any { return []any{r.ID} },
}

// ListRuns returns runs, newest first, with their last status and current
// result.
func (s *Store) ListRuns(ctx context.Context, f RunFilter) (store.List[Run], error) {
	q := tables.Narrow(s.db.Read(ctx).Model(&Run{}), f.Scope.Seen("tenant"))
	q = tables.WhereSet(q, "cloud_id", f.CloudID)
	q = tables.WhereSet(q, "outcome", f.Outcome)
	q = tables.WhereSet(q, "tenant", f.Tenant)
	if f.Finished != nil {
		q = q.Where("finished = ?", *f.Finished)
	}
	if f.Name != nil {
		q = q.Where("name = ?", *f.Name)
	}
	if f.Uploader != "" {
		q = q.Where("id IN ("+uploadedBy+")", f.Uploader)
	}
	switch {
	case f.Damaged == nil:
	case *f.Damaged:
		q = q.Where("id IN (" + damagedRuns + ")")
	default:
		q = q.Where("result_key IS NOT NULL AND id NOT IN (" + damagedRuns + ")")
	}
	list, err := runOrder.Page(q, f.Page)
	if err == nil {
		err = s.complete(ctx, list.Items)
	}
	if err != nil {
		return list, fmt.Errorf("list runs: %w", err)
	}
	return list, nil
}

// complete fills in what lies in other tables, for all runs at once.
func (s *Store) complete(ctx context.Context, runs []Run) error {
	var statusIDs, resultKeys []int64
	for _, r := range runs {
		if r.StatusID != 0 {
			statusIDs = append(statusIDs, r.StatusID)
		}
		if r.ResultKey != 0 {
			resultKeys = append(resultKeys, r.ResultKey)
		}
	}
	statuses, err := s.statusesByID(ctx, statusIDs)
	if err != nil {
		return err
	}
	results, err := s.currentResults(ctx, resultKeys)
	if err != nil {
		return err
	}
	for i := range runs {
		runs[i].LastStatus = statuses[runs[i].StatusID]
		current := results[runs[i].ResultKey]
		runs[i].CurrentResult, runs[i].Uploader = current.id, current.uploader
	}
	return nil
}

// UpdateRun loads the run, lets change edit it and saves the result in one
// transaction. It returns ErrNotFound, or the error of change without saving
// anything. ID, Tenant, CreatedAt and what the store keeps itself stay as they are.
func (s *Store) UpdateRun(ctx context.Context, id int64, change func(*Run) error) error {
	return s.InTx(ctx, func(tx *Store) error {
		r, err := tx.lockRun(id)
		if err != nil {
			return err
		}
		old := *r
		if err := change(r); err != nil {
			return err
		}
		r.ID, r.Tenant, r.CreatedAt = id, old.Tenant, old.CreatedAt
		r.Attempts, r.Outcome, r.StatusID, r.ResultKey, r.Comparable = old.Attempts, old.Outcome, old.StatusID, old.ResultKey, old.Comparable
		return tx.saveRun(r)
	})
}

// lockRun reads the run and keeps others from changing it.
func (s *Store) lockRun(id int64) (*Run, error) {
	var r Run
	if err := s.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&r, "id = ?", id).Error; err != nil {
		return nil, fmt.Errorf("run %d: %w", id, store.Translate(err))
	}
	return &r, nil
}

func (s *Store) saveRun(r *Run) error {
	if err := s.db.Tx.Save(r).Error; err != nil {
		return fmt.Errorf("update run %d: %w", r.ID, store.Translate(err))
	}
	return nil
}

// finish sets finished, which stays once it is set, as does its first time. It
// reports whether it was not set before.
func (r *Run) finish(now time.Time) bool {
	before := r.Finished
	r.Finished = true
	if r.FinishedAt == nil {
		r.FinishedAt = &now
	}
	return !before
}

// DeleteRun removes the run with its status messages and results. The single
// tests go afterwards, some at a time: by this call when it is not part of a
// larger transaction, else with the next SweepIngests. ErrNotFound: no such run.
// ErrOfNoTenant: only others may change it. ErrVerified: one of its results is
// verified. ErrKept: retention keeps it.
func (s *Store) DeleteRun(ctx context.Context, scope store.Scope, id int64) error {
	var results []int64
	err := s.InTx(ctx, func(tx *Store) error {
		run, err := tx.lockRun(id)
		if err != nil {
			return err
		}
		if err := scope.Check(run.Tenant); err != nil {
			return fmt.Errorf("run %d: %w", id, err)
		}
		if err := tx.checkUnverified(id); err != nil {
			return err
		}
		if err := tx.checkUnkept(id); err != nil {
			return err
		}
		if err := tx.db.Tx.Model(&Result{}).Where("run_id = ?", id).Pluck("key", &results).Error; err != nil {
			return fmt.Errorf("results of run %d: %w", id, store.Translate(err))
		}
		if err := tx.unpublish(results...); err != nil {
			return err
		}
		discard := map[string]any{"state": resultDiscarded, "run_id": nil}
		if err := tx.db.Tx.Model(&Result{}).Where("run_id = ?", id).Updates(discard).Error; err != nil {
			return fmt.Errorf("results of run %d: %w", id, store.Translate(err))
		}
		if err := tx.db.Tx.Delete(&StatusMessage{}, "run_id = ?", id).Error; err != nil {
			return fmt.Errorf("status messages of run %d: %w", id, store.Translate(err))
		}
		if err := tx.db.Tx.Delete(&Run{}, "id = ?", id).Error; err != nil {
			return fmt.Errorf("delete run %d: %w", id, store.Translate(err))
		}
		return nil
	})
	if err == nil {
		s.PurgeDiscarded(ctx, results...)
	}
	return err
}
