package remote

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// Retention is how long what is stored is kept.
type Retention struct {
	Show   RetentionShow   `cmd:"" help:"List the rules in the order in which they count."`
	Set    RetentionSet    `cmd:"" help:"Say how long things of a class are kept."`
	Run    RetentionRun    `cmd:"" help:"Remove what has expired, or say what would go."`
	Keep   RetentionKeep   `cmd:"" help:"Keep a run, a kernel or an image whatever the rules say."`
	Keeps  RetentionKeeps  `cmd:"" help:"List what is kept whatever the rules say."`
	Unkeep RetentionUnkeep `cmd:"" help:"Let the rules count for a set again."`
}

var ruleColumns = columns("CLASS class", "TENANT tenant", "PRODUCT product_id", "JOB job", "DAYS days", "BYTES bytes", "SOURCE source")

// RetentionShow lists the rules.
type RetentionShow struct{ Flags }

// Help is an example.
func (RetentionShow) Help() string { return example(`slipway retention show`) }

// Run prints them.
func (c *RetentionShow) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		return s.list(listing{key: "rules", columns: ruleColumns, empty: "There is no rule: nothing expires.",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) { return s.api.Raw().GetRetention(ctx, e...) }}, Limited{})
	})
}

// RetentionSet changes one rule.
type RetentionSet struct {
	Flags
	Class   string `arg:"" help:"What the rule is about, such as tests, raw, results or reports; slipway retention show lists more."`
	Days    int32  `default:"-1" min:"-1" max:"36500" help:"How many days things are kept; -1: for ever."`
	Bytes   int64  `default:"-1" min:"-1" help:"How many bytes they may take together; -1: any number."`
	Tenant  string `help:"Only what belongs to this tenant."`
	Product string `help:"Only of this product, by name or id."`
	Job     string `help:"Only reports of this job."`
	Remove  bool   `help:"Take the rule away, so that a less specific one counts."`
}

// Help is an example.
func (RetentionSet) Help() string { return example(`slipway retention set tests --days 400`) }

// Run reads the rules, changes the one, and writes them back, unless somebody else
// changed them in between.
func (c *RetentionSet) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		var policy client.RetentionPolicy
		answer, err := s.api.Raw().GetRetention(ctx)
		if err := into(&policy, answer, err); err != nil {
			return err
		}
		rule := client.NewRetentionRule{Class: client.RetentionClass(c.Class)}
		set(&rule.Tenant, c.Tenant)
		set(&rule.Job, c.Job)
		if c.Product != "" {
			id, err := s.productID(ctx, c.Product)
			if err != nil {
				return err
			}
			rule.ProductID.Set(id)
		}
		if c.Days >= 0 {
			rule.Days.Set(c.Days)
		}
		if c.Bytes >= 0 {
			rule.Bytes.Set(c.Bytes)
		}
		next := client.NewRetentionPolicy{Revision: &policy.Revision, Rules: []client.NewRetentionRule{}}
		for _, old := range policy.Rules {
			if string(old.Source) != string(policy.Replaces) || old.Class == rule.Class && sameValue(old.ProductID, rule.ProductID) && sameValue(old.Job, rule.Job) &&
				(sameValue(old.Tenant, rule.Tenant) || policy.Replaces == client.RetentionPolicyReplacesTenant) {
				continue
			}
			next.Rules = append(next.Rules, client.NewRetentionRule{Class: old.Class, Tenant: old.Tenant, ProductID: old.ProductID, Job: old.Job, Days: old.Days, Bytes: old.Bytes})
		}
		if !c.Remove {
			next.Rules = append(next.Rules, rule)
		}
		return s.list(listing{key: "rules", columns: ruleColumns, empty: "There is no rule: nothing expires.",
			call: func(...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ReplaceRetention(ctx, next)
			}}, Limited{})
	})
}

// sameValue compares what may be null or left out, which is the same here.
func sameValue[T comparable](a, b nullable.Nullable[T]) bool {
	x, errX := a.Get()
	y, errY := b.Get()
	return (errX == nil) == (errY == nil) && x == y
}

var amountColumns = columns("CLASS class", "ROWS rows", "BYTES bytes", "OLDEST oldest", "NEWEST newest")

