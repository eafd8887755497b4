package results

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/compact"
)

// ListedTest is a test in the order of names.
type ListedTest struct {
	Name   []byte // valid until the next call of Next
	N      int64
	Status TestStatus
}

// ListReader reads the tests of a result in the order of their names. It holds at
// most maxPartsAtOnce parts of them.
type ListReader struct {
	s      *Store
	ctx    context.Context // a reader lives as long as one request
	result Result

	part         int64        // the next one to read
	ahead        []loadedPart // those that were read with it
	atOnce       int64        // how many are read the next time
	names, tests *compact.Reader
	left         int64
	from         string // names before it are passed over
	test         ListedTest
	err          error
}

// ReadList returns a reader of a result's tests that begins with the first name
// that is not before from; the empty one is before all. It costs no more to begin
// in the middle. A result that is not listed yet is listed first: see ListResult.
func (s *Store) ReadList(ctx context.Context, r *Result, from string) (*ListReader, error) {
	if r.ListID == 0 {
		if err := s.ListResult(ctx, r); err != nil {
			return nil, err
		}
	}
	reader := &ListReader{s: s, ctx: ctx, result: *r, from: from}
	var err error
	if from != "" {
		reader.part, err = s.partOf(ctx, r, from)
	}
	return reader, err
}

// partsAsked is how many parts one statement asks for their first name.
const partsAsked = 31

// partOf finds the last part whose first name is before from.
func (s *Store) partOf(ctx context.Context, r *Result, from string) (int64, error) {
	low, high := int64(0), r.ListParts
	for high-low > 1 {
		var ask []int64
		step := (high - low + partsAsked) / (partsAsked + 1)
		for part := low + step; part < high; part += step {
			ask = append(ask, part)
		}
		var last *int64
		err := s.db.Read(ctx).Raw("SELECT MAX(part) FROM name_list_parts WHERE list_id = ? AND part IN ? AND first < ?", r.ListID, ask, from).Row().Scan(&last)
		if err != nil {
			return 0, fmt.Errorf("list of result %s: %w", r.ID, store.Translate(err))
		}
		if last != nil {
			low = *last
		}
		high = min(high, low+step)
	}
	return low, nil
}

// Next moves to the next test and reports whether there is one. Afterwards Err
// says why not.
func (l *ListReader) Next() bool {
	for l.err == nil {
		for l.left == 0 {
			if l.part == l.result.ListParts || !l.load() {
				return false
			}
		}
		l.left--
		shared, suffix := int(l.names.Size()), l.names.Bytes()
		l.test.N, l.test.Status = l.tests.Size(), TestStatus(l.tests.Byte())
		if l.names.Failed() || l.tests.Failed() || shared > len(l.test.Name) {
			l.err = errCompact
			return false
		}
		l.test.Name = append(l.test.Name[:shared], suffix...)
		if l.from == "" || string(l.test.Name) >= l.from {
			l.from = ""
			return true
		}
	}
	return false
}

// maxPartsAtOnce is how many parts one statement reads. The first ones read fewer:
// who wants a page needs no more.
const maxPartsAtOnce = 4

type loadedPart struct {
	count        int64
	names, tests []byte
}

const readParts = `SELECT n.tests, n.data, t.data FROM name_list_parts n JOIN test_lists t ON t.result_key = ? AND t.part = n.part
	WHERE n.list_id = ? AND n.part >= ? AND n.part < ? ORDER BY n.part`

// load takes the next part.
func (l *ListReader) load() bool {
	if len(l.ahead) == 0 {
		if err := l.readAhead(); err != nil {
			l.err = fmt.Errorf("part %d of the list of result %s: %w", l.part, l.result.ID, store.Translate(err))
			return false
		}
	}
	next := &l.ahead[0]
	l.left, l.names, l.tests = next.count, compact.NewReader(next.names), compact.NewReader(next.tests)
	l.ahead = l.ahead[1:]
	l.part++
	l.test.Name = l.test.Name[:0]
	if l.names.Byte() != compactVersion || l.tests.Byte() != compactVersion {
		l.err = errCompact
	}
	return l.err == nil
}

// readAhead reads the next parts, twice as many as the last time.
func (l *ListReader) readAhead() error {
	l.atOnce = min(max(2*l.atOnce, 1), maxPartsAtOnce)
	rows, err := l.s.db.Read(l.ctx).Raw(readParts, l.result.Key, l.result.ListID, l.part, l.part+l.atOnce).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	l.ahead = make([]loadedPart, 0, l.atOnce)
	for rows.Next() {
		var p loadedPart
		if err := rows.Scan(&p.count, &p.names, &p.tests); err != nil {
			return err
		}
		l.ahead = append(l.ahead, p)
	}
	if len(l.ahead) == 0 && rows.Err() == nil {
		return sql.ErrNoRows
	}
	return rows.Err()
}

// Test is the test that Next moved to.
func (l *ListReader) Test() *ListedTest { return &l.test }

// Err is why Next ended before the end, nil when it came there.
func (l *ListReader) Err() error { return l.err }

// ListResult lists a visible result that was stored before there were lists, and
// keeps the texts of its failures. Several servers may do so at once: they write
// the same. ErrNotFound: the result is gone.
func (s *Store) ListResult(ctx context.Context, r *Result) error {
	list := NewNameList()
	defer list.Close()
	failing, err := s.scanForList(ctx, r, list)
	if err == nil {
		err = s.keepOldFailures(ctx, r, failing)
	}
	if err == nil {
		err = s.writeList(ctx, r, list, func(tx *Store) error { return tx.stillVisible(r.Key) })
	}
	if err != nil {
		return fmt.Errorf("list the tests of result %s: %w", r.ID, err)
	}
	return nil
}

// stillVisible returns ErrNotFound when the result was deleted meanwhile: what is
// written for it then would stay for ever.
func (s *Store) stillVisible(key int64) error {
	lock := "SELECT key FROM results WHERE key = ? AND state = 1"
	if s.db.Postgres {
		lock += " FOR UPDATE"
	}
	var found []int64
	if err := s.db.Tx.Raw(lock, key).Scan(&found).Error; err != nil {
		return store.Translate(err)
	}
	if len(found) == 0 {
		return store.ErrNotFound
	}
	return nil
}

// scanForList feeds a list with the tests of a result, and returns the numbers of
// those that may have something to say.
func (s *Store) scanForList(ctx context.Context, r *Result, list *NameList) (failing []int64, err error) {
	rows, err := s.db.Read(ctx).Raw(`SELECT t.n, m.name, t.status, t.attachments IS NOT NULL FROM tests t JOIN test_names m ON m.id = t.name_id
		WHERE t.result_key = ? ORDER BY t.n`, r.Key).Rows()
	if err != nil {
		return nil, store.Translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var name string
		var status TestStatus
		var speaks bool
		if err := rows.Scan(&n, &name, &status, &speaks); err != nil {
			return nil, store.Translate(err)
		}
		list.add(name, n, status)
		if speaks && status.MayFail() {
			failing = append(failing, n)
		}
	}
	return failing, store.Translate(rows.Err())
}

// UnlistedResults returns some visible results that are not listed yet, the newest
// first.
func (s *Store) UnlistedResults(ctx context.Context, limit int) ([]Result, error) {
	var list []Result
	if err := s.db.Read(ctx).Where("state = 1 AND list_id = 0 AND expired < 4").Order("key DESC").Limit(limit).Find(&list).Error; err != nil {
		return nil, fmt.Errorf("results without a list: %w", store.Translate(err))
	}
	return list, nil
}
