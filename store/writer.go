package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	// maxBatch bounds how many closures share a transaction.
	maxBatch = 256

	// maxBatchTime ends a batch whose closures take long, so that nobody waits
	// much longer than that for the commit of something small.
	maxBatchTime = 20 * time.Millisecond
)

// writer lets callers that wait at the same time share a transaction and its
// fsync. It does not run their closures itself: it hands the open transaction
// from caller to caller, so a closure runs in its own goroutine, with its own
// stack when it panics.
type writer struct {
	db      *sql.DB
	watch   *watch
	jobs    chan *job
	stopped chan struct{}
	patient time.Duration // maxBatchTime; tests that hold a batch open have more patience
}

// job is one caller in the queue.
type job struct {
	turn chan *batch   // the writer offers the transaction
	gone chan struct{} // closed by a caller that does not wait any longer
	ran  chan struct{} // closed when the closure has ended
}

// batch is one transaction. Its fields belong to whoever's turn it is.
type batch struct {
	tx   *sql.Tx
	size int
	err  error         // begin or commit failed, or the transaction is lost
	over bool          // nothing more can be added: it will be rolled back
	done chan struct{} // closed when the batch is committed or rolled back
}

func startWriter(db *sql.DB, files *watch) *writer {
	w := &writer{db: db, watch: files, jobs: make(chan *job, maxBatch), stopped: make(chan struct{}), patient: maxBatchTime}
	go w.loop()
	return w
}

// stop ends the writer once the queue is empty. Nobody may call run any more.
func (w *writer) stop() {
	close(w.jobs)
	<-w.stopped
}

func (w *writer) loop() {
	defer close(w.stopped)
	for j := range w.jobs {
		w.commit(j)
	}
}

// commit begins a transaction, gives it to first and to whoever else is
// waiting, and commits it. It does not wait for more to come: what arrives
// during the commit is the next batch.
func (w *writer) commit(first *job) {
	b := w.begin()
	defer close(b.done)
	started := time.Now()
	for j := first; j != nil; j = w.next() {
		b.offer(j)
		if b.over || b.size >= maxBatch || time.Since(started) > w.patient {
			break
		}
	}
	b.finish(w.watch)
}

func (w *writer) begin() *batch {
	b := &batch{done: make(chan struct{})}
	var err error
	if b.tx, err = w.db.BeginTx(context.Background(), nil); err != nil {
		b.err = fmt.Errorf("begin: %w", Translate(err))
	}
	return b
}

func (w *writer) next() *job {
	select {
	case j := <-w.jobs:
		return j
	default:
		return nil
	}
}

func (b *batch) offer(j *job) {
	select {
	case j.turn <- b:
		<-j.ran
		b.size++
	case <-j.gone:
	}
}

// finish commits. What went into files that nobody finds any more is not
// acknowledged.
func (b *batch) finish(files *watch) {
	switch {
	case b.tx == nil:
	case b.err != nil || b.over || b.size == 0:
		_ = b.tx.Rollback()
	default:
		b.err = commitFailed(b.tx.Commit(), true)
		if err := files.changed(); err != nil && b.err == nil {
			b.err = fmt.Errorf("commit: %w: %w", ErrOutcomeUnknown, err)
		}
	}
}

// run waits for the turn of change, runs it, and waits for the commit.
func (w *writer) run(ctx context.Context, s *Store, change func(tx *Store) error) ([]func(), error) {
	j := &job{turn: make(chan *batch), gone: make(chan struct{}), ran: make(chan struct{})}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case b := <-j.turn:
		return b.run(ctx, s, j, change)
	case <-ctx.Done():
		close(j.gone)
		return nil, ctx.Err()
	}
}

func (b *batch) run(ctx context.Context, s *Store, j *job, change func(tx *Store) error) ([]func(), error) {
	state := &txState{sql: b.tx}
	if err := b.runTurn(ctx, s, j, state, change); err != nil {
		return nil, err
	}
	<-b.done
	return state.after, b.err
}

// runTurn gives the transaction back to the writer in any case, also when
// change panics or ends its goroutine.
func (b *batch) runTurn(ctx context.Context, s *Store, j *job, state *txState, change func(tx *Store) error) error {
	defer close(j.ran)
	if b.err != nil {
		return b.err
	}
	defer func() {
		if state.lost != nil {
			b.err, b.over = fmt.Errorf("transaction lost: %w", state.lost), true
		}
	}()
	// The end of one caller must not interrupt a statement of the transaction
	// that others share: SQLite would roll all of it back.
	ctx = context.WithoutCancel(ctx)
	call := func() error { return change(s.within(ctx, state)) }
	if b.size == 0 {
		return b.runFirst(call)
	}
	return state.nest(ctx, call)
}

// runFirst spares the first closure its savepoint: when it fails there is
// nothing else to keep, and the batch ends with it. A lone client thus pays for
// no more than a plain transaction.
func (b *batch) runFirst(change func() error) error {
	b.over = true
	err := change()
	b.over = err != nil
	return err
}
