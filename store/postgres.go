package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
)

func isPostgresURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// openPostgres opens a pool. READ COMMITTED is set here because a database may
// have another default, and the row locks of the Update methods are written
// for it.
func openPostgres(ctx context.Context, cfg Config) (*core, error) {
	pg, err := pgx.ParseConfig(cfg.Database)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err) // pgx masks the password
	}
	pg.RuntimeParams["timezone"] = "UTC"
	pg.RuntimeParams["default_transaction_isolation"] = "read committed"
	pg.RuntimeParams["lock_timeout"] = "10s" // SQLite's busy timeout
	if pg.RuntimeParams["application_name"] == "" {
		pg.RuntimeParams["application_name"] = "slipway"
	}
	pool := stdlib.OpenDB(*pg)
	pool.SetMaxOpenConns(cfg.MaxConns)
	pool.SetMaxIdleConns(cfg.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := pool.PingContext(ctx); err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("database %s: %w", pg.Host, Translate(err))
	}
	db, err := openGorm(postgres.New(postgres.Config{Conn: pool}))
	if err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("database %s: %w", pg.Host, Translate(err))
	}
	return &core{dialect: postgresDialect, write: db, reads: db, config: cfg}, nil
}
