package products

import (
	"context"
	"sync"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// streamCount is how many streams are open with each credential. A stream costs a
// connection and a place among those that every event wakes, for as long as its
// client likes.
type streamCount struct {
	mu   sync.Mutex
	open map[string]int
}

// streamRetry is after how many seconds a client may look whether one has ended.
const streamRetry = 15

// beginStream counts a stream, or answers 429 when its credential has as many as it
// may. The caller must call end when it is over.
func (h *Handler) beginStream(ctx context.Context) (end func(), err error) {
	who := auth.From(ctx)
	key := who.TokenID
	if key == "" {
		key = who.Kind + " " + who.Owner
	}
	s := &h.streams
	s.mu.Lock()
	defer s.mu.Unlock()
	if most := h.config.EventMaxStreams; most > 0 && s.open[key] >= most {
		return nil, fault.TooManyRequests(streamRetry, "%d event streams are open with this credential, which is the limit", most)
	}
	if s.open == nil {
		s.open = map[string]int{}
	}
	s.open[key]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[key]--; s.open[key] == 0 {
			delete(s.open, key)
		}
	}, nil
}
