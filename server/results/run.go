package results

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// ListRuns answers a page of runs, newest first.
func (h *Handler) ListRuns(ctx context.Context, req resultsapi.ListRunsRequestObject) (resultsapi.Response, error) {
	page := asked(req.Params.Page, req.Params.Limit, req.Params.After)
	filter := resultstore.RunFilter{Finished: req.Params.Finished, Name: req.Params.Name, Damaged: req.Params.Damaged, Scope: auth.From(ctx).Scope(), Page: page}
	if req.Params.CloudID != nil {
		filter.CloudID = *req.Params.CloudID
	}
	if req.Params.Outcome != nil {
		filter.Outcome = string(*req.Params.Outcome)
	}
	if req.Params.Uploader != nil {
		filter.Uploader = *req.Params.Uploader
	}
	list, err := h.store.ListRuns(ctx, filter)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	body := resultsapi.RunList{Runs: []resultsapi.Run{}}
	ids := make([]uuid.UUID, 0, len(list.Items))
	for i := range list.Items {
		if id := list.Items[i].CurrentResult; id != uuid.Nil {
			ids = append(ids, id)
		}
	}
	results, err := h.store.ResultsByID(ctx, ids) // at once, and not one by one
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		run, err := runWith(ctx, &list.Items[i], results[list.Items[i].CurrentResult])
		if err != nil {
			return nil, err
		}
		body.Runs = append(body.Runs, run)
	}
	p, link := pagination(ctx, "/v1/runs", page, &list)
	body.Pagination = p
	return call.OK(body).Linked(link).Paged(ctx, list.Next), nil
}

// CreateRun makes a run of a cloud, or of none.
func (h *Handler) CreateRun(ctx context.Context, req resultsapi.CreateRunRequestObject) (resultsapi.Response, error) {
	run := &resultstore.Run{Tenant: auth.From(ctx).Tenant}
	if req.Body != nil {
		if id, err := req.Body.CloudID.Get(); err == nil {
			if err := h.startOn(ctx, run, id); err != nil {
				return nil, err
			}
		}
		if name, err := req.Body.Name.Get(); err == nil {
			if strings.ContainsRune(name, 0) {
				return nil, fault.InvalidBody("/name", "must not have U+0000 in it")
			}
			run.Name = name
		}
		if token, err := req.Body.RunToken.Get(); err == nil {
			run.TokenHash = auth.HashToken(h.config.Pepper, token)
		}
	}
	err := h.store.CreateRun(ctx, run)
	if errors.Is(err, store.ErrReference) { // deleted meanwhile
		return nil, unknownCloud(err)
	}
	if err != nil {
		return nil, err
	}
	body, err := h.runToAPI(ctx, run)
	if err != nil {
		return nil, err
	}
	location := fmt.Sprintf("/v1/runs/%d", run.ID)
	return call.Created(location, body), nil
}

// startOn lets a run be one of a cloud that the caller sees. The run of a tenant's
// cloud is the tenant's, whoever starts it, since it shows what the cloud is.
func (h *Handler) startOn(ctx context.Context, run *resultstore.Run, cloudID int64) error {
	cloud, err := h.store.Cloud(ctx, auth.From(ctx).Scope(), cloudID)
	if errors.Is(err, store.ErrNotFound) {
		return unknownCloud(err)
	}
	if err != nil {
		return err
	}
	run.CloudID, run.Tenant = &cloudID, cmp.Or(cloud.Tenant, run.Tenant)
	return nil
}

func unknownCloud(cause error) error {
	return fault.InvalidBody("/cloud_id", "names a cloud that does not exist").Because(cause)
}

// GetRun answers one run.
func (h *Handler) GetRun(ctx context.Context, req resultsapi.GetRunRequestObject) (resultsapi.Response, error) {
	run, err := h.run(ctx, req.TestID)
	if err != nil {
		return nil, err
	}
	body, err := h.runToAPI(ctx, run)
	return call.OK(body), err
}

// run returns a run that the caller may see; the run of another tenant does not
// exist for him.
func (h *Handler) run(ctx context.Context, id int64) (*resultstore.Run, error) {
	run, err := h.store.Run(ctx, auth.From(ctx).Scope(), id)
	return run, noRun(id, err)
}

// DeleteRun removes a run with its status messages and results.
func (h *Handler) DeleteRun(ctx context.Context, req resultsapi.DeleteRunRequestObject) (resultsapi.Response, error) {
	if err := h.store.DeleteRun(ctx, auth.From(ctx).Scope(), req.TestID); err != nil {
		return nil, noRun(req.TestID, staying(err))
	}
	return call.NoContent(), nil
}

// staying is the answer about a run that must stay: the 403 that RefStack's later API
// gives for a result that was verified, with its words
// (refstack/api/controllers/results.py, delete), and a 409 for one that is kept.
func staying(err error) error {
	if kept, ok := errors.AsType[*resultstore.KeptError](err); ok {
		return fault.Conflict("%v", kept).Because(err)
	}
	if errors.Is(err, resultstore.ErrVerified) {
		return fault.Forbidden("Can not delete a verified test run.").Because(err)
	}
	return err
}

func noRun(id int64, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.NotFound("run %d does not exist", id).Because(err)
	}
	return err
}

func (h *Handler) runToAPI(ctx context.Context, r *resultstore.Run) (resultsapi.Run, error) {
	if r.CurrentResult == uuid.Nil {
		return runWith(ctx, r, nil)
	}
	result, err := h.store.Result(ctx, r.CurrentResult)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // deleted meanwhile: none
		return resultsapi.Run{}, err
	}
	return runWith(ctx, r, result)
}

