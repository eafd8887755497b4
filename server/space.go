package server

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-lab/slipway/store"
)

// blobsEvery is how long the sums of the blobs are good: they are read from every
// row, and whoever reads the metrics reads them often.
const blobsEvery = time.Minute

// sizeTimeout is how long asking for the size of the database may take.
const sizeTimeout = 2 * time.Second

// spaceMetrics are gauges of what is stored and what room is left.
type spaceMetrics struct {
	free, blobs, database *prometheus.Desc

	space func() (store.Space, error)
	sums  func(context.Context) (map[string]int64, error)
	size  func(context.Context) (int64, error)
	now   func() time.Time

	mu   sync.Mutex
	last map[string]int64
	at   time.Time
}

func newSpaceMetrics(c Config) *spaceMetrics {
	return &spaceMetrics{
		free:     prometheus.NewDesc("slipway_free_bytes", "Free space for what is to be stored.", nil, nil),
		blobs:    prometheus.NewDesc("slipway_blob_bytes", "Size of the files that rows name, by kind; at most a minute old.", []string{"kind"}, nil),
		database: prometheus.NewDesc("slipway_database_bytes", "Size of the database, indexes and log included.", nil, nil),

		space: c.Space, sums: c.Store.BlobBytes, size: c.Store.DatabaseBytes, now: c.Now,
	}
}

// Describe names the gauges.
func (m *spaceMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.free
	to <- m.blobs
	to <- m.database
}

// Collect measures. What cannot be measured is left out.
func (m *spaceMetrics) Collect(to chan<- prometheus.Metric) {
	if room, err := m.space(); err == nil {
		to <- prometheus.MustNewConstMetric(m.free, prometheus.GaugeValue, float64(room.Free))
	}
	ctx, cancel := context.WithTimeout(context.Background(), sizeTimeout)
	defer cancel()
	if bytes, err := m.size(ctx); err == nil {
		to <- prometheus.MustNewConstMetric(m.database, prometheus.GaugeValue, float64(bytes))
	}
	for kind, bytes := range m.blobBytes() {
		to <- prometheus.MustNewConstMetric(m.blobs, prometheus.GaugeValue, float64(bytes), kind)
	}
}

func (m *spaceMetrics) blobBytes() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.now(); m.last == nil || now.Sub(m.at) >= blobsEvery {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		sums, err := m.sums(ctx)
		if err != nil {
			slog.WarnContext(ctx, "sizes of blobs cannot be summed up", "error", err)
			return nil
		}
		m.last, m.at = sums, now
	}
	return maps.Clone(m.last)
}
