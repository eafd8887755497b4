package overview

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// pinsAsked is how many pins are asked how they are; those behind them are links.
const pinsAsked = 12

// pins are what the visitor has pinned, and the filters with a name.
type pins struct {
	Rows    []*pin
	Filters []frame.Kept
}

type pin struct {
	frame.Kept
	Mark  string // the outcome of a run, or of the newest of a line; "": it was not asked
	Words string
}

// readPins asks how pinned runs and lines are. What is gone says so, and stays until
// somebody takes it away.
func (n *now) readPins(ctx context.Context, v *frame.Visit) {
	p := &pins{Filters: v.Filters("")}
	var all sync.WaitGroup
	for i, kept := range v.Pins() {
		one := &pin{Kept: kept}
		p.Rows = append(p.Rows, one)
		if i < pinsAsked {
			all.Go(func() { one.read(ctx, v) })
		}
	}
	all.Wait()
	if len(p.Rows) > 0 || len(p.Filters) > 0 {
		n.put(func() { n.Pins = p })
	}
}

func (p *pin) read(ctx context.Context, v *frame.Visit) {
	u, err := url.Parse(p.Href)
	if err != nil {
		return
	}
	switch p.Kind {
	case frame.KeptRun:
		id, err := strconv.ParseInt(strings.TrimPrefix(u.Path, "/ui/runs/"), 10, 64)
		if err != nil || !v.May("getRun") {
			return
		}
		answer, err := v.API.GetRunWithResponse(ctx, id)
		if p.failed(err) {
			return
		}
		switch result, err := answer.JSON200.CurrentResult.Get(); {
		case err == nil:
			p.Mark, p.Words = frame.ResultMark(result.Outcome), string(result.Outcome)
		case answer.JSON200.Finished:
			p.Mark, p.Words = "unknown", "no result"
		default:
			p.Mark, p.Words = "running", "running"
		}
	case frame.KeptLine:
		if !v.May("getRunLine") {
			return
		}
		q := u.Query()
		params := &client.GetRunLineParams{Cloud: frame.Optional(q.Get("cloud")), Name: frame.Optional(q.Get("name")), Window: new(int32(1))}
		answer, err := v.API.GetRunLineWithResponse(ctx, params)
		if p.failed(err) {
			return
		}
		if p.Mark, p.Words = "unknown", "no result"; len(answer.JSON200.Runs) > 0 {
			newest := answer.JSON200.Runs[0]
			p.Mark, p.Words = frame.ResultMark(newest.Outcome), string(newest.Outcome)+", run "+strconv.FormatInt(newest.TestID, 10)
		}
	}
}

// failed notes why a pin cannot be asked.
func (p *pin) failed(err error) bool {
	switch {
	case err == nil:
		return false
	case frame.IsNotFound(err):
		p.Mark, p.Words = "unknown", "is gone"
	default:
		p.Mark, p.Words = "unknown", "could not be read"
	}
	return true
}
