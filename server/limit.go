package server

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/fault"
)

// Limits bounds how often strangers may call. Zero means the default, a
// negative number means no limit. A caller with a good credential is never
// limited, and neither is anybody on the same machine.
type Limits struct {
	AnonymousPerSecond    float64 // per address; default 200
	AnonymousBurst        int     // default 1000
	FailedLoginsPerMinute float64 // per address; default 20
}

func (l *Limits) setDefaults() {
	if l.AnonymousPerSecond == 0 {
		l.AnonymousPerSecond = 200
	}
	if l.AnonymousBurst == 0 {
		l.AnonymousBurst = 1000
	}
	if l.FailedLoginsPerMinute == 0 {
		l.FailedLoginsPerMinute = 20
	}
}

// maxAddresses bounds the memory that strangers can take; when it is full the
// oldest knowledge is dropped as a whole.
const maxAddresses = 50_000

// limiter holds a token bucket for each address that called lately.
type limiter struct {
	calls, failures buckets
	now             func() time.Time
}

func newLimiter(l Limits, now func() time.Time) *limiter {
	return &limiter{
		calls:    buckets{rate: rate.Limit(l.AnonymousPerSecond), burst: l.AnonymousBurst},
		failures: buckets{rate: rate.Limit(l.FailedLoginsPerMinute / 60), burst: max(1, int(l.FailedLoginsPerMinute))},
		now:      now,
	}
}

// allow counts a call of somebody who is not logged in.
func (l *limiter) allow(who auth.Identity, from netip.Addr) error {
	if !who.Anonymous() || from.IsLoopback() {
		return nil
	}
	if !l.calls.take(from, l.now()) {
		return fault.TooManyRequests(1, "too many requests without a credential from this address")
	}
	return nil
}

// mayTry refuses an address that failed to log in too often. It does not count.
func (l *limiter) mayTry(from netip.Addr) error {
	if from.IsLoopback() || l.failures.left(from, l.now()) {
		return nil
	}
	return fault.TooManyRequests(60, "too many failed logins from this address")
}

// failed counts a login that failed.
func (l *limiter) failed(from netip.Addr) {
	if !from.IsLoopback() {
		l.failures.take(from, l.now())
	}
}

type buckets struct {
	rate  rate.Limit
	burst int

	mu sync.Mutex
	by map[netip.Addr]*rate.Limiter
}

func (b *buckets) of(a netip.Addr) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.by == nil || len(b.by) >= maxAddresses {
		b.by = map[netip.Addr]*rate.Limiter{}
	}
	l := b.by[a]
	if l == nil {
		l = rate.NewLimiter(b.rate, b.burst)
		b.by[a] = l
	}
	return l
}

func (b *buckets) take(a netip.Addr, now time.Time) bool {
	return b.rate < 0 || b.of(a).AllowN(now, 1)
}

func (b *buckets) left(a netip.Addr, now time.Time) bool {
	return b.rate < 0 || b.of(a).TokensAt(now) >= 1
}
