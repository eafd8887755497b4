package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
)

// A hot standby of PostgreSQL takes reads off the primary. Which ones, their callers
// say (MayReadStandby): those that look at much and change nothing. Such a request
// goes there when the standby shows everything that was committed before the request
// read for the first time, whoever committed it and through whichever server; it waits
// a moment for that. So nobody misses what he, or somebody who told him of it, has
// written. All else is read from the primary: when the standby lags, is away or has
// become a primary, in transactions, and from the moment on in which the request itself
// writes.

const (
	standbyWait = 50 * time.Millisecond // for what the standby has still to replay
	standbyLook = 2 * time.Millisecond
	standbyTime = time.Second     // for what is asked of it
	standbyRest = 5 * time.Second // in which a standby that did not answer is not asked again
)

// standby is the pool of the standby.
type standby struct {
	db    *gorm.DB
	until atomic.Int64 // when it may be asked again, in nanoseconds
}

type standbyKey struct{}

// standbyChoice is where one request reads.
type standbyChoice struct {
	mu    sync.Mutex
	asked bool
	use   *standby // nil: the primary
}

// MayReadStandby returns a context whose reads may go to the standby. It belongs to one
// request.
func MayReadStandby(ctx context.Context) context.Context {
	return context.WithValue(ctx, standbyKey{}, &standbyChoice{})
}

// stayOnPrimary ends the reading from the standby: the request writes.
func stayOnPrimary(ctx context.Context) {
	if choice, ok := ctx.Value(standbyKey{}).(*standbyChoice); ok {
		choice.mu.Lock()
		defer choice.mu.Unlock()
		choice.asked, choice.use = true, nil
	}
}

// LeaveStandby is told why a request failed that may read from the standby. It reports
// whether the standby may be to blame: then the request reads from the primary from now
// on, and asking again may succeed. A question that took too long there would do so here.
func LeaveStandby(ctx context.Context, err error) bool {
	choice, ok := ctx.Value(standbyKey{}).(*standbyChoice)
	if !ok || !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
		return false
	}
	var pg *pgconn.PgError
	answers := errors.As(err, &pg) && !brokenOff(pg.Code)
	if answers && pg.Code == "57014" {
		return false
	}
	choice.mu.Lock()
	defer choice.mu.Unlock()
	from := choice.use
	if from == nil {
		return false
	}
	if !answers {
		from.rest()
	}
	choice.use = nil
	return true
}

// rest leaves a standby that does not answer alone for a while.
func (s *standby) rest() { s.until.Store(time.Now().Add(standbyRest).UnixNano()) }

// readsFor is the pool that takes the reads of a request outside transactions.
func (c *core) readsFor(ctx context.Context) *gorm.DB {
	if c.standby == nil {
		return c.reads
	}
	choice, ok := ctx.Value(standbyKey{}).(*standbyChoice)
	if !ok {
		return c.reads
	}
	choice.mu.Lock()
	defer choice.mu.Unlock()
	if !choice.asked {
		choice.asked = true
		if c.standbyCaughtUp(ctx) {
			choice.use = c.standby
		}
	}
	if choice.use != nil {
		return choice.use.db
	}
	return c.reads
}

// committedSQL is up to where the log of the primary tells of commits that others see.
// Where a database does not wait for its disk they see one before that is written.
const committedSQL = `SELECT CASE current_setting('synchronous_commit') WHEN 'off'
	THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END::text`

// standbyCaughtUp reports whether the standby shows all that is committed now, or does
// so in a moment.
func (c *core) standbyCaughtUp(ctx context.Context) bool {
	if time.Now().UnixNano() < c.standby.until.Load() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, standbyTime)
	defer cancel()
	var committed string
	if c.reads.WithContext(ctx).Raw(committedSQL).Row().Scan(&committed) != nil {
		return false
	}
	for giveUp := time.Now().Add(standbyWait); ; {
		var shows bool
		err := c.standby.db.WithContext(ctx).
			Raw("SELECT pg_is_in_recovery() AND COALESCE(pg_last_wal_replay_lsn() >= CAST(? AS pg_lsn), false)", committed).Row().Scan(&shows)
		if err != nil {
			if ctx.Err() == nil || errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				c.standby.rest()
			}
			return false
		}
		if shows || time.Now().After(giveUp) {
			return shows
		}
		select {
		case <-time.After(standbyLook):
		case <-ctx.Done():
			return false
		}
	}
}
