package auth

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-lab/slipway/server/auth/policy"
)

// Permission is a row of the permission table. The document names the row of
// each operation in x-permission.
type Permission string

// The permissions that operators have only when a setting gives them.
const (
	DestroyNodes Permission = "physical_provisioner:destroy_nodes"
	DeleteTasks  Permission = "physical_provisioner:delete_tasks"
)

// What every good credential may do, whatever its roles; no policy file says
// anything else.
const (
	ReadVersion  Permission = "version.read"
	ReadDocument Permission = "document.read" // where that is not public
)

// everyone are all the roles there are, writers those that may add to results.
var (
	everyone = []Role{Reader, Runner, Lab, Operator, Admin}
	writers  = []Role{Runner, Lab, Operator, Admin}
	viewers  = []Role{Reader, Lab, Operator, Admin}
	keepers  = []Role{Operator, Admin}
	admins   = []Role{Admin}
)

// permissions is the one permission table: which roles may do what. A
// permission that an operation names and this table lacks stops the start. The
// document prints it as x-permissions; a test holds the two together.
var permissions = map[Permission][]Role{
	ReadVersion:      everyone,
	ReadDocument:     everyone,
	"runner.call":    writers,
	"results.read":   everyone,
	"results.write":  writers,
	"results.delete": keepers,
	"clouds.write":   keepers,

	"products.read":       {Reader, Operator, Admin},
	"products.write":      {Operator, Admin},
	"products.advertise":  {Operator, Admin},
	"opportunities.read":  {Runner, Lab, Operator, Admin},
	"opportunities.run":   {Runner, Lab, Operator, Admin},
	"opportunities.write": {Operator, Admin},
	"agents.read":         {Runner, Lab, Operator, Admin},
	"agents.register":     {Runner, Lab, Operator, Admin},
	"agents.write":        {Lab, Operator, Admin},
	"events.read":         {Reader, Runner, Lab, Operator, Admin},
	"webhooks.read":       {Operator, Admin},
	"webhooks.write":      {Operator, Admin},

	// tokens.read and tokens.write also stand for KernelCI's token resource.
	"tokens.own":   everyone,
	"tokens.read":  keepers,
	"tokens.write": admins,
	"audit.read":   admins,

	// Drydock's names (drydock_provisioner/policy.py), which a policy file may
	// set anew. Creating a task needs create_task and the rule of its action.
	"physical_provisioner:read_task":            viewers,
	"physical_provisioner:create_task":          keepers,
	"physical_provisioner:validate_design":      keepers,
	"physical_provisioner:verify_site":          keepers,
	"physical_provisioner:prepare_site":         keepers,
	"physical_provisioner:verify_nodes":         keepers,
	"physical_provisioner:prepare_nodes":        keepers,
	"physical_provisioner:deploy_nodes":         keepers,
	DestroyNodes:                                admins,
	DeleteTasks:                                 admins,
	"physical_provisioner:relabel_nodes":        keepers,
	"physical_provisioner:read_build_data":      viewers,
	"physical_provisioner:read_data":            viewers,
	"physical_provisioner:ingest_data":          keepers,
	"physical_provisioner:health_data":          viewers,
	"physical_provisioner:validate_site_design": keepers,

	// KernelCI. A flag of a token that was made its way may say otherwise.
	"reports.read":   {Reader, Runner, Lab, Operator, Admin},
	"reports.batch":  {Reader, Runner, Lab, Operator, Admin},
	"reports.write":  {Runner, Lab, Operator, Admin},
	"reports.delete": {Operator, Admin},
	"boots.write":    {Lab, Operator, Admin}, // a lab its own
	"boots.delete":   {Lab, Operator, Admin}, // a lab its own
	"tests.write":    {Runner, Lab, Operator, Admin},
	"files.write":    {Operator, Admin}, // and see extra
	"labs.read":      {Reader, Runner, Lab, Operator, Admin},
	"labs.write":     {Operator, Admin},

	// RefStack's later API. Beyond the table, a result belongs to its owner.
	"refstack.read":   {Reader, Runner, Lab, Operator, Admin},
	"refstack.upload": {Runner, Lab, Operator, Admin},
	"refstack.write":  {Reader, Runner, Lab, Operator, Admin},
	"refstack.keys":   {Reader, Runner, Lab, Operator, Admin},

	"lab.design":   keepers,
	"lab.machine":  keepers,
	"lab.register": {Lab, Operator, Admin},
	"lab.manifest": admins,
}

