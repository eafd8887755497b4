// Package seal encrypts what the database is to keep and not to tell: designs and
// the secrets of clouds and webhooks. The keys come from the server secret; a server
// with another one does not start on the same database.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Box encrypts with one key. It is safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// New returns a box whose key is derived from the server secret for one kind of
// thing: what is sealed in the box of one kind cannot be opened in that of another.
func New(secret []byte, kind string) (Box, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, kind, 32)
	if err != nil {
		return Box{}, err
	}
	return WithKey(key)
}

// WithKey returns a box with a key of 32 bytes that was derived elsewhere.
func WithKey(key []byte) (Box, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return Box{}, err
	}
	aead, err := cipher.NewGCM(block)
	return Box{aead}, err
}

// Seal encrypts the text. The name is not part of what is sealed, but must be said
// again to open it.
func (b Box) Seal(name string, text []byte) []byte {
	nonce := make([]byte, b.aead.NonceSize(), b.aead.NonceSize()+len(text)+b.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	return b.aead.Seal(nonce, nonce, text, []byte(name))
}

// Open decrypts what Seal returned for the name.
func (b Box) Open(name string, sealed []byte) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("what was sealed is cut short")
	}
	text, err := b.aead.Open(nil, sealed[:n], sealed[n:], []byte(name))
	if err != nil {
		return nil, fmt.Errorf("what was sealed cannot be decrypted: %w", err)
	}
	return text, nil
}
