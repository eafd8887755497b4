// Package events is the page of the event log.
package events

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "events.html")

// row draws one event, for the page and for its stream.
var row = template.Must(template.New("").Funcs(template.FuncMap{"id": frame.Breaking, "when": frame.When, "icon": frame.Icon}).ParseFS(files, "row.html"))

// Pages lists the pages of this package.
func Pages() []frame.Page {
	return []frame.Page{{Path: "/ui/events", Menu: "Events", Calls: []string{"listEvents"}, Show: events, Live: follow}}
}

// pageEvents is how many events are on a page, and how far back its first page looks.
const pageEvents = 100

// filters are the filters of the API that the page has.
var filters = []string{"event_type", "product_id", "test_opportunity_id", "agent_id"}

// line is an event as the page lists it.
type line struct {
	ID, Type, Area, At string
	Outcome            picture.Outcome
	Text               string
	Links              []frame.Link
	Live               bool
}

// HTML is the line as it is in the list.
func (l *line) HTML() (template.HTML, error) {
	var b bytes.Buffer
	err := row.ExecuteTemplate(&b, "row", l)
	return template.HTML(b.String()), err
}

type eventsShown struct {
	Rows  []*line
	Chips []frame.Chip
	Types []frame.Chip
	Query map[string]string
	First string // the page of the newest
	Older string

	Empty  frame.Empty
	Newest bool
}

func paramsOf(v *frame.Visit) client.ListEventsParams {
	return client.ListEventsParams{
		EventType: v.Queries("event_type"), ProductID: frame.Optional(v.Query("product_id")),
		TestOpportunityID: frame.Optional(v.Query("test_opportunity_id")), AgentID: frame.Optional(v.Query("agent_id")),
	}
}

