package store

// models are the tables that have a Go type. Each file adds its own from an
// init function, so that areas do not meet in one list; a test compares them
// with the migrated schema.
var models []any

// blobColumns are the columns that name a blob by its sha256. SweepBlobs removes
// only what none of them names, so a column that is missing here loses data.
var blobColumns []blobColumn

type blobColumn struct{ table, column string }

func registerModels(list ...any) { models = append(models, list...) }

func registerBlobColumns(table string, columns ...string) {
	for _, c := range columns {
		blobColumns = append(blobColumns, blobColumn{table, c})
	}
}
