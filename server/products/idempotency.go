package products

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// transact runs do in a transaction and returns its answer.
func (h *Handler) transact(ctx context.Context, do func(tx *productstore.Store) (*call.Answer, error)) (a *call.Answer, err error) {
	err = h.store.InTx(ctx, func(tx *productstore.Store) error {
		a, err = do(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// idempotent is for the calls of agents, whose outcome must never be unknown, and
// which may carry files; all others leave their keys to package edge. It runs do in
// a transaction. With an Idempotency-Key its answer is kept in that transaction, and the same request again gets it without anything being
// done; another request under the same key is a conflict. Refusals are not kept:
// they have changed nothing. Answers are sealed, because some hold a secret that is
// shown this once: the token of a lease.
func (h *Handler) idempotent(ctx context.Context, key *string, request any, do func(tx *productstore.Store) (*call.Answer, error)) (*call.Answer, error) {
	var a *call.Answer
	var kept store.IdempotentAnswer
	if key != nil {
		var err error
		if kept, err = keptAs(ctx, *key, request); err != nil {
			return nil, err
		}
	}
	err := h.store.InTx(ctx, func(tx *productstore.Store) (err error) {
		if key != nil {
			if a, err = h.replay(ctx, tx, kept); a != nil || err != nil {
				return err
			}
		}
		if a, err = do(tx); err != nil || key == nil || a == nil {
			return err
		}
		row := kept
		row.Status, row.Location, row.Body = int64(a.Status), a.Header.Get("Location"), h.box.Seal(sealedFor(&kept), a.Text)
		return tx.KeepIdempotentAnswer(&row)
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// keptAs says under what an answer is kept: who asked for what where. The query
// belongs to the request.
func keptAs(ctx context.Context, key string, request any) (store.IdempotentAnswer, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return store.IdempotentAnswer{}, err
	}
	info, who := call.From(ctx), auth.From(ctx)
	sum := sha256.Sum256([]byte(info.Query + "\x00" + string(text)))
	return store.IdempotentAnswer{
		Principal: who.Kind + ":" + who.Tenant + ":" + cmp.Or(who.TokenID, who.Owner), Path: canonicalPath(info.Path), Key: key, Request: sum[:],
	}, nil
}

// canonicalPath is the path without the ways in which one operation may be
// reached.
func canonicalPath(path string) string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	switch {
	case len(parts) > 0 && parts[0] == "v1":
		parts = parts[1:]
	case len(parts) > 1 && parts[0] == "api" && parts[1] == "v1.0":
		parts = parts[2:]
	}
	return "/v1/" + strings.Join(parts, "/")
}

// sealedFor keeps an answer from being given to anybody else.
func sealedFor(a *store.IdempotentAnswer) string {
	return a.Principal + "\x00" + a.Path + "\x00" + a.Key
}

func (h *Handler) replay(ctx context.Context, tx *productstore.Store, kept store.IdempotentAnswer) (*call.Answer, error) {
	old, err := tx.LockIdempotentAnswer(ctx, kept.Principal, kept.Path, kept.Key, tx.Now().Add(-h.config.KeyAge))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if string(old.Request) != string(kept.Request) {
		return nil, fault.KeyUsed(old.CreatedAt.Add(h.config.KeyAge))
	}
	body, err := h.box.Open(sealedFor(&kept), old.Body)
	if err != nil {
		return nil, fmt.Errorf("answer kept under an Idempotency-Key: %w", err)
	}
	return call.Text(int(old.Status), "application/json", body).With("Location", old.Location), nil
}
