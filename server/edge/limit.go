package edge

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// maxBuckets bounds the memory that strangers can take; when it is full the
// oldest knowledge is dropped as a whole.
const maxBuckets = 50_000

// limiter holds a token bucket for each address and credential that called
// lately. Each replica has its own.
type limiter struct {
	calls, failures buckets[netip.Addr]
	known           buckets[string]
	now             func() time.Time

	mu      sync.Mutex
	pending map[netip.Addr]int // logins by body that have begun
}

func newLimiter(l Ratelimit, now func() time.Time) *limiter {
	return &limiter{
		calls:    buckets[netip.Addr]{rate: rate.Limit(l.Anonymous), burst: l.Burst},
		failures: buckets[netip.Addr]{rate: rate.Limit(l.FailedLogins / 60), burst: max(1, int(l.FailedLogins))},
		known:    buckets[string]{rate: rate.Limit(l.Credential), burst: l.CredentialBurst},
		now:      now,
		pending:  map[netip.Addr]int{},
	}
}

// allow counts a call.
func (l *limiter) allow(who auth.Identity, from netip.Addr) error {
	switch {
	case from.IsLoopback():
		return nil
	case !who.Anonymous():
		if !l.known.take(actorOf(who), l.now()) {
			return fault.TooManyRequests(1, "too many requests with this credential")
		}
	case !l.calls.take(neighbourhood(from), l.now()):
		return fault.TooManyRequests(1, "too many requests without a credential from this address")
	}
	return nil
}

// limited reports whether an address failed to log in too often. It does not
// count. Behind one address there may be a whole lab: a credential that was
// found good before still passes.
func (l *limiter) limited(from netip.Addr) bool {
	return !from.IsLoopback() && !l.failures.left(neighbourhood(from), l.now())
}

// begin reserves the failure of a login whose credential is in the body: else a
// thousand of them could begin before the first has failed. It reports false when
// there is none left; otherwise end must be called.
func (l *limiter) begin(from netip.Addr) (end func(failed bool), ok bool) {
	if from.IsLoopback() || l.failures.rate == 0 {
		return func(bool) {}, true
	}
	key := neighbourhood(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failures.limiter(key).TokensAt(l.now()) < float64(l.pending[key]+1) {
		return nil, false
	}
	l.pending[key]++
	return func(failed bool) {
		if failed {
			l.failed(from)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.pending[key]--; l.pending[key] == 0 {
			delete(l.pending, key)
		}
	}, true
}

// neighbourhood is what counts as one address: whoever has one of IPv6 has the
// 2^64 beside it as well.
func neighbourhood(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a // the zero address
	}
	return p.Addr()
}

func tooManyLogins() *fault.Fault {
	return fault.TooManyRequests(60, "too many failed logins from this address")
}

// failed counts a login that failed.
func (l *limiter) failed(from netip.Addr) {
	if !from.IsLoopback() {
		l.failures.take(neighbourhood(from), l.now())
	}
}

// buckets are token buckets by what they count.
type buckets[K comparable] struct {
	rate  rate.Limit // 0: no limit
	burst int

	mu    sync.Mutex
	byKey map[K]*rate.Limiter
}

func (b *buckets[K]) limiter(key K) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byKey == nil || len(b.byKey) >= maxBuckets {
		b.byKey = map[K]*rate.Limiter{}
	}
	l := b.byKey[key]
	if l == nil {
		l = rate.NewLimiter(b.rate, b.burst)
		b.byKey[key] = l
	}
	return l
}

func (b *buckets[K]) take(key K, now time.Time) bool {
	return b.rate == 0 || b.limiter(key).AllowN(now, 1)
}

func (b *buckets[K]) left(key K, now time.Time) bool {
	return b.rate == 0 || b.limiter(key).TokensAt(now) >= 1
}
