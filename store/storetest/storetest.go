// Package storetest opens stores for tests and holds the tests that every
// supported database passes. They run on SQLite always, and on PostgreSQL when
// SLIPWAY_TEST_POSTGRES holds an address such as
// postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable. There each test
// gets a schema of its own, so that tests run in parallel.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
	"github.com/slipway-lab/slipway/store/storetest/await"
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
	EachConfig(t, func(t *testing.T, cfg store.Config) { test(t, Open(t, cfg)) })
}

// EachDirect is Each without the pooler.
func EachDirect(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachDirectConfig(t, func(t *testing.T, cfg store.Config) { test(t, Open(t, cfg)) })
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
	EachDirectConfig(t, test)
	if os.Getenv(PoolerEnv) == "" {
		return
	}
	t.Run("pooled", func(t *testing.T) {
		t.Parallel()
		test(t, Pooled(t))
	})
}

// EachDirectConfig is EachConfig without the pooler.
func EachDirectConfig(t *testing.T, test func(t *testing.T, cfg store.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, store.Config{DataDir: t.TempDir()})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, store.Config{DataDir: t.TempDir(), Database: Postgres(t), MaxConns: 8})
	})
}

// Pooled makes an empty database and returns the configuration of a store that reaches
// it through the pooler. A pooler in transaction mode does not know to which schema a
// client belongs, hence a database. It skips the test when there is no pooler.
func Pooled(t testing.TB) store.Config {
	t.Helper()
	pooler, address := os.Getenv(PoolerEnv), os.Getenv(PostgresEnv)
	if pooler == "" || address == "" {
		t.Skipf("%s is not set", PoolerEnv)
	}
	name := "slipway_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	admin(t, address, "CREATE DATABASE "+name)
	t.Cleanup(func() {
		awaitIdle(t, pooler, name)
		admin(t, address, "DROP DATABASE "+name+" WITH (FORCE)")
	})
	in := func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatalf("%s, %s: %v", PostgresEnv, PoolerEnv, err)
		}
		u.Path = "/" + name
		return u.String()
	}
	return store.Config{DataDir: t.TempDir(), Database: in(address), DatabasePooler: in(pooler), MaxConns: 8}
}

// awaitIdle waits until the pooler has no connection to a database at work. PgBouncer
// 1.18 ends itself ("server in bad state") when the database goes while a statement on
// such a connection is being cancelled.
func awaitIdle(t testing.TB, pooler, database string) {
	t.Helper()
	u, err := url.Parse(pooler)
	if err != nil {
		t.Fatalf("%s: %v", PoolerEnv, err)
	}
	u.Path = "/pgbouncer" // its console
	query := u.Query()
	query.Set("default_query_exec_mode", "simple_protocol")
	u.RawQuery = query.Encode()
	console, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatalf("%s: %v", PoolerEnv, err)
	}
	defer console.Close()
	if !await.Until(func() bool {
		busy, err := busyServers(console, database)
		if err != nil {
			t.Fatalf("%s: %v", PoolerEnv, err)
		}
		return busy == 0
	}) {
		t.Logf("the pooler still works with the database %s", database)
	}
}

// busyServers counts connections to a database that are neither idle nor about to be
// looked at.
func busyServers(console *sql.DB, database string) (busy int, err error) {
	rows, err := console.Query("SHOW SERVERS")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	of, state := slices.Index(names, "database"), slices.Index(names, "state")
	values := make([]sql.NullString, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return 0, err
		}
		if values[of].String == database && !slices.Contains([]string{"idle", "used", "tested"}, values[state].String) {
			busy++
		}
	}
	return busy, rows.Err()
}

// Postgres makes an empty schema and returns the address that leads into it. It
// skips the test when there is no PostgreSQL.
func Postgres(t testing.TB) string {
	t.Helper()
	address := os.Getenv(PostgresEnv)
	if address == "" {
		t.Skipf("%s is not set", PostgresEnv)
	}
	schema := "slipway_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	admin(t, address, fmt.Sprintf("CREATE SCHEMA %s", schema))
	t.Cleanup(func() { admin(t, address, fmt.Sprintf("DROP SCHEMA %s CASCADE", schema)) })

	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("%s: %v", PostgresEnv, err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

// DropSchema removes the schema that Postgres made, with everything in it.
func DropSchema(t testing.TB, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	admin(t, os.Getenv(PostgresEnv), fmt.Sprintf("DROP SCHEMA %s CASCADE", u.Query().Get("search_path")))
}

func admin(t testing.TB, address, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatalf("%s: %v", PostgresEnv, err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
