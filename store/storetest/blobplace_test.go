package storetest

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest/objectstore"
)

// kept is a store whose blobs lie in a place, and what a test must know of that
// place.
type kept struct {
	store *store.Store
	blobs store.Blobs

	file       func(sha string) string // in which the bytes are
	age        func(sha string, d time.Duration)
	count      func() int // blobs
	unfinished func() int // uploads
	other      func() store.Blobs
}

// eachBlobs runs the test with files and with an object store, on SQLite.
func eachBlobs(t *testing.T, test func(t *testing.T, k *kept)) {
	t.Helper()
	t.Run("files", func(t *testing.T) {
		t.Parallel()
		test(t, inFiles(t, store.Config{DataDir: t.TempDir()}))
	})
	t.Run("objects", func(t *testing.T) {
		t.Parallel()
		test(t, inObjects(t, store.Config{DataDir: t.TempDir()}, objectstore.Start(t)))
	})
}

// eachPlace is eachBlobs on a given database.
func eachPlace(t *testing.T, cfg store.Config, test func(t *testing.T, k *kept)) {
	t.Helper()
	t.Run("files", func(t *testing.T) { test(t, inFiles(t, cfg)) })
	t.Run("objects", func(t *testing.T) {
		objects := objectstore.Start(t)
		fresh := cfg
		fresh.DataDir = t.TempDir()
		switch {
		case cfg.DatabasePooler != "":
			fresh = Pooled(t)
		case cfg.Database != "":
			fresh.Database = Postgres(t)
		}
		test(t, inObjects(t, fresh, objects))
	})
}

func inFiles(t *testing.T, cfg store.Config) *kept {
	t.Helper()
	s := Open(t, cfg)
	if err := s.CheckBlobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cfg.DataDir, "blobs")
	k := &kept{store: s, blobs: s.Blobs}
	k.file = func(sha string) string { return filepath.Join(dir, sha[:2], sha[2:]) }
	k.age = func(sha string, d time.Duration) {
		at := time.Now().Add(-d)
		if err := os.Chtimes(k.file(sha), at, at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	k.count = func() int { return counted(t, s.Blobs) }
	k.unfinished = func() int { return unfinished(t, dir) }
	k.other = func() store.Blobs {
		other, err := store.OpenFileBlobs(dir)
		if err != nil {
			t.Fatal(err)
		}
		return other
	}
	return k
}

// counted counts the blobs by asking for all of them.
func counted(t *testing.T, blobs store.Blobs) int {
	t.Helper()
	n := 0
	err := blobs.Each(t.Context(), func(string, int64) error {
		n++
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

const testPrefix = "of/a/test"

func inObjects(t *testing.T, cfg store.Config, objects *objectstore.Server) *kept {
	t.Helper()
	cfg.Blobs, cfg.BlobCredentials, cfg.BlobTimeout = objects.URL(testPrefix), objects.Credentials, 10*time.Second
	s := Open(t, cfg)
	if err := s.CheckBlobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	db := rawDB(t, cfg)
	k := &kept{store: s, blobs: s.Blobs}
	k.file = func(sha string) string {
		var object string
		if err := db.QueryRow("SELECT object FROM blobs WHERE content = $1", sha).Scan(&object); err != nil {
			t.Error(err)
		}
		return filepath.Join(objects.Dir, testPrefix, object)
	}
	k.age = func(sha string, d time.Duration) {
		at := store.Micros(time.Now().Add(-d))
		if _, err := db.Exec("UPDATE blobs SET committed_at = $1 WHERE content = $2", at, sha); err != nil {
			t.Error(err)
		}
	}
	k.count = func() int {
		rows, files := counted(t, s.Blobs), len(objects.Objects(testPrefix))
		if rows != files {
			t.Errorf("%d rows of blobs, but %d objects", rows, files)
		}
		return files
	}
	k.unfinished = objects.Unfinished
	k.other = func() store.Blobs { return Open(t, cfg).Blobs }
	return k
}

// rawDB is the database past the store, for what no store would do.
func rawDB(t *testing.T, cfg store.Config) *sql.DB {
	t.Helper()
	driver, address := "pgx", cfg.Database
	if !strings.HasPrefix(address, "postgres") {
		driver, address = "sqlite3", "file:"+filepath.Join(cfg.DataDir, "slipway.db")+"?_busy_timeout=10000"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
