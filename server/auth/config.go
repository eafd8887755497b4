package auth

import (
	"errors"
	"time"
)

// Config holds the settings of logins, and what an Authenticator needs besides.
type Config struct {
	// AdminToken is no row of the store. Empty: there is none.
	AdminToken string `placeholder:"TEXT" help:"A token that may do everything, 8 to 512 characters (under 16 the start warns); better set as SLIPWAY_ADMIN_TOKEN. Default: the first start creates one and prints it once."`

	Mode             Mode   `name:"auth-mode" enum:"auto,token,token+keystone,none" default:"auto" help:"Which credentials are accepted: token, token+keystone, or none (everybody is an administrator; on a loopback address only). auto is token+keystone when a Keystone is configured, else token."`
	PolicyFile       string `name:"auth-policy-file" type:"path" placeholder:"FILE" help:"Rules in the style of Drydock's policy.yaml that replace rows of the permission table."`
	OperatorDestroys bool   `name:"auth-operator-destroys" help:"Let operators destroy nodes and delete tasks; otherwise only administrators may."`

	LabTenants []string `name:"lab-tenants" placeholder:"TENANT" help:"Tenants (of a Keystone: ids of projects) whose tokens have their roles' rights over nodes, tasks, designs, machines and network boot, too. Default: none, only tokens of no tenant have."`

	Store  Store  `kong:"-"`
	Pepper []byte `kong:"-"` // the secret under which tokens are hashed
	// OldPeppers are secrets of earlier times. A token that is found under one
	// of them is good, and hashed anew under Pepper when it is used.
	OldPeppers [][]byte `kong:"-"`
	// Keystone validates the tokens of OpenStack's clients; nil: there is none.
	Keystone Keystone `kong:"-"`
	// RoleMap says which roles a Keystone role gives; nil is DefaultRoleMap.
	RoleMap map[string][]Role `kong:"-"`
	// Policy says what a policy file says instead of the permission table.
	Policy Policy           `kong:"-"`
	Now    func() time.Time `kong:"-"`
}

// Mode says which credentials count.
type Mode string

// The modes. With ModeAuto a Keystone is asked when one is configured; with
// ModeNone everybody is an administrator, whatever they send.
const (
	ModeAuto     Mode = "auto"
	ModeToken    Mode = "token"
	ModeKeystone Mode = "token+keystone"
	ModeNone     Mode = "none"
)

// Validate refuses an admin token that could be guessed, or that is too long for
// a header.
func (c Config) Validate() error {
	if n := len(c.AdminToken); n > 0 && (n < 8 || n > 512) {
		return errors.New("--admin-token must have 8 to 512 characters")
	}
	return nil
}
