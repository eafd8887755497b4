package intake

import (
	"hash/maphash"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// collisions finds the tests that have one id and stand in different suites, or on
// different hosts, over all the files of a post. It remembers 16 bytes for each id:
// its hash, and behind it those of the suite and the host where it was first, with
// a bit for each that says whether there is another one.
type collisions struct {
	seed maphash.Seed
	ids  map[uint64]place
}

type place uint64

const (
	otherSuite place = 1 << 63
	otherHost  place = 1 << 62
	placeBits        = 31
	placeMask        = 1<<placeBits - 1
)

func newCollisions() *collisions {
	return &collisions{seed: maphash.MakeSeed(), ids: map[uint64]place{}}
}

func (c *collisions) hash(s string) uint64 { return maphash.String(c.seed, s) }

func (c *collisions) placeOf(suite, host string) place {
	return place(c.hash(suite)&placeMask)<<placeBits | place(c.hash(host)&placeMask)
}

// see notes where a test stands.
func (c *collisions) see(id, suite, host string) {
	here := c.placeOf(suite, host)
	key := c.hash(id)
	first, known := c.ids[key]
	if !known {
		c.ids[key] = here
		return
	}
	if (first^here)>>placeBits&placeMask != 0 {
		first |= otherSuite
	}
	if (first^here)&placeMask != 0 {
		first |= otherHost
	}
	c.ids[key] = first
}

// name is the id that a test gets, and how much of it was put in front.
func (c *collisions) name(r *report.Record, separator string) (id string, prefix int) {
	where := c.ids[c.hash(r.ID)]
	front := ""
	switch {
	case where&otherSuite != 0 && r.Suite != "":
		front = r.Suite + separator
	case where&otherSuite == 0 && where&otherHost != 0 && r.Host != "":
		front = "[" + r.Host + "] "
	}
	return front + r.ID, len(front)
}

// stored notes a test that is in the store and keeps its id. One that was given
// something in front stands for the id behind it as well, which differed.
func (c *collisions) stored(t *resultstore.Test) {
	c.see(t.Name, t.Suite, t.Host)
	if t.Prefix == 0 || t.Prefix > int64(len(t.Name)) {
		return
	}
	id := t.Name[t.Prefix:]
	c.see(id, t.Suite, t.Host)
	differs := otherSuite
	if t.Name[:t.Prefix] == "["+t.Host+"] " {
		differs = otherHost
	}
	c.ids[c.hash(id)] |= differs
}
