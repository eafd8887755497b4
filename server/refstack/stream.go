package refstack

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/upload"
	"github.com/slipway-lab/slipway/store"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// streamFields are the names of the file: the specification spells it in two
// ways, and the first API had one of its own.
var streamFields = []string{"subunit_data", "subunit data", "file"}

// CreateSubunit takes a stream, and makes the result of its passes.
func (h *Handler) CreateSubunit(ctx context.Context, _ refstackapi.CreateSubunitRequestObject) (refstackapi.Response, error) {
	who, err := h.caller(ctx)
	if err != nil {
		return nil, err
	}
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return nil, errors.New("upload: the body was not put aside")
	}
	proven, err := h.refuseEarly(ctx, who, raw)
	if err != nil {
		return nil, err
	}
	stranger, err := h.stranger(ctx, who)
	if err != nil {
		return nil, err
	}
	request := ctx
	ctx, done, err := h.intake.Admit(ctx, raw, stranger && !proven)
	if err != nil {
		return nil, err
	}
	p, err := h.takeSubunit(ctx, who)
	done(err == nil)
	if err != nil {
		return nil, err
	}
	streamID, err := uuid.Parse(p.StreamID)
	if err != nil {
		return nil, err
	}
	return h.tell(request, p.ID, call.Created("/v1/subunit/"+p.StreamID, refstackapi.SubunitCreated{SubunitUUID: streamID, ResultID: p.ID})), nil
}

// takeSubunit stores a stream, reads it and publishes it with its passes.
func (h *Handler) takeSubunit(ctx context.Context, who caller) (*refstackstore.Published, error) {
	file, form, owner, err := h.receiveStream(ctx, who)
	if err != nil {
		return nil, err
	}
	cpid, err := form.Values.Optional("cpid")
	if err != nil {
		return nil, intake.Fault(err)
	}
	stream := newResult(ctx, owner.tenant, file)
	if stream.RunID, err = h.runOf(ctx, form.Values, who, owner); err != nil {
		return nil, err
	}
	return h.publishStream(ctx, stream, file, &refstackstore.Published{CPID: cpid, Owner: owner.name})
}

// receiveStream stores the file and says whose upload it is.
func (h *Handler) receiveStream(ctx context.Context, who caller) (intake.File, *upload.Form, keyOwner, error) {
	sum := sha256.New()
	req, err := signedRequest(ctx, sum)
	if err != nil {
		return intake.File{}, nil, keyOwner{}, err
	}
	options := upload.Options{Known: []string{"test_id", "run_token", "cpid"}, FileFields: streamFields, RawBody: true}
	file, form, err := h.intake.Receive(ctx, req, options)
	if err != nil {
		return file, nil, keyOwner{}, err
	}
	key, err := signatureOf(ctx, sum.Sum(nil))
	if err != nil {
		return file, nil, keyOwner{}, err
	}
	owner, err := h.uploader(ctx, who, key)
	return file, form, owner, err
}

// runOf returns the run that an upload names, 0 when it names none, and checks
// the secret of the run. What an owner has signed goes to a run of his tenant; whoever
// is logged in, or has signed, needs the right to change the run.
func (h *Handler) runOf(ctx context.Context, values upload.Values, who caller, owner keyOwner) (int64, error) {
	id, ok, err := values.ID("test_id")
	if err != nil {
		return 0, intake.Fault(err)
	}
	if !ok {
		return 0, nil
	}
	scope := who.reports()
	if owner.name != "" {
		scope = store.Scope{Tenant: owner.tenant}
	}
	run, err := h.reportable(ctx, scope, id, who.known || owner.name != "")
	if errors.Is(err, store.ErrNotFound) {
		return 0, fault.NotFound("run %d does not exist", id).Because(err)
	}
	if err != nil {
		return 0, err
	}
	given, err := values.Optional("run_token")
	if err != nil {
		return 0, intake.Fault(err)
	}
	return id, auth.CheckRun(ctx, h.config.Pepper, run, given)
}

// reports are the runs to which the caller may report, as far as their tenant says.
// Whoever is not logged in may name that of any tenant, and is then asked for its
// secret.
func (c caller) reports() store.Scope {
	if c.known {
		return c.scope
	}
	return store.Everything
}

// reportable is a run to which the caller might report. Who is known, by a web token or
// a signature too, needs no more than the scope to report to a tenant's run.
func (h *Handler) reportable(ctx context.Context, scope store.Scope, id int64, known bool) (auth.Run, error) {
	run, err := h.store.Run(ctx, scope, id)
	if err == nil {
		err = scope.Check(run.Tenant)
	}
	if err != nil {
		return auth.Run{}, err
	}
	out := auth.Run{ID: id, Tenant: run.Tenant, Secret: run.TokenHash}
	if known {
		out.Tenant = ""
	}
	return out, nil
}

