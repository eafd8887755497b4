package bootfiles

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
)

// KeyLength is the number of hex digits of a key.
const KeyLength = 2 * sha256.Size

// Key derives the key of a node for one deployment: HMAC-SHA-256 under the
// server's secret, as 64 lower-case hex digits. Nothing but the deployment needs
// to be stored; another deployment of the same node has another key.
func Key(secret []byte, deployment, node string) string {
	mac := hmac.New(sha256.New, secret)
	// The label keeps this use of the secret apart from others, the lengths
	// keep ("a", "bc") apart from ("ab", "c").
	mac.Write([]byte("slipway boot action key\x00"))
	for _, part := range []string{deployment, node} {
		mac.Write([]byte{byte(len(part) >> 24), byte(len(part) >> 16), byte(len(part) >> 8), byte(len(part))})
		mac.Write([]byte(part))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// SameKey compares what a client sent with the key it should have, in constant
// time and without regard to case. What is not 64 hex digits is never the same;
// Drydock fails with 500 there (control/bootaction.py).
func SameKey(want, sent string) bool {
	a, errWant := hex.DecodeString(want)
	b, errSent := hex.DecodeString(sent)
	if errWant != nil || errSent != nil || len(a) != sha256.Size || len(b) != sha256.Size {
		return false
	}
	return subtle.ConstantTimeCompare(a, b) == 1
}
