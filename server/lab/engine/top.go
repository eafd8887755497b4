package engine

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/server/lab/nodefilter"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// topTask is a top task that this server works on. Its tree belongs to the goroutine
// of run; everybody else sends events.
type topTask struct {
	engine  *Engine
	id      string
	row     labstore.Task
	request request
	tree    *taskplan.Tree
	filters map[string]store.JSON // of each task
	seq     int64                 // of the newest task
	told    taskplan.Status       // of the top task, by the last event or before this server had it

	events  chan event
	works   map[string]context.CancelCauseFunc
	working sync.WaitGroup
}

// event is what happened to a task of the tree.
type event struct {
	task     string
	kind     eventKind
	outcome  taskplan.Outcome
	canceler string
}

type eventKind int

const (
	workStarted eventKind = iota
	workFinished
	cancelAsked
)

// Batches of events share a transaction, since hundreds of nodes may report at
// once.
const maxBatch = 500

// expireEvery is how often work is looked for that has not ended in time, and
// expireGrace how long drivers have to notice their deadline.
const (
	expireEvery = time.Minute
	expireGrace = 30 * time.Second
)

var errCancelled = errors.New("the task was cancelled")

// loadTop rebuilds a task from its rows, the top one first.
func (e *Engine) loadTop(rows []labstore.Task) (*topTask, error) {
	t := &topTask{
		engine: e, id: rows[0].ID, row: rows[0], filters: map[string]store.JSON{},
		events: make(chan event, maxBatch), works: map[string]context.CancelCauseFunc{},
	}
	var err error
	if t.request, err = requestOf(&rows[0]); err != nil {
		return nil, err
	}
	tasks := make([]*taskplan.Task, len(rows))
	for i := range rows {
		if tasks[i], err = Plan(&rows[i]); err != nil {
			return nil, err
		}
		t.filters[rows[i].ID], t.seq = rows[i].Filter, rows[i].Seq
	}
	t.told = tasks[0].Status
	cfg := taskplan.Config{NewID: newID, Limits: e.limits}
	t.tree, err = taskplan.Load(tasks, t.request.Targets, cfg)
	return t, err
}

// Plan is what the engine computes with of a task.
func Plan(row *labstore.Task) (*taskplan.Task, error) {
	var task taskplan.Task
	if err := json.Unmarshal(row.Plan, &task); err != nil {
		return nil, err
	}
	return &task, nil
}

func (t *topTask) lease() labstore.Lease { return t.engine.leaseOf(t.id) }

// cancel asks the task's goroutine to cancel a task of the tree. Asking again
// does no harm, and when it is busy, the next round asks again.
func (t *topTask) cancel(id, by string) {
	select {
	case t.events <- event{task: id, kind: cancelAsked, canceler: by}:
	default:
	}
}

// run works until the task is over, the lease is lost or ctx ends.
func (t *topTask) run(ctx context.Context, slots chan struct{}, first func() taskplan.Effects) {
	beat := time.NewTicker(t.engine.config.Lease / 3)
	defer beat.Stop()
	expire := time.NewTicker(expireEvery)
	defer expire.Stop()

	effects := first()
	for {
		if err := t.save(ctx, effects); err != nil {
			if ctx.Err() == nil {
				slog.WarnContext(ctx, "a task is given up by this server", "task", t.id, "error", err)
			}
			return
		}
		t.act(ctx, slots, effects)
		if t.tree.Top().Status.Final() {
			return
		}
		effects = taskplan.Effects{}
		select {
		case <-ctx.Done():
			return
		case e := <-t.events:
			effects = t.batch(e)
		case <-expire.C:
			effects = t.tree.Expire(expireGrace, t.engine.store.Now())
		case <-beat.C: // saving nothing renews the lease
		}
	}
}

// batch takes the event and all that wait behind it.
func (t *topTask) batch(e event) taskplan.Effects {
	all := t.take(e)
	for range maxBatch {
		select {
		case e := <-t.events:
			more := t.take(e)
			all.Created = append(all.Created, more.Created...)
			all.Changed = append(all.Changed, more.Changed...)
			all.Messages = append(all.Messages, more.Messages...)
			all.Work = append(all.Work, more.Work...)
			all.Stop = append(all.Stop, more.Stop...)
		default:
			return all
		}
	}
	return all
}

func (t *topTask) take(e event) taskplan.Effects {
	now := t.engine.store.Now()
	switch e.kind {
	case workStarted:
		return t.tree.Started(e.task, now)
	case workFinished:
		delete(t.works, e.task)
		return t.tree.Finished(e.task, e.outcome, now)
	}
	if task := t.tree.Task(e.task); task == nil || task.Terminate {
		return taskplan.Effects{}
	}
	effects, _ := t.tree.Cancel(e.task, e.canceler, now) // over meanwhile: nothing to do
	return effects
}

