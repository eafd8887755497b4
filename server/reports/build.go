package reports

import (
	"context"
	"errors"
	"net/http"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// CreateBuild stores a build and makes its job when nobody reported that.
func (h *Handler) CreateBuild(ctx context.Context, _ reportsapi.CreateBuildRequestObject) (reportsapi.Response, error) {
	parsed, err := h.jsonBody(ctx)
	if err != nil {
		return nil, err
	}
	build, warnings, err := h.intakeBuild(ctx, parsed)
	if err != nil {
		return nil, refusedBody(ctx, err)
	}
	err = h.writer(ctx).SaveReport(ctx, builds.table, build.Identity(), func(tx *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		was, err := builds.document(old)
		if err != nil {
			return nil, err
		}
		job, err := h.jobOf(ctx, tx, build)
		if err != nil {
			return nil, err
		}
		b := build.Clone()
		h.place(b, was)
		b.Set("job_id", job)
		return builds.row(b), nil
	})
	if err != nil {
		return nil, err
	}
	return done(outcome{Code: http.StatusAccepted, Reason: accepted, Errors: warnings}), nil
}

// jobOf returns the id of a build's job, its tenant's or that of nobody. It makes
// one when there is neither, and tells its tenant's what it does not know of its source.
func (h *Handler) jobOf(ctx context.Context, tx *reportstore.Store, build *document.Document) (id any, err error) {
	job := document.JobOfBuild(build)
	err = tx.SaveReport(ctx, jobs.table, job.Identity(), func(tx *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		own := old != nil
		if !own && tx.Tenant() != "" {
			old, err = tx.For(store.Scope{}).ReportByIdentity(ctx, jobs.table, job.Identity())
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
		}
		if old != nil {
			id = old.Get(jobs.table, "_id")
			known, err := jobs.document(old)
			if err != nil || !own || !document.FillJob(known, job) {
				return nil, err
			}
			return jobs.row(known), nil
		}
		h.place(job, nil)
		id = job.Get("_id")
		return jobs.row(job), nil
	})
	return id, err
}

// ListBuilds answers a search for builds, or an aggregation of them.
func (h *Handler) ListBuilds(ctx context.Context, _ reportsapi.ListBuildsRequestObject) (reportsapi.Response, error) {
	return h.list(ctx, builds)
}

// GetBuild answers one build.
func (h *Handler) GetBuild(ctx context.Context, req reportsapi.GetBuildRequestObject) (reportsapi.Response, error) {
	return h.get(ctx, builds, req.BuildID)
}

// DeleteBuild deletes a build.
func (h *Handler) DeleteBuild(ctx context.Context, req reportsapi.DeleteBuildRequestObject) (reportsapi.Response, error) {
	s, d, err := h.changeable(ctx, builds, req.BuildID)
	if err != nil {
		return nil, err
	}
	return remove(ctx, s, builds, d)
}

// ListBuildValues answers the different values of a field of all builds that meet the filters.
func (h *Handler) ListBuildValues(ctx context.Context, req reportsapi.ListBuildValuesRequestObject) (reportsapi.Response, error) {
	return h.values(ctx, builds, req.FieldName)
}
