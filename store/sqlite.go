package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-sqlite3"
	"gorm.io/driver/sqlite"
)

const sqliteFile = "slipway.db"

// sqliteSettings hold for every connection. Acknowledged means durable, hence
// FULL. The driver's own statement cache beats GORM's PrepareStmt.
const sqliteSettings = "_foreign_keys=on&_stmt_cache_size=64"

// sqliteVacuum lets GiveBack shorten the file. It has a meaning only for the connection
// that makes the file, and none for a file that has tables.
const sqliteVacuum = "&_auto_vacuum=incremental"

const (
	writerSettings = sqliteSettings + sqliteVacuum + "&_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_cache_size=-16384"
	readerSettings = sqliteSettings + "&_query_only=1&_txlock=deferred&_cache_size=-8192"
)

// sqlitePragmas have no name in the driver's settings. wal_autocheckpoint lets
// a burst of uploads run 64 MiB into the log before the writer itself must copy it
// into the file, which is else done beside it (checkpoint.go); journal_size_limit gives
// the disk space back afterwards. The file is not mapped: mapped pages count as memory of the process, and reads gain little.
var sqlitePragmas = []string{
	"PRAGMA temp_store = MEMORY",
	"PRAGMA journal_size_limit = 67108864",
	"PRAGMA wal_autocheckpoint = 16000",
}

func openSQLite(ctx context.Context, cfg Config) (*core, error) {
	path := sqlitePath(cfg)
	c := &core{dialect: sqliteDialect, config: cfg, database: path}
	if cfg.Exclusive {
		unlock, err := lockFile(path + ".lock")
		if err != nil {
			return nil, fmt.Errorf("database %s: %w", path, err)
		}
		c.unlock = unlock
	}
	newPrivateFile(path)
	if err := c.connectSQLite(ctx, path); err != nil {
		_ = c.close()
		return nil, fmt.Errorf("database %s: %w", path, Translate(err))
	}
	c.session = c.write
	c.watch = watchDatabase(path)
	c.writer = newWriter(sqlDB(c.write), c.watch, c.statementLimit)
	c.writer.log = newCheckpoint(path, writerSettings+c.busyTimeout())
	return c, nil
}

// connectSQLite opens the writer before the readers, because only the writer
// may create the file and switch it to WAL.
func (c *core) connectSQLite(ctx context.Context, path string) error {
	writeDB := sql.OpenDB(sqliteConnector{dsn: sqliteDSN(path, writerSettings+c.busyTimeout())})
	writeDB.SetMaxOpenConns(1)
	if err := writeDB.PingContext(ctx); err != nil {
		_ = writeDB.Close()
		return err
	}
	var err error
	if c.write, err = openGorm(sqlite.New(sqlite.Config{Conn: writeDB})); err != nil {
		_ = writeDB.Close()
		return err
	}
	readDB := sql.OpenDB(sqliteConnector{dsn: sqliteDSN(path, readerSettings+c.busyTimeout())})
	readDB.SetMaxOpenConns(c.config.ReadConns)
	readDB.SetMaxIdleConns(c.config.ReadConns)
	if c.reads, err = openGorm(sqlite.New(sqlite.Config{Conn: readDB})); err != nil {
		_ = readDB.Close()
	}
	return err
}

// busyTimeout is how long a connection waits for what another process has locked.
func (c *core) busyTimeout() string {
	return "&_busy_timeout=" + milliseconds(c.config.StatementTimeout)
}

// Missing returns the SQLite file that Open would make, and "" when it is there or the
// database is no file.
func (cfg Config) Missing() string {
	if isPostgresURL(cfg.Database) {
		return ""
	}
	path := sqlitePath(cfg)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return path
	}
	return ""
}

func sqlitePath(cfg Config) string {
	path := strings.TrimPrefix(cfg.Database, "sqlite:")
	if path == "" {
		path = sqliteFile
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(cfg.DataDir, path)
}

// sqliteDSN escapes the path, so that a directory may be called "50%?".
func sqliteDSN(path, settings string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: settings}
	return u.String()
}

// sqliteConnector opens connections without registering a driver by name.
type sqliteConnector struct{ dsn string }

func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) {
	return c.Driver().Open(c.dsn)
}

func (sqliteConnector) Driver() driver.Driver {
	return &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		for _, pragma := range sqlitePragmas {
			if _, err := conn.Exec(pragma, nil); err != nil {
				return fmt.Errorf("%s: %w", pragma, err)
			}
		}
		return nil
	}}
}
