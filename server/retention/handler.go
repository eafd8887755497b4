package retention

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	retentionapi "github.com/slipway-lab/slipway/gen/retention"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	retentionstore "github.com/slipway-lab/slipway/store/retention"
)

// Handler answers the operations of the tag retention.
type Handler struct {
	store  *retentionstore.Store
	config Config
}

var _ retentionapi.StrictServerInterface = (*Handler)(nil)

// New checks the settings.
func New(s *retentionstore.Store, c Config) (*Handler, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Handler{store: s, config: c}, nil
}

// rules are all that bear on what the scope sees, in the order in which they count.
func (h *Handler) rules(ctx context.Context, scope store.Scope) (list []retentionstore.Rule, revision int64, err error) {
	if list, revision, err = h.store.SetByRules(ctx, scope); err != nil {
		return nil, 0, err
	}
	for _, r := range h.config.given() {
		if retentionstore.Bears(&r, scope) {
			list = append(list, r)
		}
	}
	retentionstore.Sort(list)
	return list, revision, nil
}

// Ruled reports whether somebody has made a rule for a class: then the runs of
// retention remove what is old of it, and nothing else does.
func (h *Handler) Ruled(ctx context.Context, class string) (bool, error) {
	list, _, err := h.rules(ctx, store.Everything)
	return retentionstore.Ruled(list, class), err
}

// GetRetention answers the rules.
func (h *Handler) GetRetention(ctx context.Context, _ retentionapi.GetRetentionRequestObject) (retentionapi.Response, error) {
	return h.policy(ctx)
}

func (h *Handler) policy(ctx context.Context) (retentionapi.Response, error) {
	list, revision, err := h.rules(ctx, auth.From(ctx).Scope())
	if err != nil {
		return nil, err
	}
	replaces := retentionstore.Tenant
	if auth.From(ctx).SeesAll() {
		replaces = retentionstore.Server
	}
	body := retentionapi.RetentionPolicy{Revision: revision, Replaces: retentionapi.RetentionPolicyReplaces(replaces), Rules: []retentionapi.RetentionRule{}}
	if list, err = h.store.Named(ctx, auth.From(ctx).Scope(), list); err != nil {
		return nil, err
	}
	for i := range list {
		r, err := ruleToAPI(&list[i])
		if err != nil {
			return nil, err
		}
		body.Rules = append(body.Rules, r)
	}
	return call.OK(&body), nil
}

func ruleToAPI(r *retentionstore.Rule) (retentionapi.RetentionRule, error) {
	out := retentionapi.RetentionRule{
		Class: retentionapi.RetentionClass(r.Class), Tenant: orNull(r.Tenant), ProductID: nullable.NewNullNullable[uuid.UUID](), Job: orNull(r.Job),
		Days: nullable.NewNullNullable[int32](), Bytes: orNull(r.Bytes), Source: retentionapi.RetentionSource(r.Source),
	}
	if r.Days != nil {
		out.Days.Set(int32(*r.Days)) // Check bounds it
	}
	if r.Product != nil {
		id, err := uuid.Parse(*r.Product)
		if err != nil {
			return out, fmt.Errorf("product of a rule: %w", err)
		}
		out.ProductID.Set(id)
	}
	return out, nil
}

func orNull[T any](v *T) nullable.Nullable[T] {
	if v == nil {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(*v)
}

func orNil[T any](v nullable.Nullable[T]) *T {
	if value, err := v.Get(); err == nil {
		return &value
	}
	return nil
}

// ReplaceRetention takes the place of the rules that the caller has set before.
func (h *Handler) ReplaceRetention(ctx context.Context, req retentionapi.ReplaceRetentionRequestObject) (retentionapi.Response, error) {
	who := auth.From(ctx)
	rules := make([]retentionstore.Rule, len(req.Body.Rules))
	for i := range req.Body.Rules {
		rules[i] = ruleFromAPI(&req.Body.Rules[i])
		if err := checkRule(who, rules, i); err != nil {
			return nil, err
		}
	}
	revision := int64(-1)
	if req.Body.Revision != nil {
		revision = *req.Body.Revision
	}
	_, err := h.store.SetRules(ctx, who.Scope(), who.Label(), revision, rules)
	if errors.Is(err, retentionstore.ErrRevision) {
		return nil, fault.Conflict("the rules are not those of revision %d any more; read them again", revision).Because(err)
	}
	if err != nil {
		return nil, err
	}
	return h.policy(ctx)
}

func ruleFromAPI(in *retentionapi.NewRetentionRule) retentionstore.Rule {
	r := retentionstore.Rule{Class: string(in.Class), Tenant: orNil(in.Tenant), Job: orNil(in.Job), Bytes: orNil(in.Bytes)}
	if id := orNil(in.ProductID); id != nil {
		text := id.String()
		r.Product = &text
	}
	if days := orNil(in.Days); days != nil {
		n := int64(*days)
		r.Days = &n
	}
	return r
}

// checkRule refuses what the document cannot say of the rule i.
func checkRule(who auth.Identity, rules []retentionstore.Rule, i int) error {
	r := &rules[i]
	at := func(field string) string { return fmt.Sprintf("/rules/%d/%s", i, field) }
	if wrong := r.Check(); wrong != nil {
		return fault.InvalidBody(at(wrong.Field), "%s", wrong.Says)
	}
	if !who.SeesAll() {
		if r.Tenant != nil && *r.Tenant != who.Tenant {
			return fault.InvalidBody(at("tenant"), "must be your own, %q", who.Tenant)
		}
		switch r.Class {
		case retentionstore.Tasks, retentionstore.BuildData, retentionstore.Names:
			return fault.InvalidBody(at("class"), "%s belong to no tenant; only who sees every tenant makes a rule for them", r.Class)
		}
		r.Tenant = nil // it is said by whose rules they are
	}
	for j := range i {
		if r.Same(&rules[j]) {
			return fault.InvalidBody(at("class"), "is about the same as rule %d", j)
		}
	}
	return nil
}
