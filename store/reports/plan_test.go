package reports_test

import (
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/reports"
	"github.com/slipway-lab/slipway/store/storetest"
)

// TestScopes_KeepIndexes: whose rows are asked for changes nothing in how they are
// found and sorted.
func TestScopes_KeepIndexes(t *testing.T) {
	t.Parallel()
	s := reports.New(storetest.New(t))
	is := func(field string, value any) reports.Condition {
		return reports.Condition{Field: field, Op: reports.In, Values: []any{value}}
	}
	since := reports.Condition{Field: "created_on", Op: reports.Ge, Values: []any{int64(3)}}
	for name, tt := range map[string]struct {
		c     *reports.Collection
		where []reports.Condition
		sort  string
		field string
	}{
		"all jobs":                    {c: reports.Jobs, field: "job"},
		"jobs of a branch":            {c: reports.Jobs, where: []reports.Condition{is("job", "x"), is("git_branch", "x")}, field: "kernel"},
		"all builds":                  {c: reports.Builds, field: "arch"},
		"builds of a job":             {c: reports.Builds, where: []reports.Condition{is("job_id", "x")}, field: "arch"},
		"all boots":                   {c: reports.Boots, field: "lab_name"},
		"the newest boots":            {c: reports.Boots, sort: "created_on", field: "board"},
		"the newest boots of a lab":   {c: reports.Boots, where: []reports.Condition{is("lab_name", "x"), since}, sort: "created_on", field: "board"},
		"boots of a lab and a status": {c: reports.Boots, where: []reports.Condition{is("lab_name", "x"), is("status", "FAIL")}, field: "board"},
		"boots of a kernel":           {c: reports.Boots, where: []reports.Condition{is("job", "x"), is("kernel", "x"), is("status", "FAIL")}, field: "board"},
		"all groups":                  {c: reports.Groups, field: "plan"},
		"groups of a kernel":          {c: reports.Groups, where: []reports.Condition{is("job", "x"), is("kernel", "x")}, field: "plan"},
		"groups inside one":           {c: reports.Groups, where: []reports.Condition{is("parent_id", "x")}, field: "plan"},
		"all cases":                   {c: reports.Cases, field: "name"},
		"cases of a group":            {c: reports.Cases, where: []reports.Condition{is("test_group_id", "x")}, field: "name"},
		"failures of a case":          {c: reports.Cases, where: []reports.Condition{is("name", "x"), is("status", "FAIL")}, sort: "created_on", field: "lab_name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := reports.Query{Where: tt.where, Limit: 50}
			if tt.sort != "" {
				q.Sort, q.Descending = []string{tt.sort}, true
			}
			plans := func(scope store.Scope) (search, count, distinct string) {
				search, count, distinct, err := s.For(scope).Plans(t.Context(), tt.c, q, tt.field)
				if err != nil {
					t.Fatal(err)
				}
				return search, count, distinct
			}
			search, count, distinct := plans(store.Everything)
			for _, scope := range []store.Scope{{}, {Tenant: "a"}} {
				gotSearch, gotCount, gotDistinct := plans(scope)
				if gotSearch != search || gotDistinct != distinct {
					t.Errorf("%+v\nsearch:\n%s\nvalues:\n%s\nwant the plans of who sees everything\nsearch:\n%s\nvalues:\n%s",
						scope, gotSearch, gotDistinct, search, distinct)
				}
				if tt.where != nil && gotCount != count { // without, any index will do
					t.Errorf("%+v: count:\n%s\nwant:\n%s", scope, gotCount, count)
				}
			}
		})
	}
}
