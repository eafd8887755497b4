package edge

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
)

// KeyStore keeps the answers to requests that carry an Idempotency-Key.
type KeyStore interface {
	ClaimIdempotencyKey(ctx context.Context, claim *store.IdempotentAnswer, after time.Time) (*store.IdempotentAnswer, error)
	FinishIdempotencyKey(ctx context.Context, a *store.IdempotentAnswer) error
	FreeIdempotencyKey(ctx context.Context, a *store.IdempotentAnswer, unchanged bool) error
	TakeOverIdempotencyKey(ctx context.Context, claim, old *store.IdempotentAnswer) error
}

const (
	keyHeader = "Idempotency-Key"

	// keyLook is how often a second call under a key looks for the answer of the first.
	keyLook = 50 * time.Millisecond
)

// once answers a request under an Idempotency-Key with what the first one was
// answered. The key is claimed before the handler works and its answer kept before
// the client sees it; a refusal frees the key. Where it is not known what the
// handler did, because it failed inside or its server is gone, the claim stays. It says
// whether something was changed (store.UnderClaim): whoever asks again is told then,
// and else it is done for him. A client that has gone does not end the work.
func (s *Stack) once(next echo.HandlerFunc, op *operation) echo.HandlerFunc {
	if !op.once {
		return next
	}
	return func(c echo.Context) error {
		key := c.Request().Header.Get(keyHeader)
		if key == "" {
			return next(c)
		}
		ctx := context.WithoutCancel(c.Request().Context())
		claim, err := claimOf(c, op, key)
		if err != nil {
			return err
		}
		kept, err := s.claimed(c.Request().Context(), claim)
		if err != nil {
			return err
		}
		if kept != nil {
			return s.replay(c, kept)
		}
		c.SetRequest(c.Request().WithContext(store.UnderClaim(ctx, claim)))
		return s.perform(ctx, c, next, claim)
	}
}

// claimOf says who asks for what where. The query belongs to the request.
func claimOf(c echo.Context, op *operation, key string) (*store.IdempotentAnswer, error) {
	r := c.Request()
	from := &r.Body
	if aside, ok := upload.FromContext(r.Context()); ok {
		from = &aside.Body
	}
	body, err := io.ReadAll(*from)
	if err != nil {
		return nil, fault.Body(err)
	}
	*from = io.NopCloser(bytes.NewReader(body))
	info := call.From(r.Context())
	sum := sha256.Sum256(slices.Concat([]byte(info.Query), []byte{0}, body))
	return &store.IdempotentAnswer{Principal: principal(op, info, auth.From(r.Context())), Path: pathOf(c, op), Key: key, Request: sum[:], Body: []byte{}}, nil
}

// principal names the caller. Strangers are told apart by their addresses and by
// the key that an operation has instead of a login.
func principal(op *operation, info *call.Info, who auth.Identity) string {
	name := cmp.Or(who.TokenID, who.Owner)
	if who.Anonymous() {
		name = info.Source().String()
		if op.keyHeader != "" {
			sum := sha256.Sum256([]byte(info.Header.Get(op.keyHeader)))
			name += ":" + hex.EncodeToString(sum[:16])
		}
	}
	return who.Kind + ":" + who.Tenant + ":" + name
}

// pathOf is the path as the document writes it, whatever way the operation was
// reached.
func pathOf(c echo.Context, op *operation) string {
	path := op.path
	for _, name := range op.segments {
		path = replaceSegment(path, name, segment(c, name))
	}
	return path
}

