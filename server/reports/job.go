package reports

import (
	"context"
	"fmt"
	"net/http"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/reports/document"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// CreateJob sets the status of a job, or makes it.
func (h *Handler) CreateJob(ctx context.Context, _ reportsapi.CreateJobRequestObject) (reportsapi.Response, error) {
	report, warnings, err := h.posted(ctx, document.Job)
	if err != nil {
		return nil, err
	}
	o := outcome{Errors: warnings}
	err = h.writer(ctx).SaveReport(ctx, jobs.table, report.Identity(), func(tx *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		o.Code, o.Reason = http.StatusAccepted, accepted
		job := report.Clone()
		was, err := jobs.document(old)
		if err != nil {
			return nil, err
		}
		before := ""
		if was != nil {
			job, before = was, was.Text("status")
			document.UpdateJob(job, report)
			o.Code, o.Reason = http.StatusOK, fmt.Sprintf("Job %s has the status %s", job.Text("name"), job.Text("status"))
		}
		h.place(job, was)
		if status := job.Text("status"); status != before && (status == "PASS" || status == "FAIL") {
			return jobs.row(job), tell(tx, jobCompleteEvent, job, was != nil, nil)
		}
		return jobs.row(job), nil
	})
	if err != nil {
		return nil, err
	}
	return done(o), nil
}

// DeleteJob removes a job and its tenant's builds of it, the builds first: what fails in
// between can be asked for again.
func (h *Handler) DeleteJob(ctx context.Context, req reportsapi.DeleteJobRequestObject) (reportsapi.Response, error) {
	s, d, err := h.changeable(ctx, jobs, req.JobID)
	if err != nil {
		return nil, err
	}
	if _, err := s.DeleteReports(ctx, builds.table, []reportstore.Condition{hasValue("job_id", d.Get("_id"))}); err != nil {
		return nil, err
	}
	return remove(ctx, s, jobs, d)
}

// ListJobs answers a search for jobs, or an aggregation of them.
func (h *Handler) ListJobs(ctx context.Context, _ reportsapi.ListJobsRequestObject) (reportsapi.Response, error) {
	return h.list(ctx, jobs)
}

// GetJob answers one job.
func (h *Handler) GetJob(ctx context.Context, req reportsapi.GetJobRequestObject) (reportsapi.Response, error) {
	return h.get(ctx, jobs, req.JobID)
}

// ListJobValues answers the different values of a field of all jobs that meet the filters.
func (h *Handler) ListJobValues(ctx context.Context, req reportsapi.ListJobValuesRequestObject) (reportsapi.Response, error) {
	return h.values(ctx, jobs, req.FieldName)
}
