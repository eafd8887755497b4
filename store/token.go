package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store/internal/tables"
)

// RoleAdmin is the one role that the store knows: the last token with it that
// still works cannot be taken away.
const RoleAdmin = "admin"

// FlagKernelCI marks tokens that were made through KernelCI's API. Their rights
// end there, so none of them is an administrator of the server.
const FlagKernelCI = "kernelci"

// Token is an API token without its text: only a hash of that is kept, and
// hashing is the business of server/auth.
type Token struct {
	ID     string `gorm:"primaryKey"` // public; "tok_" and a ULID
	Hash   []byte // 32 bytes, unique
	KeyID  string // the pepper that made the hash
	Kind   string // u person, r runner, l lab, s service
	Prefix string // the first characters, for people to recognise it

	Name      string
	Owner     string
	Email     string // KernelCI's tokens have one
	Tenant    string
	Roles     Strings
	Flags     Strings // permissions beside the roles, such as upload
	Labs      Strings // names of the labs that a lab token speaks for
	AllowFrom Strings // CIDR; empty allows every address
	Admin     bool    // set by the store: Roles has RoleAdmin, and it was not made through KernelCI's API

	CreatedAt  time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	CreatedBy  string
	ExpiresAt  *time.Time `gorm:"serializer:micros;type:bigint"`
	RevokedAt  *time.Time `gorm:"serializer:micros;type:bigint"`
	LastUsedAt *time.Time `gorm:"serializer:micros;type:bigint"`
	LastUsedIP string
}

// Usable reports whether the token is neither revoked nor expired.
func (t *Token) Usable(now time.Time) bool {
	return t.RevokedAt == nil && (t.ExpiresAt == nil || t.ExpiresAt.After(now))
}

// lastAdminLock makes changes that may take away an admin token wait for each
// other: two at once could each see the other one's token as the one that stays.
const lastAdminLock = "tokens.admin"

// CreateToken adds a token and fills in ID, when that is empty, CreatedAt and
// Admin. ErrConflict means that the ID or the hash exists.
func (s *Store) CreateToken(ctx context.Context, t *Token) error {
	if len(t.Hash) != sha256.Size {
		return fmt.Errorf("token hash of %d bytes: %w", len(t.Hash), ErrInvalid)
	}
	if t.ID == "" {
		t.ID = "tok_" + ulid.ULID(s.NewID()).String()
	}
	t.CreatedAt = s.Now()
	t.normalize()
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.db.Tx.Create(t).Error; err != nil {
			return fmt.Errorf("create token %s: %w", t.ID, Translate(err))
		}
		return nil
	})
}

// normalize derives Admin and rounds the times as the database will.
func (t *Token) normalize() {
	t.Admin = slices.Contains(t.Roles, RoleAdmin) && !slices.Contains(t.Flags, FlagKernelCI)
	for _, at := range []**time.Time{&t.ExpiresAt, &t.RevokedAt, &t.LastUsedAt} {
		if *at != nil {
			rounded := RoundTime(**at)
			*at = &rounded
		}
	}
}

// Token returns the token with this public id, or ErrNotFound. Like all
// lookups it also finds revoked and expired ones: see Usable.
func (s *Store) Token(ctx context.Context, id string) (*Token, error) {
	var t Token
	if err := s.db.Read(ctx).Take(&t, "id = ?", id).Error; err != nil {
		return nil, fmt.Errorf("token %.80q: %w", id, Translate(err))
	}
	return &t, nil
}

// TokenByHash returns the token with this hash, or ErrNotFound.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (*Token, error) {
	var t Token
	if err := s.db.Read(ctx).Take(&t, "hash = ?", hash).Error; err != nil {
		return nil, fmt.Errorf("token by hash: %w", Translate(err))
	}
	return &t, nil
}

// TokenFilter narrows a list of tokens; zero fields do not.
type TokenFilter struct {
	Owner  string
	Tenant string
	// Tenants are those whose tokens are seen, the empty name for tokens of no
	// tenant; nil is all of them.
	Tenants []string
	Kind    string
	Name    string
	Usable  bool // neither revoked nor expired
	Page    Page
}

var tokenOrder = Order[Token]{
	Name: "tokens",
	Keys: []SortKey{{Column: "created_at", Desc: true}, {Column: "id", Desc: true, Text: true}},
	At:   func(t *Token) []any { return []any{Micros(t.CreatedAt), t.ID} },
}

// ListTokens returns tokens, newest first.
func (s *Store) ListTokens(ctx context.Context, f TokenFilter) (List[Token], error) {
	q := s.db.Read(ctx).Model(&Token{})
	q = tables.WhereSet(q, "owner", f.Owner)
	q = tables.WhereSet(q, "tenant", f.Tenant)
	q = tables.WhereIn(q, "tenant", f.Tenants)
	q = tables.WhereSet(q, "kind", f.Kind)
	q = tables.WhereSet(q, "name", f.Name)
	if f.Usable {
		q = usableTokens(q, s.Now())
	}
	list, err := tokenOrder.Page(q, f.Page)
	if err != nil {
		return list, fmt.Errorf("list tokens: %w", err)
	}
	return list, nil
}

