package products

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/server/products/lifecycle"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// ListOpportunities answers a page of the opportunities of a product.
func (h *Handler) ListOpportunities(ctx context.Context, req productsapi.ListOpportunitiesRequestObject) (productsapi.Response, error) {
	p, err := h.product(ctx, req.ProductID)
	if err != nil {
		return nil, err
	}
	filter := productstore.OpportunityFilter{
		Product: p.ID, ImageUniqueID: valueOr(req.Params.ImageUniqueID, ""), AgentID: valueOr(req.Params.AgentID, ""),
		States: convertAll(req.Params.State, func(s *productsapi.OpportunityState) string { return string(*s) }),
		Page:   pageOf(req.Params.Limit, req.Params.After),
	}
	if req.Params.SpecID != nil {
		if filter.SpecID, err = uuid.Parse(*req.Params.SpecID); err != nil {
			return listed(ctx, store.List[productstore.Opportunity]{}, noOpportunities)
		}
	}
	return h.listOpportunities(ctx, filter)
}

// ListAllOpportunities answers a page of the opportunities of all products.
func (h *Handler) ListAllOpportunities(ctx context.Context, req productsapi.ListAllOpportunitiesRequestObject) (productsapi.Response, error) {
	filter := productstore.OpportunityFilter{
		Tenant: tenantOf(ctx), AgentID: valueOr(req.Params.AgentID, ""),
		States: convertAll(req.Params.State, func(s *productsapi.OpportunityState) string { return string(*s) }),
		Page:   pageOf(req.Params.Limit, req.Params.After),
	}
	if req.Params.TestOpportunityID != nil {
		var err error
		if filter.ID, err = uuid.Parse(*req.Params.TestOpportunityID); err != nil || filter.ID == uuid.Nil {
			return listed(ctx, store.List[productstore.Opportunity]{}, noOpportunities)
		}
	}
	return h.listOpportunities(ctx, filter)
}

func (h *Handler) listOpportunities(ctx context.Context, filter productstore.OpportunityFilter) (productsapi.Response, error) {
	list, err := h.store.ListOpportunities(ctx, filter)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	related, err := h.related(ctx, h.store, list.Items)
	if err != nil {
		return nil, err
	}
	return listed(ctx, list, func(o *opaques, items []productstore.Opportunity) any {
		return productsapi.OpportunityList{TestOpportunities: convertAll(items, func(row *productstore.Opportunity) productsapi.Opportunity { return related.toAPI(row, o) })}
	})
}

func noOpportunities(*opaques, []productstore.Opportunity) any {
	return productsapi.OpportunityList{TestOpportunities: []productsapi.Opportunity{}}
}

// GetOpportunity answers one opportunity.
func (h *Handler) GetOpportunity(ctx context.Context, req productsapi.GetOpportunityRequestObject) (productsapi.Response, error) {
	_, o, err := h.opportunity(ctx, req.ProductID, req.TestOpportunityID)
	if err != nil {
		return nil, err
	}
	return h.opportunityAnswer(ctx, h.store, o)
}

func (h *Handler) opportunity(ctx context.Context, product, text string) (*productstore.Product, *productstore.Opportunity, error) {
	p, err := h.product(ctx, product)
	if err != nil {
		return nil, nil, err
	}
	id, err := idOf("test opportunity", text)
	if err != nil {
		return nil, nil, err
	}
	o, err := h.store.Opportunity(ctx, p.ID, id)
	return p, o, notFound(err, "test opportunity", text)
}

// lockOpportunity reads an opportunity inside a transaction, through the
// product that the path names.
func lockOpportunity(ctx context.Context, tx *productstore.Store, product, text string) (*productstore.Opportunity, error) {
	productID, err := idOf("product", product)
	if err != nil {
		return nil, err
	}
	p, err := tx.Product(ctx, tenantOf(ctx), productID)
	if err != nil {
		return nil, notFound(err, "product", product)
	}
	id, err := idOf("test opportunity", text)
	if err != nil {
		return nil, err
	}
	o, err := tx.LockOpportunity(p.Tenant, id)
	if err == nil && o.ProductID != p.ID {
		err = store.ErrNotFound
	}
	return o, notFound(err, "test opportunity", text)
}

func (h *Handler) opportunityAnswer(ctx context.Context, s *productstore.Store, o *productstore.Opportunity) (*call.Answer, error) {
	related, err := h.related(ctx, s, []productstore.Opportunity{*o})
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, func(op *opaques) any { return related.toAPI(o, op) })
}

