package results

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/fault"
	"github.com/slipway-lab/slipway/server/intake"
	"github.com/slipway-lab/slipway/server/upload"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// UpdateTestStatus takes a status message; the run stands in the query or body.
func (h *Handler) UpdateTestStatus(ctx context.Context, _ api.UpdateTestStatusRequestObject) (api.UpdateTestStatusResponseObject, error) {
	return h.saveStatus(ctx, nil)
}

// UpdateRunStatus takes a status message; the run stands in the path.
func (h *Handler) UpdateRunStatus(ctx context.Context, req api.UpdateRunStatusRequestObject) (api.UpdateRunStatusResponseObject, error) {
	return h.saveStatus(ctx, map[string]string{"test_id": req.TestID})
}

var statusFields = append([]string{"status", "finished"}, runnerFields...)

func (h *Handler) saveStatus(ctx context.Context, path map[string]string) (statusSaved, error) {
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return statusSaved{}, errors.New("status: the body was not put aside")
	}
	values, err := upload.ReadText(ctx, raw.Request(path), upload.Options{Known: statusFields})
	if err != nil {
		return statusSaved{}, intake.Fault(err)
	}
	run, err := h.runOf(ctx, values)
	if err != nil {
		return statusSaved{}, err
	}
	if run == nil {
		return statusSaved{}, fault.InvalidField("form", "test_id", "is required, in the path, the query or the body")
	}
	text, err := values.Text("status")
	if err != nil {
		return statusSaved{}, intake.Fault(err)
	}
	finished, said, err := values.Bool("finished")
	if err != nil {
		return statusSaved{}, intake.Fault(err)
	}
	message, run, err := h.store.AddStatus(ctx, run.ID, text, pointerIf(finished, said))
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		return statusSaved{}, fault.InvalidField("query", "test_id", "names a run that does not exist: Invalid test ID").Because(err)
	}
	if err != nil {
		return statusSaved{}, err
	}
	return statusSaved{Message: "thank you", TestID: run.ID, Finished: run.Finished, Status: statusToAPI(message)}, nil
}

func pointerIf(value, said bool) *bool {
	if !said {
		return nil
	}
	return &value
}

// statusSaved is the answer of both operations.
type statusSaved api.StatusSaved

func (s statusSaved) write(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(api.StatusSaved(s))
}

// VisitUpdateTestStatusResponse writes the answer.
func (s statusSaved) VisitUpdateTestStatusResponse(w http.ResponseWriter) error { return s.write(w) }

// VisitUpdateRunStatusResponse writes the answer.
func (s statusSaved) VisitUpdateRunStatusResponse(w http.ResponseWriter) error { return s.write(w) }

// ListStatuses answers what the runner said, oldest first.
func (h *Handler) ListStatuses(ctx context.Context, req api.ListStatusesRequestObject) (api.ListStatusesResponseObject, error) {
	if _, err := h.run(ctx, req.TestID); err != nil {
		return nil, err
	}
	page := asked(req.Params.Page, req.Params.Limit)
	list, err := h.store.ListStatuses(ctx, req.TestID, page)
	if err != nil {
		return nil, err
	}
	body := api.StatusList{Statuses: []api.Status{}}
	for i := range list.Items {
		body.Statuses = append(body.Statuses, statusToAPI(&list.Items[i]))
	}
	p, link := pagination(ctx, runPath(req.TestID)+"/statuses", page, list.Total)
	body.Pagination = p
	return api.ListStatuses200JSONResponse{Body: body, Headers: api.ListStatuses200ResponseHeaders{Link: link}}, nil
}

func statusToAPI(m *resultstore.StatusMessage) api.Status {
	out := api.Status{ID: m.ID, Text: m.Text, CreatedAt: m.CreatedAt, Finished: nullable.NewNullNullable[bool]()}
	if m.Finished != nil {
		out.Finished.Set(*m.Finished)
	}
	return out
}
