package lab

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

var ulids struct {
	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
}

// NewULID makes an id that sorts behind those this process made before.
func NewULID(now time.Time) string {
	ulids.mu.Lock()
	defer ulids.mu.Unlock()
	if ulids.entropy == nil {
		ulids.entropy = ulid.Monotonic(rand.Reader, 0)
	}
	return ulid.MustNew(ulid.Timestamp(now), ulids.entropy).String()
}
