package tables

import (
	"bytes"
	"encoding/binary"
	"sync"
)

const (
	nameSlots = 1 << 18 // of 24 bytes: 6 MiB
	nameWays  = 4       // slots in which a name may stand
)

// NameCache remembers the numbers of names that were stored lately: a lab stores the
// same names every night. It takes a fixed room, from the first large upload on, in
// which newer names take the places of older ones.
//
// A number is that of its name as long as no name was removed. So that this holds for
// those that other servers remove as well, all of it belongs to a mark, which is
// another one in the database after each removal.
type NameCache struct {
	mu    sync.Mutex
	mark  []byte
	slots []nameSlot
}

type nameSlot struct {
	hash [nameHashSize]byte
	id   int64 // 0 is none
}

// bucket is where a name may stand. The hash is one already.
func (c *NameCache) bucket(hash []byte) []nameSlot {
	at := binary.LittleEndian.Uint64(hash) % (nameSlots / nameWays) * nameWays
	return c.slots[at : at+nameWays]
}

// Find fills in the numbers of those of n names that it knows, and leaves the others.
func (c *NameCache) Find(mark []byte, n int, hash func(i int) []byte, ids []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots == nil || !bytes.Equal(c.mark, mark) {
		return
	}
	for i := range n {
		h := hash(i)
		for _, s := range c.bucket(h) {
			if s.id != 0 && bytes.Equal(s.hash[:], h) {
				ids[i] = s.id
				break
			}
		}
	}
}

// Keep remembers the numbers of n names. The transaction that found or made them under
// the mark is over.
func (c *NameCache) Keep(mark []byte, n int, name func(i int) (hash []byte, id int64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots == nil {
		c.slots = make([]nameSlot, nameSlots)
	}
	if !bytes.Equal(c.mark, mark) {
		clear(c.slots)
		c.mark = bytes.Clone(mark)
	}
	for i := range n {
		hash, id := name(i)
		b := c.bucket(hash)
		copy(b[1:], b) // the oldest goes
		b[0] = nameSlot{hash: [nameHashSize]byte(hash), id: id}
	}
}
