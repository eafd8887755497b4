package products

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/server/products/lifecycle"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// maxPiece limits one piece of output in bytes.
const maxPiece = 1 << 20

// AppendOutput takes a piece of console output. A piece that was sent before is
// recognised by its place, so it may be sent again.
func (h *Handler) AppendOutput(ctx context.Context, req productsapi.AppendOutputRequestObject) (productsapi.Response, error) {
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return nil, errors.New("output: the body was not put aside")
	}
	piece, err := io.ReadAll(io.LimitReader(raw.Body, maxPiece+1))
	if err != nil {
		return nil, bodyFault(err)
	}
	if len(piece) > maxPiece {
		return nil, fault.TooLarge("a piece of output has at most %d bytes", maxPiece)
	}
	var size int64
	holder := ""
	err = h.store.InTx(ctx, func(tx *productstore.Store) error {
		o, err := lockOpportunity(ctx, tx, req.ProductID, req.TestOpportunityID)
		if err != nil {
			return err
		}
		l, err := load(ctx, tx, o)
		if err != nil {
			return err
		}
		if lease := l.Lease(); lease == nil || lease.Token != req.Params.LeaseToken {
			return fault.New(http.StatusConflict, string(lifecycle.LeaseLost), "the lease is not the one that holds the test opportunity")
		}
		fresh, err := h.unseen(ctx, tx, o, req.Params.Offset, piece)
		if err != nil {
			return err
		}
		if err := tx.AppendOutput(o, fresh); err != nil {
			return err
		}
		tx.Notify(outputTopic(o.ID))
		size, holder = o.OutputBytes, o.Holder
		return nil
	})
	if err != nil {
		return nil, err
	}
	h.heard(ctx, holder)
	return respond(http.StatusOK, func(*opaques) any { return productsapi.OutputSize{Size: size} })
}

func bodyFault(err error) error {
	if f := fault.From(err); f.Status < 500 {
		return f
	}
	return fault.Invalid("the body ended too early").Because(err)
}

func outputTopic(id uuid.UUID) string { return "output/" + id.String() }

// unseen returns the part of a piece that the server does not have yet.
func (h *Handler) unseen(ctx context.Context, tx *productstore.Store, o *productstore.Opportunity, offset int64, piece []byte) ([]byte, error) {
	if offset > o.OutputBytes {
		return nil, fault.Conflict("the output has %d bytes, a piece at %d would leave a gap", o.OutputBytes, offset)
	}
	known := min(o.OutputBytes-offset, int64(len(piece)))
	rest := piece[:known]
	err := tx.ReadOutput(ctx, o.ID, offset, func(have []byte) error {
		have = have[:min(len(have), len(rest))]
		if !bytes.Equal(have, rest[:len(have)]) {
			return fault.Conflict("the output has other bytes at %d already", offset)
		}
		rest = rest[len(have):]
		if len(rest) == 0 {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if o.OutputBytes+int64(len(piece))-known > h.config.MaxOutput {
		return nil, fault.TooLarge("the output of a test opportunity has at most %d bytes", h.config.MaxOutput)
	}
	return piece[known:], nil
}

var errEnough = errors.New("enough")

// GetOutput answers the output so far, or streams it to its end.
func (h *Handler) GetOutput(ctx context.Context, req productsapi.GetOutputRequestObject) (productsapi.Response, error) {
	_, o, err := h.opportunity(ctx, req.ProductID, req.TestOpportunityID)
	if err != nil {
		return nil, err
	}
	out := &output{ctx: ctx, h: h, o: o, offset: valueOr(req.Params.Offset, 0)}
	if out.live = call.From(ctx).Prefers("text/plain", "text/event-stream") == "text/event-stream"; out.live && valueOr(req.Params.LastEventID, "") != "" {
		if out.offset, err = strconv.ParseInt(*req.Params.LastEventID, 10, 64); err != nil || out.offset < 0 {
			return nil, fault.InvalidField("header", "Last-Event-ID", "must be the offset that an earlier event had as its id")
		}
	}
	return out, nil
}

// output is console output as an answer.
type output struct {
	ctx    context.Context
	h      *Handler
	o      *productstore.Opportunity
	offset int64
	live   bool
	rest   []byte // of a stream: the beginning of a character whose end has not come
}

// WriteResponse writes what there is, or streams it.
func (out *output) WriteResponse(w http.ResponseWriter) error {
	if out.live {
		end, err := out.h.beginStream(out.ctx)
		if err != nil {
			return err
		}
		defer end()
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	if out.live {
		return out.stream(newSSE(w))
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Output-Size", strconv.FormatInt(out.o.OutputBytes, 10))
	w.WriteHeader(http.StatusOK)
	return out.h.store.ReadOutput(out.ctx, out.o.ID, out.offset, func(part []byte) error {
		_, err := w.Write(part)
		return err
	})
}

// stream ends when the opportunity is final and everything was sent, or when the
// credential of the call ends.
func (out *output) stream(s *sse) error {
	wake, stop := out.h.store.Subscribe(outputTopic(out.o.ID))
	defer stop()
	for call.From(out.ctx).Credential(out.ctx) == nil {
		o, err := out.h.store.Opportunity(out.ctx, out.o.ProductID, out.o.ID) // before the output: nothing comes after a final state
		if err != nil {
			return nil
		}
		out.rest = nil // it is read again
		if err := out.h.store.ReadOutput(out.ctx, o.ID, out.offset, func(part []byte) error { return out.send(s, part) }); err != nil {
			return nil
		}
		final := lifecycle.State(o.State).Final()
		if final && len(out.rest) > 0 && out.write(s, out.rest) != nil {
			return nil
		}
		if err := s.flush(); err != nil || final || !out.h.await(out.ctx, wake, time.Hour) {
			return nil
		}
	}
	return nil
}

// send cuts where no character is cut, and keeps the beginning of one whose end has
// not come: pieces end anywhere.
func (out *output) send(s *sse, part []byte) error {
	part = append(out.rest, part...)
	for len(part) > 0 {
		n := wholeCharacters(part[:min(len(part), 16<<10)])
		if n == 0 {
			break
		}
		if err := out.write(s, part[:n]); err != nil {
			return err
		}
		part = part[n:]
	}
	out.rest = slices.Clone(part)
	return nil
}

// wholeCharacters is the length without the beginning of a character at the end.
func wholeCharacters(text []byte) int {
	for n := len(text) - 1; n >= 0 && n > len(text)-utf8.UTFMax; n-- {
		if utf8.RuneStart(text[n]) {
			if utf8.FullRune(text[n:]) {
				break
			}
			return n
		}
	}
	return len(text)
}

func (out *output) write(s *sse, part []byte) error {
	text, err := json.Marshal(map[string]string{"text": string(part)})
	if err != nil {
		return err
	}
	out.offset += int64(len(part))
	return s.event(strconv.FormatInt(out.offset, 10), "output", text)
}
