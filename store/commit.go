package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
)

// txState belongs to one transaction and every store inside it.
type txState struct {
	sql      connTx
	conn     *sql.Conn // below sql; PostgreSQL only
	depth    int
	readOnly bool
	after    []func()
	events   []Event  // to be written before the commit; PostgreSQL only
	topics   []string // to be notified

	// lost is why a savepoint could not be rolled back. What it left behind
	// must not be committed, so the whole transaction is lost.
	lost error
}

// InTx runs change in a transaction and returns nil only when the transaction
// is durable. It returns the error of change, which undoes what change did and
// nothing else, or the error of the commit. A panic of change undoes it, too,
// and goes on in the caller.
//
// Inside a transaction InTx is a savepoint: when change fails, the outer
// transaction goes on as if it had not run. So a method that may fail with
// ErrConflict in the middle of a larger change must use InTx itself, because
// PostgreSQL gives up the whole transaction after an error.
//
// When ctx ends before the turn of change comes, change does not run; once it
// runs it is no longer interrupted, and InTx tells what became of it. doc.go
// says what change may do.
func (s *Store) InTx(ctx context.Context, change func(tx *Store) error) error {
	if s.tx != nil {
		return s.savepoint(ctx, change)
	}
	if err := s.core.enter(); err != nil {
		return err
	}
	defer s.core.inside.Done()
	stayOnPrimary(ctx)

	claim := claimOf(ctx)
	if claim != nil {
		change = claim.noting(change)
	}
	var after []func()
	var err error
	if s.core.writer != nil {
		after, err = s.core.writer.run(ctx, s, change)
	} else {
		after, err = s.retryTx(ctx, change)
	}
	if err != nil {
		return err
	}
	if claim != nil {
		claim.used.Store(true)
	}
	for _, f := range after {
		f()
	}
	return nil
}

// AfterCommit runs f when the transaction is durable, in the goroutine that
// called the outermost InTx and before that returns. It does not run when the
// transaction, or the savepoint it was asked for in, is rolled back. Outside a
// transaction it runs f at once.
func (s *Store) AfterCommit(f func()) {
	if s.tx == nil {
		f()
		return
	}
	s.tx.after = append(s.tx.after, f)
}

// Lock holds the name until the transaction ends, so that changes that look at
// several rows do not overlap on PostgreSQL. On SQLite there is one writer
// anyway. Take several locks in the order of their names.
func (s *Store) Lock(ctx context.Context, name string) error {
	if s.tx == nil {
		return errors.New("store: Lock outside a transaction")
	}
	if !s.db.Postgres {
		return nil
	}
	// The schema is part of the key because advisory locks belong to the
	// whole database, where several servers may each have a schema.
	err := s.db.Tx.Exec("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || ?, 0))", name).Error
	if err != nil {
		return fmt.Errorf("lock %s: %w", name, Translate(err))
	}
	return nil
}

// Alone reports whether a transaction is the only one that writes, so that Lock does
// nothing.
func (s *Store) Alone() bool { return !s.db.Postgres }

// Snapshot runs look with a store that shows one state of the database, however
// long look takes and whoever writes meanwhile. Changes fail with ErrReadOnly.
// Inside a transaction it is that transaction.
func (s *Store) Snapshot(ctx context.Context, look func(view *Store) error) error {
	if s.tx != nil {
		return look(s)
	}
	if err := s.core.enter(); err != nil {
		return err
	}
	defer s.core.inside.Done()

	opts := &sql.TxOptions{}
	if s.db.Postgres {
		opts = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	conn, err := sqlDB(s.core.readsFor(ctx)).Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", Translate(err))
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("begin: %w", Translate(err))
	}
	defer func() { _ = tx.Rollback() }() // nothing to keep
	if s.db.Postgres {
		// What is looked at is often streamed to a client that reads slowly.
		restore, err := s.core.limitTx(Patient(ctx), wireOf(conn), tx, s.core.config.IngestTimeout)
		defer restore()
		if err != nil {
			return err
		}
	}
	return look(s.within(ctx, &txState{sql: tx, readOnly: true}))
}

// within is the store that a closure gets.
func (s *Store) within(ctx context.Context, state *txState) *Store {
	db := s.core.write.Session(&gorm.Session{NewDB: true, Context: ctx})
	db.Statement.ConnPool = state.sql
	inside := *s.db
	inside.Tx = db
	return &Store{Blobs: s.Blobs, core: s.core, tx: state, db: &inside}
}

