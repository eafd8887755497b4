package analysis

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// The states of an issue.
const (
	IssueOpen   = "open"
	IssueClosed = "closed"
)

// Issue is something that is known to make tests fail.
type Issue struct {
	ID        uuid.UUID `gorm:"type:text;primaryKey"`
	Tenant    string
	Title     string
	URL       *string `gorm:"column:url"`
	State     string
	ExpiresAt *time.Time `gorm:"serializer:micros;type:bigint"` // nil: never

	// What a failing test must match; nil and empty match all.
	Name      string // a glob
	Message   *string
	Context   store.JSON // an object: field to value or null
	Sources   store.Strings
	CloudID   *int64
	Job       *string
	ProductID *string

	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	UpdatedAt time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
	CreatedBy string

	Counted bool // Matches knows what was stored before the issue
}

// TableName names the table.
func (Issue) TableName() string { return "known_issues" }

// ErrTooMany says that a tenant has as many open issues as it may have.
var ErrTooMany = fmt.Errorf("too many open issues: %w", store.ErrConflict)

// CreateIssue adds an issue and fills in ID, CreatedAt and UpdatedAt. ErrTooMany:
// the tenant has as many open ones as most.
func (s *Store) CreateIssue(ctx context.Context, i *Issue, most int) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.lockIssues(ctx, i.Tenant); err != nil {
			return err
		}
		if err := tx.checkOpen(i, most); err != nil {
			return err
		}
		i.ID, i.CreatedAt = tx.NewID(), tx.Now()
		i.UpdatedAt = i.CreatedAt
		if err := tx.db.Tx.Create(i).Error; err != nil {
			return fmt.Errorf("create known issue: %w", store.Translate(err))
		}
		return nil
	})
}

// lockIssues keeps others from changing the issues of a tenant, and from settling
// failures by what they were, until the transaction ends.
func (s *Store) lockIssues(ctx context.Context, tenant string) error {
	return s.Lock(ctx, "known_issues/"+tenant)
}

// checkOpen counts the open issues of the tenant besides this one, when it is open.
func (s *Store) checkOpen(i *Issue, most int) error {
	if i.State != IssueOpen {
		return nil
	}
	var n int64
	err := s.db.Tx.Model(&Issue{}).Where("tenant = ? AND state = 'open' AND id <> ?", i.Tenant, i.ID.String()).Count(&n).Error
	if err == nil && n >= int64(most) {
		return ErrTooMany
	}
	return store.Translate(err)
}

// Issue returns an issue that the scope sees, or ErrNotFound.
func (s *Store) Issue(ctx context.Context, scope store.Scope, id uuid.UUID) (*Issue, error) {
	return issueBy(s.db.Read(ctx), scope, id)
}

func issueBy(q *gorm.DB, scope store.Scope, id uuid.UUID) (*Issue, error) {
	var i Issue
	err := store.Translate(q.Take(&i, "id = ?", id.String()).Error)
	if err == nil && !scope.Sees(i.Tenant) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("known issue %s: %w", id, err)
	}
	return &i, nil
}

// UpdateIssue loads an issue, lets change edit it and saves it. ErrNotFound: the
// scope sees none. ErrOfNoTenant: it sees one that it may not change. ErrTooMany: it was opened, and there are most open ones.
func (s *Store) UpdateIssue(ctx context.Context, scope store.Scope, id uuid.UUID, most int, change func(i *Issue) error) (i *Issue, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		if i, err = tx.lockIssue(ctx, scope, id); err != nil {
			return err
		}
		if err := scope.Check(i.Tenant); err != nil {
			return fmt.Errorf("known issue %s: %w", id, err)
		}
		was := *i
		if err := change(i); err != nil {
			return err
		}
		if was.State != i.State {
			if err := tx.checkOpen(i, most); err != nil {
				return err
			}
		}
		if !was.matchesAs(i) {
			i.Counted = false
			if err := tx.db.Tx.Delete(&Match{}, "issue_id = ?", id.String()).Error; err != nil {
				return fmt.Errorf("update known issue %s: %w", id, store.Translate(err))
			}
		}
		i.UpdatedAt = tx.Now()
		if err := tx.db.Tx.Save(i).Error; err != nil {
			return fmt.Errorf("update known issue %s: %w", id, store.Translate(err))
		}
		return nil
	})
	return i, err
}

// lockIssue returns an issue that the scope sees, and locks those of its tenant.
func (s *Store) lockIssue(ctx context.Context, scope store.Scope, id uuid.UUID) (*Issue, error) {
	i, err := issueBy(s.db.Tx, scope, id)
	if err == nil {
		err = s.lockIssues(ctx, i.Tenant)
	}
	if err != nil {
		return nil, err
	}
	return issueBy(s.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}), scope, id)
}

// matchesAs reports whether two states of an issue match the same tests.
func (i *Issue) matchesAs(o *Issue) bool {
	return i.Name == o.Name && equal(i.Message, o.Message) && bytes.Equal(i.Context, o.Context) && slices.Equal(i.Sources, o.Sources) &&
		equal(i.CloudID, o.CloudID) && equal(i.Job, o.Job) && equal(i.ProductID, o.ProductID)
}

func equal[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// DeleteIssue removes an issue. ErrNotFound: the scope sees none. ErrOfNoTenant: it
// sees one that it may not change.
func (s *Store) DeleteIssue(ctx context.Context, scope store.Scope, id uuid.UUID) error {
	return s.InTx(ctx, func(tx *Store) error {
		i, err := tx.lockIssue(ctx, scope, id)
		if err == nil {
			err = scope.Check(i.Tenant)
		}
		if err != nil {
			return err
		}
		if err := tx.db.Tx.Delete(i).Error; err != nil {
			return fmt.Errorf("delete known issue %s: %w", id, store.Translate(err))
		}
		return nil
	})
}

var issueOrder = store.Order[Issue]{
	Name: "known-issues",
	Keys: []store.SortKey{{Column: "id", Desc: true, Text: true}},
	At:   func(i *Issue) []any { return []any{i.ID.String()} },
}

// ListIssues returns the issues that the scope sees, the newest first; an empty
// state is every state.
func (s *Store) ListIssues(ctx context.Context, scope store.Scope, state string, p store.Page) (store.List[Issue], error) {
	q := s.db.Read(ctx).Model(&Issue{})
	for _, c := range scope.Seen("tenant") {
		q = q.Where(c.SQL, c.Args...)
	}
	list, err := issueOrder.Page(tables.WhereSet(q, "state", state), p)
	if err != nil {
		return list, fmt.Errorf("list known issues: %w", err)
	}
	return list, nil
}

// AllIssues returns the issues of one tenant in every state, the oldest first.
func (s *Store) AllIssues(ctx context.Context, tenant string) ([]Issue, error) {
	var list []Issue
	if err := s.db.Read(ctx).Where("tenant = ?", tenant).Order("id").Find(&list).Error; err != nil {
		return nil, fmt.Errorf("known issues: %w", store.Translate(err))
	}
	return list, nil
}

// OpenIssues returns the issues of one tenant that are open and not expired, the
// oldest first.
func (s *Store) OpenIssues(ctx context.Context, tenant string) ([]Issue, error) {
	var list []Issue
	err := s.db.Read(ctx).Where("tenant = ? AND state = 'open' AND (expires_at IS NULL OR expires_at > ?)", tenant, store.Micros(s.Now())).
		Order("id").Find(&list).Error
	if err != nil {
		return nil, fmt.Errorf("open known issues: %w", store.Translate(err))
	}
	return list, nil
}
