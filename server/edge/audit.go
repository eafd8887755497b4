package edge

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/store"
)

// The events of the audit log; an operation's x-audit names further ones.
const (
	auditDenied     = "denied"
	auditDeletion   = "deletion"
	auditAdmin      = "admin"
	auditNewNetwork = "new-network"
)

// auditRequest records a request that somebody may want to know about later:
// always what changes tokens or deletes something, and samples of what was
// refused and of what administrators do. What is always recorded is in the store
// before the client has the end of its answer; a server that is killed in
// between has done something that nobody was told of.
func (s *Stack) auditRequest(st *state, info *call.Info, rec *recorder) {
	if st.op == nil {
		return
	}
	status := rec.status
	if status == 0 {
		status = http.StatusOK
	}
	event, often := eventOf(st, status)
	if event == "" || often && !s.audit.sampled(event, st, info.Client) {
		return
	}
	e := s.auditEntry(event, st.op, st.who, info)
	e.Status, e.Decision = int64(status), "allowed"
	if event == auditDenied {
		e.Decision, e.Reason = "denied", "refused by the operation itself"
		if st.refused != nil {
			e.Reason = short(strings.ReplaceAll(st.refused.Error(), "\n", ": "))
		}
	}
	if made := rec.Header().Get("Location"); status == http.StatusCreated && made != "" {
		e.Object = short(auth.RedactPath(made))
	}
	if often {
		s.audit.add(e)
		return
	}
	s.audit.addAndWait(e)
}

// eventOf says as what a request is recorded, nothing for most, and whether
// that may come so often that samples must do.
func eventOf(st *state, status int) (event string, often bool) {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return auditDenied, true
	case status >= 400:
		return "", false
	case st.op.audit != "":
		return st.op.audit, false
	case st.op.method == http.MethodDelete:
		return auditDeletion, false
	case st.who.Is(auth.Admin) && st.who.Kind != "none":
		return auditAdmin, true
	}
	return "", false
}

// newNetwork records that a token came from somewhere else than before.
func (s *Stack) newNetwork(ctx context.Context, who auth.Identity, _ netip.Addr) {
	if op := operationOf(ctx); op != nil {
		e := s.auditEntry(auditNewNetwork, op, who, call.From(ctx))
		e.Decision = "allowed"
		s.audit.add(e)
	}
}

func (s *Stack) auditEntry(event string, op *operation, who auth.Identity, info *call.Info) store.AuditEntry {
	e := store.AuditEntry{
		At: s.config.Now(), Event: event, RequestID: info.ID,
		ActorKind: who.Kind, Actor: short(who.Name), Owner: short(who.Owner), Tenant: who.Tenant, TokenID: who.TokenID,
		EndUser: short(info.Header.Get("X-End-User")), Marker: short(info.Header.Get("X-Context-Marker")),
		Client: info.Client.String(), Method: info.Method,
		Operation: op.id, Route: op.path, Object: short(auth.RedactPath(info.Path)),
	}
	for _, r := range who.Roles {
		e.Roles = append(e.Roles, string(r))
	}
	return e
}

// Note records something that is no request, such as which policy a server
// started with.
func (s *Stack) Note(event, object, reason string) {
	s.audit.add(store.AuditEntry{
		At: s.config.Now(), Event: event, ActorKind: "server", Actor: "server",
		Object: short(object), Decision: "allowed", Reason: short(reason),
	})
}

// short keeps what strangers send small, and such that both databases take it.
func short(text string) string {
	const most = 255
	text = strings.ToValidUTF8(text, "?")
	text = strings.ReplaceAll(text, "\x00", "?")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// actorOf names who is calling in the buckets of limits and samples.
func actorOf(who auth.Identity) string {
	if who.TokenID != "" {
		return who.TokenID
	}
	return who.Kind + " " + who.Owner
}
