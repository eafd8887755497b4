package auth

import (
	"slices"
	"strings"
	"testing"
)

func TestReadPolicy(t *testing.T) {
	t.Parallel()

	p, err := ReadPolicy([]byte(`
"admin_required": "role:admin"
"physical_provisioner:read_task": "@"
"physical_provisioner:create_task": "rule:admin_required or role:lab"
"results.delete": "!"
`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		permission Permission
		roles      []Role
		want       bool
	}{
		{"physical_provisioner:read_task", []Role{Runner}, true},
		{"physical_provisioner:read_task", nil, true},
		{"physical_provisioner:create_task", []Role{Operator}, false},
		{"physical_provisioner:create_task", []Role{Lab}, true},
		{"physical_provisioner:create_task", []Role{Reader, Admin}, true},
		{"results.delete", []Role{Admin}, false},
		{"results.read", []Role{Reader}, true}, // not in the file: the table
		{"version.read", nil, true},
	}
	for _, tt := range tests {
		who := Identity{Kind: "token", Roles: tt.roles, policy: p}
		if got := who.May(tt.permission); got != tt.want {
			t.Errorf("%s for %v: %v, want %v", tt.permission, tt.roles, got, tt.want)
		}
	}
}

func TestReadPolicy_Refused(t *testing.T) {
	t.Parallel()

	for file, says := range map[string]string{
		"\n# Drydock calls it read_task\nphysical_provisioner:read_tasks: '@'": `line 3: there is no permission "physical_provisioner:read_tasks"`,
		"results.raed: '!'": `line 1: there is no permission "results.raed"`,
		"version.read: '!'": "line 1: version.read is open",
		"default: '!'":      "line 1: there is no default rule",
		"ops: '@'\nphysical_provisioner:read_task: is_admin:0": `line 2: rule "physical_provisioner:read_task": byte 0: "is_admin:0" is not understood`,
		"results.read: ''": `line 1: rule "results.read": byte 0: a check is missing`,
	} {
		if _, err := ReadPolicy([]byte(file)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the policy %s: %v, want %q", file, err, says)
		}
	}
}

// TestPolicy_Flags: a policy file takes from KernelCI's tokens too, and gives
// them nothing that their flags do not.
func TestPolicy_Flags(t *testing.T) {
	t.Parallel()

	p, err := ReadPolicy([]byte("reports.write: '!'\nreports.read: '@'\nfiles.write: role:admin\n"))
	if err != nil {
		t.Fatal(err)
	}
	poster := Identity{Kind: "token", Roles: []Role{Runner}, Flags: []string{KernelCI, "post", "upload"}}
	for _, tt := range []struct {
		permission  Permission
		alone, file bool
	}{{"reports.write", true, false}, {"reports.read", false, false}, {"files.write", true, false}, {"reports.batch", true, true}} {
		who := poster
		if got := who.May(tt.permission); got != tt.alone {
			t.Errorf("%s without a file: %v, want %v", tt.permission, got, tt.alone)
		}
		if who.policy = p; who.May(tt.permission) != tt.file {
			t.Errorf("%s with a file: %v, want %v", tt.permission, !tt.file, tt.file)
		}
	}
}

func TestPolicy_WithOperators(t *testing.T) {
	t.Parallel()

	set, err := ReadPolicy([]byte(`"physical_provisioner:delete_tasks": "!"`))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		policy  Policy
		destroy bool // may an operator destroy nodes
		remove  bool // and delete tasks
	}{
		"nothing said":             {nil, false, false},
		"the switch":               {Policy(nil).WithOperators(DestroyNodes, DeleteTasks), true, true},
		"the switch beside a file": {set.WithOperators(DestroyNodes, DeleteTasks), true, false},
	} {
		who := Identity{Kind: "token", Roles: []Role{Operator}, policy: tt.policy}
		if got := who.May(DestroyNodes); got != tt.destroy {
			t.Errorf("%s: an operator may destroy nodes: %v, want %v", name, got, tt.destroy)
		}
		if got := who.May(DeleteTasks); got != tt.remove {
			t.Errorf("%s: an operator may delete tasks: %v, want %v", name, got, tt.remove)
		}
	}
}

func TestIdentity_Sees(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		who  Identity
		want []string // of "", "a", "b"
	}{
		{"a reader of no tenant", Identity{Roles: []Role{Reader}}, []string{""}},
		{"a reader of a", Identity{Roles: []Role{Reader}, Tenant: "a"}, []string{"", "a"}},
		{"an operator of no tenant", Identity{Roles: []Role{Operator}}, []string{"", "a", "b"}},
		{"an admin of no tenant", Identity{Roles: []Role{Admin}}, []string{"", "a", "b"}},
		{"an admin of a", Identity{Roles: []Role{Admin}, Tenant: "a"}, []string{"", "a"}},
		{"a reader of the whole system", Identity{Roles: []Role{Reader}, System: true}, []string{"", "a", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			listed := tt.who.Scope().Tenants()
			for _, tenant := range []string{"", "a", "b"} {
				want := slices.Contains(tt.want, tenant)
				if got := tt.who.Scope().Sees(tenant); got != want {
					t.Errorf("Sees(%q): %v, want %v", tenant, got, want)
				}
				if got := listed == nil || slices.Contains(listed, tenant); got != want {
					t.Errorf("Tenants() = %q, but Sees(%q) is %v", listed, tenant, want)
				}
			}
		})
	}
}
