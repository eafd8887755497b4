package engine

import (
	"context"
	"errors"

	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// The states of work. Work that is not over is running.
const (
	WorkRunning = "running"
	WorkSuccess = "success"
)

// NextWork waits until the machine of a node has something to do. It returns the
// error of ctx when that ends before.
func (e *Engine) NextWork(ctx context.Context, node string) (*labstore.Work, error) {
	var w *labstore.Work
	err := await(ctx, e.store, labstore.NodeTopic(node), func() (bool, error) {
		var err error
		w, err = e.store.NextWork(context.WithoutCancel(ctx), node)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
	return w, err
}

// Report is what a machine says of its work.
type Report struct {
	Status  string
	Message string // the last one becomes that of the step
	Error   bool   // the message tells of an error
	Retry   bool   // trying again may help
}

// Report stores how a piece of work goes and makes w what is stored then.
// store.ErrConflict: the work is over. *RoomError: the task has no room for the
// message.
func (e *Engine) Report(ctx context.Context, w *labstore.Work, r Report) error {
	w.Status = r.Status
	var messages []labstore.Message
	if w.Status != WorkRunning {
		w.Message, w.Retry = r.Message, r.Retry
	} else if r.Message != "" {
		messages = []labstore.Message{{
			Task: w.Task, Text: r.Message, Error: r.Error, ContextType: "node", Context: w.Node, CreatedAt: e.store.Now(),
		}}
	}
	if err := e.RoomFor(ctx, w.Task, messages); err != nil {
		return err
	}
	return e.store.ReportWork(ctx, w, messages)
}

// RoomError says that a task has too many messages of machines.
type RoomError struct{ Most int64 }

func (r *RoomError) Error() string { return "the task has no room for more messages" }

// RoomFor refuses messages of machines, with a *RoomError, when their task has
// too many. Some that come at once may pass together: the limit keeps a task
// readable and is no more exact than that.
func (e *Engine) RoomFor(ctx context.Context, task string, messages []labstore.Message) error {
	if len(messages) == 0 {
		return nil
	}
	n, err := e.store.MessageBytes(ctx, task)
	if err != nil {
		return err
	}
	for i := range messages {
		n += int64(len(messages[i].Text))
	}
	if n > e.config.MaxMessages {
		return &RoomError{e.config.MaxMessages}
	}
	return nil
}
