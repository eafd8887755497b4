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

// ReportByID returns one report, or ErrNotFound.
func (s *Store) ReportByID(ctx context.Context, c *Collection, id string) (*Report, error) {
	r, err := s.oneReport(ctx, c, `"_id" = ?`, id)
	if err != nil {
		return nil, fmt.Errorf("%s %.30q: %w", c.table, id, err)
	}
	return r, nil
}

// ReportByIdentity returns the report with this identity, or ErrNotFound.
func (s *Store) ReportByIdentity(ctx context.Context, c *Collection, identity []byte) (*Report, error) {
	r, err := s.oneReport(ctx, c, "identity = ?", tables.Bytes(identity))
	if err != nil {
		return nil, fmt.Errorf("%s by identity: %w", c.table, err)
	}
	return r, nil
}

func (s *Store) oneReport(ctx context.Context, c *Collection, where string, arg any) (*Report, error) {
	rows, err := s.db.Read(ctx).Raw("SELECT seq, "+c.list+", rest FROM "+c.table+" WHERE "+where, arg).Rows()
	if err != nil {
		return nil, store.Translate(err)
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, errors.Join(store.ErrNotFound, store.Translate(rows.Err()))
	}
	return newScanner(c).scan(rows)
}

// SaveReport writes the report with this identity as change makes it. Old is
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

// LockIdentity keeps others from saving a report with this identity until the
// transaction ends.
func (s *Store) LockIdentity(ctx context.Context, c *Collection, identity []byte) error {
	return s.Lock(ctx, c.table+"/"+hex.EncodeToString(identity))
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
// identity it keeps the one that it has. ErrNotFound: there is none. ErrConflict:
// another one has the new identity. When change returns nil nothing is written.
func (s *Store) UpdateReport(ctx context.Context, c *Collection, id string, change func(tx *Store, old *Report) (*Report, error)) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, c.table+"/"+id); err != nil {
			return err
		}
		old, err := tx.ReportByID(ctx, c, id)
		if err != nil {
			return err
		}
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

// InsertReports adds reports in one transaction. ErrConflict: an id or an
// identity exists, and none was added.
func (s *Store) InsertReports(ctx context.Context, c *Collection, list ...*Report) error {
	return s.InTx(ctx, func(tx *Store) error {
		for slice := range slices.Chunk(list, insertSlice) {
			if err := tx.insertReports(c, slice); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) insertReports(c *Collection, list []*Report) error {
	marks := "(?" + strings.Repeat(", ?", len(c.Columns)+1) + ")"
	args := make([]any, 0, len(list)*(len(c.Columns)+2))
	for _, r := range list {
		args = append(args, c.args(r)...)
	}
	err := s.db.Tx.Exec("INSERT INTO "+c.table+" (identity, "+c.list+", rest) VALUES "+marks+strings.Repeat(", "+marks, len(list)-1), args...).Error
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
	err := s.db.Tx.Exec("UPDATE "+c.table+" SET identity = COALESCE(?, identity)"+set.String()+", rest = ? WHERE seq = ?", args...).Error
	if err != nil {
		return fmt.Errorf("update %s: %w", c.table, store.Translate(err))
	}
	return nil
}

// args are the values of a row: the identity, the columns, the rest.
func (c *Collection) args(r *Report) []any {
	args := make([]any, 0, len(c.Columns)+3)
	args = append(args, tables.Bytes(r.Identity))
	for i, column := range c.Columns {
		args = append(args, toColumn(column.Kind, r.Values[i]))
	}
	return append(args, r.Rest)
}

// deleteSlice is how many reports one transaction removes.
const deleteSlice = 500

// DeleteReports removes all reports that meet the conditions and returns how many
// they were: some at a time, so that others can write in between, or in the
// transaction that s is.
func (s *Store) DeleteReports(ctx context.Context, c *Collection, where []Condition) (int64, error) {
	cond, args := c.where(where)
	var total int64
	if s.db.Tx != nil {
		res := s.db.Tx.Exec("DELETE FROM "+c.table+cond, args...)
		if res.Error != nil {
			return 0, fmt.Errorf("delete from %s: %w", c.table, store.Translate(res.Error))
		}
		return res.RowsAffected, nil
	}
	for {
		var n int64
		err := s.InTx(ctx, func(tx *Store) error {
			res := tx.db.Tx.Exec(fmt.Sprintf("DELETE FROM %s WHERE seq IN (SELECT seq FROM %s%s LIMIT %d)", c.table, c.table, cond, deleteSlice), args...)
			n = res.RowsAffected
			if res.Error != nil {
				return fmt.Errorf("delete from %s: %w", c.table, store.Translate(res.Error))
			}
			return nil
		})
		total += n
		if err != nil || n < deleteSlice {
			return total, err
		}
	}
}
