package reports

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// ReportByID returns one report that the scope sees, also when one of its tenant
// hides it in lists, or ErrNotFound.
func (s *Store) ReportByID(ctx context.Context, c *Collection, id string) (*Report, error) {
	r, err := s.oneReport(ctx, c, append(s.existing(c), tables.If(`"_id" = ?`, id)), "")
	if err != nil {
		return nil, fmt.Errorf("%s %.30q: %w", c.table, id, err)
	}
	return r, nil
}

// ReportByIdentity returns the report of the scope's own tenant with this identity,
// or ErrNotFound.
func (s *Store) ReportByIdentity(ctx context.Context, c *Collection, identity []byte) (*Report, error) {
	r, err := s.oneReport(ctx, c, []tables.Condition{tables.If("identity = ?", tables.Bytes(identity)), s.own(c)}, "")
	if err != nil {
		return nil, fmt.Errorf("%s by identity: %w", c.table, err)
	}
	return r, nil
}

// HasIdentity reports whether the scope sees a report with this identity.
func (s *Store) HasIdentity(ctx context.Context, c *Collection, identity []byte) (bool, error) {
	where := append(s.existing(c), tables.If("identity = ?", tables.Bytes(identity)))
	rows, err := s.db.Query(ctx, "SELECT 1 FROM "+c.table+tables.Where(where)+" LIMIT 1", tables.Args(where)...)
	if err != nil {
		return false, fmt.Errorf("%s by identity: %w", c.table, store.Translate(err))
	}
	defer rows.Close()
	known := rows.Next()
	return known, store.Translate(rows.Err())
}

// NewestReport returns the newest report that meets the conditions among those of
// the scope's own tenant; when there is none, among all that the scope sees; then
// ErrNotFound.
func (s *Store) NewestReport(ctx context.Context, c *Collection, conditions []Condition) (*Report, error) {
	order, _ := s.orderBy(c, []string{"created_on"}, true)
	where := c.conditions(conditions)
	r, err := s.oneReport(ctx, c, append(slices.Clone(where), s.own(c)), order+" LIMIT 1")
	if errors.Is(err, store.ErrNotFound) && (s.scope.All || s.scope.Tenant != "") {
		r, err = s.oneReport(ctx, c, append(where, s.existing(c)...), order+" LIMIT 1")
	}
	if err != nil {
		return nil, fmt.Errorf("newest of %s: %w", c.table, err)
	}
	return r, nil
}

func (s *Store) oneReport(ctx context.Context, c *Collection, where []tables.Condition, order string) (*Report, error) {
	rows, err := s.db.Query(ctx, "SELECT "+c.selected()+" FROM "+c.table+tables.Where(where)+order, tables.Args(where)...)
	if err != nil {
		return nil, store.Translate(err)
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, errors.Join(store.ErrNotFound, store.Translate(rows.Err()))
	}
	return newScanner(c).scan(rows)
}

// SaveReport writes the tenant's report with this identity as change makes it. Old is
// nil when there is none yet; otherwise the new one takes its place. When change
// returns nil, or an error, nothing is written. It may run again, and what it
// reads through tx belongs to the same transaction. Of several that save one
// identity at once each sees what the one before it saved.
func (s *Store) SaveReport(ctx context.Context, c *Collection, identity []byte, change func(tx *Store, old *Report) (*Report, error)) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.LockIdentity(ctx, c, identity); err != nil {
			return err
		}
		return tx.PutReport(ctx, c, identity, change)
	})
}

// LockIdentity keeps others of the tenant from saving a report with this identity
// until the transaction ends.
func (s *Store) LockIdentity(ctx context.Context, c *Collection, identity []byte) error {
	return s.Lock(ctx, c.table+"/"+hex.EncodeToString(identity)+"/"+s.scope.Tenant)
}

// PutReport is SaveReport inside a transaction that keeps others away from the
// report by a lock of its own.
func (s *Store) PutReport(ctx context.Context, c *Collection, identity []byte, change func(tx *Store, old *Report) (*Report, error)) error {
	old, err := s.ReportByIdentity(ctx, c, identity)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	r, err := change(s, old)
	if err != nil || r == nil {
		return err
	}
	r.Identity = identity
	if old != nil {
		return s.replaceReport(c, old.seq, r)
	}
	return s.insertReports(c, []*Report{r})
}

// UpdateReport writes the report with this id as change makes it; without an
// identity it keeps the one that it has. ErrNotFound: there is none. ErrOfNoTenant:
// only who belongs to no tenant may change it. ErrConflict: another one of its tenant
// has the new identity. When change returns nil nothing is written. The tx that change
// gets writes for the tenant of the report.
func (s *Store) UpdateReport(ctx context.Context, c *Collection, id string, change func(tx *Store, old *Report) (*Report, error)) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, c.table+"/"+id); err != nil {
			return err
		}
		old, err := tx.ReportByID(ctx, c, id)
		if err != nil {
			return err
		}
		if err := tx.Check(old); err != nil {
			return fmt.Errorf("%s %.30q: %w", c.table, id, err)
		}
		tx = tx.For(store.Scope{Tenant: old.Tenant})
		r, err := change(tx, old)
		if err != nil || r == nil {
			return err
		}
		if r.Identity != nil { // somebody may be about to save a report that has it
			if err := tx.LockIdentity(ctx, c, r.Identity); err != nil {
				return err
			}
		}
		return tx.replaceReport(c, old.seq, r)
	})
}

