package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"math"
	"slices"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

const (
	// batchTests is how many rows go to the store in one call: enough to share
	// the cost of a commit, few enough to keep memory small. The store cuts them
	// into slices that hold the writer for milliseconds.
	batchTests = 2048

	// maxListed is how many tests that were only listed so far are held back.
	// Most runners list every test before they run it, and the row would be
	// written twice.
	maxListed = 100_000

	// maxOthers is how many records beside the deciding one stay with a test that
	// is not written yet; further ones become rows of their own.
	maxOthers = 16
)

// nameID stands for a test id in memory; 128 bits of its sha256, as in the store.
type nameID [16]byte

// seen is what is remembered of a test id until the end of the upload: some 60
// bytes for each with the map around it.
type seen struct {
	attempt int64 // the last one of this reading; see report.Record
	n       int32
	records int32
	reading int32 // the file, or the group of files, that spoke of the test last
	shown   int32 // the reading of the record that the row shows

	status report.Status // worst of the two below
	before report.Status // what readings before this one came to
	latest report.Status // what this reading comes to so far

	stored bool // a row has gone to the store, or is about to
	stale  bool // the row in the store has an old number of records, or is not flaky yet
	failed bool // an attempt failed, or the reader called one flaky
}

// newSeen is what is known of a test before its first record is taken.
func newSeen(r *report.Record, reading int32) *seen {
	return &seen{before: report.Exists, latest: r.Status, status: r.Status, attempt: r.Attempt, reading: reading, shown: reading}
}

// flaky reports whether an attempt failed before the one that counts passed.
func (s *seen) flaky() bool { return s.failed && !s.status.Failed() }

// mixed stands for the attempts of a reading that counts some and not others.
const mixed = math.MaxInt64

// take counts a record, and reports whether the row shall show it. Of the attempts
// that one file counts the last one is what the test came to; bare repeats, those
// beside counted attempts too, and what different files say, come to the worst. That
// a test is listed is no attempt.
func (s *seen) take(r *report.Record, reading int32) bool {
	s.records += int32(min(max(1, r.Attempts), maxAttempts))
	s.failed = s.failed || r.Flaky || r.Attempt > 0 && r.Status.Failed()
	supersedes := false
	switch {
	case reading != s.reading:
		s.before, s.latest = report.Worst(s.before, s.latest), r.Status
		s.reading, s.attempt = reading, r.Attempt
	case s.attempt == mixed, (r.Attempt == 0) != (s.attempt == 0) && r.Status != report.Exists && s.latest != report.Exists:
		s.latest, s.attempt = report.Worst(s.latest, r.Status), mixed
	case r.Attempt > s.attempt && r.Status != report.Exists:
		supersedes = s.shown == reading
		s.latest, s.attempt = r.Status, r.Attempt
	case r.Attempt == s.attempt:
		s.latest = report.Worst(s.latest, r.Status)
	default:
		return false
	}
	old := s.status
	s.status = report.Worst(s.before, s.latest)
	decides := supersedes || report.Worst(old, r.Status) != old && r.Status == s.status
	if decides {
		s.shown = reading
	}
	return decides
}

// maxAttempts bounds what a file may say of the attempts of one test.
const maxAttempts = 1 << 20

// allSeen is what is remembered of all test ids of an upload. Neither the map nor the
// pieces hold pointers, which the collector would follow again and again.
type allSeen struct {
	at     map[nameID]int32 // place in the pieces
	pieces [][]seen         // of one size, so that none of them has to be moved
}

const seenPiece = 1024

// of returns what is remembered of a test id until the next add, nil for nothing.
func (a *allSeen) of(id nameID) *seen {
	i, ok := a.at[id]
	if !ok {
		return nil
	}
	return &a.pieces[i/seenPiece][i%seenPiece]
}

