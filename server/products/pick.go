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

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/server/products/lifecycle"
	"github.com/slipway-lab/slipway/server/products/waiting"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

const (
	// seenEvery is how old the last sign of life of an agent must be before
	// another poll is written down. Thousands of agents that poll would cost a
	// durable write each, else.
	seenEvery = 5 * time.Second

	// pickSweeps is how many deadlines one pick takes care of.
	pickSweeps = 20
)

// PickOpportunity hands out work, or waits for some.
func (h *Handler) PickOpportunity(ctx context.Context, req productsapi.PickOpportunityRequestObject) (productsapi.Response, error) {
	in := productsapi.OpportunityPick{}
	if req.Body != nil {
		in = *req.Body
	}
	if err := checkTexts("/instance", []string{valueOr(in.Instance, "")}); err != nil {
		return nil, err
	}
	wake, stop := h.store.Subscribe(workTopic(tenantOf(ctx)))
	defer stop()
	until := time.Now().Add(time.Duration(valueOr(in.WaitSeconds, 0)) * time.Second)
	for first := true; ; first = false {
		if err := call.From(ctx).Credential(ctx); errors.Is(err, call.ErrCredentialChanged) {
			return nothingYet(), nil
		} else if err != nil {
			return nil, err
		}
		a, err := h.pick(ctx, req.AgentID, req.Params.IdempotencyKey, in, first)
		if a != nil || err != nil {
			return a, err
		}
		if !h.await(ctx, wake, time.Until(until)) {
			return nothingYet(), nil
		}
	}
}

func nothingYet() *call.Answer { return call.NoContent().With("Retry-After", "5") }

