package reports

import (
	"context"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/known"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
	searchstore "github.com/slipway-lab/slipway/store/search"
)

// explained finds the issues that explain the failures among tests that were found;
// the others have none.
func (h *Handler) explained(ctx context.Context, list []searchstore.TestResult) ([]*engine.Issue, error) {
	issues := make([]*engine.Issue, len(list))
	var found []analysisstore.Found
	var of []int
	for i := range list {
		t := &list[i]
		switch searchstore.Outcome(t.Source, t.Status) {
		case engine.Fail.String(), engine.Error.String():
			report := t.CaseID
			if t.Source == searchstore.BootSource {
				report = t.Run
			}
			found = append(found, analysisstore.Found{Source: sourceNames[t.Source], Result: t.ResultID, N: t.N, Report: report})
			of = append(of, i)
		}
	}
	if found == nil {
		return issues, nil
	}
	s := analysisstore.New(h.store.Store)
	pasts, err := s.Locate(ctx, found)
	if err != nil {
		return nil, err
	}
	for n := range pasts {
		t := &list[of[n]]
		pasts[n].Name, pasts[n].Status, pasts[n].CloudID = t.Name, t.Status, t.CloudID
	}
	some, err := known.NewBook(s).ExplainPast(ctx, pasts)
	if err != nil {
		return nil, err
	}
	for n, issue := range some {
		issues[of[n]] = issue
	}
	return issues, nil
}

func issueNote(i *engine.Issue) nullable.Nullable[reportsapi.KnownIssueNote] {
	if i == nil {
		return null[reportsapi.KnownIssueNote]()
	}
	id, _ := uuid.Parse(i.ID) // it was made of one
	return nullable.NewNullableWithValue(reportsapi.KnownIssueNote{ID: id, Title: i.Title, URL: orNull(i.URL)})
}
