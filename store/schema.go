package store

import (
	"context"
	"fmt"
	"slices"
)

// Schema is what an area adds to the database, beside its migrations. Open is
// given one for each area: see package areas.
type Schema struct {
	// Models are the tables that have a Go type. A test compares each of them
	// with the migrated schema.
	Models []any

	// Roots are the tables without rows in which the area has none at all.
	Roots []string

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

// BlobColumn is a column that names a blob. Where is SQL for the rows that need it;
// empty for all. Whole is SQL for those of them that are whole: what the others name may
// not be there yet, or no longer, and nobody misses it.
type BlobColumn struct{ Table, Column, Where, Whole string }

// own is the schema of this package: what every area writes.
var own = Schema{Models: []any{
	&setting{}, &Token{}, &Session{}, &AuditEntry{}, &Event{}, &backupRow{}, &IdempotentAnswer{}, &PendingSet{}, &BackgroundJob{}, &QueuedFailure{}, &blobRow{}, &blobHold{},
}}

// Used names a table in which an area, or the event log, has a row; "" when nobody has
// stored anything but settings and tokens.
func (s *Store) Used(ctx context.Context) (string, error) {
	names := []string{"events"}
	for _, a := range s.core.config.Areas {
		names = append(names, a.Roots...)
	}
	for _, table := range names {
		var found []int
		if err := s.db.Read(ctx).Table(table).Select("1").Limit(1).Find(&found).Error; err != nil {
			return "", fmt.Errorf("rows of %s: %w", table, Translate(err))
		}
		if len(found) > 0 {
			return table, nil
		}
	}
	return "", nil
}

func blobColumns(areas []Schema) []BlobColumn {
	var all []BlobColumn
	for _, a := range areas {
		all = slices.Concat(all, a.Blobs)
	}
	return all
}
