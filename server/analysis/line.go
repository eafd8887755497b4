package analysis

import (
	"context"
	"strconv"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/results"
)

const (
	runsOfLine = 30

	// runsLooked is how many runs are looked at for those with a result.
	runsLooked = 200
)

// GetRunLine answers how the newest runs of a cloud, or of a name, went.
func (h *Handler) GetRunLine(ctx context.Context, req analysisapi.GetRunLineRequestObject) (analysisapi.Response, error) {
	out := analysisapi.RunLine{Cloud: null[string](), Name: orNull(req.Params.Name), Runs: []analysisapi.RunOfLine{}}
	filter := results.RunFilter{Scope: auth.From(ctx).Scope(), Name: req.Params.Name, Page: store.Page{Limit: runsLooked}}
	if asked := valueOr(req.Params.Cloud, ""); asked != "" {
		cloud, err := h.cloud(ctx, asked)
		if err != nil {
			return nil, err
		}
		filter.CloudID = cloud.ID
		out.Cloud.Set(cloud.Label)
	}
	list, err := h.store.Results.ListRuns(ctx, filter)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, 0, len(list.Items))
	for i := range list.Items {
		ids = append(ids, list.Items[i].CurrentResult)
	}
	byID, err := h.store.Results.ResultsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	heads := []string{}
	for i := range list.Items {
		r := byID[list.Items[i].CurrentResult]
		if len(out.Runs) == int(valueOr(req.Params.Window, runsOfLine)) {
			break
		}
		if r == nil || !viewer(ctx).SeesPrivate(r.Tenant, r.PrivateTo) {
			continue
		}
		out.Runs = append(out.Runs, runOfLine(r))
		heads = append(heads, headOf(&out.Runs[len(out.Runs)-1]))
	}
	return h.withChanges(ctx, &out, heads)
}

// cloud finds a cloud by its number or by its label.
func (h *Handler) cloud(ctx context.Context, asked string) (*results.Cloud, error) {
	if id, err := strconv.ParseInt(asked, 10, 64); err == nil && id > 0 {
		cloud, err := h.store.Results.Cloud(ctx, auth.From(ctx).Scope(), id)
		return cloud, notFound(err, "there is no cloud %q", asked)
	}
	clouds, err := h.store.Results.ListClouds(ctx, results.CloudFilter{Scope: auth.From(ctx).Scope(), Label: asked, Page: store.Page{Limit: 1}})
	if err != nil {
		return nil, err
	}
	if len(clouds.Items) == 0 {
		return nil, fault.NotFound("there is no cloud %q", asked)
	}
	return &clouds.Items[0], nil
}

func runOfLine(r *results.Result) analysisapi.RunOfLine {
	c := r.Counts
	return analysisapi.RunOfLine{
		TestID: r.RunID, Attempt: int32(r.Attempt), Outcome: analysisapi.Outcome(r.Outcome), Complete: r.Complete, Tests: r.Tests, CreatedOn: r.CreatedAt,
		Counts:  analysisapi.SetCounts{Pass: c.Success + c.XFail, Fail: c.Fail + c.UXSuccess, Error: c.InProgress + c.Unknown, Skip: c.Skip, Unknown: c.Exists},
		Changes: nullable.NewNullNullable[analysisapi.ClassCounts](),
	}
}

// headOf is the reference of a run's result in comparisons.
func headOf(r *analysisapi.RunOfLine) string {
	return "run:" + strconv.FormatInt(r.TestID, 10) + "/" + strconv.Itoa(int(r.Attempt))
}

func (h *Handler) withChanges(ctx context.Context, out *analysisapi.RunLine, heads []string) (analysisapi.Response, error) {
	if len(heads) == 0 {
		return call.OK(out), nil
	}
	newest := map[string]*comparisonEventData{}
	_, err := h.look(ctx, 0, heads, func(_ *store.Event, made *comparisonEventData) bool {
		if newest[made.Head.Ref] == nil { // the newest holds
			newest[made.Head.Ref] = made
		}
		return len(newest) < len(heads)
	})
	if err != nil {
		return nil, err
	}
	for i := range out.Runs {
		// a result that has grown since is not compared yet: what was found before
		// says nothing of what came
		if made := newest[heads[i]]; made != nil && made.Head.Counts == out.Runs[i].Counts {
			out.Runs[i].Changes.Set(made.Counts)
		}
	}
	return call.OK(out), nil
}
