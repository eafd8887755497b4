package edge

import (
	"net/netip"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
)

// TestLimiter_Zero: a rate of zero is no limit, whatever the burst.
func TestLimiter_Zero(t *testing.T) {
	t.Parallel()

	l := newLimiter(Ratelimit{Burst: 1, CredentialBurst: 1}, time.Now)
	from := netip.MustParseAddr("192.0.2.9")
	for _, who := range []auth.Identity{{}, {Kind: "token", Name: "n"}} {
		for range 50 {
			l.failed(from)
			if err := l.allow(who, from); err != nil || l.limited(from) {
				t.Fatalf("without limits %+v is limited: %v", who, err)
			}
		}
	}
}