// events lists the newest events, the newest first.
func events(v *frame.Visit) (*frame.View, error) {
	params := paramsOf(v)
	data := eventsShown{Query: map[string]string{}, Newest: v.Query("before") == ""}
	list, older, err := newest(v, params, v.Query("before"))
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		data.Rows = append(data.Rows, lineOf(&e))
	}
	if older != "" {
		data.Older = v.With("before", older)
	}
	if !data.Newest {
		data.First = v.With("before")
	}
	for _, name := range filters {
		for _, value := range v.Queries(name) {
			href := v.Toggle(name, value)
			data.Chips = append(data.Chips, frame.Chip{Label: strings.ReplaceAll(name, "_", " ") + ": " + value, On: true, Href: href})
		}
	}
	for _, kind := range []string{"RESULT_STORED", "PICKED_BY_AGENT", "QUEUED_FOR_AGENTS", "comparison", "agent.silent", "TASK_ENDED"} {
		if !slices.Contains(params.EventType, kind) {
			data.Types = append(data.Types, frame.Chip{Label: kind, Href: v.Toggle("event_type", kind)})
		}
	}
	if len(data.Rows) == 0 {
		data.Empty = frame.Empty{Why: "There is no event yet.", Hint: "Follow what happens, here or with:", Command: "slipway events --follow --server " + v.Server()}
		if len(data.Chips) > 0 {
			data.Empty = frame.Empty{Why: "No event that the log still has is like that.", Link: frame.Link{Text: "All events", Href: "/ui/events"}}
		}
	}
	pairs := []string{}
	for _, name := range filters {
		for _, value := range v.Queries(name) {
			pairs = append(pairs, name, value)
		}
	}
	return &frame.View{
		Title: "Events", Templates: templates, File: "events.html", Data: &data, Live: data.Newest,
		API: frame.APIPath("/v1/events", pairs...),
		CSV: func(out *frame.CSV) error {
			if err := out.Row("id", "time", "type", "area", "product", "opportunity", "data"); err != nil {
				return err
			}
			for e, err := range v.API.ListEventsAll(v.Context(), &params) {
				if err == nil {
					err = out.Row(e.ID, e.Timestamp, e.EventType, string(e.Area), e.ProductID, e.TestOpportunityID, string(e.Data))
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}

// newest asks for the newest events, or those before one, and where older ones begin.
func newest(v *frame.Visit, params client.ListEventsParams, before string) ([]client.Event, string, error) {
	params.Newest, params.Limit, params.After = new(true), new(int32(pageEvents)), frame.Optional(before)
	answer, err := v.API.ListEventsWithResponse(v.Context(), &params)
	if err != nil {
		return nil, "", err
	}
	list := answer.JSON200.Events
	if len(list) < pageEvents {
		return list, "", nil
	}
	return list, answer.JSON200.Next, nil
}

// follow sends each new event as a line for the head of the list. The first time it
// begins with what came after the page was made: a line that is there already takes
// its own place.
func follow(v *frame.Visit, s *frame.Stream) error {
	params := paramsOf(v)
	if s.Since == "" {
		list, _, err := newest(v, params, "")
		if err != nil {
			return err
		}
		for _, e := range slices.Backward(list[:min(len(list), 20)]) {
			if err := send(s, &e); err != nil {
				return err
			}
			s.Since = e.ID
		}
	}
	var failed error
	if err := v.Events(s, params, func(e *client.Event) { failed = send(s, e) }); err != nil {
		return err
	}
	return failed
}

func send(s *frame.Stream, e *client.Event) error {
	l := lineOf(e)
	l.Live = true
	html, err := l.HTML()
	if err == nil {
		s.Part(e.ID, []byte(html))
	}
	return err
}

// marks are the outcomes that events tell of by their type.
var marks = map[string]picture.Outcome{
	"QUEUED_FOR_AGENTS": picture.Waiting, "PICKED_BY_AGENT": picture.Running, "TASK_STARTED": picture.Running, "LEASE_EXPIRED": picture.Error, "ABANDONED": picture.Error,
	"EXPIRED": picture.Error, "agent.silent": picture.Error, "agent.doubled": picture.Error, "CANCELLED": picture.Skip, "CANCEL_REQUESTED": picture.Skip,
}

// words are the words of results.
var words = map[string]picture.Outcome{
	"PASS": picture.Pass, "FAIL": picture.Fail, "OFFLINE": picture.Error,
	"INCOMPLETE": picture.Error, "PASSED": picture.Pass, "FAILED": picture.Fail, "ERROR": picture.Error, "SKIPPED": picture.Skip,
	"success": picture.Pass, "partial_success": picture.Fail, "failure": picture.Fail,
}

// shownFields are the members of an event's data that are shown, in this order.
var shownFields = []string{"spec_name", "image_unique_id", "name", "title", "action", "status", "result", "test_status", "attempt", "kernel", "job", "reason", "tests", "holding", "new_failures", "fixed"}

// maxText bounds what a line shows of one member.
const maxText = 200

// lineOf is an event as the page lists it.
func lineOf(e *client.Event) *line {
	l := &line{ID: e.ID, Type: e.EventType, Area: string(e.Area), At: e.Timestamp, Outcome: marks[e.EventType]}
	var data map[string]any
	_ = json.Unmarshal(e.Data, &data) // what is no object has no members to show
	var parts []string
	for _, name := range shownFields {
		switch value := data[name].(type) {
		case string:
			if o, known := words[value]; known && (name == "test_status" || name == "status" || name == "result") {
				l.Outcome = o
			}
			if value != "" {
				parts = append(parts, strings.ReplaceAll(name, "_", " ")+" "+short(value))
			}
		case float64, bool:
			text, _ := json.Marshal(value) // a number
			parts = append(parts, strings.ReplaceAll(name, "_", " ")+" "+string(text))
		case []any:
			parts = append(parts, frame.Count(len(value), strings.ReplaceAll(name, "_", " ")))
		}
	}
	if outcome, _ := data["outcome"].(string); outcome != "" && l.Outcome == "" {
		l.Outcome = words[strings.ToUpper(outcome)]
	}
	l.Text = strings.Join(parts, " · ")
	l.link(e, data)
	return l
}

// link adds the pages that an event leads to.
func (l *line) link(e *client.Event, data map[string]any) {
	if id, err := e.TestOpportunityID.Get(); err == nil {
		l.Links = append(l.Links, frame.Link{Text: "opportunity", Href: "/ui/opportunities/" + id})
	}
	if id, err := e.ProductID.Get(); err == nil {
		l.Links = append(l.Links, frame.Link{Text: "product", Href: "/ui/products/" + id})
	}
	if id, _ := data["agent_id"].(string); id != "" {
		l.Links = append(l.Links, frame.Link{Text: short(id), Href: "/ui/agents?" + url.Values{"agent": {id}}.Encode()})
	}
	if id, _ := data["task_id"].(string); id != "" {
		l.Links = append(l.Links, frame.Link{Text: "task", Href: "/ui/tasks/" + url.PathEscape(id)})
	}
	if id, isRun := data["run_id"].(float64); isRun {
		l.Links = append(l.Links, frame.Link{Text: "run " + strconv.FormatFloat(id, 'f', 0, 64), Href: "/ui/runs/" + strconv.FormatFloat(id, 'f', 0, 64)})
	}
	if set, _ := data["set"].(string); set != "" {
		l.Links = append(l.Links, frame.Link{Text: setName(set), Href: frame.SetPage(set)})
	}
	head, base := refOf(data["head"]), refOf(data["base"])
	if head == "" {
		return
	}
	l.Links = append(l.Links, frame.Link{Text: setName(head), Href: frame.SetPage(head)})
	if base != "" {
		l.Links = append(l.Links, frame.Link{Text: "against " + setName(base), Href: frame.ComparePage(base, head)})
	}
	counts, _ := data["counts"].(map[string]any)
	failed, _ := counts["new_failure"].(float64)
	failing, _ := counts["new_failing"].(float64)
	if n := int(failed + failing); n > 0 {
		l.Outcome = picture.Fail
		l.Text = strings.TrimPrefix(l.Text+" · +"+frame.Number(n)+" new", " · ")
	}
}

// setName is the name of a set, without an id that nobody can tell from another.
func setName(ref string) string {
	kind, rest, _ := strings.Cut(ref, ":")
	first, image, found := strings.Cut(rest, "/")
	if _, err := uuid.Parse(first); err != nil {
		return frame.SetName(ref)
	}
	if !found {
		return "its " + kind
	}
	return frame.SetName(kind + ":" + image)
}

// refOf is the reference of a set, as text or as a member of an object.
func refOf(value any) string {
	switch set := value.(type) {
	case string:
		return set
	case map[string]any:
		ref, _ := set["ref"].(string)
		return ref
	}
	return ""
}

func short(text string) string {
	if r := []rune(text); len(r) > maxText {
		return string(r[:maxText]) + "…"
	}
	return text
}
