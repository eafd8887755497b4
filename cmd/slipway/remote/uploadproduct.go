package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// OfProduct are the flags of an upload that is the result of a test opportunity, from
// a runner that asks for its work by itself. An agent run by slipway posts its results
// without this.
type OfProduct struct {
	Product     string `group:"Product" placeholder:"NAME" help:"Not a run: the product, by name or id, of whose test opportunity this is the result."`
	Opportunity string `group:"Product" placeholder:"ID|FILE" help:"That test opportunity: its id, or the file with the answer of the pick, which has the lease too. Default: the one that --agent holds."`
	Agent       string `group:"Product" placeholder:"ID" help:"The agent that holds it."`
	Lease       string `group:"Product" placeholder:"TEXT" help:"The token of the lease, as the pick answered it; with it --agent need not be named."`
	Status      string `group:"Product" placeholder:"WORD|N" help:"How the test ended: PASSED, FAILED, SKIPPED, ERROR or a word of the lab's own; or the exit code of the runner, such as $?: 0 PASSED, 1 FAILED, 2 SKIPPED, others ERROR."`
}

func (c *OfProduct) toProduct() bool { return c.Product != "" || c.Opportunity != "" }

// testStatus is what a status may be.
var testStatus = regexp.MustCompile(`^[A-Za-z0-9_]{1,32}$`)

// check refuses flags that do not go together.
func (c *OfProduct) check(u *Upload) error {
	switch {
	case !c.toProduct() && (c.Agent != "" || c.Lease != "" || c.Status != ""):
		return terminal.Usage("--agent, --lease and --status are for the result of a test opportunity: --product or --opportunity names it")
	case !c.toProduct():
		return nil
	case u.ToRun != "" || u.Cloud != "" || u.Name != "" || u.Add:
		return terminal.Usage("--run, --cloud, --name and --add are for runs; --product and --opportunity are for a test opportunity")
	case c.Opportunity == "" && c.Agent == "":
		return terminal.Usage("--product needs --opportunity, or --agent to take what that agent holds")
	case c.Status == "":
		return terminal.Usage("the result of a test opportunity needs --status: PASSED, FAILED, SKIPPED, ERROR, or the runner's exit code")
	case !testStatus.MatchString(c.Status):
		return terminal.Usage("--status must be 1 to 32 letters, digits or _, not %q", c.Status)
	}
	return nil
}

// status is the word that is posted.
func (c *OfProduct) status() string {
	switch word := strings.ToUpper(c.Status); {
	case word == "0":
		return statusPassed
	case word == "1":
		return statusFailed
	case word == "2":
		return statusSkipped
	case strings.Trim(word, "0123456789") == "":
		return statusError
	default:
		return word
	}
}

// SPI's words for how a test ended. The first two are no failure.
const (
	statusPassed  = "PASSED"
	statusSkipped = "SKIPPED"
	statusFailed  = "FAILED"
	statusError   = "ERROR"
)

// picked is what the result must name: of the answer of a pick, or of the server.
type picked struct {
	ID      string `json:"test_opportunity_id"`
	Product string `json:"product_id"`
	HeldBy  string `json:"held_by"`
	Lease   struct {
		Token string `json:"token"`
	} `json:"lease"`
}

// sendToProduct posts the result of a test opportunity with its files.
func (c *Upload) sendToProduct(ctx context.Context, s *session, sources []source) error {
	work, err := c.work(ctx, s)
	if err != nil {
		return err
	}
	in := client.NewTestResult{TestOpportunityID: work.ID, TestStatus: c.status()}
	if work.Lease.Token != "" {
		in.LeaseToken = nullable.NewNullableWithValue(work.Lease.Token)
	}
	if work.HeldBy != "" {
		in.AgentID = nullable.NewNullableWithValue(work.HeldBy)
	}
	var saved *client.TestResult
	err = s.send(ctx, sources, func(files []client.File) error {
		saved, err = s.api.UploadTestResult(ctx, client.TestResultUpload{Product: work.Product, Result: in, Strict: c.Strict}, files...)
		return err
	})
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("the upload was interrupted, and the test opportunity has no result yet; the same command again sends it: %w", err)
	}
	if err != nil {
		return fmt.Errorf("test opportunity %s: %w", work.ID, err)
	}
	return errors.Join(c.reportTo(ctx, s, saved), c.whole(s, sources))
}

// work finds the test opportunity and what shows that the caller holds it.
func (c *OfProduct) work(ctx context.Context, s *session) (*picked, error) {
	product := ""
	if c.Product != "" {
		var err error
		if product, err = s.productID(ctx, c.Product); errors.Is(err, client.ErrForbidden) {
			return nil, fmt.Errorf("this credential may not look for products by name; their id, or --opportunity alone, does without: %w", err)
		} else if err != nil {
			return nil, err
		}
	}
	work, err := c.named(ctx, s, product)
	if err != nil {
		return nil, err
	}
	if product != "" && work.Product != product {
		return nil, terminal.NotFound("product %s has no test opportunity %s; it belongs to product %s", c.Product, work.ID, work.Product)
	}
	if c.Lease != "" {
		work.Lease.Token = c.Lease
	}
	if work.HeldBy = c.Agent; work.Lease.Token == "" && c.Agent == "" {
		return nil, terminal.Usage("--agent or --lease must show who holds the test opportunity %s", work.ID)
	}
	return work, nil
}

