package store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/store"
)

func TestScope(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		scope         store.Scope
		sees, changes []string
	}{
		"no tenant":  {store.Scope{}, []string{""}, []string{""}},
		"a tenant":   {store.Scope{Tenant: "a"}, []string{"", "a"}, []string{"a"}},
		"everything": {store.Everything, []string{"", "a", "b"}, []string{"", "a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, tenant := range []string{"", "a", "b"} {
				if got, want := test.scope.Sees(tenant), slices.Contains(test.sees, tenant); got != want {
					t.Errorf("Sees(%q) is %v, want %v", tenant, got, want)
				}
				if got, want := test.scope.Changes(tenant), slices.Contains(test.changes, tenant); got != want {
					t.Errorf("Changes(%q) is %v, want %v", tenant, got, want)
				}
				want := error(nil)
				switch {
				case !slices.Contains(test.sees, tenant):
					want = store.ErrNotFound
				case !slices.Contains(test.changes, tenant):
					want = store.ErrOfNoTenant
				}
				if got := test.scope.Check(tenant); !errors.Is(got, want) {
					t.Errorf("Check(%q) is %v, want %v", tenant, got, want)
				}
				listed := test.scope.Tenants()
				if got, want := listed == nil || slices.Contains(listed, tenant), slices.Contains(test.sees, tenant); got != want {
					t.Errorf("a list shows rows of %q: %v, want %v", tenant, got, want)
				}
			}
		})
	}
}

func TestViewer(t *testing.T) {
	t.Parallel()
	a := store.Scope{Tenant: "a"}
	for name, test := range map[string]struct {
		who                     store.Viewer
		ofA, ofNone, notPrivate bool
	}{
		"the owner":                     {store.Viewer{Scope: a, Owner: "me"}, true, false, true},
		"somebody else of the tenant":   {store.Viewer{Scope: a, Owner: "you"}, false, false, true},
		"the same name without tenant":  {store.Viewer{Owner: "me"}, false, true, true},
		"an administrator of a tenant":  {store.Viewer{Scope: a, Owner: "you", Admin: true}, true, false, true},
		"an administrator of no tenant": {store.Viewer{Scope: store.Everything, Owner: "you", Admin: true}, true, true, true},
		"an operator of no tenant":      {store.Viewer{Scope: store.Everything, Owner: "you"}, false, false, true},
		"nobody":                        {store.Viewer{}, false, false, true},
	} {
		for _, row := range []struct {
			tenant, owner string
			want          bool
		}{{"a", "me", test.ofA}, {"", "me", test.ofNone}, {"a", "", test.notPrivate}, {"", "", test.notPrivate}} {
			if got := test.who.SeesPrivate(row.tenant, row.owner); got != row.want {
				t.Errorf("%s sees what %q of %q keeps to himself: %v, want %v", name, row.owner, row.tenant, got, row.want)
			}
		}
	}
}
