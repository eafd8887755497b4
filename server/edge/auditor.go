package edge

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/slipway-lab/slipway/store"
)

// AuditStore is where the entries of the audit log end up.
type AuditStore interface {
	// AddAudit stores all of the entries or none.
	AddAudit(ctx context.Context, entries []store.AuditEntry) error
}

// auditor writes entries outside the requests that they are about, several at
// once.
type auditor struct {
	store  AuditStore
	lines  *json.Encoder // nil: none
	sample buckets[string]
	lost   prometheus.Counter
	now    func() time.Time

	mu      sync.Mutex
	waiting []store.AuditEntry
	written chan struct{} // closed when what waits is in the store or lost
	closed  bool

	wake chan struct{}
	done chan struct{}
}

const (
	auditSamples = 10     // of one kind, by one actor, in a minute
	auditWaiting = 50_000 // entries in memory while the store does not answer
	auditBatch   = 500
	auditRetry   = time.Second

	auditPatience = 5 * time.Second // of an answer that waits for its entry
)

func newAuditor(s AuditStore, lines io.Writer, reg prometheus.Registerer, now func() time.Time) *auditor {
	a := &auditor{
		store:  s,
		sample: buckets[string]{rate: rate.Limit(auditSamples / 60.0), burst: auditSamples},
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "slipway_audit_lost_total",
			Help: "Entries of the audit log that the store never took.",
		}),
		now:     now,
		written: make(chan struct{}),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
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

// add has an entry written soon.
func (a *auditor) add(e store.AuditEntry) (written <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.waiting) >= auditWaiting {
		a.lost.Inc()
		return nil
	}
	a.waiting = append(a.waiting, e)
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return a.written
}

// addAndWait returns when the entry is in the store. It does not wait for ever:
// a store that takes nothing more must not keep the clients that it has answered.
func (a *auditor) addAndWait(e store.AuditEntry) {
	written := a.add(e)
	if written == nil {
		return
	}
	limit := time.NewTimer(auditPatience)
	defer limit.Stop()
	select {
	case <-written:
	case <-limit.C:
	}
}

// take returns what waits, whom to tell when that is written, and whether more
// may come.
func (a *auditor) take() (batch []store.AuditEntry, written chan struct{}, open bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	batch, written = a.waiting, a.written
	a.waiting, a.written = nil, make(chan struct{})
	return batch, written, !a.closed
}

func (a *auditor) run() {
	defer close(a.done)
	for {
		batch, written, open := a.take()
		for part := range slices.Chunk(batch, auditBatch) {
			a.write(part)
		}
		close(written)
		switch {
		case len(batch) > 0:
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
