package products

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/products/lifecycle"
	"github.com/slipway-lab/slipway/server/products/waiting"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// queueDepth is how much of the queue is looked at to say what stands before an
// opportunity.
const queueDepth = 2000

// waits is what tells why opportunities wait.
type waits struct {
	agents  []waiting.Agent
	avoided map[uuid.UUID][]productstore.Avoided
	ahead   map[uuid.UUID]waiting.Ahead
	now     time.Time
	silence time.Duration
}

// waits reads it for those of the rows that wait, which belong to one tenant; nil
// when none does.
func (h *Handler) waits(ctx context.Context, s *productstore.Store, rows []productstore.Opportunity) (*waits, error) {
	var wanted []waiting.Entry
	var ids []uuid.UUID
	for i := range rows {
		if row := &rows[i]; row.State == string(lifecycle.Queued) {
			wanted, ids = append(wanted, waiting.Entry{Opportunity: waitingFrom(row), ID: row.ID, Priority: row.Priority}), append(ids, row.ID)
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	w := &waits{now: s.Now(), silence: h.config.AgentSilence}
	tenant := rows[0].Tenant
	var err error
	if w.agents, err = waitingAgents(ctx, s, tenant); err != nil || len(w.agents) == 0 {
		return w, err
	}
	if w.avoided, err = s.AvoidedBy(ctx, ids); err != nil {
		return nil, err
	}
	queue, err := s.Queue(ctx, tenant, queueDepth)
	if err != nil {
		return nil, err
	}
	entries := convertAll(queue, func(q *productstore.Waiting) waiting.Entry {
		return waiting.Entry{ID: q.ID, Priority: q.Priority, Opportunity: waiting.Opportunity{
			ProductID: q.ProductID, Release: q.Release, Platform: orEmpty(q.PlatformKey), AgentGroup: orEmpty(q.GroupKey), NotBefore: fromMicros(q.NotBefore),
		}}
	})
	w.ahead = waiting.AheadOf(wanted, entries, len(entries) == queueDepth, w.agents, w.now, w.silence)
	return w, nil
}

// why is the reason of one of the rows.
func (w *waits) why(row *productstore.Opportunity) waiting.Reason {
	o := waitingFrom(row)
	o.Ahead, o.Avoided = w.ahead[row.ID], map[string]time.Time{}
	for _, a := range w.avoided[row.ID] {
		o.Avoided[a.AgentID] = fromMicros(a.NotBefore)
	}
	return waiting.Why(o, w.agents, w.now, w.silence)
}

func waitingFrom(row *productstore.Opportunity) waiting.Opportunity {
	return waiting.Opportunity{
		ProductID: row.ProductID, Release: row.Release, Platform: orEmpty(row.PlatformKey), AgentGroup: orEmpty(row.GroupKey),
		NotBefore: fromMicros(row.NotBefore),
	}
}

func waitingAgents(ctx context.Context, s *productstore.Store, tenant string) ([]waiting.Agent, error) {
	agents, err := s.AllAgents(ctx, tenant)
	if err != nil || len(agents) == 0 {
		return nil, err
	}
	held, err := s.HeldLeases(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return convertAll(agents, func(a *productstore.Agent) waiting.Agent { return waitingAgent(a, len(held[a.ID])) }), nil
}

func waitingAgent(a *productstore.Agent, holding int) waiting.Agent {
	out := waiting.Agent{
		ID: a.ID, Platform: a.Platform, AgentGroup: a.AgentGroup, Releases: a.Releases, Mode: waiting.Mode(a.Mode),
		LastSeenAt: a.LastSeenAt, Capacity: int(a.Capacity), Holding: holding,
	}
	if a.SilenceUS != nil {
		limit := microseconds(*a.SilenceUS)
		out.Silence = &limit
	}
	for _, text := range a.Products {
		if id, err := uuid.Parse(text); err == nil {
			out.Products = append(out.Products, id)
		}
	}
	return out
}
