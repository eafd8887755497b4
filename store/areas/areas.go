// Package areas names all areas of the store, for those who open it whole.
package areas

import (
	"context"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/analysis"
	"github.com/slipway-lab/slipway/store/lab"
	"github.com/slipway-lab/slipway/store/products"
	"github.com/slipway-lab/slipway/store/refstack"
	"github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/retention"
)

// Schemas is what each area adds to the database.
func Schemas() []store.Schema {
	return []store.Schema{results.Schema, refstack.Schema, products.Schema, reports.Schema, lab.Schema, analysis.Schema, retention.Schema}
}

// Open is store.Open with all areas.
func Open(ctx context.Context, cfg store.Config) (*store.Store, error) {
	cfg.Areas = Schemas()
	return store.Open(ctx, cfg)
}
