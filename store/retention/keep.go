package retention

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/analysis"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Keep is a run, a kernel or an image that stays whatever the rules say.
type Keep struct {
	ID     uuid.UUID `gorm:"type:text;primaryKey"`
	Tenant string    // of the set
	Ref    string    // its reference

	// What the set is, by its kind.
	RunID         *int64
	Job           *string
	GitBranch     *string
	Kernel        *string
	ProductID     *string
	ImageUniqueID *string

	Reason    string
	UntilAt   *time.Time `gorm:"serializer:micros;type:bigint"` // nil: for ever
	CreatedAt time.Time  `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	CreatedBy string
}

// TableName tells GORM the table.
func (Keep) TableName() string { return "retention_keeps" }

// PutKeep keeps the set that kind and parts name, as the viewer sees it, and fills in
// the rest of k. It reports whether the set was not kept before; if it was, it gets
// the new reason and time. ErrNotFound: the viewer sees no such set. ErrOfNoTenant: it
// is of none.
func (s *Store) PutKeep(ctx context.Context, v store.Viewer, kind string, parts []string, k *Keep) (created bool, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, results.KeepLock); err != nil {
			return err
		}
		if err := tx.findSet(ctx, v, kind, parts, k); err != nil {
			return err
		}
		if err := v.Check(k.Tenant); err != nil {
			return err
		}
		var old []Keep
		if err := tx.db.Tx.Limit(1).Find(&old, "tenant = ? AND ref = ?", k.Tenant, k.Ref).Error; err != nil {
			return store.Translate(err)
		}
		if created = len(old) == 0; created {
			k.ID, k.CreatedAt = tx.NewID(), tx.Now()
			return store.Translate(tx.db.Tx.Create(k).Error)
		}
		k.ID, k.CreatedAt, k.CreatedBy = old[0].ID, old[0].CreatedAt, old[0].CreatedBy
		return store.Translate(tx.db.Tx.Save(k).Error)
	})
	if err != nil {
		return false, fmt.Errorf("keep %s %q: %w", kind, parts, err)
	}
	return created, nil
}

// findSet finds what is to be kept, and notes what it is. A run without a result is
// no set that can be compared, but can be kept.
func (s *Store) findSet(ctx context.Context, v store.Viewer, kind string, parts []string, k *Keep) error {
	if kind == analysis.RunSet {
		id, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil {
			return store.ErrNotFound
		}
		run, err := s.Results.Run(ctx, v.Scope, id)
		if err != nil {
			return err
		}
		k.Tenant, k.RunID = run.Tenant, &id
		k.Ref = store.SetRef(kind, strconv.FormatInt(id, 10))
		return nil
	}
	set, err := s.sets.Find(ctx, v, kind, parts, 0)
	if err != nil {
		return err
	}
	k.Tenant, k.Ref = set.Tenant, store.SetRef(kind, parts...)
	if kind == analysis.KernelSet {
		k.Job, k.GitBranch, k.Kernel = &parts[0], &parts[1], &parts[2]
	} else {
		k.ProductID, k.ImageUniqueID = &parts[0], &parts[1]
	}
	return nil
}

var keepOrder = store.Order[Keep]{
	Name: "keeps",
	Keys: []store.SortKey{{Column: "id", Desc: true}},
	At:   func(k *Keep) []any { return []any{k.ID.String()} },
}

// ListKeeps returns what is kept, newest first; ref narrows it to one set.
func (s *Store) ListKeeps(ctx context.Context, scope store.Scope, ref string, page store.Page) (store.List[Keep], error) {
	q := tables.Narrow(s.db.Read(ctx).Model(&Keep{}), scope.Seen("tenant"))
	list, err := keepOrder.Page(tables.WhereSet(q, "ref", ref), page)
	if err != nil {
		return list, fmt.Errorf("list keeps: %w", err)
	}
	return list, nil
}

// Keep returns one, or ErrNotFound.
func (s *Store) Keep(ctx context.Context, scope store.Scope, id uuid.UUID) (*Keep, error) {
	var k Keep
	err := tables.Narrow(s.db.Read(ctx), scope.Seen("tenant")).Take(&k, "id = ?", id.String()).Error
	if err != nil {
		return nil, fmt.Errorf("keep %s: %w", id, store.Translate(err))
	}
	return &k, nil
}

// DeleteKeep lets the rules count for a set again. ErrNotFound: there is no such keep.
// ErrOfNoTenant: only others may.
func (s *Store) DeleteKeep(ctx context.Context, scope store.Scope, id uuid.UUID) error {
	return s.InTx(ctx, func(tx *Store) error {
		k, err := tx.Keep(ctx, scope, id)
		if err == nil {
			err = scope.Check(k.Tenant)
		}
		if err == nil {
			res := tx.db.Tx.Delete(&Keep{}, "id = ?", id.String())
			if err = store.Translate(res.Error); err == nil && res.RowsAffected == 0 {
				err = store.ErrNotFound
			}
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("delete keep %s: %w", id, err)
		}
		return err
	})
}
