package triage

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

const (
	longStrip    = 40   // outcomes of the strip of one test
	mostFailing  = 5000 // failing tests of a set that are looked through for the next one
	mostAlso     = 40   // contexts of one name that are named
	mostInline   = 12   // attachments that are shown at once
	failingTests = "new_failure,new_failing,still_failing,error"
)

// single is one test of a set.
type single struct {
	Set, SetTitle, Name, Group string
	Context                    client.TestContext
	Words                      string // of the context
	Complete                   bool   // the set
	Alone                      bool   // there is no set before it
	Expired                    string // why its single tests are gone
	Item                       client.ComparedItem
	Head                       client.SideOfTest
	Class                      string
	Also                       []also       // the same name with other contexts
	Test                       *client.Test // of result files
	Facts                      []fact       // of what is in no file
	Records                    []record
	Attachments                []attachment
	Log                        *openLog
	Previous, Next             string // failing tests of the set
	Place, Failing             int    // which of them it is, of how many
	MoreFailing                bool
	History, Compare, Issue    string
	Rerun                      string
	Address                    string // of the page
}

// Outcome is what became of it.
func (s *single) Outcome() string { return string(s.Head.Outcome) }

// With is the page's own address, without a log.
func (s *single) With() string { return testHref(s.Set, s.Name, s.Context) }

// Opened reports whether an attachment is the log that is read.
func (s *single) Opened(k int32) bool { return s.Log != nil && s.Log.K == k }

// also is the test with another context.
type also struct{ Outcome, Text, Href string }

type fact struct{ Name, Value, Link string }

// record is one of several results that a file has of the test.
type record struct {
	client.TestRecord
	Outcome string
}

// attachment is a file that the test came with.
type attachment struct {
	client.Attachment
	Kind  string // text, picture or other
	Href  string // its bytes
	Open  string // all of its text
	Diff  string // against the last pass
	Lines []shownLine
	Total int
	Lost  string // why it cannot be shown
}

// openLog is an attachment that is read as a whole.
type openLog struct {
	attachment
	Text     *text
	Part     int
	Parts    []frame.Link
	First    int // line of the first failure
	FirstAt  string
	Find     string
	Hits     []frame.Link
	HitCount int
	Against  string // the set of the last pass, when that is what it is compared with
	Why      string // it cannot be compared
}

// From and To are the numbers of its first and last line.
func (l *openLog) From() int {
	if len(l.Lines) == 0 {
		return 0
	}
	return l.Lines[0].N
}

// To is the number of its last line.
func (l *openLog) To() int {
	if len(l.Lines) == 0 {
		return 0
	}
	return l.Lines[len(l.Lines)-1].N
}

func test(v *frame.Visit) (*frame.View, error) {
	s := &single{Set: v.Query("set"), Name: v.Query("name"), Context: contextOf(v), Address: v.HTTP.URL.Path + "?" + v.HTTP.URL.RawQuery}
	if s.Set == "" {
		return nil, v.Invalid("A test is named by its set and its name: /ui/tests?set=run:17&name=a.b.c.")
	}
	s.Group, _, _ = frame.SplitName(s.Name)
	s.History = frame.HistoryPage(s.Name, pairs(s.Context)...)
	view := &frame.View{Title: leaf(s.Name), Templates: templates, File: "test.html", Data: s}
	err := s.find(v)
	view.API = s.api()
	if isGone(err) {
		s.Expired, view.Outcome = sentence(err), "error"
		return view, nil
	}
	if err != nil {
		return nil, err
	}
	if err := s.readNeighbours(v); err != nil {
		return nil, err
	}
	if err := s.readTest(v); err != nil {
		return nil, err
	}
	s.Compare = frame.ComparePage("", s.Set)
	s.Issue = frame.IssuePage(s.Name, value(s.Item.Message.Get()), s.With())
	if view.Outcome = s.Outcome(); !s.Complete && view.Outcome == "pass" {
		view.Outcome = ""
	}
	return view, nil
}

func leaf(name string) string {
	_, l, _ := frame.SplitName(name)
	return cmp.Or(l, name, "test")
}

func (s *single) api() string {
	base := ""
	if s.Alone {
		base = "none" // the API finds no set before it by itself
	}
	return frame.APIPath("/v1/compare", "head", s.Set, "base", base, "name", frame.Glob(s.Name), "class", "all", "history", strconv.Itoa(longStrip))
}

