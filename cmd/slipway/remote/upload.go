package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// Upload sends result files, and is the one line of a CI job.
type Upload struct {
	Flags
	OfProduct
	Files       []string `arg:"" name:"file" help:"Result files, folders or archives; - is standard input."`
	ToRun       string   `name:"run" placeholder:"ID" help:"The run they belong to, or latest. Default: a new run."`
	RunToken    string   `env:"SLIPWAY_RUN_TOKEN" placeholder:"TEXT" help:"The secret of a run that was made with one."`
	Cloud       string   `placeholder:"NAME" help:"The cloud of the new run, by its label or number. Runs of one cloud are compared with each other."`
	Name        string   `placeholder:"TEXT" help:"What the new run is called."`
	Strict      bool     `help:"Refuse damaged and unknown files: nothing of them is kept, and the run stays without a result."`
	Add         bool     `help:"Add the files to the run's current result instead of making another attempt."`
	Follow      bool     `help:"Wait for files that a runner writes yet, until it has closed them."`
	FailOn      string   `enum:"new,any,none" default:"none" help:"Exit with 1 for new failures, for any failure, or never for the tests' sake: new, any or none. A run with nothing to be compared with counts as any."`
	ExpectTests string   `placeholder:"previous|N" help:"Exit with 1 when fewer tests came than in the previous result, or than this number."`
	Failures    int      `default:"20" min:"0" help:"How many failures to print; 0: all."`
}

// Help is an example.
func (Upload) Help() string {
	return example(`slipway upload junit.xml --name "nightly" --fail-on new`)
}

// Run makes the run if need be, sends the files, and says what became of them.
func (c *Upload) Run(ctx context.Context, std *terminal.Streams) error {
	if _, err := c.expected(); err != nil {
		return err
	}
	if err := c.OfProduct.check(c); err != nil {
		return err
	}
	if c.ToRun != "" && (c.Cloud != "" || c.Name != "") {
		return terminal.Usage("--cloud and --name are for a new run; %s is there already", c.ToRun)
	}
	if c.Add && c.ToRun == "" {
		return terminal.Usage("--add needs --run: a new run has no result to add to")
	}
	return c.run(ctx, std, c.do)
}

// expected is the number of --expect-tests; -1 stands for previous.
func (c *Upload) expected() (int64, error) {
	switch c.ExpectTests {
	case "":
		return 0, nil
	case "previous":
		return -1, nil
	}
	n, err := strconv.ParseInt(c.ExpectTests, 10, 64)
	if err != nil || n < 1 {
		return 0, terminal.Usage("--expect-tests must be previous or a number above 0, not %q", c.ExpectTests)
	}
	return n, nil
}

func (c *Upload) do(ctx context.Context, s *session) error {
	sources, stop, err := c.sources(ctx, s)
	if err != nil {
		return err
	}
	defer stop()
	if c.toProduct() {
		return c.sendToProduct(ctx, s, sources)
	}
	begun := newBegun(s.server, c.Cloud, c.Name, sources)
	id, err := c.runOf(ctx, s, begun)
	if err != nil {
		return err
	}
	var saved *client.ResultSaved
	err = s.send(ctx, sources, func(files []client.File) error {
		saved, err = s.api.Upload(ctx, client.Upload{Run: id, RunToken: c.RunToken, Strict: c.Strict, Add: c.Add}, files...)
		return err
	})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return fmt.Errorf("the upload was interrupted; nothing of it counts. The same command again goes on with run %d, as does --run %d: %w", id, id, err)
		}
		if c.ToRun != "" && errors.Is(err, &client.Problem{Status: http.StatusBadRequest}) && s.noRun(ctx, id) {
			return terminal.NotFound("there is no run %d; slipway results lists them", id)
		}
		return fmt.Errorf("run %d: %w", id, err)
	}
	begun.forget()
	return errors.Join(c.report(ctx, s, saved), c.whole(s, sources))
}

// noRun reports whether there is no such run, which the upload itself calls a wrong
// parameter.
func (s *session) noRun(ctx context.Context, id int64) bool {
	answer, err := s.api.Raw().GetRun(ctx, id)
	if err == nil {
		answer.Body.Close()
	}
	return errors.Is(err, client.ErrNotFound)
}

