package runs

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

const (
	stripLength = 17 // outcomes of the strip beside a test
	neighbours  = 20 // runs of the line that a base may be picked of
	rowsShown   = 100
	groupsShown = 5
	mostStatus  = 200
)

// shown is one run, one of its results.
type shown struct {
	Run      client.Run
	Cloud    string
	Verdict  // of the attempt that is shown
	Attempts []attempt
	Attempt  int32 // 0: there is none
	Ref      string
	View     string // tests, messages or files

	Against *client.SetComparison // with the one before it; nil: there is none
	Bases   []frame.Link          // what it can be compared with
	Before  frame.Link            // the run before it in its line, and the one after
	After   frame.Link

	Tests    []testRow
	Gone     string        // why there are no single tests any more
	Groups   []sameMessage // failures that say the same
	Chips    []frame.Chip
	Sorts    []frame.Chip
	Pager    frame.Pager
	Empty    frame.Empty
	Q        string
	Outcomes string
	Sort     string
	Statuses []client.Status
	MayPost  bool
	Server   string
	Address  string // of the page
	Line     string // of the badge and the feed
}

// sameMessage are failures that say the same, and where they are made known.
type sameMessage struct {
	client.MessageGroup
	Issue string
}

type attempt struct {
	N    int32
	Mark string
	Href string
	On   bool
}

// testRow is a test of the table, from whichever call it came.
type testRow struct {
	Group        string // what stands above it, when that is another than that of the row before
	Name         string
	Outcome      string
	Href         string
	Message      any
	Class        string
	Known        any
	Took         any
	History      any
	FailingSince any
	LastPass     any
	Flaky        bool
	Issue        string // where it is made known; "" where it need not be
	Since        bool   // it does not fail since just now, so that it is worth saying since when
}

func show(v *frame.Visit) (*frame.View, error) {
	id, err := runID(v)
	if err != nil {
		return nil, err
	}
	ctx := v.Context()
	answer, err := v.API.GetRunWithResponse(ctx, id)
	if err != nil {
		return nil, err
	}
	s := &shown{Run: *answer.JSON200, Server: v.Server(), Address: v.With("", ""), Q: v.Query("q"), View: v.Query("view"), Sort: v.Query("sort"), MayPost: v.May("postResult")}
	if s.View != "messages" && s.View != "files" {
		s.View = "tests"
	}
	if err := s.readCloud(ctx, v); err != nil {
		return nil, err
	}
	api, err := s.readAttempt(ctx, v)
	if err != nil {
		return nil, err
	}
	keeping, err := frame.KeepingOf(v, "run:"+strconv.FormatInt(id, 10))
	if err != nil {
		return nil, err
	}
	title := "Run " + strconv.FormatInt(id, 10)
	if name, err := s.Run.Name.Get(); err == nil {
		title += ", " + name
	}
	return &frame.View{
		Title: title, Pin: &frame.Kept{Kind: frame.KeptRun, Name: title, Href: "/ui/runs/" + strconv.FormatInt(id, 10)}, Keeping: keeping, Outcome: s.Mark, Templates: templates, File: "run.html", Data: s, API: api,
		Live: v.May("listEvents") && !s.Run.Finished && v.Query("after") == "",
		CSV:  s.csv(v),
	}, nil
}

func (s *shown) readCloud(ctx context.Context, v *frame.Visit) error {
	id, err := s.Run.CloudID.Get()
	if err == nil {
		cloud, err := v.API.GetCloudWithResponse(ctx, id)
		if err != nil && !isMissing(err) {
			return err
		}
		if err == nil {
			s.Cloud = cloud.JSON200.Label
		}
	}
	name, _ := s.Run.Name.Get()
	s.Line = frame.APIPath("", "cloud", number(pointer(s.Run.CloudID.Get())), "name", name)
	return nil
}

func pointer[T any](value T, err error) *T {
	if err != nil {
		return nil
	}
	return &value
}

// readAttempt reads the result that is shown, and what the address asks of it. It
// returns the call of the API behind that.
func (s *shown) readAttempt(ctx context.Context, v *frame.Visit) (string, error) {
	api := "/v1/runs/" + strconv.FormatInt(s.Run.TestID, 10)
	if s.Run.Attempts == 0 {
		s.Verdict = verdict(&s.Run, v.Now())
		s.Ref = setOf(&s.Run)
		return api, s.readStatuses(ctx, v)
	}
	if err := s.readAttempts(ctx, v); err != nil {
		return "", err
	}
	_, name, err := attemptOf(v)
	if err != nil {
		return "", err
	}
	answer, err := v.API.GetRunResultWithResponse(ctx, s.Run.TestID, name)
	if err != nil {
		return "", err
	}
	s.Verdict, s.Attempt = verdictOf(answer.JSON200), answer.JSON200.Attempt
	s.Ref = "run:" + strconv.FormatInt(s.Run.TestID, 10) + "/" + strconv.Itoa(int(s.Attempt))
	for i := range s.Attempts {
		s.Attempts[i].On = s.Attempts[i].N == s.Attempt
	}
	if err := s.readStatuses(ctx, v); err != nil {
		return "", err
	}
	if s.View != "tests" {
		return api + "/results/" + strconv.Itoa(int(s.Attempt)), nil
	}
	if err := s.readLine(ctx, v); err != nil {
		return "", err
	}
	return s.readTests(ctx, v)
}

