package results

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
)

// The events of the area.
const (
	area             = "results"
	runResultEvent   = "run.result"
	runFinishedEvent = "run.finished"
)

// resultEvent is what run.result holds beside its type and time.
type resultEvent struct {
	RunID    int64            `json:"run_id"`
	CloudID  *int64           `json:"cloud_id"`
	Name     string           `json:"name,omitempty"`
	ResultID uuid.UUID        `json:"result_id"`
	Attempt  int64            `json:"attempt"`
	Outcome  string           `json:"outcome"`
	Complete bool             `json:"complete"`
	Tests    int64            `json:"tests"`
	Counts   map[string]int64 `json:"counts"`
}

// finishedEvent is what run.finished holds.
type finishedEvent struct {
	RunID   int64  `json:"run_id"`
	CloudID *int64 `json:"cloud_id"`
	Name    string `json:"name,omitempty"`
	Outcome string `json:"outcome"` // empty without a result
}

// tell appends an event of a run in the transaction of what it tells.
func (s *Store) tell(run *Run, kind string, at time.Time, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.AppendEvents(store.Event{Tenant: run.Tenant, Area: area, Type: kind, Time: at, Data: text})
}

func (s *Store) tellFinished(run *Run) error {
	return s.tell(run, runFinishedEvent, *run.FinishedAt, finishedEvent{RunID: run.ID, CloudID: run.CloudID, Name: run.Name, Outcome: run.Outcome})
}

// tellResult tells of a result that was published just now, and queues it to be
// compared. Of one that is private nobody is told.
func (s *Store) tellResult(run *Run, r *Result, finished bool) error {
	if r.PrivateTo != "" {
		return nil
	}
	counts := map[string]int64{}
	for status := TestUnknown; status <= TestXFail; status++ {
		counts[status.String()] = r.Counts.Of(status)
	}
	err := s.tell(run, runResultEvent, r.CreatedAt, resultEvent{
		RunID: run.ID, CloudID: run.CloudID, Name: run.Name, ResultID: r.ID, Attempt: r.Attempt,
		Outcome: r.Outcome, Complete: r.Complete, Tests: r.Tests, Counts: counts,
	})
	if err == nil && finished {
		err = s.tellFinished(run)
	}
	if err != nil {
		return err
	}
	return s.queueRun(run, r)
}

// queueRun queues a result to be compared when its run belongs to a line.
func (s *Store) queueRun(run *Run, r *Result) error {
	if run.CloudID == nil && run.Name == "" {
		return nil
	}
	ref := fmt.Sprintf("run:%d/%d", run.ID, r.Attempt)
	return s.QueueSet(store.PendingSet{Tenant: run.Tenant, Kind: "run", Ref: ref, Parts: r.Parts})
}