func (s *Store) savepoint(ctx context.Context, change func(tx *Store) error) error {
	if s.tx.readOnly {
		return ErrReadOnly
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.tx.nest(s.db.Tx.Statement.Context, func() error { return change(s) })
}

// nest runs change in a savepoint.
func (t *txState) nest(ctx context.Context, change func() error) error {
	t.depth++
	defer func() { t.depth-- }()
	name := "s" + strconv.Itoa(t.depth)
	if err := t.command(ctx, "SAVEPOINT "+name); err != nil {
		return err
	}
	hooks, events, topics := len(t.after), len(t.events), len(t.topics)
	kept := false
	defer func() { // also when change panics or ends its goroutine
		if !kept {
			t.after, t.events, t.topics = t.after[:hooks], t.events[:events], t.topics[:topics]
			t.undo(ctx, name)
		}
	}()
	if err := change(); err != nil {
		return err
	}
	if err := t.command(ctx, "RELEASE "+name); err != nil {
		return err
	}
	kept = true
	return nil
}

func (t *txState) undo(ctx context.Context, name string) {
	err := t.command(ctx, "ROLLBACK TO "+name)
	if err == nil {
		err = t.command(ctx, "RELEASE "+name)
	}
	if err != nil {
		t.lost = err
	}
}

func (t *txState) command(ctx context.Context, command string) error {
	if _, err := t.sql.ExecContext(ctx, command); err != nil {
		return fmt.Errorf("%s: %w", strings.ToLower(command), Translate(err))
	}
	return nil
}

const (
	pgTries = 6
	pgPause = 5 * time.Millisecond // doubled with each try
)

// retryTx runs change again when PostgreSQL gave up the transaction for the
// sake of another one, or when the connection broke before anything of the COMMIT
// was sent.
func (s *Store) retryTx(ctx context.Context, change func(tx *Store) error) (after []func(), err error) {
	for try := range pgTries {
		after, err = s.pgTx(ctx, change)
		if claim := claimOf(ctx); claim != nil && errors.Is(err, ErrOutcomeUnknown) {
			committed, unknown := claim.outcome(ctx, s)
			if committed || unknown != nil {
				return after, unknown
			}
			err = errBrokenBefore
		}
		if !worthRetrying(err) {
			return after, err
		}
		if isPartitionGone(err) {
			s.core.partitions.forget()
		}
		pause := pgPause << try
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, Translate(err)
}

// pgTx waits for a connection as long as ctx allows. The transaction itself is
// not interrupted, as on SQLite: its locks end with lock_timeout, and a client
// that hangs up would otherwise cost a connection each time.
func (s *Store) pgTx(ctx context.Context, change func(tx *Store) error) (after []func(), err error) {
	conn, err := s.core.writeConn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	w := wireOf(conn)
	defer func() {
		if err != nil && w.fellSilent() && !errors.Is(err, ErrOutcomeUnknown) {
			err = fmt.Errorf("%w: %w", errSilent, err)
		}
	}()
	ctx = context.WithoutCancel(ctx)
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, fmt.Errorf("begin: %w", Translate(err))
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	restore, err := s.core.limitTx(ctx, w, tx, idleInTx(s.core.config.StatementTimeout))
	defer restore()
	if err != nil {
		return nil, err
	}
	state := &txState{sql: tx, conn: conn}
	inside := s.within(ctx, state)
	if err := change(inside); err != nil {
		return nil, err
	}
	if err := inside.writeEvents(state.events); err != nil {
		return nil, err
	}
	if state.lost != nil {
		return nil, state.lost
	}
	before := w.writes()
	err = tx.Commit()
	if err := commitFailed(err, w == nil || w.writes() > before); err != nil {
		return state.after, err // should the outcome be found out
	}
	return state.after, nil
}

// writeConn waits for a connection of the pool, but no longer than a statement may
// take: when the database is silent, the connections come back late.
func (c *core) writeConn(ctx context.Context) (*sql.Conn, error) {
	waiting, cancel := context.WithTimeout(ctx, c.config.StatementTimeout)
	defer cancel()
	conn, err := sqlDB(c.write).Conn(waiting)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() == nil && waiting.Err() != nil:
		return nil, fmt.Errorf("begin: %w: no connection became free", ErrUnavailable)
	}
	return nil, fmt.Errorf("begin: %w", Translate(err))
}
