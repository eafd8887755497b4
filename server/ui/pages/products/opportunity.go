package products

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/pages/usual"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

const (
	shownTests = 100
)

type opportunityShown struct {
	Crumbs    []frame.Link
	O         client.Opportunity
	State     state
	Over      bool
	Events    []client.OpportunityEvent
	Timeline  picture.Timeline
	Waited    any // until the agent took it, or until now
	Ran       any
	Usual     time.Duration // how long it mostly takes; 0: nobody knows
	Place     int           // in the queue, from 1; 0: it does not wait
	Ahead     bool          // there may be more before it
	Start     time.Duration // until it is likely to begin; 0: nobody knows
	Result    *client.TestResult
	Tests     []client.Test
	MoreTests bool
	Set       string
	Output    outputShown
	MayCancel bool
	MayRetry  bool
	RetryOf   string
}

// byID finds an opportunity whatever its product is.
func byID(v *frame.Visit) (*client.Opportunity, error) {
	answer, err := v.API.ListAllOpportunitiesWithResponse(v.Context(), &client.ListAllOpportunitiesParams{TestOpportunityID: new(v.Path("opportunity"))})
	if err != nil {
		return nil, err
	}
	if len(answer.JSON200.TestOpportunities) == 0 {
		return nil, v.NotFound("There is no such test opportunity.")
	}
	return &answer.JSON200.TestOpportunities[0], nil
}

// opportunity shows the life of an opportunity, its output and its result.
func opportunity(v *frame.Visit) (*frame.View, error) {
	o, err := byID(v)
	if err != nil {
		return nil, err
	}
	product, id := o.ProductID, o.TestOpportunityID
	data := opportunityShown{
		O: *o, Over: over(o), Set: "opportunity:" + id,
		Crumbs:    []frame.Link{{Text: "Products", Href: "/ui/products"}, {Text: "Product", Href: "/ui/products/" + product}, {Text: "Image " + o.ImageUniqueID, Href: frame.SetPage("image:" + product + "/" + url.PathEscape(o.ImageUniqueID))}},
		MayCancel: !over(o) && v.May("cancelOpportunity"), MayRetry: over(o) && v.May("retryOpportunity"),
	}
	if before, err := o.RetryOf.Get(); err == nil {
		data.RetryOf = before
	}
	if err := data.readResult(v, product, id); err != nil {
		return nil, err
	}
	data.State = stateOf(o, data.Result)
	if err := data.readLife(v, product, id); err != nil {
		return nil, err
	}
	if o.State == client.OpportunityStateQUEUED {
		if err := data.readPlace(v); err != nil && !frame.Refused(err) {
			return nil, err
		}
	}
	if err := data.Output.read(v, o); err != nil {
		return nil, err
	}
	api := "/v1/products/" + product + "/tests/opportunities/" + id
	return &frame.View{
		Title: o.SpecName + ", " + data.State.Words, Outcome: string(data.State.Outcome), Templates: templates, File: "opportunity.html", Data: &data, API: api, CSV: data.csv,
		Live: !data.Over && data.Output.Follows,
	}, nil
}

func (d *opportunityShown) readResult(v *frame.Visit, product, id string) error {
	answer, err := v.API.ListTestResultsWithResponse(v.Context(), product, &client.ListTestResultsParams{TestOpportunityID: &id})
	if err != nil || len(answer.JSON200.TestResults) == 0 {
		return err
	}
	d.Result = &answer.JSON200.TestResults[0]
	if d.Result.File.IsNull() {
		return nil
	}
	tests, err := v.API.ListResultTestsWithResponse(v.Context(), product, d.Result.ID, &client.ListResultTestsParams{Limit: new(int32(most))})
	if err != nil {
		return err
	}
	d.Tests = tests.JSON200.Tests
	d.MoreTests = !tests.JSON200.Next.IsNull() || len(d.Tests) > shownTests
	slices.SortStableFunc(d.Tests, func(a, b client.Test) int { return cmp.Compare(testWeight(&a), testWeight(&b)) })
	d.Tests = d.Tests[:min(len(d.Tests), shownTests)]
	return nil
}

// markOf is the outcome of a test in a file.
func markOf(t *client.Test) string {
	switch t.Status {
	case "success", "xfail":
		return "pass"
	case "fail", "uxsuccess":
		return "fail"
	case "skip":
		return "skip"
	case "exists":
		return "unknown"
	}
	return "error"
}

func testWeight(t *client.Test) int { return slices.Index(frame.Outcomes, markOf(t)) }

// Mark is markOf for templates.
func (d *opportunityShown) Mark(t client.Test) string { return markOf(&t) }

// readLife reads the events of the opportunity and how long those of its spec take.
func (d *opportunityShown) readLife(v *frame.Visit, product, id string) error {
	answer, err := v.API.ListTestEventsWithResponse(v.Context(), product, &client.ListTestEventsParams{TestOpportunityID: &id})
	if err != nil {
		return err
	}
	for _, log := range answer.JSON200.EventLogs {
		d.Events = append(d.Events, log.Events...)
	}
	usually, err := usual.Durations(v, d.O.ProductID)
	if err != nil {
		return err
	}
	d.Usual = usually[usual.LineOf(&d.O)]
	d.draw(v.Now())
	return nil
}