// ReleaseOpportunity gives an opportunity back.
func (h *Handler) ReleaseOpportunity(ctx context.Context, req productsapi.ReleaseOpportunityRequestObject) (productsapi.Response, error) {
	if err := checkTexts("/reason", []string{valueOr(req.Body.Reason, "")}); err != nil {
		return nil, err
	}
	holder := ""
	a, err := h.step(ctx, req.ProductID, req.TestOpportunityID,
		func(now time.Time, l lifecycle.Opportunity) (lifecycle.Change, error) {
			change, err := l.Release(now, req.Body.LeaseToken, valueOr(req.Body.Reason, ""), h.store.NewID)
			if err == nil {
				holder = l.Lease().Holder.AgentID
			}
			return change, err
		})
	if err == nil && holder != "" {
		h.heard(ctx, holder)
	}
	return a, err
}

// TakeBackOpportunity ends the lease of an agent that an operator knows to be gone.
func (h *Handler) TakeBackOpportunity(ctx context.Context, req productsapi.TakeBackOpportunityRequestObject) (productsapi.Response, error) {
	reason, err := takeBackReason(req.Body)
	if err != nil {
		return nil, err
	}
	return h.step(ctx, req.ProductID, req.TestOpportunityID, takeBack(reason))
}

func takeBackReason(in *productsapi.OpportunityTakeBack) (string, error) {
	if in == nil {
		return "", nil
	}
	reason := valueOr(in.Reason, "")
	return reason, checkTexts("/reason", []string{reason})
}

func takeBack(reason string) func(time.Time, lifecycle.Opportunity) (lifecycle.Change, error) {
	return func(now time.Time, l lifecycle.Opportunity) (lifecycle.Change, error) { return l.TakeBack(now, reason) }
}

// UpdateOpportunity changes the priority of an opportunity that is not final.
func (h *Handler) UpdateOpportunity(ctx context.Context, req productsapi.UpdateOpportunityRequestObject) (productsapi.Response, error) {
	return h.transact(ctx, func(tx *productstore.Store) (*call.Answer, error) {
		o, err := lockOpportunity(ctx, tx, req.ProductID, req.TestOpportunityID)
		if err != nil {
			return nil, err
		}
		if state := lifecycle.State(o.State); state.Final() {
			return nil, fault.New(http.StatusConflict, string(lifecycle.AlreadyFinal), "the test opportunity is final: %s", state)
		}
		if err := tx.SetPriority(o, int64(req.Body.Priority)); err != nil {
			return nil, err
		}
		return h.opportunityAnswer(ctx, tx, o)
	})
}

// CancelOpportunity ends an opportunity that waits, and asks the agent of one
// that runs to stop.
func (h *Handler) CancelOpportunity(ctx context.Context, req productsapi.CancelOpportunityRequestObject) (productsapi.Response, error) {
	reason := ""
	if req.Body != nil {
		reason = valueOr(req.Body.Reason, "")
	}
	if err := checkTexts("/reason", []string{reason}); err != nil {
		return nil, err
	}
	return h.step(ctx, req.ProductID, req.TestOpportunityID,
		func(now time.Time, l lifecycle.Opportunity) (lifecycle.Change, error) {
			return l.Cancel(now, reason, h.config.CancelGrace)
		})
}

// step lets the state machine change one opportunity and answers it.
func (h *Handler) step(ctx context.Context, product, id string, change func(time.Time, lifecycle.Opportunity) (lifecycle.Change, error)) (*call.Answer, error) {
	return h.transact(ctx, func(tx *productstore.Store) (*call.Answer, error) {
		o, err := lockOpportunity(ctx, tx, product, id)
		if err != nil {
			return nil, err
		}
		if err := h.change(ctx, tx, o, nil, change); err != nil {
			return nil, err
		}
		return h.opportunityAnswer(ctx, tx, o)
	})
}

// cancel is CancelOpportunity for one that is locked already and not final.
func (h *Handler) cancel(ctx context.Context, tx *productstore.Store, o *productstore.Opportunity, reason string) error {
	return h.change(ctx, tx, o, nil, func(now time.Time, l lifecycle.Opportunity) (lifecycle.Change, error) {
		return l.Cancel(now, reason, h.config.CancelGrace)
	})
}

