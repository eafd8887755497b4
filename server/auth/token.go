package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"regexp"
	"strings"
)

// TokenKind is the letter of a token's prefix: whom it is for.
type TokenKind byte

// The kinds of token.
const (
	PersonToken  TokenKind = 'u'
	RunnerToken  TokenKind = 'r'
	LabToken     TokenKind = 'l'
	ServiceToken TokenKind = 's'
)

const (
	tokenPrefix  = "slw"
	tokenRandom  = 40 // characters of base62: 238 random bits
	tokenSum     = 6  // characters of base62: CRC-32 of everything before
	tokenLength  = len(tokenPrefix) + 2 + tokenRandom + tokenSum
	displayChars = 9
	base62       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ErrMalformedToken says that a text is no token of ours: its shape or its
// checksum is wrong. No look-up is needed to know it.
var ErrMalformedToken = errors.New("not a token of this server")

// NewToken makes a token: "slw", the kind, "_", 238 random bits in base62 and a
// checksum. Secret scanners know it by \bslw[urls]_[0-9A-Za-z]{46}\b.
func NewToken(kind TokenKind) string {
	var b strings.Builder
	b.WriteString(tokenPrefix)
	b.WriteByte(byte(kind))
	b.WriteByte('_')
	var random [1]byte
	for n := 0; n < tokenRandom; {
		_, _ = rand.Read(random[:]) // never fails (crypto/rand)
		if random[0] < 248 {        // 248 = 4 x 62: every character is equally likely
			b.WriteByte(base62[random[0]%62])
			n++
		}
	}
	return b.String() + checksum(b.String())
}

// CheckToken returns ErrMalformedToken when the text cannot be a token of ours.
func CheckToken(text string) error {
	if len(text) != tokenLength || !HasTokenPrefix(text) {
		return ErrMalformedToken
	}
	body := text[:tokenLength-tokenSum]
	if checksum(body) != text[tokenLength-tokenSum:] {
		return ErrMalformedToken
	}
	return nil
}

// brought is the shape of the texts that a lab may bring along: kernelci-backend
// makes its tokens as UUIDs of version 4 (app/models/token.py), which hold 122
// random bits.
var brought = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$`)

// IsImportable reports whether a text that was made elsewhere may become a
// token here. What people think up must not: its hash could be searched for.
func IsImportable(text string) bool { return brought.MatchString(text) }

// mayBeToken tells without a look-up whether a text can be one of the store.
func mayBeToken(text string) error {
	if IsImportable(text) {
		return nil
	}
	return CheckToken(text)
}

// HasTokenPrefix reports whether the text begins the way our tokens do.
func HasTokenPrefix(text string) bool {
	return len(text) > 5 && text[:3] == tokenPrefix && strings.IndexByte("urls", text[3]) >= 0 && text[4] == '_'
}

// DisplayPrefix returns the part of a token that may be shown after its creation.
func DisplayPrefix(token string) string { return token[:min(displayChars, len(token))] }

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [tokenSum]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return string(out[:])
}

// HashToken returns what is stored of a token: HMAC-SHA-256 under the pepper.
// A slow hash would help only guessable secrets, and a token is none.
func HashToken(pepper []byte, token string) []byte {
	mac := hmac.New(sha256.New, pepper)
	mac.Write([]byte(token))
	return mac.Sum(nil)
}
