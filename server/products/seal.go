package products

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// seal encrypts under the server's secret what the database is to keep and not to
// tell. What it is for is not part of it, but must be said again to unseal it.
func (h *Handler) seal(secret []byte, purpose string) []byte {
	aead := h.aead()
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	return aead.Seal(nonce, nonce, secret, []byte(purpose))
}

func (h *Handler) unseal(sealed []byte, purpose string) ([]byte, error) {
	aead := h.aead()
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("sealed secret is too short")
	}
	return aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(purpose))
}

func (h *Handler) aead() cipher.AEAD {
	mac := hmac.New(sha256.New, h.config.Secret)
	_, _ = mac.Write([]byte("slipway webhook secrets")) // a hash never fails
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the right block size
	}
	return aead
}
