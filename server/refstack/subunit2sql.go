package refstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/download"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// processReturnCode is the test that runners make of a worker that died;
// subunit2sql passes over it (subunit2sql/shell.py).
const processReturnCode = "process-returncode"

// GetSubunit answers a stream with the numbers that subunit2sql would store.
func (h *Handler) GetSubunit(ctx context.Context, req refstackapi.GetSubunitRequestObject) (refstackapi.Response, error) {
	stream, err := h.readableStream(ctx, req.SubunitID)
	if err != nil {
		return nil, err
	}
	out := &subunitAnswer{h: h, ctx: ctx, stream: stream, base: call.From(ctx).Origin.URL("/v1/subunit/" + stream.ID.String() + "/attachments")}
	if err := out.chooseTests(); err != nil {
		return nil, err
	}
	wall := req.Params.RunTime != nil && *req.Params.RunTime == refstackapi.GetSubunitParamsRunTimeWall
	return out, out.sumUp(wall)
}

// readableStream is the result that was read from a stream that the caller may
// see.
func (h *Handler) readableStream(ctx context.Context, text string) (*resultstore.Result, error) {
	p, _, err := h.streamOf(ctx, text)
	if err != nil {
		return nil, err
	}
	id, err := uuid.Parse(p.StreamID)
	if err != nil {
		return nil, err
	}
	stream, err := h.store.Result(ctx, id)
	if err != nil {
		return nil, noStream(text, err)
	}
	return stream, nil
}

// GetSubunitAttachment sends what a runner attached to a test of a stream.
func (h *Handler) GetSubunitAttachment(ctx context.Context, req refstackapi.GetSubunitAttachmentRequestObject) (refstackapi.Response, error) {
	stream, err := h.readableStream(ctx, req.SubunitID)
	if err != nil {
		return nil, err
	}
	t, err := h.store.Test(ctx, stream, int64(req.TestRunID)-1) // see numberOf
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound("the stream has no test %d", req.TestRunID).Because(err)
	}
	if err != nil {
		return nil, err
	}
	file, err := download.Attachment(ctx, h.store, stream, t.N, t.Attachments, int(req.K))
	return download.Respond(ctx, file), err
}

// subunitAnswer reads the tests once for each list that it writes, and keeps
// none of them.
type subunitAnswer struct {
	h      *Handler
	ctx    context.Context // of the request, in which the answer is written
	stream *resultstore.Result
	base   string            // URL of the attachments
	counts map[nameSum]int64 // which test counts of those with one name
	head   refstackapi.SubunitRun
}

// chooseTests finds the last test of each name.
func (a *subunitAnswer) chooseTests() error {
	a.counts = map[nameSum]int64{}
	return a.h.eachTest(a.ctx, resultstore.TestFilter{Result: a.stream}, func(t *resultstore.Test) error {
		if t.Status != resultstore.TestExists && t.Name != processReturnCode {
			a.counts[sumOf(bareName(t.Name))] = t.N
		}
		return nil
	})
}

// eachCounted calls f with the tests that count.
func (a *subunitAnswer) eachCounted(f func(*resultstore.Test) error) error {
	return a.h.eachTest(a.ctx, resultstore.TestFilter{Result: a.stream}, func(t *resultstore.Test) error {
		if n, ok := a.counts[sumOf(bareName(t.Name))]; !ok || n != t.N {
			return nil
		}
		return f(t)
	})
}

// sumUp counts; wall says which time the run took.
func (a *subunitAnswer) sumUp(wall bool) error {
	a.head = refstackapi.SubunitRun{
		RunAt:     a.stream.CreatedAt.UTC().Format("2006-01-02 15:04:05.000000Z"),
		UUID:      a.stream.ID,
		Artifacts: nullable.NewNullNullable[string](),
	}
	var total time.Duration
	var clock wallClock
	err := a.eachCounted(func(t *resultstore.Test) error {
		switch {
		case t.Status == resultstore.TestSkip:
			a.head.Skips++
		case passed(t.Status):
			a.head.Passes++
		default: // one that never finished makes subunit2sql crash
			a.head.Fails++
		}
		total += duration(t)
		clock.add(t)
		return nil
	})
	if wall {
		total = clock.time()
	}
	a.head.RunTime = total.Seconds()
	return err
}

func passed(s resultstore.TestStatus) bool {
	return s == resultstore.TestSuccess || s == resultstore.TestXFail
}

// duration is 0 when the stream did not say both ends, or said nonsense.
func duration(t *resultstore.Test) time.Duration {
	if t.Start.IsZero() || t.Stop.Before(t.Start) {
		return 0
	}
	return t.Stop.Sub(t.Start)
}

// WriteResponse writes the answer.
func (a *subunitAnswer) WriteResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	out := newObject(w)
	out.member("subunit-data", a.head)
	out.list("tests", func(item func(any) error) error {
		return a.eachCounted(func(t *resultstore.Test) error { return item(subunitTest(t)) })
	})
	out.list("test_runs", func(item func(any) error) error {
		return a.eachCounted(func(t *resultstore.Test) error { return item(a.testRun(t)) })
	})
	out.list("attachments", func(item func(any) error) error {
		return a.eachCounted(func(t *resultstore.Test) error { return a.attachments(t, item) })
	})
	return out.end()
}

// numberOf is the number of a test in these lists.
func numberOf(t *resultstore.Test) int64 { return t.N + 1 }

// subunitTest counts as subunit2sql does: a skipped test did not run, and the
// time is that of successes.
func subunitTest(t *resultstore.Test) refstackapi.SubunitTest {
	out := refstackapi.SubunitTest{ID: numberOf(t), TestID: bareName(t.Name), RunTime: nullable.NewNullNullable[float64]()}
	switch {
	case t.Status == resultstore.TestSkip:
	case passed(t.Status):
		out.RunCount, out.Success = 1, 1
		out.RunTime.Set(duration(t).Seconds())
	default:
		out.RunCount, out.Failure = 1, 1
	}
	return out
}

func (a *subunitAnswer) testRun(t *resultstore.Test) refstackapi.SubunitTestRun {
	out := refstackapi.SubunitTestRun{TestID: numberOf(t), RunID: a.stream.RunID, Status: t.Status.String()}
	out.StartTime, out.StartTimeMicrosecond = splitTime(t.Start)
	out.StopTime, out.StopTimeMicrosecond = splitTime(t.Stop)
	if _, attrs := splitName(t.Name); attrs != "" {
		out.Metadata.Attrs = &attrs
	}
	if tags := strings.Join(t.Tags, ","); tags != "" {
		out.Metadata.Tags = &tags
	}
	return out
}

func splitTime(t time.Time) (nullable.Nullable[string], nullable.Nullable[int32]) {
	if t.IsZero() {
		return nullable.NewNullNullable[string](), nullable.NewNullNullable[int32]()
	}
	t = t.UTC()
	return nullable.NewNullableWithValue(t.Format(timeFormat)), nullable.NewNullableWithValue(int32(t.Nanosecond() / 1000))
}

func (a *subunitAnswer) attachments(t *resultstore.Test, item func(any) error) error {
	for k := range t.Attachments {
		label, _, _ := strings.Cut(t.Attachments[k].Name, ":")
		url := fmt.Sprintf("%s/%d/%d", a.base, numberOf(t), k)
		if err := item(refstackapi.SubunitAttachment{TestRunID: numberOf(t), Label: label, Attachment: url}); err != nil {
			return err
		}
	}
	return nil
}
