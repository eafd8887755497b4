package refstack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
)

// selfSigned is what a key signs to show that its owner has it.
const selfSigned = "signature"

// keysOf is the owner whose keys the caller may see and change.
func (h *Handler) keysOf(ctx context.Context) (keyOwner, error) {
	who, err := h.caller(ctx)
	if err != nil {
		return keyOwner{}, err
	}
	if !who.known {
		return keyOwner{}, noCredential()
	}
	if who.owner == "" {
		return keyOwner{}, fault.Forbidden("keys belong to an owner, and the token names none")
	}
	return keyOwner{who.scope.Tenant, who.owner}, nil
}

// CreatePublicKey registers a key under the owner that the token names.
func (h *Handler) CreatePublicKey(ctx context.Context, _ refstackapi.CreatePublicKeyRequestObject) (refstackapi.Response, error) {
	owner, err := h.keysOf(ctx)
	if err != nil {
		return nil, err
	}
	var body refstackapi.NewPublicKey
	if err := readObject(ctx, &body, "raw_key", "self_signature"); err != nil {
		return nil, err
	}
	line, err := checkNewKey(body)
	if err != nil {
		return nil, err
	}
	if err := h.roomForKey(ctx, owner); err != nil {
		return nil, err
	}
	id := uuid.New()
	key := &refstackstore.PublicKey{
		ID: hex.EncodeToString(id[:]), Tenant: owner.tenant, Owner: owner.name,
		Format: line.format, Key: line.base64, Comment: line.comment, Fingerprint: line.sum[:],
	}
	err = h.store.CreatePublicKey(ctx, key)
	if errors.Is(err, store.ErrConflict) {
		f := fault.Conflict("Public key already exists.").Because(err)
		f.Title = f.Detail
		return nil, f
	}
	if err != nil {
		return nil, err
	}
	location := "/v1/profile/pubkeys/" + key.ID
	return call.Created(location, key.ID), nil
}

func (h *Handler) roomForKey(ctx context.Context, owner keyOwner) error {
	keys, err := h.store.PublicKeys(ctx, owner.tenant, owner.name, store.Page{})
	if err == nil && len(keys.Items) >= h.config.MaxKeys {
		err = fault.Conflict("an owner may register %d keys; delete one first", h.config.MaxKeys)
	}
	return err
}

// checkNewKey checks in RefStack's order (refstack/api/validators.py,
// PubkeyValidator).
func checkNewKey(body refstackapi.NewPublicKey) (*keyLine, error) {
	if parts := strings.Fields(body.RawKey); len(parts) == 0 || parts[0] != keyType {
		return nil, refused(textKeyFormat, bodyEntry("/raw_key", "must begin with "+keyType))
	}
	signature, err := hex.DecodeString(body.SelfSignature)
	if err != nil {
		return nil, refused(textMalformedSignature, bodyEntry("/self_signature", "must be hexadecimal digits")).Because(err)
	}
	line, err := parseKey(body.RawKey)
	if err != nil || strings.ContainsRune(line.comment, 0) || line.key.N.BitLen() < minNewKeyBits {
		return nil, refused(textMalformedKey, bodyEntry("/raw_key", newKeyWanted)).Because(err)
	}
	digest := sha256.Sum256([]byte(selfSigned))
	if !line.verify(digest[:], signature) {
		return nil, refused(textBadSignature, bodyEntry("/self_signature", "must be the key's PKCS#1 v1.5 signature with SHA-256 of the text signature"))
	}
	return line, nil
}

// ListPublicKeys answers the keys of the owner that the token names, all of them unless
// a limit was given.
func (h *Handler) ListPublicKeys(ctx context.Context, req refstackapi.ListPublicKeysRequestObject) (refstackapi.Response, error) {
	owner, err := h.keysOf(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := h.store.PublicKeys(ctx, owner.tenant, owner.name, pageBehind(req.Params.Limit, req.Params.After))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	body := refstackapi.PublicKeyList{}
	for _, k := range keys.Items {
		body = append(body, refstackapi.PublicKey{ID: k.ID, Openid: k.Owner, Format: k.Format, Pubkey: k.Key, Comment: k.Comment})
	}
	return call.OK(body).Paged(ctx, keys.Next), nil
}

// DeletePublicKey removes a key of the owner that the token names.
func (h *Handler) DeletePublicKey(ctx context.Context, req refstackapi.DeletePublicKeyRequestObject) (refstackapi.Response, error) {
	owner, err := h.keysOf(ctx)
	if err != nil {
		return nil, err
	}
	err = h.store.DeletePublicKey(ctx, owner.tenant, owner.name, req.KeyID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("there is no such key").Because(err)
	}
	return call.NoContent(), err
}

// readObject reads a small JSON object with these text members and no others.
func readObject(ctx context.Context, into any, members ...string) error {
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return errors.New("the body was not put aside")
	}
	text, err := io.ReadAll(raw.Body)
	if err != nil {
		return fault.Body(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return refused(textMalformed, bodyEntry("", "must be JSON")).Because(err)
	}
	given, ok := value.(map[string]any)
	if !ok {
		return refused(textSchema, bodyEntry("", "must be an object"))
	}
	var wrong []fault.Entry
	for _, name := range members {
		if _, ok := given[name].(string); !ok {
			wrong = append(wrong, bodyEntry("/"+name, "is required and must be text"))
		}
		delete(given, name)
	}
	for name := range given {
		wrong = append(wrong, bodyEntry("/"+name, "is unknown"))
	}
	if len(wrong) > 0 {
		return refused(textSchema, wrong...)
	}
	return json.Unmarshal(text, into)
}

func bodyEntry(pointer, message string) fault.Entry {
	return fault.Entry{Pointer: pointer, InBody: true, In: "body", Message: message}
}
