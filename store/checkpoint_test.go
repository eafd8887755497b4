package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// fillLog commits about so many pages.
func fillLog(t *testing.T, s *Store, pages int) {
	t.Helper()
	const atOnce = 500
	for ; pages > 0; pages -= atOnce {
		err := s.InTx(context.Background(), func(tx *Store) error {
			return tx.db.Tx.Exec(`INSERT INTO blob_filler SELECT value, zeroblob(4000) FROM (WITH RECURSIVE n (value) AS
				(SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?) SELECT (SELECT COALESCE(MAX(id), 0) FROM blob_filler) + value AS value FROM n)`, atOnce).Error
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The log is moved into the file while nobody asks for it, and what is said of its size
// is what SQLite says.
func TestCheckpoint(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	err := s.InTx(context.Background(), func(tx *Store) error {
		return tx.db.Tx.Exec("CREATE TABLE blob_filler (id INTEGER PRIMARY KEY, data BLOB) STRICT").Error
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.core.config.DataDir, sqliteFile) + "-wal"
	fillLog(t, s, 1000)
	first, pages, err := readLog(path)
	if err != nil || pages < 1000 {
		t.Fatalf("log %d of %d pages, %v; want 1000 at least", first, pages, err)
	}
	var busy, said, moved int64
	if err := sqlDB(s.core.write).QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &said, &moved); err != nil || said != pages || moved != pages {
		t.Fatalf("the log has %d pages, SQLite says %d and moved %d, %v", pages, said, moved, err)
	}
	fillLog(t, s, 500)
	second, again, err := readLog(path)
	if err != nil || second == first || again >= pages {
		t.Errorf("a log that begins anew: %d of %d pages, %v; want another one than %d, of less than %d", second, again, err, first, pages)
	}
	fillLog(t, s, logPages)
	database := filepath.Join(s.core.config.DataDir, sqliteFile)
	await.That(t, "the log is in the file", func() bool {
		s.core.writer.log.written()
		info, err := os.Stat(database)
		return err == nil && info.Size() >= logPages*4096
	})
}
