package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
	"gorm.io/gorm"

	"github.com/slipway-lab/slipway/store/storeerr"
)

// What can go wrong; package storeerr says what each of them means.
var (
	ErrNotFound       = storeerr.ErrNotFound
	ErrOfNoTenant     = storeerr.ErrOfNoTenant
	ErrConflict       = storeerr.ErrConflict
	ErrReference      = storeerr.ErrReference
	ErrInvalid        = storeerr.ErrInvalid
	ErrUnavailable    = storeerr.ErrUnavailable
	ErrFull           = storeerr.ErrFull
	ErrOutcomeUnknown = storeerr.ErrOutcomeUnknown
	ErrNewerSchema    = storeerr.ErrNewerSchema
	ErrReplaced       = storeerr.ErrReplaced
	ErrClosed         = storeerr.ErrClosed
	ErrInUse          = storeerr.ErrInUse
	ErrSecretMismatch = storeerr.ErrSecretMismatch
	ErrContentLost    = storeerr.ErrContentLost
	ErrExpired        = storeerr.ErrExpired
	ErrBlobsElsewhere = storeerr.ErrBlobsElsewhere
	ErrBadCursor      = storeerr.ErrBadCursor
	ErrReadOnly       = storeerr.ErrReadOnly
)

// Translate gives a database error its name from above, and keeps the cause. It
// decides by code, never by text, because texts change with versions and
// languages. Other errors pass unchanged.
func Translate(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrOutcomeUnknown) {
		return err // whatever broke
	}
	if errors.Is(err, gorm.ErrRecordNotFound) || errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if kind := kindOf(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

func kindOf(err error) error {
	var lite sqlite3.Error
	if errors.As(err, &lite) {
		return sqliteKind(lite)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return postgresKind(pg.Code)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &connect), errors.As(err, &network),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), pgconn.SafeToRetry(err):
		return ErrUnavailable
	}
	return nil
}

// sqliteConstraintDatatype is SQLITE_CONSTRAINT_DATATYPE, which a STRICT table
// answers; the driver has no name for it.
const sqliteConstraintDatatype = sqlite3.ErrNoExtended(19 | 12<<8)

func sqliteKind(err sqlite3.Error) error {
	switch err.ExtendedCode {
	case sqlite3.ErrConstraintUnique, sqlite3.ErrConstraintPrimaryKey, sqlite3.ErrConstraintRowID:
		return ErrConflict
	case sqlite3.ErrConstraintForeignKey:
		return ErrReference
	case sqlite3.ErrConstraintCheck, sqlite3.ErrConstraintNotNull, sqliteConstraintDatatype:
		return ErrInvalid
	}
	if err.Code == sqlite3.ErrFull || err.SystemErrno != 0 && diskError(err.SystemErrno) == ErrFull { //nolint:errorlint // ErrFull itself
		return ErrFull
	}
	switch err.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrIoErr,
		sqlite3.ErrCantOpen, sqlite3.ErrNomem, sqlite3.ErrReadonly, sqlite3.ErrProtocol:
		return ErrUnavailable
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB: // also what SQLite makes of a disk that fails under its feet
		return ErrUnavailable
	case sqlite3.ErrTooBig, sqlite3.ErrMismatch:
		return ErrInvalid
	case sqlite3.ErrInterrupt:
		return context.Canceled
	}
	return nil
}

// postgresKind reads the code's class where the whole class means the same.
func postgresKind(code string) error {
	switch code {
	case "23505", "23P01": // unique, exclusion
		return ErrConflict
	case "23503": // foreign key
		return ErrReference
	case "23502", "23514": // not null, check
		return ErrInvalid
	case "40001", "40P01": // serialization failure, deadlock
		return ErrUnavailable
	case "53100": // disk full
		return ErrFull
	case "55P03", "57P01", "57P02", "57P03": // lock not available, shutdowns
		return ErrUnavailable
	case restedTooLong, "25P04": // idle in a transaction, or in it for too long
		return ErrUnavailable
	case "XX001", "XX002": // a table or an index is damaged
		return ErrUnavailable
	case "57014", "0A000": // cancelled by an operator; schema changed under a prepared statement
		return ErrUnavailable
	}
	switch {
	case strings.HasPrefix(code, "22"): // data exception
		return ErrInvalid
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"), strings.HasPrefix(code, "58"): // connection, resources, disk
		return ErrUnavailable
	}
	return nil
}

