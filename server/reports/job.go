package reports

import (
	"context"
	"fmt"
	"net/http"

	"github.com/slipway-lab/slipway/server/reports/document"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// createJob sets the status of a job, or makes it.
func (h *Handler) createJob(ctx context.Context) (*answer, error) {
	report, warnings, err := h.posted(ctx, document.Job)
	if err != nil {
		return nil, err
	}
	o := outcome{Errors: warnings}
	err = h.store.SaveReport(ctx, jobs.table, report.Identity(), func(_ *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		o.Code, o.Reason = http.StatusAccepted, accepted
		job := report.Clone()
		was, err := jobs.document(old)
		if err != nil {
			return nil, err
		}
		if was != nil {
			job = was
			document.UpdateJob(job, report)
			o.Code, o.Reason = http.StatusOK, fmt.Sprintf("Job %s has the status %s", job.Text("name"), job.Text("status"))
		}
		h.place(job, was)
		return jobs.row(job), nil
	})
	if err != nil {
		return nil, err
	}
	return done(o), nil
}

// deleteJob removes a job and its builds, the builds first: what fails in
// between can be asked for again.
func (h *Handler) deleteJob(ctx context.Context, id string) (*answer, error) {
	d, err := h.one(ctx, jobs, id)
	if err != nil {
		return nil, err
	}
	if _, err := h.store.DeleteReports(ctx, builds.table, []reportstore.Condition{is("job_id", d.Get("_id"))}); err != nil {
		return nil, err
	}
	return h.remove(ctx, jobs, id)
}
