package results

import (
	"context"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/known"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	"github.com/slipway-lab/slipway/server/auth"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// addIssues says of tests of a result which known issues explain their failures.
func (h *Handler) addIssues(ctx context.Context, r *resultstore.Result, tests []resultsapi.Test) error {
	run, err := h.store.Run(ctx, auth.From(ctx).Scope(), r.RunID)
	if err != nil {
		return err
	}
	failures := make([]known.Failure, 0, len(tests))
	for i := range tests {
		failures = append(failures, known.Failure{Tenant: r.Tenant, Line: engine.Line{CloudID: run.CloudID}, Test: &engine.Test{
			Key: engine.Key{Name: tests[i].ID}, Outcome: engine.OfFile(string(tests[i].Status)), Source: engine.FromRun,
			Place: engine.Place{Upload: r.Key, N: int64(tests[i].N)},
		}})
	}
	issues, err := known.NewBook(h.analysis).Explain(ctx, failures)
	for i, issue := range issues {
		tests[i].KnownIssue = issueNote(issue)
	}
	return err
}

// addMessages says of tests of a result in a line what their failures say.
func (h *Handler) addMessages(ctx context.Context, r *resultstore.Result, rows []resultstore.Test, tests []resultsapi.Test) error {
	var failed []int64
	for i := range rows {
		if rows[i].Status.MayFail() {
			failed = append(failed, rows[i].N)
		}
	}
	texts, err := h.analysis.Results.Failures(ctx, r.Key, failed)
	for i := range tests {
		tests[i].Message = nullable.NewNullNullable[string]()
		if message := engine.Message(texts[rows[i].N]); message != "" {
			tests[i].Message.Set(message)
		}
	}
	return err
}

func issueNote(i *engine.Issue) nullable.Nullable[resultsapi.KnownIssueNote] {
	if i == nil {
		return nullable.NewNullNullable[resultsapi.KnownIssueNote]()
	}
	id, _ := uuid.Parse(i.ID) // it was made of one
	note := resultsapi.KnownIssueNote{ID: id, Title: i.Title, URL: nullable.NewNullNullable[string]()}
	if i.URL != nil {
		note.URL.Set(*i.URL)
	}
	return nullable.NewNullableWithValue(note)
}

// addStrips says of tests of a result what they were in the line of its run, as
// letters of the last outcomes.
func (h *Handler) addStrips(ctx context.Context, r *resultstore.Result, tests []resultsapi.Test, history int) error {
	ref := engine.RunRef(r.RunID, r.Attempt)
	set, err := h.analysis.Find(ctx, auth.From(ctx).Viewer(), string(ref.Kind), ref.Parts, ref.Attempt)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(tests))
	for i := range tests {
		names = append(names, tests[i].ID)
	}
	strips, err := sets.ReadStrips(ctx, h.analysis, set, nil, names, history)
	if err != nil {
		return err
	}
	for i := range tests {
		strip := strips.Of(engine.Key{Name: tests[i].ID})
		letters := strip.Letters(history)
		tests[i].History = &letters
		tests[i].FailingSince, tests[i].LastPass = moment(strips.Set(strip.FailingSince())), moment(strips.Set(strip.LastPass()))
	}
	return nil
}

func moment(set *analysisstore.Set) nullable.Nullable[resultsapi.SetMoment] {
	if set == nil {
		return nullable.NewNullNullable[resultsapi.SetMoment]()
	}
	return nullable.NewNullableWithValue(resultsapi.SetMoment{Set: sets.RefOf(set).String(), Time: set.Time})
}