func (s *shown) readAttempts(ctx context.Context, v *frame.Visit) error {
	limit := int32(20)
	answer, err := v.API.ListRunResultsWithResponse(ctx, s.Run.TestID, &client.ListRunResultsParams{Limit: &limit})
	if err != nil {
		return err
	}
	for i := range answer.JSON200.Results {
		r := &answer.JSON200.Results[i]
		s.Attempts = append(s.Attempts, attempt{N: r.Attempt, Mark: verdictOf(r).Mark, Href: v.HTTP.URL.Path + "?attempt=" + strconv.Itoa(int(r.Attempt))})
	}
	slices.SortFunc(s.Attempts, func(a, b attempt) int { return int(a.N - b.N) })
	return nil
}

func (s *shown) readStatuses(ctx context.Context, v *frame.Visit) error {
	limit := int32(mostStatus)
	answer, err := v.API.ListStatusesWithResponse(ctx, s.Run.TestID, &client.ListStatusesParams{Limit: &limit})
	if err != nil {
		return err
	}
	s.Statuses = answer.JSON200.Statuses
	return nil
}

// readLine finds the runs of the same cloud and name, for the links beside and for the
// bases.
func (s *shown) readLine(ctx context.Context, v *frame.Visit) error {
	limit := int32(neighbours)
	params := &client.ListRunsParams{Limit: &limit, CloudID: pointer(s.Run.CloudID.Get()), Name: pointer(s.Run.Name.Get())}
	if params.CloudID == nil && params.Name == nil {
		return nil
	}
	if params.Name == nil {
		params.Name = new(string)
	}
	answer, err := v.API.ListRunsWithResponse(ctx, params)
	if err != nil {
		return err
	}
	for _, r := range answer.JSON200.Runs {
		link := frame.Link{Text: strconv.FormatInt(r.TestID, 10), Href: "/ui/runs/" + strconv.FormatInt(r.TestID, 10)}
		switch {
		case r.TestID > s.Run.TestID:
			s.After = link // the last one is the nearest
		case r.TestID < s.Run.TestID && s.Before.Href == "":
			s.Before = link
		}
		if r.TestID != s.Run.TestID && !r.CurrentResult.IsNull() {
			s.Bases = append(s.Bases, frame.Link{Text: "run " + link.Text + ", " + r.CreatedAt.UTC().Format("2006-01-02 15:04") + " UTC", Href: "run:" + link.Text})
		}
	}
	for _, a := range s.Attempts {
		if a.N != s.Attempt {
			n := strconv.Itoa(int(a.N))
			s.Bases = append(s.Bases, frame.Link{Text: "attempt " + n + " of this run", Href: "run:" + strconv.FormatInt(s.Run.TestID, 10) + "/" + n})
		}
	}
	return nil
}

// asked are the outcomes that the address asks for: failures and errors when it says
// nothing and there are any, else all.
func (s *shown) asked(v *frame.Visit) []string {
	text := v.Query("outcome")
	switch {
	case text == "all":
		return nil
	case text == "" && s.Counts.Fail+s.Counts.Error > 0:
		return []string{"fail", "error"}
	}
	var some []string
	for _, o := range v.Queries("outcome") {
		if slices.Contains(frame.Outcomes, o) {
			some = append(some, o)
		}
	}
	return some
}

// readTests reads the table. Failures and errors come from the comparison with the run
// before, which knows more of them; everything else from the list of tests.
func (s *shown) readTests(ctx context.Context, v *frame.Visit) (string, error) {
	on := s.asked(v)
	s.Outcomes = v.Query("outcome")
	s.Chips = v.OutcomeChips("outcome", on, s.Counts)
	s.Sorts = []frame.Chip{
		{Label: "failures first", On: s.Sort != "duration" && s.Sort != "seen", Choice: true, Href: v.With("sort")},
		{Label: "in order", On: s.Sort == "seen", Choice: true, Href: v.With("sort", "seen")},
		{Label: "slowest first", On: s.Sort == "duration", Choice: true, Href: v.With("sort", "duration")},
	}
	failing := len(on) > 0 && s.Sort != "duration" && s.Sort != "seen"
	for _, o := range on {
		failing = failing && (o == "fail" || o == "error")
	}
	if err := s.compare(ctx, v, on, failing); isGone(err) {
		s.Gone = err.Error()
		return frame.APIPath("/v1/runs/" + strconv.FormatInt(s.Run.TestID, 10) + "/results/" + strconv.Itoa(int(s.Attempt))), nil
	} else if err != nil {
		return "", err
	}
	if failing {
		return frame.APIPath("/v1/compare", "head", s.Ref, "class", classes(on), "history", strconv.Itoa(stripLength)), nil
	}
	return s.listTests(ctx, v, on)
}

