package refstack

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// PublicKey is a key with which an owner signs uploads and web tokens.
type PublicKey struct {
	ID          string `gorm:"primaryKey"` // public; 32 hexadecimal digits
	Tenant      string // of the token that registered it
	Owner       string // as a token of the tenant names it
	Format      string // ssh-rsa
	Key         string // the base64 part of the OpenSSH line
	Comment     string
	Fingerprint []byte    // sha256 of the decoded key, unique in the tenant
	CreatedAt   time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// CreatePublicKey adds a key and fills in CreatedAt. ErrConflict: somebody of the
// tenant has registered it.
func (s *Store) CreatePublicKey(ctx context.Context, k *PublicKey) error {
	k.CreatedAt = s.Now()
	return s.AdoptPublicKey(ctx, k)
}

// AdoptPublicKey is CreatePublicKey for a key that was registered elsewhere: CreatedAt
// stays.
func (s *Store) AdoptPublicKey(ctx context.Context, k *PublicKey) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.db.Tx.Create(k).Error; err != nil {
			return fmt.Errorf("create public key: %w", store.Translate(err))
		}
		return nil
	})
}

// PublicKey returns the key with this id, whoever it belongs to, or ErrNotFound.
func (s *Store) PublicKey(ctx context.Context, id string) (*PublicKey, error) {
	var k PublicKey
	if err := s.db.Read(ctx).Take(&k, "id = ?", id).Error; err != nil {
		return nil, fmt.Errorf("public key %s: %w", id, store.Translate(err))
	}
	return &k, nil
}

// PublicKeysByFingerprint returns the keys with this sha256, at most one of each
// tenant, that of no tenant first.
func (s *Store) PublicKeysByFingerprint(ctx context.Context, fingerprint []byte) ([]PublicKey, error) {
	var list []PublicKey
	if err := s.db.Read(ctx).Order("tenant").Find(&list, "fingerprint = ?", fingerprint).Error; err != nil {
		return nil, fmt.Errorf("public keys: %w", store.Translate(err))
	}
	return list, nil
}

var publicKeyOrder = store.Order[PublicKey]{
	Name: "public keys",
	Keys: []store.SortKey{{Column: "created_at"}, {Column: "id", Text: true}},
	At:   func(k *PublicKey) []any { return []any{store.Micros(k.CreatedAt), k.ID} },
}

// PublicKeys returns the keys of an owner of the tenant, the oldest first; a page
// without a limit has all of them.
func (s *Store) PublicKeys(ctx context.Context, tenant, owner string, p store.Page) (store.List[PublicKey], error) {
	q := s.db.Read(ctx).Model(&PublicKey{}).Where("owner = ? AND tenant = ?", owner, tenant)
	list, err := publicKeyOrder.Page(q, p.Whole())
	if err != nil {
		return list, fmt.Errorf("public keys of %s: %w", owner, err)
	}
	return list, nil
}

// PublicKeysNamed returns the keys of everybody who is called so, in whatever
// tenant, those of no tenant first and the oldest of each tenant first.
func (s *Store) PublicKeysNamed(ctx context.Context, owner string) ([]PublicKey, error) {
	var list []PublicKey
	if err := s.db.Read(ctx).Order("tenant, created_at, id").Find(&list, "owner = ?", owner).Error; err != nil {
		return nil, fmt.Errorf("public keys of %s: %w", owner, store.Translate(err))
	}
	return list, nil
}

// DeletePublicKey removes a key of the tenant's owner. ErrNotFound: the owner has
// no such key.
func (s *Store) DeletePublicKey(ctx context.Context, tenant, owner, id string) error {
	return s.InTx(ctx, func(tx *Store) error {
		res := tx.db.Tx.Delete(&PublicKey{}, "tenant = ? AND owner = ? AND id = ?", tenant, owner, id)
		err := store.Translate(res.Error)
		if err == nil && res.RowsAffected == 0 {
			err = store.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("public key %s: %w", id, err)
		}
		return nil
	})
}
