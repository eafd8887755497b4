package pages

import (
	"time"

	"github.com/slipway-lab/slipway/server/ui/pages/admin"
	"github.com/slipway-lab/slipway/server/ui/pages/events"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/pages/kernels"
	"github.com/slipway-lab/slipway/server/ui/pages/lab"
	"github.com/slipway-lab/slipway/server/ui/pages/overview"
	"github.com/slipway-lab/slipway/server/ui/pages/products"
	"github.com/slipway-lab/slipway/server/ui/pages/runs"
	"github.com/slipway-lab/slipway/server/ui/pages/search"
	"github.com/slipway-lab/slipway/server/ui/pages/triage"
)

// Config holds the settings of the pages.
type Config struct {
	SessionLife time.Duration `default:"168h" min:"1m" help:"How long a browser stays logged in; logging out, or the end of the token, ends it sooner."`
}

// Table has a line for each area of pages. The menu is in this order.
func Table() [][]frame.Page {
	return [][]frame.Page{
		overview.Pages(),
		runs.Pages(),
		triage.Pages(),
		products.Pages(),
		kernels.Pages(),
		events.Pages(),
		lab.Pages(),
		admin.Pages(),
		search.Pages(),
	}
}

// New joins all pages into one handler for everything below /ui.
func New(c frame.Config) (*frame.Site, error) { return frame.New(c, Table()...) }