// insertSlice is how many reports one statement adds: some thousand values, which
// either database takes.
const insertSlice = 64

// InsertReports adds reports of the scope's tenant in one transaction. ErrConflict:
// an id or an identity exists, and none was added.
func (s *Store) InsertReports(ctx context.Context, c *Collection, list ...*Report) error {
	return s.InTx(ctx, func(tx *Store) error { return tx.PutReports(c, list...) })
}

// PutReports is InsertReports inside a transaction that fails when it does.
func (s *Store) PutReports(c *Collection, list ...*Report) error {
	for slice := range slices.Chunk(list, insertSlice) {
		if err := s.insertReports(c, slice); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) insertReports(c *Collection, list []*Report) error {
	args := make([]any, 0, len(list)*(len(c.Columns)+3))
	for _, r := range list {
		args = append(append(args, s.scope.Tenant), c.args(r)...)
	}
	err := s.db.Put(c.insert+c.marks+strings.Repeat(", "+c.marks, len(list)-1), args...)
	if err != nil {
		return fmt.Errorf("insert into %s: %w", c.table, store.Translate(err))
	}
	return nil
}

func (s *Store) replaceReport(c *Collection, seq int64, r *Report) error {
	var set strings.Builder
	for _, column := range c.Columns {
		set.WriteString(", " + quoted(column.Name) + " = ?")
	}
	args := append(c.args(r), seq)
	err := s.db.Put("UPDATE "+c.table+" SET identity = COALESCE(?, identity)"+set.String()+", rest = ? WHERE seq = ?", args...)
	if err != nil {
		return fmt.Errorf("update %s: %w", c.table, store.Translate(err))
	}
	return nil
}

// args are the values of a row that may change: the identity, the columns, the rest.
func (c *Collection) args(r *Report) []any {
	args := make([]any, 0, len(c.Columns)+3)
	args = append(args, tables.Bytes(r.Identity))
	for i, column := range c.Columns {
		args = append(args, toColumn(column.Kind, r.Values[i]))
	}
	return append(args, r.Rest)
}

// MoveGroup notes that a group, and all of its tenant that is inside it, is in
// the tree of another outermost group from now on.
func (s *Store) MoveGroup(ctx context.Context, id, root string) error {
	for _, c := range []*Collection{Groups, Cases} {
		err := s.db.Tx.WithContext(ctx).Exec(`WITH RECURSIVE inside(id) AS (SELECT "_id" FROM test_groups WHERE "_id" = ? UNION
			SELECT g."_id" FROM inside JOIN test_groups g ON g.parent_id = inside.id WHERE g.tenant = ?)
			UPDATE `+c.table+` SET "root_id" = ? WHERE tenant = ? AND `+quoted(c.group)+` IN (SELECT id FROM inside)`,
			id, s.scope.Tenant, root, s.scope.Tenant).Error
		if err != nil {
			return fmt.Errorf("move test group %.30q: %w", id, store.Translate(err))
		}
	}
	return nil
}

// deleteSlice is how many reports one transaction removes.
const deleteSlice = 500

// DeleteReports removes all reports that meet the conditions and that the scope may
// change, and returns how many they were: some at a time, so that others can write in between, or in the
// transaction that s is.
func (s *Store) DeleteReports(ctx context.Context, c *Collection, where []Condition) (int64, error) {
	parts := append(c.conditions(where), s.scope.Changeable(c.table+".tenant")...)
	cond, args := tables.Where(parts), tables.Args(parts)
	var total int64
	if s.db.Tx != nil {
		kernels, err := s.forgetTests(c, c.table+cond, args)
		if err != nil {
			return 0, err
		}
		res := s.db.Tx.Exec("DELETE FROM "+c.table+cond, args...)
		if res.Error != nil {
			return 0, fmt.Errorf("delete from %s: %w", c.table, store.Translate(res.Error))
		}
		return res.RowsAffected, s.forgetKernels(kernels)
	}
	for {
		var n int64
		err := s.InTx(ctx, func(tx *Store) error {
			slice := fmt.Sprintf("%s%s ORDER BY seq LIMIT %d", c.table, cond, deleteSlice)
			kernels, err := tx.forgetTests(c, slice, args)
			if err != nil {
				return err
			}
			res := tx.db.Tx.Exec("DELETE FROM "+c.table+" WHERE seq IN (SELECT seq FROM "+slice+")", args...)
			n = res.RowsAffected
			if res.Error != nil {
				return fmt.Errorf("delete from %s: %w", c.table, store.Translate(res.Error))
			}
			return tx.forgetKernels(kernels)
		})
		total += n
		if err != nil || n < deleteSlice {
			return total, err
		}
	}
}
