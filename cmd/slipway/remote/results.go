package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

var (
	runColumns    = columns("RUN test_id", "NAME name", "OUTCOME current_result.outcome", "FAIL current_result.counts.fail", "TESTS current_result.tests", "ATTEMPTS attempts", "CLOUD cloud_id", "FINISHED finished", "CREATED created_at")
	resultColumns = columns("RUN test_id", "ATTEMPT attempt", "RESULT result_id", "CURRENT current", "OUTCOME outcome", "COMPLETE complete", "FAIL counts.fail", "TESTS tests", "DAMAGE damage_count", "FORMAT format", "BYTES bytes", "CREATED created_at")
	testColumns   = columns("N n", "STATUS status", "TEST id", "START start", "STOP stop", "ATTACHMENTS attachments", "KNOWN known_issue.title")
	foundColumns  = columns("OUTCOME outcome", "STATUS status", "TEST name", "SOURCE source", "SET run", "CREATED created_on")
)

// Results lists runs, or the results of one.
type Results struct {
	Flags
	Limited
	Of       string `arg:"" optional:"" name:"run" help:"A run, for all its attempts; without one all runs, newest first."`
	Cloud    string `placeholder:"NAME" help:"Only runs of this cloud, by its label or number."`
	Outcome  string `help:"Only runs of this outcome: pass, fail, incomplete, skip, empty or error."`
	Finished string `enum:"yes,no," default:"" help:"Only runs that are finished, or not: yes or no."`
}

// Help is an example.
func (Results) Help() string { return example(`slipway results --outcome fail`) }

// Run prints them.
func (c *Results) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		defer s.sayPage("/runs")
		if c.Of != "" {
			if c.Cloud+c.Outcome+c.Finished != "" {
				return terminal.Usage("--cloud, --outcome and --finished choose among runs; of one run all results are listed")
			}
			id, err := s.runID(ctx, c.Of)
			if err != nil {
				return err
			}
			return s.list(listing{key: "results", limits: true, columns: resultColumns, time: "created_at", empty: "The run has no result: slipway upload --run " + c.Of + " FILE",
				call: func(e ...client.RequestEditorFn) (*http.Response, error) {
					return s.api.Raw().ListRunResults(ctx, id, nil, e...)
				}}, c.Limited)
		}
		cloud, err := s.optionalCloud(ctx, c.Cloud)
		if err != nil {
			return err
		}
		finished := map[string]string{"yes": "true", "no": "false"}[c.Finished]
		return s.list(listing{key: "runs", limits: true, columns: runColumns, time: "created_at", empty: "There is no run: slipway upload FILE makes one.",
			query: values("cloud_id", number(cloud), "outcome", c.Outcome, "finished", finished),
			call:  func(e ...client.RequestEditorFn) (*http.Response, error) { return s.api.Raw().ListRuns(ctx, nil, e...) }}, c.Limited)
	})
}

// runID reads a run's number; latest is the newest one.
func (s *session) runID(ctx context.Context, text string) (int64, error) {
	if text == "latest" {
		items, _, err := s.read(listing{key: "runs", limits: true,
			call: func(e ...client.RequestEditorFn) (*http.Response, error) { return s.api.Raw().ListRuns(ctx, nil, e...) }}, Limited{Limit: 1})
		if err != nil {
			return 0, err
		}
		if len(items) == 0 {
			return 0, terminal.NotFound("there is no run yet; slipway upload FILE makes one")
		}
		text = stringAt(items[0], "test_id")
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(text, "run:"), 10, 64)
	if err != nil || id < 1 {
		return 0, terminal.Usage("%q is no run: it must be a number or latest", text)
	}
	return id, nil
}

// OfResult names a run and one of its attempts.
type OfResult struct {
	Run     string `arg:"" help:"The run's number, or latest."`
	Attempt int64  `min:"0" default:"0" help:"Which attempt; 0: the current result."`
}

// result finds the result that is meant.
func (s *session) result(ctx context.Context, of OfResult) (int64, string, error) {
	id, err := s.runID(ctx, of.Run)
	if err != nil {
		return 0, "", err
	}
	if of.Attempt == 0 {
		var run client.Run
		answer, err := s.api.Raw().GetRun(ctx, id)
		if err := into(&run, answer, err); err != nil {
			return 0, "", err
		}
		current, err := run.CurrentResult.Get()
		if err != nil {
			return 0, "", terminal.NotFound("run %d has no result yet", id)
		}
		return id, current.ResultID, nil
	}
	items, _, err := s.read(listing{key: "results", limits: true,
		call: func(e ...client.RequestEditorFn) (*http.Response, error) {
			return s.api.Raw().ListRunResults(ctx, id, nil, e...)
		}}, Limited{})
	if err != nil {
		return 0, "", err
	}
	for _, item := range items {
		if stringAt(item, "attempt") == strconv.FormatInt(of.Attempt, 10) {
			return id, stringAt(item, "result_id"), nil
		}
	}
	return 0, "", terminal.NotFound("run %d has no attempt %d; it has %d", id, of.Attempt, len(items))
}

// Tests lists the single tests of a run, or searches those of everything.
type Tests struct {
	Flags
	Limited
	Of      string   `arg:"" optional:"" name:"run" help:"The run's number, or latest; without one single tests of all sources, newest first."`
	Attempt int64    `min:"0" default:"0" help:"Which attempt of the run; 0: the current result."`
	Status  string   `help:"Only tests of this status, such as fail."`
	Search  string   `short:"s" help:"Only tests whose name holds this text."`
	Name    string   `help:"Without a run: only tests of this name."`
	Outcome []string `help:"Without a run: only tests of these outcomes: pass, fail, error, skip or unknown."`
	Source  []string `help:"Without a run: only of these sources: run, case, boot or opportunity."`
}

