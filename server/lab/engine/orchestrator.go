package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// errStopping is why work ends when the server stops. Such work is neither
// withdrawn nor judged: the next server takes it up.
var errStopping = errors.New("the server is stopping")

// pollEvery is how often the store is asked for tasks that need a server, and
// for those whose server has died, when nothing says that there are any.
const pollEvery = time.Second

// pruneEvery is how often old build data and designs are looked for.
const pruneEvery = time.Hour

// Run works on the tasks until ctx ends and everything it started has ended. Any
// number of servers may do so on one store.
func (e *Engine) Run(ctx context.Context) {
	o := &orchestrator{engine: e, slots: make(chan struct{}, e.config.Workers)}
	var cancel context.CancelCauseFunc
	o.ctx, cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { cancel(errStopping) })
	defer stop()
	o.loop()
	cancel(errStopping)
	o.running.Wait()

	last, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	if err := e.store.DropLeases(last, e.owner); err != nil && !errors.Is(err, store.ErrClosed) {
		slog.WarnContext(last, "leases of tasks were not given back", "error", err)
	}
}

// orchestrator is one Run.
type orchestrator struct {
	engine  *Engine
	ctx     context.Context // of everything that Run started
	slots   chan struct{}   // one for each piece of work that is being done
	running sync.WaitGroup  // tops
	pruned  time.Time
}

