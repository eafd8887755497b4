package products

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/server/products/lifecycle"
	"github.com/slipway-lab/slipway/server/products/opaque"
	"github.com/slipway-lab/slipway/server/products/trigger"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// AdvertiseImage takes a new image of a product.
func (h *Handler) AdvertiseImage(ctx context.Context, req productsapi.AdvertiseImageRequestObject) (productsapi.Response, error) {
	in := req.Body
	ad := trigger.Advertisement{
		Kind: trigger.KindImage, Channel: in.Channel, ImageUniqueID: in.ImageUniqueID, ImageReference: rawOf(in.ImageReference),
		ExtraSnaps: in.ExtraSnaps, Platform: in.Platform, Release: in.Release,
	}
	return h.advertiseTo(ctx, req.ProductID, valueOr(req.Params.Strict, false), ad)
}

// AdvertiseSnap takes a new snap revision, or a gold master, because SPI's own
// example posts one here (docs/api-reference-products.md of tanuki-agent).
func (h *Handler) AdvertiseSnap(ctx context.Context, req productsapi.AdvertiseSnapRequestObject) (productsapi.Response, error) {
	in := req.Body
	ad := trigger.Advertisement{
		Kind: trigger.KindSnap, Channel: valueOr(in.Channel, ""), Platform: in.Platform, Release: in.Release,
		Snap: trigger.Snap{Name: valueOr(in.Name, ""), Revision: valueOr(in.Revision, 0)},
	}
	if in.Name == nil && in.Snaps != nil {
		ad.Kind, ad.Snaps = trigger.KindGoldMaster, snapsFrom(in.Snaps)
	}
	return h.advertiseTo(ctx, req.ProductID, valueOr(req.Params.Strict, false), ad)
}

// AdvertiseGoldMaster takes a tested combination of snap revisions.
func (h *Handler) AdvertiseGoldMaster(ctx context.Context, req productsapi.AdvertiseGoldMasterRequestObject) (productsapi.Response, error) {
	in := req.Body
	ad := trigger.Advertisement{
		Kind: trigger.KindGoldMaster, Channel: in.Channel, Snaps: snapsFrom(in.Snaps), Platform: in.Platform, Release: in.Release,
	}
	return h.advertiseTo(ctx, req.ProductID, valueOr(req.Params.Strict, false), ad)
}

func snapsFrom(in []productsapi.Snap) []trigger.Snap {
	return convertAll(in, func(s *productsapi.Snap) trigger.Snap { return trigger.Snap{Name: s.Name, Revision: s.Revision} })
}

// AdvertiseSnapToAll takes a new snap revision for every product that the caller
// sees and that references the snap.
func (h *Handler) AdvertiseSnapToAll(ctx context.Context, req productsapi.AdvertiseSnapToAllRequestObject) (productsapi.Response, error) {
	in := req.Body
	ad := trigger.Advertisement{
		Kind: trigger.KindSnap, Channel: in.Channel, Platform: in.Platform, Release: in.Release,
		Snap: trigger.Snap{Name: in.Name, Revision: in.Revision},
	}
	if err := checkAdvertisement(ad); err != nil {
		return nil, err
	}
	return h.transact(ctx, func(tx *productstore.Store) (*call.Answer, error) {
		products, err := tx.LockProductsWithSnap(tenantOf(ctx), in.Name)
		if err != nil {
			return nil, err
		}
		var refs []productsapi.OpportunityRef
		for i := range products {
			made, err := h.advertise(ctx, tx, &products[i], ad)
			if err != nil {
				return nil, err
			}
			for j := range made {
				made[j].ProductID = &products[i].ID
			}
			if refs = append(refs, made...); len(refs) > h.config.MaxMade {
				return nil, h.tooMany(len(refs))
			}
		}
		return advertised(refs, valueOr(req.Params.Strict, false))
	})
}

