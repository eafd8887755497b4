package lab

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	labapi "github.com/slipway-lab/slipway/gen/lab"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/lab/engine"
	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/server/lab/library"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// actionPermission is the permission that tasks of an action need beside that to
// create tasks.
func actionPermission(a taskplan.Action) auth.Permission {
	return auth.Permission("physical_provisioner:" + string(a))
}

// CreateTask queues an action.
func (h *Handler) CreateTask(ctx context.Context, req labapi.CreateTaskRequestObject) (labapi.Response, error) {
	action, known := taskplan.ParseAction(req.Body.Action)
	if !known {
		return nil, fault.InvalidBody("/action", "must be one of %s: Unsupported action %s", strings.Join(taskplan.Actions(), ", "), req.Body.Action)
	}
	if !auth.From(ctx).May(actionPermission(action)) {
		return nil, fault.Forbidden("the credential does not allow the action %s", req.Body.Action)
	}
	filter, sent, err := readFilter(req.Body.NodeFilter.Get())
	if err != nil {
		return nil, err
	}
	if strings.ContainsRune(req.Body.DesignRef, 0) {
		return nil, fault.InvalidBody("/design_ref", "must not hold U+0000")
	}
	row, err := h.engine.Create(ctx, engine.Order{
		Action: action, Sent: req.Body.Action, DesignRef: req.Body.DesignRef, Filter: filter, SentAs: sent,
		By: auth.From(ctx).Label(), Tenant: auth.From(ctx).Tenant, BaseURL: strings.TrimSuffix(call.From(ctx).Origin.URL("/"), "/"),
	})
	if err != nil {
		return nil, badDesign("design_ref", err)
	}
	// Its subtasks and messages are not read: a server may have begun already,
	// and the answer is the task as it was queued.
	doc, err := documentOf(ctx, row, nil, nil)
	if err != nil {
		return nil, err
	}
	return call.Created(location(ctx, "/api/v1.0/tasks/"+row.ID), doc), nil
}

// badDesign says what is wrong with the design that a member of the body names.
func badDesign(field string, err error) error {
	var ref *library.RefError
	var unusable *library.UnusableError
	switch {
	case errors.As(err, &ref):
		return fault.InvalidBody("/"+field, "%s", ref.Reason).Because(errors.Unwrap(ref))
	case errors.As(err, &unusable):
		return fault.InvalidBody("/"+field, "names a design that cannot be used: %s", unusable.Reason)
	}
	return err
}

// taskRow returns a task. An id that is no UUID is as unknown as any other.
func (h *Handler) taskRow(ctx context.Context, id string) (*labstore.Task, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return nil, noTask(id, nil)
	}
	row, err := h.store.Task(ctx, parsed.String())
	if errors.Is(err, store.ErrNotFound) {
		return nil, noTask(id, err)
	}
	return row, err
}

func noTask(id string, cause error) error {
	return fault.NotFound("Task %s does not exist", id).Because(cause)
}

// asked reports whether a query parameter of Drydock says yes (falcon's
// get_param_as_bool, with an empty value for true).
func asked(value *string) bool {
	if value == nil {
		return false
	}
	switch strings.ToLower(*value) {
	case "", "true", "t", "yes", "y", "1", "on":
		return true
	}
	return false
}

// GetTask answers a task or its layers.
func (h *Handler) GetTask(ctx context.Context, req labapi.GetTaskRequestObject) (labapi.Response, error) {
	row, err := h.taskRow(ctx, req.TaskID)
	if err != nil {
		return nil, err
	}
	layers := 0
	if req.Params.Layers != nil {
		layers, _ = strconv.Atoi(strings.TrimSpace(*req.Params.Layers)) // no number is none
	}
	return h.taskAnswer(ctx, row, layers, asked(req.Params.Builddata), asked(req.Params.Subtaskerrors))
}

