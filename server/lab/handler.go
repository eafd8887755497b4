package lab

import (
	"context"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/lab/boot"
	"github.com/slipway-lab/slipway/server/lab/engine"
	"github.com/slipway-lab/slipway/server/lab/library"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// Login tells whose credential an attempt carries.
type Login interface {
	Identify(ctx context.Context, try auth.Attempt) (auth.Identity, error)
}

// Handler answers the operations of the lab.
type Handler struct {
	store   *labstore.Store
	engine  *engine.Engine
	drivers *engine.Drivers
	library *library.Library
	boot    *boot.Server
	config  Config
}

var _ labapi.StrictServerInterface = (*Handler)(nil)

// New checks the settings.
func New(s *labstore.Store, c Config) (*Handler, error) {
	drivers, err := engine.NewDrivers(s, c.Engine)
	if err != nil {
		return nil, err
	}
	designs, err := library.New(s, c.Library, c.Secret, drivers.Options())
	if err != nil {
		return nil, err
	}
	c.Boot.Done = c.Done
	work, err := engine.New(s, designs, drivers, c.Engine)
	if err != nil {
		return nil, err
	}
	return &Handler{
		store: s, engine: work, drivers: drivers, library: designs, config: c,
		boot: boot.New(s, designs, c.Boot, c.Secret, drivers.Simulated()),
	}, nil
}

// Run works on the tasks until ctx ends and everything it started has ended. Any
// number of servers may do so on one store.
func (h *Handler) Run(ctx context.Context) { h.engine.Run(ctx) }