// refuseEarly refuses an upload whose address names a run that the caller may not
// report to, before its body is read. What it cannot tell yet, runOf will. It reports
// whether the secret of the run was shown.
func (h *Handler) refuseEarly(ctx context.Context, who caller, raw *upload.Raw) (proven bool, err error) {
	id, given, named := intake.AddressedRun(ctx, raw, nil)
	if !named {
		return false, nil
	}
	header := call.From(ctx).Header // of a signature, which is checked when the body is read
	signed := header.Get("X-Signature") != "" || header.Get("X-Public-Key") != ""
	run, err := h.reportable(ctx, who.reports(), id, who.known || signed)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return auth.CheckRunFirst(ctx, h.config.Pepper, run, given, raw.ContentType)
}

// publishStream reads the stream, makes the list of its passes, and publishes
// both.
func (h *Handler) publishStream(ctx context.Context, stream *resultstore.Result, file intake.File, p *refstackstore.Published) (published *refstackstore.Published, err error) {
	err = h.takeStream(ctx, stream, file, func() error {
		published, err = h.publishPasses(ctx, stream, p)
		return err
	})
	return published, err
}

// publishPasses makes the list of what passed in the stream, and publishes it
// together with the stream.
func (h *Handler) publishPasses(ctx context.Context, stream *resultstore.Result, p *refstackstore.Published) (published *refstackstore.Published, err error) {
	if stream.Counts.Success == 0 {
		return nil, refused(textNoPass)
	}
	if p.DurationSeconds, err = h.wallTime(ctx, stream); err != nil {
		return nil, err
	}
	file, err := h.intake.Keep(ctx, func(w io.Writer) error { return h.writePasses(ctx, w, stream, p) })
	if err != nil {
		return nil, err
	}
	passes := newResult(ctx, stream.Tenant, file)
	passes.RunID = stream.RunID
	list := &passList{cpid: p.CPID, duration: p.DurationSeconds, items: stream.Counts.Success}
	err = h.takeList(ctx, passes, file, list, func() error {
		published, err = h.store.Publish(ctx, p, passes, stream)
		if errors.Is(err, store.ErrConflict) {
			err = otherStream(err)
		}
		return err
	})
	return published, err
}

func otherStream(cause error) error {
	if errors.Is(cause, refstackstore.ErrPublic) {
		return refused("The run has this file already, and everybody may see it").Because(cause)
	}
	return refused("The test result has other subunit data").Because(cause)
}

// takeStream reads a file that must be subunit into the rows of its result, and
// publishes it.
func (h *Handler) takeStream(ctx context.Context, stream *resultstore.Result, file intake.File, publish func() error) error {
	err := h.intake.Take(ctx, stream, intake.Post{Files: []intake.File{file}}, func(*report.Report) (bool, error) {
		if !strings.HasPrefix(stream.Format, "subunit-") {
			return false, refused(textMalformed, fault.Entry{Parameter: "subunit_data", In: "body", Message: "must be a subunit stream, version 1 or 2; this is " + stream.Format})
		}
		return true, publish()
	})
	if errors.Is(err, store.ErrReference) {
		return fault.NotFound("run %d does not exist", stream.RunID).Because(err)
	}
	return err
}

// wallTime is how many seconds lie between the first start and the last stop.
func (h *Handler) wallTime(ctx context.Context, stream *resultstore.Result) (int64, error) {
	var wall wallClock
	err := h.eachTest(ctx, resultstore.TestFilter{Result: stream}, func(t *resultstore.Test) error {
		wall.add(t)
		return nil
	})
	return int64(wall.time() / time.Second), err
}

// wallClock finds the first start and the last stop of tests.
type wallClock struct{ first, last time.Time }

func (w *wallClock) add(t *resultstore.Test) {
	if !t.Start.IsZero() && (w.first.IsZero() || t.Start.Before(w.first)) {
		w.first = t.Start
	}
	if t.Stop.After(w.last) {
		w.last = t.Stop
	}
}

// time is what lies between them; 0 when the tests did not say.
func (w *wallClock) time() time.Duration {
	if w.first.IsZero() || w.last.Before(w.first) {
		return 0
	}
	return w.last.Sub(w.first)
}

// writePasses writes what refstack-client would have uploaded of the stream.
func (h *Handler) writePasses(ctx context.Context, w io.Writer, stream *resultstore.Result, p *refstackstore.Published) error {
	o := &object{enc: jsontext.NewEncoder(w, jsontext.AllowInvalidUTF8(true))}
	o.token(jsontext.BeginObject)
	o.member("cpid", p.CPID)
	o.member("duration_seconds", p.DurationSeconds)
	o.list("results", func(item func(any) error) error {
		return h.eachPass(ctx, stream, func(id string) error { return item(passedTest{bareName(id), idempotentUUID(id)}) })
	})
	return o.end()
}

type passedTest struct {
	Name string `json:"name"`
	UUID string `json:"uuid,omitempty"`
}

