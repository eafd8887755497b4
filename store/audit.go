package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/slipway-lab/slipway/store/internal/tables"
)

// AuditEntry is one line of the audit log: who did what, and what the server
// decided. It never holds a credential or anything of a request's body.
type AuditEntry struct {
	ID    int64     `gorm:"primaryKey"`
	At    time.Time `gorm:"serializer:micros;type:bigint"`
	Event string    // the kind of thing that happened, such as denied or token

	RequestID string
	ActorKind string // empty for nobody
	Actor     string // name
	Owner     string
	Roles     Strings
	Tenant    string
	TokenID   string
	EndUser   string // what X-End-User said; nobody has checked it
	Marker    string // what X-Context-Marker said
	Client    string // address

	Method    string
	Operation string
	Route     string // as the document writes it
	Object    string // what it was about: a path without secrets
	Decision  string // allowed or denied
	Reason    string
	Status    int64
}

// TableName keeps GORM from inventing a plural.
func (AuditEntry) TableName() string { return "audit" }

// auditLock makes replicas append one after the other, so that the order of the
// ids is the order in which entries appear: whoever reads on from the last id
// that it has seen misses none.
const auditLock = "audit"

// AddAudit appends entries in their order. Nothing ever changes one.
func (s *Store) AddAudit(ctx context.Context, entries []AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, auditLock); err != nil {
			return err
		}
		for i := range entries {
			entries[i].ID = 0 // in case this runs again
		}
		if err := tx.db.Tx.CreateInBatches(entries, 50).Error; err != nil {
			return fmt.Errorf("add %d audit entries: %w", len(entries), Translate(err))
		}
		return nil
	})
}

// AuditFilter narrows the audit log; zero fields do not.
type AuditFilter struct {
	Tenants   []string // of the callers; nil is all of them
	Event     string
	Decision  string
	Actor     string
	Owner     string
	TokenID   string
	RequestID string
	Operation string
	Client    string
	From      time.Time // inclusive
	To        time.Time // exclusive
	Page      Page
}

var auditOrder = Order[AuditEntry]{
	Name: "audit",
	Keys: []SortKey{{Column: "id", Desc: true}},
	At:   func(e *AuditEntry) []any { return []any{e.ID} },
}

// ListAudit returns entries, newest first.
func (s *Store) ListAudit(ctx context.Context, f AuditFilter) (List[AuditEntry], error) {
	q := s.db.Read(ctx).Model(&AuditEntry{})
	for column, value := range map[string]string{
		"event": f.Event, "decision": f.Decision, "actor": f.Actor, "owner": f.Owner, "token_id": f.TokenID,
		"request_id": f.RequestID, "operation": f.Operation, "client": f.Client,
	} {
		q = tables.WhereSet(q, column, value)
	}
	q = tables.WhereIn(q, "tenant", f.Tenants)
	list, err := auditOrder.Page(within(q, f.From, f.To), f.Page)
	if err != nil {
		return list, fmt.Errorf("list audit entries: %w", err)
	}
	return list, nil
}

func within(q *gorm.DB, from, to time.Time) *gorm.DB {
	if !from.IsZero() {
		q = q.Where("at >= ?", Micros(from))
	}
	if !to.IsZero() {
		q = q.Where("at < ?", Micros(to))
	}
	return q
}

// SweepAudit removes the entries from before a time, some at a time, and
// returns how many there were.
func (s *Store) SweepAudit(ctx context.Context, before time.Time) (int64, error) {
	var total int64
	for {
		var n int64
		err := s.InTx(ctx, func(tx *Store) error {
			old := tx.db.Tx.Model(&AuditEntry{}).Select("id").Where("at < ?", Micros(before)).Limit(sweptAtOnce)
			res := tx.db.Tx.Where("id IN (?)", old).Delete(&AuditEntry{})
			n = res.RowsAffected
			if res.Error != nil {
				return fmt.Errorf("remove old audit entries: %w", Translate(res.Error))
			}
			return nil
		})
		total += n
		if err != nil || n < sweptAtOnce {
			return total, err
		}
	}
}