// await waits until there is reason to look again. False: there is no time
// left, nobody reads the answer, or the server stops.
func (h *Handler) await(ctx context.Context, wake <-chan struct{}, left time.Duration) bool {
	if left <= 0 {
		return false
	}
	timer := time.NewTimer(min(left, h.config.LookEvery, call.CredentialEvery))
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
func (h *Handler) pick(ctx context.Context, id string, key *string, in productsapi.OpportunityPick, first bool) (*call.Answer, error) {
	agent, err := h.store.Agent(ctx, tenantOf(ctx), id)
	if err != nil {
		return nil, notFound(err, "agent", id)
	}
	if h.doubles(agent, in.Instance, h.store.Now()) {
		return nil, h.refuseDoubled(ctx, agent)
	}
	p, err := h.store.Prospect(ctx, h.pickFilter(agent, h.store.Now()))
	if err != nil {
		return nil, err
	}
	free := p.Held < agent.Capacity
	full := first && !free
	if key == nil && !(p.Work && free && online(agent)) && !p.Due && !full && !h.news(agent, in.Instance) {
		return nil, nil
	}
	var picked *handedOut
	a, err := h.idempotent(ctx, key, in, func(tx *productstore.Store) (*call.Answer, error) {
		if picked, err = h.pickIn(ctx, tx, id, in, p.Due, full); picked == nil || err != nil || key == nil {
			return nil, err
		}
		return picked.answer() // to be kept under the key
	})
	var second doubled
	if errors.As(err, &second) {
		return nil, h.refuseDoubled(ctx, second.agent)
	}
	if a != nil || err != nil || picked == nil {
		return a, err
	}
	return picked.answer()
}

func online(a *productstore.Agent) bool { return a.Mode == string(waiting.Online) }

func (h *Handler) pickFilter(a *productstore.Agent, now time.Time) productstore.PickFilter {
	return productstore.PickFilter{
		Tenant: a.Tenant, Agent: a.ID, Platform: valueOr(a.Platform, ""), Group: valueOr(a.AgentGroup, ""),
		Products: a.Products, Releases: a.Releases, Now: now, Silence: h.config.AgentSilence,
	}
}

// pickIn is a pick inside its transaction; nil is no work. due says that
// deadlines have come, full that the agent was at capacity when it asked.
func (h *Handler) pickIn(ctx context.Context, tx *productstore.Store, id string, in productsapi.OpportunityPick, due, full bool) (*handedOut, error) {
	agent, err := tx.LockAgent(tenantOf(ctx), id)
	if err != nil {
		return nil, notFound(err, "agent", id)
	}
	if h.news(agent, in.Instance) {
		if err := h.see(ctx, tx, agent, in.Instance); err != nil {
			return nil, err
		}
	}
	if full {
		if err := h.dropLost(ctx, tx, agent, in); err != nil {
			return nil, err
		}
	}
	if due {
		if _, err := h.sweepSome(ctx, tx, pickSweeps); err != nil {
			return nil, err
		}
	}
	if !online(agent) {
		return nil, nil
	}
	next, err := tx.NextOpportunity(h.pickFilter(agent, tx.Now()))
	if errors.Is(err, store.ErrNotFound) || err == nil && next.Held >= agent.Capacity {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return h.handOut(ctx, tx, agent, next, in)
}

// dropLost takes away what an agent at capacity has lost without saying so.
func (h *Handler) dropLost(ctx context.Context, tx *productstore.Store, agent *productstore.Agent, in productsapi.OpportunityPick) error {
	leased, err := tx.LockHeldBy(agent.Tenant, agent.ID)
	if err != nil {
		return err
	}
	ids := convertAll(leased, func(o *productstore.Opportunity) string { return o.ID.String() })
	lost := lifecycle.Dropped(int(agent.Capacity), ids, convertAll(in.Holding, func(s *string) string { return strings.ToLower(*s) }))
	for i := range leased {
		if !slices.Contains(lost, ids[i]) {
			continue
		}
		fresh := false // picked while the agent cannot have gone away for long
		err := h.change(ctx, tx, &leased[i], nil, func(now time.Time, l lifecycle.Opportunity) (lifecycle.Change, error) {
			fresh = l.Lease() != nil && now.Sub(l.UpdatedAt) <= h.replaceable(agent)
			return l.Lose(now, "the agent asked for work and did not name it", tx.NewID), nil
		})
		if err == nil && fresh && in.Instance == nil {
			err = h.tellDoubled(ctx, tx, agent, "asked for work and did not name what was picked just before: it has restarted, or another machine uses its id")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// handedOut is an opportunity with the lease under which an agent has it.
type handedOut struct {
	*productstore.Candidate
	lease productsapi.Lease
}

func (p *handedOut) answer() (*call.Answer, error) {
	related := &related{
		contexts: map[uuid.UUID]*productstore.Context{p.Context.ID: &p.Context},
		versions: map[uuid.UUID]*productstore.SpecVersion{p.Version.ID: &p.Version},
	}
	return respond(http.StatusOK, func(op *opaques) any {
		return struct {
			productsapi.Opportunity
			Lease productsapi.Lease `json:"lease"`
		}{related.toAPI(&p.Opportunity, op), p.lease}
	})
}

// handOut gives a locked opportunity to an agent.
func (h *Handler) handOut(ctx context.Context, tx *productstore.Store, agent *productstore.Agent, next *productstore.Candidate, in productsapi.OpportunityPick) (*handedOut, error) {
	o := &next.Opportunity
	before, err := load(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	length := lifecycle.DefaultLease
	if in.LeaseSeconds != nil {
		length = time.Duration(*in.LeaseSeconds) * time.Second
	}
	by := lifecycle.Holder{AgentID: agent.ID, Platform: agent.Platform, AgentGroup: agent.AgentGroup}
	change, err := before.Pick(tx.Now(), by, newLeaseToken(), length)
	if err != nil {
		return nil, refused(err)
	}
	events, err := eventsFrom(o, change.Events)
	if err != nil {
		return nil, err
	}
	fillState(o, change.Opportunity)
	lease := change.Opportunity.Lease()
	if err := errors.Join(tx.HandOut(o, leaseToStore(o, *lease)), tx.AppendEvents(events...)); err != nil {
		return nil, err
	}
	return &handedOut{next, productsapi.Lease{Token: lease.Token, ExpiresAt: dates.FormatEvent(lease.ExpiresAt), Attempt: int32(lease.Attempt)}}, nil
}

func newLeaseToken() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return hex.EncodeToString(random[:])
}

// SendHeartbeat extends leases.
func (h *Handler) SendHeartbeat(ctx context.Context, req productsapi.SendHeartbeatRequestObject) (productsapi.Response, error) {
	if err := checkTexts("/instance", []string{valueOr(req.Body.Instance, "")}); err != nil {
		return nil, err
	}
	var out []productsapi.LeaseStatus
	err := h.store.InTx(ctx, func(tx *productstore.Store) error {
		agent, err := tx.LockAgent(tenantOf(ctx), req.AgentID)
		if err != nil {
			return notFound(err, "agent", req.AgentID)
		}
		machine := req.Body.Instance
		if h.doubles(agent, machine, tx.Now()) {
			machine = nil // its leases are good all the same
		}
		if err := h.see(ctx, tx, agent, machine); err != nil {
			return err
		}
		out = make([]productsapi.LeaseStatus, len(req.Body.Leases))
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
	return respond(http.StatusOK, func(*opaques) any { return productsapi.HeartbeatAnswer{Leases: out} })
}

// byOpportunity is the order in which the leases are locked: the same for
// everybody, so that nobody waits crosswise.
func byOpportunity(leases []productsapi.HeartbeatLease) []int {
	order := make([]int, len(leases))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return strings.Compare(leases[a].TestOpportunityID, leases[b].TestOpportunityID)
	})
	return order
}

func (h *Handler) heartbeat(ctx context.Context, tx *productstore.Store, agent *productstore.Agent, in productsapi.HeartbeatLease) (productsapi.LeaseStatus, error) {
	out := productsapi.LeaseStatus{TestOpportunityID: in.TestOpportunityID, Status: productsapi.LeaseStatusStatus(lifecycle.LeaseIsLost), ExpiresAt: orNull[string](nil)}
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
		out.Status = productsapi.LeaseStatusStatus(status)
		if status != lifecycle.LeaseIsLost {
			out.ExpiresAt.Set(dates.FormatEvent(change.Opportunity.Lease().ExpiresAt))
		}
		return change, nil
	})
	if err == nil && out.Status != productsapi.LeaseStatusStatus(lifecycle.LeaseIsLost) && in.Phase.IsSpecified() && !in.Phase.IsNull() {
		phase := in.Phase.MustGet()
		if err := checkTexts("/leases", []string{phase}); err != nil {
			return out, err
		}
		err = tx.SetPhase(o.ID, o.Attempt, phase)
	}
	return out, err
}
