// Package intake takes uploaded results in: it keeps the file as it came, and
// turns what stands in it into the rows of a result, one for each test.
//
// It is shared by the areas that take uploads. An area decides who may upload,
// what the result belongs to and what is answered; from the bytes to a result
// that is ready to be published, everything happens here. Tests are written in
// slices while the file is being read, and nobody sees them before the area
// publishes the result.
package intake

import (
	"context"

	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// Store is what an intake writes to.
type Store interface {
	BeginResult(ctx context.Context, r *resultstore.Result) error
	PrepareTests(tests []resultstore.Test) (*resultstore.Prepared, error)
	InsertPrepared(ctx context.Context, resultKey int64, tests *resultstore.Prepared) error
	UpdateTests(ctx context.Context, resultKey int64, tests []resultstore.Test) error
	AddTestRecords(ctx context.Context, resultKey int64, records []resultstore.TestRecord) error
	CopyTests(ctx context.Context, resultKey int64, from *resultstore.Result) error
	EachTest(ctx context.Context, filter resultstore.TestFilter, f func(*resultstore.Test) error) error
	InsertFiles(ctx context.Context, resultKey int64, files []resultstore.ResultFile) error
	ResultFiles(ctx context.Context, r *resultstore.Result) ([]resultstore.ResultFile, error)
	SetTestRecords(ctx context.Context, resultKey int64, records []resultstore.TestRecords) error
	InsertNameList(ctx context.Context, r *resultstore.Result, list *resultstore.NameList) error
	DiscardResult(ctx context.Context, key int64) error
}

// Intake takes uploads in. All fields but Strangers are required.
type Intake struct {
	Store  Store
	Blobs  store.Blobs
	Limits Limits

	// Strangers bounds uploads without a credential; nil where there are none.
	Strangers *Strangers
}
