package engine

import (
	"context"
	"errors"
	"log/slog"

	"github.com/slipway-lab/slipway/server/lab/design"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
)

// do does a piece of work and judges how it went. A driver that panics has
// failed.
func (e *Engine) do(ctx context.Context, t *topTask, w taskplan.Work) (o taskplan.Outcome) {
	defer func() {
		if p := recover(); p != nil {
			slog.ErrorContext(ctx, "a driver panicked", "task", w.Task, "action", w.Action, "panic", p)
			o = taskplan.Outcome{Message: "an error in the server during this step; its log has details"}
		}
	}()
	c, err := e.library.Snapshot(ctx, t.request.Digest)
	if err != nil {
		slog.ErrorContext(ctx, "the design of a task", "task", t.id, "error", err)
		return taskplan.Outcome{Transient: true, Message: "the stored design of the task cannot be read; the server's log tells more"}
	}
	switch {
	case w.Action == taskplan.ValidateDesign:
		return validated(c.Report())
	case c.Site == nil:
		return taskplan.Outcome{Message: "the design has no effective model: " + c.FirstError()}
	case w.Action == taskplan.BootactionReport:
		return e.awaitBootActions(ctx, t.id, w.Nodes)
	case w.Node == "":
		text, err := e.drivers.nodes.Site(ctx, w.Action)
		return judge(ctx, text, err, nil)
	}
	node := c.Site.Node(w.Node)
	if node == nil {
		return taskplan.Outcome{Message: "the design has no such node"}
	}
	j := Job{Task: w.Task, Root: t.id, Action: w.Action, Probe: w.Probe, Retry: w.Retry, Site: c.Site, Node: node}
	r := e.reporter(j)
	text, err := e.onNode(ctx, t, j, r)
	o = judge(ctx, text, err, r)
	if o.OK && j.Action == taskplan.RelabelNode {
		o.ResultMessage = o.Message // that nothing was changed must not be lost among the messages
	}
	return o
}

func (e *Engine) onNode(ctx context.Context, t *topTask, j Job, r *Reporter) (string, error) {
	switch j.Action {
	case taskplan.InterrogateOOB, taskplan.SetNodeBoot, taskplan.PowerCycleNode:
		driver, missing := e.drivers.oobOf(j.Node)
		if driver == nil {
			return "", errors.New(missing)
		}
		return driver.Do(ctx, j, r)
	}
	if text, err := e.settled(ctx, j); err != nil || text != "" {
		return text, Transient(err)
	}
	if j.Action == taskplan.DeployNode {
		if err := e.beginDeployment(ctx, t, j); err != nil {
			return "", Transient(err)
		}
	}
	return e.drivers.nodes.Do(ctx, j, r)
}

// judge turns what a driver says into an outcome.
func judge(ctx context.Context, text string, err error, r *Reporter) taskplan.Outcome {
	if err == nil {
		return taskplan.Outcome{OK: true, Message: redacted(r, text)}
	}
	switch {
	case errors.Is(err, ErrAbsent):
		return taskplan.Outcome{Absent: true, Message: "The node is not known yet."}
	case errors.Is(context.Cause(ctx), errCancelled):
		return taskplan.Outcome{Message: "stopped, because the task was cancelled"}
	case errors.Is(err, context.DeadlineExceeded):
		return taskplan.Outcome{Transient: true, Message: "the step was not over in time"}
	case errors.Is(err, store.ErrUnavailable):
		return taskplan.Outcome{Transient: true, Message: "the store could not be reached"}
	}
	return taskplan.Outcome{Transient: isTransient(err), Message: redacted(r, err.Error())}
}

func redacted(r *Reporter, text string) string {
	if r == nil {
		return text
	}
	return r.Redact(text)
}

// validated is the outcome of a validate_design task: the findings become its
// messages.
func validated(report design.Report) taskplan.Outcome {
	o := taskplan.Outcome{OK: report.OK(), ResultMessage: report.Message, ResultReason: report.Reason}
	for _, m := range report.Messages {
		row := taskplan.Message{Text: m.Text, Error: m.Error, ContextType: taskplan.NoContext, Context: taskplan.NoContext}
		if len(m.Documents) > 0 {
			row.ContextType, row.Context = "document", m.Documents[0].Schema+"/"+m.Documents[0].Name
		}
		o.Messages = append(o.Messages, row)
	}
	return o
}