// runOf is the run to send to: the one that was named, the one that an interrupted
// call made, or a new one.
func (c *Upload) runOf(ctx context.Context, s *session, begun *begun) (int64, error) {
	if c.ToRun != "" {
		return s.runID(ctx, c.ToRun)
	}
	if id := begun.run(); id != 0 {
		answer, err := s.api.Raw().GetRun(ctx, id)
		if err == nil {
			answer.Body.Close()
			s.say("going on with run %d, whose upload was interrupted", id)
			return id, nil
		}
		if !errors.Is(err, client.ErrNotFound) {
			return 0, err
		}
	}
	in := client.NewRun{}
	if c.Name != "" {
		in.Name = nullable.NewNullableWithValue(c.Name)
	}
	if c.RunToken != "" {
		in.RunToken = nullable.NewNullableWithValue(c.RunToken)
	}
	if c.Cloud != "" {
		cloud, err := s.cloudID(ctx, c.Cloud)
		if err != nil {
			return 0, err
		}
		in.CloudID = nullable.NewNullableWithValue(cloud)
	}
	var run client.Run
	key := uuid.NewString() // so that it is made again when the server is away, and once
	answer, err := s.api.Raw().CreateRun(ctx, &client.CreateRunParams{IdempotencyKey: &key}, in)
	if err := into(&run, answer, err); err != nil {
		return 0, err
	}
	begun.keep(run.TestID)
	return run.TestID, nil
}

// optionalCloud is the cloud that a filter names, 0 for none.
func (s *session) optionalCloud(ctx context.Context, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	return s.cloudID(ctx, text)
}

// cloudID finds a cloud by its label or number.
func (s *session) cloudID(ctx context.Context, text string) (int64, error) {
	if id, err := strconv.ParseInt(text, 10, 64); err == nil {
		return id, nil
	}
	clouds := func(label string) ([]string, []string, error) {
		items, _, err := s.read(listing{key: "clouds", limits: true, query: values("label", label),
			call: func(e ...client.RequestEditorFn) (*http.Response, error) {
				return s.api.Raw().ListClouds(ctx, nil, e...)
			}}, Limited{})
		var ids, labels []string
		for _, item := range items {
			if l := stringAt(item, "label"); label == "" || l == label {
				ids, labels = append(ids, stringAt(item, "id")), append(labels, l)
			}
		}
		return ids, labels, err
	}
	ids, _, err := clouds(text)
	switch {
	case err != nil:
		return 0, err
	case len(ids) == 1:
		return strconv.ParseInt(ids[0], 10, 64)
	case len(ids) > 1:
		return 0, terminal.Usage("%d clouds are called %q; name one by its number: %s", len(ids), text, strings.Join(ids, ", "))
	}
	_, labels, err := clouds("")
	if err != nil {
		return 0, err
	}
	return 0, terminal.NotFound("there is no cloud %q%s", text, terminal.DidYouMean(text, labels))
}

// send sends the files, and again when the server is away: the same bytes of a run or
// a test opportunity are no second result.
func (s *session) send(ctx context.Context, sources []source, post func([]client.File) error) error {
	pause := time.Second
	for attempt := 0; ; attempt++ {
		err := s.sendOnce(sources, post)
		if err == nil || attempt >= s.Retries || ctx.Err() != nil || terminal.Code(err) != terminal.ExitTrouble {
			return err
		}
		s.say("%s; sent again in %s", terminal.Plain(err.Error()), pause)
		if err := client.Wait(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, 30*time.Second)
	}
}

func (s *session) sendOnce(sources []source, post func([]client.File) error) error {
	total := int64(0)
	for _, src := range sources {
		total += src.size
	}
	progress := s.Progress("upload", total)
	defer progress.End()
	var files []client.File
	var ends []func() error
	for _, src := range sources {
		content, end := src.open()
		files, ends = append(files, client.File{Name: src.name, Content: progress.Reader(content)}), append(ends, end)
	}
	err := post(files)
	var unread error
	for _, end := range ends {
		unread = errors.Join(unread, end())
	}
	if err != nil && unread != nil { // it is not the server's trouble, and sent again it is the same
		return terminal.Usage("nothing was sent: %w", unread)
	}
	return err
}

// whole is an error when a file was written to while it was sent, so that a part of
// it may be all that the verdict saw.
func (c *Upload) whole(s *session, sources []source) error {
	for _, src := range sources {
		if src.kept != nil {
			continue
		}
		info, err := os.Stat(src.path)
		if err == nil && info.Size() == src.info.Size() && info.ModTime().Equal(src.info.ModTime()) {
			continue
		}
		changed := terminal.Failed("%s changed while it was sent, and what came may be a part of it; --follow waits until it is written", terminal.Plain(src.path))
		if c.FailOn != "none" || c.ExpectTests != "" {
			return changed
		}
		s.say("%s", changed)
	}
	return nil
}