// RetryOpportunity makes a new opportunity in the context of a final one, with
// the spec as it is now.
func (h *Handler) RetryOpportunity(ctx context.Context, req productsapi.RetryOpportunityRequestObject) (productsapi.Response, error) {
	return h.transact(ctx, func(tx *productstore.Store) (*call.Answer, error) {
		o, err := lockOpportunity(ctx, tx, req.ProductID, req.TestOpportunityID)
		if err != nil {
			return nil, err
		}
		if err := (lifecycle.Opportunity{State: lifecycle.State(o.State)}).Retryable(); err != nil {
			return nil, refused(err)
		}
		p, err := tx.Product(ctx, o.Tenant, o.ProductID)
		if err != nil {
			return nil, err
		}
		t, err := tx.TestSpec(ctx, p.ID, o.SpecID)
		if errors.Is(err, store.ErrNotFound) {
			return nil, fault.Conflict("the test spec of the opportunity was deleted").Because(err)
		}
		if err != nil {
			return nil, err
		}
		rows := []productstore.Opportunity{retryOf(tx, p, t, o)}
		if err := errors.Join(begin(ctx, tx, rows), avoidAsBefore(ctx, tx, o.ID, rows[0].ID)); err != nil {
			return nil, err
		}
		return advertised([]productsapi.OpportunityRef{{ImageUniqueID: o.ImageUniqueID, TestOpportunityID: rows[0].ID}}, false)
	})
}

func retryOf(tx *productstore.Store, p *productstore.Product, t *productstore.TestSpec, o *productstore.Opportunity) productstore.Opportunity {
	var advertised *string
	if o.AdPlatform != "" {
		advertised = &o.AdPlatform
	}
	c := &productstore.Context{ID: o.ContextID, ImageUniqueID: o.ImageUniqueID}
	row := newOpportunity(tx, p, t, c, specToTrigger(t).PlatformFor(advertised))
	row.Kind, row.Subject, row.AdChannel, row.AdPlatform = o.Kind, o.Subject, o.AdChannel, o.AdPlatform
	row.Release, row.RetryOf = o.Release, &o.ID
	return row
}

// avoidAsBefore keeps a repeated opportunity from the agents that failed the one
// before. It begins anew, without a pause.
func avoidAsBefore(ctx context.Context, tx *productstore.Store, before, repeated uuid.UUID) error {
	by, err := tx.AvoidedBy(ctx, []uuid.UUID{before})
	if err != nil {
		return err
	}
	return tx.Avoid(convertAll(by[before], func(a *productstore.Avoided) productstore.Avoided {
		return productstore.Avoided{OpportunityID: repeated, AgentID: a.AgentID}
	})...)
}

// refused gives a refusal of the state machine its status.
func refused(err error) error {
	var r *lifecycle.Refusal
	if errors.As(err, &r) {
		return fault.New(http.StatusConflict, string(r.Code), "%s", r.Message).Because(err)
	}
	return err
}

// posted is what a result holds that the state machine does not look at, and
// what was stored of it.
type posted struct {
	payload, agent []byte
	revno          *string
	file           *resultstore.Result
	files          []formFile // all of them, when there are several

	row     *productstore.OpportunityResult
	related *related
	kept    []productstore.KeptFile
}

// change loads what the state machine needs of a locked opportunity, lets it
// decide, and stores everything that follows. The row shows the state after.
func (h *Handler) change(ctx context.Context, tx *productstore.Store, o *productstore.Opportunity, result *posted, decide func(time.Time, lifecycle.Opportunity) (lifecycle.Change, error)) error {
	before, err := load(ctx, tx, o)
	if err != nil {
		return err
	}
	before.Pause = h.config.RetryPause
	change, err := decide(tx.Now(), before)
	if err != nil {
		return refused(err)
	}
	return apply(ctx, tx, o, before, change, result)
}

func load(ctx context.Context, tx *productstore.Store, o *productstore.Opportunity) (lifecycle.Opportunity, error) {
	l := lifecycle.Opportunity{
		State: lifecycle.State(o.State), Attempt: int(o.Attempt), MaxAttempts: int(o.MaxAttempts), QueueTTL: microseconds(o.QueueTTLUS),
		QueuedAt: o.QueuedAt, LastQueuedAt: o.LastQueuedAt, UpdatedAt: o.UpdatedAt, CancelBy: valueOr(o.CancelBy, time.Time{}),
		NotBefore: fromMicros(o.NotBefore),
	}
	if o.Attempt > 0 {
		leases, err := tx.Leases(ctx, o.ID)
		if err != nil {
			return l, err
		}
		l.Leases = convertAll(leases, leaseFrom)
	}
	if o.ResultID != nil {
		r, err := tx.OpportunityResult(ctx, o.ProductID, *o.ResultID)
		if err != nil {
			return l, err
		}
		l.Result = &lifecycle.Result{
			ID: r.ID, TestStatus: r.TestStatus, Attempt: int(r.Attempt), StoredAt: r.CreatedAt, Synthetic: r.Synthetic, Token: r.Token,
			Holder: lifecycle.Holder{AgentID: valueOr(r.AgentID, ""), Platform: r.AgentPlatform, AgentGroup: r.AgentGroup},
		}
		copy(l.Result.Digest[:], r.Digest)
	}
	return l, nil
}

