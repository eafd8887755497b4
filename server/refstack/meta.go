package refstack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
)

// userKey is the note that names the owner; nobody writes it.
const userKey = "user"

// metaOf returns where the note of a key stands, nil for a key that is not
// everybody's (refstack/api/controllers/results.py, rw_access_keys).
func metaOf(p *refstackstore.Published, key string) **string {
	switch key {
	case "shared":
		return &p.Shared
	case "guideline":
		return &p.Guideline
	case "target":
		return &p.Target
	}
	return nil
}

func metaToAPI(p *refstackstore.Published, r role) refstackapi.PublishedMeta {
	m := refstackapi.PublishedMeta{Shared: p.Shared, Guideline: p.Guideline, Target: p.Target}
	if r.mayWrite() && p.Owner != "" {
		m.User = &p.Owner
	}
	return m
}

// GetResultMeta answers what is noted about a result.
func (h *Handler) GetResultMeta(ctx context.Context, req refstackapi.GetResultMetaRequestObject) (refstackapi.Response, error) {
	p, who, err := h.see(ctx, req.PublishedID)
	if err != nil {
		return nil, err
	}
	return call.OK(metaToAPI(p, who.roleFor(p))), nil
}

// GetResultMetaKey answers one note as JSON, null when there is none.
func (h *Handler) GetResultMetaKey(ctx context.Context, req refstackapi.GetResultMetaKeyRequestObject) (refstackapi.Response, error) {
	p, who, err := h.see(ctx, req.PublishedID)
	if err != nil {
		return nil, err
	}
	var value *string
	switch note := metaOf(p, req.Key); {
	case note != nil:
		value = *note
	case !who.roleFor(p).mayWrite():
		return nil, forbiddenKey()
	case req.Key == userKey && p.Owner != "":
		value = &p.Owner
	}
	text, err := json.Marshal(value)
	return jsonText(string(text)), err
}

func forbiddenKey() error {
	return fault.Forbidden("the keys are shared, guideline and target")
}

// SetResultMetaKey notes the body under a key.
func (h *Handler) SetResultMetaKey(ctx context.Context, req refstackapi.SetResultMetaKeyRequestObject) (refstackapi.Response, error) {
	value, err := noteOf(ctx)
	if err != nil {
		return nil, err
	}
	err = h.changeMeta(ctx, req.PublishedID, req.Key, "Can not add/alter a new metadata key for a verified test run.", func(note **string) error {
		*note = &value
		return nil
	})
	return call.Empty(http.StatusCreated), err
}

// DeleteResultMetaKey takes a note back.
func (h *Handler) DeleteResultMetaKey(ctx context.Context, req refstackapi.DeleteResultMetaKeyRequestObject) (refstackapi.Response, error) {
	err := h.changeMeta(ctx, req.PublishedID, req.Key, "Can not delete a metadata key for a verified test run.", func(note **string) error {
		if *note == nil {
			return fault.NotFound("Metadata key %s not found for test run %s", req.Key, req.PublishedID)
		}
		*note = nil
		return nil
	})
	return call.NoContent(), err
}

func (h *Handler) changeMeta(ctx context.Context, id, key, verified string, change func(note **string) error) error {
	if metaOf(&refstackstore.Published{}, key) == nil {
		return forbiddenKey()
	}
	p, who, err := h.see(ctx, id)
	if err != nil {
		return err
	}
	_, err = h.store.UpdatePublished(ctx, p.ID, func(p *refstackstore.Published) error {
		if err := who.mayChange(verified)(p); err != nil {
			return err
		}
		return change(metaOf(p, key))
	})
	if err != nil {
		return noResult(id, err)
	}
	return nil
}

// noteOf is the body as text.
func noteOf(ctx context.Context) (string, error) {
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return "", errors.New("the body was not put aside")
	}
	text, err := io.ReadAll(raw.Body)
	if err != nil {
		return "", fault.Body(err)
	}
	if !utf8.Valid(text) || strings.ContainsRune(string(text), 0) {
		return "", fault.InvalidBody("", "must be text in UTF-8 without the character U+0000")
	}
	return string(text), nil
}