// claimed claims the key, or returns what was kept under it, waiting a while for a
// call that is still at work.
func (s *Stack) claimed(ctx context.Context, claim *store.IdempotentAnswer) (*store.IdempotentAnswer, error) {
	look := time.NewTicker(keyLook)
	defer look.Stop()
	keys := s.config.Idempotency
	for until := time.Now().Add(keys.Wait); ; {
		now := s.config.Now()
		old, err := s.config.Keys.ClaimIdempotencyKey(context.WithoutCancel(ctx), claim, now.Add(-keys.Age))
		switch {
		case err != nil || old == nil:
			return nil, err
		case !bytes.Equal(old.Request, claim.Request):
			return nil, fault.KeyUsed(old.CreatedAt.Add(keys.Age))
		case old.Answered():
			return old, nil
		case now.Sub(old.CreatedAt) > keys.Lost && !old.Changed():
			if err := s.config.Keys.TakeOverIdempotencyKey(context.WithoutCancel(ctx), claim, old); !errors.Is(err, store.ErrConflict) {
				return nil, err
			}
		case now.Sub(old.CreatedAt) > keys.Lost:
			return nil, fault.New(http.StatusConflict, "outcome-unknown",
				"the server broke down at a request under this Idempotency-Key after it had changed something, and its answer is lost: look whether the thing is there, and use another key to make it")
		case time.Now().After(until):
			return nil, fault.New(http.StatusConflict, "still-at-work", "a request under this Idempotency-Key is still being worked on").With("Retry-After", "2")
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// perform lets the handler work and keeps its answer.
func (s *Stack) perform(ctx context.Context, c echo.Context, next echo.HandlerFunc, claim *store.IdempotentAnswer) error {
	answer := &heldAnswer{ResponseWriter: c.Response().Writer, before: c.Response().Header().Clone()}
	c.Response().Writer = answer
	err := next(c)
	c.Response().Writer = answer.ResponseWriter
	status, unknown := cmp.Or(answer.status, http.StatusOK), false
	if err != nil {
		f := faultOf(err)
		status, unknown = f.Status, f.ID == "outcome-unknown"
	}
	if status >= 300 {
		if status != http.StatusInternalServerError {
			s.noteKey(ctx, s.config.Keys.FreeIdempotencyKey(ctx, claim, unknown))
		}
		if err != nil {
			return err
		}
		return answer.release()
	}
	text, err := json.Marshal(answer.kept())
	if err != nil {
		return err
	}
	row := *claim
	row.Status, row.Location, row.Body = int64(status), c.Response().Header().Get("Location"), s.box.Seal(sealedFor(claim), text)
	s.noteKey(ctx, s.config.Keys.FinishIdempotencyKey(ctx, &row))
	return answer.release()
}

// noteKey logs that an answer could not be kept. It is true all the same, and whoever
// asks again is told that the outcome is unknown.
func (s *Stack) noteKey(ctx context.Context, err error) {
	if err != nil {
		slog.ErrorContext(ctx, "the answer under an Idempotency-Key was not kept", "error", err)
	}
}

// sealedFor keeps an answer from being given to anybody else.
func sealedFor(a *store.IdempotentAnswer) string {
	return a.Principal + "\x00" + a.Path + "\x00" + a.Key
}

// keptAnswer is an answer as it is sealed.
type keptAnswer struct {
	Header http.Header `json:"header"` // what the handler set
	Body   []byte      `json:"body"`
}

func (s *Stack) replay(c echo.Context, a *store.IdempotentAnswer) error {
	var kept keptAnswer
	text, err := s.box.Open(sealedFor(a), a.Body)
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		return fmt.Errorf("answer kept under an Idempotency-Key: %w", err)
	}
	h := c.Response().Header()
	for name, values := range kept.Header {
		h[name] = values
	}
	c.Response().WriteHeader(int(a.Status))
	_, err = c.Response().Write(kept.Body)
	return err
}

// heldAnswer holds an answer back until it is kept.
type heldAnswer struct {
	http.ResponseWriter
	before http.Header
	status int
	body   bytes.Buffer
}

func (w *heldAnswer) WriteHeader(status int) { w.status = status }

func (w *heldAnswer) Write(text []byte) (int, error) {
	w.status = cmp.Or(w.status, http.StatusOK)
	return w.body.Write(text)
}

// kept is the answer with the headers that are its own.
func (w *heldAnswer) kept() keptAnswer {
	a := keptAnswer{Header: http.Header{}, Body: w.body.Bytes()}
	for name, values := range w.Header() {
		if !slices.Equal(values, w.before[name]) {
			a.Header[name] = values
		}
	}
	return a
}

// release sends what was held back.
func (w *heldAnswer) release() error {
	w.ResponseWriter.WriteHeader(w.status)
	_, err := w.ResponseWriter.Write(w.body.Bytes())
	return err
}
