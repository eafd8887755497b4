package triage

import (
	"cmp"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

const (
	historyShown = 100 // results on a page, unless the address says another number
	mostColumns  = 40  // versions of a matrix, the newest
	mostRows     = 60  // contexts of a matrix
	mostCells    = 480 // of a matrix; many contexts leave room for fewer versions
	mostEntries  = 100 // results in the table
)

// historyFilters are the filters of the address, as the API has them.
var historyFilters = []string{
	"source", "cloud_id", "run", "product_id", "product", "job", "kernel", "git_branch", "arch", "board", "build_environment", "defconfig_full", "device_type", "lab_name", "outcome", "since", "until",
}

// through is one test through time.
type through struct {
	*client.TestHistory
	Group    string
	Filters  []frame.Chip
	Hidden   [][2]string // the filters, for the form
	Limit    int
	Limits   []int
	Rows     int // contexts
	MoreRows int
	Columns  int // versions
	Picture  template.HTML
	Table    template.HTML
	Took     template.HTML
	Verdicts []contextVerdict
	Shown    []entry
	Left     int // entries of the page that the table leaves out
	Pager    frame.Pager
	Empty    frame.Empty
	Flaky    string // where its line is ranked
}

// entry is a row of the table.
type entry struct {
	client.HistoryEntry
	Href, Beside, Version string
	Place                 string // the set, where its name says more than the version
}

// Since names the version since which the verdict holds.
func (h *through) Since() string {
	place, err := h.Summary.Since.Get()
	if err != nil {
		return ""
	}
	return versionName(value(place.Version.Get()), place.Set)
}

// Word is the verdict as a sentence begins with it.
func (h *through) Word() string {
	word := strings.ReplaceAll(string(h.Summary.Verdict), "_", " ")
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// Mark is the outcome whose mark stands before the verdict: nothing that is not plainly
// passing looks as if it were.
func (h *through) Mark() string {
	if len(h.Verdicts) > 0 {
		return h.Verdicts[0].Mark()
	}
	return markOf(h.Summary.Verdict)
}

func markOf(verdict client.FlakyVerdict) string {
	switch string(verdict) {
	case "failing", "regressed", "flaky":
		return "fail"
	case "passing", "fixed", "recovered":
		return "pass"
	}
	return "unknown"
}

func history(v *frame.Visit) (*frame.View, error) {
	name := v.Query("name")
	params, err := historyParams(v, name)
	if err != nil {
		return nil, err
	}
	api := historyAPI(v, name)
	answer, err := v.API.GetTestHistoryWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	h := &through{TestHistory: answer.JSON200, Limit: int(*params.Limit), Limits: []int{50, historyShown, 200, 500}, Pager: v.Pager(answer.JSON200.Next)}
	h.Group, _, _ = frame.SplitName(name)
	h.addFilters(v)
	h.addEntries()
	h.draw(v)
	h.addVerdicts(v)
	h.Empty = frame.Empty{Why: "Nobody has reported a test of this name.", Hint: "This uploads results:", Command: "slipway upload results.xml --server " + v.Server()}
	if name == "" {
		h.Empty.Why = "A test is named by its whole name."
	} else if len(h.Filters) > 0 {
		h.Empty.Why = "No result of this test fits these filters, or the name is written another way."
	}
	if v.Query("after") != "" {
		h.Empty.Why = "Nothing is older."
	}
	view := &frame.View{Title: "History of " + leaf(name), Templates: templates, File: "history.html", Data: h, API: api, CSV: historyCSV(v, params)}
	if len(h.Entries) > 0 && v.Query("after") == "" {
		if newest := string(h.Entries[0].Outcome); newest == "fail" || newest == "error" {
			view.Outcome = newest
		}
	}
	return view, nil
}

func historyParams(v *frame.Visit, name string) (*client.GetTestHistoryParams, error) {
	limit := int32(historyShown)
	if n, err := strconv.Atoi(v.Query("limit")); err == nil && n >= 1 && n <= 500 {
		limit = int32(n)
	}
	p := &client.GetTestHistoryParams{
		Name: name, Limit: &limit, After: frame.Optional(v.Query("after")), Contexts: new(true),
		Run: whole(v, "run"), ProductID: whole(v, "product_id"), Product: whole(v, "product"), Job: whole(v, "job"), Kernel: whole(v, "kernel"), GitBranch: whole(v, "git_branch"),
		Arch: whole(v, "arch"), Board: whole(v, "board"), BuildEnvironment: whole(v, "build_environment"), DefconfigFull: whole(v, "defconfig_full"), DeviceType: whole(v, "device_type"), LabName: whole(v, "lab_name"),
	}
	for _, text := range v.Queries("source") {
		p.Source = append(p.Source, client.TestSource(text))
	}
	for _, text := range v.Queries("outcome") {
		p.Outcome = append(p.Outcome, client.SetOutcome(text))
	}
	for _, text := range v.Queries("cloud_id") {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, v.Invalid("“cloud_id” must be a number.")
		}
		p.CloudID = append(p.CloudID, id)
	}
	for name, to := range map[string]**time.Time{"since": &p.Since, "until": &p.Until} {
		if text := v.Query(name); text != "" {
			at, err := timeOf(text)
			if err != nil {
				return nil, v.Invalid("“" + name + "” must be a day or a time, such as 2026-11-30 or 2026-11-30T05:12:00Z.")
			}
			*to = &at
		}
	}
	return p, nil
}

// whole are all values of a filter; a comma is a part of a value.
func whole(v *frame.Visit, name string) []string {
	return slices.DeleteFunc(slices.Clone(v.HTTP.URL.Query()[name]), func(s string) bool { return s == "" })
}

func timeOf(text string) (time.Time, error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}

func historyAPI(v *frame.Visit, name string) string {
	q := url.Values{"name": {name}, "contexts": {"true"}}
	for _, filter := range historyFilters {
		if values := whole(v, filter); len(values) > 0 {
			q[filter] = values
		}
	}
	return "/v1/test-history?" + q.Encode()
}

func (h *through) addFilters(v *frame.Visit) {
	for _, filter := range historyFilters {
		values := whole(v, filter)
		for _, value := range values {
			rest := slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == value })
			h.Filters = append(h.Filters, frame.Chip{Label: strings.ReplaceAll(filter, "_", " ") + ": " + value, On: true, Href: v.With(filter, rest...)})
			h.Hidden = append(h.Hidden, [2]string{filter, value})
		}
	}
	for _, line := range []string{"cloud_id", "job", "product_id"} {
		if values := whole(v, line); len(values) == 1 && h.Flaky == "" {
			h.Flaky = link("/ui/flaky", line, values[0])
		}
	}
}

