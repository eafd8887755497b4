package analysis

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// comparing is a question to compareSets, as it was read.
type comparing struct {
	head, base string
	classes    engine.Classes
	name       *engine.Glob // nil: every name
	known      engine.Known
	context    []string // nil: all fields
	group      bool
	history    int
	csv        bool
	limit      int
	after      *comparePlace // nil: from the beginning
	digest     string        // of what a cursor must not be taken to another of
}

// comparePlace is where a page of a comparison ended. It names the sets as they
// were resolved, so that a list stays one list while sets come in.
type comparePlace struct {
	Digest  string   `json:"q"`
	Head    string   `json:"h"`
	Base    string   `json:"b"`
	Context []string `json:"c,omitempty"`
	placeName
	Groups int `json:"g,omitempty"` // how many of them came before
}

func (p *comparePlace) String() string {
	text, _ := json.Marshal(p) // texts and numbers are never refused
	return base64.RawURLEncoding.EncodeToString(text)
}

// compared is the answer, with one of the two lists, which may be empty.
type compared struct {
	analysisapi.SetComparison
	Items  *[]analysisapi.ComparedItem `json:"items,omitempty"`
	Groups *[]analysisapi.MessageGroup `json:"groups,omitempty"`
}

// CompareSets answers what changed between two sets.
func (h *Handler) CompareSets(ctx context.Context, req analysisapi.CompareSetsRequestObject) (analysisapi.Response, error) {
	q, err := readComparing(ctx, &req.Params)
	if err != nil {
		return nil, err
	}
	head, base, err := h.resolve(ctx, q.head, q.base)
	if err != nil {
		return nil, err
	}
	c := h.comparison(head, base, q.context)
	if q.csv {
		return &compareCSV{ctx: ctx, c: c, q: q}, nil
	}
	plan, err := c.plan(ctx)
	if err != nil {
		return nil, err
	}
	out := compared{SetComparison: analysisapi.SetComparison{
		Head: setToAPI(head, &plan.Totals.Head), Base: setToAPI(base, &plan.Totals.Base),
		Counts: classCounts(&plan.Totals.Classes), Known: plan.Totals.Known,
	}}
	var next *comparePlace
	if q.group {
		out.Groups = new([]analysisapi.MessageGroup)
		*out.Groups, next, err = c.groups(ctx, q, plan)
	} else {
		out.Items = new([]analysisapi.ComparedItem)
		*out.Items, next, err = c.items(ctx, q, plan)
	}
	if err != nil {
		return nil, err
	}
	cursor := ""
	if next != nil {
		next.Digest, next.Head, next.Base = q.digest, sets.RefOf(head).String(), sets.RefOf(base).String()
		cursor = next.String()
	}
	return call.OK(&out).Paged(ctx, cursor), nil
}

func readComparing(ctx context.Context, p *analysisapi.CompareSetsParams) (*comparing, error) {
	q := &comparing{
		head: p.Head, known: engine.Known(valueOr(p.Known, "include")), group: p.GroupBy != nil,
		history: int(valueOr(p.History, 0)), limit: int(valueOr(p.Limit, store.DefaultLimit)),
	}
	q.csv = p.As != nil && *p.As == analysisapi.CompareSetsParamsAsCsv || p.As == nil && call.From(ctx).Prefers("application/json", "text/csv") == "text/csv"
	if q.base = baseOf(ctx); q.base == "" {
		return nil, fault.InvalidField("query", "base", "must be one reference, none or previous")
	}
	var err error
	classes, _ := words(ctx, "class")
	if q.classes, err = engine.ParseClasses(classes); err != nil {
		return nil, fault.InvalidField("query", "class", "%s", err)
	}
	if q.name, err = globOf(p.Name); err != nil {
		return nil, err
	}
	if fields, given := words(ctx, "context"); given {
		if err := engine.CheckFields(fields); err != nil {
			return nil, fault.InvalidField("query", "context", "%s", err)
		}
		q.context = append([]string{}, fields...)
	}
	q.digest = q.sum()
	return q, q.continued(valueOr(p.After, ""))
}

// baseOf is the base that was asked for: none together with previous is none. It is
// empty when there are several.
func baseOf(ctx context.Context) string {
	query, _ := url.ParseQuery(call.From(ctx).Query) // the request was admitted, so it can be read
	given := map[string]bool{}
	for _, v := range query["base"] {
		if v == "none,previous" || v == "previous,none" {
			v = string(engine.None)
		}
		given[v] = true
	}
	if given[string(engine.None)] {
		delete(given, string(engine.Previous))
	}
	switch len(given) {
	case 0:
		return string(engine.Previous)
	case 1:
		for v := range given {
			return v
		}
	}
	return ""
}