// Help is an example.
func (Tests) Help() string { return example(`slipway tests latest --status fail`) }

// Run prints them.
func (c *Tests) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		if c.Of == "" {
			if c.Search != "" {
				return terminal.Usage("--search needs a run; --name NAME finds a test by its whole name")
			}
			if c.Attempt != 0 {
				return terminal.Usage("--attempt needs a run")
			}
			q := values("name", c.Name, "status", c.Status)
			q["outcome"], q["source"] = c.Outcome, c.Source
			return s.list(listing{key: "test_results", limits: true, columns: foundColumns, query: q, time: "created_on", empty: "No test is like that.",
				call: func(e ...client.RequestEditorFn) (*http.Response, error) {
					return s.api.Raw().SearchTestResults(ctx, nil, e...)
				}}, c.Limited)
		}
		if c.Name != "" || len(c.Outcome) > 0 || len(c.Source) > 0 || c.Since > 0 {
			return terminal.Usage("--name, --outcome, --source and --since are for a search without a run; of a run there are --status and --search")
		}
		id, result, err := s.result(ctx, OfResult{c.Of, c.Attempt})
		if err != nil {
			return err
		}
		defer s.sayPage(fmt.Sprintf("/runs/%d", id))
		return s.list(listing{key: "tests", limits: true, columns: columns("N n", "STATUS status", "TEST id", "START start", "STOP stop", "KNOWN_ISSUE known_issue.title"),
			query: values("status", c.Status, "q", c.Search), empty: "No test of the run is like that.",
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListTests(ctx, id, result, nil, e...)
			}}, c.Limited)
	})
}

// Test shows one test with its attachments.
type Test struct {
	Flags
	OfResult
	N int32 `arg:"" help:"The test's number, as slipway tests shows it."`
}

// Help is an example.
func (Test) Help() string { return example(`slipway test latest 1`) }

// Run prints it.
func (c *Test) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		id, result, err := s.result(ctx, c.OfResult)
		if err != nil {
			return err
		}
		answer, err := s.api.Raw().GetTest(ctx, id, result, c.N)
		var item json.RawMessage
		if err := into(&item, answer, err); err != nil {
			return err
		}
		if s.Format == terminal.Table && len(s.Out.Fields) == 0 {
			item = withAttachments(item)
		}
		return s.One(item, testColumns)
	})
}

// withAttachments says of a test's attachments what people ask: number, name, kind and size.
func withAttachments(item json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	var attachments []struct {
		K          int
		Name, Mime string
		Size       int64
	}
	if json.Unmarshal(item, &members) != nil || json.Unmarshal(members["attachments"], &attachments) != nil {
		return item
	}
	words := make([]string, len(attachments))
	for i, a := range attachments {
		words[i] = fmt.Sprintf("%d %s (%s, %s)", a.K, a.Name, a.Mime, terminal.Bytes(a.Size))
	}
	members["attachments"] = document(words)
	return document(members)
}

// Raw downloads the upload.
type Raw struct {
	Flags
	OfResult
	To string `short:"O" type:"path" placeholder:"FILE" help:"Where to write it. Default: standard output."`
}

// Help is an example.
func (Raw) Help() string { return example(`slipway raw latest -O /dev/null`) }

// Run writes the bytes as they were sent.
func (c *Raw) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		id, result, err := s.result(ctx, c.OfResult)
		if err != nil {
			return err
		}
		answer, err := s.api.Raw().GetRaw(ctx, id, result)
		return s.download(c.To, answer, err)
	})
}

// Attachment downloads a file of a test.
type Attachment struct {
	Flags
	OfResult
	N  int32  `arg:"" help:"The test's number, as slipway tests shows it."`
	K  int32  `arg:"" help:"The attachment's number, as slipway test shows it."`
	To string `short:"O" type:"path" placeholder:"FILE" help:"Where to write it. Default: standard output."`
}

// Help is an example.
func (Attachment) Help() string { return example(`slipway attachment latest 1 0`) }

// Run writes its bytes.
func (c *Attachment) Run(ctx context.Context, std *terminal.Streams) error {
	return c.run(ctx, std, func(ctx context.Context, s *session) error {
		id, result, err := s.result(ctx, c.OfResult)
		if err != nil {
			return err
		}
		answer, err := s.api.Raw().GetAttachment(ctx, id, result, c.N, c.K)
		return s.download(c.To, answer, err)
	})
}

// download writes an answer to a file, whole or not at all, or to standard output.
func (s *session) download(to string, answer *http.Response, err error) error {
	content, err := client.Download(answer, err)
	if err != nil {
		return err
	}
	defer content.Close()
	if to == "" {
		return copied(io.Copy(s.Streams.Out, content))
	}
	if info, err := os.Stat(to); err == nil && !info.Mode().IsRegular() { // such as a device
		f, err := os.OpenFile(to, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		return copied(io.Copy(f, content))
	}
	part, err := os.Create(to + ".part")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	n, err := io.Copy(part, content)
	if closed := part.Close(); err == nil {
		err = closed
	}
	if err := copied(n, err); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), to); err != nil {
		return err
	}
	s.say("%s: %s", to, terminal.Bytes(n))
	return nil
}

func copied(n int64, err error) error {
	if err != nil {
		return fmt.Errorf("after %s: %w", terminal.Bytes(n), err)
	}
	return nil
}
