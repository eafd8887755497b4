package products

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/server/products/waiting"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// ListAgents answers a page of the agents of the caller's tenant.
func (h *Handler) ListAgents(ctx context.Context, req productsapi.ListAgentsRequestObject) (productsapi.Response, error) {
	filter := productstore.AgentFilter{
		Tenant: tenantOf(ctx), Platform: valueOr(req.Params.Platform, ""), AgentGroup: valueOr(req.Params.AgentGroup, ""),
		Mode: string(valueOr(req.Params.Mode, "")), Page: pageOf(req.Params.Limit, req.Params.After),
	}
	list, err := h.store.ListAgents(ctx, filter)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	var held map[string][]productstore.Lease
	if ids := convertAll(list.Items, func(a *productstore.Agent) string { return a.ID }); len(ids) > 0 {
		if held, err = h.store.HeldLeases(ctx, filter.Tenant, ids...); err != nil {
			return nil, err
		}
	}
	var recent map[string][]productstore.RecentResult
	most := int(valueOr(req.Params.Recent, 0))
	if most > 0 {
		if recent, err = h.store.RecentResults(ctx, filter.Tenant, convertAll(list.Items, func(a *productstore.Agent) string { return a.ID }), most); err != nil {
			return nil, err
		}
	}
	return listed(ctx, list, func(_ *opaques, items []productstore.Agent) any {
		return productsapi.AgentList{Agents: convertAll(items, func(a *productstore.Agent) productsapi.Agent {
			out := h.agentToAPI(a, held[a.ID])
			if most > 0 {
				out.Recent = new(lettersOf(recent[a.ID]))
			}
			return out
		})}
	})
}

// lettersOf writes results, which come newest first, as letters with the oldest first.
// A file that is worse than the status decides.
func lettersOf(list []productstore.RecentResult) string {
	letters := make([]byte, 0, len(list))
	for _, r := range slices.Backward(list) {
		letter := byte('u')
		switch r.TestStatus {
		case passed:
			letter = 'p'
		case "FAILED":
			letter = 'f'
		case "ERROR":
			letter = 'e'
		case "SKIPPED":
			letter = 's'
		}
		switch {
		case letter == 'f':
		case r.FileOutcome == "fail":
			letter = 'f'
		case r.FileOutcome == "error", r.FileOutcome == "incomplete":
			letter = 'e'
		}
		letters = append(letters, letter)
	}
	return string(letters)
}

// GetAgent answers one agent.
func (h *Handler) GetAgent(ctx context.Context, req productsapi.GetAgentRequestObject) (productsapi.Response, error) {
	a, err := h.store.Agent(ctx, tenantOf(ctx), req.AgentID)
	if err != nil {
		return nil, notFound(err, "agent", req.AgentID)
	}
	return h.agentAnswer(ctx, http.StatusOK, a)
}

func (h *Handler) agentAnswer(ctx context.Context, status int, a *productstore.Agent) (*call.Answer, error) {
	held, err := h.store.HeldLeases(ctx, a.Tenant, a.ID)
	if err != nil {
		return nil, err
	}
	return respond(status, func(*opaques) any { return h.agentToAPI(a, held[a.ID]) })
}

// RegisterAgent takes what an agent says of itself.
func (h *Handler) RegisterAgent(ctx context.Context, req productsapi.RegisterAgentRequestObject) (productsapi.Response, error) {
	if err := checkAgentTexts(req.AgentID, req.Body); err != nil {
		return nil, err
	}
	var a *productstore.Agent
	var isNew, wasSilent bool
	err := h.store.InTx(ctx, func(tx *productstore.Store) (err error) {
		a, isNew, err = tx.PutAgent(ctx, tenantOf(ctx), req.AgentID, func(a *productstore.Agent) error {
			wasSilent = a.SilentAt != nil
			return fillAgent(a, req.Body)
		})
		if err != nil || !wasSilent {
			return err
		}
		return tellOf(ctx, tx, a, agentBack, "")
	})
	if err != nil {
		return nil, err
	}
	if !isNew {
		return h.agentAnswer(ctx, http.StatusOK, a)
	}
	out, err := h.agentAnswer(ctx, http.StatusCreated, a)
	if err == nil {
		out.With("Location", "/v1/agents/"+url.PathEscape(a.ID))
	}
	return out, err
}

func checkAgentTexts(id string, in *productsapi.AgentRegistration) error {
	if err := checkTexts("", []string{id}); err != nil {
		return fault.InvalidField("path", "agent_id", "must not hold the character U+0000")
	}
	for name, text := range in.Labels {
		if err := checkTexts("/labels", []string{name, text}); err != nil {
			return err
		}
	}
	for pointer, list := range map[string][]string{
		"/agent_group": {valueOr(fromNullable(in.AgentGroup), "")}, "/platform": {valueOr(fromNullable(in.Platform), "")},
		"/agent_revno": {valueOr(fromNullable(in.AgentRevno), "")}, "/releases": in.Releases,
	} {
		if err := checkTexts(pointer, list); err != nil {
			return err
		}
	}
	return nil
}