func (a *allSeen) add(id nameID, s seen) *seen {
	if old := a.of(id); old != nil {
		*old = s
		return old
	}
	i := int32(len(a.at))
	if i%seenPiece == 0 {
		a.pieces = append(a.pieces, make([]seen, 0, min(i, seenPiece))) // the first grows as it must
	}
	last := &a.pieces[i/seenPiece]
	*last = append(*last, s)
	a.at[id] = i
	return &(*last)[i%seenPiece]
}

func (a *allSeen) each(visit func(s *seen)) {
	for _, p := range a.pieces {
		for i := range p {
			visit(&p[i])
		}
	}
}

// rows turns the records of an upload into one row for each test id and
// hands them to the store while the parser goes on. A row shows the record that
// decided the status: the last attempt where a file counts them, else the worst one,
// and of equals the first. The other records go along with it while it waits to be
// written, and else to rows of their own.
type rows struct {
	ctx    context.Context
	store  Store
	result int64 // key

	tests   allSeen
	listed  map[nameID]resultstore.Test // only listed so far
	pending map[int32]int               // n -> place in inserts
	inserts []resultstore.Test
	updates map[int32]resultstore.Test
	others  []resultstore.TestRecord

	names *resultstore.NameList // of the tests in the store

	batches  chan batch
	done     chan error
	finished bool
}

// batch is what goes to the store in one call.
type batch struct {
	insert  *resultstore.Prepared
	update  []resultstore.Test
	others  []resultstore.TestRecord
	records []resultstore.TestRecords
}

func newRows(ctx context.Context, s Store, result int64) *rows {
	in := &rows{
		ctx: ctx, store: s, result: result,
		tests:   allSeen{at: map[nameID]int32{}},
		listed:  map[nameID]resultstore.Test{},
		pending: map[int32]int{},
		updates: map[int32]resultstore.Test{},
		names:   resultstore.NewNameList(),
		batches: make(chan batch, 1),
		done:    make(chan error, 1),
	}
	go in.write()
	return in
}

// write runs beside the parser. After an error it goes on taking batches, so
// that the parser never waits for nobody.
func (in *rows) write() {
	var failed error
	for b := range in.batches {
		if failed == nil {
			failed = in.writeBatch(b)
		}
	}
	in.done <- failed
}

func (in *rows) writeBatch(b batch) error {
	if b.insert != nil {
		if err := in.store.InsertPrepared(in.ctx, in.result, b.insert); err != nil {
			return err
		}
	}
	if err := in.store.UpdateTests(in.ctx, in.result, b.update); err != nil {
		return err
	}
	if err := in.store.AddTestRecords(in.ctx, in.result, b.others); err != nil {
		return err
	}
	return in.store.SetTestRecords(in.ctx, in.result, b.records)
}

func idOf(name string) nameID {
	var room [256]byte // without which each name would be copied to the heap
	sum := sha256.Sum256(append(room[:0], name...))
	return nameID(sum[:16])
}

// record takes one record of a reading, and the row that is made of it but for the
// numbers.
func (in *rows) record(r *report.Record, reading int32, row resultstore.Test) error {
	id := idOf(r.ID)
	known := in.tests.of(id)
	first := known == nil
	if first {
		known = in.tests.add(id, *newSeen(r, reading))
		known.n = int32(len(in.tests.at) - 1)
	}
	decides := known.take(r, reading)
	row.N, row.Records, row.Record, row.Flaky = int64(known.n), int64(known.records), int64(known.records)-1, known.flaky()
	if first {
		return in.add(id, known, row)
	}
	if decides {
		row.Status = resultstore.TestStatus(known.status)
	}
	return in.again(id, known, row, decides)
}

func (in *rows) add(id nameID, known *seen, row resultstore.Test) error {
	if known.status == report.Exists && len(in.listed) < maxListed {
		in.listed[id] = row
		return nil
	}
	return in.insert(known, row)
}

