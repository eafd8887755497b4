package server

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/call"
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
// refused and of what administrators do.
func (s *Server) auditRequest(st *state, info *call.Info, rec *recorder) {
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
		e.Object = short(auth.Redact(made))
	}
	s.audit.add(e)
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
func (s *Server) newNetwork(ctx context.Context, who auth.Identity, _ netip.Addr) {
	if op := operationOf(ctx); op != nil {
		e := s.auditEntry(auditNewNetwork, op, who, call.From(ctx))
		e.Decision = "allowed"
		s.audit.add(e)
	}
}

func (s *Server) auditEntry(event string, op *operation, who auth.Identity, info *call.Info) store.AuditEntry {
	e := store.AuditEntry{
		At: s.now(), Event: event, RequestID: info.ID,
		ActorKind: who.Kind, Actor: short(who.Name), Owner: short(who.Owner), Tenant: who.Tenant, TokenID: who.TokenID,
		EndUser: short(info.Header.Get("X-End-User")), Marker: short(info.Header.Get("X-Context-Marker")),
		Client: info.Client.String(), Method: info.Method,
		Operation: op.id, Route: op.path, Object: short(auth.Redact(info.Path)),
	}
	if op.secretPath {
		e.Object = op.path
	}
	for _, r := range who.Roles {
		e.Roles = append(e.Roles, string(r))
	}
	return e
}

// Note records something that is no request, such as which policy a server
// started with.
func (s *Server) Note(event, object, reason string) {
	s.audit.add(store.AuditEntry{
		At: s.now(), Event: event, ActorKind: "server", Actor: "server",
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

// auditStore is where entries end up.
type auditStore interface {
	AddAudit(ctx context.Context, entries []store.AuditEntry) error
}

// auditor writes entries outside the requests that they are about, several at
// once.
type auditor struct {
	store  auditStore
	lines  *json.Encoder // nil: none
	sample buckets[string]
	lost   prometheus.Counter
	now    func() time.Time

	mu      sync.Mutex
	waiting []store.AuditEntry
	closed  bool

	wake chan struct{}
	done chan struct{}
}

const (
	auditSamples = 10     // of one kind, by one actor, in a minute
	auditWaiting = 50_000 // entries in memory while the store does not answer
	auditBatch   = 500
	auditRetry   = time.Second
)

func newAuditor(s auditStore, lines io.Writer, reg prometheus.Registerer, now func() time.Time) *auditor {
	a := &auditor{
		store:  s,
		sample: buckets[string]{rate: rate.Limit(auditSamples / 60.0), burst: auditSamples},
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "slipway_audit_lost_total",
			Help: "Entries of the audit log that the store never took.",
		}),
		now:  now,
		wake: make(chan struct{}, 1),
		done: make(chan struct{}),
	}
	if lines != nil {
		a.lines = json.NewEncoder(lines)
		a.lines.SetEscapeHTML(false)
	}
	reg.MustRegister(a.lost)
	go a.run()
	return a
}

// sampled reports whether a thing that may come thick is to be recorded.
func (a *auditor) sampled(event string, st *state, client netip.Addr) bool {
	actor := client.String()
	if !st.who.Anonymous() {
		actor = actorOf(st.who)
	}
	if event == auditAdmin {
		actor += " " + st.op.id
	}
	return a.sample.take(event+" "+actor, a.now())
}

func (a *auditor) add(e store.AuditEntry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.waiting) >= auditWaiting {
		a.lost.Inc()
		return
	}
	a.waiting = append(a.waiting, e)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// take returns what waits, at most a batch, and whether more may come.
func (a *auditor) take() (batch []store.AuditEntry, open bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(len(a.waiting), auditBatch)
	batch = a.waiting[:n:n]
	if a.waiting = a.waiting[n:]; len(a.waiting) == 0 {
		a.waiting = nil
	}
	return batch, !a.closed
}

func (a *auditor) run() {
	defer close(a.done)
	for {
		batch, open := a.take()
		switch {
		case len(batch) > 0:
			a.write(batch)
		case open:
			<-a.wake
		default:
			return
		}
	}
}

// write keeps trying while the store cannot be reached, until the server stops.
func (a *auditor) write(batch []store.AuditEntry) {
	for i := range batch {
		a.line(&batch[i])
	}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := a.store.AddAudit(ctx, batch)
		cancel()
		if err == nil {
			return
		}
		slog.Error("audit log", "entries", len(batch), "error", err)
		a.mu.Lock()
		closed := a.closed
		a.mu.Unlock()
		if closed {
			a.lost.Add(float64(len(batch)))
			return
		}
		time.Sleep(auditRetry)
	}
}

func (a *auditor) close() {
	a.mu.Lock()
	already := a.closed
	a.closed = true
	a.mu.Unlock()
	if !already {
		close(a.wake)
	}
	<-a.done
}

// auditLine is an entry as a line of JSON, in the words of the document.
type auditLine struct {
	Audit     string    `json:"audit"`
	Time      time.Time `json:"time"`
	RequestID string    `json:"request_id,omitempty"`
	Actor     auditWho  `json:"actor"`
	EndUser   string    `json:"x_end_user,omitempty"`
	Marker    string    `json:"x_context_marker,omitempty"`
	Client    string    `json:"client,omitempty"`
	Method    string    `json:"method,omitempty"`
	Operation string    `json:"operation,omitempty"`
	Route     string    `json:"route,omitempty"`
	Object    string    `json:"object"`
	Decision  string    `json:"decision"`
	Reason    string    `json:"reason,omitempty"`
	Status    int64     `json:"status,omitempty"`
}

type auditWho struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Owner   string   `json:"owner"`
	Roles   []string `json:"roles"`
	Tenant  string   `json:"tenant"`
	TokenID string   `json:"token_id"`
}

func (a *auditor) line(e *store.AuditEntry) {
	if a.lines == nil {
		return
	}
	err := a.lines.Encode(auditLine{
		Audit: e.Event, Time: e.At.UTC(), RequestID: e.RequestID,
		Actor:   auditWho{e.ActorKind, e.Actor, e.Owner, append([]string{}, e.Roles...), e.Tenant, e.TokenID},
		EndUser: e.EndUser, Marker: e.Marker, Client: e.Client, Method: e.Method, Operation: e.Operation,
		Route: e.Route, Object: e.Object, Decision: e.Decision, Reason: e.Reason, Status: e.Status,
	})
	if err != nil {
		slog.Error("audit log on standard output", "error", err)
		a.lines = nil // whoever read it has gone; the store has the log
	}
}
