package tables

import "crypto/sha256"

// nameHashSize keeps the index of names small; 128 bits of a sha256 do not collide,
// not even when somebody tries.
const nameHashSize = 16

// NameHash is what a test's name is found by.
func NameHash(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:nameHashSize]
}