func (h *through) addEntries() {
	for i, e := range h.Entries {
		if i == mostEntries {
			h.Left = len(h.Entries) - i
			return
		}
		row := entry{HistoryEntry: e, Beside: contextWords(e.Context), Version: versionOf(&e)}
		if place := frame.SetName(e.Set); place != row.Version {
			row.Place = strings.TrimSuffix(place, "/"+row.Version)
		}
		if !e.Href.IsNull() {
			row.Href = testHref(e.Set, h.Name, e.Context)
		}
		h.Shown = append(h.Shown, row)
	}
}

// contextVerdict is how the test behaves in one context.
type contextVerdict struct {
	client.ContextHistory
	Words, Href, Since string
}

// Word is the verdict in words.
func (c contextVerdict) Word() string { return strings.ReplaceAll(string(c.Summary.Verdict), "_", " ") }

// Mark is the outcome whose mark stands before it.
func (c contextVerdict) Mark() string { return markOf(c.Summary.Verdict) }

// Bad reports whether somebody has to look.
func (c contextVerdict) Bad() bool { return c.Mark() == "fail" }

// addVerdicts lists the verdicts of the contexts, those first of which somebody has to
// look.
func (h *through) addVerdicts(v *frame.Visit) {
	if len(h.Contexts) < 2 {
		return
	}
	for _, c := range h.Contexts {
		one := contextVerdict{ContextHistory: c, Words: cmp.Or(contextWords(c.Context), "no context"), Href: withContext(v, c.Context)}
		if place, err := c.Summary.Since.Get(); err == nil {
			one.Since = versionName(value(place.Version.Get()), place.Set)
		}
		h.Verdicts = append(h.Verdicts, one)
	}
	slices.SortStableFunc(h.Verdicts, func(a, b contextVerdict) int {
		return cmp.Or(cmp.Compare(badVerdict(a), badVerdict(b)), strings.Compare(a.Words, b.Words))
	})
}

