package products

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	productsapi "github.com/slipway-lab/slipway/gen/products"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/bodycheck"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/reach"
	"github.com/slipway-lab/slipway/server/edge/seal"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// Handler answers the operations of the tag products.
type Handler struct {
	// store is the whole store: transactions hand it out anyway, and every step
	// of this area is one.
	store  *productstore.Store
	intake *intake.Intake
	config Config
	box    seal.Box

	webhookHosts  *reach.Hosts
	webhookClient *http.Client
	streams       streamCount

	resultPart *bodycheck.Checker // of the part result of a form
}

var _ productsapi.StrictServerInterface = (*Handler)(nil)

// New prepares what is checked against doc, which it
// does not keep. Background must be run beside the handler.
func New(s *productstore.Store, doc *openapi3.T, c Config) (*Handler, error) {
	in := &intake.Intake{Store: s.Results, Blobs: s.Blobs, Limits: c.Limits}
	part, err := bodycheck.Compile(doc.Components.Schemas["NewTestResult"], bodycheck.Options{})
	if err != nil {
		return nil, fmt.Errorf("the schema of a result: %w", err)
	}
	hosts, err := c.webhookHosts()
	if err != nil {
		return nil, err
	}
	box, err := newBox(c.Secret)
	if err != nil {
		return nil, err
	}
	h := &Handler{store: s, intake: in, resultPart: part, config: c, box: box, webhookHosts: hosts, webhookClient: hosts.Client(c.WebhookTimeout)}
	if c.WebhookTransport != nil {
		h.webhookClient = &http.Client{Timeout: c.WebhookTimeout, Transport: c.WebhookTransport}
	}
	if c.Metrics != nil {
		c.Metrics.MustRegister(agentStates{h})
	}
	return h, nil
}

func tenantOf(ctx context.Context) string { return auth.From(ctx).Tenant }

// notFound turns the store's error into a 404 that names what was asked for.
func notFound(err error, what, id string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.NotFound("%s %s does not exist", what, id).Because(err)
	}
	return err
}

// idOf reads an id of a path. What is none cannot exist.
func idOf(what, text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return uuid.Nil, fault.NotFound("%s %s does not exist", what, text)
	}
	return id, nil
}

// product returns a product that the caller sees.
func (h *Handler) product(ctx context.Context, text string) (*productstore.Product, error) {
	id, err := idOf("product", text)
	if err != nil {
		return nil, err
	}
	p, err := h.store.Product(ctx, tenantOf(ctx), id)
	return p, notFound(err, "product", text)
}

// lockProduct is product inside a transaction.
func lockProduct(ctx context.Context, tx *productstore.Store, text string) (*productstore.Product, error) {
	id, err := idOf("product", text)
	if err != nil {
		return nil, err
	}
	p, err := tx.LockProduct(tenantOf(ctx), id)
	return p, notFound(err, "product", text)
}

// pageOf turns the document's limit and after, which are checked already, into
// the store's.
func pageOf(limit *int32, after *string) store.Page {
	p := store.Page{Limit: store.DefaultLimit, Total: true}
	if limit != nil {
		p.Limit = int(*limit)
	}
	if after != nil {
		p.After = *after
	}
	return p
}

// listed is the answer with a page: the headers say how to go on.
func listed[T any](ctx context.Context, list store.List[T], build func(o *opaques, items []T) any) (*call.Answer, error) {
	a, err := respond(http.StatusOK, func(o *opaques) any { return build(o, list.Items) })
	if err != nil {
		return nil, err
	}
	name := "X-Total-Count"
	if list.More {
		name = "X-Total-Count-At-Least"
	}
	return a.With(name, fmt.Sprint(list.Total)).Paged(ctx, list.Next), nil
}

// convertAll converts each entry of a list. The result is never nil, so that it is
// [] in JSON and not null.
func convertAll[T, U any](list []T, convert func(*T) U) []U {
	out := make([]U, 0, len(list))
	for i := range list {
		out = append(out, convert(&list[i]))
	}
	return out
}

// valueOr is what v points to, or fallback when v is nil.
func valueOr[T any](v *T, fallback T) T {
	if v == nil {
		return fallback
	}
	return *v
}
