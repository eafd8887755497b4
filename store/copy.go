package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/mattn/go-sqlite3"
)

// backupRow says that a backup is being taken: until then nothing is removed that it
// may still have to copy.
type backupRow struct {
	ID        string    `gorm:"primaryKey"`
	StartedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	HeldUntil time.Time `gorm:"serializer:micros;type:bigint"`
}

// TableName is the name of the table.
func (backupRow) TableName() string { return "backups" }

const (
	backupHold  = 2 * time.Minute // what a killed backup holds up
	backupRenew = 20 * time.Second
)

// BackupHold keeps all blobs, whoever removes the rows that name them.
type BackupHold struct {
	store          *Store
	row            backupRow
	ended, stopped chan struct{}
}

// HoldForBackup keeps all blobs until Release is called, or the process has been gone
// for two minutes.
func (s *Store) HoldForBackup(ctx context.Context) (*BackupHold, error) {
	row := backupRow{ID: s.NewID().String(), StartedAt: s.Now(), HeldUntil: s.Now().Add(backupHold)}
	err := s.InTx(ctx, func(tx *Store) error {
		if err := tx.db.Tx.Where("held_until < ?", Micros(tx.Now())).Delete(&backupRow{}).Error; err != nil {
			return Translate(err)
		}
		return Translate(tx.db.Tx.Create(&row).Error)
	})
	if err != nil {
		return nil, fmt.Errorf("hold for a backup: %w", err)
	}
	h := &BackupHold{store: s, row: row, ended: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(h.stopped)
		tick := time.NewTicker(backupRenew)
		defer tick.Stop()
		for {
			select {
			case <-h.ended:
				return
			case <-tick.C:
			}
			_ = h.Renew(ctx) // one that fails is made up for by the next
		}
	}()
	return h, nil
}

// Renew holds on for two more minutes. ErrConflict: nothing was held any more, because
// the process stood still or did not reach the database for longer than that, and what
// has to be copied may be gone. It stays so.
func (h *BackupHold) Renew(ctx context.Context) error {
	err := h.store.InTx(ctx, func(tx *Store) error {
		now := tx.Now()
		res := tx.db.Tx.Model(&backupRow{}).Where("id = ? AND held_until >= ?", h.row.ID, Micros(now)).Update("held_until", Micros(now.Add(backupHold)))
		if res.Error == nil && res.RowsAffected == 0 {
			return ErrConflict
		}
		return Translate(res.Error)
	})
	if err != nil {
		return fmt.Errorf("hold for a backup: %w", err)
	}
	return nil
}

// Release lets go of the blobs.
func (h *BackupHold) Release(ctx context.Context) error {
	close(h.ended)
	<-h.stopped
	return h.store.InTx(context.WithoutCancel(ctx), func(tx *Store) error { return Translate(tx.db.Tx.Delete(&h.row).Error) })
}

// heldByBackup reports whether a backup is being taken. Asked after the rows that
// name a blob were looked for, it is sure: a backup that begins later sees those rows
// as they were then, or as they are later.
func (s *Store) heldByBackup(ctx context.Context) (bool, error) {
	var n int64
	err := s.db.Read(ctx).Model(&backupRow{}).Where("held_until >= ?", Micros(s.Now())).Count(&n).Error
	return n > 0, Translate(err)
}

// CopyDatabase writes one state of the database to a new file, while others write,
// and then shows that state to look. Of SQLite it is a database, of PostgreSQL what
// pg_dump writes in its custom format; ErrNoTool: there is no pg_dump. note hears how
// many of how many pages are done; it is not called on PostgreSQL.
func (s *Store) CopyDatabase(ctx context.Context, path string, note func(done, all int), look func(view *Store) error) error {
	if s.db.Postgres {
		return s.dumpPostgres(ctx, path, look)
	}
	conn, err := sqlDB(s.core.reads).Conn(ctx)
	if err != nil {
		return fmt.Errorf("copy the database: %w", Translate(err))
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("copy the database: %w", Translate(err))
	}
	defer func() { _ = tx.Rollback() }() // nothing to keep
	// The first read fixes the state. Without it each commit of another process
	// would make the copy begin again.
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master").Scan(&n); err != nil {
		return fmt.Errorf("copy the database: %w", Translate(err))
	}
	err = conn.Raw(func(c any) error {
		from, ok := c.(*sqlite3.SQLiteConn)
		if !ok {
			return errors.New("no connection of SQLite")
		}
		return copySQLite(ctx, from, path, note)
	})
	if err != nil {
		return fmt.Errorf("copy the database: %w", Translate(err))
	}
	return look(s.within(ctx, &txState{sql: tx, readOnly: true}))
}

