package triage

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// book is the page of known issues.
type book struct {
	Issues  []client.KnownIssue
	State   string
	One     bool // only one issue is shown
	Chips   []frame.Chip
	Pager   frame.Pager
	Empty   frame.Empty
	Form    issueForm
	Edit    bool // the form is there
	Wrong   string
	Back    string // the page to which the form leads
	Sources []string
	Clouds  []frame.Link
	Preview *preview
	Now     time.Time
}

// issueForm is a known issue as a form has it.
type issueForm struct {
	ID, Title, URL, Expires, Name, Message, Context, CloudID, Job, Product string
	Sources                                                                []string
}

// Of reports whether a source is ticked.
func (f issueForm) Of(source string) bool { return slices.Contains(f.Sources, source) }

// preview is what an issue would explain, as the API says.
type preview struct {
	*client.KnownIssuePreview
	Found []found
}

type found struct {
	client.PreviewedFailure
	Href, Beside string
}

// Most reports whether it fits so much that it may hide what nobody knows yet.
func (p *preview) Most() bool { return p.Failures > 20 && p.Matches*2 > p.Failures }

// Ended reports whether an open issue explains nothing any more.
func (b *book) Ended(i client.KnownIssue) bool {
	at, err := i.ExpiresOn.Get()
	return err == nil && !at.After(b.Now)
}

// About are the parts of a match but its name, as words.
func (b *book) About(m client.KnownIssueMatch) string {
	var parts []string
	if text := value(m.Message.Get()); text != "" {
		parts = append(parts, "says “"+text+"”")
	}
	context := value(m.Context.Get())
	for _, field := range contextFields {
		if v, ok := context[field]; ok {
			text := "none"
			if v != nil {
				text = *v
			}
			parts = append(parts, strings.ReplaceAll(field, "_", " ")+" "+text)
		}
	}
	for _, source := range value(m.Sources.Get()) {
		parts = append(parts, "of a "+string(source))
	}
	if id, err := m.CloudID.Get(); err == nil {
		parts = append(parts, nameOf(b.Clouds, strconv.FormatInt(id, 10), "cloud "+strconv.FormatInt(id, 10)))
	}
	if job := value(m.Job.Get()); job != "" {
		parts = append(parts, "job "+job)
	}
	if id, err := m.ProductID.Get(); err == nil {
		parts = append(parts, "product "+id)
	}
	return strings.Join(parts, " · ")
}

func issues(v *frame.Visit) (*frame.View, error) {
	b := &book{}
	if v.Query("name") != "" && v.May("createKnownIssue") {
		b.Edit, b.Back = true, v.Query("back")
		b.Form = issueForm{Name: v.Query("name"), Message: v.Query("message"), Title: firstWords(v.Query("message"))}
		b.Form.CloudID, b.Form.Job, b.Form.Product = v.Query("cloud_id"), v.Query("job"), v.Query("product_id")
		if err := b.look(v); err != nil {
			return nil, err
		}
	}
	return b.view(v)
}

// firstWords is the beginning of a message, as the title of an issue that explains it.
func firstWords(message string) string {
	const most = 120
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most], "") + "…"
}

// view reads the list, or the one issue that the address names.
func (b *book) view(v *frame.Visit) (*frame.View, error) {
	b.Now, b.State = v.Now(), v.Query("state")
	b.Sources = []string{"run", "published", "case", "boot", "opportunity"}
	view := &frame.View{Title: "Known issues", Templates: templates, File: "issues.html", Data: b}
	if v.May("listClouds") {
		limit := int32(100)
		answer, err := v.API.ListCloudsWithResponse(v.Context(), &client.ListCloudsParams{Limit: &limit})
		if err != nil {
			return nil, err
		}
		for i := range answer.JSON200.Clouds {
			b.Clouds = append(b.Clouds, frame.Link{Text: answer.JSON200.Clouds[i].Label, Href: strconv.FormatInt(answer.JSON200.Clouds[i].ID, 10)})
		}
	}
	if id := v.Query("id"); id != "" {
		return view, b.readOne(v, id, view)
	}
	params, api := b.params(v)
	answer, err := v.API.ListKnownIssuesWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	b.Issues, b.Pager = answer.JSON200.KnownIssues, v.Pager(answer.JSON200.Next)
	for _, state := range []string{"open", "closed", "all"} {
		b.Chips = append(b.Chips, frame.Chip{Label: state, Choice: true, On: state == b.State, Href: v.With("state", state)})
	}
	b.Empty = frame.Empty{
		Why: "No issue is " + strings.Replace(b.State, "all", "known", 1) + ". One explains failures that somebody has looked at; it changes no outcome.", Hint: "This makes one:",
		Command: "slipway issue add --server " + v.Server() + " --name 'tempest.api.*' --message 'Timed out' 'servers do not boot'",
	}
	view.API = api
	view.CSV = issuesCSV(v, params)
	return view, nil
}

