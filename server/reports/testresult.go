package reports

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"

	reportsapi "github.com/slipway-lab/slipway/gen/reports"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/reports/query"
	"github.com/slipway-lab/slipway/store"
	searchstore "github.com/slipway-lab/slipway/store/search"
)

// testFields are what single tests from every source can be asked for.
var testFields = query.Catalogue{
	"name": {Kind: query.Text}, "status": {Kind: query.Text}, "outcome": {Kind: query.Text}, "source": {Kind: query.Text},
	"job": {Kind: query.Text}, "kernel": {Kind: query.Text}, "lab_name": {Kind: query.Text}, "run": {Kind: query.Text},
	"product": {Kind: query.Text}, "product_id": {Kind: query.Text}, "cloud_id": {Kind: query.Int}, "created_on": {Kind: query.Date, RangeOnly: true},
}

// sourceNames are the sources as clients know them.
var sourceNames = map[searchstore.Source]string{searchstore.RunSource: "run", searchstore.CaseSource: "case", searchstore.OpportunitySource: "opportunity", searchstore.BootSource: "boot"}

const maxTestPage = 1000

// SearchTestResults answers with single tests, whoever reported them.
func (h *Handler) SearchTestResults(ctx context.Context, _ reportsapi.SearchTestResultsRequestObject) (reportsapi.Response, error) {
	info := call.From(ctx)
	search, impossible, err := h.testSearch(info.Query)
	if err != nil {
		return nil, err
	}
	search.Viewer, search.Scan = auth.From(ctx).Viewer(), h.config.MaxScan
	var list store.List[searchstore.TestResult]
	if !impossible {
		if list, err = searchstore.New(h.store.Store).SearchTestResults(ctx, search); err != nil {
			return nil, fault.Cursor(err)
		}
	}
	page := reportsapi.FoundTestResultPage{TestResults: []reportsapi.FoundTestResult{}}
	issues, err := h.explained(ctx, list.Items)
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		found := testResultToAPI(&list.Items[i])
		found.KnownIssue = issueNote(issues[i])
		page.TestResults = append(page.TestResults, found)
	}
	return call.OK(&page).Paged(ctx, list.Next), nil
}

// testSearch reads the question; impossible says that no source can answer it.
func (h *Handler) testSearch(raw string) (search searchstore.Query, impossible bool, err error) {
	raw, err = takeOwn(raw, &search)
	if err != nil {
		return search, false, err
	}
	q, err := h.parser.ParseStrict(raw, testFields)
	if err != nil {
		return search, false, refusedQuery(err)
	}
	if err := knownWords(q.Where); err != nil {
		return search, false, err
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return search, false, fault.Invalid("the query string cannot be read").Because(err)
	}
	switch {
	case q.Limit > maxTestPage:
		return search, false, fault.InvalidField("query", "limit", "must be 1 to %d", maxTestPage)
	case len(q.Sort) > 0, q.Skip > 0, len(q.Aggregate) > 0:
		return search, false, fault.Invalid("sort, skip and aggregate are not offered here; after continues a list, newest first")
	}
	search.Page = store.Page{Limit: int(q.Limit), After: values.Get("after")}
	for _, c := range conditions(q.Where) {
		if c.Field != "source" {
			search.Where = append(search.Where, c)
		}
	}
	for source, name := range sourceNames {
		if query.Match(slices.DeleteFunc(slices.Clone(q.Where), func(c query.Condition) bool { return c.Field != "source" }),
			func(string) any { return name }) {
			search.Sources = append(search.Sources, source)
		}
	}
	return search, len(search.Sources) == 0, nil
}

// fieldWords are the fields whose values are words of ours. Those of a status are the
// sources' own.
var fieldWords = map[string][]string{"source": {"run", "case", "boot", "opportunity"}, "outcome": {"pass", "fail", "error", "skip", "unknown"}}

// knownWords refuses a misspelled word: that no test is "failed" would read as if none
// had failed.
func knownWords(where []query.Condition) error {
	for _, c := range where {
		words := fieldWords[c.Field]
		if len(words) == 0 || c.Op != query.In && c.Op != query.Ne {
			continue
		}
		for _, v := range c.Values {
			if word, ok := v.(string); !ok || !slices.Contains(words, word) {
				return fault.InvalidField("query", c.Field, "must be one of %s", strings.Join(words, ", "))
			}
		}
	}
	return nil
}

// takeOwn reads the parameters that KernelCI's queries do not have, and returns the
// query without them.
func takeOwn(raw string, search *searchstore.Query) (rest string, err error) {
	var others []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value) // the request was admitted, so it can be read
		switch name {
		case "name_glob":
			if value == "" || strings.ContainsRune(value, 0) {
				return "", fault.InvalidField("query", name, "must be a pattern without U+0000, such as arm.*")
			}
			search.NameGlobs = append(search.NameGlobs, value)
		case "duration_ge":
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil || !(seconds >= 0 && seconds <= maxSeconds) {
				return "", fault.InvalidField("query", name, "must be a number of seconds, 0 to %d", int64(maxSeconds))
			}
			search.Took = max(search.Took, time.Duration(seconds*float64(time.Second)))
			search.HasTook = true
		default:
			others = append(others, pair)
		}
	}
	return strings.Join(others, "&"), nil
}

// maxSeconds bounds a duration that is asked for.
const maxSeconds = 1e9

func testResultToAPI(f *searchstore.TestResult) reportsapi.FoundTestResult {
	r := reportsapi.FoundTestResult{
		Source: reportsapi.FoundTestResultSource(sourceNames[f.Source]), Name: f.Name, Status: f.Status,
		Outcome: reportsapi.FoundTestResultOutcome(searchstore.Outcome(f.Source, f.Status)), CreatedOn: f.CreatedAt, Run: f.Run,
		ResultID: null[string](), Href: "/v1/test/case/" + f.CaseID, Duration: null[float64](),
		CloudID: orNull(f.CloudID), ProductID: orNull(f.ProductID), Product: orNull(f.Product), Job: orNull(f.Job), Kernel: orNull(f.Kernel), LabName: orNull(f.LabName),
	}
	switch f.Source {
	case searchstore.RunSource:
		r.ResultID.Set(f.ResultID.String())
		r.Href = fmt.Sprintf("/v1/runs/%s/results/%s/tests/%d", f.Run, f.ResultID, f.N)
	case searchstore.BootSource:
		r.Href = "/v1/boot/" + f.Run
	case searchstore.OpportunitySource:
		r.ResultID.Set(f.ResultID.String())
		r.Href = fmt.Sprintf("/v1/products/%s/tests/results/%s/tests/%d", *f.ProductID, f.ResultID, f.N)
	}
	r.Flaky, r.Suite, r.File, r.Properties = f.Flaky, textOrNull(f.Suite), textOrNull(f.File), []reportsapi.Property{}
	for _, p := range f.Properties {
		r.Properties = append(r.Properties, reportsapi.Property(p))
	}
	if f.Duration != nil {
		r.Duration.Set(f.Duration.Seconds())
	}
	return r
}

func textOrNull(text string) nullable.Nullable[string] {
	if text == "" {
		return null[string]()
	}
	return nullable.NewNullableWithValue(text)
}

func null[T any]() nullable.Nullable[T] { return nullable.NewNullNullable[T]() }

func orNull[T any](v *T) nullable.Nullable[T] {
	if v == nil {
		return null[T]()
	}
	return nullable.NewNullableWithValue(*v)
}
