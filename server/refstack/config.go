package refstack

import (
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake"
)

// Config holds the area's settings, and what it needs of the server.
type Config struct {
	UIURL       string `name:"ui-url" placeholder:"URL" help:"Address of the pages on which people look at results; refstack-client prints links that begin with it. Default: the server itself."`
	MaxKeys     int    `default:"100" min:"1" help:"Limit of the public keys of one owner."`
	MaxCompared int64  `default:"200000" min:"1" help:"Limit of the tests in a result that is compared with another; the comparison holds their names in memory."`

	// RequireToken closes uploads without a login, and reading; a signature
	// with a registered key is a login for uploads.
	RequireToken bool `kong:"-"`

	// Limits bounds what one upload may cost.
	Limits intake.Limits `kong:"-"`

	// Strangers bounds uploads without a credential; nil where there are none.
	Strangers *intake.Strangers `kong:"-"`

	// Pepper is the secret under which the tokens of runs are hashed.
	Pepper []byte `kong:"-"`

	// Now is replaced by tests; nil is time.Now.
	Now func() time.Time `kong:"-"`
}
