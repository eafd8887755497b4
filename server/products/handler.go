package products

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/fault"
	"github.com/slipway-lab/slipway/server/intake"
	"github.com/slipway-lab/slipway/server/products/lifecycle"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// Config holds the area's settings; the zero value of each has a meaning.
type Config struct {
	// Done ends long polls and streams when it is closed.
	Done <-chan struct{}

	// LookEvery is how often a waiting call looks although nothing woke it;
	// default one second. Notifications make it a fallback.
	LookEvery time.Duration

	// CancelGrace is how long the agent of a cancelled opportunity has to stop;
	// default 5 minutes.
	CancelGrace time.Duration

	// MaxOutput limits the console output of one opportunity in bytes; default
	// 16 MiB.
	MaxOutput int64

	// MaxMade limits the opportunities that one advertisement makes; default
	// 20,000.
	MaxMade int

	// Limits bounds the files that come with results.
	Limits intake.Limits

	// WebhookHosts are the only hosts that webhooks may call: names, with a port
	// or without, or "*.example.org" for all below a name. Default: none.
	WebhookHosts []string

	// WebhookBackoff are the pauses between the attempts of a delivery, which is
	// given up after the last of them; default some nine hours in eight steps.
	WebhookBackoff []time.Duration

	// Secret is the server's, under which the secrets of webhooks and the answers
	// to Idempotency-Keys are encrypted.
	Secret []byte

	// KeepEvents is how long events are kept, KeepDeliveries the record of what
	// was sent to webhooks, and KeepOutput console output, once the opportunity is
	// final. Zero is for ever.
	KeepEvents, KeepDeliveries, KeepOutput time.Duration
}

// Handler answers the operations of the tag products.
type Handler struct {
	// store is the whole store: transactions hand it out anyway, and every step
	// of this area is one.
	store  *productstore.Store
	intake *intake.Intake
	config Config
}

// New checks the settings. Background must be run beside the handler.
func New(s *productstore.Store, c Config) (*Handler, error) {
	if c.LookEvery <= 0 {
		c.LookEvery = lookEvery
	}
	if c.CancelGrace == 0 {
		c.CancelGrace = lifecycle.DefaultCancelGrace
	}
	if c.MaxOutput == 0 {
		c.MaxOutput = 16 << 20
	}
	if c.MaxMade == 0 {
		c.MaxMade = 20_000
	}
	if c.WebhookBackoff == nil {
		c.WebhookBackoff = defaultBackoff
	}
	if c.CancelGrace < 0 || c.MaxOutput < 0 || c.MaxMade < 0 {
		return nil, errors.New("limits of products must not be negative")
	}
	in := &intake.Intake{Store: s.Results, Blobs: s.Blobs, Limits: c.Limits.WithDefaults()}
	return &Handler{store: s, intake: in, config: c}, nil
}

func tenantOf(ctx context.Context) string { return auth.From(ctx).Tenant }

// callerName is who made something, for people.
func callerName(ctx context.Context) string {
	who := auth.From(ctx)
	if who.Owner != "" {
		return who.Owner
	}
	if who.Name != "" {
		return who.Name
	}
	return who.Kind
}

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

// pageOf turns the document's limit and cursor, which are checked already, into
// the store's.
func pageOf(limit *int32, cursor *string) store.Page {
	p := store.Page{Limit: store.DefaultLimit, Total: true}
	if limit != nil {
		p.Limit = int(*limit)
	}
	if cursor != nil {
		p.After = *cursor
	}
	return p
}

// pageError says of a cursor that it is none of this list.
func pageError(err error) error {
	if errors.Is(err, store.ErrBadCursor) {
		return fault.InvalidField("query", "cursor", "must be one that an earlier page of this list gave").Because(err)
	}
	return err
}

// listed is the answer with a page: the headers say how to go on.
func listed[T any](ctx context.Context, list store.List[T], build func(o *opaques, items []T) any) (*answer, error) {
	a, err := respond(http.StatusOK, func(o *opaques) any { return build(o, list.Items) })
	if err != nil {
		return nil, err
	}
	a.header.Set("X-Total-Count", fmt.Sprint(list.Total))
	if list.Next != "" {
		a.header.Set("Link", linkTo(ctx, "cursor", list.Next))
	}
	return a, nil
}

// linkTo is the address of the next page, spelled as the client spelled this
// one's.
func linkTo(ctx context.Context, parameter, value string) string {
	info := call.From(ctx)
	query, _ := url.ParseQuery(info.Query) // the request was admitted, so it can be read
	query.Set(parameter, value)
	return fmt.Sprintf(`<%s%s?%s>; rel="next"`, info.Origin.Prefix, info.Path, query.Encode())
}

// each converts a list; none is an empty one.
func each[T, U any](list []T, convert func(*T) U) []U {
	out := make([]U, 0, len(list))
	for i := range list {
		out = append(out, convert(&list[i]))
	}
	return out
}

func or[T any](v *T, fallback T) T {
	if v == nil {
		return fallback
	}
	return *v
}
