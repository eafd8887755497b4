package products

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/server/products/waiting"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// The events of agents.
const (
	agentSilent  = "agent.silent"
	agentBack    = "agent.back"
	agentDoubled = "agent.doubled"
)

// agentEventData is what an event of an agent holds beside its type and time.
type agentEventData struct {
	AgentID    string      `json:"agent_id"`
	Mode       string      `json:"mode"`
	LastSeenAt string      `json:"last_seen_at"`
	Holding    []uuid.UUID `json:"holding"`
	Reason     string      `json:"reason,omitempty"`
}

// tellOf appends an event of a locked agent.
func tellOf(ctx context.Context, tx *productstore.Store, a *productstore.Agent, kind, reason string) error {
	held, err := tx.HeldLeases(ctx, a.Tenant, a.ID)
	if err != nil {
		return err
	}
	data, err := json.Marshal(agentEventData{
		AgentID: a.ID, Mode: a.Mode, LastSeenAt: dates.FormatEvent(a.LastSeenAt), Reason: reason,
		Holding: convertAll(held[a.ID], func(l *productstore.Lease) uuid.UUID { return l.OpportunityID }),
	})
	if err != nil {
		return err
	}
	return tx.AppendEvents(store.Event{Tenant: a.Tenant, Area: area, Type: kind, Time: tx.Now(), AgentID: a.ID, Data: data})
}

// silence is how long nothing may be heard of an agent; 0 is no limit.
func (h *Handler) silence(a *productstore.Agent) time.Duration {
	if a.SilenceUS != nil {
		return microseconds(*a.SilenceUS)
	}
	return h.config.AgentSilence
}

