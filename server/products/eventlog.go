package products

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// ListTestEvents answers the logs of opportunities, or streams what is new.
func (h *Handler) ListTestEvents(ctx context.Context, req productsapi.ListTestEventsRequestObject) (productsapi.Response, error) {
	p, err := h.product(ctx, req.ProductID)
	if err != nil {
		return nil, err
	}
	when, err := dateRange(ctx)
	if err != nil {
		return nil, err
	}
	q := req.Params
	filter := productstore.OpportunityFilter{Product: p.ID, ImageUniqueID: valueOr(q.ImageUniqueID, ""), From: when.From, To: when.To}
	if q.State != nil {
		filter.States = []string{string(*q.State)}
	}
	if wantsStream(ctx) {
		f := store.EventFilter{Tenant: p.Tenant, ProductID: p.ID, AgentID: valueOr(q.AgentID, ""), Of: &filter}
		if q.EventType != nil {
			f.Types = []string{*q.EventType}
		}
		return h.stream(ctx, f, q.TestOpportunityID, nil, q.LastEventID)
	}
	filter.AgentID, filter.EventType, filter.Page = valueOr(q.AgentID, ""), valueOr(q.EventType, ""), pageOf(q.Limit, q.After)
	var list store.List[productstore.Opportunity]
	if q.TestOpportunityID != nil {
		filter.ID, err = uuid.Parse(*q.TestOpportunityID)
	}
	if err == nil { // what is no id is no opportunity
		if list, err = h.store.ListOpportunities(ctx, filter); err != nil {
			return nil, fault.Cursor(err)
		}
	}
	return h.eventLogs(ctx, list)
}

func (h *Handler) eventLogs(ctx context.Context, list store.List[productstore.Opportunity]) (*call.Answer, error) {
	events, err := h.store.EventsOf(ctx, convertAll(list.Items, func(o *productstore.Opportunity) uuid.UUID { return o.ID }))
	if err != nil {
		return nil, err
	}
	related, err := h.related(ctx, h.store, list.Items)
	if err != nil {
		return nil, err
	}
	return listed(ctx, list, func(op *opaques, items []productstore.Opportunity) any {
		return productsapi.EventLogList{EventLogs: convertAll(items, func(o *productstore.Opportunity) productsapi.EventLog {
			log := events[o.ID]
			return productsapi.EventLog{
				Events: convertAll(log, eventToAPI), EventsSeen: convertAll(log, func(e *store.Event) string { return e.Type }),
				QueuedAt: dates.FormatEvent(o.QueuedAt), UpdatedAt: dates.FormatEvent(o.UpdatedAt), ProductID: o.ProductID,
				TestOpportunityID: o.ID, ImageUniqueID: o.ImageUniqueID, SpecName: related.versions[o.VersionID].Name,
				TestOpportunity: related.toAPI(o, op), State: productsapi.OpportunityState(o.State), Attempt: int32(o.Attempt),
			}
		})}
	})
}

// ListEvents answers a page of the event log of all areas, or streams it.
func (h *Handler) ListEvents(ctx context.Context, req productsapi.ListEventsRequestObject) (productsapi.Response, error) {
	q := req.Params
	f := store.EventFilter{Tenant: tenantOf(ctx), Types: q.EventType, AgentID: valueOr(q.AgentID, ""), Limit: int(valueOr(q.Limit, store.DefaultLimit))}
	if q.ProductID != nil {
		id, err := uuid.Parse(*q.ProductID)
		if err != nil {
			return nil, fault.InvalidField("query", "product_id", "must be a UUID")
		}
		f.ProductID = id
	}
	if wantsStream(ctx) {
		return h.stream(ctx, f, q.TestOpportunityID, q.After, q.LastEventID)
	}
	if err := narrow(&f, q.TestOpportunityID, q.After, "after"); err != nil {
		return nil, err
	}
	f.Newest = valueOr(q.Newest, false)
	events, err := h.store.Events(ctx, f)
	if err != nil {
		return nil, err
	}
	removed, err := h.store.EventsRemoved(ctx)
	if err != nil {
		return nil, err
	}
	next := f.After
	if len(events) > 0 {
		next = events[len(events)-1].Seq
	}
	a, err := respond(http.StatusOK, func(o *opaques) any {
		return productsapi.EventList{
			Events: convertAll(events, func(e *store.Event) productsapi.Event { return storedEventToAPI(e, o) }),
			Next:   strconv.FormatInt(next, 10), RemovedTo: orNull(seqOrNil(removed)),
		}
	})
	if err == nil && len(events) == f.Limit {
		a.With("Link", call.Next(ctx, strconv.FormatInt(next, 10)))
	}
	return a, err
}

// seqOrNil is nil for the place before the log.
func seqOrNil(seq int64) *string {
	if seq == 0 {
		return nil
	}
	text := strconv.FormatInt(seq, 10)
	return &text
}

// narrow adds an opportunity and a place in the log to a filter.
func narrow(f *store.EventFilter, opportunity, after *string, name string) error {
	if opportunity != nil {
		id, err := uuid.Parse(*opportunity)
		if err != nil {
			return fault.InvalidField("query", "test_opportunity_id", "must be a UUID")
		}
		f.OpportunityID = id
	}
	if after == nil {
		return nil
	}
	seq, err := strconv.ParseInt(*after, 10, 64)
	if err != nil || seq < 0 {
		in := "query"
		if name == "Last-Event-ID" {
			in = "header"
		}
		return fault.InvalidField(in, name, "must be the id of an event")
	}
	f.After = seq
	return nil
}

