package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// readyTime is how long Ready looks. Together with what comes before and after, an
// answer is there within 2 s.
const readyTime = 1500 * time.Millisecond

// damaged is what SQLite says alike of a file that was written over and of a disk that
// fails: what has failed to be read tells nothing of what is there.
const damaged = "the database is damaged, or its disk fails; slipway doctor says more"

// readiness lets those who ask at the same time share one look, so that a database
// that hangs is not asked once for each of them.
type readiness struct {
	mu   sync.Mutex
	look *look
}

// look is a look that is under way, or has just ended.
type look struct {
	ended  chan struct{}
	blobs  atomic.Bool // it has come to the blobs: the database has answered
	reason string
	err    error
}

// Ready says why the store cannot serve, in words for whoever runs the server; empty
// when it can read and write. err is for the log. It answers within 1.5 s, whatever
// hangs.
func (s *Store) Ready(ctx context.Context) (reason string, err error) {
	l := s.core.ready.join(func(l *look) {
		ctx, cancel := context.WithTimeout(context.Background(), readyTime)
		defer cancel()
		l.reason, l.err = s.notReady(ctx, l)
	})
	timer := time.NewTimer(readyTime)
	defer timer.Stop()
	select {
	case <-l.ended:
		return l.reason, l.err
	case <-timer.C:
		if l.blobs.Load() {
			return "the store of uploaded files does not answer", nil
		}
		if !s.db.Postgres { // SQLite waits longer for a lock, and is not to be interrupted then
			return "the database is locked by another process, or its disk does not answer", nil
		}
		return "the database does not answer", nil
	case <-ctx.Done():
		return "the request was cancelled", ctx.Err()
	}
}

// join returns the look that is under way, or begins one.
func (r *readiness) join(begin func(*look)) *look {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.look != nil {
		return r.look
	}
	l := &look{ended: make(chan struct{})}
	r.look = l
	go func() {
		begin(l)
		r.mu.Lock()
		r.look = nil
		r.mu.Unlock()
		close(l.ended)
	}()
	return l
}

func (s *Store) notReady(ctx context.Context, l *look) (reason string, err error) {
	if err := s.Replaced(); err != nil {
		return "the files of the database were removed or replaced; start the server again", err
	}
	looks := []func(context.Context) (string, error){s.notWritable, s.otherSchema}
	for _, f := range looks {
		if reason, err = f(ctx); reason != "" {
			return reason, err
		}
	}
	l.blobs.Store(true)
	return s.blobsAway(ctx)
}

// notWritable tries a transaction without any change.
func (s *Store) notWritable(ctx context.Context) (string, error) {
	if s.db.Postgres {
		return s.postgresNotWritable(ctx)
	}
	err := unix.Access(s.core.database, unix.W_OK)
	if err == nil {
		err = takesChanges(filepath.Dir(s.core.database))
	}
	if err != nil {
		return "the database is read-only", fmt.Errorf("%s: %w", s.core.database, err)
	}
	err = s.InTx(ctx, func(*Store) error { return nil })
	switch {
	case err == nil:
		return "", nil
	case errors.Is(err, ErrClosed):
		return "the server is ending", err
	case errors.Is(err, context.DeadlineExceeded), isLocked(err):
		return "the database is locked by another process", err
	case isReadOnlyError(err):
		return "the database is read-only", err
	case isDamaged(err):
		return damaged, err
	}
	return "the database cannot be written", err
}

// takesChanges looks whether files can be made in a directory. A file system that the
// kernel made read-only after an error still says that everything may be written, and
// an empty transaction writes nothing; so the time of the directory is set. That needs
// no room, and leaves nothing behind.
func takesChanges(dir string) error {
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return err
	}
	now := unix.Timespec{Nsec: unix.UTIME_NOW} // which everybody may set who may write
	err := unix.UtimesNanoAt(unix.AT_FDCWD, dir, []unix.Timespec{now, now}, 0)
	if err != nil && errors.Is(diskError(err), ErrFull) {
		return nil // what gives room still gets through
	}
	return err
}

func (s *Store) postgresNotWritable(ctx context.Context) (string, error) {
	var readOnly bool
	err := s.db.Read(ctx).Raw("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean").Scan(&readOnly).Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the database does not answer", err
	case err != nil:
		return "the database cannot be reached", err
	case readOnly:
		return "the database is read-only: a standby, or set so", nil
	}
	return "", nil
}

func (s *Store) otherSchema(ctx context.Context) (string, error) {
	pending, err := s.Pending(ctx)
	switch {
	case errors.Is(err, ErrNewerSchema):
		return "the database has a newer schema than this server knows", err
	case errors.Is(err, context.DeadlineExceeded):
		return "the database does not answer", err
	case isDamaged(err):
		return damaged, err
	case err != nil:
		return "the schema of the database cannot be read", err
	case pending > 0:
		return "the database waits for its migrations", nil
	}
	return "", nil
}

// blobsAway looks whether uploads can be kept.
func (s *Store) blobsAway(ctx context.Context) (string, error) {
	switch err := s.PingBlobs(ctx); {
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "the store of uploaded files cannot be written", err
	case errors.Is(err, context.DeadlineExceeded):
		return "the store of uploaded files does not answer", err
	case err != nil:
		return "the store of uploaded files cannot be reached", err
	}
	return "", nil
}
