package auth

import (
	"crypto/sha256"
	"encoding/hex"
)

// pepper is a secret under which tokens are hashed, with the name that rows
// keep of it.
type pepper struct {
	id     string
	secret []byte
}

func newPepper(secret []byte) pepper { return pepper{KeyID(secret), secret} }

func (p pepper) hash(token string) []byte { return HashToken(p.secret, token) }

// KeyID names a pepper without giving it away. Each token keeps the name of the
// one that it was hashed under, so that an operator can see when an old one is
// no longer needed.
func KeyID(secret []byte) string {
	sum := sha256.Sum256(append([]byte("slipway pepper\x00"), secret...))
	return hex.EncodeToString(sum[:4])
}