func storedEventToAPI(e *store.Event, o *opaques) productsapi.Event {
	return productsapi.Event{
		ID: strconv.FormatInt(e.Seq, 10), EventType: e.Type, Timestamp: dates.FormatEvent(e.Time), Area: productsapi.EventArea(e.Area),
		ProductID: orNull(e.ProductID), TestOpportunityID: orNull(e.OpportunityID), Data: o.value(e.Data),
	}
}

func wantsStream(ctx context.Context) bool {
	return call.From(ctx).Prefers("application/json", "text/event-stream") == "text/event-stream"
}

// stream answers with what is new from now on, or from where the client was cut
// off. Last-Event-ID counts more than after: a browser repeats the whole address
// when it reconnects.
func (h *Handler) stream(ctx context.Context, f store.EventFilter, opportunity, after, last *string) (*eventStream, error) {
	name := "after"
	if last != nil && *last != "" {
		after, name = last, "Last-Event-ID"
	}
	if err := narrow(&f, opportunity, after, name); err != nil {
		return nil, err
	}
	if after == nil {
		now, err := h.store.LastEvent(ctx)
		if err != nil {
			return nil, err
		}
		f.After = now
	}
	return &eventStream{ctx: ctx, h: h, filter: f, begin: after == nil}, nil
}

// eventStream is an answer that does not end by itself.
type eventStream struct {
	ctx    context.Context
	h      *Handler
	filter store.EventFilter
	begin  bool // the client is told where the stream begins
}

const (
	streamSlice = 200

	// aliveEvery is how often a silent stream shows that it is there, so that no
	// proxy between takes it for dead.
	aliveEvery = 15 * time.Second

	// slowReader is how long one write may take before the client counts as gone.
	slowReader = 30 * time.Second
)

// WriteResponse sends events until the client goes or its credential ends.
func (s *eventStream) WriteResponse(w http.ResponseWriter) error {
	end, err := s.h.beginStream(s.ctx)
	if err != nil {
		return err
	}
	defer end()
	wake, stop := s.h.store.Subscribe(store.EventsTopic)
	defer stop()
	out := newSSE(w)
	s.filter.Limit = streamSlice
	if s.begin {
		if err := out.begin(strconv.FormatInt(s.filter.After, 10)); err != nil {
			return nil
		}
	}
	for call.From(s.ctx).Credential(s.ctx) == nil {
		events, err := s.h.store.Events(s.ctx, s.filter)
		if err != nil {
			return nil // the answer has begun; the client comes again with its last id
		}
		for i := range events {
			if err := s.send(out, &events[i]); err != nil {
				return nil
			}
		}
		if len(events) == streamSlice {
			continue
		}
		if err := out.flush(); err != nil || !s.h.await(s.ctx, wake, time.Hour) {
			return nil
		}
	}
	return nil
}

func (s *eventStream) send(out *sse, e *store.Event) error {
	o := &opaques{}
	text, err := o.encode(storedEventToAPI(e, o))
	if err != nil {
		return err
	}
	s.filter.After = e.Seq
	return out.event(strconv.FormatInt(e.Seq, 10), e.Type, text)
}

// sse writes Server-Sent Events.
type sse struct {
	w     http.ResponseWriter
	ctl   *http.ResponseController
	spoke time.Time
}

// newSSE sends the headers, so that a client knows at once that it is connected.
func newSSE(w http.ResponseWriter) *sse {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must not gather events
	w.WriteHeader(http.StatusOK)
	return &sse{w: w, ctl: http.NewResponseController(w), spoke: time.Time{}}
}

// event writes one event; data is a JSON text in one line.
func (s *sse) event(id, name string, data []byte) error {
	s.spoke = time.Now()
	_ = s.ctl.SetWriteDeadline(s.spoke.Add(slowReader)) // where it is not supported there is none
	_, err := fmt.Fprintf(s.w, "id: %s\nevent: %s\ndata: %s\n\n", id, name, compact(data))
	return err
}

// begin names where the stream begins, in a message without data, which browsers
// remember and show to nobody: a client that is cut off before the first event comes
// again from here, and misses nothing between.
func (s *sse) begin(id string) error {
	s.spoke = time.Now()
	_ = s.ctl.SetWriteDeadline(s.spoke.Add(slowReader))
	_, err := fmt.Fprintf(s.w, "id: %s\n\n", id)
	return err
}

// flush sends what was written, and a comment when nothing was for a while.
func (s *sse) flush() error {
	if time.Since(s.spoke) > aliveEvery {
		s.spoke = time.Now()
		_ = s.ctl.SetWriteDeadline(s.spoke.Add(slowReader))
		if _, err := fmt.Fprint(s.w, ":\n\n"); err != nil {
			return err
		}
	}
	return s.ctl.Flush()
}

// compact takes the line ends out of a JSON text.
func compact(data []byte) []byte {
	var out json.RawMessage
	if text, err := json.Marshal(json.RawMessage(data)); err == nil {
		out = text
	}
	return out
}
