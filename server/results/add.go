package results

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// addTries is how often an upload is read again because another server has added
// to the same result meanwhile. On one server they wait for each other.
const addTries = 8

// add reads files into the current result of the run, which stays the same attempt.
// Files that it has already change nothing.
func (h *Handler) add(ctx context.Context, run *resultstore.Run, files []intake.File, asks asksOf) (*resultstore.Result, error) {
	done, err := h.adding.wait(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	defer done()
	first := &precedence{h: h, job: fmt.Sprintf("results.add/%d", run.ID)}
	defer first.end(ctx)
	for try := range addTries {
		if err := first.await(ctx, try > 0); err != nil {
			return nil, err
		}
		result, err := h.addOnce(ctx, run, files, asks)
		if !errors.Is(err, store.ErrConflict) {
			return result, goneRun(err)
		}
	}
	return nil, fault.Conflict("other uploads are added to run %d at the same time; send it again", run.ID)
}

const (
	firstLease = 30 * time.Second
	firstLook  = 50 * time.Millisecond
)

// precedence lets an addition that another server has overtaken go first the next time:
// a large file would else never come to its end while small ones are added there.
type precedence struct {
	h       *Handler
	job     string
	release func() // nil as long as it has none
}

// await waits until no other server has precedence, and takes it where it is wanted.
func (p *precedence) await(ctx context.Context, wanted bool) error {
	if p.release != nil || p.h.store.Alone() {
		return nil
	}
	look := time.NewTicker(firstLook)
	defer look.Stop()
	for {
		held, err := p.h.store.JobHeld(ctx, p.job)
		if err == nil && !held && wanted {
			_, p.release, err = p.h.store.HoldJob(ctx, p.job, firstLease) // when it is lost others go first
			held = errors.Is(err, store.ErrConflict)
		}
		if !held {
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *precedence) end(ctx context.Context) {
	if p.release == nil {
		return
	}
	p.release()
	if err := p.h.store.EndJob(context.WithoutCancel(ctx), p.job); err != nil {
		slog.WarnContext(ctx, "others wait until a lease ends to add to a run", "job", p.job, "error", err)
	}
}

func (h *Handler) addOnce(ctx context.Context, run *resultstore.Run, files []intake.File, asks asksOf) (*resultstore.Result, error) {
	base, err := h.store.CurrentResult(ctx, run.ID)
	if errors.Is(err, store.ErrNotFound) {
		base, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	if base != nil && base.Expired != 0 {
		return nil, partly(run.ID)
	}
	if base != nil {
		if files, err = h.notIn(ctx, base, files); err != nil || len(files) == 0 {
			return base, err
		}
	}
	result := newResult(ctx, run, files)
	result.Parts = true
	post := intake.Post{Files: files, Format: asks.format, Strict: asks.strict, Onto: base}
	err = h.intake.Take(ctx, result, post, func(*report.Report) (_ bool, err error) {
		extended, err := h.store.ExtendResult(ctx, result, base)
		if err == nil {
			result = extended
		}
		return true, err
	})
	if errors.Is(err, resultstore.ErrPublished) {
		err = fault.Conflict("the current result of run %d is published, and nothing is added to it", run.ID).Because(err)
	}
	if errors.Is(err, store.ErrExpired) {
		err = partly(run.ID).Because(err)
	}
	return result, err
}

// partly refuses to add to a result of which something has expired: what is added
// would be taken for all there was.
func partly(run int64) *fault.Fault {
	return fault.Conflict("the current result of run %d has expired in part, and nothing is added to it; without add=true this is another attempt", run)
}

// notIn leaves out the files that the result has.
func (h *Handler) notIn(ctx context.Context, base *resultstore.Result, files []intake.File) ([]intake.File, error) {
	there, err := h.store.ResultFiles(ctx, base)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(files), func(f intake.File) bool {
		return slices.ContainsFunc(there, func(old resultstore.ResultFile) bool { return old.SHA256 == f.SHA256 })
	}), nil
}

// turns lets one caller at a time work on a run.
type turns struct {
	mu    sync.Mutex
	queue map[int64]*turn
}

type turn struct {
	free  chan struct{} // holds one value while nobody works
	users int
}

// wait returns when it is the caller's turn, who ends it with done.
func (t *turns) wait(ctx context.Context, run int64) (done func(), err error) {
	t.mu.Lock()
	if t.queue == nil {
		t.queue = map[int64]*turn{}
	}
	q := t.queue[run]
	if q == nil {
		q = &turn{free: make(chan struct{}, 1)}
		q.free <- struct{}{}
		t.queue[run] = q
	}
	q.users++
	t.mu.Unlock()
	select {
	case <-q.free:
		return func() {
			q.free <- struct{}{}
			t.leave(run, q)
		}, nil
	case <-ctx.Done():
		t.leave(run, q)
		return nil, ctx.Err()
	}
}

func (t *turns) leave(run int64, q *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.users--; q.users == 0 {
		delete(t.queue, run)
	}
}
