package results

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/compact"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// A result's tests lie once more in the order of their names, for comparisons. The
// names are a list of their own, in parts of some thousand, in which a name is
// written as what it does not share with the one before; all results of a suite
// share it. What belongs to the result are the tests' numbers and statuses, in parts
// that match those of the names.

const (
	// partTests and partBytes bound a part: what one page of a comparison reads
	// beside what it shows.
	partTests = 2048
	partBytes = 128 << 10

	// sliceParts is how many bytes of parts one transaction writes.
	sliceParts = 1 << 20
)

// listPart is one part on its way into the tables.
type listPart struct {
	n     int64
	first string // the first name in it
	count int64
	names []byte
	tests []byte
}

// partWriter cuts a list into parts. The same names always make the same parts.
type partWriter struct {
	part  listPart
	last  string
	sum   hash.Hash // of all names; nil for none
	write func(listPart) error
}

func (w *partWriter) add(e listedName, status TestStatus) error {
	if w.part.count == partTests || len(w.part.names) > partBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	p := &w.part
	if p.count == 0 {
		p.first, w.last = e.name, ""
		p.names = append(make([]byte, 0, partBytes/2), compactVersion)
		p.tests = append(make([]byte, 0, 4*partTests), compactVersion)
	}
	shared := sharedPrefix(w.last, e.name)
	at := len(p.names)
	p.names = binary.AppendUvarint(p.names, uint64(shared))
	p.names = compact.AppendText(p.names, e.name[shared:])
	if w.sum != nil {
		_, _ = w.sum.Write(p.names[at:]) // a hash never fails
	}
	p.tests = binary.AppendUvarint(p.tests, uint64(e.n))
	p.tests = append(p.tests, byte(status))
	p.count++
	w.last = e.name
	return nil
}

// flush hands over what is there, and an empty part when nothing came at all.
func (w *partWriter) flush() error {
	if w.part.count == 0 && w.part.n > 0 {
		return nil
	}
	if w.part.names == nil {
		w.part.names, w.part.tests = []byte{compactVersion}, []byte{compactVersion}
	}
	err := w.write(w.part)
	w.part = listPart{n: w.part.n + 1}
	return err
}

func sharedPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// The numbered form of parameters is the one that both databases read.
const (
	putNames = `INSERT INTO name_list_parts (list_id, part, first, tests, data) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (list_id, part) DO NOTHING`
	putTests = `INSERT INTO test_lists (result_key, part, data) VALUES ($1, $2, $3)
		ON CONFLICT (result_key, part) DO UPDATE SET data = EXCLUDED.data`
)

// InsertNameList writes the list of a result between BeginResult and PublishResult
// and notes in r where it is. The list must hold every test of the result; what
// happens to them afterwards must not change a status. ErrConflict: the result is
// not being uploaded (any more).
func (s *Store) InsertNameList(ctx context.Context, r *Result, list *NameList) error {
	if err := s.writeList(ctx, r, list, func(tx *Store) error { return tx.renewLease(r.Key) }); err != nil {
		return fmt.Errorf("list of tests of result %d: %w", r.Key, err)
	}
	return nil
}

// writeList writes a list in slices, each of which begins with check, and notes it
// in the result's row with the last one.
func (s *Store) writeList(ctx context.Context, r *Result, list *NameList, check func(tx *Store) error) error {
	slice := &partSlice{s: s, ctx: ctx, check: check, put: func(tx *Store, p listPart) error {
		if err := tx.PlaceKey(r.Key); err != nil {
			return err
		}
		_, err := tx.db.Exec(putTests, r.Key, p.n, p.tests)
		return err
	}}
	parts := int64(0)
	w := &partWriter{sum: sha256.New(), write: func(p listPart) error {
		parts++
		p.names = nil
		return slice.add(p, len(p.tests))
	}}
	if err := errors.Join(list.each(w.add), w.flush(), slice.flush()); err != nil {
		return err
	}
	sum := w.sum.Sum(nil)
	for {
		id, err := s.nameList(ctx, sum)
		if errors.Is(err, store.ErrNotFound) {
			id, err = s.writeNames(ctx, sum, parts, list, check)
		}
		if err != nil {
			return err
		}
		err = s.InTx(ctx, func(tx *Store) error {
			if err := check(tx); err != nil {
				return err
			}
			return tx.useNames(r.Key, id, parts)
		})
		if err == nil {
			r.ListID, r.ListParts = id, parts
		}
		if !errors.Is(err, errListGone) {
			return err
		}
	}
}

// errListGone says that a list of names was swept just before it was to be used.
var errListGone = errors.New("the list of names is gone")

