// Package storeerr names what can go wrong in the store. Package store hands the
// names on as its own; this package stands beside it, without SQL, for those who
// tell errors apart and open no database.
package storeerr

import (
	"errors"
	"fmt"
)

// What can go wrong, as callers see it. Test with errors.Is; the text behind it
// is for the log.
var (
	// ErrNotFound: there is no such row, or none that the caller may see.
	ErrNotFound = errors.New("not found")

	// ErrOfNoTenant: the row belongs to no tenant, so that the caller's tenant
	// reads it and may not change it.
	ErrOfNoTenant = errors.New("belongs to no tenant")

	// ErrConflict: the change contradicts what is stored: a second row with
	// the same identity, or a state that does not allow it.
	ErrConflict = errors.New("conflict")

	// ErrReference: the row names another one that does not exist, or another
	// one still names it.
	ErrReference = errors.New("reference to a missing row, or still referenced")

	// ErrInvalid: the database refuses the value, for example U+0000 or broken
	// UTF-8 in a text. Callers are expected to have checked before.
	ErrInvalid = errors.New("value cannot be stored")

	// ErrUnavailable: the database cannot work at the moment: unreachable,
	// locked by somebody else, disk full. Trying again later may help.
	ErrUnavailable = errors.New("store unavailable")

	// ErrFull: there is no room left on the disk. Nothing of the change was kept.
	ErrFull = fmt.Errorf("%w: no space left", ErrUnavailable)

	// ErrOutcomeUnknown: the connection to the database broke while the change was
	// being committed, so it was made, or it was not. It is no ErrUnavailable,
	// because whoever reads that may say that nothing was changed.
	ErrOutcomeUnknown = errors.New("store: it is not known whether the change was made")

	// ErrNewerSchema: a newer program has migrated the database.
	ErrNewerSchema = errors.New("the database has a newer schema than this program knows")

	// ErrReplaced: the files of the embedded database are not those any more that
	// were opened: somebody removed, moved or restored them. Nothing can be stored.
	ErrReplaced = fmt.Errorf("%w: its files were removed or replaced", ErrUnavailable)

	// ErrClosed: Close was called.
	ErrClosed = fmt.Errorf("%w: closed", ErrUnavailable)

	// ErrInUse: another process serves from the same data directory.
	ErrInUse = errors.New("already in use by another server")

	// ErrSecretMismatch: the database belongs to a server with another secret.
	ErrSecretMismatch = errors.New("the server secret does not match the database")

	// ErrContentLost: a row names bytes that are gone, cut or not what they were.
	ErrContentLost = errors.New("the content is lost")

	// ErrExpired: it was kept as long as somebody said it should be, and removed.
	ErrExpired = errors.New("it has expired")

	// ErrBlobsElsewhere: the blobs of the database are in another store than the
	// one this server was started with.
	ErrBlobsElsewhere = fmt.Errorf("%w: its blobs are elsewhere", ErrUnavailable)

	// ErrBadCursor: a cursor that this list never gave out.
	ErrBadCursor = errors.New("bad cursor")

	// ErrReadOnly: a change was tried inside Snapshot.
	ErrReadOnly = errors.New("snapshot is read-only")
)
