package results

import (
	"context"
	"errors"

	"github.com/oapi-codegen/nullable"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// UpdateTestStatus takes a status message; the run stands in the query or body.
func (h *Handler) UpdateTestStatus(ctx context.Context, _ resultsapi.UpdateTestStatusRequestObject) (resultsapi.Response, error) {
	return h.saveStatus(ctx, nil)
}

// UpdateRunStatus takes a status message; the run stands in the path.
func (h *Handler) UpdateRunStatus(ctx context.Context, req resultsapi.UpdateRunStatusRequestObject) (resultsapi.Response, error) {
	return h.saveStatus(ctx, map[string]string{"test_id": req.TestID})
}

var statusFields = append([]string{"status", "finished"}, runnerFields...)

func (h *Handler) saveStatus(ctx context.Context, path map[string]string) (*call.Answer, error) {
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return nil, errors.New("status: the body was not put aside")
	}
	if _, err := h.refuseEarly(ctx, raw, path); err != nil {
		return nil, err
	}
	values, err := upload.ReadText(ctx, raw.Request(path), upload.Options{Known: statusFields})
	if err != nil {
		return nil, intake.Fault(err)
	}
	run, err := h.reportedRun(ctx, values)
	if err != nil {
		return nil, err
	}
	if run == nil {
		return nil, fault.InvalidField("form", "test_id", "is required, in the path, the query or the body")
	}
	text, err := values.Text("status")
	if err != nil {
		return nil, intake.Fault(err)
	}
	finished, given, err := values.Bool("finished")
	if err != nil {
		return nil, intake.Fault(err)
	}
	message, run, err := h.store.AddStatus(ctx, run.ID, text, pointerIf(finished, given))
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		return nil, fault.InvalidField(values.In("test_id"), "test_id", "names a run that does not exist: Invalid test ID").Because(err)
	}
	if err != nil {
		return nil, err
	}
	return call.Created("", resultsapi.StatusSaved{
		Message: "thank you", TestID: run.ID, Finished: run.Finished, Status: statusToAPI(message),
	}), nil
}

func pointerIf(value, given bool) *bool {
	if !given {
		return nil
	}
	return &value
}

// ListStatuses answers what the runner said, oldest first.
func (h *Handler) ListStatuses(ctx context.Context, req resultsapi.ListStatusesRequestObject) (resultsapi.Response, error) {
	if _, err := h.run(ctx, req.TestID); err != nil {
		return nil, err
	}
	page := asked(req.Params.Page, req.Params.Limit, req.Params.After)
	list, err := h.store.ListStatuses(ctx, req.TestID, page)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	body := resultsapi.StatusList{Statuses: []resultsapi.Status{}}
	for i := range list.Items {
		body.Statuses = append(body.Statuses, statusToAPI(&list.Items[i]))
	}
	p, link := pagination(ctx, runPath(req.TestID)+"/statuses", page, &list)
	body.Pagination = p
	return call.OK(body).Linked(link).Paged(ctx, list.Next), nil
}

func statusToAPI(m *resultstore.StatusMessage) resultsapi.Status {
	out := resultsapi.Status{ID: m.ID, Text: m.Text, CreatedAt: m.CreatedAt, Finished: nullable.NewNullNullable[bool]()}
	if m.Finished != nil {
		out.Finished.Set(*m.Finished)
	}
	return out
}
