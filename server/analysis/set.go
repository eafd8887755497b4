package analysis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/analysis/sets"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// resolve reads the references of a comparison and finds their sets; base is nil
// for none.
func (h *Handler) resolve(ctx context.Context, headText, baseText string) (head, base *analysisstore.Set, err error) {
	headRef, err := engine.ParseRef(headText)
	if err == nil && (headRef.Kind == engine.None || headRef.Kind == engine.Previous) {
		err = fmt.Errorf("must be %s", engine.RefSyntax)
	}
	if err != nil {
		return nil, nil, fault.InvalidField("query", "head", "%s", err)
	}
	baseRef, err := engine.ParseRef(baseText)
	if err != nil {
		return nil, nil, fault.InvalidField("query", "base", "%s, none or previous", err)
	}
	if err := errors.Join(mayRead(ctx, headRef.Kind), mayRead(ctx, baseRef.Kind)); err != nil {
		return nil, nil, err
	}
	if head, err = h.find(ctx, "head", headRef); err != nil {
		return nil, nil, err
	}
	switch baseRef.Kind {
	case engine.None:
	case engine.Previous:
		base, err = h.store.Previous(ctx, head)
		err = notFound(err, "%s has no previous set: no complete one of its line came before it; base can be none or another reference", sets.RefOf(head))
	default:
		base, err = h.find(ctx, "base", baseRef)
	}
	if err == nil {
		err = errors.Join(whole("head", head), whole("base", base))
	}
	return head, base, err
}

// whole refuses a set of which single tests have expired: a comparison would call
// them gone, or say that nothing failed.
func whole(parameter string, set *analysisstore.Set) error {
	if set == nil || !set.Expired {
		return nil
	}
	return fault.Expired("single tests of the %s %s have expired, so nothing can be said of what became of them; what its results counted stays", parameter, sets.RefOf(set)).Because(store.ErrExpired)
}

// find finds a set, or says in a 404 which of the two does not exist.
func (h *Handler) find(ctx context.Context, parameter string, ref engine.Ref) (*analysisstore.Set, error) {
	set, err := h.store.Find(ctx, viewer(ctx), string(ref.Kind), ref.Parts, ref.Attempt)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("the %s %s does not exist, or has no result", parameter, ref).Because(err)
	}
	return set, err
}

// title says in words what a set is.
func title(set *analysisstore.Set) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch engine.Kind(set.Kind) {
	case engine.Run:
		add("run %s", set.Parts[0])
		for _, more := range []string{set.RunName, set.Cloud} {
			if more != "" {
				add("%s", more)
			}
		}
	case engine.Published:
		add("published result %s", set.Parts[0])
	case engine.Group:
		add("test group %s", set.GroupName)
		for _, more := range []*string{set.Job, set.Branch, set.Kernel} {
			if more != nil {
				add("%s", *more)
			}
		}
	case engine.Kernel:
		add("%s", *set.Kernel)
		add("%s", *set.Job)
		if set.Branch != nil {
			add("%s", *set.Branch)
		}
	case engine.Opportunity:
		add("%s", set.SpecName)
		if set.Platform != nil {
			add("%s", *set.Platform)
		}
		add("image %s", set.ImageID)
		add("%s", set.Product)
	case engine.Image:
		add("image %s", set.ImageID)
		add("%s", set.Product)
	}
	return strings.Join(parts, ", ")
}

// setHref is where a set can be read, null where nothing shows it as a whole.
func setHref(set *analysisstore.Set) string {
	switch engine.Kind(set.Kind) {
	case engine.Run:
		return fmt.Sprintf("/v1/runs/%s/results/%d", set.Parts[0], set.Attempt)
	case engine.Published:
		return "/v1/results/" + set.Parts[0]
	case engine.Group:
		return "/v1/test/group/" + set.Parts[0]
	case engine.Opportunity:
		return fmt.Sprintf("/v1/products/%s/tests/opportunities/%s", valueOr(set.ProductID, ""), set.Parts[0])
	}
	return ""
}

// setToAPI is one side of a comparison.
func setToAPI(set *analysisstore.Set, counts *engine.Counts) analysisapi.ComparedSet {
	out := analysisapi.ComparedSet{
		Ref: sets.RefOf(set).String(), Title: "nothing", Kind: analysisapi.SetKind(engine.None), CreatedOn: null[time.Time](), Href: null[string](),
		Complete: true, Tests: counts.Tests(), Counts: analysisapi.SetCounts{
			Pass: counts.Of(engine.Pass), Fail: counts.Of(engine.Fail), Error: counts.Of(engine.Error),
			Skip: counts.Of(engine.Skip), Unknown: counts.Of(engine.Unknown),
		},
	}
	if set == nil {
		return out
	}
	out.Title, out.Kind, out.Href = title(set), analysisapi.SetKind(set.Kind), textOrNull(setHref(set))
	out.CreatedOn.Set(set.Time)
	out.Complete = set.Complete
	if set.Counted {
		out.Complete = counts.Complete()
	}
	return out
}

// testHref is where a test of a set can be read.
func testHref(set *analysisstore.Set, t *engine.Test) string {
	switch t.Source {
	case engine.FromCase:
		return "/v1/test/case/" + t.Place.ID
	case engine.FromBoot:
		return "/v1/boot/" + t.Place.ID
	}
	u := set.Upload(t.Place.Upload, t.Place.ID)
	switch {
	case u == nil:
		return ""
	case u.Source == string(engine.Opportunity) && t.Place.Upload == 0:
		return fmt.Sprintf("/v1/products/%s/tests/results/%s", u.ProductID, u.ID)
	case u.Source == string(engine.Opportunity):
		return fmt.Sprintf("/v1/products/%s/tests/results/%s/tests/%d", u.ProductID, u.ID, t.Place.N)
	case set.Kind == string(engine.Run):
		return fmt.Sprintf("/v1/runs/%s/results/%d/tests/%d", set.Parts[0], set.Attempt, t.Place.N)
	}
	return fmt.Sprintf("/v1/runs/%d/results/%d/tests/%d", u.Result.RunID, u.Result.Attempt, t.Place.N)
}

// stream gives the tests of a set, every key once; nil is an empty set.
func (h *Handler) stream(ctx context.Context, set *analysisstore.Set, fields []string, from *engine.Key) (engine.Stream, func(), error) {
	if set == nil {
		return &engine.Slice{}, func() {}, nil
	}
	var at *analysisstore.From
	if from != nil {
		at = &analysisstore.From{Context: from.Context, Name: from.Name}
	}
	rows, err := h.store.Tests(ctx, set, fields, at)
	if err != nil {
		return nil, nil, err
	}
	return sets.Stream(rows), rows.Close, nil
}