// errBrokenBefore is a COMMIT whose connection broke and that is known not to have been
// carried out.
var errBrokenBefore = fmt.Errorf("%w: the connection broke at the commit, and nothing was changed", ErrUnavailable)

// worthRetrying reports whether PostgreSQL gave the transaction up for the sake
// of another one, a replica has migrated the schema since a statement was
// prepared, or the connection broke or could not be made. Nothing was committed
// then (commitFailed sorts out what may have been), so running it again is safe and
// may succeed.
func worthRetrying(err error) bool {
	if errors.Is(err, ErrOutcomeUnknown) {
		return false
	}
	if errors.Is(err, errBrokenBefore) {
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01" || pg.Code == "0A000" || brokenOff(pg.Code) || isPartitionGone(err)
	}
	return isBroken(err)
}

// isPartitionGone reports whether a row found no partition: another server has dropped
// the one that this process knew.
func isPartitionGone(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23514" && pg.ConstraintName == "" // a check has a name
}

// restedTooLong is the code with which PostgreSQL ends a connection whose transaction
// has waited too long for its next statement: this server was stopped meanwhile.
const restedTooLong = "25P03"

// brokenOff reports whether PostgreSQL ended the connection by itself: its class of
// connection errors, shut down, crashed, starting up.
func brokenOff(code string) bool {
	switch code {
	case "57P01", "57P02", "57P03", restedTooLong:
		return true
	}
	return strings.HasPrefix(code, "08")
}

// isBroken reports whether a connection is dead, or none could be made. A limit that
// has passed is not: who waited that long is not made to wait again.
func isBroken(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, errSilent), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), pgconn.SafeToRetry(err):
		return true
	}
	return errors.As(err, &connect) || errors.As(err, &network) && !network.Timeout()
}

// commitFailed names the error of a COMMIT. The change was not made when the database
// says so, or when nothing was sent; whatever else breaks, the COMMIT may have been
// carried out and only its answer was lost. FATAL and PANIC count as broken: a server
// that shuts down may end a COMMIT that is already on its disk (SyncRepWaitForLSN in
// src/backend/replication/syncrep.c). What the driver says of a broken connection does
// not count: when the answer fails to come it says that the connection was closed
// before (peekMessage and NextResult in pgconn/pgconn.go of pgx 5.12).
func commitFailed(err error, sent bool) error {
	if err == nil {
		return nil
	}
	known := !sent || errors.Is(err, pgx.ErrTxCommitRollback)
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		known = pg.SeverityUnlocalized == "ERROR" || pg.Code == restedTooLong // that ended it before it read the COMMIT
	}
	var lite sqlite3.Error
	if errors.As(err, &lite) {
		// What fsync could not bring to the disk may be there all the same after a crash.
		known = lite.ExtendedCode != sqlite3.ErrIoErrFsync
	}
	if known {
		return fmt.Errorf("commit: %w", Translate(err))
	}
	return fmt.Errorf("commit: %w: %w", ErrOutcomeUnknown, err)
}

// isLocked, isDamaged and isReadOnlyError tell why SQLite does not write.
func isLocked(err error) bool {
	var lite sqlite3.Error
	return errors.As(err, &lite) && (lite.Code == sqlite3.ErrBusy || lite.Code == sqlite3.ErrLocked)
}

func isDamaged(err error) bool {
	var lite sqlite3.Error
	return errors.As(err, &lite) && (lite.Code == sqlite3.ErrCorrupt || lite.Code == sqlite3.ErrNotADB || lite.Code == sqlite3.ErrIoErr)
}

func isReadOnlyError(err error) bool {
	var lite sqlite3.Error
	return errors.As(err, &lite) && lite.Code == sqlite3.ErrReadonly
}
