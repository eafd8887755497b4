// Package runs are the pages of RefStack's runs: the list, one run, and what others
// show of the newest of a line.
package runs

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "runs.html", "run.html")

// Pages lists the pages of this package.
func Pages() []frame.Page {
	return []frame.Page{
		{Path: "/ui/runs", Menu: "Runs", Calls: []string{"listRuns", "listClouds", "listComparisons"}, Show: list, Live: frame.OnEvents(runEvents)},
		{Path: "/ui/runs/{id}", In: "Runs", Calls: []string{"getRun", "listRunResults", "getRunResult", "listTests", "listStatuses", "compareSets", "listRuns", "getCloud", "listRetentionKeeps"}, Show: show, Live: frame.OnEvents(runEvents)},
		{Path: "/ui/runs/latest", In: "Runs", Calls: []string{"listRuns", "listClouds"}, Show: latest},
		{Path: "/ui/runs/{id}/raw", In: "Runs", Calls: []string{"getRaw"}, Show: raw},
		{Path: "/ui/runs/{id}/files/{n}", In: "Runs", Calls: []string{"getRunFile"}, Show: file},
		{Path: "/ui/badge.svg", Calls: []string{"getRunLine"}, Show: badge, Open: true, Keyed: true},
		{Path: "/ui/feed.atom", Calls: []string{"getRunLine"}, Show: feed, Open: true, Keyed: true},
	}
}

func runEvents(*frame.Visit) client.ListEventsParams {
	return client.ListEventsParams{EventType: []string{"run.result", "run.finished", "comparison"}}
}

// row is a run in a list.
type row struct {
	client.Run
	Cloud string
	Verdict
	Change *client.ClassCounts // against the one before it; nil: not compared
}

// Set is the reference of the run's current result.
func (r row) Set() string { return setOf(&r.Run) }

// Took is how long the run took; nil while it is not finished.
func (r row) Took() any {
	end, err := r.FinishedAt.Get()
	if err != nil {
		return nil
	}
	return end.Sub(r.CreatedAt)
}

// Verdict is what a run came to, for people.
type Verdict struct {
	Mark   string // the outcome whose mark it has
	Word   string
	Counts frame.Counts
	Result *client.RunResult // nil: there is none
}

// silentAfter is how long a run that is not finished may say nothing before it counts
// as one that never ended.
const silentAfter = 24 * time.Hour

// heard is when a run was heard of last.
func heard(r *client.Run) time.Time {
	if status, err := r.LastStatus.Get(); err == nil {
		return status.CreatedAt
	}
	return r.CreatedAt
}

// verdict says what a run came to. A run without a result is running until it is
// finished, and then nobody knows.
func verdict(r *client.Run, now time.Time) Verdict {
	result, err := r.CurrentResult.Get()
	switch {
	case err != nil && r.Finished:
		return Verdict{Mark: "unknown", Word: "no result"}
	case err != nil && now.Sub(heard(r)) > silentAfter:
		return Verdict{Mark: "error", Word: "no end"}
	case err != nil:
		return Verdict{Mark: "running", Word: "running"}
	}
	return verdictOf(&result)
}

func verdictOf(result *client.RunResult) Verdict {
	return Verdict{Mark: frame.ResultMark(result.Outcome), Word: string(result.Outcome), Counts: frame.CountsOfFile(result.Counts), Result: result}
}

// Damaged reports whether something of the result is missing.
func (v Verdict) Damaged() bool { return v.Result != nil && v.Result.DamageCount > 0 }

// question is what a list of runs asks, by its address.
type question struct {
	params client.ListRunsParams
	cloud  string // label of the one cloud
	chips  []frame.Chip
}

var outcomes = []client.Outcome{client.OutcomeFail, client.OutcomeError, client.OutcomeIncomplete, client.OutcomePass, client.OutcomeSkip, client.OutcomeEmpty}

