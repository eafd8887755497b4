package store

import (
	"database/sql"
	"encoding/binary"
	"io"
	"os"
	"sort"
	"sync"
	"time"
)

const (
	// logPages is how many new pages of the write-ahead log are worth moving into the
	// file: 16 MiB.
	logPages = 4000

	// logLook is how often the log is looked at while others write.
	logLook = 50 * time.Millisecond
)

// checkpoint moves what is in SQLite's write-ahead log into the file beside the writer,
// whose commit would else do it now and then, and hold up everybody for as long as some
// thousand pages take to be written in other places and synced. The writer still does
// it when this one does not keep up (wal_autocheckpoint), and begins the log anew as
// soon as all of it has been moved.
type checkpoint struct {
	path string // of the log
	db   func() *sql.DB
	wake chan struct{}
	end  chan struct{}
	over sync.WaitGroup

	generation uint64 // of the log that was moved
	moved      int64  // pages of it
}

func newCheckpoint(database, settings string) *checkpoint {
	c := &checkpoint{path: database + "-wal", wake: make(chan struct{}, 1), end: make(chan struct{})}
	c.db = sync.OnceValue(func() *sql.DB {
		db := sql.OpenDB(sqliteConnector{dsn: sqliteDSN(database, settings)})
		db.SetMaxOpenConns(1)
		return db
	})
	c.over.Go(c.run)
	return c
}

// written tells that something was committed.
func (c *checkpoint) written() {
	select {
	case c.wake <- struct{}{}:
	default: // it knows
	}
}

// stop waits for what is being moved.
func (c *checkpoint) stop() error {
	close(c.end)
	c.over.Wait()
	return c.db().Close()
}

func (c *checkpoint) run() {
	for {
		select {
		case <-c.wake:
		case <-c.end:
			return
		}
		if c.due() {
			c.move()
		}
		select {
		case <-time.After(logLook):
		case <-c.end:
			return
		}
	}
}

func (c *checkpoint) due() bool {
	generation, pages, err := readLog(c.path)
	if err != nil {
		return false // the writer finds out what is the matter
	}
	if generation != c.generation {
		c.generation, c.moved = generation, 0
	}
	return pages-c.moved >= logPages
}

func (c *checkpoint) move() {
	var busy, pages, moved int64
	// PASSIVE waits for nobody, and nobody waits for it.
	if err := c.db().QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &moved); err == nil {
		c.moved = max(c.moved, moved)
	}
}

// readLog says how many pages the write-ahead log has, and which log it is: one that
// begins anew overwrites the one before, whose pages bear other salts
// (https://sqlite.org/fileformat2.html, section 4.1).
func readLog(path string) (generation uint64, pages int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	const headerSize, frameHeader = 32, 24
	var header [headerSize]byte
	if _, err := f.ReadAt(header[:], 0); err != nil {
		return 0, 0, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, 0, err
	}
	generation = binary.BigEndian.Uint64(header[16:])
	frame := frameHeader + int64(binary.BigEndian.Uint32(header[8:]))
	n := sort.Search(int((size-headerSize)/frame), func(i int) bool {
		var salts [8]byte
		_, err := f.ReadAt(salts[:], headerSize+int64(i)*frame+8)
		return err != nil || binary.BigEndian.Uint64(salts[:]) != generation
	})
	return generation, int64(n), nil
}
