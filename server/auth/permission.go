package auth

import "slices"

// Permission is a row of the permission table. The document names the row of
// each operation in x-permission.
type Permission string

// permissions is the one permission table: which roles may do what. A
// permission that an operation names and this table lacks stops the start.
var permissions = map[Permission][]Role{
	"version.read":   {Reader, Runner, Lab, Operator, Admin},
	"runner.call":    {Runner, Lab, Operator, Admin},
	"results.read":   {Reader, Runner, Lab, Operator, Admin},
	"results.write":  {Runner, Lab, Operator, Admin},
	"results.delete": {Operator, Admin},
	"clouds.write":   {Operator, Admin},

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
	"reports.read":        {Reader, Runner, Lab, Operator, Admin},
	"reports.batch":       {Reader, Runner, Lab, Operator, Admin},
	"reports.write":       {Runner, Lab, Operator, Admin},
	"reports.delete":      {Operator, Admin},
	"boots.write":         {Lab, Operator, Admin}, // a lab its own
	"boots.delete":        {Lab, Operator, Admin}, // a lab its own
	"tests.write":         {Runner, Lab, Operator, Admin},
	"files.write":         {Operator, Admin}, // and see extra
	"labs.read":           {Reader, Runner, Lab, Operator, Admin},
	"labs.write":          {Operator, Admin},
	"tokens.read":         {Operator, Admin},
	"tokens.write":        {Admin},
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

// Known reports whether the table has the permission.
func (p Permission) Known() bool {
	_, ok := permissions[p]
	return ok
}

// Roles returns the roles that have the permission.
func (p Permission) Roles() []Role { return slices.Clone(permissions[p]) }

// May reports whether the identity has the permission. An identity without any
// role may do nothing but read the version document, as a Keystone token
// without a mapped role is somebody, but nobody with rights.
func (i Identity) May(p Permission) bool {
	if p == "version.read" {
		return !i.Anonymous()
	}
	if flags, ok := kernelCI[p]; ok && i.has(KernelCI) {
		if p == "reports.delete" && i.has("lab") && !i.has("superuser") {
			return false
		}
		return slices.ContainsFunc(flags, i.has)
	}
	if flag := extra[p]; flag != "" && i.has(flag) && (i.Is(Runner) || i.Is(Lab)) {
		return true
	}
	return slices.ContainsFunc(permissions[p], i.Is)
}

func (i Identity) has(flag string) bool { return slices.Contains(i.Flags, flag) }