// badVerdict orders verdicts, the worst first.
func badVerdict(c contextVerdict) int {
	at := slices.Index([]string{"regressed", "failing", "flaky", "recovered", "fixed", "too_few", "passing"}, string(c.Summary.Verdict))
	if at < 0 {
		return len(verdicts)
	}
	return at
}

// Split says how many contexts have which verdict, the worst first.
func (h *through) Split() string {
	var parts []string
	for i := 0; i < len(h.Verdicts); {
		n := i
		for n < len(h.Verdicts) && h.Verdicts[n].Summary.Verdict == h.Verdicts[i].Summary.Verdict {
			n++
		}
		parts = append(parts, strconv.Itoa(n-i)+" "+h.Verdicts[i].Word())
		i = n
	}
	return strings.Join(parts, ", ") + ", of " + frame.Count(len(h.Verdicts), "context")
}

// Notable are how many contexts somebody has to look at.
func (h *through) Notable() int {
	n := 0
	for _, c := range h.Verdicts {
		if c.Bad() {
			n++
		}
	}
	return n
}

// versionOf names what was tested, by its own name where it has one.
func versionOf(e *client.HistoryEntry) string {
	return versionName(value(e.Version.Get()), e.Set)
}

func versionName(version, set string) string {
	switch kind, _, _ := strings.Cut(version, ":"); {
	case version == "":
		return frame.SetName(set)
	case kind == "run":
		return frame.SetName(version)
	}
	return version
}

var order = []string{"fail", "error", "unknown", "skip", "pass"}

// draw makes the pictures: a matrix where results have a context, else a strip.
func (h *through) draw(v *frame.Visit) {
	if len(h.Entries) == 0 {
		return
	}
	var versions, rows []string // the newest first
	contexts := map[string]client.TestContext{}
	cells := map[[2]string][]client.HistoryEntry{}
	for _, e := range h.Entries {
		version, row := versionOf(&e), contextKey(e.Context)
		if !slices.Contains(versions, version) {
			if len(versions) == mostColumns {
				continue
			}
			versions = append(versions, version)
		}
		if _, known := contexts[row]; !known {
			if len(rows) == mostRows {
				h.MoreRows++
				continue
			}
			contexts[row], rows = e.Context, append(rows, row)
		}
		key := [2]string{version, row}
		cells[key] = append(cells[key], e)
	}
	h.Rows, h.Columns = len(rows), len(versions)
	h.drawDurations()
	if len(rows) == 1 && len(contexts[rows[0]]) == 0 {
		h.drawStrip()
		return
	}
	versions = versions[:min(len(versions), max(1, mostCells/len(rows)))]
	h.Columns = len(versions)
	slices.Reverse(versions)
	slices.SortFunc(rows, func(a, b string) int { return cmp.Compare(contextWords(contexts[a]), contextWords(contexts[b])) })
	m := picture.Matrix{Of: "Context"}
	short := h.telling(v, contexts)
	for _, version := range versions {
		m.Columns = append(m.Columns, picture.Column{Name: version})
	}
	for _, row := range rows {
		context := contexts[row]
		first, rest, _ := strings.Cut(contextWords(context), " · ")
		r := picture.Row{Name: cmp.Or(first, "no context"), Note: joined(" · ", rest, h.verdictOf(context)), Link: withContext(v, context)}
		for _, version := range versions {
			r.Cells = append(r.Cells, h.cell(cells[[2]string{version, row}], short))
		}
		m.Rows = append(m.Rows, r)
	}
	h.Picture, h.Table = m.HTML(), m.Table().HTML()
}

// verdictOf is the verdict on one context, as a word.
func (h *through) verdictOf(context client.TestContext) string {
	for _, c := range h.Contexts {
		if sameContext(c.Context, context) {
			return strings.ReplaceAll(string(c.Summary.Verdict), "_", " ")
		}
	}
	return ""
}

