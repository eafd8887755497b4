package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

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
	use   bool
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
		choice.asked, choice.use = true, false
	}
}

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
		choice.asked, choice.use = true, c.standbyCaughtUp(ctx)
	}
	if choice.use {
		return c.standby.db
	}
	return c.reads
}

// standbyCaughtUp reports whether the standby shows all that is committed now, or does
// so in a moment.
func (c *core) standbyCaughtUp(ctx context.Context) bool {
	if time.Now().UnixNano() < c.standby.until.Load() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, standbyTime)
	defer cancel()
	var committed string
	if c.reads.WithContext(ctx).Raw("SELECT pg_current_wal_flush_lsn()::text").Row().Scan(&committed) != nil {
		return false
	}
	for giveUp := time.Now().Add(standbyWait); ; {
		var shows bool
		err := c.standby.db.WithContext(ctx).
			Raw("SELECT pg_is_in_recovery() AND COALESCE(pg_last_wal_replay_lsn() >= CAST(? AS pg_lsn), false)", committed).Row().Scan(&shows)
		if err != nil {
			if ctx.Err() == nil || errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				c.standby.until.Store(time.Now().Add(standbyRest).UnixNano())
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
