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
	Owner       string // as a token names it
	Format      string // ssh-rsa
	Key         string // the base64 part of the OpenSSH line
	Comment     string
	Fingerprint []byte    // sha256 of the decoded key, unique
	CreatedAt   time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// CreatePublicKey adds a key and fills in CreatedAt. ErrConflict: somebody has
// registered it.
func (s *Store) CreatePublicKey(ctx context.Context, k *PublicKey) error {
	k.CreatedAt = s.Now()
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.db.Tx.Create(k).Error; err != nil {
			return fmt.Errorf("create public key: %w", store.Translate(err))
		}
		return nil
	})
}

// PublicKeyByFingerprint returns the key with this sha256, or ErrNotFound.
func (s *Store) PublicKeyByFingerprint(ctx context.Context, fingerprint []byte) (*PublicKey, error) {
	var k PublicKey
	if err := s.db.Read(ctx).Take(&k, "fingerprint = ?", fingerprint).Error; err != nil {
		return nil, fmt.Errorf("public key: %w", store.Translate(err))
	}
	return &k, nil
}

// PublicKeys returns the keys of an owner, the oldest first.
func (s *Store) PublicKeys(ctx context.Context, owner string) ([]PublicKey, error) {
	var list []PublicKey
	if err := s.db.Read(ctx).Order("created_at, id").Find(&list, "owner = ?", owner).Error; err != nil {
		return nil, fmt.Errorf("public keys of %s: %w", owner, store.Translate(err))
	}
	return list, nil
}

// DeletePublicKey removes a key of the owner. ErrNotFound: the owner has no
// such key.
func (s *Store) DeletePublicKey(ctx context.Context, owner, id string) error {
	return s.InTx(ctx, func(tx *Store) error {
		res := tx.db.Tx.Delete(&PublicKey{}, "owner = ? AND id = ?", owner, id)
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
