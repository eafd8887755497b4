package analysis

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/known"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// ranking is a question to listFlakyTests, as it was read.
type ranking struct {
	line     analysisstore.Line
	kind     engine.Kind // of the sets of the line
	window   int
	verdicts []engine.Verdict
	name     *engine.Glob
	known    engine.Known
	limit    int
	history  int // outcomes of a strip
	after    *flakyPlace
	digest   string
}

// flakyPlace is where a page of the ranking ended.
type flakyPlace struct {
	Digest  string   `json:"q"`
	Mixed   int      `json:"m"`
	Score   float64  `json:"s"`
	Context []string `json:"c,omitempty"`
	placeName
}

// ranked is a test of the ranking.
type ranked struct {
	engine.Key
	history engine.History
	newest  engine.Test  // its newest result
	failure *engine.Test // its newest failure, nil for none
	letters string       // its last outcomes, the oldest first
}

// compare is the order of the ranking.
func (t *ranked) compare(o *ranked) int {
	return cmp.Or(cmp.Compare(o.history.MixedVersions, t.history.MixedVersions), cmp.Compare(o.history.Score, t.history.Score), t.Key.Compare(o.Key))
}

// ListFlakyTests answers which tests of a line are flaky.
func (h *Handler) ListFlakyTests(ctx context.Context, req analysisapi.ListFlakyTestsRequestObject) (analysisapi.Response, error) {
	q, err := readRanking(ctx, &req.Params)
	if err != nil {
		return nil, err
	}
	if err := mayRead(ctx, q.kind); err != nil {
		return nil, err
	}
	tests, err := h.rank(ctx, q)
	if err != nil {
		return nil, notFound(err, "there is no such cloud or product")
	}
	first := 0
	if q.after != nil {
		name, err := q.after.read(ctx, h)
		if err != nil {
			return nil, err
		}
		last := &ranked{Key: engine.Key{Context: q.after.Context, Name: name}, history: engine.History{MixedVersions: q.after.Mixed, Score: q.after.Score}}
		first, _ = slices.BinarySearchFunc(tests, last, func(t ranked, last *ranked) int {
			if t.compare(last) <= 0 {
				return -1
			}
			return 1
		})
	}
	page := tests[first:min(first+q.limit, len(tests))]
	out := analysisapi.FlakyTestList{
		Line:   analysisapi.FlakyLine{CloudID: orNull(q.line.CloudID), Job: orNull(q.line.Job), ProductID: orNull(q.line.ProductID)},
		Window: int32(q.window),
	}
	if out.ExpiredUntil, err = h.expiredUntil(ctx); err != nil {
		return nil, err
	}
	if out.Tests, err = h.rankedToAPI(ctx, q, page); err != nil {
		return nil, err
	}
	next := ""
	if first+len(page) < len(tests) {
		last := &page[len(page)-1]
		text, _ := json.Marshal(flakyPlace{Digest: q.digest, Mixed: last.history.MixedVersions, Score: last.history.Score, Context: last.Context, placeName: newPlaceName(&last.newest)})
		next = base64.RawURLEncoding.EncodeToString(text)
	}
	return call.OK(&out).Paged(ctx, next), nil
}