// fillAgent leaves the mode alone unless the agent names one: an operator may
// have set it.
func fillAgent(a *productstore.Agent, in *productsapi.AgentRegistration) error {
	labels := in.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	text, err := json.Marshal(labels)
	if err != nil {
		return err
	}
	a.Platform, a.AgentGroup, a.Revno = fromNullable(in.Platform), fromNullable(in.AgentGroup), fromNullable(in.AgentRevno)
	a.Capacity, a.Releases, a.Labels = int64(valueOr(in.Capacity, 1)), in.Releases, text
	a.SilenceUS = nil
	if seconds := fromNullable(in.SilenceSeconds); seconds != nil {
		us := *seconds * time.Second.Microseconds()
		a.SilenceUS = &us
	}
	a.Products = convertAll(in.Products, func(id *uuid.UUID) string { return id.String() })
	switch {
	case in.Mode != nil:
		a.Mode = string(*in.Mode)
	case a.Mode == "":
		a.Mode = string(waiting.Online)
	}
	return nil
}

// UpdateAgent says what is wanted of an agent.
func (h *Handler) UpdateAgent(ctx context.Context, req productsapi.UpdateAgentRequestObject) (productsapi.Response, error) {
	if err := checkTexts("/comment", []string{valueOr(fromNullable(req.Body.Comment), "")}); err != nil {
		return nil, err
	}
	a, err := h.store.UpdateAgent(ctx, tenantOf(ctx), req.AgentID, func(a *productstore.Agent) error {
		if a.Mode = string(req.Body.Mode); req.Body.Mode == productsapi.AgentModeOffline {
			a.Instance, a.InstanceAt = nil, nil // the machine has left, and another may come at once
		}
		if req.Body.Comment.IsSpecified() {
			a.Comment = fromNullable(req.Body.Comment)
		}
		return nil
	})
	if err != nil {
		return nil, notFound(err, "agent", req.AgentID)
	}
	h.store.Wake(workTopic(a.Tenant)) // it may be waiting for work already
	return h.agentAnswer(ctx, http.StatusOK, a)
}

// DeleteAgent deletes an agent that holds nothing, or one from which everything is
// taken back.
func (h *Handler) DeleteAgent(ctx context.Context, req productsapi.DeleteAgentRequestObject) (productsapi.Response, error) {
	err := h.store.InTx(ctx, func(tx *productstore.Store) error {
		if valueOr(req.Params.Force, false) {
			if _, err := h.takeBackAll(ctx, tx, req.AgentID, "the agent was deleted"); err != nil {
				return err
			}
		}
		return tx.DeleteAgent(ctx, tenantOf(ctx), req.AgentID)
	})
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.Conflict("agent %s holds test opportunities", req.AgentID).Because(err)
	}
	if err != nil {
		return nil, notFound(err, "agent", req.AgentID)
	}
	return call.NoContent(), nil
}

// TakeBackFromAgent ends all leases of an agent.
func (h *Handler) TakeBackFromAgent(ctx context.Context, req productsapi.TakeBackFromAgentRequestObject) (productsapi.Response, error) {
	reason, err := takeBackReason(req.Body)
	if err != nil {
		return nil, err
	}
	var a *productstore.Agent
	err = h.store.InTx(ctx, func(tx *productstore.Store) (err error) {
		a, err = h.takeBackAll(ctx, tx, req.AgentID, reason)
		return err
	})
	if err != nil {
		return nil, notFound(err, "agent", req.AgentID)
	}
	return h.agentAnswer(ctx, http.StatusOK, a)
}

// takeBackAll takes back what an agent holds. The agent is locked, so that it picks
// nothing meanwhile.
func (h *Handler) takeBackAll(ctx context.Context, tx *productstore.Store, id, reason string) (*productstore.Agent, error) {
	a, err := tx.LockAgent(tenantOf(ctx), id)
	if err != nil {
		return nil, err
	}
	held, err := tx.LockHeldBy(a.Tenant, a.ID)
	if err != nil {
		return nil, err
	}
	for i := range held {
		if err := h.change(ctx, tx, &held[i], nil, takeBack(reason)); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (h *Handler) agentToAPI(a *productstore.Agent, held []productstore.Lease) productsapi.Agent {
	out := productsapi.Agent{
		AgentID: a.ID, AgentGroup: orNull(a.AgentGroup), Platform: orNull(a.Platform), AgentRevno: orNull(a.Revno),
		Capacity: int32(a.Capacity), Products: []uuid.UUID{}, Releases: texts(a.Releases), Labels: map[string]string{},
		Mode: productsapi.AgentMode(a.Mode), Comment: orNull(a.Comment), State: "idle",
		Holding: convertAll(held, heldToAPI), LastSeenAt: dates.FormatEvent(a.LastSeenAt), CreatedAt: dates.FormatCreated(a.CreatedAt),
		SilenceSeconds: orNull[int64](nil), Instance: orNull(a.Instance),
	}
	if a.SilenceUS != nil {
		out.SilenceSeconds.Set(*a.SilenceUS / time.Second.Microseconds())
	}
	_ = json.Unmarshal(a.Labels, &out.Labels) // we wrote it
	for _, text := range a.Products {
		if id, err := uuid.Parse(text); err == nil {
			out.Products = append(out.Products, id)
		}
	}
	switch {
	case waitingAgent(a, len(held)).Silent(h.store.Now(), h.config.AgentSilence):
		out.State = "silent"
	case len(held) > 0:
		out.State = "busy"
	}
	return out
}

func heldToAPI(l *productstore.Lease) productsapi.HeldOpportunity {
	return productsapi.HeldOpportunity{
		TestOpportunityID: l.OpportunityID, ProductID: l.ProductID, Attempt: int32(l.Attempt),
		ExpiresAt: dates.FormatEvent(l.ExpiresAt), Phase: orNull(l.Phase),
	}
}