func (h *Handler) advertiseTo(ctx context.Context, product string, strict bool, ad trigger.Advertisement) (*call.Answer, error) {
	if err := checkAdvertisement(ad); err != nil {
		return nil, err
	}
	return h.transact(ctx, func(tx *productstore.Store) (*call.Answer, error) {
		p, err := lockProduct(ctx, tx, product)
		if err != nil {
			return nil, err
		}
		refs, err := h.advertise(ctx, tx, p, ad)
		if err != nil {
			return nil, err
		}
		return advertised(refs, strict)
	})
}

// advertised is the answer. SPI's older documents answered 404 when nothing
// matched; strict asks for that, and its error undoes the advertisement.
func advertised(refs []productsapi.OpportunityRef, strict bool) (*call.Answer, error) {
	if len(refs) == 0 {
		if strict {
			return nil, fault.NotFound("nothing matches the advertisement, and strict refuses that; nothing was stored")
		}
		refs = []productsapi.OpportunityRef{}
	}
	return respond(http.StatusCreated, func(*opaques) any { return productsapi.OpportunityIDs{Ids: refs} })
}

// pointers writes extra_snaps[2].name as JSON pointers have it.
var pointers = strings.NewReplacer("[", "/", "].", "/", "]", "")

func checkAdvertisement(ad trigger.Advertisement) error {
	err := ad.Check()
	var field *trigger.FieldError
	if errors.As(err, &field) {
		return fault.InvalidBody(pointers.Replace("/"+field.Field), "%s", field.Reason)
	}
	return err
}