// copyPages is how many pages are copied at a time: 4 MiB.
const copyPages = 1024

func copySQLite(ctx context.Context, from *sqlite3.SQLiteConn, path string, note func(done, all int)) error {
	newPrivateFile(path)
	opened, err := (&sqlite3.SQLiteDriver{}).Open(sqliteDSN(path, "_journal_mode=OFF&_synchronous=OFF"))
	if err != nil {
		return err
	}
	defer opened.Close()
	to, ok := opened.(*sqlite3.SQLiteConn)
	if !ok {
		return driver.ErrBadConn
	}
	b, err := to.Backup("main", from, "main")
	if err != nil {
		return err
	}
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, b.Finish())
		}
		if done, err = b.Step(copyPages); err != nil {
			return errors.Join(err, b.Finish())
		}
		note(b.PageCount()-b.Remaining(), b.PageCount())
	}
	return b.Finish()
}

// ErrNoTool is a program that is not on this machine.
var ErrNoTool = errors.New("not on this machine")

func (s *Store) dumpPostgres(ctx context.Context, path string, look func(view *Store) error) error {
	tool, err := exec.LookPath("pg_dump")
	if err != nil {
		return fmt.Errorf("pg_dump is %w: install the client programs of PostgreSQL, or run there where they are: "+
			"pg_dump --format=custom --no-owner --no-privileges --file=FILE \"$SLIPWAY_DATABASE\", and copy the directory blobs afterwards", ErrNoTool)
	}
	conn, err := sqlDB(s.core.session).Conn(ctx)
	if err != nil {
		return fmt.Errorf("dump: %w", Translate(err))
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("dump: %w", Translate(err))
	}
	defer func() { _ = tx.Rollback() }() // nothing to keep
	restore, err := s.core.limitTx(Patient(ctx), wireOf(conn), tx, noIdleLimit)
	defer restore()
	if err != nil {
		return err
	}
	var snapshot, schema string
	if err := tx.QueryRowContext(ctx, "SELECT pg_export_snapshot(), current_schema()").Scan(&snapshot, &schema); err != nil {
		return fmt.Errorf("dump: %w", Translate(err))
	}
	newPrivateFile(path)
	if err := s.postgresTool(ctx, tool, "--format=custom", "--no-owner", "--no-privileges", "--snapshot="+snapshot, "--schema="+schema, "--file="+path); err != nil {
		return err
	}
	return look(s.within(ctx, &txState{sql: tx, readOnly: true}))
}

// postgresTool runs a program of PostgreSQL on the database. The password goes by the
// environment: every user of the machine sees arguments.
func (s *Store) postgresTool(ctx context.Context, tool string, args ...string) error {
	address, password := s.core.config.Database, ""
	if u, err := url.Parse(address); err == nil {
		password, _ = u.User.Password()
		if u.User != nil {
			u.User = url.User(u.User.Username())
		}
		query := u.Query()
		query.Del("search_path") // libpq has no such parameter
		u.RawQuery = query.Encode()
		address = u.String()
	}
	cmd := exec.CommandContext(ctx, tool, append(args, "--dbname="+address)...)
	cmd.Env = os.Environ()
	if password != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+password)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", tool, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// NamedBlobs calls f with the name of each blob that a row names which is whole, in their
