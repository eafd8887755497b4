package refstack

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
)

// RefStack's texts (refstack/api/validators.py).
const (
	textMalformedSignature = "Malformed signature"
	textMalformedKey       = "Malformed public key"
	textBadSignature       = "Signature verification failed"
	textKeyFormat          = "Public key has unsupported format"
)

// keyType is the one kind of key that can sign the way RefStack wants it.
const keyType = "ssh-rsa"

// The sizes of keys: weaker ones are forged, and larger ones cost too much to
// check for a stranger.
const (
	minKeyBits    = 1024 // of a key that was registered before
	minNewKeyBits = 2048 // of one that is registered now
	maxKeyBits    = 16384
)

// keyWanted is what the errors say that a key must be, newKeyWanted what one must
// be that is registered.
const (
	keyWanted    = "must be the OpenSSH line of an RSA key of 1024 to 16384 bits"
	newKeyWanted = "must be the OpenSSH line of an RSA key of 2048 to 16384 bits"
)

// keyLine is an OpenSSH public key line: type, base64, comment.
type keyLine struct {
	format  string
	base64  string
	comment string
	key     *rsa.PublicKey
	sum     [sha256.Size]byte // of the decoded base64
}

// parseKey reads the line of an RSA key.
func parseKey(line string) (*keyLine, error) {
	parts := strings.Fields(line)
	if len(parts) < 2 || parts[0] != keyType {
		return nil, fmt.Errorf("not %q, base64 and a comment", keyType)
	}
	blob, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	parsed, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, err
	}
	crypt, ok := parsed.(ssh.CryptoPublicKey)
	if !ok {
		return nil, fmt.Errorf("a key of type %s", parsed.Type())
	}
	key, ok := crypt.CryptoPublicKey().(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minKeyBits || key.N.BitLen() > maxKeyBits {
		return nil, fmt.Errorf("no RSA key of %d to %d bits", minKeyBits, maxKeyBits)
	}
	if !bytes.Equal(parsed.Marshal(), blob) {
		return nil, errors.New("more than a key") // else one key would have several sums
	}
	return &keyLine{
		format: parts[0], base64: parts[1], comment: strings.Join(parts[2:], " "),
		key: key, sum: sha256.Sum256(blob),
	}, nil
}

func (k *keyLine) verify(digest, signature []byte) bool {
	return rsa.VerifyPKCS1v15(k.key, crypto.SHA256, digest, signature) == nil
}

// signatureOf checks the signature of a body of which it is given the sha256.
// It returns nil when the request carries none. As in RefStack, one header is
// as good as both: what is missing is malformed. Of a compressed body either
// bytes may be signed, those that were sent or those that they hold: a client
// may compress what it has signed, or sign what it sends.
func signatureOf(ctx context.Context, digest []byte) (*keyLine, error) {
	header := call.From(ctx).Header
	given, line := header.Get("X-Signature"), header.Get("X-Public-Key")
	if given == "" && line == "" {
		return nil, nil
	}
	signature, err := hex.DecodeString(given)
	if err != nil {
		return nil, refused(textMalformedSignature, entry("X-Signature", "header", "must be hexadecimal digits")).Because(err)
	}
	key, err := parseKey(line)
	if err != nil {
		return nil, refused(textMalformedKey, entry("X-Public-Key", "header", keyWanted)).Because(err)
	}
	sent := upload.SentSum(ctx)
	if !key.verify(digest, signature) && (sent == nil || !key.verify(sent, signature)) {
		return nil, refused(textBadSignature, entry("X-Signature", "header", "must be the key's PKCS#1 v1.5 signature with SHA-256 of the body's bytes"))
	}
	return key, nil
}

// stranger reports whether an upload brings no credential. A registered key counts
// as one before the signature is read; a wrong signature keeps nothing.
func (h *Handler) stranger(ctx context.Context, who caller) (bool, error) {
	if who.known {
		return false, nil
	}
	key, err := parseKey(call.From(ctx).Header.Get("X-Public-Key"))
	if err != nil {
		return true, nil //nolint:nilerr // none, or nonsense, which is said when the body has come
	}
	keys, err := h.store.PublicKeysByFingerprint(ctx, key.sum[:])
	return len(keys) == 0, err
}

// uploader returns the owner of an upload: whoever has registered the key that
// signed it, in the tenant of a caller who is logged in; nobody of the caller's
// tenant without a signature.
func (h *Handler) uploader(ctx context.Context, who caller, key *keyLine) (keyOwner, error) {
	if key == nil {
		if h.config.RequireToken && !who.known {
			return keyOwner{}, unauthorized("Anonymous result uploads are disabled. Sign the upload with a registered key, or send a token")
		}
		return keyOwner{tenant: who.scope.Tenant}, nil
	}
	keys, err := h.store.PublicKeysByFingerprint(ctx, key.sum[:])
	if err != nil {
		return keyOwner{}, err
	}
	if who.known {
		keys = slices.DeleteFunc(keys, func(k refstackstore.PublicKey) bool { return k.Tenant != who.scope.Tenant })
	}
	owner, err := soleOwner(keys)
	if errors.Is(err, errUnknownKey) {
		return owner, unauthorized("User with specified key not found. Please log into the RefStack server to upload your key.").Because(err)
	}
	return owner, err
}

func entry(name, in, message string) fault.Entry {
	return fault.Entry{Parameter: name, In: in, Message: message}
}
