package retention

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/google/uuid"

	retentionapi "github.com/slipway-lab/slipway/gen/retention"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	retentionstore "github.com/slipway-lab/slipway/store/retention"
)

// parts of the references of sets that can be kept.
var parts = map[string]int{"run": 1, "kernel": 3, "image": 2}

// parseSet reads the reference of a set that can be kept.
func parseSet(ref string) (kind string, list []string, ok bool) {
	kind, rest, _ := strings.Cut(ref, ":")
	list = strings.Split(rest, "/")
	if parts[kind] == 0 || len(list) != parts[kind] {
		return "", nil, false
	}
	for i, escaped := range list {
		text, err := url.PathUnescape(escaped)
		if err != nil || strings.ContainsRune(text, 0) || text == "" && !(kind == "kernel" && i == 1) {
			return "", nil, false
		}
		list[i] = text
	}
	return kind, list, true
}

const allowedSets = "must be run:<number>, kernel:<job>/<git branch>/<kernel> or image:<product>/<image unique id>, parts percent-encoded"

// ListRetentionKeeps answers a page of what is kept.
func (h *Handler) ListRetentionKeeps(ctx context.Context, req retentionapi.ListRetentionKeepsRequestObject) (retentionapi.Response, error) {
	ref := ""
	if req.Params.Set != nil {
		kind, list, ok := parseSet(*req.Params.Set)
		if !ok {
			return nil, fault.InvalidField("query", "set", allowedSets)
		}
		ref = store.SetRef(kind, list...)
	}
	list, err := h.store.ListKeeps(ctx, auth.From(ctx).Scope(), ref, pageOf(req.Params.Limit, req.Params.After))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	body := retentionapi.RetentionKeepList{Keeps: []retentionapi.RetentionKeep{}}
	for i := range list.Items {
		body.Keeps = append(body.Keeps, keepToAPI(&list.Items[i]))
	}
	return call.OK(&body).Paged(ctx, list.Next), nil
}

// CreateRetentionKeep keeps a set.
func (h *Handler) CreateRetentionKeep(ctx context.Context, req retentionapi.CreateRetentionKeepRequestObject) (retentionapi.Response, error) {
	kind, list, ok := parseSet(req.Body.Set)
	if !ok {
		return nil, fault.InvalidBody("/set", allowedSets)
	}
	if strings.ContainsRune(req.Body.Reason, 0) {
		return nil, fault.InvalidBody("/reason", "must not contain U+0000")
	}
	k := &retentionstore.Keep{Reason: req.Body.Reason, UntilAt: orNil(req.Body.Until), CreatedBy: auth.From(ctx).Label()}
	if k.UntilAt != nil {
		k.UntilAt = new(store.RoundTime(*k.UntilAt)) // as it will be read
		if !k.UntilAt.After(h.store.Now()) {
			return nil, fault.InvalidBody("/until", "must lie ahead: what is kept until a time that is over is not kept")
		}
	}
	created, err := h.store.PutKeep(ctx, auth.From(ctx).Viewer(), kind, list, k)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("the set %s does not exist", req.Body.Set).Because(err)
	}
	if err != nil {
		return nil, err
	}
	if created {
		return call.Created("/v1/retention/keeps/"+k.ID.String(), keepToAPI(k)), nil
	}
	return call.OK(keepToAPI(k)), nil
}

// GetRetentionKeep answers why a set is kept.
func (h *Handler) GetRetentionKeep(ctx context.Context, req retentionapi.GetRetentionKeepRequestObject) (retentionapi.Response, error) {
	id, err := keepID(req.KeepID)
	if err != nil {
		return nil, err
	}
	k, err := h.store.Keep(ctx, auth.From(ctx).Scope(), id)
	if err != nil {
		return nil, noKeep(err, req.KeepID)
	}
	return call.OK(keepToAPI(k)), nil
}

// DeleteRetentionKeep lets the rules count for a set again.
func (h *Handler) DeleteRetentionKeep(ctx context.Context, req retentionapi.DeleteRetentionKeepRequestObject) (retentionapi.Response, error) {
	id, err := keepID(req.KeepID)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteKeep(ctx, auth.From(ctx).Scope(), id); err != nil {
		return nil, noKeep(err, req.KeepID)
	}
	return call.NoContent(), nil
}

func keepID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return uuid.Nil, fault.NotFound("%s is nothing that is kept", text)
	}
	return id, nil
}

func noKeep(err error, id string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.NotFound("%s is nothing that is kept", id).Because(err)
	}
	return err
}

func keepToAPI(k *retentionstore.Keep) retentionapi.RetentionKeep {
	return retentionapi.RetentionKeep{
		ID: k.ID, Set: k.Ref, Tenant: k.Tenant, Reason: k.Reason, Until: orNull(k.UntilAt), CreatedOn: k.CreatedAt, CreatedBy: k.CreatedBy,
	}
}