// LinkSubunit takes the stream that a result was made from.
func (h *Handler) LinkSubunit(ctx context.Context, req refstackapi.LinkSubunitRequestObject) (refstackapi.Response, error) {
	p, who, err := h.see(ctx, req.SubunitID)
	if err != nil {
		return nil, err
	}
	if h.config.RequireToken && !who.known {
		return nil, noCredential()
	}
	if err := who.scope.Check(p.Tenant); err != nil {
		return nil, err
	}
	raw, ok := upload.FromContext(ctx)
	if !ok {
		return nil, errors.New("upload: the body was not put aside")
	}
	ctx, done, err := h.intake.Admit(ctx, raw, !who.known)
	if err != nil {
		return nil, err
	}
	linked, err := h.takeLinked(ctx, raw, p)
	done(err == nil)
	if err != nil {
		return nil, noResult(req.SubunitID, err)
	}
	streamID, err := uuid.Parse(linked.StreamID)
	return call.OK(refstackapi.SubunitLinked{UUID: streamID, ID: linked.ID}), err
}

// takeLinked stores a stream, reads it and links it.
func (h *Handler) takeLinked(ctx context.Context, raw *upload.Raw, p *refstackstore.Published) (*refstackstore.Published, error) {
	file, _, err := h.intake.Receive(ctx, raw.Request(nil), upload.Options{FileFields: streamFields, RawBody: true})
	if err != nil {
		return nil, err
	}
	stream := newResult(ctx, p.Tenant, file)
	stream.RunID = p.RunID
	return h.link(ctx, p, stream, file)
}

func (h *Handler) link(ctx context.Context, p *refstackstore.Published, stream *resultstore.Result, file intake.File) (linked *refstackstore.Published, err error) {
	err = h.takeStream(ctx, stream, file, func() error {
		if err := h.samePasses(ctx, p, stream); err != nil {
			return err
		}
		linked, err = h.store.LinkStream(ctx, p.ID, stream)
		if errors.Is(err, store.ErrConflict) {
			err = otherStream(err)
		}
		return err
	})
	return linked, err
}

// samePasses returns a 400 unless the tests that passed in the stream are those
// of the result.
func (h *Handler) samePasses(ctx context.Context, p *refstackstore.Published, stream *resultstore.Result) error {
	passes, err := h.store.Result(ctx, p.ID)
	if err != nil {
		return err
	}
	open := map[nameSum]bool{} // of the result, until the stream has it
	err = h.eachPass(ctx, passes, func(name string) error {
		open[sumOf(bareName(name))] = true
		return nil
	})
	if err != nil {
		return err
	}
	var foreign int
	err = h.eachPass(ctx, stream, func(name string) error {
		sum := sumOf(bareName(name))
		if _, ok := open[sum]; !ok {
			foreign++
		}
		open[sum] = false
		return nil
	})
	missing := 0
	for _, unmatched := range open {
		if unmatched {
			missing++
		}
	}
	if err == nil && foreign+missing > 0 {
		err = notSame(foreign, missing)
	}
	return err
}

func notSame(foreign, missing int) error {
	f := refused("The subunit data does not correspond to the test result")
	for _, part := range []struct {
		n    int
		what string
	}{{foreign, "tests passed in the stream that the result does not have"}, {missing, "tests of the result did not pass in the stream"}} {
		if part.n > 0 {
			f.Errors = append(f.Errors, fault.Entry{Parameter: "subunit_data", In: "body", Message: strconv.Itoa(part.n) + " " + part.what})
		}
	}
	return f
}

// streamOf finds a result by the id of its stream or by its own, for those who
// may see its stream: its owner and administrators.
func (h *Handler) streamOf(ctx context.Context, text string) (*refstackstore.Published, caller, error) {
	who, err := h.caller(ctx)
	if err != nil {
		return nil, who, err
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, who, fault.InvalidField("path", "subunit_id", "must be a UUID").Because(err)
	}
	p, err := h.store.PublishedByStream(ctx, who.scope, id)
	if errors.Is(err, store.ErrNotFound) {
		p, err = h.store.Published(ctx, who.scope, id)
	}
	if err != nil {
		return nil, who, noStream(text, err)
	}
	if err := who.mayChange("")(p); err != nil {
		return nil, who, err
	}
	if p.StreamID == "" {
		return nil, who, noStream(text, store.ErrNotFound)
	}
	return p, who, nil
}

func noStream(id string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return fault.NotFound("Subunit data %s not found", id).Because(err)
}

// DeleteSubunit removes a stream; the result stays.
func (h *Handler) DeleteSubunit(ctx context.Context, req refstackapi.DeleteSubunitRequestObject) (refstackapi.Response, error) {
	p, who, err := h.streamOf(ctx, req.SubunitID)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteStream(ctx, p.ID, who.mayChange("Can not delete the subunit data of a verified test run.")); err != nil {
		return nil, noStream(req.SubunitID, err)
	}
	return call.NoContent(), nil
}