// nameList finds a whole list by the hash of its names.
func (s *Store) nameList(ctx context.Context, sum []byte) (int64, error) {
	var id int64
	err := s.db.Read(ctx).Raw("SELECT id FROM name_lists WHERE hash = ?", tables.Bytes(sum)).Row().Scan(&id)
	return id, store.Translate(err)
}

// useNames notes in a result which list has its names.
func (s *Store) useNames(key, id, parts int64) error {
	lock := "SELECT id FROM name_lists WHERE id = ?"
	if s.db.Postgres {
		lock += " FOR SHARE"
	}
	var found []int64
	if err := s.db.Tx.Raw(lock, id).Scan(&found).Error; err != nil {
		return store.Translate(err)
	}
	if len(found) == 0 {
		return errListGone
	}
	return store.Translate(s.db.Tx.Model(&Result{}).Where("key = ?", key).Updates(map[string]any{"list_id": id, "list_parts": parts}).Error)
}

// writeNames writes a list of names in slices. Nobody finds it before it is whole:
// until then its hash is a random one, and of two that are made at once the second
// is left to the sweep.
func (s *Store) writeNames(ctx context.Context, sum []byte, parts int64, list *NameList, check func(tx *Store) error) (id int64, err error) {
	draft := s.NewID()
	err = s.InTx(ctx, func(tx *Store) error {
		row := tx.db.Tx.Raw("INSERT INTO name_lists (hash, parts, created_at) VALUES (?, ?, ?) RETURNING id", tables.Bytes(draft[:]), parts, store.Micros(s.Now())).Row()
		return store.Translate(row.Scan(&id))
	})
	if err != nil {
		return 0, err
	}
	slice := &partSlice{s: s, ctx: ctx, check: check, put: func(tx *Store, p listPart) error {
		_, err := tx.db.Exec(putNames, id, p.n, p.first, p.count, p.names)
		return err
	}}
	w := &partWriter{write: func(p listPart) error { return slice.add(p, len(p.names)) }}
	if err := errors.Join(list.each(w.add), w.flush(), slice.flush()); err != nil {
		return 0, err
	}
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, fmt.Sprintf("name_lists/%x", sum)); err != nil {
			return err
		}
		if other, err := tx.nameList(ctx, sum); !errors.Is(err, store.ErrNotFound) {
			id = other
			return err
		}
		return store.Translate(tx.db.Tx.Exec("UPDATE name_lists SET hash = ? WHERE id = ?", tables.Bytes(sum), id).Error)
	})
	return id, err
}

// partSlice writes parts in transactions of a limited size.
type partSlice struct {
	s     *Store
	ctx   context.Context // it lives as long as one call
	check func(tx *Store) error
	put   func(tx *Store, p listPart) error
	parts []listPart
	size  int
}

func (l *partSlice) add(p listPart, size int) error {
	l.parts = append(l.parts, p)
	if l.size += size; l.size < sliceParts {
		return nil
	}
	return l.flush()
}

func (l *partSlice) flush() error {
	if len(l.parts) == 0 {
		return nil
	}
	err := l.s.InTx(l.ctx, func(tx *Store) error {
		if err := l.check(tx); err != nil {
			return err
		}
		for _, p := range l.parts {
			if err := l.put(tx, p); err != nil {
				return store.Translate(err)
			}
		}
		return nil
	})
	l.parts, l.size = l.parts[:0], 0
	return err
}

// listAge is how long a list of names is kept that no result uses: uploads that are
// under way may be about to.
const listAge = 24 * time.Hour

// SweepNameLists removes the lists of names that no result uses any more, and those
// that were never finished. It returns how many.
func (s *Store) SweepNameLists(ctx context.Context) (int, error) {
	const unused = "created_at < ? AND NOT EXISTS (SELECT 1 FROM results r WHERE r.list_id = name_lists.id)"
	old := store.Micros(s.Now().Add(-listAge))
	var ids []int64
	if err := s.db.Read(ctx).Raw("SELECT id FROM name_lists WHERE "+unused, old).Scan(&ids).Error; err != nil {
		return 0, fmt.Errorf("sweep lists of names: %w", store.Translate(err))
	}
	for i, id := range ids {
		err := s.InTx(ctx, func(tx *Store) error {
			res := tx.db.Tx.Exec("DELETE FROM name_lists WHERE id = ? AND "+unused, id, old)
			if res.Error != nil || res.RowsAffected == 0 {
				return store.Translate(res.Error)
			}
			return store.Translate(tx.db.Tx.Exec("DELETE FROM name_list_parts WHERE list_id = ?", id).Error)
		})
		if err != nil {
			return i, fmt.Errorf("sweep lists of names: %w", err)
		}
	}
	return len(ids), nil
}
