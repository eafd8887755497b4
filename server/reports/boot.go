package reports

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/reports/document"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// accepted is what the original says to work that it takes.
const accepted = "Request accepted and being imported"

// CreateBoot stores a boot report. It is on disk before the answer; the original
// imports later, and its clients wait for nothing.
func (h *Handler) CreateBoot(ctx context.Context, _ reportsapi.CreateBootRequestObject) (reportsapi.Response, error) {
	boot, warnings, err := h.posted(ctx, document.Boot)
	if err != nil {
		return nil, err
	}
	var more []string
	err = h.writer(ctx).InTx(ctx, func(tx *reportstore.Store) error {
		if more, err = h.mayReport(ctx, tx, boot.Text("lab_name")); err != nil {
			return err
		}
		return h.putBoot(ctx, tx, boot)
	})
	if err != nil {
		return nil, err
	}
	return done(outcome{Code: http.StatusAccepted, Reason: accepted, Errors: append(warnings, more...)}), nil
}

// putBoot writes the report in a transaction, in the place of an earlier one of the same boot.
func (h *Handler) putBoot(ctx context.Context, tx *reportstore.Store, boot *document.Document) error {
	identity := boot.Identity() // before the build fills in what belongs to it
	if err := tx.LockIdentity(ctx, boots.table, identity); err != nil {
		return err
	}
	return tx.PutReport(ctx, boots.table, identity, func(tx *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		was, err := boots.document(old)
		if err != nil {
			return nil, err
		}
		job, build, err := related(ctx, tx, boot)
		if err != nil {
			return nil, err
		}
		complete := boot.Clone() // this may run again
		h.place(complete, was)
		document.CompleteBoot(complete, job, build)
		if was != nil {
			if err := tx.ReplaceTest(was.Text("_id")); err != nil {
				return nil, err
			}
		}
		if err := tx.KeepTests(ctx, bootTest(complete)); err != nil {
			return nil, err
		}
		return boots.row(complete), tell(tx, bootStoredEvent, complete, was != nil, nil)
	})
}

// related finds the job and the build of a boot or a test group; nil where
// nobody reported them. A report that lacks the branch or the build environment
// belongs to the newest build with everything else equal.
func related(ctx context.Context, s *reportstore.Store, d *document.Document) (job, build *document.Document, err error) {
	if d.Get("job") == nil || d.Get("kernel") == nil {
		return nil, nil, nil
	}
	where := []reportstore.Condition{}
	for _, name := range []string{"job", "kernel", "defconfig", "defconfig_full", "arch", "git_branch", "build_environment"} {
		if v := d.Get(name); v != nil {
			where = append(where, hasValue(name, v))
		}
	}
	if build, err = find(ctx, s, builds, where); err != nil {
		return nil, nil, err
	}
	where = []reportstore.Condition{hasValue("job", d.Get("job")), hasValue("kernel", d.Get("kernel"))}
	if branch := document.CleanBranch(d.Text("git_branch")); branch != "" {
		where = append(where, hasValue("git_branch", branch))
	}
	job, err = find(ctx, s, jobs, where)
	return job, build, err
}

// DeleteBoot removes one boot report; the token of a lab only its own.
func (h *Handler) DeleteBoot(ctx context.Context, req reportsapi.DeleteBootRequestObject) (reportsapi.Response, error) {
	id := req.BootID
	s, d, err := h.changeable(ctx, boots, id)
	if err != nil {
		return nil, err
	}
	if own, limited := ownLabs(auth.From(ctx)); limited && !slices.Contains(own, d.Text("lab_name")) {
		return nil, fault.Forbidden("the report is another lab's")
	}
	return remove(ctx, s, boots, d)
}

// DeleteBoots removes what a selection matches, for the token of a lab only the
// lab's own reports.
func (h *Handler) DeleteBoots(ctx context.Context, _ reportsapi.DeleteBootsRequestObject) (reportsapi.Response, error) {
	where, err := h.parser.ParseSelection(call.From(ctx).Query, bootSelection(), boots.catalogue)
	if err != nil {
		return nil, refusedQuery(err)
	}
	what := conditions(where)
	if own, limited := ownLabs(auth.From(ctx)); limited {
		what = append(what, reportstore.Condition{Field: "lab_name", Op: reportstore.In, Values: anys(own)})
	}
	n, err := h.seen(ctx).DeleteReports(ctx, boots.table, what)
	if err != nil {
		return nil, err
	}
	return done(outcome{Code: http.StatusOK, Reason: fmt.Sprintf("%d resources deleted", n)}), nil
}

func anys(texts []string) []any {
	list := make([]any, 0, len(texts))
	for _, t := range texts {
		list = append(list, t)
	}
	return list
}

// ListBoots answers a search for boots, or an aggregation of them.
func (h *Handler) ListBoots(ctx context.Context, _ reportsapi.ListBootsRequestObject) (reportsapi.Response, error) {
	return h.list(ctx, boots)
}

// GetBoot answers one boot.
func (h *Handler) GetBoot(ctx context.Context, req reportsapi.GetBootRequestObject) (reportsapi.Response, error) {
	return h.get(ctx, boots, req.BootID)
}

// ListBootValues answers the different values of a field of all boots that meet the filters.
func (h *Handler) ListBootValues(ctx context.Context, req reportsapi.ListBootValuesRequestObject) (reportsapi.Response, error) {
	return h.values(ctx, boots, req.FieldName)
}
