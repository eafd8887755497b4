package reports

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// CreateTestCase adds a test case to a group that exists.
func (h *Handler) CreateTestCase(ctx context.Context, _ reportsapi.CreateTestCaseRequestObject) (reportsapi.Response, error) {
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
	err = h.seen(ctx).InTx(ctx, func(tx *reportstore.Store) error {
		if err := lockTree(ctx, tx, group); err != nil {
			return err
		}
		return tx.UpdateReport(ctx, groups.table, group, func(tx *reportstore.Store, old *reportstore.Report) (_ *reportstore.Report, err error) {
			var row *reportstore.Report
			row, id, err = h.addCase(ctx, tx, old, given)
			return row, err
		})
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

// addCase inserts a case, and returns its id and its group with the case in it.
func (h *Handler) addCase(ctx context.Context, tx *reportstore.Store, group *reportstore.Report, given *document.Document) (*reportstore.Report, string, error) {
	g, err := groups.document(group)
	if err != nil {
		return nil, "", err
	}
	if err := mayTest(ctx, g.Text("lab_name")); err != nil {
		return nil, "", err
	}
	above, err := groupsAbove(ctx, tx, g)
	if err != nil {
		return nil, "", err
	}
	c := given.Clone()
	h.place(c, nil)
	document.CompleteCase(c, g, above...)
	g.Set("test_cases", append(idsOf(g, "test_cases"), c.Text("_id")))
	if err := tx.InsertReports(ctx, cases.table, cases.row(c)); err != nil {
		return nil, "", err
	}
	return groups.sameRow(g), c.Text("_id"), tx.KeepTests(ctx, caseTest(c, g, above))
}

// UpdateTestCase applies the fields that a body has. The group stays: it is what the
// case repeats fields of.
func (h *Handler) UpdateTestCase(ctx context.Context, req reportsapi.UpdateTestCaseRequestObject) (reportsapi.Response, error) {
	id := req.TestCaseID
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

// DeleteTestCase removes a test case, also from its group's list.
func (h *Handler) DeleteTestCase(ctx context.Context, req reportsapi.DeleteTestCaseRequestObject) (reportsapi.Response, error) {
	id := req.TestCaseID
	s, d, err := h.changeable(ctx, cases, id)
	if err != nil {
		return nil, err
	}
	if err := mayTest(ctx, d.Text("lab_name")); err != nil {
		return nil, err
	}
	err = s.InTx(ctx, func(tx *reportstore.Store) error {
		group := d.Text("test_group_id")
		if err := lockTree(ctx, tx, group); err != nil {
			return err
		}
		if err := unlist(ctx, tx, group, "test_cases", d.Text("_id")); err != nil {
			return err
		}
		n, err := tx.DeleteReports(ctx, cases.table, conditionsOf("_id", d.Get("_id")))
		if err == nil && n == 0 {
			err = notFound(store.ErrNotFound, id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return done(outcome{Code: http.StatusOK, Reason: fmt.Sprintf("Resource '%s' deleted", d.Text("_id"))}), nil
}

// ListTestCases answers a search for test cases, or an aggregation of them.
func (h *Handler) ListTestCases(ctx context.Context, _ reportsapi.ListTestCasesRequestObject) (reportsapi.Response, error) {
	return h.list(ctx, cases)
}

// GetTestCase answers one test case.
func (h *Handler) GetTestCase(ctx context.Context, req reportsapi.GetTestCaseRequestObject) (reportsapi.Response, error) {
	return h.get(ctx, cases, req.TestCaseID)
}

// ListTestCaseValues answers the different values of a field of all test cases that meet the filters.
func (h *Handler) ListTestCaseValues(ctx context.Context, req reportsapi.ListTestCaseValuesRequestObject) (reportsapi.Response, error) {
	return h.values(ctx, cases, req.FieldName)
}

// CountTestCaseValues answers how many different values a field of the test cases has.
func (h *Handler) CountTestCaseValues(ctx context.Context, req reportsapi.CountTestCaseValuesRequestObject) (reportsapi.Response, error) {
	return h.valueCount(ctx, cases, req.FieldName)
}
