package refstack

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	"github.com/slipway-lab/slipway/server/edge/fault"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
)

// maxReferences is with how many results one is compared at a time.
const maxReferences = 10

// The values of RefStack's "tristate"
// (specs/prior/approved/refstack-org-result-visualization.rst).
const (
	inBoth      = 1
	onlyHere    = 0
	missingHere = -1
)

// CompareResults compares the first result of the list with the others.
func (h *Handler) CompareResults(ctx context.Context, req refstackapi.CompareResultsRequestObject) (refstackapi.Response, error) {
	ids := strings.Split(req.Params.To, "|")
	if len(ids) < 2 || len(ids) > maxReferences+1 {
		return nil, fault.InvalidField("query", "to", "must be 2 to %d ids of results with | between them", maxReferences+1)
	}
	c := &comparison{}
	for _, id := range ids {
		names, p, err := h.passedNames(ctx, id)
		if err != nil {
			return nil, err
		}
		c.add(p.ID, names)
	}
	return c, nil
}

// passedNames reads the names of a result's tests into memory, if there are not
// too many.
func (h *Handler) passedNames(ctx context.Context, id string) ([]string, *refstackstore.Published, error) {
	p, _, err := h.see(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	r, err := h.store.Result(ctx, p.ID)
	if err != nil {
		return nil, nil, noResult(id, err)
	}
	if r.Tests > h.config.MaxCompared {
		return nil, nil, fault.InvalidField("query", "to", "names a result of %d tests; results of up to %d are compared", r.Tests, h.config.MaxCompared)
	}
	names := make([]string, 0, r.Counts.Success)
	err = h.eachPass(ctx, r, func(name string) error {
		names = append(names, bareName(name))
		return nil
	})
	return names, p, err
}

// comparison holds results test by test. The first one added is the subject.
type comparison struct {
	ids     []uuid.UUID
	names   []string // every test once: the subject's in its order, then the others
	subject int      // how many of them are the subject's
	has     []map[string]bool
}

func (c *comparison) add(id uuid.UUID, names []string) {
	has := make(map[string]bool, len(names))
	var fresh []string
	for _, name := range names {
		if !has[name] && !c.known(name) {
			fresh = append(fresh, name)
		}
		has[name] = true
	}
	c.ids, c.has = append(c.ids, id), append(c.has, has)
	c.names = append(c.names, fresh...)
	if len(c.ids) == 1 {
		c.subject = len(c.names)
		return
	}
	slices.Sort(c.names[c.subject:])
}

func (c *comparison) known(name string) bool {
	return slices.ContainsFunc(c.has, func(has map[string]bool) bool { return has[name] })
}

// value compares the subject with a reference; nil when neither has the test.
func (c *comparison) value(reference int, name string) *int32 {
	v := int32(missingHere)
	switch inSubject, inReference := c.has[0][name], c.has[reference][name]; {
	case inSubject && inReference:
		v = inBoth
	case inSubject:
		v = onlyHere
	case !inReference:
		return nil
	}
	return &v
}

func (c *comparison) summary() []refstackapi.ComparisonSummary {
	out := make([]refstackapi.ComparisonSummary, len(c.ids)-1)
	for i := range out {
		s := refstackapi.ComparisonSummary{ID: c.ids[i+1]}
		for _, name := range c.names {
			switch v := c.value(i+1, name); {
			case v == nil:
			case *v == inBoth:
				s.Both++
			case *v == onlyHere:
				s.OnlyHere++
			default:
				s.MissingHere++
			}
		}
		out[i] = s
	}
	return out
}

type comparedTest struct {
	Name   string   `json:"name"`
	Values []*int32 `json:"values"`
}

// WriteResponse writes the answer.
func (c *comparison) WriteResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	out := newObject(w)
	out.member("subject", c.ids[0])
	out.member("references", c.ids[1:])
	out.member("summary", c.summary())
	out.list("tests", func(item func(any) error) error {
		for _, name := range c.names {
			t := comparedTest{Name: name}
			for i := range c.ids[1:] {
				t.Values = append(t.Values, c.value(i+1, name))
			}
			if err := item(t); err != nil {
				return err
			}
		}
		return nil
	})
	return out.end()
}
