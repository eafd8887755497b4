package reports

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

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
	more, err := h.saveGroup(ctx, h.writer(ctx), &tree, false)
	if err != nil {
		return nil, err
	}
	id := tree.Group.Text("_id")
	return done(outcome{Code: http.StatusCreated, Result: created(id), Errors: append(warnings, more...)}).
		with("Location", call.From(ctx).Origin.URL("/v1/test/group/"+id)), nil
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

// completeGroup ties a group to what surrounds it.
func completeGroup(g, job, build *document.Document) {
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
	change := func(tx *reportstore.Store, old *reportstore.Report) (*reportstore.Report, error) {
		d, err := r.document(old)
		if err == nil {
			err = may(d)
		}
		if err != nil {
			return nil, err
		}
		was, before := d.Clone(), d.Identity()
		if !d.Apply(changes) {
			return nil, nil
		}
		if r == cases {
			document.RenameCase(d, was)
		}
		if parentOf(d) != parentOf(was) {
			if err := moveGroup(ctx, tx, d); err != nil {
				return nil, err
			}
		}
		if err := may(d); err != nil {
			return nil, err
		}
		if r == groups {
			if err := retellGroup(ctx, tx, was, d); err != nil {
				return nil, err
			}
		}
		if r == cases {
			t := testOf(reportstore.CaseTest, d)
			if t.Name, err = wholeName(ctx, tx, d); err == nil {
				err = tx.RetellTest(ctx, t)
			}
			if err != nil {
				return nil, err
			}
		}
		if bytes.Equal(before, d.Identity()) {
			return r.sameRow(d), nil
		}
		return r.row(d), nil
	}
	err = h.seen(ctx).InTx(ctx, func(tx *reportstore.Store) error {
		if r == groups {
			if err := lockTree(ctx, tx, good); err != nil {
				return err
			}
		}
		return tx.UpdateReport(ctx, r.table, good, change)
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.Invalid("another %s has the same identity", r.schema.Name).Because(err)
	}
	if err != nil {
		return nil, notFound(err, id)
	}
	return done(outcome{Code: http.StatusOK, Reason: fmt.Sprintf("Resource '%s' updated", good), Errors: warnings}), nil
}

// retellGroup gives the cases of a group that has changed, as tests, what they have
// from it: their whole name, also those of the groups inside it, and where they ran.
func retellGroup(ctx context.Context, tx *reportstore.Store, was, g *document.Document) error {
	if parentOf(was) != parentOf(g) || was.Text("name") != g.Text("name") {
		above, err := groupsAbove(ctx, tx, g)
		if err == nil {
			err = renameTests(ctx, tx, g.Text("_id"), append(above, g.Text("name")))
		}
		if err != nil {
			return err
		}
	}
	var changes []reportstore.FieldChange
	for _, field := range reportstore.GroupFields {
		c := reportstore.FieldChange{Field: field, Was: textOf(was, field), Now: textOf(g, field)}
		if was.Text(field) != g.Text(field) || (c.Was == nil) != (c.Now == nil) {
			changes = append(changes, c)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return tx.ChangeTests(ctx, g.Text("_id"), changes)
}

// wholeName is the name of a case with the groups around it.
func wholeName(ctx context.Context, tx *reportstore.Store, c *document.Document) (string, error) {
	row, err := tx.ReportByID(ctx, groups.table, c.Text("test_group_id"))
	if errors.Is(err, store.ErrNotFound) {
		return c.Text("name"), nil
	}
	if err != nil {
		return "", err
	}
	g, err := groups.document(row)
	if err != nil {
		return "", err
	}
	above, err := groupsAbove(ctx, tx, g)
	return strings.Join(append(above, g.Text("name"), c.Text("name")), "."), err
}

// renameTests renames the cases of a group, and of those inside it, as tests. names
// are those of the groups from the outermost on, the group's own last.
func renameTests(ctx context.Context, tx *reportstore.Store, id string, names []string) error {
	if err := tx.RenameTests(ctx, id, strings.Join(names, ".")); err != nil || len(names) > maxGroupDepth {
		return err
	}
	below, err := idsWhere(ctx, tx, groups, "parent_id", id)
	if err != nil {
		return err
	}
	for _, sub := range below {
		row, err := tx.ReportByID(ctx, groups.table, sub)
		if err != nil {
			return err
		}
		name, _ := row.Get(groups.table, "name").(string)
		if err := renameTests(ctx, tx, sub, append(slices.Clone(names), name)); err != nil {
			return err
		}
	}
	return nil
}

// parentOf is the id of the group around a test group, empty for other documents.
func parentOf(d *document.Document) string {
	if d.Schema() != groups.schema {
		return ""
	}
	return d.Text("parent_id")
}

// DeleteTestGroup removes a group with its cases and the groups inside it, also
// from the list of the group around it.
func (h *Handler) DeleteTestGroup(ctx context.Context, req reportsapi.DeleteTestGroupRequestObject) (reportsapi.Response, error) {
	id := req.TestGroupID
	s, d, err := h.changeable(ctx, groups, id)
	if err != nil {
		return nil, err
	}
	if err := mayTest(ctx, d.Text("lab_name")); err != nil {
		return nil, err
	}
	err = s.InTx(ctx, func(tx *reportstore.Store) error {
		if err := lockTree(ctx, tx, d.Text("_id")); err != nil {
			return err
		}
		if _, err := tx.ReportByID(ctx, groups.table, d.Text("_id")); err != nil {
			return notFound(err, id)
		}
		if err := unlist(ctx, tx, d.Text("parent_id"), "sub_groups", d.Text("_id")); err != nil {
			return err
		}
		return removeTree(ctx, tx, removed(tx), d.Text("_id"), maxGroupDepth)
	})
	if err != nil {
		return nil, err
	}
	return done(outcome{Code: http.StatusOK, Reason: fmt.Sprintf("Resource '%s' deleted", d.Text("_id"))}), nil
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