// find finds the test in its set, with what became of it since the set before.
func (s *single) find(v *frame.Visit) error {
	limit, history, all, pattern := int32(1000), int32(longStrip), "all", frame.Glob(s.Name)
	params := &client.CompareSetsParams{Head: s.Set, Class: &all, Limit: &limit, History: &history, Name: &pattern}
	answer, err := v.API.CompareSetsWithResponse(v.Context(), params)
	alone := frame.IsNotFound(err) || isGone(err) // the set before it is not there, or not any more
	if alone {
		none := "none"
		s.Alone, params.Base = true, &none
		answer, err = v.API.CompareSetsWithResponse(v.Context(), params)
	}
	if err != nil {
		return err
	}
	head := answer.JSON200.Head
	s.SetTitle, s.Complete = head.Title, head.Complete
	var found []client.ComparedItem
	for _, item := range answer.JSON200.Items {
		if item.Name == s.Name && !item.Head.IsNull() {
			found = append(found, item)
		}
	}
	if len(found) == 0 {
		return v.NotFound("There is no test " + s.Name + " in " + head.Title + ".")
	}
	s.Set = head.Ref
	slices.SortStableFunc(found, func(a, b client.ComparedItem) int {
		return cmp.Compare(badness(a), badness(b))
	})
	i := max(0, slices.IndexFunc(found, func(item client.ComparedItem) bool { return within(s.Context, item.Context) }))
	s.Item, s.Head = found[i], found[i].Head.MustGet()
	s.Context, s.Words = s.Item.Context, contextWords(s.Item.Context)
	if !alone { // beside nothing everything is new
		s.Class = string(s.Item.Class)
	}
	s.History = frame.HistoryPage(s.Name, pairs(s.Context)...)
	for j, item := range found {
		if j != i && len(s.Also) < mostAlso {
			s.Also = append(s.Also, also{string(item.Head.MustGet().Outcome), contextWords(item.Context), testHref(s.Set, item.Name, item.Context)})
		}
	}
	return nil
}

// badness orders outcomes, the worst first.
func badness(item client.ComparedItem) int {
	return slices.Index([]string{"fail", "error", "unknown", "skip", "pass"}, string(item.Head.MustGet().Outcome))
}

// readNeighbours finds the failing tests of the set before and after this one.
func (s *single) readNeighbours(v *frame.Visit) error {
	limit, classes, none := int32(1000), failingTests, "none"
	params := &client.CompareSetsParams{Head: s.Set, Base: &none, Class: &classes, Limit: &limit}
	passed := false
	for n := 0; n < mostFailing; {
		answer, err := v.API.CompareSetsWithResponse(v.Context(), params)
		if err != nil {
			return err
		}
		s.Failing = int(answer.JSON200.Counts.NewFailing + answer.JSON200.Counts.Error)
		for _, item := range answer.JSON200.Items {
			n++
			href := testHref(s.Set, item.Name, item.Context)
			switch {
			case item.Name == s.Name && sameContext(item.Context, s.Context):
				passed, s.Place = true, n
			case passed:
				s.Next = href
				return nil
			case !failing(s.Outcome()) && item.Name > s.Name: // order within one context
				s.Next = href
				return nil
			default:
				s.Previous = href
			}
		}
		next, err := answer.JSON200.Next.Get()
		if err != nil || next == "" {
			return nil
		}
		params.After = &next
	}
	s.MoreFailing = true
	return nil
}

var inFile = regexp.MustCompile(`/results/[^/]+/tests/\d+$`)

// readTest reads what the set has of the test.
func (s *single) readTest(v *frame.Visit) error {
	if s.Head.Href == "" {
		return nil
	}
	if !inFile.MatchString(s.Head.Href) {
		return s.readFacts(v)
	}
	t, err := testAt(v, s.Head.Href)
	if isGone(err) {
		s.Expired = sentence(err)
		return nil
	}
	if err != nil {
		return err
	}
	s.Test, s.Rerun = t, rerun(s.Name, s.format(v))
	for _, r := range t.RecordList {
		s.Records = append(s.Records, record{r, outcomeOf(r.Status)})
	}
	return s.readAttachments(v)
}

// testAt reads a test of a result file.
func testAt(v *frame.Visit, path string) (*client.Test, error) {
	answer, err := v.Get(path, "application/json")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var t client.Test
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxObject)).Decode(&t); err != nil {
		return nil, err
	}
	return &t, nil
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

// format is what kind of file the test is from, "" when that cannot be said.
func (s *single) format(v *frame.Visit) string {
	result, _, _ := strings.Cut(s.Head.Href, "/tests/")
	if !strings.HasPrefix(result, "/v1/runs/") {
		return ""
	}
	fields := map[string]string{}
	if err := addFields(v, result, fields); err != nil {
		return ""
	}
	return fields["format"]
}