// again takes a further record of a test id.
func (in *rows) again(id nameID, known *seen, newer resultstore.Test, decides bool) error {
	if !known.stored {
		row := in.listed[id]
		in.join(&row, newer, decides)
		if known.status == report.Exists {
			in.listed[id] = row
			return in.flushWhen(len(in.others) >= batchTests)
		}
		delete(in.listed, id)
		return in.insert(known, row)
	}
	if i, ok := in.pending[known.n]; ok {
		in.join(&in.inserts[i], newer, decides)
		return in.flushWhen(len(in.others) >= batchTests)
	}
	if !decides {
		known.stale = true
		in.others = append(in.others, newer.Deciding())
		return in.flushWhen(len(in.others) >= batchTests)
	}
	known.stale = false
	if before, ok := in.updates[known.n]; ok {
		in.others = append(in.others, before.Deciding())
	}
	in.updates[known.n] = newer
	return in.flushWhen(len(in.updates) >= batchTests || len(in.others) >= batchTests)
}

// join puts a further record into a row that is not written yet. The row shows
// the one that decides; the other goes along.
func (in *rows) join(row *resultstore.Test, newer resultstore.Test, decides bool) {
	other := newer.Deciding()
	records, flaky := newer.Records, newer.Flaky
	if decides {
		other = row.Deciding()
		newer.Others = row.Others
		*row = newer
	}
	row.Records, row.Flaky = records, flaky
	if len(row.Others) < maxOthers {
		row.Others = append(row.Others, other)
	} else {
		in.others = append(in.others, other)
	}
}

func (in *rows) insert(known *seen, row resultstore.Test) error {
	known.stored = true
	in.pending[known.n] = len(in.inserts)
	in.inserts = append(in.inserts, row)
	return in.flushWhen(len(in.inserts) >= batchTests)
}

// flushWhen hands the batch to the writer. It waits while the one before is
// still being written, which keeps memory from growing with the upload.
func (in *rows) flushWhen(full bool) error {
	if !full {
		return nil
	}
	b := batch{update: slices.Collect(maps.Values(in.updates)), others: in.others}
	in.names.Add(in.inserts)
	in.names.Update(b.update)
	if len(in.inserts) > 0 {
		var err error
		if b.insert, err = in.store.PrepareTests(in.inserts); err != nil {
			return err
		}
	}
	clear(in.inserts)
	in.inserts, in.others = in.inserts[:0], nil
	clear(in.pending)
	clear(in.updates)
	select {
	case in.batches <- b:
		return nil
	case <-in.ctx.Done():
		return in.ctx.Err()
	}
}

// finish writes what is left, when the reader came to its end, and waits for
// the writer. A second call does nothing.
func (in *rows) finish(whole bool) error {
	if in.finished {
		return nil
	}
	in.finished = true
	var err error
	if whole {
		err = in.finishRows()
	}
	close(in.batches)
	return errors.Join(err, <-in.done)
}

func (in *rows) finishRows() error {
	for id, row := range in.listed {
		if err := in.insert(in.tests.of(id), row); err != nil {
			return err
		}
	}
	in.listed = nil
	if err := in.flushWhen(true); err != nil {
		return err
	}
	var stale []resultstore.TestRecords
	in.tests.each(func(known *seen) {
		if known.stale {
			stale = append(stale, resultstore.TestRecords{N: int64(known.n), Records: int64(known.records), Flaky: known.flaky()})
		}
	})
	select {
	case in.batches <- batch{records: stale}:
		return nil
	case <-in.ctx.Done():
		return in.ctx.Err()
	}
}

// counts says how many test ids ended with which status.
func (in *rows) counts() (counts report.Counts, tests int64) {
	in.tests.each(func(known *seen) { counts[known.status]++ })
	return counts, int64(len(in.tests.at))
}

// extend takes over the tests of a result that are in the store already.
func (in *rows) extend(t *resultstore.Test) {
	in.names.Add([]resultstore.Test{*t})
	s := seen{
		n: int32(t.N), records: int32(t.Records), stored: true, failed: t.Flaky, reading: -1, shown: -1,
		before: report.Exists, latest: report.Status(t.Status), status: report.Status(t.Status),
	}
	in.tests.add(idOf(t.Name), s)
}
