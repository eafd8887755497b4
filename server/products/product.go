package products

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/google/uuid"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// ListProducts answers a page of the caller's products.
func (h *Handler) ListProducts(ctx context.Context, req productsapi.ListProductsRequestObject) (productsapi.Response, error) {
	list, err := h.store.ListProducts(ctx, productstore.ProductFilter{
		Tenant: tenantOf(ctx), Name: valueOr(req.Params.Name, ""), Snap: valueOr(req.Params.Snap, ""),
		Page: pageOf(req.Params.Limit, req.Params.After),
	})
	if err != nil {
		return nil, fault.Cursor(err)
	}
	return listed(ctx, list, func(o *opaques, items []productstore.Product) any {
		return productsapi.ProductList{Products: convertAll(items, func(p *productstore.Product) productsapi.Product { return productToAPI(p, o) })}
	})
}

// CreateProduct defines a product of the caller.
func (h *Handler) CreateProduct(ctx context.Context, req productsapi.CreateProductRequestObject) (productsapi.Response, error) {
	return h.transact(ctx, func(tx *productstore.Store) (*call.Answer, error) {
		p := &productstore.Product{Tenant: tenantOf(ctx), Owner: auth.From(ctx).Label()}
		if err := fillProduct(p, req.Body); err != nil {
			return nil, err
		}
		if err := tx.CreateProduct(ctx, p); err != nil {
			return nil, nameTaken(err, "a product", p.Name)
		}
		return created("/v1/products/"+p.ID.String(), productAnswer(p))
	})
}

// created adds 201 and Location to what was made.
func created(location string, build func(o *opaques) any) (*call.Answer, error) {
	a, err := respond(http.StatusCreated, build)
	if err == nil {
		a.With("Location", location)
	}
	return a, err
}

func productAnswer(p *productstore.Product) func(o *opaques) any {
	return func(o *opaques) any { return productToAPI(p, o) }
}

func nameTaken(err error, what, name string) error {
	if errors.Is(err, store.ErrConflict) {
		return fault.Conflict("%s with the name %q exists already", what, name).Because(err)
	}
	return err
}

func fillProduct(p *productstore.Product, in *productsapi.NewProduct) error {
	p.Name, p.Release, p.Snaps = in.Name, in.Release, in.Snaps
	p.Manifest, p.Supersede = rawOf(in.Manifest), valueOr(in.Supersede, false)
	return checkProduct(p)
}

func checkProduct(p *productstore.Product) error {
	return errors.Join(checkTexts("/name", []string{p.Name}), checkTexts("/release", []string{p.Release}), checkTexts("/snaps", p.Snaps))
}

// GetProduct answers one product.
func (h *Handler) GetProduct(ctx context.Context, req productsapi.GetProductRequestObject) (productsapi.Response, error) {
	p, err := h.product(ctx, req.ProductID)
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, productAnswer(p))
}

// ReplaceProduct sets every field of a product.
func (h *Handler) ReplaceProduct(ctx context.Context, req productsapi.ReplaceProductRequestObject) (productsapi.Response, error) {
	return h.changeProduct(ctx, req.ProductID, func(p *productstore.Product) error { return fillProduct(p, req.Body) })
}

// UpdateProduct sets the fields that the body names.
func (h *Handler) UpdateProduct(ctx context.Context, req productsapi.UpdateProductRequestObject) (productsapi.Response, error) {
	in := req.Body
	return h.changeProduct(ctx, req.ProductID, func(p *productstore.Product) error {
		p.Name, p.Release, p.Supersede = valueOr(in.Name, p.Name), valueOr(in.Release, p.Release), valueOr(in.Supersede, p.Supersede)
		if in.Snaps != nil {
			p.Snaps = in.Snaps
		}
		if manifest := rawOf(in.Manifest); manifest != nil {
			p.Manifest = manifest
		}
		return checkProduct(p)
	})
}

func (h *Handler) changeProduct(ctx context.Context, id string, change func(p *productstore.Product) error) (*call.Answer, error) {
	var p *productstore.Product
	err := h.store.InTx(ctx, func(tx *productstore.Store) (err error) {
		if p, err = lockProduct(ctx, tx, id); err != nil {
			return err
		}
		if err := change(p); err != nil {
			return err
		}
		return nameTaken(tx.SaveProduct(ctx, p), "a product", p.Name)
	})
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, productAnswer(p))
}

// DeleteProduct removes a product; with force what is not final is cancelled.
func (h *Handler) DeleteProduct(ctx context.Context, req productsapi.DeleteProductRequestObject) (productsapi.Response, error) {
	err := h.store.InTx(ctx, func(tx *productstore.Store) error {
		p, err := lockProduct(ctx, tx, req.ProductID)
		if err != nil {
			return err
		}
		if err := h.clear(ctx, tx, p.ID, uuid.Nil, valueOr(req.Params.Force, false), "the product was deleted"); err != nil {
			return err
		}
		return tx.DeleteProduct(p)
	})
	if err != nil {
		return nil, err
	}
	return call.NoContent(), nil
}

