package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/reports"
)

var (
	inA, inB, inC = store.Scope{Tenant: "a"}, store.Scope{Tenant: "b"}, store.Scope{Tenant: "c"}
	nobody        = store.Scope{}
)

// reportOf is a report of a collection with some fields; name is one of all.
func reportOf(c *reports.Collection, id, name string, more ...any) *reports.Report {
	r := &reports.Report{Values: make([]any, len(c.Columns)), Rest: "{}"}
	for i, pairs := 0, append([]any{"_id", id, "name", name, "created_on", int64(len(id))}, more...); i < len(pairs); i += 2 {
		place, _ := c.Place(pairs[i].(string))
		r.Values[place] = pairs[i+1]
	}
	return r
}

// save saves a report for a tenant.
func save(t *testing.T, s *reports.Store, scope store.Scope, c *reports.Collection, identity string, r *reports.Report) {
	t.Helper()
	err := s.For(scope).SaveReport(t.Context(), c, []byte(identity), func(_ *reports.Store, old *reports.Report) (*reports.Report, error) {
		if old != nil {
			r.Values[0] = fmt.Sprint(r.Values[0], " after ", old.Values[0])
		}
		return r, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// found are the ids that a scope finds, sorted, and checks that the count, the values
// of name and the groups by name say the same.
func found(t *testing.T, s *reports.Store, scope store.Scope, c *reports.Collection, where ...reports.Condition) string {
	t.Helper()
	var ids, names []string
	count, err := s.For(scope).FindReports(t.Context(), c, reports.Query{Where: where}, func(r *reports.Report) error {
		ids, names = append(ids, r.Get(c, "_id").(string)), append(names, r.Get(c, "name").(string))
		return nil
	})
	page, pageErr := s.For(scope).FindReports(t.Context(), c, reports.Query{Where: where, Limit: 1}, func(*reports.Report) error { return nil })
	counted, countErr := s.For(scope).CountReports(t.Context(), c, where)
	values, valuesErr := s.For(scope).DistinctReports(t.Context(), c, "name", where)
	var groups []string
	groupErr := s.For(scope).GroupReports(t.Context(), c, reports.Query{Where: where, Sort: []string{"name"}}, []string{"name"}, func(g reports.Group) error {
		groups = append(groups, g.First.Get(c, "name").(string))
		return nil
	})
	if err := errors.Join(err, pageErr, countErr, valuesErr, groupErr); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	var distinct []string
	for _, v := range values {
		distinct = append(distinct, *v)
	}
	if n := int64(len(ids)); count != n || counted != n || page != n || !slices.Equal(distinct, names) || !slices.Equal(groups, names) {
		t.Errorf("%+v finds %v; %d with them, %d with a page, %d counted, values %v, groups %v", scope, ids, count, page, counted, distinct, groups)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// TestReports_Tenants: reports of one identity are one for each tenant. Nobody sees
// those of another tenant, and those of no tenant only while there is none of the own.
func TestReports_Tenants(t *testing.T) {
	t.Parallel()
	EachOf(t, reports.New, func(t *testing.T, s *reports.Store) {
		for name, c := range map[string]*reports.Collection{
			"jobs": reports.Jobs, "builds": reports.Builds, "boots": reports.Boots, "groups": reports.Groups, "labs": reports.Labs,
		} {
			save(t, s, nobody, c, "same", reportOf(c, "none", "x"))
			save(t, s, inA, c, "same", reportOf(c, "of a", "y"))
			save(t, s, inB, c, "same", reportOf(c, "of b", "z"))
			save(t, s, nobody, c, "other", reportOf(c, "shared", "x"))
			save(t, s, inB, c, "third", reportOf(c, "b alone", "w"))
			for _, tt := range []struct {
				scope store.Scope
				want  string
			}{
				{nobody, "none shared"}, {inA, "of a shared"}, {inB, "b alone of b shared"}, {inC, "none shared"},
				{store.Everything, "b alone none of a of b shared"},
			} {
				if got := found(t, s, tt.scope, c); got != tt.want {
					t.Errorf("%s: %+v finds %s, want %s", name, tt.scope, got, tt.want)
				}
			}
			named := reports.Condition{Field: "name", Op: reports.In, Values: []any{"x", "y", "z"}}
			if got, want := found(t, s, inA, c, named), "of a shared"; got != want {
				t.Errorf("%s with a filter: %s, want %s", name, got, want)
			}
			checkOneReport(t, s, name, c)
		}
	})
}

// checkOneReport reads, changes and deletes the reports of TestReports_Tenants by
// their ids.
func checkOneReport(t *testing.T, s *reports.Store, name string, c *reports.Collection) {
	t.Helper()
	ctx := t.Context()
	rename := func(_ *reports.Store, old *reports.Report) (*reports.Report, error) {
		changed := *old
		changed.Rest = `{"changed":true}`
		return &changed, nil
	}
	for _, tt := range []struct {
		scope        store.Scope
		id           string
		read, change error
	}{
		{inA, "of a", nil, nil},
		{inA, "none", nil, store.ErrOfNoTenant}, // hidden in lists only
		{inA, "of b", store.ErrNotFound, store.ErrNotFound},
		{nobody, "none", nil, nil},
		{nobody, "of a", store.ErrNotFound, store.ErrNotFound},
		{store.Everything, "of b", nil, nil},
	} {
		r, err := s.For(tt.scope).ReportByID(ctx, c, tt.id)
		if !errors.Is(err, tt.read) {
			t.Errorf("%s: %+v reads %q: %v, want %v", name, tt.scope, tt.id, err, tt.read)
		}
		if err == nil && !errors.Is(s.For(tt.scope).Check(r), tt.change) {
			t.Errorf("%s: %+v may change %q: %v, want %v", name, tt.scope, tt.id, s.For(tt.scope).Check(r), tt.change)
		}
		if err := s.For(tt.scope).UpdateReport(ctx, c, tt.id, rename); !errors.Is(err, tt.change) {
			t.Errorf("%s: %+v changes %q: %v, want %v", name, tt.scope, tt.id, err, tt.change)
		}
		if err != nil {
			continue
		}
		again, err := s.For(store.Everything).ReportByID(ctx, c, tt.id)
		if err != nil || again.Tenant != r.Tenant || (again.Rest != "{}") != (tt.change == nil) {
			t.Errorf("%s: %+v changed %q: %v, %v", name, tt.scope, tt.id, again, err)
		}
	}
	if r, err := s.For(inA).NewestReport(ctx, c, nil); err != nil || r.Tenant != "a" {
		t.Errorf("%s: the newest of a is %v, %v, want its own", name, r, err)
	}
	if r, err := s.For(inC).NewestReport(ctx, c, nil); err != nil || r.Tenant != "" {
		t.Errorf("%s: the newest of c is %v, %v, want that of nobody", name, r, err)
	}
	for _, tt := range []struct {
		scope store.Scope
		want  int64
	}{{inC, 0}, {inA, 1}, {nobody, 2}, {store.Everything, 2}} {
		if n, err := s.For(tt.scope).DeleteReports(ctx, c, nil); n != tt.want || err != nil {
			t.Errorf("%s: %+v deletes %d, %v, want %d", name, tt.scope, n, err, tt.want)
		}
	}
}

// TestReports_Trees: a group of a tenant hides the whole tree of a group of no tenant
// that is the same, and nothing else.
func TestReports_Trees(t *testing.T) {
	t.Parallel()
	EachOf(t, reports.New, func(t *testing.T, s *reports.Store) {
		group := func(scope store.Scope, identity, id, parent, root string) {
			r := reportOf(reports.Groups, id, id, "root_id", root)
			if parent != "" {
				r = reportOf(reports.Groups, id, id, "root_id", root, "parent_id", parent)
			}
			save(t, s, scope, reports.Groups, identity, r)
			c := reportOf(reports.Cases, "case of "+id, "case of "+id, "test_group_id", id, "root_id", root)
			if err := s.For(scope).InsertReports(t.Context(), reports.Cases, c); err != nil {
				t.Fatal(err)
			}
		}
		group(nobody, "top", "none", "", "none")
		group(nobody, "inside", "sub", "none", "none")
		group(nobody, "lone", "alone", "", "alone")
		group(inA, "top", "own", "", "own")
		group(inA, "more", "child", "own", "own")
		check := func(what string, scope store.Scope, want string) {
			t.Helper()
			if got := found(t, s, scope, reports.Groups); got != want {
				t.Errorf("%s: groups of %+v: %s, want %s", what, scope, got, want)
			}
			cases := strings.Fields(want)
			for i, id := range cases {
				cases[i] = "case of " + id
			}
			if got, want := found(t, s, scope, reports.Cases), strings.Join(cases, " "); got != want {
				t.Errorf("%s: cases of %+v: %s, want %s", what, scope, got, want)
			}
		}
		check("one's own tree", inA, "alone child own")
		check("one's own tree", inB, "alone none sub")
		check("one's own tree", nobody, "alone none sub")
		check("one's own tree", store.Everything, "alone child none own sub")

		move := func(id, root string) {
			if err := s.InTx(t.Context(), func(tx *reports.Store) error { return tx.MoveGroup(t.Context(), id, root) }); err != nil {
				t.Fatal(err)
			}
		}
		move("sub", "sub")
		check("moved out", inA, "alone child own sub")
		move("sub", "none")
		check("moved back", inA, "alone child own")
		group(inA, "lone", "own too", "", "own too")
		group(nobody, "deep", "deeper", "sub", "none")
		move("none", "none")
		if got, want := found(t, s, inA, reports.Groups), "child own own too"; got != want {
			t.Errorf("two trees of its own: %s, want %s", got, want)
		}
	})
}

// TestReports_AtOnce: two tenants and nobody save reports of one identity at once, and
// each has one at the end.
func TestReports_AtOnce(t *testing.T) {
	t.Parallel()
	EachOf(t, reports.New, func(t *testing.T, s *reports.Store) {
		var wg sync.WaitGroup
		for i := range 8 {
			for _, scope := range []store.Scope{nobody, inA, inB} {
				wg.Go(func() {
					id := fmt.Sprintf("%s-%d", scope.Tenant, i)
					err := s.For(scope).SaveReport(t.Context(), reports.Boots, []byte("same"), func(_ *reports.Store, old *reports.Report) (*reports.Report, error) {
						if old != nil {
							id = old.Get(reports.Boots, "_id").(string)
						}
						if old != nil && old.Tenant != scope.Tenant {
							t.Errorf("%+v replaces a report of %q", scope, old.Tenant)
						}
						return reportOf(reports.Boots, id, id), nil
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		for _, scope := range []store.Scope{nobody, inA, inB} {
			if got := found(t, s, scope, reports.Boots); !strings.HasPrefix(got, scope.Tenant+"-") || strings.Contains(got, " ") {
				t.Errorf("%+v finds %s, want one of its own", scope, got)
			}
		}
	})
}

// TestReportFiles_Tenants: one path holds a file for each tenant.
func TestReportFiles_Tenants(t *testing.T) {
	t.Parallel()
	EachOf(t, reports.New, func(t *testing.T, s *reports.Store) {
		sum := func(digit string) string { return strings.Repeat(digit, 64) }
		saveFile := func(scope store.Scope, path, digit string, isNew bool) {
			t.Helper()
			created, err := s.For(scope).SaveFile(t.Context(), &reports.File{Path: path, SHA256: sum(digit)})
			if err != nil || created != isNew {
				t.Errorf("%+v saves %s: new %v, %v; want %v", scope, path, created, err, isNew)
			}
		}
		saveFile(nobody, "p/f", "0", true)
		saveFile(inA, "p/f", "1", true)
		saveFile(inA, "p/f", "2", false)
		saveFile(inB, "p/f", "3", true)
		saveFile(inB, "p/g", "4", true)
		saveFile(inA, "p/g", "5", true)
		for _, tt := range []struct {
			scope store.Scope
			path  string
			want  string
		}{
			{nobody, "p/f", "0"}, {inA, "p/f", "2"}, {inB, "p/f", "3"}, {inC, "p/f", "0"}, {store.Everything, "p/f", "0"},
			{nobody, "p/g", ""}, {inA, "p/g", "5"}, {inB, "p/g", "4"}, {inC, "p/g", ""}, {store.Everything, "p/g", "5"},
		} {
			f, err := s.For(tt.scope).File(t.Context(), tt.path)
			switch {
			case tt.want == "" && !errors.Is(err, store.ErrNotFound):
				t.Errorf("%+v reads %s: %v, %v, want ErrNotFound", tt.scope, tt.path, f, err)
			case tt.want != "" && (err != nil || f.SHA256 != sum(tt.want)):
				t.Errorf("%+v reads %s: %v, %v, want %s", tt.scope, tt.path, f, err, tt.want)
			}
		}
	})
}

// TestReportFiles_Many: the files of one upload are written together, whatever others
// write meanwhile.
func TestReportFiles_Many(t *testing.T) {
	t.Parallel()
	EachOf(t, reports.New, func(t *testing.T, s *reports.Store) {
		const n = 1203
		made := make([]int, 4)
		var wg sync.WaitGroup
		for k := range made {
			wg.Go(func() {
				var files []*reports.File
				for i := range n {
					if k%2 == 1 {
						i = n - 1 - i // in the other order
					}
					files = append(files, &reports.File{Path: fmt.Sprint("f/", i), SHA256: strings.Repeat(fmt.Sprint(k), 64)})
				}
				files = append(files, &reports.File{Path: "f/0", SHA256: strings.Repeat("e", 64)})
				created, err := s.For(inA).SaveFiles(t.Context(), files)
				if err != nil || len(created) != len(files) || created[n] {
					t.Errorf("%d of %d files, %v", len(created), len(files), err)
				}
				for _, isNew := range created {
					if isNew {
						made[k]++
					}
				}
			})
		}
		wg.Wait()
		slices.Sort(made)
		if !slices.Equal(made, []int{0, 0, 0, n}) {
			t.Errorf("new files %v, want all in one upload", made)
		}
		if f, err := s.For(inA).File(t.Context(), "f/0"); err != nil || f.SHA256 != strings.Repeat("e", 64) {
			t.Errorf("of two files with one path: %v, %v, want the last", f, err)
		}
		if created, err := s.SaveFiles(t.Context(), nil); err != nil || len(created) != 0 {
			t.Errorf("no files: %v, %v", created, err)
		}
	})
}