// readFacts reads a test that is no part of a file: a case, a boot, an opportunity's
// own result.
func (s *single) readFacts(v *frame.Visit) error {
	answer, err := v.Get(s.Head.Href, "application/json")
	if frame.IsNotFound(err) || frame.Refused(err) {
		return nil
	}
	if isGone(err) {
		s.Expired = sentence(err)
		return nil
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var object map[string]json.RawMessage
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxObject)).Decode(&object); err != nil {
		return err
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal(object["result"], &list) == nil && len(list) > 0 {
		object = list[0]
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		text := scalar(object[name])
		if text == "" || name == "_id" {
			continue
		}
		f := fact{Name: strings.ReplaceAll(name, "_", " "), Value: text}
		if strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") {
			f.Link = text
		}
		s.Facts = append(s.Facts, f)
	}
	return nil
}

// readAttachments reads the files of the test: one of them whole, when the address
// asks for it, else the beginning, or the first failure, of each.
func (s *single) readAttachments(v *frame.Visit) error {
	open, err := strconv.Atoi(v.Query("log"))
	if err != nil {
		open = -1
	}
	lastPass, hasPass := s.Item.LastPass.Get()
	shown := 0
	for _, a := range s.Test.Attachments {
		k := strconv.Itoa(int(a.K))
		one := attachment{Attachment: a, Kind: kindOf(&a), Href: link("/ui/tests/attachment", "at", s.Head.Href+"/attachments/"+k), Open: s.with("log", k) + "#log"}
		if one.Kind == "text" && hasPass == nil && failing(s.Outcome()) {
			one.Diff = s.with("log", k, "against", lastPass.Set) + "#log"
		}
		if int(a.K) == open {
			if err := s.openLog(v, one); err != nil {
				return err
			}
		} else if one.Kind == "text" && open < 0 && shown < mostInline {
			shown++
			if err := one.read(v, s); err != nil {
				return err
			}
		}
		s.Attachments = append(s.Attachments, one)
	}
	if open >= 0 && s.Log == nil {
		return v.NotFound("The test has no attachment " + strconv.Itoa(open) + ".")
	}
	return nil
}

// with is the page's address with other values for what is shown of a log.
func (s *single) with(more ...string) string {
	return testHref(s.Set, s.Name, s.Context) + "&" + strings.TrimPrefix(link("", more...), "?")
}

// kindOf says how an attachment can be shown, by what the runner called it.
func kindOf(a *client.Attachment) string {
	mime, _, _ := strings.Cut(strings.ToLower(a.Mime), ";")
	name := strings.ToLower(a.Name)
	switch mime = strings.TrimSpace(mime); {
	case mime == "image/png", mime == "image/jpeg", mime == "image/gif", mime == "image/webp":
		return "picture"
	case strings.HasPrefix(mime, "text/"), strings.HasSuffix(mime, "json"), strings.HasSuffix(mime, "xml"), strings.HasSuffix(mime, "yaml"):
		return "text"
	}
	for _, end := range []string{".log", ".txt", ".out", ".err", ".json", ".xml", ".yaml", "stdout", "stderr", "traceback", "reason"} {
		if strings.HasSuffix(name, end) {
			return "text"
		}
	}
	for _, end := range []string{".png", ".jpg", ".jpeg", ".gif", ".webp"} {
		if strings.HasSuffix(name, end) {
			return "picture"
		}
	}
	return "other"
}

// read reads what is shown of an attachment beside others.
func (a *attachment) read(v *frame.Visit, s *single) error {
	t, lost, err := logAt(v, s.Head.Href+"/attachments/"+strconv.Itoa(int(a.K)))
	if err != nil || lost != "" {
		a.Lost = lost
		return err
	}
	a.Lines, a.Total = t.excerpt(failing(s.Outcome())), t.Total
	return nil
}

// logAt reads an attachment's text. What is lost or has expired is said, and no error.
func logAt(v *frame.Visit, path string) (t *text, lost string, err error) {
	answer, err := v.Get(path, "")
	if isGone(err) || frame.IsNotFound(err) {
		return nil, sentence(err), nil
	}
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	t, err = readText(answer.Body)
	return t, "", err
}

