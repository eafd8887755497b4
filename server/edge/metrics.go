package edge

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
)

// metrics are the server's own counters; the Go runtime's come with the registry.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_requests_total",
			Help: "Requests answered, by operation of the document and status.",
		}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "slipway_request_seconds",
			Help:    "Time from the first byte of a request to the last of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, []string{"operation"}),
	}
	m.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "slipway_requests_in_flight",
		Help: "Requests that have begun and are not answered yet.",
	})
	reg.MustRegister(m.requests, m.seconds, m.inFlight)
	return m
}

// account writes the one line of log that each request gets, and counts it.
func (s *Stack) account(ctx context.Context, st *state, info *call.Info, rec *recorder, took time.Duration) {
	name := "none"
	if st.op != nil {
		name = st.op.id
	}
	status := rec.status
	if status == 0 {
		status = 200 // net/http sends it when a handler wrote nothing
	}
	s.metrics.requests.WithLabelValues(name, strconv.Itoa(status)).Inc()
	s.metrics.seconds.WithLabelValues(name).Observe(took.Seconds())
	level := slog.LevelInfo
	if quiet(st.op, status) {
		level = slog.LevelDebug
	}
	if status >= 500 && status != http.StatusNotImplemented { // which is what the caller asked for
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("method", info.Method),
		slog.String("path", auth.RedactPath(info.Path)),
		slog.String("operation", name),
		slog.Int("status", status),
		slog.Int64("bytes", rec.bytes),
		slog.Duration("took", took),
		slog.String("client", info.Client.String()),
	}
	if st.reason != "" {
		attrs = append(attrs, slog.String("reason", st.reason))
		if safe := info.Method == http.MethodGet || info.Method == http.MethodHead; !safe && level < slog.LevelWarn {
			level = slog.LevelWarn // what was to be stored is not
		}
	}
	slog.LogAttrs(ctx, level, "request", attrs...)
}

// quiet reports whether a request is one of those that come by themselves, every few
// seconds or a dozen for each page, and say nothing when they succeed: monitoring, and
// what is for people and no operation.
func quiet(op *operation, status int) bool {
	if status >= http.StatusBadRequest {
		return false
	}
	if op == nil {
		return true
	}
	switch op.id {
	case "getHealth", "getReadiness", "getMetrics":
		return true
	}
	return false
}

// LogHandler adds the request id to every line that is logged with a request's
// context.
func LogHandler(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ slog.Handler }

// Handle adds the request id.
func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := call.From(ctx).ID; id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the wrapping.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the wrapping.
func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }
