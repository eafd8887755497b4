package analysis

import (
	"context"
	"time"

	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// matched is how often an issue explained a failure of the last 30 days.
type matched struct {
	count int64
	last  *time.Time
}

func (h *Handler) matches(_ context.Context, rows []analysisstore.Issue) ([]matched, error) {
	return make([]matched, len(rows)), nil
}