// classes are the classes of the tests with these outcomes of the head.
func classes(on []string) string {
	var list []string
	if slices.Contains(on, "fail") {
		list = append(list, "new_failure", "new_failing", "still_failing")
	}
	if slices.Contains(on, "error") {
		list = append(list, "error")
	}
	return strings.Join(list, ",")
}

// compare asks what changed against the run before, and lists the tests when wanted.
// A run that is the first of its line is compared with nothing.
func (s *shown) compare(ctx context.Context, v *frame.Visit, on []string, listed bool) error {
	limit, history := int32(1), int32(0)
	params := &client.CompareSetsParams{Head: s.Ref, Limit: &limit}
	if listed {
		limit, history = rowsShown, stripLength
		list := classes(on)
		params.Class, params.History, params.After = &list, &history, frame.Optional(v.Query("after"))
		if s.Q != "" {
			glob := "*" + strings.Trim(s.Q, "*") + "*"
			params.Name = &glob
		}
	}
	answer, err := v.API.CompareSetsWithResponse(ctx, params)
	if isMissing(err) {
		none := "none"
		params.Base = &none
		if answer, err = v.API.CompareSetsWithResponse(ctx, params); isMissing(err) {
			return nil // nothing to compare, such as a result that could not be read
		}
	}
	if err != nil {
		return err
	}
	if answer.JSON200.Base.Kind != client.SetKindNone {
		s.Against = answer.JSON200
	}
	if !listed {
		return nil
	}
	s.Pager = v.Pager(answer.JSON200.Next)
	for i := range answer.JSON200.Items {
		s.add(s.rowOf(&answer.JSON200.Items[i]))
	}
	if s.Q != "" || v.Query("after") != "" || len(s.Tests) == 0 {
		return nil
	}
	return s.readGroups(ctx, v, params)
}

func (s *shown) rowOf(i *client.ComparedItem) testRow {
	row := testRow{
		Name: i.Name, Message: i.Message, Known: i.KnownIssue, History: i.History, FailingSince: i.FailingSince, LastPass: i.LastPass,
		Class: string(i.Class), Href: frame.TestPage(s.Ref, i.Name),
	}
	if side, err := i.Head.Get(); err == nil {
		row.Outcome, row.Took = string(side.Outcome), side.Duration
	}
	if _, err := i.KnownIssue.Get(); err != nil {
		message, _ := i.Message.Get()
		row.Issue = frame.IssuePage(i.Name, message, s.Address)
	}
	return row
}

// readGroups reads which failures say the same.
func (s *shown) readGroups(ctx context.Context, v *frame.Visit, like *client.CompareSetsParams) error {
	params := *like
	by, limit := client.CompareSetsParamsGroupByMessage, int32(groupsShown)
	params.GroupBy, params.Limit, params.History = &by, &limit, nil
	answer, err := v.API.CompareSetsWithResponse(ctx, &params)
	if err != nil {
		return err
	}
	for _, g := range answer.JSON200.Groups {
		if g.Tests > 1 && !g.Message.IsNull() {
			s.Groups = append(s.Groups, sameMessage{g, frame.IssuePage("*", g.Message.MustGet(), s.Address)})
		}
	}
	return nil
}

func (s *shown) listTests(ctx context.Context, v *frame.Visit, on []string) (string, error) {
	limit, history := int32(rowsShown), int32(stripLength)
	params := &client.ListTestsParams{Limit: &limit, History: &history, Q: frame.Optional(s.Q), After: frame.Optional(v.Query("after"))}
	for _, o := range on {
		params.Outcome = append(params.Outcome, client.SetOutcome(o))
	}
	by := client.ListTestsParamsSortOutcome
	switch s.Sort {
	case "duration":
		by = client.ListTestsParamsSortDuration
	case "seen":
		by = client.ListTestsParamsSortSeen
	}
	params.Sort = &by
	result := strconv.Itoa(int(s.Attempt))
	answer, err := v.API.ListTestsWithResponse(ctx, s.Run.TestID, result, params)
	if isGone(err) {
		s.Gone = err.Error()
		return frame.APIPath("/v1/runs/" + strconv.FormatInt(s.Run.TestID, 10) + "/results/" + result), nil
	}
	if err != nil {
		return "", err
	}
	s.Pager = v.Pager(answer.JSON200.Next)
	for i := range answer.JSON200.Tests {
		t := &answer.JSON200.Tests[i]
		s.add(testRow{
			Name: t.ID, Outcome: outcomeOf(t.Status), Message: t.Message, Known: t.KnownIssue, Took: t.Duration, History: t.History,
			FailingSince: t.FailingSince, LastPass: t.LastPass, Flaky: t.Flaky, Href: frame.TestPage(s.Ref, t.ID),
		})
	}
	return frame.APIPath("/v1/runs/"+strconv.FormatInt(s.Run.TestID, 10)+"/results/"+result+"/tests", "q", s.Q, "sort", string(by), "history", strconv.Itoa(stripLength)), nil
}

