package access

import (
	"context"

	accessapi "github.com/slipway-lab/slipway/gen/access"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
)

// ListAudit answers a page of the audit log, newest first. What callers of no tenant
// did tells of objects of every tenant, so a tenant sees only what its own did.
func (h *Handler) ListAudit(ctx context.Context, req accessapi.ListAuditRequestObject) (accessapi.Response, error) {
	p := req.Params
	var tenants []string
	if who := auth.From(ctx); !who.SeesAll() {
		tenants = []string{who.Tenant}
	}
	list, err := h.store.ListAudit(ctx, store.AuditFilter{
		Tenants:   tenants,
		Event:     deref(p.Event),
		Decision:  string(deref(p.Decision)),
		Actor:     deref(p.Actor),
		Owner:     deref(p.Owner),
		TokenID:   deref(p.TokenID),
		RequestID: deref(p.RequestID),
		Operation: deref(p.Operation),
		Client:    deref(p.Client),
		From:      deref(p.From),
		To:        deref(p.To),
		Page:      store.Page{Limit: int(deref(p.Limit)), After: deref(p.After)},
	})
	if err != nil {
		return nil, fault.Cursor(err)
	}
	body := accessapi.AuditList{Entries: []accessapi.AuditEntry{}}
	for i := range list.Items {
		body.Entries = append(body.Entries, entryToAPI(&list.Items[i]))
	}
	return call.OK(body).Paged(ctx, list.Next), nil
}

func entryToAPI(e *store.AuditEntry) accessapi.AuditEntry {
	return accessapi.AuditEntry{
		ID:        e.ID,
		Time:      e.At,
		Event:     e.Event,
		RequestID: e.RequestID,
		Actor: accessapi.AuditActor{
			Kind: e.ActorKind, Name: e.Actor, Owner: e.Owner, Roles: append([]string{}, e.Roles...), Tenant: e.Tenant, TokenID: e.TokenID,
		},
		XEndUser:       e.EndUser,
		XContextMarker: e.Marker,
		Client:         e.Client,
		Method:         e.Method,
		Operation:      e.Operation,
		Route:          e.Route,
		Object:         e.Object,
		Decision:       accessapi.AuditEntryDecision(e.Decision),
		Reason:         e.Reason,
		Status:         int32(e.Status),
	}
}