func leaseFrom(l *productstore.Lease) lifecycle.Lease {
	return lifecycle.Lease{
		Token: l.Token, Attempt: int(l.Attempt), Length: microseconds(l.LengthUS), ExpiresAt: l.ExpiresAt, End: lifecycle.LeaseEnd(l.Ended),
		Holder: lifecycle.Holder{AgentID: l.AgentID, Platform: l.Platform, AgentGroup: l.AgentGroup},
	}
}

// fromMicros reads a time of which 0 is none.
func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// toMicros is its reverse.
func toMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func microseconds(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// apply stores a change: leases, the result, the state, and the events.
func apply(ctx context.Context, tx *productstore.Store, o *productstore.Opportunity, before lifecycle.Opportunity, change lifecycle.Change, result *posted) error {
	for i, l := range change.Opportunity.Leases {
		if i < len(before.Leases) && before.Leases[i] == l {
			continue
		}
		if err := tx.SaveLease(leaseToStore(o, l)); err != nil {
			return err
		}
	}
	if change.Result != nil {
		if err := keepResult(ctx, tx, o, change.Result, result); err != nil {
			return err
		}
	}
	fillState(o, change.Opportunity)
	if err := tx.SaveOpportunity(o); err != nil {
		return err
	}
	if a := change.Avoid; a != nil {
		if err := tx.Avoid(productstore.Avoided{OpportunityID: o.ID, AgentID: a.AgentID, NotBefore: toMicros(a.NotBefore)}); err != nil {
			return err
		}
	}
	if o.State == string(lifecycle.Queued) && before.State != lifecycle.Queued {
		tx.Notify(workTopic(o.Tenant))
	}
	events, err := eventsFrom(o, change.Events)
	if err != nil {
		return err
	}
	return tx.AppendEvents(events...)
}

func leaseToStore(o *productstore.Opportunity, l lifecycle.Lease) *productstore.Lease {
	return &productstore.Lease{
		OpportunityID: o.ID, Attempt: int64(l.Attempt), Tenant: o.Tenant, ProductID: o.ProductID, AgentID: l.Holder.AgentID,
		Platform: l.Holder.Platform, AgentGroup: l.Holder.AgentGroup, Token: l.Token, LengthUS: l.Length.Microseconds(),
		ExpiresAt: l.ExpiresAt, Ended: string(l.End),
	}
}

// fillState copies what the state machine decides into the row.
func fillState(o *productstore.Opportunity, l lifecycle.Opportunity) {
	o.State, o.Attempt, o.MaxAttempts = string(l.State), int64(l.Attempt), int64(l.MaxAttempts)
	o.NotBefore = toMicros(l.NotBefore)
	o.LastQueuedAt, o.UpdatedAt = l.LastQueuedAt, l.UpdatedAt
	o.Deadline, o.CancelBy, o.Holder = nil, nil, ""
	if at := l.Deadline(); !at.IsZero() {
		o.Deadline = &at
	}
	if l.State == lifecycle.Cancelling {
		o.CancelBy = &l.CancelBy
	}
	if lease := l.Lease(); lease != nil {
		o.Holder = lease.Holder.AgentID
	}
	if l.Result != nil {
		o.ResultID = &l.Result.ID
	}
}

// workTopic is notified when something is queued for the agents of a tenant.
func workTopic(tenant string) string { return "work/" + tenant }

// eventData is what an event holds beside its type and time; SPI's event logs
// show the same members.
type eventData struct {
	AgentID    *string                   `json:"agent_id,omitempty"`
	Platform   nullable.Nullable[string] `json:"platform,omitempty"`
	AgentGroup nullable.Nullable[string] `json:"agent_group,omitempty"`
	ResultID   *uuid.UUID                `json:"result_id,omitempty"`
	TestStatus *string                   `json:"test_status,omitempty"`
	Attempt    *int32                    `json:"attempt,omitempty"`
	Reason     *string                   `json:"reason,omitempty"`
}

const area = "products"

func eventsFrom(o *productstore.Opportunity, list []lifecycle.Event) ([]store.Event, error) {
	var out []store.Event
	for _, e := range list {
		row := store.Event{
			Tenant: o.Tenant, Area: area, Type: string(e.Type), Time: e.Time,
			ProductID: &o.ProductID, OpportunityID: &o.ID, TestStatus: e.TestStatus,
		}
		data := eventData{}
		if e.Holder != nil {
			row.AgentID = e.Holder.AgentID
			data.AgentID, data.Platform, data.AgentGroup = &e.Holder.AgentID, orNull(e.Holder.Platform), orNull(e.Holder.AgentGroup)
		}
		if e.ResultID != uuid.Nil {
			data.ResultID, data.TestStatus = &e.ResultID, &e.TestStatus
		}
		if e.Attempt > 0 {
			attempt := int32(e.Attempt)
			data.Attempt = &attempt
		}
		if e.Reason != "" {
			data.Reason = &e.Reason
		}
		text, err := json.Marshal(data)
		if err != nil {
			return nil, err
		}
		row.Data = text
		out = append(out, row)
	}
	return out, nil
}

// related is what documents of opportunities tell from other tables.
type related struct {
	contexts map[uuid.UUID]*productstore.Context
	versions map[uuid.UUID]*productstore.SpecVersion
	waits    *waits // only when one of them waits
}

// about reads it for all rows at once.
func (h *Handler) related(ctx context.Context, s *productstore.Store, rows []productstore.Opportunity) (*related, error) {
	a, err := relatedFrom(ctx, s, rows)
	if err == nil {
		a.waits, err = h.waits(ctx, s, rows)
	}
	return a, err
}

// relatedFrom is about without why they wait.
func relatedFrom(ctx context.Context, s *productstore.Store, rows []productstore.Opportunity) (*related, error) {
	a := &related{}
	var contexts, versions []uuid.UUID
	for i := range rows {
		contexts, versions = append(contexts, rows[i].ContextID), append(versions, rows[i].VersionID)
	}
	var err error
	if a.contexts, err = s.Contexts(ctx, unique(contexts)); err != nil {
		return nil, err
	}
	a.versions, err = s.SpecVersions(ctx, unique(versions))
	return a, err
}

func unique(ids []uuid.UUID) []uuid.UUID {
	seen := make(map[uuid.UUID]bool, len(ids))
	var out []uuid.UUID
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// orEmpty is nil for the key that takes any agent.
func orEmpty(key string) *string {
	if key == "" {
		return nil
	}
	return &key
}

func (a *related) toAPI(row *productstore.Opportunity, o *opaques) productsapi.Opportunity {
	out := productsapi.Opportunity{
		TestOpportunityID: row.ID, ProductID: row.ProductID, Release: row.Release, SpecID: row.SpecID, ImageUniqueID: row.ImageUniqueID,
		Platform: orNull(orEmpty(row.PlatformKey)), AgentGroup: orNull(orEmpty(row.GroupKey)), Priority: int32(row.Priority),
		State: productsapi.OpportunityState(row.State), Attempt: int32(row.Attempt), MaxAttempts: int32(row.MaxAttempts),
		QueuedAt: dates.FormatEvent(row.QueuedAt), UpdatedAt: dates.FormatEvent(row.UpdatedAt),
		ExpiresAt: orNull[string](nil), RetryOf: orNull(row.RetryOf), HeldBy: orNull(orEmpty(row.Holder)),
		WaitingCode: orNull[productsapi.OpportunityWaitingCode](nil), WaitingReason: orNull[string](nil),
	}
	if v := a.versions[row.VersionID]; v != nil {
		out.SpecName, out.TestPayload = v.Name, o.nullable(v.TestPayload)
	}
	if c := a.contexts[row.ContextID]; c != nil {
		out.ImageReference, out.BaseSnaps, out.ExtraSnaps = o.nullable(c.ImageReference), snapsToAPI(c.BaseSnaps), o.value(c.ExtraSnaps)
		out.BaseChannel, out.UpdateChannel = c.BaseChannel, orNull(c.UpdateChannel)
		out.PrimarySnapName, out.PrimarySnapRevision = orNull(c.PrimarySnapName), orNull(c.PrimarySnapRevision)
	}
	if row.State == string(lifecycle.Queued) {
		if row.Deadline != nil {
			out.ExpiresAt.Set(dates.FormatEvent(*row.Deadline))
		}
		if a.waits != nil {
			why := a.waits.why(row)
			out.WaitingCode.Set(productsapi.OpportunityWaitingCode(why.Code))
			out.WaitingReason.Set(why.Text)
		}
	}
	return out
}
