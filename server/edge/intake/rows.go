package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/slipway-lab/slipway/server/edge/intake/subunit"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

const (
	// batchTests is how many rows go to the store in one call: enough to share
	// the cost of a commit, few enough to keep memory small. The store cuts them
	// into slices that hold the writer for milliseconds.
	batchTests = 1024

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
	n       int32
	records int32
	status  subunit.Status
	stored  bool // a row has gone to the store, or is about to
	stale   bool // the row in the store has an old number of records
}

// rows turns the records of an upload into one row for each test id and
// hands them to the store while the parser goes on. A row shows the record that
// decided the status, the worst one, and of equals the first; the other records go
// along with it while it waits to be written, and else to rows of their own.
type rows struct {
	ctx    context.Context
	store  Store
	result int64 // key

	tests   map[nameID]*seen
	listed  map[nameID]resultstore.Test // only listed so far
	pending map[int32]int               // n -> place in inserts
	inserts []resultstore.Test
	updates map[int32]resultstore.Test
	others  []resultstore.TestRecord

	content io.ReaderAt           // what attachments are parts of
	names   *resultstore.NameList // of the tests in the store

	batches chan batch
	done    chan error
}

// batch is what goes to the store in one call.
type batch struct {
	insert, update []resultstore.Test
	others         []resultstore.TestRecord
	records        []resultstore.TestRecords
}

func newRows(ctx context.Context, s Store, result int64, content io.ReaderAt) *rows {
	in := &rows{
		ctx: ctx, store: s, result: result,
		tests:   map[nameID]*seen{},
		listed:  map[nameID]resultstore.Test{},
		pending: map[int32]int{},
		updates: map[int32]resultstore.Test{},
		content: content,
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
	for _, tests := range [][]resultstore.Test{b.insert, b.update} {
		for i := range tests {
			if t := &tests[i]; t.Status.MayFail() && len(t.Attachments) > 0 {
				t.Failure = resultstore.FailureText(in.content, t.Attachments)
			}
		}
	}
	in.names.Add(b.insert)
	in.names.Update(b.update)
	if err := in.store.InsertTests(in.ctx, in.result, b.insert); err != nil {
		return err
	}
	if err := in.store.UpdateTests(in.ctx, in.result, b.update); err != nil {
		return err
	}
	if err := in.store.AddTestRecords(in.ctx, in.result, b.others); err != nil {
		return err
	}
	return in.store.SetTestRecords(in.ctx, in.result, b.records)
}

// record takes one record of the parser.
func (in *rows) record(r *subunit.Record) error {
	sum := sha256.Sum256([]byte(r.ID))
	id := nameID(sum[:16])
	known := in.tests[id]
	if known == nil {
		known = &seen{n: int32(len(in.tests)), status: r.Status, records: 1}
		in.tests[id] = known
		return in.add(id, known, r)
	}
	known.records++
	worse := subunit.Worst(known.status, r.Status) != known.status
	if worse {
		known.status = r.Status
	}
	return in.again(id, known, r, worse)
}

func (in *rows) add(id nameID, known *seen, r *subunit.Record) error {
	row := testOf(r, known)
	if r.Status == subunit.Exists && len(in.listed) < maxListed {
		in.listed[id] = row
		return nil
	}
	return in.insert(known, row)
}

// again takes a further record of a test id.
func (in *rows) again(id nameID, known *seen, r *subunit.Record, worse bool) error {
	if !known.stored {
		row := in.listed[id]
		in.join(&row, known, r, worse)
		if known.status == subunit.Exists {
			in.listed[id] = row
			return in.flushWhen(len(in.others) >= batchTests)
		}
		delete(in.listed, id)
		return in.insert(known, row)
	}
	if i, ok := in.pending[known.n]; ok {
		in.join(&in.inserts[i], known, r, worse)
		return in.flushWhen(len(in.others) >= batchTests)
	}
	if !worse {
		known.stale = true
		newer := testOf(r, known)
		in.others = append(in.others, newer.Deciding())
		return in.flushWhen(len(in.others) >= batchTests)
	}
	known.stale = false
	if before, ok := in.updates[known.n]; ok {
		in.others = append(in.others, before.Deciding())
	}
	in.updates[known.n] = testOf(r, known)
	return in.flushWhen(len(in.updates) >= batchTests || len(in.others) >= batchTests)
}

// join puts a further record into a row that is not written yet. The row shows
// the worse of what it has and the record; the other goes along.
func (in *rows) join(row *resultstore.Test, known *seen, r *subunit.Record, worse bool) {
	newer := testOf(r, known)
	other := newer.Deciding()
	if worse {
		other = row.Deciding()
		newer.Others = row.Others
		*row = newer
	}
	row.Records = int64(known.records)
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
	b := batch{insert: in.inserts, update: slices.Collect(maps.Values(in.updates)), others: in.others}
	in.inserts, in.updates, in.pending, in.others = nil, map[int32]resultstore.Test{}, map[int32]int{}, nil
	select {
	case in.batches <- b:
		return nil
	case <-in.ctx.Done():
		return in.ctx.Err()
	}
}

// finish writes what is left, when the parser came to its end, and waits for
// the writer.
func (in *rows) finish(whole bool) error {
	var err error
	if whole {
		err = in.finishRows()
	}
	close(in.batches)
	return errors.Join(err, <-in.done)
}

func (in *rows) finishRows() error {
	for id, row := range in.listed {
		if err := in.insert(in.tests[id], row); err != nil {
			return err
		}
	}
	in.listed = nil
	if err := in.flushWhen(true); err != nil {
		return err
	}
	var stale []resultstore.TestRecords
	for _, known := range in.tests {
		if known.stale {
			stale = append(stale, resultstore.TestRecords{N: int64(known.n), Records: int64(known.records)})
		}
	}
	select {
	case in.batches <- batch{records: stale}:
		return nil
	case <-in.ctx.Done():
		return in.ctx.Err()
	}
}

// counts says how many test ids ended with which status.
func (in *rows) counts() (counts subunit.Counts, tests int64) {
	for _, known := range in.tests {
		counts[known.status]++
	}
	return counts, int64(len(in.tests))
}

// testOf copies a record, which belongs to the parser.
func testOf(r *subunit.Record, known *seen) resultstore.Test {
	t := resultstore.Test{
		N:       int64(known.n),
		Name:    r.ID,
		Status:  resultstore.TestStatus(r.Status),
		Start:   r.Start,
		Stop:    r.Stop,
		Records: int64(known.records),
		Record:  int64(known.records) - 1,
		Tags:    slices.Clone(r.Tags),
	}
	for _, a := range r.Attachments {
		kept := resultstore.Attachment{Name: a.Name, MIME: a.MIME, Size: a.Size, Inline: slices.Clone(a.Data)}
		for _, s := range a.Spans {
			kept.Spans = append(kept.Spans, resultstore.Span(s))
		}
		t.Attachments = append(t.Attachments, kept)
	}
	return t
}