// TokenIDs returns the public ids of all tokens, those of no use included.
func (s *Store) TokenIDs(ctx context.Context) ([]string, error) {
	var ids []string
	if err := s.db.Read(ctx).Model(&Token{}).Pluck("id", &ids).Error; err != nil {
		return nil, fmt.Errorf("list tokens: %w", Translate(err))
	}
	return ids, nil
}

func usableTokens(q *gorm.DB, now time.Time) *gorm.DB {
	return q.Where("revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", Micros(now))
}

// UpdateToken loads the token, lets change edit it and saves the result in one
// transaction. ErrNotFound: no such token. ErrConflict: the last usable admin
// token would no longer be one, or the new hash exists. An error of change is
// returned and nothing is saved.
func (s *Store) UpdateToken(ctx context.Context, id string, change func(*Token) error) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, lastAdminLock); err != nil {
			return err
		}
		var t Token
		if err := tx.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&t, "id = ?", id).Error; err != nil {
			return fmt.Errorf("token %.80q: %w", id, Translate(err))
		}
		now := tx.Now()
		wasAdmin := t.Admin && t.Usable(now)
		if err := change(&t); err != nil {
			return err
		}
		t.ID = id
		t.normalize()
		if wasAdmin && !(t.Admin && t.Usable(now)) {
			if err := tx.otherAdmin(id, now); err != nil {
				return err
			}
		}
		if err := tx.db.Tx.Save(&t).Error; err != nil {
			return fmt.Errorf("update token %s: %w", id, Translate(err))
		}
		return nil
	})
}

// otherAdmin returns ErrConflict unless an admin token besides id still works.
func (s *Store) otherAdmin(id string, now time.Time) error {
	var others int64
	q := usableTokens(s.db.Tx.Model(&Token{}).Where("admin AND id <> ?", id), now)
	if err := q.Count(&others).Error; err != nil {
		return fmt.Errorf("count admin tokens: %w", Translate(err))
	}
	if others == 0 {
		return fmt.Errorf("token %s is the last usable admin token: %w", id, ErrConflict)
	}
	return nil
}

// HasAdminToken reports whether any admin token still works.
func (s *Store) HasAdminToken(ctx context.Context) (bool, error) {
	var n int64
	if err := usableTokens(s.db.Read(ctx).Model(&Token{}).Where("admin"), s.Now()).Count(&n).Error; err != nil {
		return false, fmt.Errorf("count admin tokens: %w", Translate(err))
	}
	return n > 0, nil
}

// RevokeToken makes the token useless from now on; the row stays. Revoking it
// again changes nothing. ErrNotFound: no such token. ErrConflict: it is the last
// usable admin token.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	return s.UpdateToken(ctx, id, func(t *Token) error {
		if t.RevokedAt == nil {
			now := s.Now()
			t.RevokedAt = &now
		}
		return nil
	})
}

// RotateToken adds a successor, whose Hash, KeyID and Prefix are filled in
// already, with everything else as the token has it, and lets the token itself
// end after overlap; zero ends it now. The successor lives as long as the token
// was meant to live from its creation, unless the caller has set its ExpiresAt.
// ErrNotFound: no such token. ErrConflict: it is revoked or expired.
func (s *Store) RotateToken(ctx context.Context, id string, overlap time.Duration, successor *Token) error {
	return s.InTx(ctx, func(tx *Store) error {
		old, err := tx.Token(ctx, id)
		if err != nil {
			return err
		}
		now := tx.Now()
		if !old.Usable(now) {
			return fmt.Errorf("token %s has ended: %w", id, ErrConflict)
		}
		next := *old
		next.ID, next.Hash, next.KeyID, next.Prefix = "", successor.Hash, successor.KeyID, successor.Prefix
		next.CreatedBy, next.LastUsedAt, next.LastUsedIP = successor.CreatedBy, nil, ""
		if next.ExpiresAt = successor.ExpiresAt; next.ExpiresAt == nil && old.ExpiresAt != nil {
			end := now.Add(old.ExpiresAt.Sub(old.CreatedAt))
			next.ExpiresAt = &end
		}
		if err := tx.CreateToken(ctx, &next); err != nil {
			return err
		}
		*successor = next
		return tx.UpdateToken(ctx, id, func(t *Token) error {
			end := now.Add(overlap)
			switch {
			case overlap <= 0:
				t.RevokedAt = &now
			case t.ExpiresAt == nil || t.ExpiresAt.After(end):
				t.ExpiresAt = &end
			}
			return nil
		})
	})
}

// TouchToken notes when and from where the token was last used. The caller
// does this seldom and outside the request. A token that is gone is no error,
// and an older time changes nothing.
func (s *Store) TouchToken(ctx context.Context, id string, at time.Time, ip string) error {
	return s.InTx(ctx, func(tx *Store) error {
		us := Micros(at)
		err := tx.db.Tx.Model(&Token{}).Where("id = ? AND (last_used_at IS NULL OR last_used_at < ?)", id, us).
			Updates(map[string]any{"last_used_at": us, "last_used_ip": ip}).Error
		if err != nil {
			return fmt.Errorf("touch token %s: %w", id, Translate(err))
		}
		return nil
	})
}
