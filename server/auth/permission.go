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
	// Drydock's own names (policy.py); its default for each is admin.
	"physical_provisioner:read_task":            {Reader, Lab, Operator, Admin},
	"physical_provisioner:read_build_data":      {Reader, Lab, Operator, Admin},
	"physical_provisioner:read_data":            {Reader, Lab, Operator, Admin},
	"physical_provisioner:health_data":          {Reader, Lab, Operator, Admin},
	"physical_provisioner:validate_site_design": {Operator, Admin},
	"physical_provisioner:create_task":          {Operator, Admin},
	"physical_provisioner:validate_design":      {Operator, Admin},
	"physical_provisioner:verify_site":          {Operator, Admin},
	"physical_provisioner:prepare_site":         {Operator, Admin},
	"physical_provisioner:verify_nodes":         {Operator, Admin},
	"physical_provisioner:prepare_nodes":        {Operator, Admin},
	"physical_provisioner:deploy_nodes":         {Operator, Admin},
	"physical_provisioner:relabel_nodes":        {Operator, Admin},
	"physical_provisioner:ingest_data":          {Operator, Admin},
	"physical_provisioner:destroy_nodes":        {Admin},
	"physical_provisioner:delete_tasks":         {Admin},

	"lab.design":   {Operator, Admin},
	"lab.machine":  {Operator, Admin},
	"lab.register": {Lab, Operator, Admin},
	"lab.manifest": {Admin},
}

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
	for _, r := range permissions[p] {
		if i.Is(r) {
			return true
		}
	}
	return false
}
