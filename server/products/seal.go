package products

import (
	"crypto/hmac"
	"crypto/sha256"

	"github.com/slipway-lab/slipway/server/edge/seal"
)

// newBox is what the secrets of webhooks and the answers to repeated calls are
// sealed in.
func newBox(secret []byte) (seal.Box, error) {
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte("slipway webhook secrets")) // a hash never fails
	return seal.WithKey(mac.Sum(nil))
}
