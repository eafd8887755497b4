package retention

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	retentionapi "github.com/slipway-lab/slipway/gen/retention"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	retentionstore "github.com/slipway-lab/slipway/store/retention"
)

// ListRetentionRuns answers a page of runs, newest first.
func (h *Handler) ListRetentionRuns(ctx context.Context, req retentionapi.ListRetentionRunsRequestObject) (retentionapi.Response, error) {
	list, err := h.store.ListRuns(ctx, auth.From(ctx).Scope(), pageOf(req.Params.Limit, req.Params.After))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	body := retentionapi.RetentionRunList{Runs: []retentionapi.RetentionRun{}}
	for i := range list.Items {
		r, err := runToAPI(&list.Items[i])
		if err != nil {
			return nil, err
		}
		body.Runs = append(body.Runs, *r)
	}
	return call.OK(&body).Paged(ctx, list.Next), nil
}

func pageOf(limit *int32, after *string) store.Page {
	p := store.Page{Limit: store.DefaultLimit}
	if limit != nil {
		p.Limit = int(*limit)
	}
	if after != nil {
		p.After = *after
	}
	return p
}

// CreateRetentionRun queues a run, or says what one would remove.
func (h *Handler) CreateRetentionRun(ctx context.Context, req retentionapi.CreateRetentionRunRequestObject) (retentionapi.Response, error) {
	who := auth.From(ctx)
	plan, err := h.plan(ctx, who.Scope())
	if err != nil {
		return nil, err
	}
	if req.Params.DryRun != nil && *req.Params.DryRun || req.Body != nil && req.Body.DryRun != nil && *req.Body.DryRun {
		return h.dryRun(ctx, who, plan)
	}
	run, err := h.store.QueueRun(ctx, plan, who.Tenant, who.Label(), retentionstore.Asked)
	var open *retentionstore.OpenError
	if errors.As(err, &open) {
		return nil, fault.Conflict("run %s has not ended; wait for it", open.ID).Because(err)
	}
	if err != nil {
		return nil, err
	}
	body, err := runToAPI(run)
	if err != nil {
		return nil, err
	}
	return call.JSON(http.StatusAccepted, body).With("Location", "/v1/retention/runs/"+run.ID.String()), nil
}

// plan fixes what goes of what the scope may change.
func (h *Handler) plan(ctx context.Context, scope store.Scope) (*retentionstore.Plan, error) {
	rules, _, err := h.rules(ctx, scope)
	if err != nil {
		return nil, err
	}
	var tenant *string
	if !scope.All {
		tenant = &scope.Tenant
	}
	return h.store.NewPlan(ctx, rules, tenant)
}

func (h *Handler) dryRun(ctx context.Context, who auth.Identity, plan *retentionstore.Plan) (retentionapi.Response, error) {
	amounts, err := h.store.Measure(ctx, plan)
	if err != nil {
		return nil, err
	}
	return call.OK(&retentionapi.RetentionRun{
		ID: nullable.NewNullNullable[uuid.UUID](), DryRun: true, State: "planned", Origin: retentionapi.RetentionRunOrigin(retentionstore.Asked),
		Tenant: orNull(plan.Tenant), AsOf: plan.AsOf, Classes: amountsToAPI(amounts), Error: orNull[string](nil), CreatedOn: plan.AsOf,
		CreatedBy: who.Label(), StartedOn: orNull[time.Time](nil), EndedOn: orNull[time.Time](nil),
	}), nil
}

func amountsToAPI(amounts retentionstore.Amounts) []retentionapi.RetentionAmount {
	list := []retentionapi.RetentionAmount{}
	for _, a := range amounts.List() {
		list = append(list, retentionapi.RetentionAmount{
			Class: retentionapi.RetentionClass(a.Class), Rows: a.Rows, Bytes: a.Bytes, Oldest: orNull(a.Oldest), Newest: orNull(a.Newest),
		})
	}
	return list
}

// GetRetentionRun answers how far a run is.
func (h *Handler) GetRetentionRun(ctx context.Context, req retentionapi.GetRetentionRunRequestObject) (retentionapi.Response, error) {
	missing := fault.NotFound("run %s of retention does not exist", req.RunID)
	id, err := uuid.Parse(req.RunID)
	if err != nil || len(req.RunID) != 36 {
		return nil, missing
	}
	run, err := h.store.Run(ctx, auth.From(ctx).Scope(), id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing.Because(err)
	}
	if err != nil {
		return nil, err
	}
	body, err := runToAPI(run)
	return call.OK(body), err
}

func runToAPI(r *retentionstore.Run) (*retentionapi.RetentionRun, error) {
	plan, err := r.ReadPlan()
	if err != nil {
		return nil, err
	}
	progress, err := r.ReadProgress()
	if err != nil {
		return nil, err
	}
	out := &retentionapi.RetentionRun{
		ID: nullable.NewNullableWithValue(r.ID), State: retentionapi.RetentionRunState(r.State), Origin: retentionapi.RetentionRunOrigin(r.Origin),
		Tenant: orNull(plan.Tenant), AsOf: plan.AsOf, Classes: amountsToAPI(progress.Amounts), Error: nullable.NewNullNullable[string](),
		CreatedOn: r.CreatedAt, CreatedBy: r.CreatedBy, StartedOn: orNull(r.StartedAt), EndedOn: orNull(r.EndedAt),
	}
	if r.Error != "" {
		out.Error.Set(r.Error)
	}
	return out, nil
}
