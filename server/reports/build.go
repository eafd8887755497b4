package reports

import (
	"context"
	"net/http"

	"github.com/slipway-lab/slipway/server/reports/document"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// createBuild stores a build and makes its job when nobody reported that.
func (h *Handler) createBuild(ctx context.Context) (*answer, error) {
	build, warnings, err := h.posted(ctx, document.Build)
	if err != nil {
		return nil, err
	}
	err = h.store.SaveReport(ctx, builds.table, build.Identity(), func(tx *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
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

// jobOf returns the id of a build's job, which it makes when there is none.
func (h *Handler) jobOf(ctx context.Context, tx *reportstore.Store, build *document.Document) (id any, err error) {
	job := document.JobOfBuild(build)
	err = tx.SaveReport(ctx, jobs.table, job.Identity(), func(_ *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		if old != nil {
			id = old.Get(jobs.table, "_id")
			return nil, nil
		}
		h.place(job, nil)
		id = job.Get("_id")
		return jobs.row(job), nil
	})
	return id, err
}
