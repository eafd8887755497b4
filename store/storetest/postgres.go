package storetest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// Postgres makes an empty schema and returns the address that leads into it. It
// skips the test when there is no PostgreSQL.
func Postgres(t testing.TB) string {
	t.Helper()
	address := server(t)
	schema := newName()
	admin(t, address, "CREATE SCHEMA "+schema)
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
	admin(t, server(t), fmt.Sprintf("DROP SCHEMA %s CASCADE", u.Query().Get("search_path")))
}

// Pooled makes an empty database and returns the configuration of a store that reaches
// it through the pooler. A pooler in transaction mode does not know to which schema a
// client belongs, hence a database. It skips the test when there is no pooler.
func Pooled(t testing.TB) store.Config {
	t.Helper()
	return through(t, newDatabase(t, ""))
}

// migrated makes a database in which all migrations have run and returns its address.
func migrated(t testing.TB) string {
	t.Helper()
	server(t)
	of, err := template()
	if err != nil {
		t.Fatalf("the database that others are copies of: %v", err)
	}
	return newDatabase(t, " TEMPLATE "+of)
}

// migratedPooled is migrated for a store that reaches the database through the pooler.
func migratedPooled(t testing.TB) store.Config {
	t.Helper()
	return through(t, migrated(t))
}

func newDatabase(t testing.TB, options string) string {
	t.Helper()
	address, name := server(t), newName()
	admin(t, address, "CREATE DATABASE "+name+options)
	t.Cleanup(func() {
		awaitIdle(t, name)
		admin(t, address, "DROP DATABASE "+name+" WITH (FORCE)")
	})
	return called(t, address, name)
}

func newName() string { return "slipway_" + strings.ReplaceAll(uuid.NewString(), "-", "") }

// server is the address that the tests are given.
func server(t testing.TB) string {
	t.Helper()
	address := os.Getenv(PostgresEnv)
	if address == "" {
		t.Skipf("%s is not set", PostgresEnv)
	}
	return address
}

// through is the configuration of a store that reaches a database by the pooler.
func through(t testing.TB, address string) store.Config {
	t.Helper()
	pooler := os.Getenv(PoolerEnv)
	if pooler == "" {
		t.Skipf("%s is not set", PoolerEnv)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	pooler = called(t, pooler, strings.TrimPrefix(u.Path, "/"))
	return store.Config{DataDir: t.TempDir(), Database: address, DatabasePooler: pooler, MaxConns: 8}
}

// called is an address with another database in it.
func called(t testing.TB, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("%s, %s: %v", PostgresEnv, PoolerEnv, err)
	}
	u.Path = "/" + name
	return u.String()
}

// template is the name of a migrated database, which stays, so that the tests of all
// packages are copies of one: to copy it takes a third of the time of the migrations.
var template = sync.OnceValues(func() (string, error) {
	ctx := context.Background()
	name, err := templateName()
	if err != nil {
		return "", err
	}
	db, err := sql.Open("pgx", os.Getenv(PostgresEnv))
	if err != nil {
		return "", err
	}
	defer db.Close() // gives up the lock as well
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", name); err != nil {
		return "", err
	}
	var there bool
	err = db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there)
	if err == nil && !there {
		err = makeTemplate(ctx, db, name)
	}
	return name, err
})

// makeTemplate gives the database its name when it is whole.
func makeTemplate(ctx context.Context, db *sql.DB, name string) error {
	unfinished := name + "_unfinished"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + unfinished + " WITH (FORCE)", "CREATE DATABASE " + unfinished} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := migrate(ctx, unfinished); err != nil {
		return err
	}
	var err error
	await.Until(func() bool { // its connections have gone
		_, err = db.ExecContext(ctx, "ALTER DATABASE "+unfinished+" RENAME TO "+name)
		return err == nil
	})
	return err
}

// templateName says which migrations have run in it.
func templateName() (string, error) {
	hash := sha256.New()
	files := store.Migrations()
	err := fs.WalkDir(files, "migrations/postgres", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		fmt.Fprintf(hash, "%s %d %s", path, len(text), text)
		return err
	})
	return fmt.Sprintf("slipway_template_%x", hash.Sum(nil)[:8]), err
}

// migrate runs all migrations in a database.
func migrate(ctx context.Context, name string) error {
	u, err := url.Parse(os.Getenv(PostgresEnv))
	if err != nil {
		return err
	}
	u.Path = "/" + name
	dir, err := os.MkdirTemp("", "slipway-template-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := areas.Open(ctx, store.Config{DataDir: dir, Database: u.String(), MaxConns: 2})
	if err != nil {
		return err
	}
	return errors.Join(s.Migrate(ctx), s.Close())
}

// awaitIdle waits until the pooler has no connection to a database at work. PgBouncer
// 1.18 ends itself ("server in bad state") when the database goes while a statement on
// such a connection is being cancelled.
func awaitIdle(t testing.TB, database string) {
	t.Helper()
	pooler := os.Getenv(PoolerEnv)
	if pooler == "" {
		return
	}
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