// SweepSilent tells of agents that were not heard of within their limit, each once,
// whichever replica finds it. What they hold stays theirs: an old agent says nothing
// while a test runs, and only an operator can know better.
func (h *Handler) SweepSilent(ctx context.Context) error {
	for {
		some, err := h.store.HasSilent(ctx, h.store.Now(), h.config.AgentSilence)
		if err != nil || !some {
			return err
		}
		found := 0
		err = h.store.InTx(ctx, func(tx *productstore.Store) error {
			agents, err := tx.LockSilent(tx.Now(), h.config.AgentSilence, sweepSlice)
			if err != nil {
				return err
			}
			found = len(agents)
			for i := range agents {
				if err := errors.Join(tx.MarkSilent(&agents[i], tx.Now()), tellOf(ctx, tx, &agents[i], agentSilent, "")); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || found == 0 { // others are at it
			return err
		}
	}
}

// see notes a sign of life of a locked agent, and tells when it was silent. machine
// is what it says of where it runs, nil for nothing; another one that was heard of
// just now is a doubled.
func (h *Handler) see(ctx context.Context, tx *productstore.Store, a *productstore.Agent, machine *string) error {
	now := tx.Now()
	if machine != nil {
		if h.doubles(a, machine, now) {
			return doubled{a}
		}
		a.Instance, a.InstanceAt = machine, &now
	}
	was := a.SilentAt != nil
	if err := tx.SeeAgent(a, now); err != nil || !was {
		return err
	}
	return tellOf(ctx, tx, a, agentBack, "")
}

// news reports whether a sign of life is to be written down: the agent was found
// silent, the last one is old, or it comes from another machine.
func (h *Handler) news(a *productstore.Agent, machine *string) bool {
	return a.SilentAt != nil || h.longUnseen(a, a.LastSeenAt) ||
		machine != nil && (a.Instance == nil || *a.Instance != *machine || h.longUnseen(a, *a.InstanceAt))
}

// longUnseen reports whether the last sign of life is so old that another is
// written down: seldom, because of the cost, but often enough for the agent's limit.
func (h *Handler) longUnseen(a *productstore.Agent, last time.Time) bool {
	every := seenEvery
	if limit := h.silence(a); limit > 0 {
		every = min(every, limit/4)
	}
	return h.store.Now().Sub(last) > every
}

// heard is see outside a transaction, after something that an agent did and that is
// stored; should it fail, only this sign of life is lost.
func (h *Handler) heard(ctx context.Context, id string) {
	err := func() error {
		a, err := h.store.Agent(ctx, tenantOf(ctx), id)
		if err != nil || !h.news(a, nil) {
			return err
		}
		return h.store.InTx(ctx, func(tx *productstore.Store) error {
			a, err := tx.LockAgent(a.Tenant, id)
			if err != nil {
				return err
			}
			return h.see(ctx, tx, a, nil)
		})
	}()
	if err != nil && !errors.Is(err, store.ErrNotFound) && ctx.Err() == nil {
		slog.WarnContext(ctx, "a sign of life was not noted", "agent_id", id, "error", err)
	}
}

// doubled says that another machine than the one that asks uses the agent's id.
type doubled struct{ agent *productstore.Agent }

func (d doubled) Error() string { return "agent " + d.agent.ID + " runs on another machine" }

// doubles reports whether another machine than this one was heard of within the
// agent's limit. Without a limit it is that of the default, since a machine must be
// replaceable.
func (h *Handler) doubles(a *productstore.Agent, machine *string, now time.Time) bool {
	if machine == nil || a.Instance == nil || *a.Instance == *machine || a.InstanceAt == nil {
		return false
	}
	return now.Sub(*a.InstanceAt) <= h.replaceable(a)
}

// refuseDoubled tells of a second machine, in a transaction of its own because that
// of the call is rolled back, and is the refusal.
func (h *Handler) refuseDoubled(ctx context.Context, a *productstore.Agent) error {
	err := h.store.InTx(ctx, func(tx *productstore.Store) error {
		a, err := tx.LockAgent(a.Tenant, a.ID)
		if err != nil {
			return notFound(err, "agent", a.ID)
		}
		return h.tellDoubled(ctx, tx, a, "another machine asked for work under this id, with another instance, and was refused")
	})
	if err != nil {
		return err
	}
	return fault.New(http.StatusConflict, "agent-doubled", "another machine works as agent %s: it was heard of %s ago, and names another instance",
		a.ID, h.store.Now().Sub(*a.InstanceAt).Round(time.Second))
}

// replaceable is how long one machine keeps others from working under its agent's id
// after it was heard of.
func (h *Handler) replaceable(a *productstore.Agent) time.Duration {
	if limit := h.silence(a); limit > 0 {
		return limit
	}
	return waiting.DefaultSilence
}

// tellDoubled tells of a second machine, but not at each of its polls.
func (h *Handler) tellDoubled(ctx context.Context, tx *productstore.Store, a *productstore.Agent, reason string) error {
	now := tx.Now()
	if a.DoubledAt != nil && now.Sub(*a.DoubledAt) <= h.replaceable(a) {
		return nil
	}
	a.DoubledAt = &now
	return errors.Join(tx.MarkDoubled(a), tellOf(ctx, tx, a, agentDoubled, reason))
}

// agentStates counts agents for the metrics.
type agentStates struct{ h *Handler }

var agentsDesc = prometheus.NewDesc("slipway_agents", "Agents by state: silent ones were not heard of within their limit, busy ones hold test opportunities.", []string{"state"}, nil)

// Describe implements prometheus.Collector.
func (agentStates) Describe(out chan<- *prometheus.Desc) { out <- agentsDesc }

// countWithin limits how long the metrics wait for the database.
const countWithin = 5 * time.Second

// Collect implements prometheus.Collector. Without an answer of the database there
// is no value, which is better than a wrong one.
func (c agentStates) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countWithin)
	defer cancel()
	counts, err := c.h.store.CountAgents(ctx, c.h.store.Now(), c.h.config.AgentSilence)
	if err != nil {
		slog.WarnContext(ctx, "agents were not counted", "error", err)
		return
	}
	for _, state := range []string{"idle", "busy", "silent"} {
		out <- prometheus.MustNewConstMetric(agentsDesc, prometheus.GaugeValue, float64(counts[state]), state)
	}
}
