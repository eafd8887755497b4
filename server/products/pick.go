package products

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/server/products/lifecycle"
	"github.com/slipway-lab/slipway/server/products/waiting"
	"github.com/slipway-lab/slipway/store"
)

const (
	// seenEvery is how old the last sign of life of an agent must be before
	// another poll is written down. Thousands of agents that poll would cost a
	// durable write each, else.
	seenEvery = 5 * time.Second

	// lookEvery is the default of Config.LookEvery.
	lookEvery = time.Second

	// pickSweeps is how many deadlines one pick takes care of.
	pickSweeps = 20
)

// PickOpportunity hands out work, or waits for some.
func (h *Handler) PickOpportunity(ctx context.Context, req api.PickOpportunityRequestObject) (api.PickOpportunityResponseObject, error) {
	in := api.OpportunityPick{}
	if req.Body != nil {
		in = *req.Body
	}
	wake, stop := h.store.Subscribe(workTopic(tenantOf(ctx)))
	defer stop()
	until := time.Now().Add(time.Duration(or(in.WaitSeconds, 0)) * time.Second)
	for first := true; ; first = false {
		a, err := h.pick(ctx, req.AgentID, req.Params.IdempotencyKey, in, first)
		if a != nil || err != nil {
			return a, err
		}
		if !h.await(ctx, wake, time.Until(until)) {
			return &answer{status: http.StatusNoContent, header: http.Header{"Retry-After": {"5"}}}, nil
		}
	}
}

// await waits until there is reason to look again. False: there is no time
// left, nobody reads the answer, or the server stops.
func (h *Handler) await(ctx context.Context, wake <-chan struct{}, left time.Duration) bool {
	if left <= 0 {
		return false
	}
	timer := time.NewTimer(min(left, h.config.LookEvery))
	defer timer.Stop()
	select {
	case <-wake:
		return true
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-h.config.Done:
	}
	return false
}

// pick looks once. It begins no transaction when there is no need for one: an
// idle poll writes nothing.
func (h *Handler) pick(ctx context.Context, id string, key *string, in api.OpportunityPick, first bool) (*answer, error) {
	agent, err := h.store.Agent(ctx, tenantOf(ctx), id)
	if err != nil {
		return nil, notFound(err, "agent", id)
	}
	needed, due, err := h.mustWrite(ctx, agent, first)
	if err != nil || !needed && key == nil {
		return nil, err
	}
	var picked *handedOut
	a, err := h.once(ctx, key, in, func(tx *store.Store) (*answer, error) {
		if picked, err = h.pickIn(ctx, tx, id, in, due); picked == nil || err != nil || key == nil {
			return nil, err
		}
		return picked.answer(ctx, tx) // to be kept under the key
	})
	if a != nil || err != nil || picked == nil {
		return a, err
	}
	return picked.answer(ctx, h.store)
}

// mustWrite reports whether a pick has to begin a transaction, and whether a
// deadline has come.
func (h *Handler) mustWrite(ctx context.Context, agent *store.Agent, first bool) (needed, due bool, err error) {
	now := h.store.Now()
	if due, err = h.store.HasDue(ctx, now); err != nil || due {
		return due, due, err
	}
	if now.Sub(agent.LastSeenAt) > seenEvery {
		return true, false, nil
	}
	if needed, err = h.store.HasWork(ctx, pickFilter(agent, now)); err != nil || needed || !first {
		return needed, false, err
	}
	held, err := h.store.CountHeld(ctx, agent.Tenant, agent.ID)
	return held >= agent.Capacity, false, err
}

func pickFilter(a *store.Agent, now time.Time) store.PickFilter {
	return store.PickFilter{
		Tenant: a.Tenant, Platform: or(a.Platform, ""), Group: or(a.AgentGroup, ""),
		Products: a.Products, Releases: a.Releases, Now: now,
	}
}

// pickIn is a pick inside its transaction; nil is no work.
func (h *Handler) pickIn(ctx context.Context, tx *store.Store, id string, in api.OpportunityPick, due bool) (*handedOut, error) {
	agent, err := tx.LockAgent(tenantOf(ctx), id)
	if err != nil {
		return nil, notFound(err, "agent", id)
	}
	now := tx.Now()
	if now.Sub(agent.LastSeenAt) > seenEvery {
		if err := tx.SeeAgent(agent, now); err != nil {
			return nil, err
		}
	}
	held, err := h.dropLost(ctx, tx, agent, in.Holding)
	if err != nil {
		return nil, err
	}
	if due {
		if _, err := h.sweepSome(ctx, tx, pickSweeps); err != nil {
			return nil, err
		}
	}
	if agent.Mode != string(waiting.Online) || held >= agent.Capacity {
		return nil, nil
	}
	o, err := tx.NextOpportunity(pickFilter(agent, now))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return h.handOut(ctx, tx, agent, o, in)
}

