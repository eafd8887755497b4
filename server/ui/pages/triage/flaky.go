package triage

import (
	"net/http"
	"strconv"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// verdicts are the words for how a test behaves, in the order of their chips.
var verdicts = []string{"flaky", "regressed", "failing", "recovered", "fixed", "passing", "too_few"}

// ranking is the page of flaky tests.
type ranking struct {
	*client.FlakyTestList
	Line, Value, Words    string // which line: the field of the API, its value, its name
	CloudID, Job, Product string
	Clouds, Products      []frame.Link
	Name, Known, Verdict  string
	Window                string
	Chips                 []frame.Chip
	Rows                  []ranked
	Pager                 frame.Pager
	Empty                 frame.Empty
}

// Windows are how many verdicts may count.
func (r *ranking) Windows() []string { return []string{"10", "60", "100", "200"} }

type ranked struct {
	client.FlakyTest
	Href, Beside, Issue string
}

// Word is the verdict in words.
func (r ranked) Word() string {
	if r.Summary.Verdict == "too_few" {
		return "too few"
	}
	return string(r.Summary.Verdict)
}

// Tag is the class of the verdict.
func (r ranked) Tag() string {
	switch string(r.Summary.Verdict) {
	case "flaky":
		return "t-flaky"
	case "regressed", "failing":
		return "t-new"
	}
	return "t-ok"
}

func flaky(v *frame.Visit) (*frame.View, error) {
	if !v.May("listFlakyTests") {
		return nil, &client.Problem{Status: http.StatusForbidden, Title: "Forbidden", Detail: "Your roles do not allow to read what became of tests."}
	}
	r := &ranking{
		CloudID: v.Query("cloud_id"), Job: v.Query("job"), Product: v.Query("product_id"), Name: v.Query("name"), Known: v.Query("known"), Verdict: v.Query("verdict"), Window: v.Query("window"),
	}
	if err := r.readLines(v); err != nil {
		return nil, err
	}
	view := &frame.View{Title: "Flaky tests", Templates: templates, File: "flaky.html", Data: r}
	if r.CloudID == "" && r.Job == "" && r.Product == "" {
		if len(r.Clouds)+len(r.Products) == 0 {
			r.Empty = frame.Empty{
				Why: "There is no cloud and no product yet, so there is nothing to rank but kernels.", Hint: "This makes a cloud, whose runs are a line:",
				Command: `curl -H "Authorization: Bearer $SLIPWAY_TOKEN" -H "Content-Type: application/json" -d '{"label": "staging", "admin_endpoint": "http://cloud.example:35357/", "endpoint": "http://cloud.example:5000/", "test_user": "test", "admin_user": "admin"}' ` + v.Server() + "/v1/clouds",
			}
		}
		if v.May("listClouds") {
			view.API = "/v1/clouds"
		}
		return view, nil
	}
	params, err := r.params(v)
	if err != nil {
		return nil, err
	}
	answer, err := v.API.ListFlakyTestsWithResponse(v.Context(), params)
	if err != nil {
		return nil, err
	}
	r.FlakyTestList, r.Pager = answer.JSON200, v.Pager(answer.JSON200.Next)
	for _, t := range answer.JSON200.Tests {
		more := append([]string{r.Line, r.Value}, pairs(t.Context)...)
		r.Rows = append(r.Rows, ranked{t, frame.HistoryPage(t.Name, more...), contextWords(t.Context), frame.IssuePage(t.Name, "", v.With("", ""))})
	}
	on := v.Queries("verdict")
	if len(on) == 0 {
		on = []string{"flaky"}
	}
	for _, verdict := range verdicts {
		chip := frame.Chip{Label: map[string]string{"too_few": "too few"}[verdict], Href: v.Toggle("verdict", verdict)}
		if chip.Label == "" {
			chip.Label = verdict
		}
		for _, word := range on {
			chip.On = chip.On || word == verdict
		}
		if r.Verdict == "" && verdict != "flaky" {
			chip.Href = v.With("verdict", "flaky,"+verdict)
		}
		r.Chips = append(r.Chips, chip)
	}
	r.Empty = frame.Empty{
		Why:  "No test of this line has these verdicts. It takes three results that passed or failed for one.",
		Hint: "This adds a result:", Command: "slipway upload results.xml --server " + v.Server(), Link: frame.Link{Text: "All verdicts", Href: v.With("verdict", "flaky,regressed,failing,recovered,fixed,passing,too_few")},
	}
	view.Title += " of " + r.Words
	view.API = frame.APIPath("/v1/flaky-tests", r.Line, r.Value, "verdict", r.Verdict, "name", pattern(r.Name), "known", r.Known, "window", r.Window, "history", strconv.Itoa(stripLength))
	view.CSV = r.csv(v, params)
	return view, nil
}

// readLines reads the clouds and products whose runs and images may be ranked.
func (r *ranking) readLines(v *frame.Visit) error {
	limit := int32(100)
	if v.May("listClouds") {
		answer, err := v.API.ListCloudsWithResponse(v.Context(), &client.ListCloudsParams{Limit: &limit})
		if err != nil {
			return err
		}
		for i := range answer.JSON200.Clouds {
			r.Clouds = append(r.Clouds, frame.Link{Text: answer.JSON200.Clouds[i].Label, Href: strconv.FormatInt(answer.JSON200.Clouds[i].ID, 10)})
		}
	}
	if v.May("listProducts") {
		answer, err := v.API.ListProductsWithResponse(v.Context(), &client.ListProductsParams{Limit: &limit})
		if err != nil {
			return err
		}
		for i := range answer.JSON200.Products {
			p := &answer.JSON200.Products[i]
			r.Products = append(r.Products, frame.Link{Text: joined(" ", p.Name, p.Release), Href: p.ID})
		}
	}
	return nil
}

func (r *ranking) params(v *frame.Visit) (*client.ListFlakyTestsParams, error) {
	limit, history := int32(rowsShown), int32(stripLength)
	p := &client.ListFlakyTestsParams{
		Limit: &limit, History: &history, After: frame.Optional(v.Query("after")), Verdict: frame.Optional(r.Verdict), Name: frame.Optional(pattern(r.Name)), Job: frame.Optional(r.Job), ProductID: frame.Optional(r.Product),
	}
	if r.Known != "" {
		known := client.ListFlakyTestsParamsKnown(r.Known)
		p.Known = &known
	}
	if r.Window != "" {
		n, err := strconv.ParseInt(r.Window, 10, 32)
		if err != nil {
			return nil, v.Invalid("“window” must be a number from 2 to 200.")
		}
		window := int32(n)
		p.Window = &window
	}
	switch {
	case r.CloudID != "":
		id, err := strconv.ParseInt(r.CloudID, 10, 64)
		if err != nil {
			return nil, v.Invalid("“cloud_id” must be a number.")
		}
		p.CloudID = &id
		r.Line, r.Value, r.Words = "cloud_id", r.CloudID, nameOf(r.Clouds, r.CloudID, "cloud "+r.CloudID)
	case r.Job != "":
		r.Line, r.Value, r.Words = "job", r.Job, "job "+r.Job
	default:
		r.Line, r.Value, r.Words = "product_id", r.Product, nameOf(r.Products, r.Product, "product "+r.Product)
	}
	return p, nil
}

func nameOf(list []frame.Link, value, otherwise string) string {
	for _, l := range list {
		if l.Href == value {
			return l.Text
		}
	}
	return otherwise
}

func (r *ranking) csv(v *frame.Visit, params *client.ListFlakyTestsParams) func(*frame.CSV) error {
	ask := *params
	return func(out *frame.CSV) error {
		head := append([]any{"name"}, anys(contextFields)...)
		if err := out.Row(append(head, "verdict", "flips", "verdicts", "passes", "fails", "mixed_versions", "score", "reason", "known_issue")...); err != nil {
			return err
		}
		limit := int32(1000)
		ask.Limit, ask.After, ask.History = &limit, nil, nil
		for {
			answer, err := v.API.ListFlakyTestsWithResponse(v.Context(), &ask)
			if err != nil {
				return err
			}
			for _, t := range answer.JSON200.Tests {
				row := []any{t.Name}
				for _, field := range contextFields {
					row = append(row, t.Context[field])
				}
				s := t.Summary
				row = append(row, string(s.Verdict), s.Flips, s.Verdicts, s.Passes, s.Fails, s.MixedVersions, s.Score, s.Reason, value(t.KnownIssue.Get()).Title)
				if err := out.Row(row...); err != nil {
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
