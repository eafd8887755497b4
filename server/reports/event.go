package reports

import (
	"encoding/json"

	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

// The events of the area.
const (
	area             = "reports"
	bootStoredEvent  = "boot.stored"
	groupStoredEvent = "test_group.stored"
	jobCompleteEvent = "job.completed"
)

// storedEvent is what an event of the area holds beside its type and time.
type storedEvent struct {
	ID        string           `json:"id"`
	Name      string           `json:"name,omitempty"`
	Status    string           `json:"status,omitempty"`
	Job       *string          `json:"job"`
	GitBranch *string          `json:"git_branch"`
	Kernel    *string          `json:"kernel"`
	LabName   *string          `json:"lab_name,omitempty"`
	Cases     map[string]int64 `json:"cases,omitempty"`
	Replaced  bool             `json:"replaced"` // it was reported before
}

// tell appends an event of a document in the transaction that stores it.
func tell(tx *reportstore.Store, kind string, d *document.Document, replaced bool, cases map[string]int64) error {
	e := storedEvent{ID: d.Text("_id"), Job: textOf(d, "job"), GitBranch: textOf(d, "git_branch"), Kernel: textOf(d, "kernel"), Cases: cases, Replaced: replaced}
	switch kind {
	case groupStoredEvent:
		e.Name, e.LabName = d.Text("name"), textOf(d, "lab_name")
	case bootStoredEvent:
		e.Status, e.LabName = d.Text("status"), textOf(d, "lab_name")
	default:
		e.Status = d.Text("status")
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return tx.AppendEvents(store.Event{Tenant: tx.Tenant(), Area: area, Type: kind, Time: tx.Now(), Data: text})
}

// countCases counts the cases of an upload by status, with those of the groups inside.
func countCases(tree *document.GroupTree, counts map[string]int64) map[string]int64 {
	for _, c := range tree.Cases {
		counts[c.Text("status")]++
	}
	for i := range tree.Sub {
		countCases(&tree.Sub[i], counts)
	}
	return counts
}