// openLog reads a part of a log: the one that the address asks for, else the one with
// its first failure.
func (s *single) openLog(v *frame.Visit, a attachment) error {
	l := &openLog{attachment: a, Find: strings.TrimSpace(v.Query("find"))}
	if len(l.Find) > longestAsk {
		return v.Invalid("A search in a log has at most " + strconv.Itoa(longestAsk) + " bytes.")
	}
	s.Log = l
	t, lost, err := logAt(v, s.Head.Href+"/attachments/"+strconv.Itoa(int(a.K)))
	if err != nil || lost != "" {
		l.Lost = lost
		return err
	}
	l.Text, l.Total = t, t.Total
	k := strconv.Itoa(int(a.K))
	if set := v.Query("against"); set != "" {
		return s.diff(v, l, set)
	}
	starts := t.parts()
	wrongAt := t.firstWrong()
	partOf := func(index int) int {
		i, found := slices.BinarySearch(starts, index)
		if !found {
			i--
		}
		return max(0, i)
	}
	end := func(part int) int {
		if part+1 < len(starts) {
			return starts[part+1]
		}
		return len(t.Lines)
	}
	address := func(part, number int) string {
		to := s.with("log", k, "part", strconv.Itoa(part+1), "find", l.Find)
		if number > 0 {
			return to + "#L" + strconv.Itoa(number)
		}
		return to + "#log"
	}
	if n, err := strconv.Atoi(v.Query("part")); err == nil {
		l.Part = min(max(n-1, 0), len(starts)-1)
	} else if n, err := strconv.Atoi(v.Query("line")); err == nil {
		i, _ := slices.BinarySearchFunc(t.Lines, n, func(one line, n int) int { return cmp.Compare(one.N, n) })
		l.Part = partOf(min(i, max(0, len(t.Lines)-1)))
	} else if wrongAt >= 0 {
		l.Part = partOf(wrongAt)
	}
	if wrongAt >= 0 {
		l.First, l.FirstAt = t.Lines[wrongAt].N, address(partOf(wrongAt), t.Lines[wrongAt].N)
	}
	for i, start := range starts {
		if len(t.Lines) > 0 && len(starts) > 1 {
			words := frame.Number(t.Lines[start].N) + "–" + frame.Number(t.Lines[end(i)-1].N)
			l.Parts = append(l.Parts, frame.Link{Text: words, Href: address(i, 0), Current: i == l.Part})
		}
	}
	hits := t.hits(l.Find)
	l.HitCount = len(hits)
	for _, i := range hits[:min(len(hits), mostHits)] {
		l.Hits = append(l.Hits, frame.Link{Text: frame.Number(t.Lines[i].N), Href: address(partOf(i), t.Lines[i].N)})
	}
	l.Lines = t.show(starts[l.Part], end(l.Part), l.Find, wrongAt)
	return nil
}

// diff shows what a log has that the one of another set has not.
func (s *single) diff(v *frame.Visit, l *openLog, set string) error {
	l.Against = set
	limit, all, pattern, none := int32(1000), "all", frame.Glob(s.Name), "none"
	answer, err := v.API.CompareSetsWithResponse(v.Context(), &client.CompareSetsParams{Head: set, Base: &none, Class: &all, Limit: &limit, Name: &pattern})
	if frame.IsNotFound(err) || isGone(err) {
		l.Why = sentence(err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, item := range answer.JSON200.Items {
		side, err := item.Head.Get()
		if item.Name != s.Name || err != nil || !sameContext(item.Context, s.Context) || !inFile.MatchString(side.Href) {
			continue
		}
		pass, err := testAt(v, side.Href)
		if frame.IsNotFound(err) || isGone(err) {
			l.Why = sentence(err)
			return nil
		}
		if err != nil {
			return err
		}
		for _, a := range pass.Attachments {
			if a.Name != l.Name {
				continue
			}
			t, lost, err := logAt(v, side.Href+"/attachments/"+strconv.Itoa(int(a.K)))
			if err != nil || lost != "" {
				l.Why = lost
				return err
			}
			l.Lines = l.Text.against(t)
			return nil
		}
	}
	l.Why = "The test has no attachment of this name in " + frame.SetName(set) + "."
	return nil
}

var attachmentPath = regexp.MustCompile(`^/v1/(?:runs/\d+/results/[0-9A-Za-z-]+|products/[0-9A-Za-z-]+/tests/results/[0-9A-Za-z-]+)/tests/\d+/attachments/\d+$`)

// pictureTypes are what a browser may show: pictures of dots, which hold no script.
var pictureTypes = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// attached answers the bytes of an attachment: a picture as one when it is one, all
// else as a file to be saved.
func attached(v *frame.Visit) (*frame.View, error) {
	path := v.Query("at")
	if !attachmentPath.MatchString(path) {
		return nil, v.Invalid("“at” must be the path of an attachment, such as /v1/runs/17/results/1/tests/4/attachments/0.")
	}
	if v.Query("picture") == "" {
		return v.File(path), nil
	}
	answer, err := v.Get(path, "")
	if err != nil {
		return nil, err
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(answer.Body, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		answer.Body.Close()
		return nil, err
	}
	kind := http.DetectContentType(head[:n])
	if !slices.Contains(pictureTypes, kind) {
		answer.Body.Close()
		return v.File(path), nil
	}
	return &frame.View{Raw: func(w http.ResponseWriter) error {
		defer answer.Body.Close()
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
		if _, err := w.Write(head[:n]); err != nil {
			return nil // the visitor has gone
		}
		_, _ = io.Copy(w, answer.Body) // the visitor may have gone
		return nil
	}}, nil
}
