package products

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/products/dates"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
)

const (
	deliveryLease   = time.Minute           // more than an attempt may take
	deliverEvery    = time.Second           // notifications make it a fallback
	deliverPause    = 50 * time.Millisecond // events that come sooner after one another share a look
	giveBackTime    = time.Second           // of which a server that stops spends no more
	eventsAtOnce    = 500
	maxAttemptsKept = 50
)

// deliver queues and sends events to webhooks until ctx ends.
func (h *Handler) deliver(ctx context.Context) {
	wake, stop := h.store.Subscribe(store.EventsTopic)
	defer stop()
	l := newLanes(h.config.WebhookLanes)
	defer l.sending.Wait()
	for {
		looked := time.Now()
		_, err := h.deliverSome(ctx, l)
		if err = errors.Join(err, l.failure()); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "webhooks", "error", err)
		}
		select {
		case <-time.After(time.Until(looked.Add(deliverPause))):
		case <-ctx.Done():
			return
		}
		select {
		case <-wake:
		case <-l.free:
		case <-time.After(deliverEvery):
		case <-ctx.Done():
			return
		}
	}
}

// deliverOnce queues what is new and sends what is due.
func (h *Handler) deliverOnce(ctx context.Context) error {
	for l := newLanes(h.config.WebhookLanes); ; {
		due, err := h.deliverSome(ctx, l)
		l.sending.Wait()
		if err = errors.Join(err, l.failure()); err != nil || !due {
			return err
		}
	}
}

// lanes are the webhooks that are being called. One that answers slowly, or not at
// all, holds up its own deliveries, and those of another tenant never.
type lanes struct {
	sending sync.WaitGroup
	free    chan struct{} // has something when a lane has become free
	turn    int

	mu      sync.Mutex
	err     error // of lanes that have ended
	busy    map[uuid.UUID]bool
	tenants map[string]int
	most    int // of a tenant
}

func newLanes(most int) *lanes {
	return &lanes{most: most, free: make(chan struct{}, 1), busy: map[uuid.UUID]bool{}, tenants: map[string]int{}}
}

func (l *lanes) begin(w *productstore.Webhook) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[w.ID] || l.tenants[w.Tenant] >= l.most {
		return false
	}
	l.busy[w.ID] = true
	l.tenants[w.Tenant]++
	return true
}

func (l *lanes) end(w *productstore.Webhook, err error) {
	l.mu.Lock()
	if err != nil {
		l.err = err
	}
	delete(l.busy, w.ID)
	if l.tenants[w.Tenant]--; l.tenants[w.Tenant] == 0 {
		delete(l.tenants, w.Tenant)
	}
	l.mu.Unlock()
	select {
	case l.free <- struct{}{}:
	default:
	}
}

// failure returns what went wrong in lanes since the last look, once.
func (l *lanes) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.err
	l.err = nil
	return err
}

// deliverSome queues what is new and begins to send some of what is due, to each
// webhook that is not being called already. It tells whether anything was due.
func (h *Handler) deliverSome(ctx context.Context, l *lanes) (due bool, err error) {
	behind, err := h.store.WebhooksBehind(ctx)
	if err != nil {
		return false, err
	}
	for i := range behind {
		if err := h.queueDeliveries(ctx, &behind[i]); err != nil {
			return false, err
		}
	}
	list, err := h.store.DueWebhooks(ctx)
	if err != nil {
		return false, err
	}
	l.turn++ // each look begins with another one, so that none is always behind those that fill the lanes
	for i := range list {
		if w := &list[(i+l.turn)%len(list)]; l.begin(w) {
			l.sending.Go(func() { l.end(w, h.sendSome(ctx, w.ID)) })
		}
	}
	return len(list) > 0, nil
}

// sendSome sends a webhook's deliveries that are due, for a while.
func (h *Handler) sendSome(ctx context.Context, webhook uuid.UUID) error {
	for began := time.Now(); time.Since(began) < deliverEvery; {
		due, err := h.store.ClaimDeliveries(ctx, webhook, h.config.WebhookLanes, deliveryLease)
		if err != nil || len(due) == 0 {
			return err
		}
		var sending sync.WaitGroup
		for i := range due {
			sending.Go(func() { h.attempt(ctx, &due[i]) })
		}
		sending.Wait()
	}
	return nil
}

func (h *Handler) queueDeliveries(ctx context.Context, w *productstore.Webhook) error {
	for {
		events, err := h.store.Events(ctx, store.EventFilter{Tenant: w.Tenant, After: w.Cursor, Limit: eventsAtOnce})
		if err != nil || len(events) == 0 {
			return err
		}
		var wanted []store.Event
		for i := range events {
			if wants(w, &events[i]) {
				wanted = append(wanted, events[i])
			}
		}
		to := events[len(events)-1].Seq
		if err := h.store.QueueDeliveries(ctx, w, to, wanted); err != nil {
			return err
		}
		w.Cursor = to
	}
}

