package document

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"
	"time"
)

// ParseID returns the 24 hex digits of id in lower case, and false when it is
// not an id.
func ParseID(id string) (string, bool) {
	if len(id) != 24 {
		return "", false
	}
	for i := range len(id) {
		c := id[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return "", false
		}
	}
	return strings.ToLower(id), true
}

// IDSource makes the ids of documents. Like the original's they are 12 bytes, of
// which the first four are the seconds since 1970, so that clients that take
// the time of creation out of an id find it. Ours sort by creation: ten bits of
// milliseconds follow, then thirty that tell processes apart, then a counter.
//
// The zero value is ready to use, by any number of goroutines at once.
type IDSource struct {
	// Now tells the time; nil means time.Now.
	Now func() time.Time

	mu      sync.Mutex
	process uint64 // 30 random bits; 0 before first use
	millis  int64
	counter uint64
}

const maxCounter = 1<<24 - 1

// New returns an id and the time of creation that belongs to it, in
// milliseconds since 1970. Both grow from call to call (the time not always),
// even when the clock is set back.
func (g *IDSource) New() (id string, millis int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now
	if g.Now != nil {
		now = g.Now
	}
	g.advance(now().UnixMilli())

	var b [12]byte
	binary.BigEndian.PutUint32(b[:4], uint32(g.millis/1000))
	low := uint64(g.millis%1000)<<54 | g.process<<24 | g.counter
	binary.BigEndian.PutUint64(b[4:], low)
	return hex.EncodeToString(b[:]), g.millis
}

// advance moves on to the next id.
func (g *IDSource) advance(now int64) {
	for g.process == 0 {
		var b [8]byte
		rand.Read(b[:])
		g.process = binary.BigEndian.Uint64(b[:]) >> 34
	}
	switch {
	case now > g.millis:
		g.millis, g.counter = now, 0
	case g.counter < maxCounter:
		g.counter++
	default:
		g.millis, g.counter = g.millis+1, 0
	}
}
