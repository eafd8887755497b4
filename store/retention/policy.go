package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// policyRow is what somebody has set for a tenant, or for every tenant: serverPolicy.
type policyRow struct {
	Tenant    string `gorm:"primaryKey"`
	Rules     store.JSON
	Revision  int64
	UpdatedAt time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`
	UpdatedBy string
}

// TableName tells GORM the table.
func (policyRow) TableName() string { return "retention_policies" }

// serverPolicy is the row of those who see every tenant. No tenant has this name.
const serverPolicy = "\x01server"

// policyOf is whose rules the scope sets.
func policyOf(scope store.Scope) string {
	if scope.All {
		return serverPolicy
	}
	return scope.Tenant
}

// ErrRevision says that the rules are not those any more that were to be replaced.
var ErrRevision = errors.New("the rules have changed")

// SetRules takes the place of the rules that the scope has set before. revision is
// what they must be, negative for any; it returns the new one. ErrRevision: they are
// not.
func (s *Store) SetRules(ctx context.Context, scope store.Scope, by string, revision int64, rules []Rule) (int64, error) {
	row := policyRow{Tenant: policyOf(scope), UpdatedBy: by}
	plain := make([]Rule, len(rules))
	for i, r := range rules {
		r.Source = ""
		plain[i] = r
	}
	var err error
	if row.Rules, err = json.Marshal(plain); err != nil {
		return 0, err
	}
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, "retention/"+row.Tenant); err != nil {
			return err
		}
		old, err := tx.policy(ctx, row.Tenant)
		if err != nil {
			return err
		}
		if revision >= 0 && revision != old.Revision {
			return fmt.Errorf("%w: they are at revision %d", ErrRevision, old.Revision)
		}
		row.Revision, row.UpdatedAt = old.Revision+1, tx.Now()
		return store.Translate(tx.db.Tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error)
	})
	if err != nil {
		return 0, fmt.Errorf("set rules: %w", err)
	}
	return row.Revision, nil
}

func (s *Store) policy(ctx context.Context, tenant string) (*policyRow, error) {
	var row policyRow
	err := s.db.Read(ctx).Limit(1).Find(&row, "tenant = ?", tenant).Error
	return &row, store.Translate(err)
}

// SetByRules returns the rules that were set, the tenants' and the server's, as far as
// they bear on what the scope sees, in the order in which they count, and the revision
// of those that the scope sets.
func (s *Store) SetByRules(ctx context.Context, scope store.Scope) (rules []Rule, revision int64, err error) {
	q := s.db.Read(ctx)
	if !scope.All {
		q = q.Where("tenant IN ?", []string{scope.Tenant, serverPolicy})
	}
	var rows []policyRow
	if err := q.Order("tenant").Find(&rows).Error; err != nil {
		return nil, 0, fmt.Errorf("rules: %w", store.Translate(err))
	}
	for i := range rows {
		var some []Rule
		if err := json.Unmarshal(rows[i].Rules, &some); err != nil {
			return nil, 0, fmt.Errorf("rules: %w", err)
		}
		if rows[i].Tenant == policyOf(scope) {
			revision = rows[i].Revision
		}
		for _, r := range some {
			r.Source = Server
			if rows[i].Tenant != serverPolicy {
				r.Source, r.Tenant = Tenant, &rows[i].Tenant
			}
			if Bears(&r, scope) {
				rules = append(rules, r)
			}
		}
	}
	Sort(rules)
	return rules, revision, nil
}

// Bears reports whether a rule is about something that the scope sees.
func Bears(r *Rule, scope store.Scope) bool { return r.Tenant == nil || scope.Sees(*r.Tenant) }

// scopeOf are the conditions of rows that a run of the scope removes.
func scopeOf(u *unit, tenant *string) []tables.Condition {
	if tenant == nil {
		return nil
	}
	return []tables.Condition{tables.If(u.tenant+" = ?", *tenant)}
}

// Named returns the rules without those that name a product which the scope does not
// see: the server's rules may name products of everybody. A tenant reads its own rules
// whatever they name.
func (s *Store) Named(ctx context.Context, scope store.Scope, rules []Rule) ([]Rule, error) {
	if scope.All {
		return rules, nil
	}
	var ids []string
	for i := range rules {
		if p := rules[i].Product; p != nil && rules[i].Source != Tenant {
			ids = append(ids, *p)
		}
	}
	if len(ids) == 0 {
		return rules, nil
	}
	var seen []string
	if err := s.db.Read(ctx).Table("products").Where("tenant = ? AND id IN ?", scope.Tenant, ids).Pluck("id", &seen).Error; err != nil {
		return nil, fmt.Errorf("products of rules: %w", store.Translate(err))
	}
	return slices.DeleteFunc(rules, func(r Rule) bool {
		return r.Product != nil && r.Source != Tenant && !slices.Contains(seen, *r.Product)
	}), nil
}
