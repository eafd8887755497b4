package admin

import (
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// classes are what a rule may be about, in the order of the form.
var classes = []string{
	"tests", "raw", "attachments", "results", "reports", "jobs", "builds", "boots", "groups", "opportunities", "output", "events", "audit", "webhooks", "tasks", "builddata", "names",
}

type retentionShown struct {
	Tabs    []frame.Link
	Policy  client.RetentionPolicy
	Runs    []runRow
	Keeps   []client.RetentionKeep
	Planned *runRow // what a dry run found
	Classes []string
	Pager   frame.Pager
	Empty   frame.Empty
}

// runRow is a run with how much it removed in all.
type runRow struct {
	client.RetentionRun
	Outcome string
	Rows    int64
	Bytes   int64
}

func runOf(r client.RetentionRun) runRow {
	row := runRow{RetentionRun: r, Outcome: map[string]string{"planned": "waiting", "queued": "waiting", "running": "running", "done": "pass", "failed": "fail"}[string(r.State)]}
	for _, c := range r.Classes {
		row.Rows += c.Rows
		row.Bytes += c.Bytes
	}
	return row
}

// retention shows how long what is kept, what stays in any case, and what was removed.
func retention(v *frame.Visit) (*frame.View, error) { return retentionWith(v, nil) }

func retentionWith(v *frame.Visit, planned *runRow) (*frame.View, error) {
	policy, err := v.API.GetRetentionWithResponse(v.Context())
	if err != nil {
		return nil, err
	}
	runs, err := v.API.ListRetentionRunsWithResponse(v.Context(), &client.ListRetentionRunsParams{After: frame.Optional(v.Query("after")), Limit: frame.Optional(int32(20))})
	if err != nil {
		return nil, err
	}
	data := retentionShown{Tabs: tabs(v, "Retention"), Policy: *policy.JSON200, Planned: planned, Classes: classes, Pager: v.Pager(runs.JSON200.Next)}
	for _, r := range runs.JSON200.Runs {
		data.Runs = append(data.Runs, runOf(r))
	}
	if v.May("listRetentionKeeps") {
		keeps, err := v.API.ListRetentionKeepsWithResponse(v.Context(), &client.ListRetentionKeepsParams{})
		if err != nil {
			return nil, err
		}
		data.Keeps = keeps.JSON200.Keeps
	}
	if len(data.Policy.Rules) == 0 {
		data.Empty = frame.Empty{Why: "There is no rule, so everything stays.", Hint: "Let single tests go after 90 days:", Command: "slipway retention set tests --days 90 --server " + v.Server()}
	}
	return &frame.View{
		Title: "Retention", Templates: templates, File: "retention.html", Data: &data, API: "/v1/retention",
		CSV: func(out *frame.CSV) error {
			err := out.Row("class", "tenant", "product_id", "job", "days", "bytes", "source")
			for i := 0; err == nil && i < len(data.Policy.Rules); i++ {
				r := &data.Policy.Rules[i]
				err = out.Row(r.Class, r.Tenant, r.ProductID, r.Job, r.Days, r.Bytes, r.Source)
			}
			return err
		},
	}, nil
}

// changeRetention takes the forms of the page. What removes something is offered only
// below what a dry run says.
func changeRetention(v *frame.Visit) (*frame.View, error) {
	const here = "/ui/admin/retention"
	switch v.Form("do") {
	case "dry":
		dry := true
		answer, err := v.API.CreateRetentionRunWithResponse(v.Context(), &client.CreateRetentionRunParams{DryRun: &dry}, client.NewRetentionRun{})
		if err != nil {
			return nil, err
		}
		planned := runOf(*answer.JSON200)
		return retentionWith(v, &planned)
	case "run":
		if _, err := v.API.CreateRetentionRunWithResponse(v.Context(), &client.CreateRetentionRunParams{}, client.NewRetentionRun{}); err != nil {
			return nil, err
		}
		return v.Redirect(here, "The run is queued."), nil
	case "release":
		if _, err := v.API.DeleteRetentionKeepWithResponse(v.Context(), v.Form("keep")); err != nil {
			return nil, err
		}
		return v.Redirect(here, "The rules count for it again."), nil
	case "set", "drop":
		if err := setRule(v, v.Form("do") == "drop"); err != nil {
			return nil, err
		}
		return v.Redirect(here, "The rules are changed. Nothing is removed before the next run."), nil
	}
	return nil, v.Invalid("The form does not say what is to be done: dry, run, set, drop or release.")
}

// setRule sets one of the visitor's rules, or drops it. It replaces the rules that the
// form has seen: when somebody else changed them meanwhile, the API refuses.
func setRule(v *frame.Visit, drop bool) error {
	revision, err := strconv.ParseInt(v.Form("revision"), 10, 64)
	if err != nil {
		return v.Invalid("The form does not say which rules it changes. Load the page again.")
	}
	rule := client.NewRetentionRule{Class: client.RetentionClass(v.Form("class"))}
	if job := strings.TrimSpace(v.Form("job")); job != "" {
		rule.Job = nullable.NewNullableWithValue(job)
	}
	if tenant := strings.TrimSpace(v.Form("tenant")); tenant != "" {
		rule.Tenant = nullable.NewNullableWithValue(tenant)
	}
	if product := strings.TrimSpace(v.Form("product")); product != "" {
		id, err := uuid.Parse(product)
		if err != nil {
			return v.Invalid("The product must be an id, a UUID.")
		}
		rule.ProductID = nullable.NewNullableWithValue(id.String())
	}
	if text := strings.TrimSpace(v.Form("days")); text != "" {
		days, err := strconv.ParseInt(text, 10, 32)
		if err != nil || days < 0 {
			return v.Invalid("The days must be a whole number, or nothing for ever.")
		}
		rule.Days = nullable.NewNullableWithValue(int32(days))
	}
	policy, err := v.API.GetRetentionWithResponse(v.Context())
	if err != nil {
		return err
	}
	body := client.NewRetentionPolicy{Revision: &revision, Rules: []client.NewRetentionRule{}}
	for _, r := range policy.JSON200.Rules {
		old := client.NewRetentionRule{Class: r.Class, Tenant: r.Tenant, ProductID: r.ProductID, Job: r.Job, Days: r.Days, Bytes: r.Bytes}
		if string(r.Source) == string(policy.JSON200.Replaces) && !same(&old, &rule) {
			body.Rules = append(body.Rules, old)
		}
	}
	if !drop {
		body.Rules = append(body.Rules, rule)
	}
	_, err = v.API.ReplaceRetentionWithResponse(v.Context(), body)
	return err
}

// same tells whether two rules are about the same things.
func same(a, b *client.NewRetentionRule) bool {
	return a.Class == b.Class && value(a.Tenant) == value(b.Tenant) && value(a.Job) == value(b.Job) && value(a.ProductID) == value(b.ProductID)
}

// value is that of a nullable, the zero one for null.
func value[T any](n nullable.Nullable[T]) T {
	v, _ := n.Get()
	return v
}
