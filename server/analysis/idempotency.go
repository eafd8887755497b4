package analysis

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// keyAge is how long the answer to an Idempotency-Key is kept.
const keyAge = 24 * time.Hour

// issuesPath is under which the answers for known issues are kept, whatever way the
// operation was reached.
const issuesPath = "/v1/known-issues"

// idempotent runs do in a transaction. With an Idempotency-Key its answer is kept
// in that transaction, and the same request again gets it without anything being
// done; another request under the same key is a conflict.
func (h *Handler) idempotent(ctx context.Context, key *string, request any, do func(tx *analysisstore.Store) (*call.Answer, error)) (a *call.Answer, err error) {
	err = h.store.InTx(ctx, func(tx *analysisstore.Store) error {
		if key == nil {
			a, err = do(tx)
			return err
		}
		text, err := json.Marshal(request)
		if err != nil {
			return err
		}
		who, sum := auth.From(ctx), sha256.Sum256(text)
		kept := store.IdempotentAnswer{
			Principal: who.Kind + ":" + who.Tenant + ":" + cmp.Or(who.TokenID, who.Owner), Path: issuesPath, Key: *key, Request: sum[:],
		}
		old, err := tx.LockIdempotentAnswer(ctx, kept.Principal, kept.Path, kept.Key, tx.Now().Add(-keyAge))
		switch {
		case err == nil && string(old.Request) != string(kept.Request):
			return fault.Conflict("the Idempotency-Key was used for another request to this path within the last 24 hours")
		case err == nil:
			a = call.Text(int(old.Status), "application/json", old.Body).With("Location", old.Location)
			return nil
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		if a, err = do(tx); err != nil {
			return err
		}
		if kept.Body, err = json.Marshal(a.Body); err == nil {
			kept.Body = append(kept.Body, 10) // as every answer ends
		}
		if err != nil {
			return err
		}
		kept.Status, kept.Location = int64(a.Status), a.Header.Get("Location")
		return tx.KeepIdempotentAnswer(&kept)
	})
	return a, err
}