// advertise does everything that an advertisement sets off for one product,
// which is locked.
func (h *Handler) advertise(ctx context.Context, tx *productstore.Store, p *productstore.Product, ad trigger.Advertisement) ([]productsapi.OpportunityRef, error) {
	specs, err := tx.AllTestSpecs(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	state, err := triggerState(ctx, tx, p, specs, ad)
	if err != nil {
		return nil, err
	}
	plan, err := trigger.Decide(state, ad)
	if errors.Is(err, trigger.ErrOtherReference) {
		return nil, fault.Conflict("image_unique_id %q is in use in this product with another image_reference", ad.ImageUniqueID).Because(err)
	}
	if err != nil {
		return nil, err
	}
	if len(plan.Opportunities) > h.config.MaxMade {
		return nil, h.tooMany(len(plan.Opportunities))
	}
	if err := h.supersede(ctx, tx, p, ad, plan); err != nil {
		return nil, err
	}
	if err := keepAdvertised(ctx, tx, p, ad, plan); err != nil {
		return nil, err
	}
	return makeOpportunities(ctx, tx, p, specs, ad, plan)
}

func (h *Handler) tooMany(n int) error {
	return fault.Conflict("the advertisement would make %d test opportunities or more, at most %d are allowed (products-max-opportunities); nothing was stored", n, h.config.MaxMade)
}

func triggerState(ctx context.Context, tx *productstore.Store, p *productstore.Product, specs []productstore.TestSpec, ad trigger.Advertisement) (trigger.State, error) {
	state := trigger.State{Product: trigger.Product{ID: p.ID, Release: p.Release, Snaps: p.Snaps, Supersede: p.Supersede}}
	for i := range specs {
		state.Specs = append(state.Specs, specToTrigger(&specs[i]))
	}
	masters, err := tx.AllGoldMasters(ctx, p.ID)
	if err != nil {
		return state, err
	}
	for _, g := range masters {
		var snaps []trigger.Snap
		if err := json.Unmarshal(g.Snaps, &snaps); err != nil {
			return state, fmt.Errorf("snaps of gold master %s: %w", g.ID, err)
		}
		state.GoldMasters = append(state.GoldMasters, trigger.GoldMaster{ID: g.ID, Snaps: snaps, Channel: g.Channel, Released: g.Released})
	}
	if ad.Kind == trigger.KindImage {
		known, err := tx.ImageReference(ctx, p.ID, ad.ImageUniqueID)
		if err != nil {
			return state, err
		}
		state.OtherReference = known != nil && !opaque.Equal(json.RawMessage(known), ad.ImageReference)
	}
	return state, nil
}

func specToTrigger(t *productstore.TestSpec) trigger.Spec {
	return trigger.Spec{
		ID: t.ID, Enabled: t.Enabled, Channels: t.Channels, Platform: t.Platform,
		Triggers: convertAll(t.Triggers, func(k *string) trigger.Kind { return trigger.Kind(*k) }),
	}
}

// supersede cancels what still waits for an older advertisement of the same
// subject, when the product asks for that.
func (h *Handler) supersede(ctx context.Context, tx *productstore.Store, p *productstore.Product, ad trigger.Advertisement, plan trigger.Plan) error {
	if !plan.Supersedes {
		return nil
	}
	waiting, err := tx.LockQueued(p.ID, ad.Subject(), ad.Channel)
	if err != nil {
		return err
	}
	for i := range waiting {
		if ad.Platform != nil && waiting[i].PlatformKey != *ad.Platform {
			continue // none is made to take its place
		}
		if err := h.cancel(ctx, tx, &waiting[i], "superseded"); err != nil {
			return err
		}
	}
	return nil
}

// keepAdvertised stores what was advertised, a new gold master among it.
func keepAdvertised(ctx context.Context, tx *productstore.Store, p *productstore.Product, ad trigger.Advertisement, plan trigger.Plan) error {
	row := &productstore.Advertisement{
		ProductID: p.ID, Kind: string(ad.Kind), Channel: ad.Channel, Platform: ad.Platform, Release: ad.Release,
		Opportunities: int64(len(plan.Opportunities)), CreatedBy: auth.From(ctx).Label(),
	}
	switch ad.Kind {
	case trigger.KindImage:
		row.ImageUniqueID, row.ImageReference, row.ExtraSnaps = &ad.ImageUniqueID, store.JSON(ad.ImageReference), store.JSON(ad.ExtraSnaps)
		image := &productstore.Image{ProductID: p.ID, ImageUniqueID: ad.ImageUniqueID, Reference: store.JSON(ad.ImageReference), Release: valueOr(ad.Release, p.Release)}
		if err := tx.KeepImage(image); err != nil {
			return err
		}
	case trigger.KindSnap:
		row.SnapName, row.SnapRevision = &ad.Snap.Name, &ad.Snap.Revision
	case trigger.KindGoldMaster:
		row.Snaps = store.JSON(trigger.SnapsJSON(ad.Snaps))
		if err := keepGoldMaster(ctx, tx, p, plan.GoldMaster); err != nil {
			return err
		}
	}
	return tx.CreateAdvertisement(ctx, row)
}

func keepGoldMaster(ctx context.Context, tx *productstore.Store, p *productstore.Product, g *trigger.GoldMaster) error {
	if g == nil || g.ID != uuid.Nil {
		return nil
	}
	snaps := trigger.SnapsJSON(g.Snaps)
	sum := sha256.Sum256([]byte(g.Channel + "\x00" + string(snaps)))
	return tx.CreateGoldMaster(ctx, &productstore.GoldMaster{
		ProductID: p.ID, Digest: hex.EncodeToString(sum[:]), Channel: g.Channel, Snaps: store.JSON(snaps), Released: g.Released,
	})
}

// makeOpportunities stores the plan: contexts, opportunities and their events, in
// batches.
func makeOpportunities(ctx context.Context, tx *productstore.Store, p *productstore.Product, specs []productstore.TestSpec, ad trigger.Advertisement, plan trigger.Plan) ([]productsapi.OpportunityRef, error) {
	if len(plan.Opportunities) == 0 {
		return nil, nil
	}
	contexts := make([]productstore.Context, len(plan.Contexts))
	for i, c := range plan.Contexts {
		contexts[i] = contextFrom(c)
	}
	if err := tx.CreateContexts(contexts); err != nil {
		return nil, err
	}
	byID := make(map[uuid.UUID]*productstore.TestSpec, len(specs))
	for i := range specs {
		byID[specs[i].ID] = &specs[i]
	}
	rows := make([]productstore.Opportunity, len(plan.Opportunities))
	refs := make([]productsapi.OpportunityRef, len(rows))
	for i, o := range plan.Opportunities {
		c := &contexts[o.Context]
		rows[i] = newOpportunity(tx, p, byID[o.Spec.ID], c, o.Platform)
		rows[i].Kind, rows[i].Subject, rows[i].AdChannel, rows[i].AdPlatform = string(ad.Kind), ad.Subject(), ad.Channel, valueOr(ad.Platform, "")
		refs[i] = productsapi.OpportunityRef{ImageUniqueID: c.ImageUniqueID, TestOpportunityID: rows[i].ID}
	}
	return refs, begin(ctx, tx, rows)
}

// newOpportunity is a row without the state that begin gives it.
func newOpportunity(tx *productstore.Store, p *productstore.Product, t *productstore.TestSpec, c *productstore.Context, platform *string) productstore.Opportunity {
	return productstore.Opportunity{
		ID: tx.NewID(), Tenant: p.Tenant, ProductID: p.ID, SpecID: t.ID, VersionID: t.VersionID, ContextID: c.ID,
		ImageUniqueID: c.ImageUniqueID, Release: p.Release, PlatformKey: valueOr(platform, ""), GroupKey: valueOr(t.AgentGroup, ""),
		Priority: t.Priority, MaxAttempts: t.MaxAttempts, QueueTTLUS: t.QueueTTLUS,
	}
}

// begin queues new opportunities and wakes those who wait for work.
func begin(ctx context.Context, tx *productstore.Store, rows []productstore.Opportunity) error {
	now := tx.Now()
	var events []store.Event
	for i := range rows {
		o := &rows[i]
		change := lifecycle.New(now, int(o.MaxAttempts), microseconds(o.QueueTTLUS))
		fillState(o, change.Opportunity)
		o.QueuedAt = change.Opportunity.QueuedAt
		made, err := eventsFrom(o, change.Events)
		if err != nil {
			return err
		}
		events = append(events, made...)
	}
	if err := tx.CreateOpportunities(rows); err != nil {
		return err
	}
	tx.Notify(workTopic(rows[0].Tenant))
	return tx.AppendEvents(events...)
}

func contextFrom(c trigger.Context) productstore.Context {
	row := productstore.Context{
		ImageUniqueID: c.ImageUniqueID, ImageReference: store.JSON(c.ImageReference), BaseSnaps: store.JSON(trigger.SnapsJSON(c.BaseSnaps)),
		ExtraSnaps: store.JSON(c.ExtraSnaps), BaseChannel: c.BaseChannel, UpdateChannel: c.UpdateChannel,
	}
	if c.PrimarySnap != nil {
		row.PrimarySnapName, row.PrimarySnapRevision = &c.PrimarySnap.Name, &c.PrimarySnap.Revision
	}
	return row
}

// ListImages answers what was advertised as an image.
func (h *Handler) ListImages(ctx context.Context, req productsapi.ListImagesRequestObject) (productsapi.Response, error) {
	return h.listAdvertisements(ctx, req.ProductID, trigger.KindImage, pageOf(req.Params.Limit, req.Params.After))
}

// ListSnaps answers what was advertised as a snap revision.
func (h *Handler) ListSnaps(ctx context.Context, req productsapi.ListSnapsRequestObject) (productsapi.Response, error) {
	return h.listAdvertisements(ctx, req.ProductID, trigger.KindSnap, pageOf(req.Params.Limit, req.Params.After))
}

func (h *Handler) listAdvertisements(ctx context.Context, product string, kind trigger.Kind, page store.Page) (*call.Answer, error) {
	p, err := h.product(ctx, product)
	if err != nil {
		return nil, err
	}
	list, err := h.store.ListAdvertisements(ctx, p.ID, string(kind), page)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	return listed(ctx, list, func(o *opaques, items []productstore.Advertisement) any {
		return productsapi.AdvertisementList{Advertisements: convertAll(items, func(a *productstore.Advertisement) productsapi.Advertisement { return advertisementToAPI(a, o) })}
	})
}

func advertisementToAPI(a *productstore.Advertisement, o *opaques) productsapi.Advertisement {
	out := productsapi.Advertisement{
		ID: a.ID, Kind: productsapi.TriggerKind(a.Kind), ProductID: a.ProductID, Channel: a.Channel,
		ImageUniqueID: orNull(a.ImageUniqueID), ImageReference: o.nullable(a.ImageReference), ExtraSnaps: o.nullable(a.ExtraSnaps),
		Name: orNull(a.SnapName), Revision: orNull(a.SnapRevision), Snaps: orNull[[]productsapi.Snap](nil),
		Platform: orNull(a.Platform), Release: orNull(a.Release),
		Opportunities: a.Opportunities, CreatedAt: dates.FormatCreated(a.CreatedAt), CreatedBy: a.CreatedBy,
	}
	if a.Snaps != nil {
		out.Snaps.Set(snapsToAPI(a.Snaps))
	}
	return out
}

// ListGoldMasters answers a page of the gold masters of a product.
func (h *Handler) ListGoldMasters(ctx context.Context, req productsapi.ListGoldMastersRequestObject) (productsapi.Response, error) {
	p, err := h.product(ctx, req.ProductID)
	if err != nil {
		return nil, err
	}
	list, err := h.store.ListGoldMasters(ctx, p.ID, pageOf(req.Params.Limit, req.Params.After))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	return listed(ctx, list, func(_ *opaques, items []productstore.GoldMaster) any {
		return productsapi.GoldMasterList{GoldMasters: convertAll(items, goldMasterToAPI)}
	})
}

// GetGoldMaster answers one gold master.
func (h *Handler) GetGoldMaster(ctx context.Context, req productsapi.GetGoldMasterRequestObject) (productsapi.Response, error) {
	p, err := h.product(ctx, req.ProductID)
	if err != nil {
		return nil, err
	}
	id, err := idOf("gold master", req.GoldMasterID)
	if err != nil {
		return nil, err
	}
	g, err := h.store.GoldMaster(ctx, p.ID, id)
	return goldMasterAnswer(g, notFound(err, "gold master", req.GoldMasterID))
}

// UpdateGoldMaster says whether end users have a gold master.
func (h *Handler) UpdateGoldMaster(ctx context.Context, req productsapi.UpdateGoldMasterRequestObject) (productsapi.Response, error) {
	p, err := h.product(ctx, req.ProductID)
	if err != nil {
		return nil, err
	}
	id, err := idOf("gold master", req.GoldMasterID)
	if err != nil {
		return nil, err
	}
	g, err := h.store.ReleaseGoldMaster(ctx, p.ID, id, req.Body.Released)
	return goldMasterAnswer(g, notFound(err, "gold master", req.GoldMasterID))
}

func goldMasterAnswer(g *productstore.GoldMaster, err error) (*call.Answer, error) {
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, func(*opaques) any { return goldMasterToAPI(g) })
}

func goldMasterToAPI(g *productstore.GoldMaster) productsapi.GoldMaster {
	return productsapi.GoldMaster{
		ID: g.ID, ProductID: g.ProductID, Snaps: snapsToAPI(g.Snaps), Channel: g.Channel, Released: g.Released,
		CreatedAt: dates.FormatCreated(g.CreatedAt), UpdatedAt: dates.FormatCreated(g.UpdatedAt),
	}
}