// RetentionRun removes what has expired.
type RetentionRun struct {
	Flags
	DryRun bool `help:"Only say what would go."`
	NoWait bool `help:"Do not wait for its end."`
}

// Help is an example.
func (RetentionRun) Help() string { return example(`slipway retention run --dry-run`) }

// Run prints what went, or would go.
func (c *RetentionRun) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		key := uuid.NewString()
		answer, err := s.api.Raw().CreateRetentionRun(ctx, &client.CreateRetentionRunParams{DryRun: &c.DryRun, IdempotencyKey: &key}, client.NewRetentionRun{})
		var run client.RetentionRun
		if err := into(&run, answer, err); err != nil {
			return err
		}
		if !c.DryRun && !c.NoWait {
			if err := s.waitRetention(ctx, &run); err != nil {
				return err
			}
		}
		if !c.DryRun {
			s.say("run %s: %s", run.ID.MustGet(), run.State)
		}
		rows := terminal.Rows{Columns: amountColumns, Empty: "Nothing has expired."}
		for i := range run.Classes {
			rows.Items = append(rows.Items, document(&run.Classes[i]))
		}
		if err := s.List(rows); err != nil {
			return err
		}
		if run.State == client.RetentionRunStateFailed {
			return terminal.Failed("the run failed: %s", run.Error.MustGet())
		}
		return nil
	})
}

// waitRetention reads a run until it has ended.
func (s *session) waitRetention(ctx context.Context, run *client.RetentionRun) error {
	id := run.ID.MustGet()
	for run.EndedOn.IsNull() {
		if err := client.Wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		answer, err := s.api.Raw().GetRetentionRun(ctx, id)
		*run = client.RetentionRun{}
		if err := into(run, answer, err); err != nil {
			return err
		}
	}
	return nil
}

var keepColumns = columns("KEEP id", "SET set", "REASON reason", "UNTIL until", "BY created_by", "CREATED created_on")

// RetentionKeep keeps a set.
type RetentionKeep struct {
	Flags
	Set    string        `arg:"" help:"A run's number, latest, or a reference such as kernel:JOB/BRANCH/KERNEL or image:PRODUCT/IMAGE."`
	Reason string        `required:"" help:"Why it is kept."`
	For    time.Duration `default:"0s" min:"0s" help:"For how long, such as 8760h; 0: for ever."`
}

// Help is an example.
func (RetentionKeep) Help() string {
	return example(`slipway retention keep latest --reason "shipped as 2.4"`)
}

// Run keeps it and prints the keep.
func (c *RetentionKeep) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		if err := s.reference(ctx, &c.Set); err != nil {
			return err
		}
		in := client.NewRetentionKeep{Set: c.Set, Reason: c.Reason}
		if c.For > 0 {
			in.Until.Set(time.Now().Add(c.For).UTC())
		}
		answer, err := s.api.Raw().CreateRetentionKeep(ctx, nil, in)
		return s.show(keepColumns, answer, err)
	})
}

// RetentionKeeps lists what is kept.
type RetentionKeeps struct {
	Flags
	Limited
}

// Help is an example.
func (RetentionKeeps) Help() string { return example(`slipway retention keeps`) }

// Run prints it.
func (c *RetentionKeeps) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		return s.list(listing{key: "keeps", limits: true, columns: keepColumns, time: "created_on", empty: "Nothing is kept: slipway retention keep SET --reason WHY",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListRetentionKeeps(ctx, nil, e...)
			}}, c.Limited)
	})
}

// RetentionUnkeep lets the rules count again.
type RetentionUnkeep struct {
	Flags
	Keep string `arg:"" help:"The keep's id, as keeps shows it."`
}

// Help is an example.
func (RetentionUnkeep) Help() string { return example(`slipway retention unkeep "$KEEP"`) }

// Run takes the keep back.
func (c *RetentionUnkeep) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		answer, err := s.api.Raw().DeleteRetentionKeep(ctx, c.Keep)
		if err == nil {
			answer.Body.Close()
			s.say("%s is kept no more", c.Keep)
		}
		return err
	})
}
