package store

import (
	"context"
	"database/sql"
	"errors"
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

// carefulBatches is how many batches have savepoints after one was spoiled.
const carefulBatches = 64

// errSpoiled is the end of a batch in which somebody failed after he had written. What
// the others did is undone, too, and they do it again.
var errSpoiled = errors.New("store: the batch was spoiled")

// writer lets callers that wait at the same time share a transaction and its
// fsync. The first of them leads: it begins the transaction, runs its own closure,
// hands the open transaction to whoever waits by then, one after the other, and
// commits. So a closure runs in its own goroutine, with its own stack when it
// panics, and who is alone waits for nobody.
//
// Hardly any closure fails after it has written something, and with a savepoint for
// each SQLite would copy every page before it changes it. So there is none: who fails
// like that spoils the batch, and the batches after it have savepoints, in which
// nobody harms anybody.
type writer struct {
	db      *sql.DB
	watch   *watch
	log     *checkpoint
	lead    chan struct{} // full while somebody leads
	jobs    chan *job
	patient time.Duration                           // maxBatchTime; tests that hold a batch open have more patience
	wait    func(ctx context.Context) time.Duration // how long somebody waits for others
	careful int                                     // so many more batches have savepoints; for who leads
}

// job is one caller in the queue.
type job struct {
	turn chan *batch   // the leader offers the transaction
	gone chan struct{} // closed by a caller that does not wait for its turn any longer
	ran  chan struct{} // closed when the closure has ended
}

// batch is one transaction. Its fields belong to whoever's turn it is.
type batch struct {
	tx   *sqliteTx // nil when begin failed
	size int
	err  error         // begin or commit failed, or the transaction is lost
	over bool          // nothing more can be added: it will be rolled back
	done chan struct{} // closed when the batch is committed or rolled back

	careful bool // with savepoints
}

func newWriter(db *sql.DB, files *watch, wait func(ctx context.Context) time.Duration) *writer {
	return &writer{db: db, watch: files, lead: make(chan struct{}, 1), jobs: make(chan *job, maxBatch), patient: maxBatchTime, wait: wait}
}

// stop waits for who leads. Nobody may call run any more.
func (w *writer) stop() { w.lead <- struct{}{} }

// commit runs change as the first of a batch, lets whoever is waiting follow, and
// commits. It does not wait for more to come: who arrives during the commit is in
// the next batch. The caller has taken the lead, which ends here.
func (w *writer) commit(ctx context.Context, s *Store, change func(tx *Store) error) ([]func(), error) {
	b := w.begin()
	state := &txState{sql: b.tx}
	err := func() error {
		defer func() { <-w.lead }()
		defer close(b.done)
		defer func() { // also when change panics or ends its goroutine
			b.finish(w.watch)
			w.careful = max(0, w.careful-1)
			if errors.Is(b.err, errSpoiled) {
				w.careful = carefulBatches
			}
		}()
		started := time.Now()
		err := b.runTurn(ctx, s, state, change)
		b.size++
		for !b.over && b.size < maxBatch && time.Since(started) <= w.patient {
			j := w.next()
			if j == nil {
				break
			}
			b.offer(j)
		}
		return err
	}()
	w.log.written()
	if err == nil {
		err = b.err
	}
	if err != nil {
		return nil, err
	}
	return state.after, nil
}

func (w *writer) begin() *batch {
	b := &batch{done: make(chan struct{}), careful: w.careful > 0}
	var err error
	if b.tx, err = beginSQLite(context.Background(), w.db); err != nil {
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

// run waits for the turn of change, runs it, and waits for the commit; all that
// again when somebody else has spoiled it.
func (w *writer) run(ctx context.Context, s *Store, change func(tx *Store) error) ([]func(), error) {
	for {
		after, err := w.runOnce(ctx, s, change)
		if !errors.Is(err, errSpoiled) {
			return after, err
		}
	}
}

func (w *writer) runOnce(ctx context.Context, s *Store, change func(tx *Store) error) ([]func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case w.lead <- struct{}{}:
		return w.commit(ctx, s, change)
	default:
	}
	j := &job{turn: make(chan *batch), gone: make(chan struct{}), ran: make(chan struct{})}
	waits := w.wait(ctx)
	late := time.NewTimer(waits)
	defer late.Stop()
	select {
	case w.jobs <- j:
	case w.lead <- struct{}{}: // the queue may be full of those that have gone
		return w.commit(ctx, s, change)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late.C:
		return nil, noTurn(waits)
	}
	select {
	case b := <-j.turn:
		after, err := b.run(ctx, s, j, change)
		if err != nil {
			return nil, err
		}
		late.Reset(w.wait(ctx)) // now it waits for the commit
		select {
		case <-b.done:
			return after, b.err
		case <-late.C:
			return nil, fmt.Errorf("%w: the commit has not ended", ErrOutcomeUnknown)
		}
	case w.lead <- struct{}{}: // nobody leads any more, and this one has waited longest
		close(j.gone)
		return w.commit(ctx, s, change)
	case <-ctx.Done():
		close(j.gone)
		return nil, ctx.Err()
	case <-late.C:
		close(j.gone)
		return nil, noTurn(waits)
	}
}

// noTurn is the answer to who has waited as long as a statement may take: whoever leads
// hangs, as on a disk that does not answer, and only he must wait for that to end.
func noTurn(waits time.Duration) error {
	return fmt.Errorf("%w: another write has not ended for %s", ErrUnavailable, waits)
}

// run runs change in its turn, and returns what is to be done after the commit, for which
// it does not wait.
func (b *batch) run(ctx context.Context, s *Store, j *job, change func(tx *Store) error) ([]func(), error) {
	defer close(j.ran) // gives the transaction back in any case, also when change panics
	state := &txState{sql: b.tx}
	if err := b.runTurn(ctx, s, state, change); err != nil {
		return nil, err
	}
	return state.after, nil
}

// runTurn runs change in the transaction, and undoes it when it fails, panics or
// ends its goroutine.
func (b *batch) runTurn(ctx context.Context, s *Store, state *txState, change func(tx *Store) error) error {
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
	switch {
	case b.size == 0:
		return b.runFirst(call)
	case b.careful:
		return state.nest(ctx, call)
	}
	return b.runBare(state, call)
}

// runBare runs change without a savepoint.
func (b *batch) runBare(state *txState, change func() error) error {
	before := b.tx.touched
	kept := false
	defer func() { // also when change panics or ends its goroutine
		switch {
		case kept:
		case !b.tx.open():
			state.lost = errNoTransaction
		case b.tx.touched != before:
			b.err, b.over = errSpoiled, true
		}
	}()
	err := change()
	kept = err == nil
	return err
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
