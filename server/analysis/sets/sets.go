// Package sets makes of what the store has of a set what the engine takes, for all
// who compare sets or follow tests through a line of them.
package sets

import (
	"github.com/slipway-lab/slipway/server/analysis/engine"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// RefOf is the reference of a set, nil being none.
func RefOf(set *analysisstore.Set) engine.Ref {
	if set == nil {
		return engine.Ref{Kind: engine.None}
	}
	return engine.Ref{Kind: engine.Kind(set.Kind), Parts: set.Parts, Attempt: set.Attempt}
}

// LineOf is what known issues may ask of a set.
func LineOf(set *analysisstore.Set) engine.Line {
	return engine.Line{CloudID: set.CloudID, Job: set.Job, ProductID: set.ProductID}
}

// OriginRef is the reference of the set that holds a result.
func OriginRef(o *analysisstore.Origin) string {
	ref := engine.Ref{Kind: engine.Kind(o.Kind), Parts: o.Parts}
	if ref.Kind == engine.Run {
		ref.Attempt = o.Attempt
	}
	return ref.String()
}

// OutcomeOf is the outcome of a test by the words of its source.
func OutcomeOf(row *analysisstore.Row) engine.Outcome {
	switch {
	case row.File:
		return engine.OfFile(row.Status)
	case row.Source == analysisstore.CaseSource:
		return engine.OfCase(row.Status)
	case row.Source == analysisstore.BootSource:
		return engine.OfBoot(row.Status)
	}
	return engine.OfOpportunity(row.Status, row.Synthetic)
}

// Stream gives the tests of a set, every key once.
func Stream(rows analysisstore.Rows) engine.Stream { return engine.Fold(&rowStream{rows: rows}) }

// rowStream makes tests of rows.
type rowStream struct {
	rows analysisstore.Rows
	test engine.Test
}

// Next returns the next test.
func (s *rowStream) Next() (*engine.Test, error) {
	row, err := s.rows.Next()
	if row == nil || err != nil {
		return nil, err
	}
	s.test = engine.Test{
		Key: engine.Key{Context: row.Context, Name: row.Name}, Outcome: OutcomeOf(row), Source: engine.Source(row.Source),
		Tenant: row.Tenant, Status: row.Status, Duration: row.Duration, Place: engine.Place{Upload: row.Upload, N: row.N, ID: row.ID},
	}
	return &s.test, nil
}
