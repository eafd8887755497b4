package lab

import (
	"github.com/slipway-lab/slipway/server/lab/boot"
	"github.com/slipway-lab/slipway/server/lab/engine"
	"github.com/slipway-lab/slipway/server/lab/library"
)

// Config holds the area's settings, and what it needs of the server.
type Config struct {
	Engine  engine.Config  `embed:""`
	Library library.Config `embed:""`
	Boot    boot.Config    `embed:""`

	IdentityLogin bool `name:"identity-login" default:"true" negatable:"" help:"Let OpenStack's clients log in at /v3 with the name and text of a token."`

	// Secret is the server secret. Keys are derived from it, and designs are
	// encrypted under it.
	Secret []byte `kong:"-"`

	// Login checks the tokens of those who log in through /v3.
	Login Login `kong:"-"`

	// Done ends long polls; nil never does.
	Done <-chan struct{} `kong:"-"`
}