func (o *orchestrator) loop() {
	woken, stop := o.engine.store.Subscribe(labstore.Topic)
	defer stop()
	for o.ctx.Err() == nil {
		o.round()
		timer := time.NewTimer(pollEvery)
		select {
		case <-o.ctx.Done():
		case <-woken:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// round looks once for what there is to do.
func (o *orchestrator) round() {
	for _, look := range []func(context.Context) error{o.startQueued, o.adoptOrphans, o.passCancels, o.prune} {
		if err := look(o.ctx); err != nil && o.ctx.Err() == nil {
			slog.ErrorContext(o.ctx, "the lab's tasks", "error", err)
		}
	}
}

// startQueued starts the queued tasks whose nodes are free. One that cannot be read holds
// up no other.
func (o *orchestrator) startQueued(ctx context.Context) error {
	queue, err := o.engine.store.Queue(ctx)
	if err != nil || len(queue) == 0 {
		return err
	}
	claims, err := o.engine.store.Claims(ctx)
	if err != nil {
		return err
	}
	var failed failures
	rows := make(map[string]*labstore.Task, len(queue))
	waiting := make([]taskplan.Waiting, 0, len(queue))
	for i := range queue {
		row := &queue[i]
		req, err := requestOf(row)
		if err != nil {
			failed.add(row.ID, err)
			continue
		}
		rows[row.ID] = row
		waiting = append(waiting, taskplan.Waiting{ID: row.ID, Nodes: req.claims(row.Action)})
	}
	for _, id := range taskplan.Startable(waiting, func(node string) bool { return claims[node] != "" }) {
		if failed.add(id, o.start(ctx, rows[id])) {
			break
		}
	}
	return failed.err
}

// failures are those of single tasks, beside which others go on.
type failures struct{ err error }

// add notes what became of a task, and reports whether there is no use in going on. That
// another server was faster is no failure.
func (f *failures) add(id string, err error) (enough bool) {
	if err == nil || errors.Is(err, store.ErrConflict) {
		return false
	}
	f.err = errors.Join(f.err, fmt.Errorf("task %s: %w", id, err))
	return errors.Is(err, store.ErrUnavailable)
}

// start takes a queued task and begins it.
func (o *orchestrator) start(ctx context.Context, row *labstore.Task) error {
	t, err := o.engine.loadTop([]labstore.Task{*row})
	if err != nil {
		return err
	}
	if err := o.engine.store.StartTask(ctx, t.lease(), t.request.claims(row.Action)); err != nil {
		return err
	}
	o.run(t, func() taskplan.Effects { return t.tree.Begin(t.request.Targets, o.engine.store.Now()) })
	return nil
}

// adoptOrphans takes over the running tasks whose server is gone.
func (o *orchestrator) adoptOrphans(ctx context.Context) error {
	now := o.engine.store.Now()
	ids, err := o.engine.store.Orphans(ctx, now)
	if err != nil {
		return err
	}
	var failed failures
	for _, id := range ids {
		if failed.add(id, o.adopt(ctx, id, now)) {
			break
		}
	}
	return failed.err
}

func (o *orchestrator) adopt(ctx context.Context, id string, now time.Time) error {
	o.engine.mu.Lock()
	ours := o.engine.tops[id] != nil
	o.engine.mu.Unlock()
	if ours { // late with the renewal, but at work
		return nil
	}
	if err := o.engine.store.TakeLease(ctx, o.engine.leaseOf(id), now); err != nil {
		return err
	}
	rows, err := o.engine.store.Tree(ctx, id)
	if err != nil {
		return err
	}
	t, err := o.engine.loadTop(rows)
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "a task is taken over", "task", id)
	first := func() taskplan.Effects { return t.tree.Resume(o.engine.repeatable, o.engine.store.Now()) }
	if t.tree.Top().Status == taskplan.Queued { // its server died between taking and beginning it
		first = func() taskplan.Effects { return t.tree.Begin(t.request.Targets, o.engine.store.Now()) }
	}
	o.run(t, first)
	return nil
}

// repeatable asks the node driver about its steps; the server's own can be done
// again.
func (e *Engine) repeatable(a taskplan.Action) bool {
	return a == taskplan.ValidateDesign || a == taskplan.BootactionReport || taskplan.Repeatable(a) || e.drivers.nodes.Repeatable(a)
}

// passCancels hands cancellations to the tasks that this server works on.
func (o *orchestrator) passCancels(ctx context.Context) error {
	rows, err := o.engine.store.Cancels(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		o.engine.mu.Lock()
		t := o.engine.tops[r.Root]
		o.engine.mu.Unlock()
		if t != nil {
			t.cancel(r.ID, r.CancelBy)
		}
	}
	return nil
}

func (o *orchestrator) prune(ctx context.Context) error {
	if now := o.engine.store.Now(); now.Sub(o.pruned) > pruneEvery {
		o.pruned = now
		var err error
		if days := o.engine.config.DesignRetentionDays; days > 0 {
			_, err = o.engine.store.PurgeSnapshots(ctx, now.AddDate(0, 0, -days))
		}
		if days := o.engine.config.BuildDataRetentionDays; days > 0 {
			err = errors.Join(err, o.engine.store.PruneBuildData(ctx, now.AddDate(0, 0, -days)))
		}
		return err
	}
	return nil
}

// run works on a task in a goroutine of its own.
func (o *orchestrator) run(t *topTask, first func() taskplan.Effects) {
	o.engine.mu.Lock()
	o.engine.tops[t.id] = t
	o.engine.mu.Unlock()
	o.running.Add(1)
	go func() {
		defer o.running.Done()
		ctx, cancel := context.WithCancelCause(o.ctx)
		t.run(ctx, o.slots, first)
		cancel(errStopping)
		t.working.Wait()
		o.engine.mu.Lock()
		if o.engine.tops[t.id] == t {
			delete(o.engine.tops, t.id)
		}
		o.engine.mu.Unlock()
	}()
}

func (e *Engine) leaseOf(root string) labstore.Lease {
	return labstore.Lease{Root: root, Owner: e.owner, Until: e.store.Now().Add(e.config.Lease)}
}

// request is what a top task was asked for, besides what has columns.
type request struct {
	Digest  string            `json:"digest"`
	BaseURL string            `json:"base_url"`
	Targets []taskplan.Target `json:"targets"`
	Tenant  string            `json:"tenant,omitempty"` // whose events tell of it
}

func requestOf(row *labstore.Task) (request, error) {
	var r request
	err := json.Unmarshal(row.Request, &r)
	return r, err
}

// claims are the nodes that the task must hold alone.
func (r request) claims(sent string) []string {
	if action, _ := taskplan.ParseAction(sent); !action.OnNodes() {
		return nil
	}
	names := make([]string, len(r.Targets))
	for i, t := range r.Targets {
		names[i] = t.Name
	}
	return names
}
