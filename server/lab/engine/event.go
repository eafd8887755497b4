package engine

import (
	"encoding/json"
	"time"

	"github.com/slipway-lab/slipway/server/lab/engine/taskplan"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
)

// The types of the lab's events, which tell of top tasks.
const (
	eventStarted = "TASK_STARTED"
	eventEnded   = "TASK_ENDED"

	// eventFinished says what eventEnded says under the name that ends of things have
	// in all areas, such as run.finished.
	eventFinished = "task.finished"
)

// taskEvents tell what became of a top task. They belong to the tenant of who
// asked for the task.
func taskEvents(row *labstore.Task, req request, task *taskplan.Task, now time.Time) ([]store.Event, error) {
	e := store.Event{Tenant: req.Tenant, Area: "lab", Type: eventStarted, Time: now}
	data := map[string]any{"task_id": row.ID, "action": row.Action, "status": task.Status, "created_by": row.CreatedBy}
	if task.Status.Final() {
		e.Type = eventEnded
		data["result"], data["message"] = task.Result, task.Message
		data["successes"], data["failures"] = orEmpty(task.Successes), orEmpty(task.Failures)
	}
	var err error
	if e.Data, err = json.Marshal(data); err != nil || !task.Status.Final() {
		return []store.Event{e}, err
	}
	finished := e
	finished.Type = eventFinished
	return []store.Event{e, finished}, nil
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