func ask(v *frame.Visit, clouds map[int64]string) (question, error) {
	var q question
	if text := v.Query("cloud"); text != "" {
		id, label := cloudOf(text, clouds)
		if id == 0 {
			return q, v.NotFound("There is no cloud " + text + ".")
		}
		q.params.CloudID, q.cloud = &id, label
		q.chips = append(q.chips, v.Active("cloud "+label, "cloud"))
	}
	if q.params.Name = frame.Optional(v.Query("name")); q.params.Name != nil {
		q.chips = append(q.chips, v.Active("name "+*q.params.Name, "name"))
	}
	for _, o := range outcomes {
		on := v.Query("outcome") == string(o)
		chip := frame.Chip{Label: string(o), Outcome: frame.ResultMark(o), On: on, Href: v.With("outcome", string(o))}
		if on {
			q.params.Outcome, chip.Href = &o, v.With("outcome")
		}
		q.chips = append(q.chips, chip)
	}
	yes, no := true, false
	if v.Query("damaged") == "true" {
		q.params.Damaged = &yes
		q.chips = append(q.chips, v.Active("damaged", "damaged"))
	} else {
		q.chips = append(q.chips, frame.Chip{Label: "damaged", Href: v.With("damaged", "true")})
	}
	if v.Query("finished") == "false" {
		q.params.Finished = &no
		q.chips = append(q.chips, v.Active("not finished", "finished"))
	} else {
		q.chips = append(q.chips, frame.Chip{Label: "not finished", Href: v.With("finished", "false")})
	}
	if q.params.Uploader = frame.Optional(v.Query("uploader")); q.params.Uploader != nil {
		q.chips = append(q.chips, v.Active("uploaded by "+*q.params.Uploader, "uploader"))
	}
	q.params.After = frame.Optional(v.Query("after"))
	return q, nil
}

// cloudOf finds a cloud by its number or its label.
func cloudOf(text string, clouds map[int64]string) (int64, string) {
	if id, err := strconv.ParseInt(text, 10, 64); err == nil && clouds[id] != "" {
		return id, clouds[id]
	}
	for id, label := range clouds {
		if label == text {
			return id, label
		}
	}
	return 0, ""
}

// readClouds returns the labels of the clouds that the visitor sees.
func readClouds(ctx context.Context, v *frame.Visit) (map[int64]string, error) {
	limit := int32(1000)
	answer, err := v.API.ListCloudsWithResponse(ctx, &client.ListCloudsParams{Limit: &limit})
	if err != nil {
		return nil, err
	}
	labels := map[int64]string{}
	for _, c := range answer.JSON200.Clouds {
		labels[c.ID] = c.Label
	}
	return labels, nil
}

type listed struct {
	Runs   []row
	Clouds []cloudChoice
	Chips  []frame.Chip
	Pager  frame.Pager
	Empty  frame.Empty
	Query  map[string]string
}

type cloudChoice struct {
	ID    int64
	Label string
	On    bool
}

func list(v *frame.Visit) (*frame.View, error) {
	ctx := v.Context()
	clouds, err := readClouds(ctx, v)
	if err != nil {
		return nil, err
	}
	q, err := ask(v, clouds)
	if err != nil {
		return nil, err
	}
	answer, err := v.API.ListRunsWithResponse(ctx, &q.params)
	if err != nil {
		return nil, err
	}
	changes, err := readChanges(v, answer.JSON200.Runs)
	if err != nil {
		return nil, err
	}
	data := listed{Chips: append(q.chips, uploaders(v, answer.JSON200.Runs)...), Pager: v.Pager(answer.JSON200.Next), Query: map[string]string{}}
	for i := range answer.JSON200.Runs {
		r := answer.JSON200.Runs[i]
		one := row{Run: r, Cloud: labelOf(r.CloudID, clouds), Verdict: verdict(&r, v.Now())}
		if one.Result != nil {
			one.Change = changes[setOf(&r)]
		}
		data.Runs = append(data.Runs, one)
	}
	for _, label := range sortedLabels(clouds) {
		data.Clouds = append(data.Clouds, cloudChoice{ID: label.id, Label: label.text, On: label.text == q.cloud})
	}
	for _, name := range []string{"name", "outcome", "damaged", "finished", "uploader"} {
		data.Query[name] = v.Query(name)
	}
	data.Empty = empty(v, q)
	api := frame.APIPath("/v1/runs", "cloud_id", number(q.params.CloudID), "name", v.Query("name"), "outcome", v.Query("outcome"),
		"damaged", v.Query("damaged"), "finished", v.Query("finished"), "uploader", v.Query("uploader"), "after", v.Query("after"))
	return &frame.View{
		Title: "Runs", Pin: linePin(v, q), Templates: templates, File: "runs.html", Data: data, API: api, Live: v.May("listEvents") && v.Query("after") == "",
		CSV: func(out *frame.CSV) error { return writeCSV(ctx, v, &q.params, clouds, out) },
	}, nil
}

