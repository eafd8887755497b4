package engine

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/server/lab/library"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// Engine runs tasks while Run runs, and takes orders and reports at any time. It
// is safe for concurrent use.
type Engine struct {
	store   *labstore.Store
	library *library.Library
	drivers *Drivers
	config  Config
	limits  map[taskplan.Action]time.Duration
	owner   string // names this server in leases

	mu   sync.Mutex
	tops map[string]*topTask // those this server works on
}

// New checks the settings.
func New(s *labstore.Store, l *library.Library, d *Drivers, c Config) (*Engine, error) {
	limits, err := limitsOf(c.Limits)
	if err != nil {
		return nil, err
	}
	return &Engine{store: s, library: l, drivers: d, config: c, limits: limits, owner: newID(), tops: map[string]*topTask{}}, nil
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// Waits look at the store when they are woken, which the store does across
// servers, and now and then besides: at first after lookFirst, then less and less
// often up to lookLast, since thousands may wait for hours.
const (
	lookFirst = time.Second
	lookLast  = 8 * time.Second
)

// await calls look until it answers true, whenever the topic was notified. It
// returns the error of look or of the context.
func await(ctx context.Context, s *labstore.Store, topic string, look func() (bool, error)) error {
	wake, stop := s.Subscribe(topic)
	defer stop()
	for pause := lookFirst; ; {
		if done, err := look(); done || err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-wake:
			timer.Stop()
			pause = lookFirst
		case <-timer.C:
			pause = min(2*pause, lookLast)
		}
	}
}