func readRanking(ctx context.Context, p *analysisapi.ListFlakyTestsParams) (*ranking, error) {
	q := &ranking{
		line:   analysisstore.Line{CloudID: p.CloudID, Job: p.Job, ProductID: p.ProductID},
		window: int(valueOr(p.Window, defaultWindow)), known: engine.Known(valueOr(p.Known, "include")), limit: int(valueOr(p.Limit, store.DefaultLimit)), history: int(valueOr(p.History, 0)),
	}
	given := 0
	for kind, is := range map[engine.Kind]bool{engine.Run: p.CloudID != nil, engine.Kernel: p.Job != nil, engine.Image: p.ProductID != nil} {
		if is {
			q.kind = kind
			given++
		}
	}
	if given != 1 {
		f := fault.Invalid("cloud_id, job or product_id must be given, exactly one of them")
		for _, name := range []string{"cloud_id", "job", "product_id"} {
			f.Errors = append(f.Errors, fault.Entry{In: "query", Parameter: name, Message: "or another of them must be given, exactly one"})
		}
		return nil, f
	}
	verdicts, _ := words(ctx, "verdict")
	for _, word := range verdicts {
		if !slices.Contains(engine.Verdicts(), engine.Verdict(word)) {
			return nil, fault.InvalidField("query", "verdict", "has the unknown verdict %.60q; must be some of %s", word, joined(engine.Verdicts()))
		}
		q.verdicts = append(q.verdicts, engine.Verdict(word))
	}
	if q.verdicts == nil {
		q.verdicts = []engine.Verdict{engine.Flaky}
	}
	var err error
	if q.name, err = globOf(p.Name); err != nil {
		return nil, err
	}
	text, _ := json.Marshal([]any{q.line, q.window, q.verdicts, p.Name, q.known})
	digest := sha256.Sum256(text)
	q.digest = base64.RawURLEncoding.EncodeToString(digest[:12])
	if p.After == nil {
		return q, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(*p.After)
	if err == nil {
		err = json.Unmarshal(plain, &q.after)
	}
	if err != nil || q.after == nil || q.after.Digest != q.digest {
		return nil, fault.InvalidField("query", "after", "must be next of a page of the same question").Because(err)
	}
	return q, nil
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

// rank reads the line test by test, and returns those with the verdicts, in order.
func (h *Handler) rank(ctx context.Context, q *ranking) ([]ranked, error) {
	rows, err := h.store.LineTests(ctx, viewer(ctx), q.line, q.window)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var tests []ranked
	var of engine.Key
	var entries []engine.Entry
	var newest engine.Test
	var failure *engine.Test
	end := func() {
		if len(entries) > 0 && (q.name == nil || q.name.Match(of.Name)) {
			if history := engine.Summarize(entries, q.window); slices.Contains(q.verdicts, history.Verdict) {
				history.Since = keepSince(history.Since)
				tests = append(tests, ranked{Key: of, history: history, newest: newest, failure: failure, letters: letters(entries, q.history)})
			}
		}
		entries, failure = entries[:0], nil
	}
	for {
		row, err := rows.Next()
		if err != nil {
			return nil, err
		}
		if row == nil {
			break
		}
		key := engine.Key{Context: row.Context, Name: row.Name}
		if len(entries) == 0 || key.Compare(of) != 0 {
			end()
			of = key
		}
		entry := rowEntry(row)
		test := engine.Test{Key: key, Outcome: entry.Outcome, Source: engine.Source(row.Source), Tenant: row.Tenant, Place: engine.Place{Upload: row.Upload, N: row.N, ID: row.ID}}
		if len(entries) == 0 {
			newest = test
		}
		if failure == nil && entry.Outcome.Failed() {
			failure = &test
		}
		entries = append(entries, entry)
	}
	end()
	if tests, err = h.filterKnown(ctx, q, tests); err != nil {
		return nil, err
	}
	slices.SortFunc(tests, func(a, b ranked) int { return a.compare(&b) })
	return tests, nil
}

// letters are the newest n outcomes of entries, which stand newest first, the oldest
// first.
func letters(entries []engine.Entry, n int) string {
	n = min(n, len(entries))
	strip := make(engine.Strip, n)
	for i := range n {
		strip[n-1-i] = entries[i].Outcome
	}
	return strip.Letters(n)
}

// keepSince copies the entry, whose list is used again.
func keepSince(e *engine.Entry) *engine.Entry {
	if e == nil {
		return nil
	}
	kept := *e
	return &kept
}

func rowEntry(row *analysisstore.Row) engine.Entry {
	return engine.Entry{Outcome: sets.OutcomeOf(row), Set: sets.OriginRef(row.From), Version: row.From.Version, At: row.From.StoredAt}
}

// filterKnown leaves of tests what the filter for known issues does.
func (h *Handler) filterKnown(ctx context.Context, q *ranking, tests []ranked) ([]ranked, error) {
	if q.known == engine.IncludeKnown {
		return tests, nil
	}
	issues, err := h.explainRanked(ctx, q, tests)
	if err != nil {
		return nil, err
	}
	var some []ranked
	for i := range tests {
		if q.known.Wants(issues[i] != nil) {
			some = append(some, tests[i])
		}
	}
	return some, nil
}

// explainRanked finds the issues that explain the newest failures of tests.
func (h *Handler) explainRanked(ctx context.Context, q *ranking, tests []ranked) ([]*engine.Issue, error) {
	explained := make([]*engine.Issue, len(tests))
	var failures []known.Failure
	var of []int
	for i := range tests {
		if t := tests[i].failure; t != nil {
			line := engine.Line{CloudID: q.line.CloudID, Job: q.line.Job, ProductID: q.line.ProductID}
			failures = append(failures, known.Failure{Tenant: t.Tenant, Line: line, Fields: engine.FieldsOf(q.kind), Test: t})
			of = append(of, i)
		}
	}
	issues, err := known.NewBook(h.store).Explain(ctx, failures)
	if err != nil {
		return nil, err
	}
	for n, issue := range issues {
		explained[of[n]] = issue
	}
	return explained, nil
}

func (h *Handler) rankedToAPI(ctx context.Context, q *ranking, page []ranked) ([]analysisapi.FlakyTest, error) {
	issues, err := h.explainRanked(ctx, q, page)
	if err != nil {
		return nil, err
	}
	out := make([]analysisapi.FlakyTest, 0, len(page))
	for i := range page {
		t := &page[i]
		one := analysisapi.FlakyTest{
			Name: t.Name, Context: t.ContextMap(engine.FieldsOf(q.kind)), Summary: summaryToAPI(t.history), KnownIssue: issueNote(issues[i]),
		}
		if q.history > 0 {
			one.History = &t.letters
		}
		out = append(out, one)
	}
	return out, nil
}
