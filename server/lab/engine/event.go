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
)

// taskEvent tells what became of a top task. It belongs to the tenant of who
// asked for the task.
func taskEvent(row *labstore.Task, req request, task *taskplan.Task, now time.Time) (store.Event, error) {
	e := store.Event{Tenant: req.Tenant, Area: "lab", Type: eventStarted, Time: now}
	data := map[string]any{"task_id": row.ID, "action": row.Action, "status": task.Status, "created_by": row.CreatedBy}
	if task.Status.Final() {
		e.Type = eventEnded
		data["result"], data["message"] = task.Result, task.Message
		data["successes"], data["failures"] = orEmpty(task.Successes), orEmpty(task.Failures)
	}
	var err error
	e.Data, err = json.Marshal(data)
	return e, err
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
