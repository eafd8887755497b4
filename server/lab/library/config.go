package library

import (
	"context"
	"time"

	"github.com/slipway-lab/slipway/server/edge/reach"
)

// Config says where designs may come from and how large they may be.
type Config struct {
	Hosts         []string      `name:"design-hosts" placeholder:"HOST" help:"Hosts from which site designs may be fetched: names, name:port, *.domain, addresses, networks or *. Default: none."`
	Ports         []int         `name:"design-ports" default:"80,443" min:"0" max:"65535" help:"Ports at which these hosts may be called, beside those that --design-hosts names; 0: every port."`
	Folder        string        `name:"design-folder" type:"path" placeholder:"DIR" help:"Folder to which file:// references to site designs are limited. Default: none, and such references are refused."`
	DeckhandToken string        `name:"design-deckhand-token" placeholder:"TEXT" help:"Token for deckhand+http(s) and promenade+http(s) references where the server has no account at Keystone (--keystone-auth-url); better set as SLIPWAY_DESIGN_DECKHAND_TOKEN. No token is shown to a host that only * admits."`
	Max           int64         `name:"design-max" default:"8388608" min:"1" max:"1073741824" help:"Limit of a site design in bytes."`
	Timeout       time.Duration `name:"design-timeout" default:"20s" min:"100ms" help:"How long fetching a site design may take."`
	Cache         int64         `name:"design-cache" default:"33554432" min:"0" help:"Size of the cache of effective site designs in bytes; 0: no cache."`

	// Account is the server's own at Keystone, whose tokens such references are
	// fetched with; nil: there is none.
	Account Account `kong:"-"`
}

// Account logs in at Keystone.
type Account interface {
	// OwnToken returns a token that has not ended, and another one than that
	// which was refused.
	OwnToken(ctx context.Context, refused string) (string, error)
}

// Validate refuses names of hosts that mean nothing.
func (c Config) Validate() error {
	_, err := c.hosts()
	return err
}

func (c Config) hosts() (*reach.Hosts, error) { return reach.Parse("design", c.Hosts, c.Ports) }