func (b *book) params(v *frame.Visit) (*client.ListKnownIssuesParams, string) {
	limit := int32(rowsShown)
	params := &client.ListKnownIssuesParams{Limit: &limit, After: frame.Optional(v.Query("after"))}
	if b.State != "closed" && b.State != "all" {
		b.State = "open"
	}
	asked := strings.TrimPrefix(b.State, "all")
	if asked != "" {
		state := client.KnownIssueState(asked)
		params.State = &state
	}
	return params, frame.APIPath("/v1/known-issues", "state", asked, "after", v.Query("after"))
}

func (b *book) readOne(v *frame.Visit, id string, view *frame.View) error {
	answer, err := v.API.GetKnownIssueWithResponse(v.Context(), id)
	if err != nil {
		return err
	}
	issue := *answer.JSON200
	b.One, b.Issues = true, []client.KnownIssue{issue}
	view.Title, view.API = issue.Title, "/v1/known-issues/"+issue.ID
	if !v.May("updateKnownIssue") {
		return nil
	}
	b.Edit = true
	if b.Form.ID == "" {
		b.Form = formOf(&issue)
	}
	if b.Preview == nil {
		return b.look(v)
	}
	return nil
}

func formOf(i *client.KnownIssue) issueForm {
	f := issueForm{
		ID: i.ID, Title: i.Title, URL: value(i.URL.Get()), Name: i.Match.Name, Message: value(i.Match.Message.Get()), Job: value(i.Match.Job.Get()),
	}
	if at, err := i.ExpiresOn.Get(); err == nil {
		f.Expires = at.UTC().Format(time.RFC3339)
	}
	if id, err := i.Match.CloudID.Get(); err == nil {
		f.CloudID = strconv.FormatInt(id, 10)
	}
	if id, err := i.Match.ProductID.Get(); err == nil {
		f.Product = id
	}
	for _, source := range value(i.Match.Sources.Get()) {
		f.Sources = append(f.Sources, string(source))
	}
	context := value(i.Match.Context.Get())
	var lines []string
	for _, field := range contextFields {
		switch text, ok := context[field]; {
		case !ok:
		case text == nil:
			lines = append(lines, field)
		default:
			lines = append(lines, field+"="+*text)
		}
	}
	f.Context = strings.Join(lines, "\n")
	return f
}

// formFrom is what was typed.
func formFrom(v *frame.Visit) issueForm {
	f := issueForm{
		ID: v.Form("id"), Title: strings.TrimSpace(v.Form("title")), URL: strings.TrimSpace(v.Form("url")), Expires: strings.TrimSpace(v.Form("expires")), Name: v.Form("name"), Message: v.Form("message"),
		Context: strings.ReplaceAll(v.Form("context"), "\r", ""), CloudID: strings.TrimSpace(v.Form("cloud_id")), Job: v.Form("job"), Product: strings.TrimSpace(v.Form("product_id")),
	}
	f.Sources = append(f.Sources, v.HTTP.PostForm["source"]...)
	return f
}

// match is what the issue must fit. The sentence says which field cannot be.
func (f *issueForm) match() (m client.KnownIssueMatch, wrong string) {
	m.Name = f.Name
	m.Message, m.Job = textOrNull(f.Message), textOrNull(f.Job)
	m.CloudID, m.ProductID, m.Context = nullable.NewNullNullable[int64](), nullable.NewNullNullable[string](), nullable.NewNullNullable[map[string]*string]()
	sources := []client.TestSource{}
	for _, source := range f.Sources {
		sources = append(sources, client.TestSource(source))
	}
	m.Sources.Set(sources)
	if f.CloudID != "" {
		id, err := strconv.ParseInt(f.CloudID, 10, 64)
		if err != nil {
			return m, "The cloud must be a number."
		}
		m.CloudID.Set(id)
	}
	if f.Product != "" {
		id, err := uuid.Parse(f.Product)
		if err != nil {
			return m, "The product must be the id of one, a UUID."
		}
		m.ProductID.Set(id.String())
	}
	context := map[string]*string{}
	for text := range strings.Lines(f.Context) {
		text = strings.TrimRight(text, "\n")
		if strings.TrimSpace(text) == "" {
			continue
		}
		field, rest, has := strings.Cut(text, "=")
		if field = strings.TrimSpace(field); !slices.Contains(contextFields, field) {
			return m, "A line of the context must be a field, =, and its value; fields are " + strings.Join(contextFields, ", ") + "."
		}
		context[field] = nil
		if has {
			context[field] = &rest
		}
	}
	if len(context) > 0 {
		m.Context.Set(context)
	}
	return m, ""
}

func textOrNull(text string) nullable.Nullable[string] {
	if text == "" {
		return nullable.NewNullNullable[string]()
	}
	return nullable.NewNullableWithValue(text)
}

func (f *issueForm) expires() (at nullable.Nullable[time.Time], wrong string) {
	if f.Expires == "" {
		return nullable.NewNullNullable[time.Time](), ""
	}
	t, err := timeOf(f.Expires)
	if err != nil {
		return at, "The end must be a day or a time, such as 2026-12-31 or 2026-12-31T12:00:00Z."
	}
	return nullable.NewNullableWithValue(t), ""
}

