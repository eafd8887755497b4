package reports

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/fault"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// createCase adds a test case to a group that exists.
func (h *Handler) createCase(ctx context.Context) (*answer, error) {
	parsed, err := h.jsonBody(ctx)
	if err != nil {
		return nil, err
	}
	given, warnings, err := document.IntakeCase(parsed)
	if err != nil {
		return nil, refusedBody(ctx, err)
	}
	group := given.Text("test_group_id")
	var id string
	err = h.store.UpdateReport(ctx, groups.table, group, func(tx *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		g, err := groups.document(old)
		if err != nil {
			return nil, err
		}
		if err := mayTest(ctx, g.Text("lab_name")); err != nil {
			return nil, err
		}
		c := given.Clone()
		h.place(c, nil)
		document.CompleteCase(c, g)
		id = c.Text("_id")
		g.Set("test_cases", append(idsOf(g, "test_cases"), id))
		if err := tx.InsertReports(ctx, cases.table, cases.row(c)); err != nil {
			return nil, err
		}
		return groups.sameRow(g), nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.InvalidBody("/test_group_id", "is not the id of a test group that exists").Because(err)
	}
	if err != nil {
		return nil, err
	}
	return done(outcome{Code: http.StatusCreated, Result: created(id), Errors: warnings}).
		with("Location", call.From(ctx).Origin.URL("/v1/test/case/"+id)), nil
}

func idsOf(d *document.Document, field string) []string {
	ids, _ := d.Get(field).([]string)
	return slices.Clone(ids)
}

// updateCase applies the fields that a body has. The group stays: it is what the
// case repeats fields of.
func (h *Handler) updateCase(ctx context.Context, id string) (*answer, error) {
	group := ""
	return h.update(ctx, cases, id, func(d *document.Document) error {
		if group == "" {
			group = d.Text("test_group_id")
		}
		if d.Text("test_group_id") != group {
			return fault.InvalidBody("/test_group_id", "cannot be changed")
		}
		return mayTest(ctx, d.Text("lab_name"))
	})
}

// deleteCase removes a test case, also from its group's list.
func (h *Handler) deleteCase(ctx context.Context, id string) (*answer, error) {
	d, err := h.one(ctx, cases, id)
	if err != nil {
		return nil, err
	}
	if err := mayTest(ctx, d.Text("lab_name")); err != nil {
		return nil, err
	}
	err = h.store.UpdateReport(ctx, groups.table, d.Text("test_group_id"), func(_ *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		g, err := groups.document(old)
		if err != nil {
			return nil, err
		}
		g.Set("test_cases", slices.DeleteFunc(idsOf(g, "test_cases"), func(c string) bool { return c == d.Text("_id") }))
		return groups.sameRow(g), nil
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return h.remove(ctx, cases, id)
}