// draw makes the timeline of the events: waits and attempts in turn.
func (d *opportunityShown) draw(now time.Time) {
	d.Timeline.Now = now
	var open *picture.Step
	end := func(t time.Time, o picture.Outcome) {
		if open == nil {
			return
		}
		open.End, open.Outcome = t, o
		d.Timeline.Steps = append(d.Timeline.Steps, *open)
		open = nil
	}
	for _, e := range d.Events {
		t := at(e.Timestamp)
		switch e.EventType {
		case client.OpportunityEventEventTypeQUEUEDFORAGENTS:
			end(t, picture.Skip)
			open = &picture.Step{Name: "waits", Start: t}
		case client.OpportunityEventEventTypePICKEDBYAGENT:
			end(t, picture.Skip)
			open = &picture.Step{Name: "runs", Start: t, Usual: d.Usual}
			if e.AgentID != nil {
				open.Name, open.Link = "runs on "+*e.AgentID, "/ui/agents?"+url.Values{"agent": {*e.AgentID}}.Encode()
			}
		case client.OpportunityEventEventTypeRELEASEDBYAGENT, client.OpportunityEventEventTypeTAKENBACK:
			end(t, picture.Skip)
			open = &picture.Step{Name: "waits again", Start: t}
		case client.OpportunityEventEventTypeLEASEEXPIRED:
			end(t, picture.Error)
			open = &picture.Step{Name: "waits again", Start: t}
		case client.OpportunityEventEventTypeRESULTPOSTED:
			end(t, d.State.Outcome)
			open = &picture.Step{Name: "is stored", Start: t}
		case client.OpportunityEventEventTypeCANCELREQUESTED:
		default: // what ends it
			end(t, d.State.Outcome)
		}
	}
	if open != nil && !d.Over {
		open.Outcome = d.State.Outcome
		d.Timeline.Steps = append(d.Timeline.Steps, *open)
	}
	for _, s := range d.Timeline.Steps {
		ended := s.End
		if ended.IsZero() {
			ended = now
		}
		if strings.HasPrefix(s.Name, "waits") && d.Waited == nil {
			d.Waited = ended.Sub(s.Start)
		} else if strings.HasPrefix(s.Name, "runs") {
			d.Ran = ended.Sub(s.Start)
		}
	}
}

// readPlace finds how many come before it, and from that when it is likely to begin.
func (d *opportunityShown) readPlace(v *frame.Visit) error {
	queued, err := v.API.ListAllOpportunitiesWithResponse(v.Context(), &client.ListAllOpportunitiesParams{State: []client.OpportunityState{client.OpportunityStateQUEUED}, Limit: new(int32(most))})
	if err != nil {
		return err
	}
	d.Place, d.Ahead = 1, !queued.JSON200.Next.IsNull()
	for _, o := range queued.JSON200.TestOpportunities {
		sameQueue := text(o.Platform) == text(d.O.Platform) && text(o.AgentGroup) == text(d.O.AgentGroup)
		if sameQueue && o.TestOpportunityID != d.O.TestOpportunityID && (o.Priority > d.O.Priority || o.Priority == d.O.Priority && at(o.QueuedAt).Before(at(d.O.QueuedAt))) {
			d.Place++
		}
	}
	if d.Usual == 0 || d.Ahead {
		return nil
	}
	agents, err := v.API.ListAgentsWithResponse(v.Context(), &client.ListAgentsParams{Mode: new(client.AgentModeOnline), Platform: frame.Optional(text(d.O.Platform)), AgentGroup: frame.Optional(text(d.O.AgentGroup)), Limit: new(int32(most))})
	if err != nil {
		return err
	}
	slots, free := 0, 0
	for _, a := range agents.JSON200.Agents {
		if a.State != client.AgentStateSilent {
			slots += int(a.Capacity)
			free += int(a.Capacity) - len(a.Holding)
		}
	}
	if slots > 0 && free < d.Place {
		d.Start = time.Duration(d.Place-max(free, 0)) * d.Usual / time.Duration(slots)
	}
	return nil
}

// act takes the forms of the page: cancel and retry.
func act(v *frame.Visit) (*frame.View, error) {
	o, err := byID(v)
	if err != nil {
		return nil, err
	}
	product, id := o.ProductID, o.TestOpportunityID
	switch v.Form("do") {
	case "cancel":
		if _, err := v.API.CancelOpportunityWithResponse(v.Context(), product, id, nil, client.CancelOpportunityJSONRequestBody{Reason: frame.Optional(v.Form("reason"))}); err != nil {
			return nil, err
		}
		said := "The opportunity is cancelled."
		if o.State != client.OpportunityStateQUEUED {
			said = "The agent is told to stop."
		}
		return v.Redirect("/ui/opportunities/"+id, said), nil
	case "retry":
		answer, err := v.API.RetryOpportunityWithResponse(v.Context(), product, id, nil)
		if err != nil {
			return nil, err
		}
		if len(answer.JSON201.Ids) == 0 {
			return v.Redirect("/ui/opportunities/"+id, "No test spec wants it any more, so nothing was queued."), nil
		}
		return v.Redirect("/ui/opportunities/"+answer.JSON201.Ids[0].TestOpportunityID, "It is queued again, as this new opportunity."), nil
	}
	return nil, v.Invalid("The form does not say what to do: cancel or retry.")
}

func (d *opportunityShown) csv(out *frame.CSV) error {
	err := out.Row("time", "event", "agent", "attempt", "status", "reason")
	for _, e := range d.Events {
		if err == nil {
			err = out.Row(at(e.Timestamp), string(e.EventType), e.AgentID, e.Attempt, e.TestStatus, e.Reason)
		}
	}
	return err
}
