package storetest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
)

// migratedFile is a SQLite file in which all migrations have run: once for all tests of
// a package, of which most want a database of their own.
var migratedFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "slipway-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := areas.Open(ctx, store.Config{DataDir: dir})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.Migrate(ctx), s.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "slipway.db"))
})

// prepare puts the migrated file where cfg would make an empty one, in a directory that
// exists.
func prepare(cfg store.Config) error {
	path := cfg.Missing()
	if path == "" {
		return nil
	}
	file, err := migratedFile()
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, file, 0o600); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
