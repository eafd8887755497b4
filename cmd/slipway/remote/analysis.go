package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// Compare says what changed between two sets of tests.
type Compare struct {
	Flags
	Counted
	Sets  []string `arg:"" name:"set" help:"BASE and HEAD, or HEAD alone, which is compared with the set before it: a run's number, latest, or a reference such as kernel:JOB/BRANCH/KERNEL."`
	Class []string `help:"Only these classes, such as new_failure,fixed; all for everything. Default: what changed or fails."`
	Name  string   `placeholder:"GLOB" help:"Only tests of such names; * stands for anything."`
	Known string   `enum:"include,exclude,only," default:"" help:"What to do with known failures: include, exclude or only."`
}

// Help is an example.
func (Compare) Help() string { return example(`slipway compare none latest`) }

// Run prints counts and items.
func (c *Compare) Run(ctx context.Context, std *terminal.Streams) error {
	if len(c.Sets) > 2 {
		return terminal.Usage("compare takes BASE and HEAD, or HEAD alone, not %d sets", len(c.Sets))
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		base, head := "previous", c.Sets[len(c.Sets)-1]
		if len(c.Sets) == 2 {
			base = c.Sets[0]
		}
		for _, ref := range []*string{&base, &head} {
			if err := s.reference(ctx, ref); err != nil {
				return err
			}
		}
		var whole client.SetComparison
		one := int32(1)
		answer, err := s.api.Raw().CompareSets(ctx, &client.CompareSetsParams{Head: head, Base: &base, Limit: &one})
		if err := into(&whole, answer, err); err != nil {
			return err
		}
		if s.Format == terminal.Table && !s.Out.Quiet {
			s.say("%s against %s: %s", whole.Head.Ref, whole.Base.Ref, changes(&whole))
		}
		s.doubt(&whole)
		s.pageAddress("/compare?" + values("base", whole.Base.Ref, "head", whole.Head.Ref).Encode())
		return s.list(listing{key: "items", limits: true, columns: columns("CLASS class", "TEST name", "BASE base.outcome", "HEAD head.outcome", "MESSAGE message", "KNOWN known_issue.title"),
			query: values("head", head, "base", base, "class", strings.Join(c.Class, ","), "name", c.Name, "known", c.Known), empty: "Nothing of these classes changed.",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().CompareSets(ctx, &client.CompareSetsParams{}, e...)
			}}, c.limited())
	})
}