// telling are the fields that tell the contexts of the page apart, which keeps the
// links of many cells short: those that differ, and those that were asked for.
func (h *through) telling(v *frame.Visit, contexts map[string]client.TestContext) []string {
	var fields []string
	for _, field := range contextFields {
		values := map[string]bool{}
		for _, context := range contexts {
			values[context[field]] = true
		}
		if len(values) > 1 || v.HTTP.URL.Query().Has(field) {
			fields = append(fields, field)
		}
	}
	return fields
}

func contextKey(context client.TestContext) string { return strings.Join(pairs(context), "\x00") }

// withContext is the page for one context.
func withContext(v *frame.Visit, context client.TestContext) string {
	q := v.HTTP.URL.Query()
	q.Del("after")
	q.Del("from")
	for i, list := 0, pairs(context); i+1 < len(list); i += 2 {
		if slices.Contains(historyFilters, list[i]) {
			q.Set(list[i], list[i+1])
		}
	}
	return v.HTTP.URL.Path + "?" + q.Encode()
}

// cell is the worst of the results of one version: a later pass hides no failure.
func (h *through) cell(results []client.HistoryEntry, fields []string) picture.Cell {
	if len(results) == 0 {
		return picture.Cell{}
	}
	worst := slices.MinFunc(results, func(a, b client.HistoryEntry) int {
		return cmp.Compare(slices.Index(order, string(a.Outcome)), slices.Index(order, string(b.Outcome)))
	})
	c := picture.Cell{Outcome: picture.Outcome(worst.Outcome)}
	if !worst.Href.IsNull() && (h.Rows*h.Columns <= mostCells/2 || worst.Outcome != "pass") {
		context := client.TestContext{}
		for _, field := range fields {
			if text, ok := worst.Context[field]; ok {
				context[field] = text
			}
		}
		c.Link = testHref(worst.Set, h.Name, context)
	}
	if n := len(results); n > 1 {
		c.Note = "the worst of " + frame.Count(n, "result")
	}
	return c
}

func (h *through) drawStrip() {
	s := picture.Strip{Label: "last " + strconv.Itoa(len(h.Entries))}
	for _, e := range slices.Backward(h.Entries) {
		s.Outcomes = append(s.Outcomes, picture.Outcome(e.Outcome))
		s.Names = append(s.Names, versionOf(&e))
	}
	h.Picture, h.Table = s.HTML(), s.Table().HTML()
}

func (h *through) drawDurations() {
	var d picture.Durations
	known := 0
	for _, e := range slices.Backward(h.Entries) {
		p := picture.Point{Name: joined(", ", versionOf(&e), contextWords(e.Context)), Took: -1, Outcome: picture.Outcome(e.Outcome)}
		if seconds, err := e.Duration.Get(); err == nil && seconds >= 0 && seconds < 1e9 {
			p.Took = time.Duration(seconds * float64(time.Second))
			known++
		}
		d.Points = append(d.Points, p)
	}
	if known > 1 {
		h.Took = d.HTML()
	}
}

func historyCSV(v *frame.Visit, params *client.GetTestHistoryParams) func(*frame.CSV) error {
	ask := *params
	return func(out *frame.CSV) error {
		head := append([]any{"created_on", "outcome", "status", "duration", "version", "set"}, anys(contextFields)...)
		if err := out.Row(append(head, "known_issue")...); err != nil {
			return err
		}
		limit := int32(1000)
		ask.Limit, ask.After = &limit, nil
		for {
			answer, err := v.API.GetTestHistoryWithResponse(v.Context(), &ask)
			if err != nil {
				return err
			}
			for _, e := range answer.JSON200.Entries {
				row := []any{e.CreatedOn, string(e.Outcome), e.Status, took(client.SideOfTest{Duration: e.Duration}), e.Version, e.Set}
				for _, field := range contextFields {
					row = append(row, e.Context[field])
				}
				if err := out.Row(append(row, value(e.KnownIssue.Get()).Title)...); err != nil {
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