func (h *Handler) taskAnswer(ctx context.Context, row *labstore.Task, layers int, data, failed bool) (*call.Answer, error) {
	shown := []labstore.Task{*row}
	var below []labstore.Task
	if layers != 0 || failed {
		all, err := h.store.Tree(ctx, row.Root)
		if err != nil {
			return nil, err
		}
		below = descendants(all, row.ID)
		if shown, err = layersOf(all, row.ID, layers); err != nil {
			return nil, err
		}
	}
	docs, err := h.documents(ctx, shown, data)
	if err != nil {
		return nil, err
	}
	var faults map[string]result
	if failed {
		if faults, err = h.faults(ctx, below); err != nil {
			return nil, err
		}
	}
	if layers == 0 {
		docs[0].SubtaskErrors = faults
		return call.OK(docs[0]), nil
	}
	body := map[string]any{"init_task_id": row.ID}
	for _, d := range docs {
		body[d.TaskID] = d
	}
	if failed {
		body["subtask_errors"] = faults
	}
	return call.OK(body), nil
}

// descendants returns all tasks under one. Parents come before their children.
func descendants(all []labstore.Task, id string) []labstore.Task {
	under := map[string]bool{id: true}
	var out []labstore.Task
	for _, r := range all {
		if under[r.Parent] {
			under[r.ID] = true
			out = append(out, r)
		}
	}
	return out
}

// layersOf returns a task and the given number of layers of listed subtasks; a
// negative number means all.
func layersOf(all []labstore.Task, id string, layers int) ([]labstore.Task, error) {
	depth := map[string]int{}
	var out []labstore.Task
	for _, r := range all {
		d, found := depth[r.Parent]
		if r.ID == id {
			d, found = 0, true
		}
		if !found || layers > 0 && d >= layers || layers == 0 && d > 0 {
			continue
		}
		task, err := engine.Plan(&r)
		if err != nil {
			return nil, err
		}
		if !task.Listed && r.ID != id {
			continue
		}
		depth[r.ID] = d + 1
		out = append(out, r)
	}
	return out, nil
}

// CancelTask cancels a task and everything under it. The server that works on it
// acts when it finds the note; one that still waits is terminated at once.
func (h *Handler) CancelTask(ctx context.Context, req labapi.CancelTaskRequestObject) (labapi.Response, error) {
	row, err := h.taskRow(ctx, req.TaskID)
	if err != nil {
		return nil, err
	}
	row, err = h.engine.Cancel(ctx, row.ID, auth.From(ctx).Label())
	if errors.Is(err, store.ErrConflict) {
		return nil, fault.Conflict("Task %s is over and cannot be cancelled", req.TaskID)
	}
	if err != nil {
		return nil, err
	}
	docs, err := h.documents(ctx, []labstore.Task{*row}, false)
	if err != nil {
		return nil, err
	}
	return call.JSON(http.StatusAccepted, docs[0]), nil
}

const (
	purgeDays    = 90
	maxPurgeDays = 100_000
)

// PurgeTasks deletes old tasks that are over. What is no number means 90 days,
// because Drydock's client sends None (drydock_client/client.py).
func (h *Handler) PurgeTasks(ctx context.Context, req labapi.PurgeTasksRequestObject) (labapi.Response, error) {
	days := purgeDays
	if req.Params.Days != nil {
		// A number beyond all is the largest there is: as an unreadable one it would
		// delete what was meant to stay.
		if n, err := strconv.Atoi(strings.TrimSpace(*req.Params.Days)); err == nil || errors.Is(err, strconv.ErrRange) {
			days = n
		}
	}
	if days < 0 {
		return nil, fault.InvalidField("query", "days", "must not be negative")
	}
	before := h.store.Now().AddDate(0, 0, -min(days, maxPurgeDays))
	if _, err := h.store.PurgeTasks(ctx, before); err != nil {
		return nil, err
	}
	return call.OK("Tables purged successfully."), nil
}

// ListTasks answers the tasks, all of them unless a limit was given.
func (h *Handler) ListTasks(ctx context.Context, req labapi.ListTasksRequestObject) (labapi.Response, error) {
	f := labstore.TaskFilter{Page: page(req.Params.Limit, req.Params.After)}
	if req.Params.Status != nil {
		f.Status = string(*req.Params.Status)
	}
	if req.Params.Top != nil {
		f.Top = *req.Params.Top
	}
	if req.Params.Newest != nil {
		f.Newest = *req.Params.Newest
	}
	if req.Params.Node != nil {
		f.Node = *req.Params.Node
	}
	paged := f.Page.Limit > 0
	if !paged {
		f.Page.Limit = streamPage
	}
	first, err := h.taskPage(ctx, f)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	if paged {
		return call.OK(first.docs).Paged(ctx, first.next), nil
	}
	return &taskStream{h: h, ctx: ctx, filter: f, page: first}, nil
}
