package auth

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-lab/slipway/openapi"
)

// row is what the permission table says of a permission.
type row struct {
	Roles   []Role // who has it when no policy file says something else
	Summary string // what it allows, for people
}

// table is the one permission table. It is read once, when it is first asked.
var table = sync.OnceValues(func() (map[Permission]row, error) { return readTable(openapi.Permissions) })

// rows is the table. One that cannot be read, with which no server starts, allows
// nothing.
func rows() map[Permission]row {
	t, _ := table() // see CheckTable
	return t
}

// CheckTable reports what is wrong with the permission table: a row that cannot
// be understood, or a permission that the code names and the table lacks. No
// server may start then.
func CheckTable() error {
	_, err := table()
	return err
}

func readTable(fragment []byte) (map[Permission]row, error) {
	var file struct {
		Permissions map[Permission]row `yaml:"x-permissions"`
	}
	d := yaml.NewDecoder(bytes.NewReader(fragment))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("permission table: %w", err)
	}
	var errs []error
	for _, p := range slices.Sorted(maps.Keys(file.Permissions)) {
		if err := file.Permissions[p].check(); err != nil {
			errs = append(errs, fmt.Errorf("permission table: %s %w", p, err))
		}
	}
	for _, p := range named() {
		if _, ok := file.Permissions[p]; !ok {
			errs = append(errs, fmt.Errorf("permission table: %s has no row", p))
		}
	}
	return file.Permissions, errors.Join(errs...)
}

func (r row) check() error {
	if len(r.Roles) == 0 || r.Summary == "" {
		return errors.New("must have roles and a summary")
	}
	for i, role := range r.Roles {
		if !slices.Contains(Roles(), role) || slices.Contains(r.Roles[:i], role) {
			return fmt.Errorf("names the role %q, which does not exist or is listed twice; there are %v", role, Roles())
		}
	}
	return nil
}

// named are the permissions that the code knows by name.
func named() []Permission {
	all := []Permission{ReadVersion, ReadDocument, ReadIdentity, DestroyNodes, DeleteTasks, CallAsRunner, ReadTokens, WriteTokens, HoldMachines}
	all = slices.AppendSeq(all, maps.Keys(kernelCI))
	return slices.AppendSeq(all, maps.Keys(extra))
}

// Known reports whether the table has the permission.
func (p Permission) Known() bool {
	_, ok := rows()[p]
	return ok
}

// Roles returns the roles that have the permission when no policy file says
// something else.
func (p Permission) Roles() []Role { return slices.Clone(rows()[p].Roles) }