// runWith is a run with its current result, nil when it has none.
func runWith(ctx context.Context, r *resultstore.Run, result *resultstore.Result) (resultsapi.Run, error) {
	out := resultsapi.Run{
		TestID:        r.ID,
		CloudID:       nullable.NewNullNullable[int64](),
		Finished:      r.Finished,
		FinishedAt:    timeOrNull(r.FinishedAt),
		CreatedAt:     r.CreatedAt,
		LastStatus:    nullable.NewNullNullable[resultsapi.Status](),
		CurrentResult: nullable.NewNullNullable[resultsapi.RunResult](),
		Attempts:      int32(r.Attempts),
		Protected:     len(r.TokenHash) > 0,
		Name:          nullable.NewNullNullable[string](),
		Uploader:      nullable.NewNullNullable[string](),
	}
	if r.Name != "" {
		out.Name.Set(r.Name)
	}
	if r.CloudID != nil {
		out.CloudID.Set(*r.CloudID)
	}
	if r.LastStatus != nil {
		out.LastStatus.Set(statusToAPI(r.LastStatus))
	}
	if result != nil && mayRead(ctx, result) == nil {
		body, err := resultToAPI(result, true)
		if err != nil {
			return out, err
		}
		out.CurrentResult.Set(body)
		if r.Uploader != "" {
			out.Uploader.Set(r.Uploader)
		}
	}
	return out, nil
}

func timeOrNull(t *time.Time) nullable.Nullable[time.Time] {
	if t == nil || t.IsZero() {
		return nullable.NewNullNullable[time.Time]()
	}
	return nullable.NewNullableWithValue(*t)
}

// runnerFields are the text fields that every runner call knows.
var runnerFields = []string{"test_id", "run_token"}

// namedRun is the run that a GET of a runner names in its query. Whatever is
// wrong with the id is a 400, as RefStack's text says.
func (h *Handler) namedRun(ctx context.Context) (*resultstore.Run, error) {
	values, err := upload.ReadText(ctx, upload.Request{Query: call.From(ctx).Query}, upload.Options{Known: runnerFields})
	if err != nil {
		return nil, intake.Fault(err)
	}
	run, err := h.runOf(ctx, values)
	if err == nil && run == nil {
		err = fault.InvalidField("query", "test_id", "is required: Invalid test ID")
	}
	return run, err
}

// runOf returns the run that a runner's call names, nil when it names none, and
// checks whether the caller may report to it: whoever is not logged in needs the
// secret of the run, except to one of no tenant that has none, as RefStack has it.
func (h *Handler) runOf(ctx context.Context, values upload.Values) (*resultstore.Run, error) {
	id, ok, err := values.ID("test_id")
	if err != nil {
		return nil, intake.Fault(err)
	}
	if !ok {
		return nil, refuseUnknownBearer(ctx)
	}
	run, err := h.reportable(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.InvalidField(values.In("test_id"), "test_id", "names a run that does not exist: Invalid test ID").Because(err)
	}
	if err != nil {
		return nil, err
	}
	given, err := values.Optional("run_token")
	if err != nil {
		return nil, intake.Fault(err)
	}
	if err := auth.CheckRun(ctx, h.config.Pepper, secretOf(run), given); err != nil {
		return nil, err
	}
	if len(run.TokenHash) == 0 {
		return run, refuseUnknownBearer(ctx)
	}
	return run, nil
}

// reportable is a run to which the caller might report. Whoever is not logged in
// may name that of any tenant, and is then asked for its secret.
func (h *Handler) reportable(ctx context.Context, id int64) (*resultstore.Run, error) {
	scope := auth.From(ctx).Scope()
	if auth.From(ctx).Anonymous() {
		scope = store.Everything
	}
	return h.store.Run(ctx, scope, id)
}

func secretOf(run *resultstore.Run) auth.Run {
	return auth.Run{ID: run.ID, Tenant: run.Tenant, Secret: run.TokenHash}
}

// refuseEarly refuses a call whose address names a run that the caller may not
// report to, before its body is read. What it cannot tell yet, runOf will. It
// reports whether the caller has shown the secret of the run.
func (h *Handler) refuseEarly(ctx context.Context, raw *upload.Raw, path map[string]string) (proven bool, err error) {
	id, given, named := intake.AddressedRun(ctx, raw, path)
	if !named {
		return false, nil
	}
	run, err := h.reportable(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return auth.CheckRunFirst(ctx, h.config.Pepper, secretOf(run), given, raw.ContentType)
}

// reportedRun is the run to which a runner reports, nil when its call names none.
// To a run of no tenant a tenant's token reports nothing, although it may read it.
func (h *Handler) reportedRun(ctx context.Context, values upload.Values) (*resultstore.Run, error) {
	run, err := h.runOf(ctx, values)
	if who := auth.From(ctx); err == nil && run != nil && !who.Anonymous() {
		err = who.Scope().Check(run.Tenant)
	}
	return run, err
}

// refuseUnknownBearer is for calls where no run has a secret to compare: a
// runner shall notice its typing error.
func refuseUnknownBearer(ctx context.Context) error {
	if auth.UnknownBearer(ctx) != "" {
		return fault.Unauthorized("the credential is unknown, expired, revoked or not for this address")
	}
	return nil
}