func empty(v *frame.Visit, q question) frame.Empty {
	if len(v.HTTP.URL.Query()) > 0 {
		return frame.Empty{Why: "No run is like that.", Link: frame.Link{Text: "All runs", Href: "/ui/runs"}}
	}
	command := "slipway upload results.xml --server " + v.Server()
	if q.cloud != "" {
		command += " --cloud " + frame.Quote(q.cloud)
	}
	return frame.Empty{Why: "There is no run yet.", Hint: "This makes one and stores its result:", Command: command}
}

func writeCSV(ctx context.Context, v *frame.Visit, params *client.ListRunsParams, clouds map[int64]string, out *frame.CSV) error {
	all := *params
	all.After = nil
	limit := int32(1000)
	all.Limit = &limit
	if err := out.Row("run", "name", "cloud", "created", "finished", "attempts", "outcome", "tests", "fail", "error", "skip", "pass", "unknown", "damage", "uploader"); err != nil {
		return err
	}
	for r, err := range v.API.ListRunsAll(ctx, &all) {
		if err != nil {
			return err
		}
		what := verdict(&r, v.Now())
		var damage any
		if what.Result != nil {
			damage = what.Result.DamageCount
		}
		c := what.Counts
		if err := out.Row(r.TestID, r.Name, labelOf(r.CloudID, clouds), r.CreatedAt, r.Finished, r.Attempts, what.Word, c.Total(), c.Fail, c.Error, c.Skip, c.Pass, c.Unknown, damage, r.Uploader); err != nil {
			return err
		}
	}
	return nil
}

// readChanges returns what comparisons of runs found, by the head. A result that has
// grown since is not compared yet.
func readChanges(v *frame.Visit, runs []client.Run) (map[string]*client.ClassCounts, error) {
	changes := map[string]*client.ClassCounts{}
	if !v.May("listComparisons") {
		return changes, nil
	}
	var heads []string
	now := map[string]client.SetCounts{}
	for i := range runs {
		if current, err := runs[i].CurrentResult.Get(); err == nil {
			c := current.Counts
			heads = append(heads, setOf(&runs[i]))
			now[setOf(&runs[i])] = client.SetCounts{Pass: c.Success + c.Xfail, Fail: c.Fail + c.Uxsuccess, Error: c.Inprogress + c.Unknown, Skip: c.Skip, Unknown: c.Exists}
		}
	}
	made, err := frame.Comparisons(v, heads)
	for ref, one := range made {
		if one.Head.Counts == now[ref] {
			changes[ref] = &one.Counts
		}
	}
	return changes, err
}

// uploaders are chips for those who uploaded what the page shows, unless one is chosen.
func uploaders(v *frame.Visit, runs []client.Run) []frame.Chip {
	const most = 6
	counts := map[string]int{}
	for i := range runs {
		if name, err := runs[i].Uploader.Get(); err == nil {
			counts[name]++
		}
	}
	if v.Query("uploader") != "" || len(counts) < 2 {
		return nil
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) })
	var chips []frame.Chip
	for _, name := range names[:min(len(names), most)] {
		chips = append(chips, frame.Chip{Label: "by " + name, Href: v.With("uploader", name)})
	}
	return chips
}