// changes says what there is of what matters, and that nothing changed when there is nothing.
func changes(c *client.SetComparison) string {
	n := c.Counts
	var parts []string
	for _, part := range []struct {
		n    int64
		what string
	}{
		{n.NewFailure, "new failures"}, {n.NewFailing, "new failing"}, {n.StillFailing, "still failing"}, {n.Error, "errors"},
		{n.Fixed, "fixed"}, {n.NowSkipped, "now skipped"}, {n.Gone, "gone"}, {c.Known, "known"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if len(parts) == 0 {
		return "nothing failed, came or went"
	}
	return strings.Join(parts, ", ")
}

// doubt says which side is not whole, in any format: what does not show then may have
// failed.
func (s *session) doubt(c *client.SetComparison) {
	if !c.Head.Complete {
		s.say("%s is not whole: its result is damaged, or has not ended; what is missing may have failed", c.Head.Ref)
	}
	if !c.Base.Complete && c.Base.Kind != client.SetKindNone {
		s.say("%s is not whole: its result is damaged, or has not ended; what looks new may have been there", c.Base.Ref)
	}
}

// reference makes run:18 of 18 and of latest.
func (s *session) reference(ctx context.Context, ref *string) error {
	if _, err := strconv.Atoi(*ref); err != nil && *ref != "latest" {
		return nil
	}
	id, err := s.runID(ctx, *ref)
	*ref = fmt.Sprintf("run:%d", id)
	return err
}

// History shows a test's outcomes over time.
type History struct {
	Flags
	Limited
	Name    string `arg:"" help:"The test's whole name."`
	Cloud   string `placeholder:"NAME" help:"Only runs of this cloud, by its label or number."`
	Job     string `help:"Only of this job."`
	Product string `help:"Only of this product's name."`
	Lab     string `help:"Only of this lab."`
}

// Help is an example.
func (History) Help() string { return example(`slipway history suite.Case.passes`) }

// Run prints them, newest first, and the verdict.
func (c *History) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		cloud, err := s.optionalCloud(ctx, c.Cloud)
		if err != nil {
			return err
		}
		q := values("name", c.Name, "cloud_id", number(cloud), "job", c.Job, "product", c.Product, "lab_name", c.Lab)
		if c.Since > 0 {
			q.Set("since", time.Now().Add(-c.Since).UTC().Format(time.RFC3339))
		}
		if s.Format == terminal.Table && !s.Out.Quiet {
			var h client.TestHistory
			answer, err := s.api.Raw().GetTestHistory(ctx, &client.GetTestHistoryParams{}, setQuery(q))
			if err := into(&h, answer, err); err != nil {
				return err
			}
			if h.Summary.Passes+h.Summary.Fails > 0 {
				s.say("%s: %s", strings.ReplaceAll(string(h.Summary.Verdict), "_", " "), terminal.Plain(h.Summary.Reason))
			}
		}
		s.pageAddress("/history?" + values("name", c.Name).Encode())
		return s.list(listing{key: "entries", limits: true, columns: columns("OUTCOME outcome", "VERSION version", "SET set", "DURATION duration", "KNOWN known_issue.title", "CREATED created_on"),
			query: q, time: "created_on", empty: "There is no such test.",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().GetTestHistory(ctx, &client.GetTestHistoryParams{}, e...)
			}}, c.Limited)
	})
}

// Flaky ranks the tests of a line that change their outcome without a reason.
type Flaky struct {
	Flags
	Counted
	Cloud   string `placeholder:"NAME" help:"Of the runs of this cloud, by its label or number."`
	Job     string `help:"Of this job."`
	Product string `help:"Of this product, by name or id."`
	Verdict string `help:"Only of this verdict, such as flaky."`
}

// Help is an example.
func (Flaky) Help() string { return example(`slipway flaky --job mainline`) }

// Run prints the ranking.
func (c *Flaky) Run(ctx context.Context, std *terminal.Streams) error {
	if lines := len(values("cloud", c.Cloud, "job", c.Job, "product", c.Product)); lines != 1 {
		return terminal.Usage("tests are ranked within one line: exactly one of --cloud, --job and --product must be given")
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		cloud, err := s.optionalCloud(ctx, c.Cloud)
		if err != nil {
			return err
		}
		product := ""
		if c.Product != "" {
			id, err := s.productID(ctx, c.Product)
			if err != nil {
				return err
			}
			product = id
		}
		return s.list(listing{key: "tests", limits: true, columns: columns("VERDICT summary.verdict", "SCORE summary.score", "TEST name", "FLIPS summary.flips", "FAILS summary.fails", "PASSES summary.passes", "REASON summary.reason"),
			query: values("cloud_id", number(cloud), "job", c.Job, "product_id", product, "verdict", c.Verdict), empty: "No test of the line is flaky.",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListFlakyTests(ctx, nil, e...)
			}}, c.limited())
	})
}

// Issues is the known issues.
type Issues struct {
	List  IssueList  `cmd:"" help:"List known issues."`
	Add   IssueAdd   `cmd:"" help:"Say that a failure is known."`
	Close IssueClose `cmd:"" help:"Close a known issue: its failures count again."`
}

var issueColumns = columns("ISSUE id", "STATE state", "TITLE title", "NAME match.name", "MESSAGE match.message", "URL url", "MATCHES matches", "EXPIRES expires_on")

// IssueList lists them.
type IssueList struct {
	Flags
	Counted
	State string `enum:"open,closed," default:"" help:"Only those: open or closed."`
}

// Help is an example.
func (IssueList) Help() string { return example(`slipway issue list --state open`) }