// KernelCI is the flag of tokens that were made the KernelCI way, by POST /token
// or with a lab. Their other flags are the rights that kernelci-backend knows
// (app/models/token.py), and where those say something they alone decide: the
// token that a lab gets may report and delete, and not read.
const KernelCI = "kernelci"

// kernelCI says which flags of such a token give a permission. Of what is not
// named here its roles decide.
var kernelCI = map[Permission][]string{
	"reports.read":   {"get"},
	"reports.batch":  {"get", "post"},
	"reports.write":  {"post"},
	"reports.delete": {"delete"}, // but not with lab
	"boots.write":    {"post"},   // and the lab's token
	"boots.delete":   {"delete"},
	"tests.write":    {"test_lab", "superuser"},
	"files.write":    {"upload"},
	"labs.read":      {"superuser"},
	"labs.write":     {"admin"},
	"tokens.read":    {"superuser"},
	"tokens.write":   {"admin"},
}

// extra are permissions that a flag gives to runners and labs.
var extra = map[Permission]string{"files.write": "upload"}

// Permissions lists the rows of the table, sorted.
func Permissions() []Permission { return slices.Sorted(maps.Keys(permissions)) }

// Known reports whether the table has the permission.
func (p Permission) Known() bool {
	_, ok := permissions[p]
	return ok
}

// Roles returns the roles that have the permission when no policy file says
// something else.
func (p Permission) Roles() []Role { return slices.Clone(permissions[p]) }

// May reports whether the identity has the permission, by the policy file when
// that has a rule for it, else by the table. What the flags of one of KernelCI's
// tokens do not allow, no policy file does. An identity without any role may do
// nothing but read the version document, as a Keystone token without a mapped
// role is somebody, but nobody with rights.
func (i Identity) May(p Permission) bool {
	if p == ReadVersion || p == ReadDocument {
		return !i.Anonymous()
	}
	flags, byFlags := kernelCI[p]
	byFlags = byFlags && i.has(KernelCI)
	if byFlags && !i.flagsAllow(p, flags) {
		return false
	}
	if allowed, ok := i.policy[p]; ok {
		return allowed[roleSet(i.Roles)]
	}
	if flag := extra[p]; flag != "" && i.has(flag) && (i.Is(Runner) || i.Is(Lab)) {
		return true
	}
	return byFlags || slices.ContainsFunc(permissions[p], i.Is)
}

func (i Identity) flagsAllow(p Permission, flags []string) bool {
	if p == "reports.delete" && i.has("lab") && !i.has("superuser") {
		return false
	}
	return slices.ContainsFunc(flags, i.has)
}

// Policy is what a policy file says of the rows of the permission table: for
// each set of roles, whether it has the permission.
type Policy map[Permission][1 << 5]bool

// roleSet numbers a set of roles.
func roleSet(roles []Role) int {
	set := 0
	for i, r := range everyone {
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
		var allowed [1 << 5]bool
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
		return errors.New("there is no default rule: what the file does not name is as the permission table has it")
	case Permission(name) == ReadVersion, Permission(name) == ReadDocument:
		return fmt.Errorf("%s is open to every good credential and cannot be set", name)
	case !Permission(name).Known() && strings.ContainsAny(name, ":."):
		return fmt.Errorf("there is no permission %.100q", name)
	}
	return nil
}

func rolesOf(set int) []string {
	var names []string
	for i, r := range everyone {
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
		var allowed [1 << 5]bool
		for i := range allowed {
			allowed[i] = slices.Contains(rolesOf(i), string(Admin)) || slices.Contains(rolesOf(i), string(Operator))
		}
		out[row] = allowed
	}
	return out
}

func (i Identity) has(flag string) bool { return slices.Contains(i.Flags, flag) }