// linePin is the line of runs that the address names, to be pinned: those of a cloud,
// of a name, or of both.
func linePin(v *frame.Visit, q question) *frame.Kept {
	name := v.Query("name")
	if q.cloud == "" && name == "" {
		return nil
	}
	return &frame.Kept{Kind: frame.KeptLine, Name: strings.TrimSpace("runs " + q.cloud + " " + name), Href: frame.APIPath("/ui/runs", "cloud", number(q.params.CloudID), "name", name)}
}

// setOf is the reference of a run's current result.
func setOf(r *client.Run) string {
	result, err := r.CurrentResult.Get()
	if err != nil {
		return "run:" + strconv.FormatInt(r.TestID, 10)
	}
	return "run:" + strconv.FormatInt(r.TestID, 10) + "/" + strconv.Itoa(int(result.Attempt))
}

func labelOf(id nullable.Nullable[int64], clouds map[int64]string) string {
	n, err := id.Get()
	if err != nil {
		return ""
	}
	if label := clouds[n]; label != "" {
		return label
	}
	return "cloud " + strconv.FormatInt(n, 10)
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// runID reads the run that the path names.
func runID(v *frame.Visit) (int64, error) {
	id, err := strconv.ParseInt(v.Path("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, v.NotFound("There is no run " + v.Path("id") + ".")
	}
	return id, nil
}

// newest returns the newest runs of the line that the address names: those of a cloud,
// of a name, or of both.
func newest(v *frame.Visit, limit int32) ([]client.Run, question, error) {
	clouds, err := readClouds(v.Context(), v)
	if err != nil {
		return nil, question{}, err
	}
	q, err := ask(v, clouds)
	if err != nil {
		return nil, q, err
	}
	q.params.Limit = &limit
	answer, err := v.API.ListRunsWithResponse(v.Context(), &q.params)
	if err != nil {
		return nil, q, err
	}
	return answer.JSON200.Runs, q, nil
}

func latest(v *frame.Visit) (*frame.View, error) {
	runs, _, err := newest(v, 1)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, v.NotFound("No run is like that.")
	}
	return v.Redirect("/ui/runs/"+strconv.FormatInt(runs[0].TestID, 10), ""), nil
}

func raw(v *frame.Visit) (*frame.View, error) {
	id, attempt, err := attemptOf(v)
	if err != nil {
		return nil, err
	}
	return v.File("/v1/runs/" + id + "/results/" + attempt + "/raw"), nil
}

func file(v *frame.Visit) (*frame.View, error) {
	id, attempt, err := attemptOf(v)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(v.Path("n"))
	if err != nil {
		return nil, v.NotFound("There is no file " + v.Path("n") + ".")
	}
	return v.File("/v1/runs/" + id + "/results/" + attempt + "/files/" + strconv.Itoa(n)), nil
}

// attemptOf reads which result of which run the address names.
func attemptOf(v *frame.Visit) (id, attempt string, err error) {
	n, err := runID(v)
	if err != nil {
		return "", "", err
	}
	attempt = "current"
	if text := v.Query("attempt"); text != "" {
		k, err := strconv.ParseInt(text, 10, 32)
		if err != nil || k < 1 {
			return "", "", v.NotFound("There is no attempt " + text + ".")
		}
		attempt = strconv.FormatInt(k, 10)
	}
	return strconv.FormatInt(n, 10), attempt, nil
}

// isMissing reports whether there simply is no such thing, such as a base.
func isMissing(err error) bool { return errors.Is(err, client.ErrNotFound) }

// isGone reports whether something was there and has expired.
func isGone(err error) bool {
	return errors.Is(err, &client.Problem{Status: http.StatusGone})
}

type label struct {
	id   int64
	text string
}

func sortedLabels(clouds map[int64]string) []label {
	var all []label
	for id, text := range clouds {
		all = append(all, label{id, text})
	}
	slices.SortFunc(all, func(a, b label) int { return cmp.Or(strings.Compare(a.text, b.text), cmp.Compare(a.id, b.id)) })
	return all
}