// save stores effects, trying again while the store cannot be reached and the
// lease holds.
func (t *topTask) save(ctx context.Context, e taskplan.Effects) error {
	c, err := t.changes(e)
	if err != nil {
		return err
	}
	until := time.Now().Add(t.engine.config.Lease)
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		err := t.store(ctx, c)
		if err == nil || !errors.Is(err, store.ErrUnavailable) || time.Now().Add(wait).After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// changes is what effects change in the store.
type changes struct {
	created, changed []labstore.Task
	messages         []labstore.Message
	stalled          []labstore.StateChange // of nodes in the middle of a step that has ended
	released         []string               // nodes whose deployment is undone
	events           []store.Event
}

func (t *topTask) store(ctx context.Context, c changes) error {
	return t.engine.store.InTx(ctx, func(tx *labstore.Store) error {
		if err := tx.SaveTasks(ctx, t.lease(), c.created, c.changed, c.messages); err != nil {
			return err
		}
		if err := tx.ChangeStates(ctx, c.stalled); err != nil {
			return err
		}
		if err := tx.UndoDeployments(ctx, c.released); err != nil {
			return err
		}
		return tx.AppendEvents(c.events...)
	})
}

func (t *topTask) changes(e taskplan.Effects) (changes, error) {
	c := changes{messages: messageRows(e.Messages)}
	seen := map[string]bool{}
	for _, task := range e.Created {
		seen[task.ID] = true
		row, err := t.newRow(task)
		if err != nil {
			return c, err
		}
		c.created = append(c.created, row)
		c.settle(task)
	}
	now := t.engine.store.Now()
	for _, task := range e.Changed {
		if seen[task.ID] {
			continue
		}
		seen[task.ID] = true
		plan, err := json.Marshal(task)
		if err != nil {
			return c, err
		}
		c.changed = append(c.changed, labstore.Task{ID: task.ID, Status: string(task.Status), Plan: plan, UpdatedAt: now})
		c.settle(task)
		if task.ID == t.id && task.Status != t.told && (task.Status == taskplan.Running || task.Status.Final()) {
			t.told = task.Status
			events, err := taskEvents(&t.row, t.request, task, now)
			if err != nil {
				return c, err
			}
			c.events = append(c.events, events...)
		}
	}
	return c, nil
}

// settle notes what the end of a step means for its node. One that is in the
// middle of the step for the store is so no longer, whatever became of the driver
// or of its server.
func (c *changes) settle(task *taskplan.Task) {
	if task.Role != taskplan.Node || !task.Status.Final() {
		return
	}
	if task.Result != taskplan.Success && during[task.Action] != "" {
		c.stalled = append(c.stalled, labstore.StateChange{Node: task.Nodes[0], From: during[task.Action], To: failed[task.Action]})
	}
	if task.Result == taskplan.Success && task.Action == taskplan.DestroyNode {
		c.released = append(c.released, task.Nodes[0])
	}
}

// newRow is the row of a new subtask. Its filter is its parent's, or names its
// nodes.
func (t *topTask) newRow(task *taskplan.Task) (labstore.Task, error) {
	filter := store.JSON(nodefilter.ForNodes(task.Nodes...))
	if task.OwnFilter || len(task.Nodes) == 0 {
		filter = t.filters[task.Parent]
	}
	t.seq++
	t.filters[task.ID] = filter
	plan, err := json.Marshal(task)
	node := ""
	if len(task.Nodes) == 1 {
		node = task.Nodes[0]
	}
	return labstore.Task{
		ID: task.ID, Node: node, Root: t.id, Parent: task.Parent, Seq: t.seq, Status: string(task.Status), Action: string(task.Action),
		DesignRef: t.row.DesignRef, Filter: filter, Plan: plan, CreatedAt: task.Created, UpdatedAt: task.Created,
	}, err
}

// act starts and stops work. The effects that ask for it are durable by now.
func (t *topTask) act(ctx context.Context, slots chan struct{}, e taskplan.Effects) {
	for _, id := range e.Stop {
		if stop := t.works[id]; stop != nil {
			stop(errCancelled)
		}
	}
	for _, task := range e.Changed {
		if stop := t.works[task.ID]; stop != nil && task.Status.Final() {
			stop(errCancelled) // it was over before its work began
		}
	}
	for _, w := range e.Work {
		workCtx, stop := context.WithCancelCause(ctx)
		t.works[w.Task] = stop
		t.working.Add(1)
		go func() {
			defer t.working.Done()
			defer stop(nil)
			t.work(ctx, workCtx, slots, w)
		}()
	}
}

// work does one piece of work when there is a slot for it. ctx is the task's,
// workCtx ends earlier when the work is cancelled.
func (t *topTask) work(ctx, workCtx context.Context, slots chan struct{}, w taskplan.Work) {
	outcome := taskplan.Outcome{Message: errCancelled.Error()}
	select {
	case slots <- struct{}{}:
		t.send(ctx, event{task: w.Task, kind: workStarted})
		limited, cancel := context.WithTimeout(workCtx, w.Limit)
		outcome = t.engine.do(limited, t, w)
		cancel()
		<-slots
	case <-workCtx.Done():
	}
	if errors.Is(context.Cause(ctx), errStopping) {
		return // not judged: whoever takes the task over does it again
	}
	t.send(ctx, event{task: w.Task, kind: workFinished, outcome: outcome})
}

func (t *topTask) send(ctx context.Context, e event) {
	select {
	case t.events <- e:
	case <-ctx.Done():
	}
}
