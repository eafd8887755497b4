package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// ListRunResults answers the attempts of a run that the caller may see, the
// newest first.
func (h *Handler) ListRunResults(ctx context.Context, req resultsapi.ListRunResultsRequestObject) (resultsapi.Response, error) {
	run, err := h.run(ctx, req.TestID)
	if err != nil {
		return nil, err
	}
	page := asked(req.Params.Page, req.Params.Limit, req.Params.After)
	who := auth.From(ctx).Viewer()
	list, err := h.store.ListResults(ctx, resultstore.ResultFilter{RunID: req.TestID, SeenBy: &who, Page: page})
	if err != nil {
		return nil, fault.Cursor(err)
	}
	body := resultsapi.RunResultList{Results: []resultsapi.RunResult{}}
	for i := range list.Items {
		r, err := resultToAPI(&list.Items[i], list.Items[i].ID == run.CurrentResult)
		if err != nil {
			return nil, err
		}
		body.Results = append(body.Results, r)
	}
	p, link := pagination(ctx, runPath(req.TestID)+"/results", page, &list)
	body.Pagination = p
	return call.OK(body).Linked(link).Paged(ctx, list.Next), nil
}

// GetRunResult answers what one upload said as a whole.
func (h *Handler) GetRunResult(ctx context.Context, req resultsapi.GetRunResultRequestObject) (resultsapi.Response, error) {
	r, err := h.result(ctx, req.TestID, req.ResultID)
	if err != nil {
		return nil, err
	}
	current, err := h.isCurrent(ctx, r)
	if err != nil {
		return nil, err
	}
	body, err := h.wholeResult(ctx, r, current)
	return call.OK(body), err
}

