package store

import "slices"

// Schema is what an area adds to the database, beside its migrations. Open is
// given one for each area: see package areas.
type Schema struct {
	// Models are the tables that have a Go type. A test compares each of them
	// with the migrated schema.
	Models []any

	// Blobs are the columns that name a blob by its sha256. SweepBlobs removes
	// only what none of them names, so a column that is missing here would lose
	// data; a test finds it by its name, which ends in sha256.
	Blobs []BlobColumn

	// BlobKinds say what BlobBytes sums up.
	BlobKinds []BlobKind
}

// BlobKind is a kind of blobs: the column of a table that holds their sizes, and
// which rows count; Where is SQL, empty for all.
type BlobKind struct{ Kind, Table, Bytes, Where string }

// BlobColumn is a column that names a blob.
type BlobColumn struct{ Table, Column string }

// own is the schema of this package: what every area writes.
var own = Schema{Models: []any{
	&setting{}, &Token{}, &Session{}, &AuditEntry{}, &Event{}, &backupRow{}, &IdempotentAnswer{}, &PendingSet{}, &BackgroundJob{}, &blobRow{}, &blobHold{},
}}

func blobColumns(areas []Schema) []BlobColumn {
	var all []BlobColumn
	for _, a := range areas {
		all = slices.Concat(all, a.Blobs)
	}
	return all
}