// changeIssue takes the forms of the page.
func changeIssue(v *frame.Visit) (*frame.View, error) {
	id := v.Form("id")
	switch v.Form("do") {
	case "close", "open":
		state := client.KnownIssueState(map[string]string{"close": "closed", "open": "open"}[v.Form("do")])
		answer, err := v.API.UpdateKnownIssueWithResponse(v.Context(), id, client.KnownIssuePatch{State: &state})
		if err != nil {
			return nil, err
		}
		said := "It is closed and explains nothing any more."
		if state == "open" {
			said = "It is open again."
		}
		return v.Redirect("/ui/issues?id="+answer.JSON200.ID, said), nil
	case "delete":
		if _, err := v.API.DeleteKnownIssueWithResponse(v.Context(), id); err != nil {
			return nil, err
		}
		return v.Redirect("/ui/issues", "The issue is gone."), nil
	case "preview", "save":
		return saveIssue(v)
	}
	return nil, v.Invalid("“do” must be save, preview, open, close or delete.")
}

// saveIssue keeps what was typed, or shows what it would fit. What cannot be kept is
// shown again, with what is wrong.
func saveIssue(v *frame.Visit) (*frame.View, error) {
	b := &book{Form: formFrom(v), Edit: true, Back: v.Form("back")}
	match, wrong := b.Form.match()
	expires, late := b.Form.expires()
	if wrong == "" {
		wrong = late
	}
	if b.Wrong = wrong; wrong == "" && v.Form("do") == "save" {
		id, err := b.keep(v, match, expires)
		if err == nil {
			to := "/ui/issues?id=" + id
			if b.Back != "" {
				to = frame.SafePage(b.Back)
			}
			return v.Redirect(to, "“"+b.Form.Title+"” is known: it explains what it fits from now on, and what is here already."), nil
		}
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != http.StatusBadRequest && p.Status != http.StatusConflict {
			return nil, err
		}
		b.Wrong = p.Detail
	}
	if b.Wrong == "" {
		if err := b.look(v); err != nil {
			return nil, err
		}
	}
	view, err := b.view(v)
	if err == nil && b.Wrong != "" {
		view.Status = http.StatusBadRequest
	}
	return view, err
}

func (b *book) keep(v *frame.Visit, match client.KnownIssueMatch, expires nullable.Nullable[time.Time]) (string, error) {
	f := &b.Form
	if f.ID != "" {
		answer, err := v.API.UpdateKnownIssueWithResponse(v.Context(), f.ID, client.KnownIssuePatch{Title: &f.Title, URL: textOrNull(f.URL), ExpiresOn: expires, Match: &match})
		if err != nil {
			return "", err
		}
		return answer.JSON200.ID, nil
	}
	answer, err := v.API.CreateKnownIssueWithResponse(v.Context(), nil, client.NewKnownIssue{Title: f.Title, URL: textOrNull(f.URL), ExpiresOn: expires, Match: match})
	if err != nil {
		return "", err
	}
	return answer.JSON201.ID, nil
}

// look asks what the issue would explain.
func (b *book) look(v *frame.Visit) error {
	match, wrong := b.Form.match()
	if b.Form.Name == "" || wrong != "" || !v.May("previewKnownIssue") {
		b.Wrong = cmp.Or(b.Wrong, wrong)
		return nil
	}
	answer, err := v.API.PreviewKnownIssueWithResponse(v.Context(), client.KnownIssueQuestion{Match: match})
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusBadRequest {
		b.Wrong = p.Detail
		return nil
	}
	if err != nil {
		return err
	}
	b.Preview = &preview{KnownIssuePreview: answer.JSON200}
	for _, e := range answer.JSON200.Examples {
		one := found{PreviewedFailure: e, Beside: contextWords(e.Context)}
		if !e.Href.IsNull() {
			one.Href = testHref(e.Set, e.Name, e.Context)
		}
		b.Preview.Found = append(b.Preview.Found, one)
	}
	return nil
}

func issuesCSV(v *frame.Visit, params *client.ListKnownIssuesParams) func(*frame.CSV) error {
	ask := *params
	return func(out *frame.CSV) error {
		if err := out.Row("id", "title", "url", "state", "expires_on", "name", "message", "created_by", "created_on", "matches", "last_match"); err != nil {
			return err
		}
		limit := int32(1000)
		ask.Limit, ask.After = &limit, nil
		for {
			answer, err := v.API.ListKnownIssuesWithResponse(v.Context(), &ask)
			if err != nil {
				return err
			}
			for _, i := range answer.JSON200.KnownIssues {
				if err := out.Row(i.ID, i.Title, i.URL, string(i.State), i.ExpiresOn, i.Match.Name, i.Match.Message, i.CreatedBy, i.CreatedOn, i.Matches, i.LastMatch); err != nil {
					return err
				}
			}
			next, err := answer.JSON200.Next.Get()
			if err != nil || next == "" {
				return nil
			}
			ask.After = &next
		}
	}
}