// dropLost takes away what the agent has lost without saying so, and returns how
// much it still holds.
func (h *Handler) dropLost(ctx context.Context, tx *store.Store, agent *store.Agent, holding []string) (int64, error) {
	held, err := tx.CountHeld(ctx, agent.Tenant, agent.ID)
	if err != nil || held < agent.Capacity { // then nothing counts as lost
		return held, err
	}
	leased, err := tx.LockHeldBy(agent.Tenant, agent.ID)
	if err != nil {
		return 0, err
	}
	ids := each(leased, func(o *store.Opportunity) string { return o.ID.String() })
	lost := lifecycle.Dropped(int(agent.Capacity), ids, each(holding, func(s *string) string { return strings.ToLower(*s) }))
	for i := range leased {
		if !slices.Contains(lost, ids[i]) {
			continue
		}
		err := h.change(ctx, tx, &leased[i], nil, func(now time.Time, l lifecycle.Opportunity) (lifecycle.Change, error) {
			return l.Lose(now, "the agent asked for work and did not name it", tx.NewID), nil
		})
		if err != nil {
			return 0, err
		}
	}
	return int64(len(leased) - len(lost)), nil
}

// handedOut is an opportunity with the lease under which an agent has it.
type handedOut struct {
	o     *store.Opportunity
	lease api.Lease
}

// answer reads what never changes about the opportunity, so it may do so after
// the transaction.
func (p *handedOut) answer(ctx context.Context, s *store.Store) (*answer, error) {
	about, err := aboutFrom(ctx, s, []store.Opportunity{*p.o})
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, func(op *opaques) any {
		return struct {
			api.Opportunity
			Lease api.Lease `json:"lease"`
		}{about.toAPI(p.o, op), p.lease}
	})
}

// handOut gives a locked opportunity to an agent.
func (h *Handler) handOut(ctx context.Context, tx *store.Store, agent *store.Agent, o *store.Opportunity, in api.OpportunityPick) (*handedOut, error) {
	length := lifecycle.DefaultLease
	if in.LeaseSeconds != nil {
		length = time.Duration(*in.LeaseSeconds) * time.Second
	}
	lease := api.Lease{Token: newLeaseToken()}
	by := lifecycle.Holder{AgentID: agent.ID, Platform: agent.Platform, AgentGroup: agent.AgentGroup}
	err := h.change(ctx, tx, o, nil, func(now time.Time, l lifecycle.Opportunity) (lifecycle.Change, error) {
		change, err := l.Pick(now, by, lease.Token, length)
		if err == nil {
			lease.ExpiresAt, lease.Attempt = dates.FormatEvent(change.Opportunity.Lease().ExpiresAt), int32(change.Opportunity.Attempt)
		}
		return change, err
	})
	if err != nil {
		return nil, err
	}
	return &handedOut{o, lease}, nil
}

func newLeaseToken() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return hex.EncodeToString(random[:])
}

// SendHeartbeat extends leases.
func (h *Handler) SendHeartbeat(ctx context.Context, req api.SendHeartbeatRequestObject) (api.SendHeartbeatResponseObject, error) {
	var out []api.LeaseStatus
	err := h.store.InTx(ctx, func(tx *store.Store) error {
		agent, err := tx.LockAgent(tenantOf(ctx), req.AgentID)
		if err != nil {
			return notFound(err, "agent", req.AgentID)
		}
		if err := tx.SeeAgent(agent, tx.Now()); err != nil {
			return err
		}
		out = make([]api.LeaseStatus, len(req.Body.Leases))
		for _, i := range byOpportunity(req.Body.Leases) {
			if out[i], err = h.heartbeat(ctx, tx, agent, req.Body.Leases[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, func(*opaques) any { return api.HeartbeatAnswer{Leases: out} })
}

// byOpportunity is the order in which the leases are locked: the same for
// everybody, so that nobody waits crosswise.
func byOpportunity(leases []api.HeartbeatLease) []int {
	order := make([]int, len(leases))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return strings.Compare(leases[a].TestOpportunityID, leases[b].TestOpportunityID)
	})
	return order
}

func (h *Handler) heartbeat(ctx context.Context, tx *store.Store, agent *store.Agent, in api.HeartbeatLease) (api.LeaseStatus, error) {
	out := api.LeaseStatus{TestOpportunityID: in.TestOpportunityID, Status: api.LeaseStatusStatus(lifecycle.LeaseIsLost), ExpiresAt: orNull[string](nil)}
	id, err := uuid.Parse(in.TestOpportunityID)
	if err != nil {
		return out, nil
	}
	o, err := tx.LockOpportunity(agent.Tenant, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && o.Holder != agent.ID {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	err = h.change(ctx, tx, o, nil, func(now time.Time, l lifecycle.Opportunity) (lifecycle.Change, error) {
		change, status := l.Heartbeat(now, in.Token, tx.NewID)
		out.Status = api.LeaseStatusStatus(status)
		if status != lifecycle.LeaseIsLost {
			out.ExpiresAt.Set(dates.FormatEvent(change.Opportunity.Lease().ExpiresAt))
		}
		return change, nil
	})
	if err == nil && out.Status != api.LeaseStatusStatus(lifecycle.LeaseIsLost) && in.Phase.IsSpecified() && !in.Phase.IsNull() {
		phase := in.Phase.MustGet()
		if err := checkTexts("/leases", []string{phase}); err != nil {
			return out, err
		}
		err = tx.SetPhase(o.ID, o.Attempt, phase)
	}
	return out, err
}
