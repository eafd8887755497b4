package admin

import (
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

type auditShown struct {
	Tabs    []frame.Link
	Rows    []client.AuditEntry
	Chips   []frame.Chip
	Filters []filter
	Pager   frame.Pager
	Empty   frame.Empty
}

// filter is a text field of the log's form.
type filter struct{ Name, Label, Value string }

// audit shows the audit log, the newest first.
func audit(v *frame.Visit) (*frame.View, error) {
	params := &client.ListAuditParams{
		After: frame.Optional(v.Query("after")), Event: frame.Optional(v.Query("event")), Actor: frame.Optional(v.Query("actor")), Operation: frame.Optional(v.Query("operation")),
		Client: frame.Optional(v.Query("client")), RequestID: frame.Optional(v.Query("request_id")), TokenID: frame.Optional(v.Query("token_id")),
		Decision: frame.Optional(client.ListAuditParamsDecision(v.Query("decision"))),
	}
	var pairs []string
	for _, name := range []string{"event", "actor", "operation", "client", "request_id", "token_id", "decision", "after"} {
		pairs = append(pairs, name, v.Query(name))
	}
	for _, bound := range []struct {
		name string
		to   **time.Time
	}{{"from", &params.From}, {"to", &params.To}} {
		text := v.Query("since")
		if bound.name == "to" {
			text = v.Query("until")
		}
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			if at, err = time.Parse(time.DateOnly, text); err != nil {
				return nil, v.Invalid("since and until must be days such as 2026-01-31, or times such as 2026-01-31T12:00:00Z.")
			}
		}
		*bound.to = &at
		pairs = append(pairs, bound.name, at.Format(time.RFC3339))
	}
	answer, err := v.API.ListAuditWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	data := auditShown{Tabs: tabs(v, "Audit log"), Rows: answer.JSON200.Entries, Pager: v.Pager(answer.JSON200.Next)}
	for _, word := range []string{"allowed", "denied"} {
		value := word
		if v.Query("decision") == word {
			value = ""
		}
		data.Chips = append(data.Chips, frame.Chip{Label: word, On: value == "", Href: v.With("decision", value)})
	}
	for _, f := range []filter{{"event", "event", ""}, {"actor", "actor", ""}, {"operation", "operation", ""}, {"client", "address", ""}, {"since", "since", ""}, {"until", "until", ""}} {
		f.Value = v.Query(f.Name)
		data.Filters = append(data.Filters, f)
		if f.Value != "" {
			data.Chips = append(data.Chips, v.Active(f.Label+" "+f.Value, f.Name))
		}
	}
	for _, name := range []string{"request_id", "token_id"} {
		if value := v.Query(name); value != "" {
			data.Chips = append(data.Chips, v.Active(name+" "+value, name))
		}
	}
	if len(data.Rows) == 0 {
		data.Empty = frame.Empty{Why: "Nothing of this kind happened, or it was so long ago that the entries are deleted.", Hint: "The newest entries:", Command: "slipway audit --since 24h --server " + v.Server()}
	}
	return &frame.View{
		Title: "Audit log", Templates: templates, File: "audit.html", Data: &data, API: frame.APIPath("/v1/audit", pairs...),
		CSV: func(out *frame.CSV) error {
			if err := out.Row("time", "event", "decision", "status", "actor", "owner", "client", "method", "operation", "object", "reason", "request_id"); err != nil {
				return err
			}
			all := *params
			all.After = nil
			for e, err := range v.API.ListAuditAll(v.Context(), &all) {
				if err == nil {
					err = out.Row(e.Time, e.Event, e.Decision, e.Status, e.Actor.Name, e.Actor.Owner, e.Client, e.Method, e.Operation, e.Object, e.Reason, e.RequestID)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}
