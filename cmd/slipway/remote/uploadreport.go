package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// sent is what was uploaded, to a run or as the result of a test opportunity.
type sent struct {
	ref      string // as a set of tests
	again    string // the command that lists tests of a status; "" where there is none
	outcome  string
	tests    int64
	counts   client.TestCounts
	damage   int64
	complete bool
}

// more is how the rest of a list is seen.
func (r *sent) more(s *session, status string) string {
	if r.again == "" {
		return s.page
	}
	return r.again + status
}

// counted is how many tests ended in which way.
func counted(tests int64, n client.TestCounts) string {
	text := fmt.Sprintf("%d tests: %d passed, %d failed, %d skipped", tests, n.Success+n.Xfail, n.Fail+n.Uxsuccess, n.Skip)
	if other := n.Inprogress + n.Unknown + n.Exists; other > 0 {
		text += fmt.Sprintf(", %d without an end", other)
	}
	return text
}

// report prints what became of an upload, and is an error when --fail-on or
// --expect-tests say so.
func (c *Upload) report(ctx context.Context, s *session, saved *client.ResultSaved) error {
	sent := sent{
		ref:     "run:" + strconv.FormatInt(saved.TestID, 10) + "/" + strconv.Itoa(int(saved.Attempt)),
		again:   fmt.Sprintf("slipway tests %d --status ", saved.TestID),
		outcome: string(saved.Outcome), tests: saved.Tests, counts: saved.Counts, damage: saved.DamageCount, complete: saved.Complete,
	}
	verdict, err := c.verdict(ctx, s, sent)
	if err != nil {
		return fmt.Errorf("the upload is kept as run %d, but could not be judged: %w", saved.TestID, err)
	}
	s.pageAddress(fmt.Sprintf("/runs/%d", saved.TestID))
	if s.Format != terminal.Table || len(s.Out.Fields) > 0 {
		if err := s.One(document(saved), resultColumns); err != nil {
			return err
		}
		return verdict
	}
	s.Line("run %d, attempt %d: %s — %s", saved.TestID, saved.Attempt, saved.Outcome, counted(saved.Tests, saved.Counts))
	for i, d := range saved.Damage {
		const shown = 5
		if i == shown {
			s.Line("damage: %d more", saved.DamageCount-shown)
			break
		}
		where := ""
		if d.File != nil {
			where = " in " + terminal.Plain(*d.File)
		}
		s.Line("damage%s at byte %d: %s (%s)", where, d.Offset, terminal.Plain(d.Reason), d.Kind)
	}
	if saved.Format == "unknown" {
		s.Line("nothing could be read: the file has none of the formats that %s/v1/formats lists", s.server)
	}
	for _, w := range saved.Warnings {
		s.Line("warning: %s", terminal.Plain(w))
	}
	if err := c.failures(sent, func(e ...client.RequestEditorFn) (*http.Response, error) {
		return s.api.Raw().ListTests(ctx, saved.TestID, saved.ResultID, nil, e...)
	}, s); err != nil {
		return err
	}
	if !s.Out.Quiet {
		fmt.Fprintln(s.Streams.Out, s.page)
	}
	return verdict
}

// failures prints the tests that failed or never ended, worst first.
func (c *Upload) failures(r sent, tests call, s *session) error {
	left := c.Failures
	for _, kind := range []struct {
		status string
		count  int64
	}{
		{"fail", r.counts.Fail}, {"uxsuccess", r.counts.Uxsuccess}, {"inprogress", r.counts.Inprogress}, {"unknown", r.counts.Unknown},
	} {
		if kind.count == 0 {
			continue
		}
		if c.Failures > 0 && left == 0 {
			s.Line("  … %d more %s: %s", kind.count, kind.status, r.more(s, kind.status))
			continue
		}
		items, more, err := s.read(listing{key: "tests", limits: true, query: values("status", kind.status), call: tests}, Limited{Limit: left})
		if err != nil {
			return err
		}
		for _, item := range items {
			known := ""
			if title := stringAt(item, "known_issue.title"); title != "" {
				known = "  (known: " + terminal.Plain(title) + ")"
			}
			s.Line("  %s  %s%s", kind.status, terminal.Plain(stringAt(item, "id")), known)
		}
		if c.Failures > 0 {
			left -= len(items)
		}
		if more {
			s.Line("  … %d more: %s", kind.count-int64(len(items)), r.more(s, kind.status))
		}
	}
	return nil
}

// verdict is the error that decides the exit status, nil when all is well.
func (c *Upload) verdict(ctx context.Context, s *session, r sent) (verdict, err error) {
	expected, err := c.expected()
	if err != nil {
		return nil, err
	}
	if c.FailOn == "none" && expected == 0 {
		return nil, nil
	}
	var against *client.SetComparison
	if c.FailOn == "new" || expected < 0 {
		if against, err = c.sinceLast(ctx, s, r); err != nil {
			return nil, err
		}
	}
	if expected < 0 && against != nil {
		expected = against.Base.Tests
	}
	if expected > 0 && r.tests < expected {
		return terminal.Failed("only %d tests came, %d were expected", r.tests, expected), nil
	}
	switch {
	case c.FailOn == "any", c.FailOn == "new" && against == nil:
		return anyFailure(r), nil
	case c.FailOn == "new":
		return newFailure(r, against), nil
	}
	return nil, nil
}

// anyFailure judges a result by itself. A doubt is no pass.
func anyFailure(r sent) error {
	if r.damage > 0 || !r.complete {
		return terminal.Failed("the result is damaged or incomplete (%s)", r.outcome)
	}
	if r.outcome != "pass" && r.outcome != "skip" {
		if r.tests == 0 {
			return terminal.Failed("the outcome is %s, without a test", r.outcome)
		}
		return terminal.Failed("the outcome is %s: %d of %d tests failed", r.outcome, r.counts.Fail+r.counts.Uxsuccess, r.tests)
	}
	return nil
}

// newFailure judges a result against the one before. What no comparison can excuse
// fails in any case.
func newFailure(r sent, against *client.SetComparison) error {
	if r.outcome != "fail" || r.damage > 0 || !r.complete {
		if err := anyFailure(r); err != nil {
			return err
		}
	}
	n := against.Counts
	if n.NewFailure+n.NewFailing+n.Error > 0 {
		return terminal.Failed("compared with %s: %d new failures, %d new tests that fail, %d errors; slipway compare %s %s shows them",
			against.Base.Ref, n.NewFailure, n.NewFailing, n.Error, against.Base.Ref, r.ref)
	}
	return nil
}

// sinceLast compares a result with the one before it in its line; nil when there
// is none.
func (c *Upload) sinceLast(ctx context.Context, s *session, r sent) (*client.SetComparison, error) {
	var against client.SetComparison
	answer, err := s.api.Raw().CompareSets(ctx, &client.CompareSetsParams{Head: r.ref})
	if err := into(&against, answer, err); errors.Is(err, client.ErrNotFound) {
		counts := ""
		if c.FailOn == "new" {
			counts = ": any failure counts"
		}
		s.say("there is no earlier result to compare with%s", counts)
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return &against, nil
}
