// Package storetest opens stores for tests and holds the tests that every
// supported database passes. They run on SQLite always, and on PostgreSQL when
// SLIPWAY_TEST_POSTGRES holds an address such as
// postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable. There each test
// gets a database of its own, so that tests run in parallel.
package storetest

import (
	"context"
	"os"
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
)

// PostgresEnv names the variable with the address of the test database.
const PostgresEnv = "SLIPWAY_TEST_POSTGRES"

// PoolerEnv names the variable with the address of a pooler in transaction mode in
// front of the test database, such as postgres://postgres@127.0.0.1:6432/, which leads
// to every database there. The tests of stores then run through it once more.
const PoolerEnv = "SLIPWAY_TEST_POOLER"

// New returns a migrated SQLite store in a temporary directory. It is closed
// when the test ends.
func New(t testing.TB) *store.Store {
	t.Helper()
	return Open(t, store.Config{DataDir: t.TempDir()})
}

// Open opens and migrates the store that cfg describes, with all areas, and closes
// it when the test ends.
func Open(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	if err := prepare(cfg); err != nil {
		t.Fatalf("a migrated SQLite file: %v", err)
	}
	s, err := areas.Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("store.Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return s
}

// Each runs test in parallel on every database there is, with a migrated store. It is
// for tests of what is asked of a database; those of a server are content with
// EachDirect.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	each(t, migrated, migratedPooled, func(t *testing.T, cfg store.Config) { test(t, Open(t, cfg)) })
}

// EachDirect is Each without the pooler.
func EachDirect(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	each(t, migrated, nil, func(t *testing.T, cfg store.Config) { test(t, Open(t, cfg)) })
}

// EachOf is Each for the tests of an area: area is the New of its package.
func EachOf[S any](t *testing.T, area func(*store.Store) S, test func(t *testing.T, s S)) {
	t.Helper()
	Each(t, func(t *testing.T, s *store.Store) { test(t, area(s)) })
}

// EachConfig runs test in parallel with the configuration of an empty database
// of every kind there is, and of one behind a pooler.
func EachConfig(t *testing.T, test func(t *testing.T, cfg store.Config)) {
	t.Helper()
	each(t, Postgres, Pooled, test)
}

// EachDirectConfig is EachConfig without the pooler.
func EachDirectConfig(t *testing.T, test func(t *testing.T, cfg store.Config)) {
	t.Helper()
	each(t, Postgres, nil, test)
}

// each is told what makes databases of PostgreSQL, and what those behind a pooler.
func each(t *testing.T, database func(testing.TB) string, pooled func(testing.TB) store.Config, test func(t *testing.T, cfg store.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, store.Config{DataDir: t.TempDir()})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, store.Config{DataDir: t.TempDir(), Database: database(t), MaxConns: 8})
	})
	if pooled == nil || os.Getenv(PoolerEnv) == "" {
		return
	}
	t.Run("pooled", func(t *testing.T) {
		t.Parallel()
		test(t, pooled(t))
	})
}