func (c *OfProduct) named(ctx context.Context, s *session, product string) (*picked, error) {
	if id, err := uuid.Parse(c.Opportunity); err == nil {
		found, err := s.opportunities(ctx, values("test_opportunity_id", id.String()))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, terminal.NotFound("there is no test opportunity %s", id)
		}
		return &found[0], nil
	}
	if c.Opportunity != "" {
		return pickedIn(c.Opportunity)
	}
	q := values("agent_id", c.Agent)
	q["state"] = []string{"PICKED", "CANCELLING"}
	found, err := s.opportunities(ctx, q)
	if err != nil {
		return nil, err
	}
	var held []picked
	var ids []string
	for _, p := range found {
		if p.HeldBy == c.Agent && p.Product == product {
			held, ids = append(held, p), append(ids, p.ID)
		}
	}
	switch len(held) {
	case 0:
		return nil, terminal.NotFound("agent %s holds no test opportunity of product %s", c.Agent, c.Product)
	case 1:
		return &held[0], nil
	}
	return nil, terminal.Usage("agent %s holds %d test opportunities of product %s; --opportunity names one: %s", c.Agent, len(held), c.Product, strings.Join(ids, ", "))
}

// opportunities asks for those of all products, which needs no right to read products.
func (s *session) opportunities(ctx context.Context, q map[string][]string) ([]picked, error) {
	items, _, err := s.read(listing{key: "test_opportunities", limits: true, query: q,
		call: func(e ...client.RequestEditorFn) (*http.Response, error) {
			return s.api.Raw().ListAllOpportunities(ctx, nil, e...)
		}}, Limited{})
	if err != nil {
		return nil, err
	}
	list := make([]picked, len(items))
	for i, item := range items {
		if err := json.Unmarshal(item, &list[i]); err != nil {
			return nil, terminal.Trouble("the server's answer is not what the document says: %w", err)
		}
	}
	return list, nil
}

// pickedIn reads the answer of a pick from a file.
func pickedIn(name string) (*picked, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, terminal.Usage("--opportunity must be an id or a file that is there, not %q", name)
	}
	if err != nil {
		return nil, terminal.Usage("%w", err)
	}
	var p picked
	if err := json.Unmarshal(text, &p); err != nil || uuid.Validate(p.ID) != nil || uuid.Validate(p.Product) != nil {
		return nil, terminal.Usage("%s is no answer of a pick: it must be JSON with test_opportunity_id, product_id and lease", name)
	}
	return &p, nil
}

var testResultColumns = columns("OPPORTUNITY test_opportunity_id", "RESULT id", "STATUS test_status", "ATTEMPT attempt", "SPEC test_spec.name", "IMAGE image_unique_id", "OUTCOME file.outcome", "FAIL file.counts.fail", "TESTS file.tests", "DAMAGE file.damage_count", "CREATED created_at")

// reportTo prints what became of a result, and is an error when --fail-on or
// --expect-tests say so.
func (c *Upload) reportTo(ctx context.Context, s *session, saved *client.TestResult) error {
	sent := sentOf(saved)
	verdict, err := c.verdict(ctx, s, sent)
	if err != nil {
		return fmt.Errorf("the result of test opportunity %s is kept, but could not be judged: %w", saved.TestOpportunityID, err)
	}
	s.pageAddress("/opportunities/" + saved.TestOpportunityID)
	if s.Format != terminal.Table || len(s.Out.Fields) > 0 {
		return errors.Join(s.One(document(saved), testResultColumns), verdict)
	}
	text := fmt.Sprintf("test opportunity %s, attempt %d: %s — %s on %s", saved.TestOpportunityID, saved.Attempt, saved.TestStatus, terminal.Plain(saved.TestSpec.Name), terminal.Plain(saved.ImageUniqueID))
	if f, err := saved.File.Get(); err == nil {
		text += fmt.Sprintf("; its file: %s, %s", f.Outcome, counted(f.Tests, f.Counts))
		if f.DamageCount > 0 {
			text += fmt.Sprintf(", %d damaged places", f.DamageCount)
		}
	}
	s.Line("%s", text)
	if err := c.failures(sent, func(e ...client.RequestEditorFn) (*http.Response, error) {
		return s.api.Raw().ListResultTests(ctx, saved.ProductID, saved.ID, nil, e...)
	}, s); err != nil {
		return err
	}
	if !s.Out.Quiet {
		fmt.Fprintln(s.Streams.Out, s.page)
	}
	return verdict
}

// sentOf judges a result by the worse of what its sender and its file say. A word of
// the lab's own, such as PASS or FAIL, is none of the words for outcomes.
func sentOf(saved *client.TestResult) sent {
	r := sent{ref: "opportunity:" + saved.TestOpportunityID, outcome: saved.TestStatus, complete: true}
	switch saved.TestStatus {
	case statusFailed, statusError:
		r.outcome = strings.ToLower(saved.TestStatus)
	}
	ok := saved.TestStatus == statusPassed || saved.TestStatus == statusSkipped
	f, err := saved.File.Get()
	if err != nil {
		if ok {
			r.outcome = "pass"
		}
		return r
	}
	r.tests, r.counts, r.damage, r.complete = f.Tests, f.Counts, f.DamageCount, f.Complete
	if ok || saved.TestStatus == statusFailed && f.Outcome == "fail" {
		r.outcome = string(f.Outcome)
	}
	return r
}
