package products

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	productsapi "github.com/slipway-lab/slipway/gen/products"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/reach"
	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

// ListWebhooks answers a page of the webhooks of the caller's tenant.
func (h *Handler) ListWebhooks(ctx context.Context, req productsapi.ListWebhooksRequestObject) (productsapi.Response, error) {
	list, err := h.store.ListWebhooks(ctx, tenantOf(ctx), pageOf(req.Params.Limit, req.Params.After))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	return listed(ctx, list, func(_ *opaques, items []productstore.Webhook) any {
		return productsapi.WebhookList{Webhooks: convertAll(items, webhookToAPI)}
	})
}

// CreateWebhook sets up a webhook and shows its secret, this once.
func (h *Handler) CreateWebhook(ctx context.Context, req productsapi.CreateWebhookRequestObject) (productsapi.Response, error) {
	in := req.Body
	if err := h.checkURL(in.URL); err != nil {
		return nil, err
	}
	return h.transact(ctx, func(tx *productstore.Store) (*call.Answer, error) {
		var secret [24]byte
		_, _ = rand.Read(secret[:]) // never fails (crypto/rand)
		w := &productstore.Webhook{
			Tenant: tenantOf(ctx), URL: in.URL, EventTypes: in.EventTypes, Enabled: valueOr(in.Enabled, true),
			Description: valueOr(in.Description, ""), CreatedBy: auth.From(ctx).Label(), Secret: h.box.Seal("", secret[:]),
		}
		fillFilter(w, in.Filter)
		if err := checkWebhook(w); err != nil {
			return nil, err
		}
		if err := tx.CreateWebhook(ctx, w); err != nil {
			return nil, err
		}
		return created("/v1/webhooks/"+w.ID.String(), func(*opaques) any {
			return struct {
				productsapi.Webhook
				Secret string `json:"secret"`
			}{webhookToAPI(w), "whsec_" + base64.StdEncoding.EncodeToString(secret[:])}
		})
	})
}

func fillFilter(w *productstore.Webhook, f *productsapi.WebhookFilter) {
	if f == nil {
		return
	}
	w.ProductID = fromNullable(f.ProductID)
	w.Statuses = convertAll(f.TestStatus, func(s *string) string { return strings.ToUpper(*s) })
	w.NewFailures = valueOr(fromNullable(f.NewFailuresAtLeast), 0)
}

func checkWebhook(w *productstore.Webhook) error {
	for pointer, list := range map[string][]string{
		"/event_types": w.EventTypes, "/filter/test_status": w.Statuses, "/description": {w.Description},
	} {
		if err := checkTexts(pointer, list); err != nil {
			return err
		}
	}
	return nil
}

// checkURL lets only hosts through that the operator of the server has listed:
// whoever may set up a webhook could make the server call anything else.
func (h *Handler) checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return fault.InvalidBody("/url", "must be like https://ci.example.org/hooks, without a user")
	}
	if refused := reach.Refused(h.webhookHosts.Admit(u)); refused != nil {
		return fault.InvalidBody("/url", "%s", refused.Reason)
	}
	return nil
}

// GetWebhook answers one webhook, without its secret.
func (h *Handler) GetWebhook(ctx context.Context, req productsapi.GetWebhookRequestObject) (productsapi.Response, error) {
	w, err := h.webhook(ctx, req.WebhookID)
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, func(*opaques) any { return webhookToAPI(w) })
}

func (h *Handler) webhook(ctx context.Context, text string) (*productstore.Webhook, error) {
	id, err := idOf("webhook", text)
	if err != nil {
		return nil, err
	}
	w, err := h.store.Webhook(ctx, tenantOf(ctx), id)
	return w, notFound(err, "webhook", text)
}

// UpdateWebhook sets the fields that the body names.
func (h *Handler) UpdateWebhook(ctx context.Context, req productsapi.UpdateWebhookRequestObject) (productsapi.Response, error) {
	id, err := idOf("webhook", req.WebhookID)
	if err != nil {
		return nil, err
	}
	in := req.Body
	if in.URL != nil {
		if err := h.checkURL(*in.URL); err != nil {
			return nil, err
		}
	}
	w, err := h.store.UpdateWebhook(ctx, tenantOf(ctx), id, func(w *productstore.Webhook) error {
		w.URL, w.Enabled, w.Description = valueOr(in.URL, w.URL), valueOr(in.Enabled, w.Enabled), valueOr(in.Description, w.Description)
		if in.EventTypes != nil {
			w.EventTypes = in.EventTypes
		}
		fillFilter(w, in.Filter)
		return checkWebhook(w)
	})
	if err != nil {
		return nil, notFound(err, "webhook", req.WebhookID)
	}
	return respond(http.StatusOK, func(*opaques) any { return webhookToAPI(w) })
}

// DeleteWebhook removes a webhook.
func (h *Handler) DeleteWebhook(ctx context.Context, req productsapi.DeleteWebhookRequestObject) (productsapi.Response, error) {
	id, err := idOf("webhook", req.WebhookID)
	if err == nil {
		err = notFound(h.store.DeleteWebhook(ctx, tenantOf(ctx), id), "webhook", req.WebhookID)
	}
	if err != nil {
		return nil, err
	}
	return call.NoContent(), nil
}

func webhookToAPI(w *productstore.Webhook) productsapi.Webhook {
	out := productsapi.Webhook{
		ID: w.ID, URL: w.URL, EventTypes: texts(w.EventTypes), Enabled: w.Enabled, Description: w.Description,
		CreatedAt: dates.FormatEvent(w.CreatedAt), CreatedBy: w.CreatedBy, Filter: productsapi.WebhookFilter{TestStatus: w.Statuses},
	}
	if w.ProductID != nil {
		out.Filter.ProductID = nullable.NewNullableWithValue(*w.ProductID)
	}
	if w.NewFailures > 0 {
		out.Filter.NewFailuresAtLeast = nullable.NewNullableWithValue(w.NewFailures)
	}
	return out
}

