package servertest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// givenPorts are those that FreeAddress does not return again.
var givenPorts sync.Map

// FreeAddress returns an address on loopback at which a server can be started
// later, and again and again. Its port is below those that systems give to
// whoever asks for any, so that no client and no other test gets it meanwhile.
func FreeAddress(t testing.TB) string {
	t.Helper()
	const first, last = 10000, 30000
	var refused error
	for range 100 {
		port := first + rand.N(last-first)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", address)
		if err == nil {
			_ = l.Close()
			return address
		}
		refused = err
	}
	t.Fatalf("no free port from %d to %d: %v", first, last, refused)
	return ""
}