// clear refuses while opportunities of a product, or of one spec of it, are not
// final, or cancels them by force.
func (h *Handler) clear(ctx context.Context, tx *productstore.Store, product, spec uuid.UUID, force bool, reason string) error {
	open, err := tx.LockOpen(product, spec)
	if err != nil {
		return err
	}
	if len(open) > 0 && !force {
		return fault.Conflict("test opportunities that are not final: %d; force=true cancels them", len(open))
	}
	for i := range open {
		if err := h.cancel(ctx, tx, &open[i], reason); err != nil {
			return err
		}
	}
	return nil
}

func productToAPI(p *productstore.Product, o *opaques) productsapi.Product {
	return productsapi.Product{
		Snaps: texts(p.Snaps), Release: p.Release, Name: p.Name, ID: p.ID,
		CreatedAt: dates.FormatCreated(p.CreatedAt), UpdatedAt: dates.FormatCreated(p.UpdatedAt),
		Manifest: o.nullable(p.Manifest), Supersede: p.Supersede, Owner: p.Owner,
	}
}

// texts never is nil, which would be null on the wire.
func texts(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// checkTexts refuses what the databases cannot keep.
func checkTexts(pointer string, list []string) error {
	for _, text := range list {
		for _, r := range text {
			if r == 0 {
				return fault.InvalidBody(pointer, "must not hold the character U+0000")
			}
		}
	}
	return nil
}

// CreateTestSpec defines a test of a product.
func (h *Handler) CreateTestSpec(ctx context.Context, req productsapi.CreateTestSpecRequestObject) (productsapi.Response, error) {
	return h.transact(ctx, func(tx *productstore.Store) (*call.Answer, error) {
		p, err := lockProduct(ctx, tx, req.ProductID)
		if err != nil {
			return nil, err
		}
		t := &productstore.TestSpec{ProductID: p.ID}
		if err := fillTestSpec(t, req.Body); err != nil {
			return nil, err
		}
		if err := tx.CreateTestSpec(ctx, t); err != nil {
			return nil, nameTaken(err, "a test spec", t.Name)
		}
		return created("/v1/products/"+p.ID.String()+"/testspecs/"+t.ID.String(), testSpecAnswer(t))
	})
}

func testSpecAnswer(t *productstore.TestSpec) func(o *opaques) any {
	return func(o *opaques) any { return testSpecToAPI(t, o) }
}

func fillTestSpec(t *productstore.TestSpec, in *productsapi.NewTestSpec) error {
	t.Name, t.TestPayload = in.Name, rawOf(in.TestPayload)
	t.Platform, t.AgentGroup = fromNullable(in.Platform), fromNullable(in.AgentGroup)
	t.Channels, t.Triggers = in.Channels, triggersFrom(in.Triggers)
	t.Enabled, t.Priority = valueOr(in.Enabled, true), int64(valueOr(in.Priority, 50))
	t.MaxAttempts, t.QueueTTLUS = int64(valueOr(in.MaxAttempts, 3)), valueOr(in.QueueTTLSeconds, 604800)*1_000_000
	return checkTestSpec(t)
}

func checkTestSpec(t *productstore.TestSpec) error {
	for pointer, list := range map[string][]string{
		"/name": {t.Name}, "/platform": {valueOr(t.Platform, "")}, "/agent_group": {valueOr(t.AgentGroup, "")}, "/channels": t.Channels,
	} {
		if err := checkTexts(pointer, list); err != nil {
			return err
		}
	}
	return nil
}

func triggersFrom(in []productsapi.TriggerKind) []string {
	return convertAll(in, func(k *productsapi.TriggerKind) string { return string(*k) })
}

// ListTestSpecs answers a page of the specs of a product.
func (h *Handler) ListTestSpecs(ctx context.Context, req productsapi.ListTestSpecsRequestObject) (productsapi.Response, error) {
	p, err := h.product(ctx, req.ProductID)
	if err != nil {
		return nil, err
	}
	list, err := h.store.ListTestSpecs(ctx, p.ID, pageOf(req.Params.Limit, req.Params.After))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	return listed(ctx, list, func(o *opaques, items []productstore.TestSpec) any {
		return productsapi.TestSpecList{TestSpecs: convertAll(items, func(t *productstore.TestSpec) productsapi.TestSpec { return testSpecToAPI(t, o) })}
	})
}

// GetTestSpec answers one spec.
func (h *Handler) GetTestSpec(ctx context.Context, req productsapi.GetTestSpecRequestObject) (productsapi.Response, error) {
	p, err := h.product(ctx, req.ProductID)
	if err != nil {
		return nil, err
	}
	t, err := testSpec(ctx, h.store, p.ID, req.SpecID)
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, testSpecAnswer(t))
}