// order, once.
func (s *Store) NamedBlobs(ctx context.Context, f func(sha256 string) error) error {
	var parts []string
	for _, c := range blobColumns(s.core.config.Areas) {
		part := "SELECT " + c.Column + " AS sha FROM " + c.Table + " WHERE " + c.Column + " <> ''"
		for _, condition := range []string{c.Where, c.Whole} {
			if condition != "" {
				part += " AND " + condition
			}
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return nil
	}
	rows, err := s.db.Read(ctx).Raw(strings.Join(parts, " UNION ") + " ORDER BY 1").Rows()
	if err != nil {
		return fmt.Errorf("named blobs: %w", Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		var sha string
		if err := rows.Scan(&sha); err != nil {
			return fmt.Errorf("named blobs: %w", Translate(err))
		}
		if err := f(sha); err != nil {
			return err
		}
	}
	return Translate(rows.Err())
}

// CountRows counts the rows of every table.
func (s *Store) CountRows(ctx context.Context) (map[string]int64, error) {
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if s.db.Postgres {
		query = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
	}
	var names []string
	if err := s.db.Read(ctx).Raw(query).Scan(&names).Error; err != nil {
		return nil, fmt.Errorf("tables: %w", Translate(err))
	}
	counts := make(map[string]int64, len(names))
	for _, name := range names {
		var n int64
		if err := s.db.Read(ctx).Raw(`SELECT COUNT(*) FROM "` + name + `"`).Scan(&n).Error; err != nil {
			return nil, fmt.Errorf("rows of %s: %w", name, Translate(err))
		}
		counts[name] = n
	}
	return counts, nil
}

// Integrity asks SQLite whether its file is sound, and returns what is wrong, at most
// 100 lines. PostgreSQL has no such question.
func (s *Store) Integrity(ctx context.Context, deep bool) ([]string, error) {
	if s.db.Postgres {
		return nil, nil
	}
	pragma := "quick_check"
	if deep {
		pragma = "integrity_check"
	}
	var lines []string
	if err := s.db.Read(ctx).Raw("PRAGMA " + pragma).Scan(&lines).Error; err != nil {
		return nil, fmt.Errorf("%s: %w", pragma, Translate(err))
	}
	if len(lines) == 1 && lines[0] == "ok" {
		return nil, nil
	}
	return lines, nil
}

// RestorePostgres loads what CopyDatabase wrote into a PostgreSQL without tables.
func RestorePostgres(ctx context.Context, database, path string) error {
	tool, err := exec.LookPath("pg_restore")
	if err != nil {
		return fmt.Errorf("pg_restore is %w: install the client programs of PostgreSQL", ErrNoTool)
	}
	c, err := openPostgres(ctx, Config{Database: database, MaxConns: 1, StatementTimeout: 10 * time.Second})
	if err != nil {
		return err
	}
	s := &Store{core: c, db: c.tables()}
	var n int64
	err = s.db.Read(ctx).Raw("SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()").Scan(&n).Error
	if err = errors.Join(Translate(err), c.close()); err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("the database has %d tables: restore into an empty one", n)
	}
	return s.postgresTool(ctx, tool, "--no-owner", "--no-privileges", "--exit-on-error", path)
}

// Unused returns ErrInUse when a server serves from the data directory.
func Unused(dir string) error {
	locks, err := filepath.Glob(filepath.Join(dir, "*.db.lock"))
	if err != nil {
		return err
	}
	for _, path := range locks {
		unlock, err := lockFile(path)
		if err != nil {
			return err
		}
		if err := unlock(); err != nil {
			return err
		}
	}
	return nil
}

// Latest is the newest time that the database has seen: of PostgreSQL its own clock,
// else that of the newest audit entry.
func (s *Store) Latest(ctx context.Context) (time.Time, error) {
	query := "SELECT COALESCE(MAX(at), 0) FROM audit"
	if s.db.Postgres {
		query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
	}
	var micros int64
	if err := s.db.Read(ctx).Raw(query).Scan(&micros).Error; err != nil {
		return time.Time{}, fmt.Errorf("latest time: %w", Translate(err))
	}
	return time.UnixMicro(micros).UTC(), nil
}

// RehomeBlobs makes the data directory the place of the blobs of a database that was
// restored there: the place that it remembers may belong to a server that still runs,
// and one of the two would sweep what the other one needs.
func (s *Store) RehomeBlobs(ctx context.Context) error {
	err := s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, placeSetting); err != nil {
			return err
		}
		row := &place{ID: uuid.NewString(), Address: "file:"}
		old, err := tx.place(ctx)
		if err != nil {
			return err
		}
		if old != nil {
			row.Known = append(old.Known, old.ID)
		}
		return tx.keepPlace(row)
	})
	if err != nil {
		return err
	}
	return s.CheckBlobs(ctx)
}
