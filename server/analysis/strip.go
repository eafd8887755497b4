package analysis

import (
	"context"

	"github.com/oapi-codegen/nullable"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// addStrips adds to items what they were in the line of the head.
func (c *comparison) addStrips(ctx context.Context, page []entry, items []analysisapi.ComparedItem, history int) error {
	names := make([]string, 0, len(page))
	for i := range page {
		names = append(names, page[i].Key().Name)
	}
	strips, err := sets.ReadStrips(ctx, c.h.store, c.head, c.fields, names, history)
	if err != nil {
		return err
	}
	for i := range page {
		strip := strips.Of(page[i].Key())
		letters := strip.Letters(history)
		items[i].History = &letters
		items[i].FailingSince, items[i].LastPass = moment(strips.Set(strip.FailingSince())), moment(strips.Set(strip.LastPass()))
	}
	return nil
}

func moment(set *analysisstore.Set) nullable.Nullable[analysisapi.SetMoment] {
	if set == nil {
		return null[analysisapi.SetMoment]()
	}
	return value(analysisapi.SetMoment{Set: sets.RefOf(set).String(), Time: set.Time})
}