// sum is what is equal for all pages of one list.
func (q *comparing) sum() string {
	name := ""
	if q.name != nil {
		name = "=" + q.name.String()
	}
	text, _ := json.Marshal([]any{q.head, q.base, q.classes, name, q.known, q.context, q.context == nil, q.group})
	digest := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(digest[:12])
}

// continued reads the cursor, which must be one of this question.
func (q *comparing) continued(after string) error {
	if after == "" {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(after)
	var p comparePlace
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.Digest != q.digest || p.Groups < 0 {
		return fault.InvalidField("query", "after", "must be next of a page of the same question").Because(err)
	}
	q.after, q.head, q.base = &p, p.Head, p.Base
	return nil
}

// mayWant reports whether an item passes the filters but that of known issues.
func (q *comparing) mayWant(i *engine.Item) bool {
	return q.classes.Has(i.Class) && (q.name == nil || q.name.Match(i.Key().Name))
}

// wants reports whether an item passes the filters.
func (q *comparing) wants(e *entry) bool { return q.known.Wants(e.Issue != nil) && q.mayWant(&e.Item) }

// each calls visit with the items that pass the filters, behind the key after,
// until it returns false: those that the plan has between those that are read.
func (c *comparison) each(ctx context.Context, q *comparing, plan *engine.Plan, after *engine.Key, visit func(e *entry) (bool, error)) error {
	kept := plan.Kept(q.classes, q.known, after)
	more := true
	pass := func(before *engine.Key) (err error) {
		for more && err == nil {
			e := kept.Next(before)
			if e == nil {
				return nil
			}
			if q.wants(e) {
				more, err = visit(e)
			}
		}
		return err
	}
	for _, span := range plan.Spans(q.classes, q.known, after) {
		if after != nil && span.From.Compare(*after) < 0 {
			span.From = *after
		}
		if err := pass(&span.From); err != nil || !more {
			return err
		}
		r := passage{span: span, atOnce: max(q.limit+1, pageAtOnce), passes: func(i *engine.Item) bool {
			return q.mayWant(i) && (after == nil || i.Key().Compare(*after) > 0)
		}}
		if q.group {
			r.atOnce = 0
		}
		err := c.walk(ctx, r, func(e *entry) (bool, error) {
			if plan.Keeps(e) || !q.known.Wants(e.Issue != nil) {
				return true, nil
			}
			key := e.Key()
			err := pass(&key)
			if err == nil && more {
				more, err = visit(e)
			}
			return more, err
		})
		if err != nil || !more {
			return err
		}
	}
	return pass(nil)
}

// items reads a page of items.
func (c *comparison) items(ctx context.Context, q *comparing, plan *engine.Plan) ([]analysisapi.ComparedItem, *comparePlace, error) {
	var after *engine.Key
	if q.after != nil {
		if len(q.after.Context) != len(c.fields) {
			return nil, nil, fault.InvalidField("query", "after", "must be next of a page of the same question")
		}
		name, err := q.after.read(ctx, c.h)
		if err != nil {
			return nil, nil, err
		}
		after = &engine.Key{Context: q.after.Context, Name: name}
	}
	var page []entry
	var next *comparePlace
	err := c.each(ctx, q, plan, after, func(e *entry) (bool, error) {
		if len(page) == q.limit {
			last := &page[len(page)-1]
			t := last.Head
			if t == nil {
				t = last.Base
			}
			next = &comparePlace{Context: last.Key().Context, placeName: newPlaceName(t)}
			return false, nil
		}
		page = append(page, e.Copied())
		return true, nil
	})
	if err != nil {
		return nil, nil, err
	}
	items, err := c.itemsToAPI(ctx, page, q.history)
	return items, next, err
}

// itemsToAPI adds to items what only a page needs: durations, messages and strips.
func (c *comparison) itemsToAPI(ctx context.Context, page []entry, history int) ([]analysisapi.ComparedItem, error) {
	var places, failures []analysisstore.Place
	for i := range page {
		for _, t := range []*engine.Test{page[i].Head, page[i].Base} {
			if t != nil && t.Place.Upload != 0 {
				places = append(places, placeOf(t))
			}
		}
		if t := page[i].Head; t != nil && t.Outcome.Failed() {
			failures = append(failures, placeOf(t))
		}
	}
	took, err := c.h.store.Durations(ctx, places)
	if err != nil {
		return nil, err
	}
	texts, err := c.h.store.Texts(ctx, failures)
	if err != nil {
		return nil, err
	}
	items := make([]analysisapi.ComparedItem, 0, len(page))
	for i := range page {
		e := &page[i]
		item := analysisapi.ComparedItem{
			Name: e.Key().Name, Context: e.Key().ContextMap(c.fields), Class: analysisapi.TestClass(e.Class.String()),
			Head: side(c.head, e.Head, took), Base: side(c.base, e.Base, took), KnownIssue: issueNote(e.Issue),
			Message: null[string](), MessageKey: null[string](),
		}
		if e.Head != nil {
			if message := engine.Message(texts[placeOf(e.Head)]); message != "" {
				item.Message.Set(message)
				item.MessageKey.Set(engine.MessageKey(message))
			}
		}
		items = append(items, item)
	}
	if history > 0 {
		err = c.addStrips(ctx, page, items, history)
	}
	return items, err
}

func placeOf(t *engine.Test) analysisstore.Place {
	return analysisstore.NewPlace(t.Place.Upload, t.Place.N, t.Place.ID)
}

func side(set *analysisstore.Set, t *engine.Test, took map[analysisstore.Place]time.Duration) nullable.Nullable[analysisapi.SideOfTest] {
	if t == nil {
		return null[analysisapi.SideOfTest]()
	}
	out := analysisapi.SideOfTest{Outcome: analysisapi.SetOutcome(t.Outcome.String()), Status: t.Status, Duration: null[float64](), Href: testHref(set, t)}
	if d, known := took[placeOf(t)]; known && t.Place.Upload != 0 {
		out.Duration.Set(d.Seconds())
	} else if t.Duration != nil {
		out.Duration.Set(t.Duration.Seconds())
	}
	return value(out)
}

// issueNote is how an issue is shown beside what it explains.
func issueNote(i *engine.Issue) nullable.Nullable[analysisapi.KnownIssueNote] {
	if i == nil {
		return null[analysisapi.KnownIssueNote]()
	}
	id, _ := uuid.Parse(i.ID) // it was made of one
	return value(analysisapi.KnownIssueNote{ID: id, Title: i.Title, URL: orNull(i.URL)})
}

func classCounts(n *engine.ClassCounts) analysisapi.ClassCounts {
	return analysisapi.ClassCounts{
		NewFailure: n[engine.NewFailure], NewFailing: n[engine.NewFailing], StillFailing: n[engine.StillFailing], Fixed: n[engine.Fixed],
		Error: n[engine.ErrorClass], NowSkipped: n[engine.NowSkipped], Gone: n[engine.Gone], NewPassing: n[engine.NewPassing],
		NowPassing: n[engine.NowPassing], StillPassing: n[engine.StillPassing], Skipped: n[engine.Skipped], Unknown: n[engine.UnknownClass],
	}
}

// group are the items with one message.
type group struct {
	key, message string
	tests        int64
	classes      engine.ClassCounts
	examples     []entry
}

// maxExamples is how many items of a group are shown.
const maxExamples = 5

// groups reads a page of the groups with one message. All of them are counted,
// the largest first.
func (c *comparison) groups(ctx context.Context, q *comparing, plan *engine.Plan) ([]analysisapi.MessageGroup, *comparePlace, error) {
	byKey := map[string]*group{}
	var waiting []entry
	count := func() error {
		var places []analysisstore.Place
		for i := range waiting {
			if t := waiting[i].Head; t != nil && t.Outcome.Failed() {
				places = append(places, placeOf(t))
			}
		}
		texts, err := c.h.store.Texts(ctx, places)
		for i := range waiting {
			countGroup(byKey, &waiting[i], texts)
		}
		waiting = waiting[:0]
		return err
	}
	err := c.each(ctx, q, plan, nil, func(e *entry) (bool, error) {
		if waiting = append(waiting, e.Copied()); len(waiting) < entriesAtOnce {
			return true, nil
		}
		return true, count()
	})
	if err = errors.Join(err, count()); err != nil {
		return nil, nil, err
	}
	all := make([]*group, 0, len(byKey))
	for _, g := range byKey {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *group) int {
		if a.tests != b.tests {
			return int(b.tests - a.tests)
		}
		return strings.Compare(a.key, b.key)
	})
	first := 0
	if q.after != nil {
		first = min(q.after.Groups, len(all))
	}
	last := min(first+q.limit, len(all))
	out := []analysisapi.MessageGroup{}
	for _, g := range all[first:last] {
		examples, err := c.itemsToAPI(ctx, g.examples, q.history)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, analysisapi.MessageGroup{
			Key: textOrNull(g.key), Message: textOrNull(g.message), Tests: g.tests, Counts: classCounts(&g.classes), Examples: examples,
		})
	}
	if last == len(all) {
		return out, nil, nil
	}
	return out, &comparePlace{Groups: last}, nil
}

func countGroup(byKey map[string]*group, e *entry, texts map[analysisstore.Place]string) {
	key, message := "", ""
	if e.Head != nil {
		if message = engine.Message(texts[placeOf(e.Head)]); message != "" {
			key = engine.MessageKey(message)
		}
	}
	g := byKey[key]
	if g == nil {
		g = &group{key: key, message: message}
		byKey[key] = g
	}
	g.tests++
	g.classes[e.Class]++
	if len(g.examples) < maxExamples {
		g.examples = append(g.examples, *e)
	}
}