// attempt sends a delivery once and notes what became of it.
func (h *Handler) attempt(ctx context.Context, d *productstore.Delivery) {
	w, err := h.store.DeliveryWebhook(ctx, d)
	if err != nil {
		return // deleted meanwhile
	}
	claim := *d.NextAt
	started := h.store.Now()
	began := time.Now()
	status, err := h.send(ctx, w, d)
	if ctx.Err() != nil {
		h.giveBack(ctx, d.ID, claim)
		return
	}
	a := deliveryAttempt{At: store.Micros(started), Status: int32(status), Millis: time.Since(began).Milliseconds()}
	if err != nil {
		a.Error = err.Error()
	}
	done := err == nil && status >= 200 && status < 300
	err = h.store.NoteAttempt(ctx, d.ID, claim, func(d *productstore.Delivery, claimed bool) { h.note(d, a, claimed, done) })
	if err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "webhook delivery", "delivery_id", d.ID, "error", err)
	}
}

// giveBack leaves a delivery to another server at once, since this one stops. Where
// that fails, its lease ends.
func (h *Handler) giveBack(ctx context.Context, delivery uuid.UUID, claim time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTime)
	defer cancel()
	err := h.store.NoteAttempt(ctx, delivery, claim, func(d *productstore.Delivery, claimed bool) {
		if now := h.store.Now(); claimed {
			d.NextAt = &now
		}
	})
	if err != nil {
		slog.WarnContext(ctx, "webhook delivery not given back", "delivery_id", delivery, "error", err)
	}
}

// note adds an attempt and says when to try again, if at all; unless the delivery is no
// longer that attempt's.
func (h *Handler) note(d *productstore.Delivery, a deliveryAttempt, claimed, done bool) {
	list := append(attemptsOf(d), a)
	list = list[max(0, len(list)-maxAttemptsKept):]
	d.Attempts, _ = json.Marshal(list) // numbers and texts
	if !claimed {
		return
	}
	d.Tries++
	switch {
	case done:
		d.State, d.NextAt = "delivered", nil
	case int(d.Tries) > len(h.config.WebhookBackoff):
		d.State, d.NextAt = "failed", nil
	default:
		next := h.store.Now().Add(h.config.WebhookBackoff[d.Tries-1])
		d.State, d.NextAt = "pending", &next
	}
}

func (h *Handler) send(ctx context.Context, w *productstore.Webhook, d *productstore.Delivery) (int, error) {
	u, err := url.Parse(w.URL)
	if err != nil || h.webhookHosts.Admit(u) != nil { // the list may have changed
		return 0, errors.New("the host is not on the server's list any more")
	}
	e, err := h.store.Event(ctx, d.EventSeq)
	if err != nil {
		return 0, errors.New("the event is gone")
	}
	body, err := payloadOf(e)
	if err != nil {
		return 0, err
	}
	secret, err := h.box.Open("", w.Secret)
	if err != nil {
		return 0, errors.New("the secret of the webhook cannot be read")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the URL cannot be called")
	}
	at := strconv.FormatInt(h.store.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "slipway-webhook")
	req.Header.Set("Webhook-Id", d.ID.String())
	req.Header.Set("Webhook-Timestamp", at)
	req.Header.Set("Webhook-Signature", signature(secret, d.ID.String(), at, body))
	resp, err := h.webhookClient.Do(req)
	if err != nil {
		slog.WarnContext(ctx, "webhook not reached", "webhook_id", w.ID, "delivery_id", d.ID, "host", u.Host, "error", plainError(err))
		return 0, errUnreached
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	return resp.StatusCode, resp.Body.Close()
}

// errUnreached is all that a tenant learns of a call that was not answered: why not
// would tell what the server's network looks like.
var errUnreached = errors.New("could not be reached")

// plainError leaves out the URL, which may hold a secret of the receiver's.
func plainError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// signature is that of Standard Webhooks: HMAC-SHA-256 over id, time and body.
func signature(secret []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	_, _ = fmt.Fprintf(mac, "%s.%s.", id, at) // a hash never fails
	_, _ = mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// payloadOf is what a webhook gets: the envelope of Standard Webhooks around the
// event as the log shows it. The same event always gives the same bytes.
func payloadOf(e *store.Event) ([]byte, error) {
	o := &opaques{}
	return o.encode(struct {
		Type      string `json:"type"`
		Timestamp string `json:"timestamp"`
		Data      any    `json:"data"`
	}{e.Type, dates.FormatEvent(e.Time), storedEventToAPI(e, o)})
}
