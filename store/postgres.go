package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

func isPostgresURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// connectTimeout is how long a new connection to PostgreSQL may take.
const connectTimeout = 5 * time.Second

// openPostgres opens the pools. Behind a pooler the one to the database itself
// remains, for what needs a session: migrations and, with a connection of its own,
// LISTEN.
func openPostgres(ctx context.Context, cfg Config) (*core, error) {
	c, err := openPrimary(ctx, cfg)
	if err != nil || cfg.DatabaseRead == "" {
		return c, err
	}
	pg, err := postgresConfig(cfg, cfg.DatabaseRead, false)
	if err != nil {
		_ = c.close()
		return nil, err
	}
	// It need not be there yet, or at all.
	db, err := poolOf(cfg, pg)
	if err != nil {
		_ = c.close()
		return nil, err
	}
	c.standby = &standby{db: db}
	return c, nil
}

func openPrimary(ctx context.Context, cfg Config) (*core, error) {
	session, err := openPool(ctx, cfg, cfg.Database, false)
	if err != nil {
		return nil, err
	}
	c := &core{dialect: postgresDialect, write: session, reads: session, session: session, config: cfg}
	if cfg.DatabasePooler == "" {
		return c, nil
	}
	sqlDB(session).SetMaxOpenConns(2)
	sqlDB(session).SetMaxIdleConns(0)
	pool, err := openPool(ctx, cfg, cfg.DatabasePooler, true)
	if err != nil {
		_ = c.close()
		return nil, err
	}
	c.write, c.reads = pool, pool
	return c, nil
}

func openPool(ctx context.Context, cfg Config, address string, pooled bool) (*gorm.DB, error) {
	pg, err := postgresConfig(cfg, address, pooled)
	if err != nil {
		return nil, err
	}
	db, err := poolOf(cfg, pg)
	if err != nil {
		return nil, err
	}
	if err := sqlDB(db).PingContext(ctx); err != nil {
		_ = closeGorm(db)
		return nil, fmt.Errorf("database %s: %w", pg.Host, Translate(err))
	}
	return db, nil
}

func poolOf(cfg Config, pg *pgx.ConnConfig) (*gorm.DB, error) {
	pool := stdlib.OpenDB(*pg)
	pool.SetMaxOpenConns(cfg.MaxConns)
	pool.SetMaxIdleConns(cfg.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db, err := openGorm(postgres.New(postgres.Config{Conn: pool}))
	if err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("database %s: %w", pg.Host, Translate(err))
	}
	return db, nil
}

// postgresConfig is how connections are made. READ COMMITTED is set because a
// database may have another default, and the row locks of the Update methods are
// written for it.
//
// A pooler in transaction mode refuses settings that it would have to keep for a
// client (pgbouncer: "unsupported startup parameter"), and hands each transaction
// another session: there each transaction sets what it needs (settings), and no
// statement stays prepared from one to the next.
func postgresConfig(cfg Config, address string, pooled bool) (*pgx.ConnConfig, error) {
	pg, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err) // pgx masks the password
	}
	if pg.ConnectTimeout == 0 {
		pg.ConnectTimeout = connectTimeout
	}
	pg.DialFunc = dialWire(cfg.StatementTimeout)
	if pg.RuntimeParams["application_name"] == "" {
		pg.RuntimeParams["application_name"] = "slipway"
	}
	pg.RuntimeParams["timezone"] = "UTC"
	if pooled {
		pg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		return pg, nil
	}
	pg.RuntimeParams["default_transaction_isolation"] = "read committed"
	pg.RuntimeParams["lock_timeout"] = milliseconds(cfg.StatementTimeout) // SQLite's busy timeout
	pg.RuntimeParams["statement_timeout"] = milliseconds(cfg.StatementTimeout)
	pg.RuntimeParams["idle_in_transaction_session_timeout"] = milliseconds(idleInTx(cfg.StatementTimeout))
	return pg, nil
}

// idleInTx is how long a transaction that changes something may rest between two of its
// statements. A server that was stopped, or whose machine is gone, keeps its locks for so
// long: those who wait for one have to outwait it, and readers of the event log stop
// before what it may still write.
func idleInTx(statement time.Duration) time.Duration { return max(statement/2, leastIdleInTx) }

// leastIdleInTx leaves a busy machine the time to come to its next statement.
const leastIdleInTx = 2 * time.Second

// noIdleLimit is for a transaction that rests while somebody else works with it.
const noIdleLimit time.Duration = 0

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// limitTx gives a transaction its limits, where they are not those of the
// connection, and returns what takes them back. idle is how long it may rest.
func (c *core) limitTx(ctx context.Context, w *wire, tx *sql.Tx, idle time.Duration) (restore func(), err error) {
	restore = func() {}
	limit := c.statementLimit(ctx)
	if !isPatient(ctx) && c.config.DatabasePooler == "" {
		return restore, nil
	}
	if w != nil {
		w.setLimit(limit)
		restore = func() { w.setLimit(c.config.StatementTimeout) }
	}
	_, err = tx.ExecContext(ctx, "SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $3, true)",
		milliseconds(limit), milliseconds(c.config.StatementTimeout), milliseconds(idle))
	if err != nil {
		return restore, fmt.Errorf("limits: %w", Translate(err))
	}
	return restore, nil
}

// Undurable names the settings of PostgreSQL with which a commit that it has confirmed
// can be lost when its machine loses power, empty when there is none, and on SQLite,
// whose settings are ours.
func (s *Store) Undurable(ctx context.Context) ([]string, error) {
	if !s.db.Postgres {
		return nil, nil
	}
	var off []string
	err := s.db.Read(ctx).Raw(`SELECT name FROM pg_settings
		WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off' ORDER BY name`).Scan(&off).Error
	return off, Translate(err)
}