// Run prints them.
func (c *IssueList) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		return s.list(listing{key: "known_issues", limits: true, columns: issueColumns, query: values("state", c.State), empty: "No issue is known: slipway issue add TITLE --name GLOB",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListKnownIssues(ctx, nil, e...)
			}}, c.limited())
	})
}

// IssueAdd makes one.
type IssueAdd struct {
	Flags
	Title   string        `arg:"" help:"What is wrong, in a line."`
	Name    string        `required:"" placeholder:"GLOB" help:"Names of the tests that fail; * stands for anything."`
	Message string        `placeholder:"TEXT" help:"Only failures whose message holds this."`
	URL     string        `placeholder:"URL" help:"Where it is worked on."`
	Job     string        `help:"Only of this job."`
	Cloud   string        `placeholder:"NAME" help:"Only of this cloud, by its label or number."`
	Expires time.Duration `default:"0s" min:"0s" help:"After how long it counts no more; 0: never."`
	DryRun  bool          `help:"Only say how many failures of the last 30 days it would explain, with the newest of them; nothing is kept."`
}

// Help is an example.
func (IssueAdd) Help() string {
	return example(`slipway issue add "DNS is slow" --name "suite.Case.*" --message timeout --dry-run`, `slipway issue add "DNS is slow" --name "suite.Case.*" --message timeout`)
}

// Run makes the issue and prints it.
func (c *IssueAdd) Run(ctx context.Context, std *terminal.Streams) error {
	in := client.NewKnownIssue{Title: c.Title, Match: client.KnownIssueMatch{Name: c.Name}}
	set(&in.URL, c.URL)
	set(&in.Match.Message, c.Message)
	set(&in.Match.Job, c.Job)
	if c.Expires > 0 {
		in.ExpiresOn = nullable.NewNullableWithValue(time.Now().Add(c.Expires).UTC())
	}
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		cloud, err := s.optionalCloud(ctx, c.Cloud)
		if err != nil {
			return err
		}
		set(&in.Match.CloudID, cloud)
		if c.DryRun {
			return c.preview(ctx, s, in.Match)
		}
		key := uuid.NewString()
		answer, err := s.api.Raw().CreateKnownIssue(ctx, &client.CreateKnownIssueParams{IdempotencyKey: &key}, in)
		return s.show(issueColumns, answer, err)
	})
}

var previewColumns = columns("MATCHES matches", "FAILURES failures", "TESTS tests", "LAST last_match", "SINCE since")

// preview prints what the issue would explain, and on standard error the newest of it.
func (c *IssueAdd) preview(ctx context.Context, s *session, match client.KnownIssueMatch) error {
	answer, err := s.api.Raw().PreviewKnownIssue(ctx, client.KnownIssueQuestion{Match: match})
	var item json.RawMessage
	if err := into(&item, answer, err); err != nil {
		return err
	}
	var seen client.KnownIssuePreview
	if err := json.Unmarshal(item, &seen); err != nil {
		return terminal.Trouble("the server's answer is not what the document says: %w", err)
	}
	if err := s.One(item, previewColumns); err != nil {
		return err
	}
	const most = 5
	for _, e := range seen.Examples[:min(len(seen.Examples), most)] {
		message, _ := e.Message.Get()
		s.say("%s  %s  %s  %s", e.Outcome, e.Name, e.Set, message)
	}
	s.say("nothing is kept; without --dry-run it is")
	return nil
}

// set fills a field unless the value is empty.
func set[T comparable](field *nullable.Nullable[T], value T) {
	var none T
	if value != none {
		field.Set(value)
	}
}

// IssueClose closes one.
type IssueClose struct {
	Flags
	Issue string `arg:"" help:"The issue's id, as list shows it."`
}

// Help is an example.
func (IssueClose) Help() string { return example(`slipway issue close "$ISSUE"`) }

// Run closes it and prints it.
func (c *IssueClose) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		state := client.KnownIssueState("closed")
		answer, err := s.api.Raw().UpdateKnownIssue(ctx, c.Issue, client.KnownIssuePatch{State: &state})
		return s.show(issueColumns, answer, err)
	})
}
