// Package products are the pages of products: what they are tested by, how it went,
// what waits and who works.
package products

import (
	"cmp"
	"embed"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/server/ui/picture"
)

//go:embed *.html
var files embed.FS

var templates = frame.Parse(files, "products.html", "product.html", "opportunity.html", "agents.html")

// Pages lists the pages of this package.
func Pages() []frame.Page {
	return []frame.Page{
		{Path: "/ui/products", Menu: "Products", Calls: []string{"listProducts", "listAllOpportunities", "listComparisons"}, Show: products, Live: frame.OnEvents(productEvents)},
		{
			Path: "/ui/products/{product}", In: "Products", Show: product, Live: frame.OnEvents(ofProduct),
			Calls: []string{"getProduct", "listTestSpecs", "listOpportunities", "listTestResults", "listImages", "listSnaps", "listGoldMasters"},
		},
		{
			Path: "/ui/opportunities/{opportunity}", In: "Products", Show: opportunity, Do: act, Live: follow,
			Calls: []string{"listAllOpportunities", "listTestEvents", "listTestResults", "listResultTests", "getOutput", "listAgents", "cancelOpportunity", "retryOpportunity"},
		},
		{Path: "/ui/opportunities/{opportunity}/output", In: "Products", Show: output, Calls: []string{"listAllOpportunities", "getOutput"}},
		{Path: "/ui/agents", Menu: "Agents", Calls: []string{"listAgents", "listAllOpportunities", "updateAgent"}, Show: agents, Do: setMode, Live: frame.OnEvents(agentEvents)},
	}
}

// opportunityTypes are the events after which an opportunity is different.
var opportunityTypes = []string{
	"QUEUED_FOR_AGENTS", "PICKED_BY_AGENT", "RELEASED_BY_AGENT", "TAKEN_BACK", "LEASE_EXPIRED", "CANCEL_REQUESTED", "CANCELLED", "ABANDONED", "EXPIRED", "RESULT_POSTED", "RESULT_STORED",
}

func productEvents(*frame.Visit) client.ListEventsParams {
	return client.ListEventsParams{EventType: opportunityTypes}
}

func ofProduct(v *frame.Visit) client.ListEventsParams {
	return client.ListEventsParams{ProductID: new(v.Path("product"))}
}

func agentEvents(*frame.Visit) client.ListEventsParams {
	return client.ListEventsParams{EventType: append([]string{"agent.silent", "agent.back", "agent.doubled"}, opportunityTypes...)}
}

// open are the states of opportunities that are not over.
var open = []client.OpportunityState{client.OpportunityStateQUEUED, client.OpportunityStatePICKED, client.OpportunityStateCANCELLING}

// most is the most that one page of a list of the API has.
const most = 1000

func over(o *client.Opportunity) bool { return !slices.Contains(open, o.State) }

// state is what became of an opportunity, as a mark and as words.
type state struct {
	Outcome picture.Outcome
	Words   string
}

// stateOf is the state of an opportunity with its result, nil for none. Nothing is
// green but a result that says PASSED, was made by an agent, and has no test that
// failed in its file.
func stateOf(o *client.Opportunity, r *client.TestResult) state {
	switch o.State {
	case client.OpportunityStateQUEUED:
		return state{picture.Waiting, "waits"}
	case client.OpportunityStatePICKED:
		return state{picture.Running, "running"}
	case client.OpportunityStateCANCELLING:
		return state{picture.Running, "being cancelled"}
	}
	ended := strings.ToLower(string(o.State))
	switch {
	case r != nil && !r.Synthetic:
		return outcomeOf(r)
	case o.State == client.OpportunityStateCANCELLED:
		return state{picture.Skip, ended}
	case o.State == client.OpportunityStateEXPIRED, o.State == client.OpportunityStateABANDONED, r != nil:
		return state{picture.Error, ended}
	}
	return state{picture.Unknown, ended}
}

// outcomeOf is the outcome of a result: the worse of what the agent said and of what
// its file says.
func outcomeOf(r *client.TestResult) state {
	said := picture.Unknown
	switch strings.ToUpper(r.TestStatus) {
	case "PASSED":
		said = picture.Pass
	case "FAILED":
		said = picture.Fail
	case "ERROR":
		said = picture.Error
	case "SKIPPED":
		said = picture.Skip
	}
	file, err := r.File.Get()
	if err != nil || said == picture.Fail {
		return state{said, said.Word()}
	}
	switch mark := picture.Outcome(frame.ResultMark(file.Outcome)); mark {
	case picture.Fail, picture.Error:
		if said != mark {
			return state{mark, mark.Word() + ", though the agent said " + r.TestStatus}
		}
	}
	return state{said, said.Word()}
}

