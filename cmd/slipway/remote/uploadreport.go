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

// report prints what became of an upload, and is an error when --fail-on or
// --expect-tests say so.
func (c *Upload) report(ctx context.Context, s *session, saved *client.ResultSaved) error {
	verdict, err := c.verdict(ctx, s, saved)
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
	counts := saved.Counts
	fmt.Fprintf(s.Streams.Out, "run %d, attempt %d: %s — %d tests: %d passed, %d failed, %d skipped",
		saved.TestID, saved.Attempt, saved.Outcome, saved.Tests, counts.Success+counts.Xfail, counts.Fail+counts.Uxsuccess, counts.Skip)
	if other := counts.Inprogress + counts.Unknown + counts.Exists; other > 0 {
		fmt.Fprintf(s.Streams.Out, ", %d without an end", other)
	}
	fmt.Fprintln(s.Streams.Out)
	for i, d := range saved.Damage {
		const shown = 5
		if i == shown {
			fmt.Fprintf(s.Streams.Out, "damage: %d more\n", saved.DamageCount-shown)
			break
		}
		fmt.Fprintf(s.Streams.Out, "damage at byte %d: %s (%s)\n", d.Offset, terminal.Plain(d.Reason), d.Kind)
	}
	for _, w := range saved.Warnings {
		fmt.Fprintf(s.Streams.Out, "warning: %s\n", terminal.Plain(w))
	}
	if err := c.failures(ctx, s, saved); err != nil {
		return err
	}
	if !s.Out.Quiet {
		fmt.Fprintln(s.Streams.Out, s.page)
	}
	return verdict
}

// failures prints the tests that failed or never ended, worst first.
func (c *Upload) failures(ctx context.Context, s *session, saved *client.ResultSaved) error {
	left := c.Failures
	for _, kind := range []struct {
		status string
		count  int64
	}{
		{"fail", saved.Counts.Fail}, {"uxsuccess", saved.Counts.Uxsuccess}, {"inprogress", saved.Counts.Inprogress}, {"unknown", saved.Counts.Unknown},
	} {
		if kind.count == 0 {
			continue
		}
		if c.Failures > 0 && left == 0 {
			fmt.Fprintf(s.Streams.Out, "  … %d more %s: slipway tests %d --status %s\n", kind.count, kind.status, saved.TestID, kind.status)
			continue
		}
		items, more, err := s.read(listing{key: "tests", limits: true, query: values("status", kind.status),
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListTests(ctx, saved.TestID, saved.ResultID, nil, e...)
			}}, Limited{Limit: left})
		if err != nil {
			return err
		}
		for _, item := range items {
			known := ""
			if title := stringAt(item, "known_issue.title"); title != "" {
				known = "  (known: " + terminal.Plain(title) + ")"
			}
			fmt.Fprintf(s.Streams.Out, "  %s  %s%s\n", kind.status, terminal.Plain(stringAt(item, "id")), known)
		}
		if c.Failures > 0 {
			left -= len(items)
		}
		if more {
			fmt.Fprintf(s.Streams.Out, "  … %d more: slipway tests %d --status %s\n", kind.count-int64(len(items)), saved.TestID, kind.status)
		}
	}
	return nil
}

// verdict is the error that decides the exit status, nil when all is well.
func (c *Upload) verdict(ctx context.Context, s *session, saved *client.ResultSaved) (verdict, err error) {
	expected, err := c.expected()
	if err != nil {
		return nil, err
	}
	if c.FailOn == "none" && expected == 0 {
		return nil, nil
	}
	var against *client.SetComparison
	if c.FailOn == "new" || expected < 0 {
		if against, err = s.sinceLast(ctx, saved); err != nil {
			return nil, err
		}
	}
	if expected < 0 && against != nil {
		expected = against.Base.Tests
	}
	if expected > 0 && saved.Tests < expected {
		return terminal.Failed("only %d tests came, %d were expected", saved.Tests, expected), nil
	}
	switch {
	case c.FailOn == "any", c.FailOn == "new" && against == nil:
		return anyFailure(saved), nil
	case c.FailOn == "new":
		return newFailure(saved, against), nil
	}
	return nil, nil
}

// anyFailure judges a result by itself. A doubt is no pass.
func anyFailure(saved *client.ResultSaved) error {
	if saved.DamageCount > 0 || !saved.Complete {
		return terminal.Failed("the result is damaged or incomplete (%s)", saved.Outcome)
	}
	if saved.Outcome != "pass" && saved.Outcome != "skip" {
		return terminal.Failed("the outcome is %s: %d of %d tests failed", saved.Outcome, saved.Counts.Fail+saved.Counts.Uxsuccess, saved.Tests)
	}
	return nil
}

// newFailure judges a result against the one before. What no comparison can excuse
// fails in any case.
func newFailure(saved *client.ResultSaved, against *client.SetComparison) error {
	if saved.Outcome != "fail" || saved.DamageCount > 0 || !saved.Complete {
		if err := anyFailure(saved); err != nil {
			return err
		}
	}
	n := against.Counts
	if n.NewFailure+n.NewFailing+n.Error > 0 {
		return terminal.Failed("compared with %s: %d new failures, %d new tests that fail, %d errors; slipway compare %s run:%d shows them",
			against.Base.Ref, n.NewFailure, n.NewFailing, n.Error, against.Base.Ref, saved.TestID)
	}
	return nil
}

// sinceLast compares a result with the one before it in its line; nil when there
// is none.
func (s *session) sinceLast(ctx context.Context, saved *client.ResultSaved) (*client.SetComparison, error) {
	var c client.SetComparison
	head := "run:" + strconv.FormatInt(saved.TestID, 10) + "/" + strconv.Itoa(int(saved.Attempt))
	answer, err := s.api.Raw().CompareSets(ctx, &client.CompareSetsParams{Head: head})
	if err := into(&c, answer, err); errors.Is(err, client.ErrNotFound) {
		s.say("there is no earlier result to compare with: any failure counts")
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return &c, nil
}
