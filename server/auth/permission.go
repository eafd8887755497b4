package auth

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/server/auth/policy"
	"github.com/slipway-lab/slipway/store"
)

// Permission is a row of the permission table. The document names the row of
// each operation in x-permission.
type Permission string

// What every good credential may do, whatever its roles; no policy file says
// anything else.
const (
	ReadVersion  Permission = "version.read"
	ReadDocument Permission = "document.read" // where that is not public
	ReadIdentity Permission = "identity.read"
)

// The permissions that operators have only when a setting gives them.
const (
	DestroyNodes Permission = "physical_provisioner:destroy_nodes"
	DeleteTasks  Permission = "physical_provisioner:delete_tasks"
)

// Further permissions that the code knows by name. Those of single operations
// stand in the document alone.
const (
	CallAsRunner  Permission = "runner.call"
	ReadTokens    Permission = "tokens.read"
	WriteTokens   Permission = "tokens.write"
	HoldMachines  Permission = "lab.machine"
	ReadReports   Permission = "reports.read"
	BatchReports  Permission = "reports.batch"
	WriteReports  Permission = "reports.write"
	DeleteReports Permission = "reports.delete"
	WriteBoots    Permission = "boots.write"
	DeleteBoots   Permission = "boots.delete"
	WriteTests    Permission = "tests.write"
	WriteFiles    Permission = "files.write"
	ReadLabs      Permission = "labs.read"
	WriteLabs     Permission = "labs.write"

	ReadReportTokens  Permission = "reports.tokens.read"
	WriteReportTokens Permission = "reports.tokens.write"
)

// KernelCI is the flag of tokens that were made the KernelCI way, by POST /token
// or with a lab. Their other flags are the rights that kernelci-backend knows
// (app/models/token.py), and they alone decide: the token that a lab gets may
// report and delete, and not read. Such a token has no right that kernelci-backend
// does not know, whatever roles it shows: who makes tokens for labs gives nobody a
// right over machines, designs, runs or other tokens.
const KernelCI = store.FlagKernelCI

// kernelCI says which flags of such a token give a permission. What is not named
// here it may not do.
var kernelCI = map[Permission][]string{
	ReadReports:       {"get"},
	BatchReports:      {"get", "post"},
	WriteReports:      {"post"},
	DeleteReports:     {"delete"}, // but not with lab
	WriteBoots:        {"post"},   // and the lab's token
	DeleteBoots:       {"delete"},
	WriteTests:        {"test_lab", "superuser"},
	WriteFiles:        {"upload"},
	ReadLabs:          {"superuser"},
	WriteLabs:         {"admin"},
	ReadReportTokens:  {"superuser"},
	WriteReportTokens: {"admin"},
}

// extra are permissions that a flag gives to runners and labs.
var extra = map[Permission]string{WriteFiles: "upload"}

// May reports whether the identity has the permission, by the policy file when
// that has a rule for it, else by the table. What the flags of one of KernelCI's
// tokens do not allow, no policy file does. An identity without any role may do
// nothing but read the version document and what it is, as a Keystone token without a mapped
// role is somebody, but nobody with rights. The lab is for tenants that may use
// it: see OutsideLab.
func (i Identity) May(p Permission) bool { return i.allowed(p) && !i.outside(p) }

// OutsideLab reports whether the identity would have the permission if its tenant
// might use the lab. Nodes, tasks, designs, machines and network boot have no
// tenants, so they are for tokens of no tenant and for tenants that a setting names.
func (i Identity) OutsideLab(p Permission) bool { return i.allowed(p) && i.outside(p) }

func (i Identity) outside(p Permission) bool {
	ofLab := strings.HasPrefix(string(p), "physical_provisioner:") || strings.HasPrefix(string(p), "lab.")
	return ofLab && i.Tenant != "" && !slices.Contains(i.labTenants, i.Tenant)
}

