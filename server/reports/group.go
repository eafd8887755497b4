package reports

import (
	"bytes"
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

// CreateTestGroup stores a test group with the groups and cases inside it.
func (h *Handler) CreateTestGroup(ctx context.Context, _ reportsapi.CreateTestGroupRequestObject) (reportsapi.Response, error) {
	parsed, err := h.jsonBody(ctx)
	if err != nil {
		return nil, err
	}
	tree, warnings, err := document.IntakeGroup(parsed, h.limits())
	if err != nil {
		return nil, refusedBody(ctx, err)
	}
	if err := mayTest(ctx, tree.Group.Text("lab_name")); err != nil {
		return nil, err
	}
	more, err := h.saveGroup(ctx, h.store, &tree)
	if err != nil {
		return nil, err
	}
	id := tree.Group.Text("_id")
	return done(outcome{Code: http.StatusCreated, Result: created(id), Errors: append(warnings, more...)}).
		with("Location", call.From(ctx).Origin.URL("/v1/test/group/"+id)), nil
}

// saveGroup writes the whole tree in one transaction and returns warnings. The
// outermost group gets its id set.
func (h *Handler) saveGroup(ctx context.Context, s *reportstore.Store, tree *document.GroupTree) (warnings []string, err error) {
	err = s.InTx(ctx, func(tx *reportstore.Store) error {
		warnings = nil
		job, build, err := h.groupBuild(ctx, tx, tree.Group, &warnings)
		if err != nil {
			return err
		}
		_, err = h.saveTree(ctx, tx, tree, nil, job, build)
		return err
	})
	return warnings, err
}

// groupBuild finds the job and the build of a group: by build_id, as documents of
// 2015 have it, or by the fields of its identity.
func (h *Handler) groupBuild(ctx context.Context, tx *reportstore.Store, g *document.Document, warnings *[]string) (job, build *document.Document, err error) {
	id := g.Text("build_id")
	if id == "" {
		return related(ctx, tx, g)
	}
	row, err := tx.ReportByID(ctx, builds.table, id)
	if errors.Is(err, store.ErrNotFound) {
		*warnings = append(*warnings, fmt.Sprintf("build_id: there is no build '%s'", id))
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if build, err = builds.document(row); err != nil {
		return nil, nil, err
	}
	job, err = find(ctx, tx, jobs, conditionsOf("_id", build.Get("job_id")))
	return job, build, err
}

// saveTree writes a group after what it holds, and returns it.
func (h *Handler) saveTree(ctx context.Context, tx *reportstore.Store, tree *document.GroupTree, parent *document.Document, job, build *document.Document) (string, error) {
	given := tree.Group
	var stored *document.Document
	err := tx.SaveReport(ctx, groups.table, given.Identity(), func(tx *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		was, err := groups.document(old)
		if err != nil {
			return nil, err
		}
		stored = given.Clone()
		h.place(stored, was)
		completeGroup(stored, parent, job, build)
		if was != nil {
			if err := h.dropChildren(ctx, tx, was, tree, stored); err != nil {
				return nil, err
			}
		}
		if err := h.saveChildren(ctx, tx, tree, stored, job, build); err != nil {
			return nil, err
		}
		return groups.row(stored), nil
	})
	if err != nil {
		return "", err
	}
	given.Set("_id", stored.Get("_id"))
	return stored.Text("_id"), nil
}

// completeGroup ties a group to what surrounds it.
func completeGroup(g, parent, job, build *document.Document) {
	if build != nil {
		for _, name := range []string{"job", "kernel", "defconfig", "defconfig_full", "arch", "build_environment"} {
			if g.Get(name) == nil {
				g.Set(name, build.Get(name))
			}
		}
	}
	id := g.Get("build_id")
	document.CompleteBoot(g, job, build)
	if id != nil {
		g.Set("build_id", id)
	}
	if parent != nil {
		g.Set("parent_id", parent.Get("_id"))
	}
}

// dropChildren makes place for the cases and groups of a group that is posted
// again. When it comes without any, those that there are stay.
func (h *Handler) dropChildren(ctx context.Context, tx *reportstore.Store, was *document.Document, tree *document.GroupTree, stored *document.Document) error {
	if len(tree.Cases) == 0 {
		stored.Set("test_cases", was.Get("test_cases"))
	} else if _, err := tx.DeleteReports(ctx, cases.table, conditionsOf("test_group_id", was.Get("_id"))); err != nil {
		return err
	}
	if len(tree.Sub) == 0 {
		stored.Set("sub_groups", was.Get("sub_groups"))
	}
	return nil
}

func (h *Handler) saveChildren(ctx context.Context, tx *reportstore.Store, tree *document.GroupTree, stored, job, build *document.Document) error {
	var ids []string
	var rows []*reportstore.Report
	for _, c := range tree.Cases {
		c = c.Clone()
		h.place(c, nil)
		document.CompleteCase(c, stored)
		rows = append(rows, cases.row(c))
		ids = append(ids, c.Text("_id"))
	}
	if err := tx.InsertReports(ctx, cases.table, rows...); err != nil {
		return err
	}
	if ids != nil {
		stored.Set("test_cases", ids)
	}
	ids = nil
	for i := range tree.Sub {
		id, err := h.saveTree(ctx, tx, &tree.Sub[i], stored, job, build)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if ids != nil {
		stored.Set("sub_groups", ids)
	}
	return nil
}

// UpdateTestGroup applies the fields that a body has.
func (h *Handler) UpdateTestGroup(ctx context.Context, req reportsapi.UpdateTestGroupRequestObject) (reportsapi.Response, error) {
	id := req.TestGroupID
	return h.update(ctx, groups, id, func(d *document.Document) error { return mayTest(ctx, d.Text("lab_name")) })
}

// update applies the body of a PUT to a document that may is content with,
// before and after.
func (h *Handler) update(ctx context.Context, r *resource, id string, may func(*document.Document) error) (*answer, error) {
	good, err := r.pathID(id)
	if err != nil {
		return nil, err
	}
	changes, warnings, err := h.changes(ctx, r.schema)
	if err != nil {
		return nil, err
	}
	err = h.store.UpdateReport(ctx, r.table, good, func(_ *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		d, err := r.document(old)
		if err == nil {
			err = may(d)
		}
		if err != nil {
			return nil, err
		}
		before := d.Identity()
		if !d.Apply(changes) {
			return nil, nil
		}
		if bytes.Equal(before, d.Identity()) {
			return r.sameRow(d), may(d)
		}
		return r.row(d), may(d)
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.Invalid("another %s has the same identity", r.schema.Name).Because(err)
	}
	if err != nil {
		return nil, notFound(err, id)
	}
	return done(outcome{Code: http.StatusOK, Reason: fmt.Sprintf("Resource '%s' updated", good), Errors: warnings}), nil
}

// DeleteTestGroup removes a group with its cases and the groups inside it.
func (h *Handler) DeleteTestGroup(ctx context.Context, req reportsapi.DeleteTestGroupRequestObject) (reportsapi.Response, error) {
	id := req.TestGroupID
	d, err := h.one(ctx, groups, id)
	if err != nil {
		return nil, err
	}
	if err := mayTest(ctx, d.Text("lab_name")); err != nil {
		return nil, err
	}
	if err := h.emptyGroup(ctx, d.Text("_id"), maxGroupDepth); err != nil {
		return nil, err
	}
	return h.remove(ctx, groups, id)
}

// maxGroupDepth is as deep as a body can be nested: deeper groups were never
// posted, whatever parent_id says.
const maxGroupDepth = 64

// emptyGroup removes what a group holds, the innermost first.
func (h *Handler) emptyGroup(ctx context.Context, id string, depth int) error {
	if _, err := h.store.DeleteReports(ctx, cases.table, conditionsOf("test_group_id", id)); err != nil || depth == 0 {
		return err
	}
	var inner []string
	_, err := h.store.FindReports(ctx, groups.table, reportstore.Query{Where: conditionsOf("parent_id", id)}, func(row *reportstore.Report) error {
		inner = append(inner, row.Get(groups.table, "_id").(string))
		return nil
	})
	if err != nil {
		return err
	}
	for _, sub := range inner {
		if err := h.emptyGroup(ctx, sub, depth-1); err != nil {
			return err
		}
		if _, err := h.store.DeleteReports(ctx, groups.table, conditionsOf("_id", sub)); err != nil {
			return err
		}
	}
	return nil
}

// ListTestGroups answers a search for test groups, or an aggregation of them.
func (h *Handler) ListTestGroups(ctx context.Context, _ reportsapi.ListTestGroupsRequestObject) (reportsapi.Response, error) {
	return h.list(ctx, groups)
}

// GetTestGroup answers one test group.
func (h *Handler) GetTestGroup(ctx context.Context, req reportsapi.GetTestGroupRequestObject) (reportsapi.Response, error) {
	return h.get(ctx, groups, req.TestGroupID)
}

// ListTestGroupValues answers the different values of a field of all test groups that meet the filters.
func (h *Handler) ListTestGroupValues(ctx context.Context, req reportsapi.ListTestGroupValuesRequestObject) (reportsapi.Response, error) {
	return h.values(ctx, groups, req.FieldName)
}

// CountTestGroupValues answers how many different values a field of the test groups has.
func (h *Handler) CountTestGroupValues(ctx context.Context, req reportsapi.CountTestGroupValuesRequestObject) (reportsapi.Response, error) {
	return h.valueCount(ctx, groups, req.FieldName)
}
