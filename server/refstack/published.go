package refstack

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// GetPublishedResult answers one result with the names of its tests.
func (h *Handler) GetPublishedResult(ctx context.Context, req refstackapi.GetPublishedResultRequestObject) (refstackapi.Response, error) {
	p, who, err := h.see(ctx, req.PublishedID)
	if err != nil {
		return nil, err
	}
	passes, err := h.store.Result(ctx, p.ID)
	if err != nil {
		return nil, noResult(req.PublishedID, err)
	}
	if err := passes.Need(resultstore.TestsExpired); err != nil {
		return nil, err
	}
	role := who.roleFor(p)
	out := &publishedAnswer{h: h, ctx: ctx, passes: passes, head: refstackapi.PublishedResult{
		ID:                 p.ID,
		CreatedAt:          p.CreatedAt.UTC().Format(timeFormat),
		DurationSeconds:    p.DurationSeconds,
		Meta:               metaToAPI(p, role),
		UserRole:           refstackapi.PublishedResultUserRole(role),
		VerificationStatus: int32(p.Verification),
	}}
	if role.mayWrite() {
		out.head.Cpid = &p.CPID
	}
	return out, nil
}

// publishedAnswer writes the names as they come from the store, since there may
// be millions of them.
type publishedAnswer struct {
	h      *Handler
	ctx    context.Context // of the request, in which the answer is written
	passes *resultstore.Result
	head   refstackapi.PublishedResult
}

// WriteResponse writes the answer.
func (a *publishedAnswer) WriteResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	out := newObject(w)
	out.member("id", a.head.ID)
	if a.head.Cpid != nil {
		out.member("cpid", *a.head.Cpid)
	}
	out.member("created_at", a.head.CreatedAt)
	out.member("duration_seconds", a.head.DurationSeconds)
	out.member("meta", a.head.Meta)
	out.list("results", func(item func(any) error) error {
		return a.h.eachPass(a.ctx, a.passes, func(name string) error { return item(name) })
	})
	out.member("user_role", a.head.UserRole)
	out.member("product_version", nil)
	out.member("verification_status", a.head.VerificationStatus)
	return out.end()
}

// object writes a JSON object member by member, and remembers the first error.
type object struct {
	enc *jsontext.Encoder
	err error
}

func newObject(w http.ResponseWriter) *object {
	o := &object{enc: jsontext.NewEncoder(w, jsontext.AllowInvalidUTF8(true))}
	o.err = o.enc.WriteToken(jsontext.BeginObject)
	return o
}

func (o *object) token(t jsontext.Token) {
	if o.err == nil {
		o.err = o.enc.WriteToken(t)
	}
}

func (o *object) value(v any) error {
	if o.err == nil {
		o.err = json.MarshalEncode(o.enc, v)
	}
	return o.err
}

func (o *object) member(name string, v any) {
	o.token(jsontext.String(name))
	_ = o.value(v) // remembered
}

func (o *object) list(name string, items func(item func(any) error) error) {
	o.token(jsontext.String(name))
	o.token(jsontext.BeginArray)
	if o.err == nil {
		if err := items(o.value); err != nil {
			o.err = err
		}
	}
	o.token(jsontext.EndArray)
}

func (o *object) end() error {
	o.token(jsontext.EndObject)
	return o.err
}

// mayChange returns a check for changes: for the owner and administrators, and
// not of a verified result.
func (c caller) mayChange(verified string) func(*refstackstore.Published) error {
	return func(p *refstackstore.Published) error {
		if err := c.scope.Check(p.Tenant); err != nil {
			return err
		}
		if !c.roleFor(p).mayWrite() {
			return c.denied("only the owner of the result or an administrator may do this")
		}
		if p.Verification == 1 && verified != "" {
			return fault.Forbidden("%s", verified)
		}
		return nil
	}
}

// DeletePublishedResult removes a result and its stream.
func (h *Handler) DeletePublishedResult(ctx context.Context, req refstackapi.DeletePublishedResultRequestObject) (refstackapi.Response, error) {
	p, who, err := h.see(ctx, req.PublishedID)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeletePublished(ctx, p.ID, who.mayChange("Can not delete a verified test run.")); err != nil {
		return nil, noResult(req.PublishedID, err)
	}
	return call.NoContent(), nil
}

// UpdatePublishedResult verifies a result, or takes that back.
func (h *Handler) UpdatePublishedResult(ctx context.Context, req refstackapi.UpdatePublishedResultRequestObject) (refstackapi.Response, error) {
	p, who, err := h.see(ctx, req.PublishedID)
	if err != nil {
		return nil, err
	}
	p, err = h.store.UpdatePublished(ctx, p.ID, func(p *refstackstore.Published) error {
		return update(p, who, req.Body)
	})
	if err != nil {
		return nil, noResult(req.PublishedID, err)
	}
	out := refstackapi.PublishedRecord{
		ID:                 p.ID,
		CreatedAt:          p.CreatedAt.UTC().Format(timeFormat),
		DurationSeconds:    p.DurationSeconds,
		Meta:               metaToAPI(p, who.roleFor(p)),
		VerificationStatus: int32(p.Verification),
	}
	out.ProductVersion.SetNull()
	return call.Created("", out), nil
}

// update has the order and the texts of refstack/api/controllers/results.py, put.
func update(p *refstackstore.Published, who caller, body *refstackapi.PublishedUpdate) error {
	if err := who.mayChange("")(p); err != nil {
		return err
	}
	if body.ProductVersionID.IsSpecified() {
		if p.Verification == 1 {
			return fault.Forbidden("Can not update product_version_id for a verified test run.")
		}
		if id, err := body.ProductVersionID.Get(); err == nil && id != "" {
			return fault.NotFound("Product version with id %s not found", id)
		}
	}
	if body.VerificationStatus == nil {
		return nil
	}
	if who.roleFor(p) != roleFoundation {
		return fault.Forbidden("You do not have permission to change a verification status.")
	}
	status := *body.VerificationStatus
	if status != 0 && status != 1 {
		return refused(fmt.Sprintf("Invalid verification_status value: %d", status), bodyEntry("/verification_status", "must be 0 or 1"))
	}
	if status == 1 && !(p.IsShared() && isSet(p.Guideline) && isSet(p.Target)) {
		return fault.Forbidden("In order to mark a test verified, the test must be shared and have been associated to a guideline and target program.")
	}
	p.Verification = status
	return nil
}

func isSet(value *string) bool { return value != nil && *value != "" }
