package retention

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/results"
	retentionstore "github.com/slipway-lab/slipway/store/retention"
)

const (
	jobLease  = 30 * time.Second
	lookEvery = 5 * time.Second // notifications make it a fallback
	tidyEvery = time.Minute     // what removals by hand leave behind

	// worthGivingBack is how much free room in the database's file is given back without
	// a run.
	worthGivingBack = 16 << 20

	// restShare is how long the server rests after a transaction that removed something,
	// in times of what that took: readers and writers come first.
	restShare = 2
)

// Background makes the runs of the schedule, does the runs that are queued, and gives
// back the room that other removals leave, until ctx ends. Any number of servers may
// run it at once: one of them works.
func (h *Handler) Background(ctx context.Context) {
	wake, stop := h.store.Subscribe(retentionstore.RunTopic)
	defer stop()
	var tidied time.Time
	for {
		if err := h.Work(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrConflict) {
			slog.ErrorContext(ctx, "retention", "error", err)
		}
		if now := time.Now(); now.Sub(tidied) > tidyEvery {
			tidied = now
			if err := h.Tidy(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrConflict) {
				slog.ErrorContext(ctx, "giving back what removals left", "error", err)
			}
		}
		select {
		case <-wake:
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return
		}
	}
}

// Work makes the run of the schedule when it is due, and does all runs that are
// queued. ErrConflict: another server does.
func (h *Handler) Work(ctx context.Context) error {
	if err := h.schedule(ctx); err != nil {
		return err
	}
	for {
		run, err := h.store.NextRun(ctx)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		err = h.alone(ctx, func(ctx context.Context) error { return h.store.Execute(ctx, run, rest(ctx)) })
		if err != nil {
			return err
		}
		slog.InfoContext(ctx, "what had expired was removed", "run", run.ID)
	}
}

// schedule makes a run when there is a rule and the last one is long enough ago.
func (h *Handler) schedule(ctx context.Context) error {
	if h.config.Every == 0 {
		return nil
	}
	due, err := h.store.ScheduleDue(ctx, h.config.Every)
	if err != nil || !due {
		return err
	}
	rules, _, err := h.rules(ctx, store.Everything)
	if err != nil {
		return err
	}
	for _, class := range retentionstore.Classes {
		if !retentionstore.Ruled(rules, class) {
			continue
		}
		plan, err := h.store.NewPlan(ctx, rules, nil)
		if err != nil {
			return err
		}
		_, err = h.store.ScheduleRun(ctx, plan, h.config.Every)
		return err
	}
	return nil
}

// Tidy removes names that removals left without a test, and gives back the room that
// they left. ErrConflict: another server does.
func (h *Handler) Tidy(ctx context.Context) error {
	unused, err := h.store.Results.HasUnusedNames(ctx)
	if err != nil {
		return err
	}
	room, err := h.store.FreeRoom(ctx)
	if err != nil || !unused && room < worthGivingBack {
		return err
	}
	rules, _, err := h.rules(ctx, store.Everything)
	if err != nil {
		return err
	}
	unused = unused && !retentionstore.NamesStay(rules)
	if !unused && room < worthGivingBack {
		return nil
	}
	return h.alone(ctx, func(ctx context.Context) error {
		if unused {
			if _, err := h.store.Results.SweepNames(ctx, results.Slices{Pause: rest(ctx)}); err != nil {
				return err
			}
		}
		_, err := h.store.GiveBack(ctx, rest(ctx))
		return err
	})
}

// alone does work while no other server does any, and renews the lease meanwhile. The
// context ends when it is lost.
func (h *Handler) alone(ctx context.Context, work func(ctx context.Context) error) error {
	working, release, err := h.store.HoldJob(ctx, retentionstore.JobName, jobLease)
	if err != nil {
		return err
	}
	defer release()
	err = work(working)
	if lost := context.Cause(working); err != nil && errors.Is(lost, store.ErrConflict) {
		return lost
	}
	return err
}

// rest leaves the others as much time as was taken from them.
func rest(ctx context.Context) func(took time.Duration) error {
	return func(took time.Duration) error {
		select {
		case <-time.After(restShare * took):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
