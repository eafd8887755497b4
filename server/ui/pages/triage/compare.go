package triage

import (
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// compared is what became of the tests of one set.
type compared struct {
	*client.SetComparison
	AskedBase, AskedHead string
	First                bool   // nothing is before the head in its line
	Expired              string // why there is nothing to compare
	Class                string // of the tab that is shown
	Address              string // of the page
	Name                 string
	HideKnown            bool
	Context              string // how tests are told apart
	ByName               bool   // by their names only

	Tabs    []tab
	Rows    []change
	Same    []sameMessage
	Changes []difference
	Bases   []frame.Link // sets that may be picked
	Swap    string
	Pager   frame.Pager
	Text    string // the table as text
}

// tab is a class with how many tests it has.
type tab struct {
	Text  string
	Count int64
	Href  string
	On    bool
}

// change is a row: a test with both sides.
type change struct {
	client.ComparedItem
	Group, Beside  string // what stands above it, and beside its name
	Base, Head     *client.SideOfTest
	Href, BaseHref string
	IssueHref      string // where it is made known
}

// Failing reports whether the head fails, or the lab stood in its way.
func (c change) Failing() bool { return c.Head != nil && failing(string(c.Head.Outcome)) }

// Since reports whether it is worth saying since when it fails.
func (c change) Since() bool { return c.Failing() && c.Class != client.TestClassNewFailure }

// sameMessage are failures that say the same.
type sameMessage struct {
	client.MessageGroup
	Tests []frame.Link
	Issue string
}

// NewOnes is how many of them are new.
func (s sameMessage) NewOnes() int64 { return s.Counts.NewFailure + s.Counts.NewFailing }

// classNames are the classes in the order of their tabs. Those that nobody has to look
// at are shown only when they have a test.
var classNames = []struct {
	class, text string
	quiet       bool
}{
	{"new_failure", "New failures", false},
	{"new_failing", "New, failing", false},
	{"error", "Errors", false},
	{"still_failing", "Still failing", false},
	{"fixed", "Fixed", false},
	{"now_skipped", "Now skipped", false},
	{"gone", "Gone", false},
	{"now_passing", "Now passing", true},
	{"new_passing", "New, passing", true},
	{"unknown", "Unknown", true},
	{"skipped", "Skipped", true},
	{"still_passing", "Still passing", true},
}

func countOf(c *client.ClassCounts, class string) int64 {
	switch class {
	case "new_failure":
		return c.NewFailure
	case "new_failing":
		return c.NewFailing
	case "error":
		return c.Error
	case "still_failing":
		return c.StillFailing
	case "fixed":
		return c.Fixed
	case "now_skipped":
		return c.NowSkipped
	case "gone":
		return c.Gone
	case "now_passing":
		return c.NowPassing
	case "new_passing":
		return c.NewPassing
	case "unknown":
		return c.Unknown
	case "skipped":
		return c.Skipped
	case "still_passing":
		return c.StillPassing
	}
	var sum int64
	for _, name := range classNames {
		sum += countOf(c, name.class)
	}
	return sum
}

func compare(v *frame.Visit) (*frame.View, error) {
	if v.Query("head") == "" {
		return comparisons(v)
	}
	c := &compared{
		AskedBase: v.Query("base"), AskedHead: v.Query("head"), Name: v.Query("name"), HideKnown: v.Query("known") == "exclude",
		ByName: v.Query("match") == "name", Class: v.Query("class"), Address: v.With("", ""),
	}
	if c.AskedBase == "" {
		c.AskedBase = "previous"
	}
	view := &frame.View{Title: "Compare", Templates: templates, File: "compare.html", Data: c}
	params := c.params()
	none := "none"
	params.Limit = new(client.Limit)
	*params.Limit = 1
	answer, err := v.API.CompareSetsWithResponse(v.Context(), params)
	if frame.IsNotFound(err) && c.AskedBase == "previous" {
		params.Base, c.First = &none, true
		answer, err = v.API.CompareSetsWithResponse(v.Context(), params)
	}
	if isGone(err) {
		c.Expired = sentence(err)
		view.Title, view.Outcome, view.API = frame.SetName(c.AskedHead)+" compared", "error", c.api("")
		return view, nil
	}
	if err != nil {
		return nil, err
	}
	c.SetComparison = answer.JSON200
	c.pickClass()
	if err := c.read(v, params); err != nil {
		return nil, err
	}
	c.addTabs(v)
	view.Title = frame.SetName(c.SetComparison.Head.Ref) + " against " + frame.SetName(c.SetComparison.Base.Ref)
	view.Outcome, view.API, view.CSV = c.outcome(), c.api(c.Class), c.csv(v, params)
	return view, nil
}

// params are the question without its class.
func (c *compared) params() *client.CompareSetsParams {
	p := &client.CompareSetsParams{Head: c.AskedHead, Base: frame.Optional(c.AskedBase), Name: frame.Optional(pattern(c.Name))}
	if c.ByName {
		p.Context = new(string)
	}
	if c.HideKnown {
		known := client.CompareSetsParamsKnown("exclude")
		p.Known = &known
	}
	return p
}

// pattern is what was typed as a pattern: a part of the name, unless it says more.
func pattern(typed string) string {
	if typed == "" || strings.ContainsAny(typed, "*?") {
		return typed
	}
	return "*" + typed + "*"
}

func (c *compared) api(class string) string {
	known := ""
	if c.HideKnown {
		known = "exclude"
	}
	path := frame.APIPath("/v1/compare", "head", c.AskedHead, "base", c.base(), "class", class, "name", pattern(c.Name), "known", known)
	if c.ByName {
		path += "&context="
	}
	return path
}

func (c *compared) base() string {
	if c.First {
		return "none"
	}
	return c.AskedBase
}

// pickClass opens the first tab that somebody must look at.
func (c *compared) pickClass() {
	if c.Class != "" {
		return
	}
	for _, name := range classNames {
		if !name.quiet && countOf(&c.Counts, name.class) > 0 {
			c.Class = name.class
			return
		}
	}
	c.Class = "all"
}

func (c *compared) addTabs(v *frame.Visit) {
	for _, name := range classNames {
		n := countOf(&c.Counts, name.class)
		if n > 0 || !name.quiet || c.Class == name.class {
			c.Tabs = append(c.Tabs, tab{Text: name.text, Count: n, Href: v.With("class", name.class), On: c.Class == name.class})
		}
	}
	c.Tabs = append(c.Tabs, tab{Text: "All", Count: countOf(&c.Counts, "all"), Href: v.With("class", "all"), On: c.Class == "all"})
	c.Swap = frame.ComparePage(c.SetComparison.Head.Ref, c.SetComparison.Base.Ref)
	if c.SetComparison.Base.Kind == client.SetKindNone {
		c.Swap = ""
	}
}

// outcome is what the page's title and icon say. A set that is not whole is never
// good news.
func (c *compared) outcome() string {
	counts := c.SetComparison.Head.Counts
	switch {
	case counts.Fail > 0:
		return "fail"
	case counts.Error > 0 || !c.SetComparison.Head.Complete:
		return "error"
	case counts.Pass > 0:
		return "pass"
	}
	return ""
}

func (c *compared) read(v *frame.Visit, params *client.CompareSetsParams) error {
	limit, history := int32(rowsShown), int32(stripLength)
	params.Class, params.Limit, params.History, params.After = &c.Class, &limit, &history, frame.Optional(v.Query("after"))
	answer, err := v.API.CompareSetsWithResponse(v.Context(), params)
	if err != nil {
		return err
	}
	c.Pager = v.Pager(answer.JSON200.Next)
	for _, item := range answer.JSON200.Items {
		c.add(item)
	}
	c.Text = c.text()
	if v.Query("after") == "" {
		if err := c.readGroups(v, *params); err != nil {
			return err
		}
		if c.Changes, err = differences(v, &c.SetComparison.Base, &c.SetComparison.Head); err != nil {
			return err
		}
	}
	c.Bases, err = neighbours(v, &c.SetComparison.Head)
	return err
}

// add appends a row, under a heading where its group begins.
func (c *compared) add(item client.ComparedItem) {
	row := change{ComparedItem: item, Beside: contextWords(item.Context)}
	if side, err := item.Base.Get(); err == nil {
		row.Base, row.BaseHref = &side, testHref(c.SetComparison.Base.Ref, item.Name, item.Context)
	}
	row.Href = row.BaseHref
	if side, err := item.Head.Get(); err == nil {
		row.Head, row.Href = &side, testHref(c.SetComparison.Head.Ref, item.Name, item.Context)
	}
	row.IssueHref = frame.IssuePage(item.Name, value(item.Message.Get()), c.Address)
	group, _, _ := frame.SplitName(item.Name)
	before := ""
	if n := len(c.Rows); n > 0 {
		before, _, _ = frame.SplitName(c.Rows[n-1].Name)
	}
	if group != before {
		row.Group = group
	}
	c.Rows = append(c.Rows, row)
}

// readGroups reads which failures and errors say the same.
func (c *compared) readGroups(v *frame.Visit, params client.CompareSetsParams) error {
	const shown = 5
	by, limit, classes := client.CompareSetsParamsGroupBy("message"), int32(shown), "new_failure,new_failing,still_failing,error"
	params.GroupBy, params.Limit, params.Class, params.History, params.After = &by, &limit, &classes, nil, nil
	answer, err := v.API.CompareSetsWithResponse(v.Context(), &params)
	if err != nil {
		return err
	}
	for _, g := range answer.JSON200.Groups {
		message, err := g.Message.Get()
		if err != nil || g.Tests < 2 {
			continue
		}
		same := sameMessage{MessageGroup: g, Issue: frame.IssuePage("*", message, c.Address)}
		for _, e := range g.Examples {
			_, leaf, _ := frame.SplitName(e.Name)
			same.Tests = append(same.Tests, frame.Link{Text: leaf, Href: testHref(c.SetComparison.Head.Ref, e.Name, e.Context)})
		}
		c.Same = append(c.Same, same)
	}
	return nil
}

// text is the table for a chat or a mail.
func (c *compared) text() string {
	var b strings.Builder
	b.WriteString(c.SetComparison.Head.Title + " against " + c.SetComparison.Base.Title + "\n")
	for _, r := range c.Rows {
		b.WriteString(outcomeWord(r.Base) + " -> " + outcomeWord(r.Head) + "  " + joined("  ", r.Name, r.Beside, value(r.Message.Get())) + "\n")
	}
	return b.String()
}

func outcomeWord(side *client.SideOfTest) string {
	if side == nil {
		return "absent"
	}
	return string(side.Outcome)
}

// csv writes all pages of the table.
func (c *compared) csv(v *frame.Visit, params *client.CompareSetsParams) func(*frame.CSV) error {
	ask := *params
	return func(out *frame.CSV) error {
		head := append(append([]any{}, anys(contextFields)...), "name", "class", "base_outcome", "base_status", "base_duration", "head_outcome", "head_status", "head_duration", "message", "known_issue")
		if err := out.Row(head...); err != nil {
			return err
		}
		limit := int32(1000)
		ask.Limit, ask.History, ask.After = &limit, nil, nil
		for {
			answer, err := v.API.CompareSetsWithResponse(v.Context(), &ask)
			if err != nil {
				return err
			}
			for i := range answer.JSON200.Items {
				if err := out.Row(csvRow(&answer.JSON200.Items[i])...); err != nil {
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

func csvRow(item *client.ComparedItem) []any {
	var row []any
	for _, field := range contextFields {
		row = append(row, item.Context[field])
	}
	base, head := value(item.Base.Get()), value(item.Head.Get())
	issue := value(item.KnownIssue.Get())
	return append(row, item.Name, string(item.Class), string(base.Outcome), base.Status, took(base), string(head.Outcome), head.Status, took(head), value(item.Message.Get()), issue.Title)
}

func took(side client.SideOfTest) string {
	seconds, err := side.Duration.Get()
	if err != nil {
		return ""
	}
	return strconv.FormatFloat(seconds, 'f', -1, 64)
}

func anys(words []string) []any {
	list := make([]any, len(words))
	for i, w := range words {
		list[i] = w
	}
	return list
}

// comparedKinds are the kinds of sets that are compared as they come.
var comparedKinds = []client.SetKind{client.SetKindRun, client.SetKindKernel, client.SetKindImage, client.SetKindOpportunity, client.SetKindGroup, client.SetKindPublished}

// kindsOf says what many sets of a kind are called.
var kindsOf = map[client.SetKind]string{
	client.SetKindRun: "runs", client.SetKindKernel: "kernels", client.SetKindImage: "images",
	client.SetKindOpportunity: "test opportunities", client.SetKindGroup: "test groups", client.SetKindPublished: "published results",
}

// comparisons is the page without a head: what was compared lately.
func comparisons(v *frame.Visit) (*frame.View, error) {
	params := &client.ListComparisonsParams{Limit: new(int32(rowsShown)), After: frame.Optional(v.Query("after"))}
	news := frame.Chip{Label: "with new failures", Href: v.With("new", "1")}
	least := ""
	if v.Query("new") != "" {
		params.NewFailuresAtLeast, least = new(int64(1)), "1"
		news = v.Active("with new failures", "new")
	}
	chips := []frame.Chip{news}
	for _, kind := range comparedKinds {
		on := v.Query("kind") == string(kind)
		chip := frame.Chip{Label: kindsOf[kind], Choice: true, On: on, Href: v.With("kind", string(kind))}
		if on {
			params.Kind, chip.Href = []client.SetKind{kind}, v.With("kind")
		}
		chips = append(chips, chip)
	}
	answer, err := v.API.ListComparisonsWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	empty := frame.Empty{
		Why: "Nothing was compared yet: that needs two results of one line, such as two runs against the same cloud.", Hint: "This uploads one, and makes its run:",
		Command: "slipway upload results.xml --server " + v.Server() + " --name nightly",
	}
	if least != "" || len(params.Kind) > 0 {
		empty = frame.Empty{Why: "No comparison is like that.", Link: frame.Link{Text: "All comparisons", Href: "/ui/compare"}}
	}
	data := struct {
		Comparisons []client.MadeComparison
		Chips       []frame.Chip
		Pager       frame.Pager
		Empty       frame.Empty
	}{answer.JSON200.Comparisons, chips, v.Pager(answer.JSON200.Next), empty}
	return &frame.View{
		Title: "Comparisons", Templates: templates, File: "comparisons.html", Data: data,
		API: frame.APIPath("/v1/comparisons", "new_failures_at_least", least, "kind", v.Query("kind"), "after", v.Query("after")),
		CSV: func(out *frame.CSV) error { return frame.ComparisonsCSV(v, *params, out) },
	}, nil
}
