package sets

import (
	"context"
	"slices"

	"github.com/slipway-lab/slipway/server/analysis/engine"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

const (
	// lineAtOnce is how many sets of a line are looked at together.
	lineAtOnce = 60

	// mostRuns and mostSets are how far back a line of runs and any other one is
	// followed for tests that have not passed, or that few sets have.
	mostRuns = 600
	mostSets = 180
)

// Store is what strips are read from.
type Store interface {
	Before(ctx context.Context, set *analysisstore.Set, limit int) ([]*analysisstore.Set, error)
	TestsNamed(ctx context.Context, sets []*analysisstore.Set, fields, names []string, visit func(set int, row *analysisstore.Row)) error
}

// Strips is what tests were in the sets of a line, up to one of them.
type Strips struct {
	line []*analysisstore.Set // the newest first
	by   map[string]*strip
}

// strip is what a test was, in the order of the line.
type strip struct {
	name     string
	outcomes []engine.Outcome
}

// ReadStrips finds what the tests of some names were in the line of a set, up to it:
// at least their last outcomes, as many as length, and their last pass, as far as the
// line is followed. Of the fields of their contexts some count.
func ReadStrips(ctx context.Context, s Store, set *analysisstore.Set, fields, names []string, length int) (*Strips, error) {
	out := &Strips{by: map[string]*strip{}}
	most := mostSets
	if set.Kind == analysisstore.RunSet {
		most = mostRuns
	}
	part := []*analysisstore.Set{set}
	for {
		before, err := s.Before(ctx, part[len(part)-1], lineAtOnce-1)
		if err != nil {
			return nil, err
		}
		// What has expired is not known, so the line begins after it.
		if i := slices.IndexFunc(before, func(s *analysisstore.Set) bool { return s.Expired }); i >= 0 {
			before = before[:i]
		}
		if len(out.line) == 0 {
			part = append(part, before...)
		} else {
			part = before
		}
		if err := out.read(ctx, s, part, fields, names); err != nil {
			return nil, err
		}
		names = out.open(names, length)
		if len(before) < lineAtOnce-1 || len(names) == 0 || len(out.line) >= most {
			return out, nil
		}
	}
}

// read adds the next sets of the line.
func (s *Strips) read(ctx context.Context, from Store, part []*analysisstore.Set, fields, names []string) error {
	at := len(s.line)
	s.line = append(s.line, part...)
	return from.TestsNamed(ctx, part, fields, names, func(n int, row *analysisstore.Row) {
		key := engine.Key{Context: row.Context, Name: row.Name}
		one := s.by[mapKey(key)]
		if one == nil {
			one = &strip{name: row.Name}
			s.by[mapKey(key)] = one
		}
		for len(one.outcomes) <= at+n {
			one.outcomes = append(one.outcomes, engine.Absent)
		}
		if o := OutcomeOf(row); o.WorseThan(one.outcomes[at+n]) {
			one.outcomes[at+n] = o
		}
	})
}

// open are the names of which older sets may still tell something.
func (s *Strips) open(names []string, length int) []string {
	open := map[string]bool{}
	for _, one := range s.by {
		known, passed := 0, false
		for _, o := range one.outcomes {
			passed = passed || o == engine.Pass
			if o != engine.Absent {
				known++
			}
		}
		open[one.name] = open[one.name] || !passed || known < length
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !open[name] })
}

// Of is the strip of a test; one that no set has is absent from all.
func (s *Strips) Of(k engine.Key) engine.Strip {
	all := make(engine.Strip, len(s.line))
	if one := s.by[mapKey(k)]; one != nil {
		for n, o := range one.outcomes {
			all[len(all)-1-n] = o
		}
	}
	return all
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
	return s.line[len(s.line)-1-n]
}