// result finds a result of a run by its id, or the newest one as "current".
func (h *Handler) result(ctx context.Context, testID int64, id string) (*resultstore.Result, error) {
	if !auth.From(ctx).SeesAll() {
		if _, err := h.run(ctx, testID); err != nil {
			return nil, err
		}
	}
	r, err := h.resultByID(ctx, testID, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && r.RunID != testID {
		return nil, fault.NotFound("run %d has no such result", testID).Because(err)
	}
	if err != nil {
		return nil, err
	}
	return r, mayRead(ctx, r)
}

// mayRead keeps what somebody uploaded through RefStack's later API, signed and
// not shared, from others on this side as well.
func mayRead(ctx context.Context, r *resultstore.Result) error {
	if !auth.From(ctx).Viewer().SeesPrivate(r.Tenant, r.PrivateTo) {
		return fault.Forbidden("the result is private")
	}
	return nil
}

func (h *Handler) resultByID(ctx context.Context, testID int64, id string) (*resultstore.Result, error) {
	if id == "current" {
		return h.store.CurrentResult(ctx, testID)
	}
	if attempt, err := strconv.ParseInt(id, 10, 32); err == nil {
		return h.store.ResultByAttempt(ctx, testID, attempt)
	}
	u, err := uuid.Parse(id)
	if err != nil {
		return nil, fault.InvalidField("path", "result_id", "must be current, the number of an attempt or a UUID").Because(err)
	}
	return h.store.Result(ctx, u)
}

func (h *Handler) isCurrent(ctx context.Context, r *resultstore.Result) (bool, error) {
	current, err := h.store.CurrentResult(ctx, r.RunID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return current.ID == r.ID, nil
}

func runPath(testID int64) string { return fmt.Sprintf("/v1/runs/%d", testID) }

func resultPath(r *resultstore.Result) string { return runPath(r.RunID) + "/results/" + r.ID.String() }

func resultToAPI(r *resultstore.Result, current bool) (resultsapi.RunResult, error) {
	out := resultsapi.RunResult{
		TestID:      r.RunID,
		ResultID:    r.ID,
		Attempt:     int32(r.Attempt),
		Current:     current,
		Format:      r.Format,
		Compressed:  r.Gzip,
		Sha256:      r.SHA256,
		Bytes:       r.Bytes,
		Outcome:     resultsapi.Outcome(r.Outcome),
		Complete:    r.Complete,
		Scope:       resultsapi.RunResultScope(r.Scope),
		Counts:      countsToAPI(r.Counts),
		Tests:       r.Tests,
		Records:     r.Records,
		Damage:      []resultsapi.Damage{},
		DamageCount: r.DamageCount,
		NoiseBytes:  r.NoiseBytes,
		Warnings:    []string{},
		CreatedAt:   r.CreatedAt,
	}
	for _, word := range r.Expired.Words() {
		out.Expired = append(out.Expired, resultsapi.RunResultExpired(word))
	}
	if err := decode(r.Damage, &out.Damage); err != nil {
		return out, fmt.Errorf("damage of result %s: %w", r.ID, err)
	}
	if err := decode(r.Warnings, &out.Warnings); err != nil {
		return out, fmt.Errorf("warnings of result %s: %w", r.ID, err)
	}
	return out, nil
}

// decode leaves the list as it is when nothing, or null, is stored.
func decode[T any](text store.JSON, into *[]T) error {
	if len(text) == 0 || string(text) == "null" {
		return nil
	}
	return json.Unmarshal(text, into)
}

func countsToAPI(c resultstore.Counts) resultsapi.TestCounts {
	return resultsapi.TestCounts{
		Success: c.Success, Xfail: c.XFail, Skip: c.Skip, Fail: c.Fail, Uxsuccess: c.UXSuccess,
		Inprogress: c.InProgress, Unknown: c.Unknown, Exists: c.Exists,
	}
}

// ListTests answers the single tests of a result.
func (h *Handler) ListTests(ctx context.Context, req resultsapi.ListTestsRequestObject) (resultsapi.Response, error) {
	r, err := h.result(ctx, req.TestID, req.ResultID)
	if err != nil {
		return nil, err
	}
	page := asked(req.Params.Page, req.Params.Limit, req.Params.After)
	filter := resultstore.TestFilter{Result: r, Q: deref(req.Params.Q), Page: page}
	if req.Params.Status != nil {
		status, _ := resultstore.ParseTestStatus(string(*req.Params.Status)) // the document has checked it
		filter.Status = &status
	}
	for _, outcome := range req.Params.Outcome {
		filter.Statuses = append(filter.Statuses, statusesOf[outcome]...)
	}
	filter.Longest = req.Params.Sort != nil && *req.Params.Sort == resultsapi.ListTestsParamsSortDuration
	filter.Worst = req.Params.Sort != nil && *req.Params.Sort == resultsapi.ListTestsParamsSortOutcome
	list, err := h.store.ListTests(ctx, filter)
	if err != nil {
		return nil, fault.Cursor(err)
	}
	names, err := h.store.FileNames(ctx, r, list.Items)
	if err != nil {
		return nil, err
	}
	body := resultsapi.TestList{Tests: []resultsapi.Test{}}
	for i := range list.Items {
		t := &list.Items[i]
		body.Tests = append(body.Tests, testToAPI(t, names[t.File]))
	}
	if err := h.addIssues(ctx, r, body.Tests); err != nil {
		return nil, err
	}
	if err := h.addMessages(ctx, r, list.Items, body.Tests); err != nil {
		return nil, err
	}
	if n := req.Params.History; n != nil && *n > 0 {
		if err := h.addStrips(ctx, r, body.Tests, int(*n)); err != nil {
			return nil, err
		}
	}
	p, link := pagination(ctx, resultPath(r)+"/tests", page, &list)
	body.Pagination = p
	return call.OK(body).Linked(link).Paged(ctx, list.Next), nil
}

// statusesOf are the statuses of tests by the outcomes that they come to.
var statusesOf = map[resultsapi.SetOutcome][]resultstore.TestStatus{
	resultsapi.SetOutcomePass:    {resultstore.TestSuccess, resultstore.TestXFail},
	resultsapi.SetOutcomeFail:    {resultstore.TestFail, resultstore.TestUXSuccess},
	resultsapi.SetOutcomeError:   {resultstore.TestInProgress, resultstore.TestUnknown},
	resultsapi.SetOutcomeSkip:    {resultstore.TestSkip},
	resultsapi.SetOutcomeUnknown: {resultstore.TestExists},
}

// GetTest answers one test of a result.
func (h *Handler) GetTest(ctx context.Context, req resultsapi.GetTestRequestObject) (resultsapi.Response, error) {
	r, t, err := h.test(ctx, req.TestID, req.ResultID, req.N)
	if err != nil {
		return nil, err
	}
	names, err := h.store.FileNames(ctx, r, []resultstore.Test{*t})
	if err != nil {
		return nil, err
	}
	body := []resultsapi.Test{testToAPI(t, names[t.File])}
	return call.OK(&body[0]), h.addIssues(ctx, r, body)
}

func (h *Handler) test(ctx context.Context, testID int64, resultID string, n int32) (*resultstore.Result, *resultstore.Test, error) {
	r, err := h.result(ctx, testID, resultID)
	if err != nil {
		return nil, nil, err
	}
	t, err := h.store.Test(ctx, r, int64(n))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, fault.NotFound("the result has no test %d", n).Because(err)
	}
	return r, t, err
}

func testToAPI(t *resultstore.Test, file string) resultsapi.Test {
	out := resultsapi.Test{
		N:           int32(t.N),
		ID:          t.Name,
		Status:      resultsapi.TestStatus(t.Status.String()),
		Start:       timeOrNull(&t.Start),
		Stop:        timeOrNull(&t.Stop),
		Duration:    secondsOrNull(t.Length, t.Start, t.Stop),
		Suite:       textOrNull(t.Suite),
		File:        textOrNull(file),
		FileN:       int32(t.File),
		Tags:        append([]string{}, t.AllTags()...),
		Properties:  []resultsapi.Property{},
		Flaky:       t.Flaky,
		Attachments: []resultsapi.Attachment{},
		Records:     int32(t.Records),
	}
	for _, p := range t.Properties {
		out.Properties = append(out.Properties, resultsapi.Property(p))
	}
	for _, r := range t.AllRecords() {
		out.RecordList = append(out.RecordList, resultsapi.TestRecord{
			Record: int32(r.Record), Status: resultsapi.TestStatus(r.Status.String()),
			Start: timeOrNull(&r.Start), Stop: timeOrNull(&r.Stop),
			Duration: secondsOrNull(r.Length, r.Start, r.Stop), Tags: append([]string{}, r.Tags...),
		})
	}
	for _, r := range t.ByAttachment() {
		for i := range r.Attachments {
			a := &r.Attachments[i]
			item := resultsapi.Attachment{K: int32(len(out.Attachments)), Name: a.Name, Mime: a.MIME, Size: a.Size, Record: int32(r.Record)}
			if a.Kept() < a.Size {
				yes := true
				item.Truncated = &yes
			}
			out.Attachments = append(out.Attachments, item)
		}
	}
	return out
}

func secondsOrNull(l resultstore.Length, start, stop time.Time) nullable.Nullable[float64] {
	took, ok := resultstore.Took(l, start, stop)
	if !ok {
		return nullable.NewNullNullable[float64]()
	}
	return nullable.NewNullableWithValue(took.Seconds())
}
