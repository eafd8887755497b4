package access

import (
	"context"
	"time"

	accessapi "github.com/slipway-lab/slipway/gen/access"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/store"
)

// Store is what the area reads and writes.
type Store interface {
	CreateToken(ctx context.Context, t *store.Token) error
	Token(ctx context.Context, id string) (*store.Token, error)
	TokenByHash(ctx context.Context, hash []byte) (*store.Token, error)
	ListTokens(ctx context.Context, f store.TokenFilter) (store.List[store.Token], error)
	RevokeToken(ctx context.Context, id string) error
	RotateToken(ctx context.Context, id string, overlap time.Duration, successor *store.Token) error
	ListAudit(ctx context.Context, f store.AuditFilter) (store.List[store.AuditEntry], error)
	Now() time.Time
}

// Issuer makes the texts of tokens; auth.Authenticator is one.
type Issuer interface {
	Issue(t *store.Token) string
	Adopt(t *store.Token, text string) error
	Hashes(text string) [][]byte
	Forget()
}

// Handler answers the operations of the tag access.
type Handler struct {
	store  Store
	issuer Issuer
	life   auth.Life
}

var _ accessapi.StrictServerInterface = (*Handler)(nil)

// New returns a Handler.
func New(s Store, issuer Issuer, c Config) *Handler {
	return &Handler{store: s, issuer: issuer, life: c.Life}
}

func timeOrNull(t *time.Time) nullable.Nullable[time.Time] {
	if t == nil {
		return nullable.NewNullNullable[time.Time]()
	}
	return nullable.NewNullableWithValue(*t)
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