// at reads a time of SPI.
func at(text string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// text is a nullable text, "" for none.
func text(n interface{ Get() (string, error) }) string {
	s, _ := n.Get()
	return s
}

type productRow struct {
	client.Product
	Waiting, Running int
	Newest           *client.MadeComparison
	Image            string
}

// Made is when the product was made.
func (r *productRow) Made() time.Time { return at(r.CreatedAt) }

type productsShown struct {
	Rows  []*productRow
	Name  string
	Pager frame.Pager
	Empty frame.Empty
	Live  bool
}

// products lists the products, each with its newest image and how much waits.
func products(v *frame.Visit) (*frame.View, error) {
	params := &client.ListProductsParams{Name: frame.Optional(v.Query("name")), After: frame.Optional(v.Query("after")), Limit: new(int32(100))}
	answer, err := v.API.ListProductsWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	data := productsShown{Name: v.Query("name"), Pager: v.Pager(answer.JSON200.Next)}
	byID := map[string]*productRow{}
	for _, p := range answer.JSON200.Products {
		row := &productRow{Product: p}
		byID[p.ID] = row
		data.Rows = append(data.Rows, row)
	}
	if err := data.open(v, byID); err != nil && !frame.Refused(err) {
		return nil, err
	}
	if err := data.newest(v, byID); err != nil && !frame.Refused(err) {
		return nil, err
	}
	switch {
	case len(data.Rows) > 0:
	case data.Name != "":
		data.Empty = frame.Empty{Why: "No product has the name " + data.Name + ".", Link: frame.Link{Text: "All products", Href: "/ui/products"}}
	default:
		data.Empty = frame.Empty{
			Why: "There is no product yet.", Hint: "Define one:",
			Command: `curl -H "Authorization: Bearer $SLIPWAY_TOKEN" -H "Content-Type: application/json" -d '{"name": "pc", "release": "24", "snaps": ["pc"]}' ` + v.Server() + "/v1/products",
		}
	}
	return &frame.View{
		Title: "Products", Templates: templates, File: "products.html", Data: &data, Live: v.May("listEvents"),
		API: frame.APIPath("/v1/products", "name", data.Name, "after", v.Query("after")),
		CSV: func(out *frame.CSV) error {
			all := *params
			all.After = nil
			err := out.Row("id", "name", "release", "snaps", "owner", "created")
			for p, failed := range v.API.ListProductsAll(v.Context(), &all) {
				if err = cmp.Or(err, failed); err == nil {
					err = out.Row(p.ID, p.Name, p.Release, strings.Join(p.Snaps, " "), p.Owner, p.CreatedAt)
				}
				if err != nil {
					return err
				}
			}
			return err
		},
	}, nil
}

// open counts what is not over, with one call for all.
func (d *productsShown) open(v *frame.Visit, byID map[string]*productRow) error {
	answer, err := v.API.ListAllOpportunitiesWithResponse(v.Context(), &client.ListAllOpportunitiesParams{State: open, Limit: new(int32(most))})
	if err != nil {
		return err
	}
	for _, o := range answer.JSON200.TestOpportunities {
		row := byID[o.ProductID]
		switch {
		case row == nil:
		case o.State == client.OpportunityStateQUEUED:
			row.Waiting++
		default:
			row.Running++
		}
	}
	return nil
}

// newest finds the newest image of each product that was compared, mostly with one
// call. A late result of an older image, which is compared once more, does not hide it.
func (d *productsShown) newest(v *frame.Visit, byID map[string]*productRow) error {
	if !v.May("listComparisons") {
		return nil
	}
	kind, missing := []client.SetKind{client.SetKindImage}, len(byID)
	params := &client.ListComparisonsParams{Kind: kind, Limit: new(int32(most))}
	for range mostPages {
		answer, err := v.API.ListComparisonsWithResponse(v.Context(), params)
		if err != nil {
			return err
		}
		for _, made := range answer.JSON200.Comparisons {
			id, image, _ := strings.Cut(strings.TrimPrefix(made.Head.Ref, "image:"), "/")
			row := byID[id]
			if row == nil || row.Newest != nil && !later(&made, row.Newest) {
				continue
			}
			if row.Newest == nil {
				missing--
			}
			row.Newest = &made
			row.Image, _ = url.PathUnescape(image)
		}
		next, none := answer.JSON200.Next.Get()
		if none != nil || next == "" || missing == 0 {
			return nil
		}
		params.After = &next
	}
	return nil
}

// later reports whether a comparison is of a later image than another.
func later(a, b *client.MadeComparison) bool {
	of, err := a.Head.CreatedOn.Get()
	than, none := b.Head.CreatedOn.Get()
	return err == nil && (none != nil || of.After(than))
}