// outcomeOf is the outcome of a test by the word of its file.
func outcomeOf(status client.TestStatus) string {
	switch status {
	case client.TestStatusSuccess, client.TestStatusXfail:
		return "pass"
	case client.TestStatusFail, client.TestStatusUxsuccess:
		return "fail"
	case client.TestStatusInprogress, client.TestStatusUnknown:
		return "error"
	case client.TestStatusSkip:
		return "skip"
	}
	return "unknown"
}

// add appends a row, under a heading where its group begins.
func (s *shown) add(row testRow) {
	if since, ok := row.FailingSince.(nullable.Nullable[client.SetMoment]); ok {
		moment, err := since.Get()
		row.Since = row.Outcome == "fail" && err == nil && moment.Set != s.Ref
	}
	group, _, _ := frame.SplitName(row.Name)
	before := ""
	if n := len(s.Tests); n > 0 {
		before, _, _ = frame.SplitName(s.Tests[n-1].Name)
	}
	if group != before && s.Sort != "duration" {
		row.Group = group
	}
	s.Tests = append(s.Tests, row)
}

// Grouped reports whether names stand under headings, so that their beginnings need
// not be repeated.
func (s *shown) Grouped() bool { return s.Sort != "duration" }

// Warnings are what the readers of its files warn of.
func (s *shown) Warnings() []string {
	if s.Result == nil {
		return nil
	}
	return s.Result.Warnings
}

// NewOnes is how many tests fail and did not before.
func (s *shown) NewOnes() int64 { return s.Against.Counts.NewFailure + s.Against.Counts.NewFailing }

// Sentence says in words what the result came to.
func (s *shown) Sentence() string {
	if s.Result == nil {
		return s.Word
	}
	c := s.Counts
	total := frame.Number(c.Total())
	var parts []string
	if c.Fail > 0 {
		parts = append(parts, frame.Number(c.Fail)+" failed")
	}
	if c.Error > 0 {
		parts = append(parts, frame.Number(c.Error)+" never ended")
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, ", ") + ", of " + total
	case s.Result.Outcome == client.OutcomePass:
		return frame.Number(c.Pass) + " passed, of " + total
	case s.Result.Outcome == client.OutcomeIncomplete:
		return "incomplete: " + frame.Number(c.Pass) + " of " + total + " passed"
	case s.Result.Outcome == client.OutcomeError:
		return "nothing could be read"
	case c.Total() == 0:
		return "no tests"
	}
	return string(s.Result.Outcome) + ", " + frame.Count(c.Total(), "test")
}

// Took is how long the run took; nil while it is not finished.
func (s *shown) Took() any { return row{Run: s.Run}.Took() }

// Tag is the word and the class of what became of a test.
func (s *shown) Tag(class string) frame.Link {
	switch client.TestClass(class) {
	case client.TestClassNewFailure, client.TestClassNewFailing:
		return frame.Link{Text: "new", Href: "t-new"}
	case client.TestClassStillFailing:
		return frame.Link{Text: "still", Href: "t-still"}
	}
	return frame.Link{}
}

func (s *shown) csv(v *frame.Visit) func(*frame.CSV) error {
	if s.Attempt == 0 {
		return nil
	}
	return func(out *frame.CSV) error {
		if err := out.Row("test", "outcome", "status", "duration", "message", "known_issue", "suite", "file"); err != nil {
			return err
		}
		limit := int32(1000)
		params := &client.ListTestsParams{Limit: &limit, Q: frame.Optional(s.Q)}
		for _, o := range s.asked(v) {
			params.Outcome = append(params.Outcome, client.SetOutcome(o))
		}
		for t, err := range v.API.ListTestsAll(v.Context(), s.Run.TestID, strconv.Itoa(int(s.Attempt)), params) {
			if err != nil {
				return err
			}
			var known any
			if issue, err := t.KnownIssue.Get(); err == nil {
				known = issue.Title
			}
			if err := out.Row(t.ID, outcomeOf(t.Status), string(t.Status), t.Duration, t.Message, known, t.Suite, t.File); err != nil {
				return err
			}
		}
		return nil
	}
}