func (i Identity) allowed(p Permission) bool {
	if p == ReadVersion || p == ReadDocument || p == ReadIdentity {
		return !i.Anonymous()
	}
	flags, byFlags := kernelCI[p]
	if i.has(KernelCI) && !(byFlags && i.flagsAllow(p, flags)) {
		return false
	}
	if allowed, ok := i.policy[p]; ok {
		return allowed[roleSet(i.Roles)]
	}
	if flag := extra[p]; flag != "" && i.has(flag) && (i.Is(Runner) || i.Is(Lab)) {
		return true
	}
	return i.has(KernelCI) || slices.ContainsFunc(rows()[p].Roles, i.Is)
}

func (i Identity) flagsAllow(p Permission, flags []string) bool {
	if p == DeleteReports && i.has("lab") && !i.has("superuser") {
		return false
	}
	return slices.ContainsFunc(flags, i.has)
}

// Policy is what a policy file says of the rows of the permission table: for
// each set of roles, whether it has the permission.
type Policy map[Permission][roleSets]bool

// roleSet numbers a set of roles.
func roleSet(roles []Role) int {
	set := 0
	for i, r := range Roles() {
		if slices.Contains(roles, r) {
			set |= 1 << i
		}
	}
	return set
}

// ReadPolicy reads a policy file. Its rules either have the name of a row of the
// table or are there to be named by others; the roles in them are ours. A rule
// that is not understood is an error, and so is one whose name looks like a
// permission that does not exist: a typing error must not leave a door as it was.
func ReadPolicy(file []byte) (Policy, error) {
	rules, err := policy.Read(file)
	if err != nil {
		return nil, fmt.Errorf("policy file: %w", err)
	}
	p := Policy{}
	for _, name := range rules.Names() {
		if err := mayBeSet(name); err != nil {
			return nil, fmt.Errorf("policy file: line %d: %w", rules.Line(name), err)
		}
		if !Permission(name).Known() {
			continue // named by others
		}
		var allowed [roleSets]bool
		for set := range allowed {
			allowed[set] = rules.Allows(name, rolesOf(set))
		}
		p[Permission(name)] = allowed
	}
	return p, nil
}

// mayBeSet refuses names that would change nothing, although whoever wrote them
// means to close something. Names of helpers have neither colon nor full stop.
func mayBeSet(name string) error {
	switch {
	case name == "default":
		return errors.New("there is no default rule: what the file does not name keeps its row of the permission table")
	case Permission(name) == ReadVersion, Permission(name) == ReadDocument, Permission(name) == ReadIdentity:
		return fmt.Errorf("%s is open to every valid credential and cannot be set", name)
	case !Permission(name).Known() && strings.ContainsAny(name, ":."):
		return fmt.Errorf("there is no permission %.100q", name)
	}
	return nil
}

func rolesOf(set int) []string {
	var names []string
	for i, r := range Roles() {
		if set&(1<<i) != 0 {
			names = append(names, string(r))
		}
	}
	return names
}

// WithOperators returns a copy of the policy in which operators have permissions
// that the table gives to administrators alone. What the policy says itself
// stays.
func (p Policy) WithOperators(rows ...Permission) Policy {
	out := maps.Clone(p)
	if out == nil {
		out = Policy{}
	}
	for _, row := range rows {
		if _, set := out[row]; set {
			continue
		}
		var allowed [roleSets]bool
		for i := range allowed {
			allowed[i] = slices.Contains(rolesOf(i), string(Admin)) || slices.Contains(rolesOf(i), string(Operator))
		}
		out[row] = allowed
	}
	return out
}

// Permissions lists what the identity may do, in the order of their names.
func (i Identity) Permissions() []Permission {
	all := []Permission{}
	for _, p := range slices.Sorted(maps.Keys(rows())) {
		if i.May(p) {
			all = append(all, p)
		}
	}
	return all
}

func (i Identity) has(flag string) bool { return slices.Contains(i.Flags, flag) }