func testSpec(ctx context.Context, s *productstore.Store, product uuid.UUID, text string) (*productstore.TestSpec, error) {
	id, err := idOf("test spec", text)
	if err != nil {
		return nil, err
	}
	t, err := s.TestSpec(ctx, product, id)
	return t, notFound(err, "test spec", text)
}

// ReplaceTestSpec sets every field of a spec.
func (h *Handler) ReplaceTestSpec(ctx context.Context, req productsapi.ReplaceTestSpecRequestObject) (productsapi.Response, error) {
	return h.changeTestSpec(ctx, req.ProductID, req.SpecID, func(t *productstore.TestSpec) error { return fillTestSpec(t, req.Body) })
}

// UpdateTestSpec sets the fields that the body names.
func (h *Handler) UpdateTestSpec(ctx context.Context, req productsapi.UpdateTestSpecRequestObject) (productsapi.Response, error) {
	return h.changeTestSpec(ctx, req.ProductID, req.SpecID, func(t *productstore.TestSpec) error {
		patchTestSpec(t, req.Body)
		return checkTestSpec(t)
	})
}

func patchTestSpec(t *productstore.TestSpec, in *productsapi.TestSpecPatch) {
	t.Name, t.Enabled = valueOr(in.Name, t.Name), valueOr(in.Enabled, t.Enabled)
	t.Priority = int64(valueOr(in.Priority, int32(t.Priority)))
	t.MaxAttempts = int64(valueOr(in.MaxAttempts, int32(t.MaxAttempts)))
	if in.QueueTTLSeconds != nil {
		t.QueueTTLUS = *in.QueueTTLSeconds * 1_000_000
	}
	if payload := rawOf(in.TestPayload); payload != nil {
		t.TestPayload = payload
	}
	if in.Platform.IsSpecified() {
		t.Platform = fromNullable(in.Platform)
	}
	if in.AgentGroup.IsSpecified() {
		t.AgentGroup = fromNullable(in.AgentGroup)
	}
	if in.Channels != nil {
		t.Channels = in.Channels
	}
	if in.Triggers != nil {
		t.Triggers = triggersFrom(in.Triggers)
	}
}

func (h *Handler) changeTestSpec(ctx context.Context, product, id string, change func(t *productstore.TestSpec) error) (*call.Answer, error) {
	var t *productstore.TestSpec
	err := h.store.InTx(ctx, func(tx *productstore.Store) error {
		p, err := lockProduct(ctx, tx, product)
		if err != nil {
			return err
		}
		if t, err = testSpec(ctx, tx, p.ID, id); err != nil {
			return err
		}
		if err := change(t); err != nil {
			return err
		}
		return nameTaken(tx.SaveTestSpec(ctx, t), "a test spec", t.Name)
	})
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, testSpecAnswer(t))
}

// DeleteTestSpec removes a spec; with force what is not final is cancelled.
func (h *Handler) DeleteTestSpec(ctx context.Context, req productsapi.DeleteTestSpecRequestObject) (productsapi.Response, error) {
	err := h.store.InTx(ctx, func(tx *productstore.Store) error {
		p, err := lockProduct(ctx, tx, req.ProductID)
		if err != nil {
			return err
		}
		t, err := testSpec(ctx, tx, p.ID, req.SpecID)
		if err != nil {
			return err
		}
		if err := h.clear(ctx, tx, p.ID, t.ID, valueOr(req.Params.Force, false), "the test spec was deleted"); err != nil {
			return err
		}
		return tx.DeleteTestSpec(t.ID)
	})
	if err != nil {
		return nil, err
	}
	return call.NoContent(), nil
}

func testSpecToAPI(t *productstore.TestSpec, o *opaques) productsapi.TestSpec {
	return productsapi.TestSpec{
		ID: t.ID, ProductID: t.ProductID, Name: t.Name, TestPayload: o.nullable(t.TestPayload),
		Platform: orNull(t.Platform), AgentGroup: orNull(t.AgentGroup), Channels: texts(t.Channels),
		Triggers: convertAll(t.Triggers, func(k *string) productsapi.TriggerKind { return productsapi.TriggerKind(*k) }),
		Enabled:  t.Enabled, Priority: int32(t.Priority), MaxAttempts: int32(t.MaxAttempts),
		QueueTTLSeconds: t.QueueTTLUS / 1_000_000,
		CreatedAt:       dates.FormatCreated(t.CreatedAt), UpdatedAt: dates.FormatCreated(t.UpdatedAt),
	}
}

// snapsToAPI reads a stored list of snaps.
func snapsToAPI(raw store.JSON) []productsapi.Snap {
	list := []productsapi.Snap{}
	_ = json.Unmarshal(raw, &list) // we wrote it
	return list
}
