package analysis

import (
	"context"

	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/edge/fault"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// longName is how long a name may be that stands in a cursor itself. A name may have
// 64 KiB, which is more than the header of a request takes.
const longName = 2000

// placeName is the name of the test with which a page ended: itself, or where it is.
type placeName struct {
	Name   string `json:"n,omitempty"`
	Upload int64  `json:"u,omitempty"`
	N      int64  `json:"i,omitempty"`
	Long   bool   `json:"l,omitempty"`
}

func newPlaceName(t *engine.Test) placeName {
	if len(t.Name) <= longName {
		return placeName{Name: t.Name}
	}
	return placeName{Upload: t.Place.Upload, N: t.Place.N, Long: true}
}

// read returns the name.
func (p *placeName) read(ctx context.Context, h *Handler) (string, error) {
	if !p.Long {
		return p.Name, nil
	}
	name, err := h.store.NameAt(ctx, viewer(ctx), analysisstore.Place{Upload: p.Upload, N: p.N})
	if err != nil {
		return "", fault.InvalidField("query", "after", "names a test that is gone; begin again without it").Because(err)
	}
	return name, nil
}
