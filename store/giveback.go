package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-sqlite3"
)

// GivenBack says what GiveBack did.
type GivenBack struct {
	Pages  int64 // of the file that went
	Bytes  int64 // of them
	LogCut bool  // the write-ahead log is empty

	// CannotShrink: the file was made before files could be shortened. Its free pages
	// are used again, but stay; FreeBytes says how much that is.
	CannotShrink bool
	FreeBytes    int64
}

const (
	// keptPages stay free in the file for what comes next.
	keptPages = 256

	// vacuumTime is how long one slice of pages should keep the writer.
	vacuumTime = 8 * time.Millisecond

	firstPages, mostPages = 64, 4096

	// cutTries is how often the log is tried to be cut: a reader that is at work keeps
	// it as it is.
	cutTries = 40
	cutPause = 50 * time.Millisecond
	cutWait  = 15 * time.Millisecond // for which writers wait as well
)

// GiveBack gives the room of rows that were removed back to the file system: on SQLite
// free pages go from the end of the file, some at a time so that others can write in
// between, and the write-ahead log is emptied. On PostgreSQL it does nothing: there
// autovacuum does it. pause is called after each slice with the time that it took.
func (s *Store) GiveBack(ctx context.Context, pause func(took time.Duration) error) (GivenBack, error) {
	var done GivenBack
	if s.db.Postgres {
		return done, nil
	}
	if err := s.core.enter(); err != nil {
		return done, err
	}
	defer s.core.inside.Done()
	mode, err := s.pragma(ctx, "auto_vacuum")
	if err != nil {
		return done, err
	}
	size, err := s.pragma(ctx, "page_size")
	if err != nil {
		return done, err
	}
	if mode == 2 {
		done.Pages, err = s.vacuumPages(ctx, pause)
		done.Bytes = done.Pages * size
	}
	if err == nil {
		done.LogCut, err = s.cutLog(ctx)
	}
	if err != nil {
		return done, fmt.Errorf("give back: %w", err)
	}
	free, err := s.pragma(ctx, "freelist_count")
	done.FreeBytes, done.CannotShrink = free*size, mode != 2
	return done, err
}

// FreeRoom is how many bytes inside the database file no row needs; 0 on PostgreSQL.
func (s *Store) FreeRoom(ctx context.Context) (int64, error) {
	if s.db.Postgres {
		return 0, nil
	}
	free, err := s.pragma(ctx, "freelist_count")
	if err != nil {
		return 0, err
	}
	size, err := s.pragma(ctx, "page_size")
	return free * size, err
}

func (s *Store) pragma(ctx context.Context, name string) (value int64, err error) {
	if err := s.db.Read(ctx).Raw("PRAGMA " + name).Row().Scan(&value); err != nil {
		return 0, fmt.Errorf("%s: %w", name, Translate(err))
	}
	return value, nil
}

// vacuumPages removes free pages in slices that find their size by the time they take.
func (s *Store) vacuumPages(ctx context.Context, pause func(time.Duration) error) (total int64, err error) {
	slice := int64(firstPages)
	for {
		free, err := s.pragma(ctx, "freelist_count")
		if err != nil || free <= keptPages {
			return total, err
		}
		n := min(slice, free-keptPages)
		var took time.Duration
		err = s.InTx(Patient(ctx), func(tx *Store) error {
			started := time.Now()
			defer func() { took = time.Since(started) }()
			return tx.vacuumSome(ctx, n)
		})
		if err != nil {
			return total, err
		}
		after, err := s.pragma(ctx, "freelist_count")
		if err != nil {
			return total, err
		}
		if after >= free { // others free pages faster than they go, or none can
			return total, nil
		}
		total += free - after
		if took > 0 {
			slice = min(max(n*int64(vacuumTime)/int64(took), n/2, 1), 2*n, mostPages)
		}
		if err := pause(took); err != nil {
			return total, err
		}
	}
}

// vacuumSome reads the rows that the statement answers, one for each page: a page goes
// when its row is asked for.
func (s *Store) vacuumSome(ctx context.Context, pages int64) error {
	rows, err := s.db.Tx.Statement.ConnPool.QueryContext(context.WithoutCancel(ctx), fmt.Sprintf("PRAGMA incremental_vacuum(%d)", pages))
	if err != nil {
		return fmt.Errorf("incremental vacuum: %w", Translate(err))
	}
	defer func() { _ = rows.Close() }() // its error is the one that Err tells
	for rows.Next() {
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("incremental vacuum: %w", Translate(err))
	}
	return nil
}

// cutLog brings what is in the write-ahead log into the file and cuts the log. It uses
// a connection of its own, which gives up soon where somebody is in the way.
func (s *Store) cutLog(ctx context.Context) (bool, error) {
	path := sqlitePath(s.core.config)
	db := sql.OpenDB(sqliteConnector{dsn: sqliteDSN(path, writerSettings+"&_busy_timeout="+milliseconds(cutWait))})
	db.SetMaxOpenConns(1)
	defer db.Close()
	for try := range cutTries {
		if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
			return true, nil //nolint:nilerr // there is no log
		}
		mode := "PASSIVE" // which nobody waits for
		if try%2 == 1 {
			mode = "TRUNCATE"
		}
		var busy, pages, moved int64
		err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &moved)
		var locked sqlite3.Error
		if err != nil && !(errors.As(err, &locked) && (locked.Code == sqlite3.ErrBusy || locked.Code == sqlite3.ErrLocked)) {
			return false, fmt.Errorf("checkpoint: %w", Translate(err))
		}
		if mode == "TRUNCATE" && err == nil && busy == 0 {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(cutPause):
		}
	}
	return false, nil
}

// Shrinkable reports whether the database's file can be made shorter while it is used;
// true for PostgreSQL, which has no such file.
func (s *Store) Shrinkable(ctx context.Context) (bool, error) {
	if s.db.Postgres {
		return true, nil
	}
	mode, err := s.pragma(ctx, "auto_vacuum")
	return mode == 2, err
}
