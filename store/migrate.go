package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// Migrations are SQL files, one set per dialect, with the same numbers and
// names in both. They only ever go forward: a file that was released is never
// changed again, and there is no way down.
//
// Numbers have five digits and are no timestamps. The first file of each area has
// a round one, those before it that it refers to a lower one. From 00070 on a new
// file takes the number after the highest one, whatever its area, because a
// database that is at that number refuses a lower one.
//
// On SQLite every table is STRICT, so that it refuses what PostgreSQL refuses;
// on PostgreSQL every text column is COLLATE "C", so that it sorts by bytes as
// SQLite does, and indexes on columns that may be null say NULLS FIRST.
//
//go:embed migrations
var migrationFiles embed.FS

// Migrations are the files that Migrate runs, in migrations/sqlite and
// migrations/postgres.
func Migrations() fs.FS { return migrationFiles }

// versionTable is where goose notes what has run.
const versionTable = "schema_versions"

// Migrate brings the schema up to date. It waits for another process that is
// doing the same. ErrNewerSchema: a newer program has migrated it, and this one
// must not touch it.
func (s *Store) Migrate(ctx context.Context) error {
	provider, err := s.migrations()
	if err != nil {
		return err
	}
	if _, err := s.Pending(ctx); err != nil {
		return err
	}
	migrate := func() error {
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("migrate: %w", Translate(err))
		}
		return nil
	}
	if s.db.Postgres {
		if err := migrate(); err != nil { // sessionLock holds the others off
			return err
		}
		return s.MakePartitions(ctx)
	}
	unlock, err := waitLock(sqlitePath(s.core.config)+".migrate.lock", false, 0)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return errors.Join(migrate(), unlock())
}

func (s *Store) migrations() (*goose.Provider, error) {
	names, err := fs.Glob(migrationFiles, "migrations/"+s.Dialect()+"/*.sql")
	if err != nil {
		return nil, err
	}
	var all []*goose.Migration
	for _, name := range names {
		m, err := migration(name)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	dialect := goose.DialectSQLite3
	opts := []goose.ProviderOption{goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(all...)}
	if s.db.Postgres {
		dialect = goose.DialectPostgres
		opts = append(opts, goose.WithSessionLocker(sessionLock{s.core.config.StatementTimeout}))
	}
	provider, err := goose.NewProvider(dialect, sqlDB(s.core.session), nil, opts...)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return provider, nil
}

// migration runs a whole file in one transaction. Both drivers take a text of
// many statements; goose would split it with a buffer of 4 MiB for each line.
func migration(name string) (*goose.Migration, error) {
	version, err := goose.NumericComponent(name)
	if err != nil {
		return nil, fmt.Errorf("migration %s: %w", name, err)
	}
	text, err := migrationFiles.ReadFile(name)
	if err != nil {
		return nil, err
	}
	up := func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return goose.NewGoMigration(version, &goose.GoFunc{RunTx: up}, nil), nil
}

// Version is the number of the newest migration that has run; 0 is an empty
// database.
func (s *Store) Version(ctx context.Context) (int64, error) {
	exists, err := s.hasVersionTable(ctx)
	if err != nil || !exists {
		return 0, err
	}
	var version sql.NullInt64
	err = s.db.Read(ctx).Raw("SELECT MAX(version_id) FROM " + versionTable).Scan(&version).Error
	if err != nil {
		return 0, fmt.Errorf("schema version: %w", Translate(err))
	}
	return version.Int64, nil
}

func (s *Store) hasVersionTable(ctx context.Context) (bool, error) {
	query := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
	if s.db.Postgres {
		query = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?"
	}
	var n int64
	if err := s.db.Read(ctx).Raw(query, versionTable).Scan(&n).Error; err != nil {
		return false, fmt.Errorf("schema version: %w", Translate(err))
	}
	return n > 0, nil
}

// Pending is the number of migrations that Migrate would run. A server whose
// database has some is not ready. ErrNewerSchema: it has some that this program
// does not know.
func (s *Store) Pending(ctx context.Context) (int, error) {
	provider, err := s.migrations()
	if err != nil {
		return 0, err
	}
	version, err := s.Version(ctx)
	if err != nil {
		return 0, err
	}
	pending, newest := 0, int64(0)
	for _, source := range provider.ListSources() {
		newest = max(newest, source.Version)
		if source.Version > version {
			pending++
		}
	}
	if version > newest {
		return 0, fmt.Errorf("%w: it is at version %d, this program knows %d; start the program that migrated it, or restore a backup from before",
			ErrNewerSchema, version, newest)
	}
	return pending, nil
}

// sessionLock makes replicas that start together migrate one after the other.
// It waits in the database; goose's own looks again every few seconds.
type sessionLock struct{ limit time.Duration } // of the connection, afterwards

// migrateTime is how long one migration may be silent: it may build the index of a
// large table, or wait for another server that does.
const migrateTime = time.Hour

const sessionLockKey = "hashtextextended(current_schema() || '/migrate', 0)"

func (sessionLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if w := wireOf(conn); w != nil {
		w.setLimit(migrateTime)
	}
	if _, err := conn.ExecContext(ctx, "SET lock_timeout = 0"); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "SET statement_timeout = 0"); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "SET idle_in_transaction_session_timeout = 0"); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock("+sessionLockKey+")")
	return err
}

func (l sessionLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	if w := wireOf(conn); w != nil {
		defer w.setLimit(l.limit)
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock("+sessionLockKey+")"); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, "RESET lock_timeout")
	if err == nil {
		_, err = conn.ExecContext(ctx, "RESET statement_timeout")
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "RESET idle_in_transaction_session_timeout")
	}
	return err
}
