package sets

import (
	"context"
	"slices"

	"github.com/slipway-lab/slipway/server/analysis/engine"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// LineLength is how many sets of a line are looked at for strips, the newest ones.
const LineLength = 60

// Store is what strips are read from.
type Store interface {
	Before(ctx context.Context, set *analysisstore.Set, limit int) ([]*analysisstore.Set, error)
	TestsNamed(ctx context.Context, sets []*analysisstore.Set, fields, names []string, visit func(set int, row *analysisstore.Row)) error
}

// Strips is what tests were in the sets of a line, up to one of them.
type Strips struct {
	line []*analysisstore.Set // the oldest first
	by   map[string]engine.Strip
}

// ReadStrips finds what the tests of some names were in the line of a set, up to it.
// Of the fields of their contexts some count.
func ReadStrips(ctx context.Context, s Store, set *analysisstore.Set, fields, names []string) (*Strips, error) {
	before, err := s.Before(ctx, set, LineLength-1)
	if err != nil {
		return nil, err
	}
	// What has expired is not known, so the line begins after it.
	if i := slices.IndexFunc(before, func(s *analysisstore.Set) bool { return s.Expired }); i >= 0 {
		before = before[:i]
	}
	out := &Strips{by: map[string]engine.Strip{}}
	for i := len(before) - 1; i >= 0; i-- {
		out.line = append(out.line, before[i])
	}
	out.line = append(out.line, set)
	err = s.TestsNamed(ctx, out.line, fields, names, func(n int, row *analysisstore.Row) {
		strip := out.Of(engine.Key{Context: row.Context, Name: row.Name})
		if o := OutcomeOf(row); o.WorseThan(strip[n]) {
			strip[n] = o
		}
	})
	return out, err
}

// Of is the strip of a test; one that no set has is absent from all.
func (s *Strips) Of(k engine.Key) engine.Strip {
	key := mapKey(k)
	strip := s.by[key]
	if strip == nil {
		strip = make(engine.Strip, len(s.line))
		s.by[key] = strip
	}
	return strip
}

// mapKey is a key that a map can have.
func mapKey(k engine.Key) string {
	key := ""
	for _, v := range k.Context {
		key += v + "\x00"
	}
	return key + k.Name
}

// Set is a set of the line by its place in strips; nil for -1.
func (s *Strips) Set(n int) *analysisstore.Set {
	if n < 0 {
		return nil
	}
	return s.line[n]
}