// ListDeliveries answers a page of the deliveries of a webhook.
func (h *Handler) ListDeliveries(ctx context.Context, req productsapi.ListDeliveriesRequestObject) (productsapi.Response, error) {
	w, err := h.webhook(ctx, req.WebhookID)
	if err != nil {
		return nil, err
	}
	list, err := h.store.ListDeliveries(ctx, w.ID, string(valueOr(req.Params.State, "")), pageOf(req.Params.Limit, req.Params.After))
	if err != nil {
		return nil, fault.Cursor(err)
	}
	return listed(ctx, list, func(_ *opaques, items []productstore.Delivery) any {
		return productsapi.DeliveryList{Deliveries: convertAll(items, deliveryToAPI)}
	})
}

// GetDelivery answers one delivery.
func (h *Handler) GetDelivery(ctx context.Context, req productsapi.GetDeliveryRequestObject) (productsapi.Response, error) {
	d, err := h.delivery(ctx, req.WebhookID, req.DeliveryID)
	if err != nil {
		return nil, err
	}
	return respond(http.StatusOK, func(*opaques) any { return deliveryToAPI(d) })
}

func (h *Handler) delivery(ctx context.Context, webhook, text string) (*productstore.Delivery, error) {
	w, err := h.webhook(ctx, webhook)
	if err != nil {
		return nil, err
	}
	id, err := idOf("delivery", text)
	if err != nil {
		return nil, err
	}
	d, err := h.store.Delivery(ctx, w.ID, id)
	return d, notFound(err, "delivery", text)
}

// RetryDelivery queues a delivery once more.
func (h *Handler) RetryDelivery(ctx context.Context, req productsapi.RetryDeliveryRequestObject) (productsapi.Response, error) {
	d, err := h.delivery(ctx, req.WebhookID, req.DeliveryID)
	if err != nil {
		return nil, err
	}
	repeated, err := h.store.RepeatDelivery(ctx, d.ID)
	if err != nil {
		return nil, notFound(err, "delivery", req.DeliveryID)
	}
	h.store.Wake(store.EventsTopic)
	return respond(http.StatusAccepted, func(*opaques) any { return deliveryToAPI(repeated) })
}

// deliveryAttempt is an attempt as the store keeps it.
type deliveryAttempt struct {
	At     int64  `json:"at"` // microseconds
	Status int32  `json:"status"`
	Millis int64  `json:"ms"`
	Error  string `json:"error,omitempty"`
}

func attemptsOf(d *productstore.Delivery) []deliveryAttempt {
	var list []deliveryAttempt
	_ = json.Unmarshal(d.Attempts, &list) // we wrote it
	return list
}

func deliveryToAPI(d *productstore.Delivery) productsapi.Delivery {
	out := productsapi.Delivery{
		ID: d.ID, WebhookID: d.WebhookID, EventID: strconv.FormatInt(d.EventSeq, 10), EventType: d.EventType, State: productsapi.DeliveryState(d.State),
		NextAttemptAt: orNull[string](nil), CreatedAt: dates.FormatEvent(d.CreatedAt),
	}
	list := attemptsOf(d)
	out.Attempts = convertAll(list, func(a *deliveryAttempt) productsapi.DeliveryAttempt {
		attempt := productsapi.DeliveryAttempt{
			At: dates.FormatEvent(store.FromMicros(a.At)), Milliseconds: a.Millis, Status: orNull[int32](nil), Error: orNull(orEmpty(a.Error)),
		}
		if a.Status != 0 {
			attempt.Status.Set(a.Status)
		}
		return attempt
	})
	if d.NextAt != nil {
		out.NextAttemptAt.Set(dates.FormatEvent(*d.NextAt))
	}
	return out
}

// wants reports whether an event is for a webhook.
func wants(w *productstore.Webhook, e *store.Event) bool {
	return (len(w.EventTypes) == 0 || slices.Contains(w.EventTypes, e.Type)) &&
		(w.ProductID == nil || isOf(e, *w.ProductID)) &&
		(len(w.Statuses) == 0 || e.TestStatus == "" || slices.Contains(w.Statuses, e.TestStatus)) &&
		(w.NewFailures == 0 || e.Type != comparisonEvent || newFailures(e) >= w.NewFailures)
}

const (
	// analysisArea is the area of events that tell of sets.
	analysisArea = "analysis"

	// comparisonEvent tells what changed between two sets.
	comparisonEvent = "comparison"
)

// isOf reports whether an event is of a product. What tells of the set of an
// opportunity says so in its data only: in the lists and streams of a product every
// event that tells of an opportunity is one of its steps.
func isOf(e *store.Event, product uuid.UUID) bool {
	if e.ProductID != nil || e.Area != analysisArea {
		return e.ProductID != nil && *e.ProductID == product
	}
	var data struct {
		ProductID *uuid.UUID `json:"product_id"`
	}
	_ = json.Unmarshal(e.Data, &data) // we wrote it
	return data.ProductID != nil && *data.ProductID == product
}

// newFailures is how many tests fail that did not fail before, in a comparison.
func newFailures(e *store.Event) int64 {
	var data struct {
		Counts struct {
			NewFailure int64 `json:"new_failure"`
			NewFailing int64 `json:"new_failing"`
		}
	}
	_ = json.Unmarshal(e.Data, &data) // we wrote it
	return data.Counts.NewFailure + data.Counts.NewFailing
}
