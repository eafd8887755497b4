package discovery

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	discoveryapi "github.com/slipway-lab/slipway/gen/discovery"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

// Store is what readiness asks of the store.
type Store interface {
	Ping(ctx context.Context) error
	Pending(ctx context.Context) (int, error)
	PingBlobs(ctx context.Context) error
}

// Handler answers the operations of tag discovery.
type Handler struct {
	build   string
	updated string
	store   Store
	metrics prometheus.Gatherer
	home    home
	full    func(context.Context) bool
}

var _ discoveryapi.StrictServerInterface = (*Handler)(nil)

// New reads from the document what the handlers tell of it.
func New(c Config) (*Handler, error) {
	updated, _ := c.Document.Info.Extensions["x-updated"].(string)
	if updated == "" {
		return nil, errors.New("the document's info has no x-updated")
	}
	if err := checkPublished(); err != nil {
		return nil, err
	}
	m, err := newHome(c.Document)
	if err != nil {
		return nil, err
	}
	return &Handler{build: c.Build, updated: updated, store: c.Store, metrics: c.Metrics, home: m, full: c.Full}, nil
}

// GetHealth says that the process lives.
func (h *Handler) GetHealth(context.Context, discoveryapi.GetHealthRequestObject) (discoveryapi.Response, error) {
	return call.OK(discoveryapi.Health{Status: discoveryapi.HealthStatusOk}), nil
}

// blobsWithin is how long readiness waits for the store of uploaded files.
const blobsWithin = 2 * time.Second

// GetReadiness answers 503 while the store cannot be reached or waits for
// migrations, and while the one of uploaded files cannot be reached. Without room for something new the server is still worth asking.
func (h *Handler) GetReadiness(ctx context.Context, _ discoveryapi.GetReadinessRequestObject) (discoveryapi.Response, error) {
	if err := h.store.Ping(ctx); err != nil {
		return nil, fault.Unavailable("the store cannot be reached").Because(err)
	}
	pending, err := h.store.Pending(ctx)
	if err != nil {
		return nil, fault.Unavailable("the store cannot be reached").Because(err)
	}
	if pending > 0 {
		return nil, fault.Unavailable("the store waits for its migrations")
	}
	within, cancel := context.WithTimeout(ctx, blobsWithin)
	defer cancel()
	if err := h.store.PingBlobs(within); err != nil {
		return nil, fault.Unavailable("the store of uploaded files cannot be reached").Because(err)
	}
	if h.full != nil && h.full(ctx) {
		reason := "the free space is below its floor: nothing new is stored"
		return call.OK(discoveryapi.Readiness{Status: discoveryapi.ReadinessStatusDegraded, Reason: &reason}), nil
	}
	return call.OK(discoveryapi.Readiness{Status: discoveryapi.ReadinessStatusOk}), nil
}

// GetMetrics writes the counters in Prometheus's text format.
func (h *Handler) GetMetrics(ctx context.Context, _ discoveryapi.GetMetricsRequestObject) (discoveryapi.Response, error) {
	families, err := h.metrics.Gather()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			return nil, err
		}
	}
	return call.Text(http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", b.Bytes()), nil // never cached
}

// GetOpenAPIJSON publishes the document.
func (h *Handler) GetOpenAPIJSON(ctx context.Context, _ discoveryapi.GetOpenAPIJSONRequestObject) (discoveryapi.Response, error) {
	info := call.From(ctx)
	return cached(info, call.Text(http.StatusOK, mediaJSON, publishedJSON(info.Origin)), noCache), nil
}

// GetOpenAPIYAML publishes the document as it was written.
func (h *Handler) GetOpenAPIYAML(ctx context.Context, _ discoveryapi.GetOpenAPIYAMLRequestObject) (discoveryapi.Response, error) {
	info := call.From(ctx)
	return cached(info, call.Text(http.StatusOK, "application/yaml", publishedYAML(info.Origin)), noCache), nil
}
