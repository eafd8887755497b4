package tables

import "crypto/sha256"

// nameHashSize keeps the index of names small; 128 bits of a sha256 do not collide,
// not even when somebody tries.
const nameHashSize = 16

// NameHash is what a test's name is found by.
func NameHash(name string) []byte { return AppendNameHash(nil, name) }

// AppendNameHash appends the NameHash of a name.
func AppendNameHash(to []byte, name string) []byte {
	var room [256]byte // without which each name would be copied to the heap
	sum := sha256.Sum256(append(room[:0], name...))
	return append(to, sum[:nameHashSize]...)
}
