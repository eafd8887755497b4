package store_test

import (
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
				listed := test.scope.Tenants()
				if got, want := listed == nil || slices.Contains(listed, tenant), slices.Contains(test.sees, tenant); got != want {
					t.Errorf("a list shows rows of %q: %v, want %v", tenant, got, want)
				}
			}
		})
	}
}
