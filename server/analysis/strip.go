package analysis

import (
	"context"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// stripSets is how many sets of a line are looked at for strips.
const stripSets = 60

// addStrips adds to items what they were in the line of the head.
func (c *comparison) addStrips(ctx context.Context, page []entry, items []analysisapi.ComparedItem, history int) error {
	before, err := c.h.store.Before(ctx, c.head, stripSets-1)
	if err != nil {
		return err
	}
	line := make([]*analysisstore.Set, 0, len(before)+1)
	for i := len(before) - 1; i >= 0; i-- {
		line = append(line, before[i])
	}
	line = append(line, c.head)
	names := make([]string, 0, len(page))
	for i := range page {
		names = append(names, page[i].Key().Name)
	}
	strips, err := c.h.strips(ctx, line, c.fields, names)
	if err != nil {
		return err
	}
	moment := func(n int) (out analysisapi.SetMoment) {
		return analysisapi.SetMoment{Set: refOf(line[n]).String(), Time: line[n].Time}
	}
	for i := range page {
		strip := strips[stripKey(page[i].Key())]
		if strip == nil {
			strip = make(engine.Strip, len(line))
		}
		item := &items[i]
		letters := strip.Letters(history)
		item.History = &letters
		item.FailingSince, item.LastPass = null[analysisapi.SetMoment](), null[analysisapi.SetMoment]()
		if n := strip.FailingSince(); n >= 0 {
			item.FailingSince.Set(moment(n))
		}
		if n := strip.LastPass(); n >= 0 {
			item.LastPass.Set(moment(n))
		}
	}
	return nil
}

// stripKey is a key that a map can have.
func stripKey(k engine.Key) string {
	key := ""
	for _, v := range k.Context {
		key += v + "\x00"
	}
	return key + k.Name
}

// strips finds what tests of some names were in the sets of a line.
func (h *Handler) strips(ctx context.Context, line []*analysisstore.Set, fields, names []string) (map[string]engine.Strip, error) {
	strips := map[string]engine.Strip{}
	err := h.store.TestsNamed(ctx, line, fields, names, func(set int, row *analysisstore.Row) {
		key := stripKey(engine.Key{Context: row.Context, Name: row.Name})
		strip := strips[key]
		if strip == nil {
			strip = make(engine.Strip, len(line))
			strips[key] = strip
		}
		if o := outcomeOf(row); o.WorseThan(strip[set]) {
			strip[set] = o
		}
	})
	return strips, err
}
