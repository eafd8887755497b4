package edge

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/server/edge/bodycheck"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/upload"
)

// validator checks the requests of one operation against the document. It is
// attached to the operation's route, so nothing is routed twice.
type validator struct {
	op *operation

	// maxBody limits the body that the operation means, maxUpload one that is
	// streamed although others are checked.
	maxBody, maxUpload int64
}

func newValidator(op *operation, maxBody, maxUpload int64) *validator {
	v := &validator{op: op, maxBody: maxBody, maxUpload: maxUpload}
	if op.stream {
		v.maxBody = maxUpload
	}
	if op.maxBody > 0 {
		v.maxBody = op.maxBody
	}
	return v
}

// check validates the parameters, then the body.
func (v *validator) check(c echo.Context) error {
	raw := c.Request().URL.RawQuery
	if err := v.checkParams(c); err != nil {
		return err
	}
	if v.op.stream {
		putAside(c, raw, v.maxBody, v.op.body.onlyForm())
		return nil
	}
	return v.checkBody(c)
}

// checkParams checks every parameter and collects what is wrong. What counts of
// a parameter that is repeated, or its default, is what the binding then finds.
func (v *validator) checkParams(c echo.Context) error {
	if v.op.rawQuery { // the handler reads call.Info.Query, and the binding finds nothing to refuse
		u := *c.Request().URL
		given := u.Query()
		if err := invalid(append(v.unknownParams(given), v.continued(c, given)...)); err != nil {
			return err
		}
		u.RawQuery = ""
		c.Request().URL = &u
	}
	if len(v.op.params) == 0 && (v.op.lenient != "" || c.Request().URL.RawQuery == "") {
		return nil
	}
	query, err := readQuery(c)
	if err != nil && !v.op.stream { // a streamed operation reads its query itself
		return fault.Invalid("the query string contains a semicolon, or a %% without two hexadecimal digits after it").Because(err)
	}
	entries := append(v.unknownParams(query), v.continued(c, query)...)
	for i := range v.op.params {
		p := &v.op.params[i]
		given := p.given(c, query)
		taken, wrong := p.check.Take(given)
		if wrong != "" {
			entries = append(entries, fault.Entry{Parameter: p.name, In: p.in, Message: wrong})
			continue
		}
		if p.in == openapi3.ParameterInQuery && len(taken) > 0 {
			query[p.name] = taken
		}
	}
	return invalid(entries)
}

// unknownParams refuses what the query holds beside the operation's parameters,
// except where clients of other systems were never refused it.
func (v *validator) unknownParams(query url.Values) []fault.Entry {
	if v.op.lenient != "" {
		return nil
	}
	var unknown []string
	for name := range query {
		if !slices.Contains(v.op.query, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	var entries []fault.Entry
	for _, name := range unknown[:min(len(unknown), mostUnknown)] {
		entries = append(entries, fault.Entry{
			Parameter: strings.ToValidUTF8(name[:min(len(name), longestParam)], "\uFFFD"), In: openapi3.ParameterInQuery,
			Message: bodycheck.Unknown("parameter", name, v.op.query),
		})
	}
	return entries
}

// An error names so many parameters that are unknown, and so many bytes of each.
const mostUnknown, longestParam = 20, 100

// readQuery returns the query in the form that Echo keeps: the binding reads the
// same map, so what is changed in it is what the handler gets.
func readQuery(c echo.Context) (query url.Values, err error) {
	const plain = 4096 // bytes, in which there cannot be more parameters than url.ParseQuery takes
	if raw := c.Request().URL.RawQuery; len(raw) > plain || strings.ContainsAny(raw, "%;") {
		_, err = url.ParseQuery(raw) // Echo does not tell
	}
	return c.QueryParams(), err
}

// given returns the texts that a request gives for the parameter.
func (p *parameter) given(c echo.Context, query url.Values) []string {
	switch p.in {
	case openapi3.ParameterInPath:
		return []string{segment(c, p.name)}
	case openapi3.ParameterInHeader:
		return c.Request().Header[p.header]
	}
	texts := query[p.name]
	if p.lastCounts && len(texts) > 1 {
		return texts[len(texts)-1:]
	}
	return texts
}

// segment returns a parameter of the path. Where the path was sent with
// characters escaped that need not be, Echo matches it as it was sent.
func segment(c echo.Context, name string) string {
	value := c.Param(name)
	if c.Request().URL.RawPath != "" {
		return unescape(value)
	}
	return value
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// invalid makes one 400 of all that was wrong, nil when nothing was.
func invalid(entries []fault.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var sentences []string
	for _, e := range entries[:min(3, len(entries))] {
		place := e.Parameter
		if place == "" {
			place = strings.TrimPrefix(e.Pointer, "/")
		}
		if place == "" {
			place = "the body"
		}
		sentences = append(sentences, place+" "+e.Message)
	}
	if more := len(entries) - len(sentences); more > 0 {
		sentences = append(sentences, fmt.Sprintf("and %d more", more))
	}
	f := fault.Invalid("%s", strings.Join(sentences, "; "))
	f.Errors = entries
	return f
}

// checkBody reads a JSON or form body once, under its limit, checks it, and
// puts it back for the generated binding.
func (v *validator) checkBody(c echo.Context) error {
	r := c.Request()
	if v.op.body == nil || len(v.op.body.checks) == 0 {
		r.Body = http.MaxBytesReader(c.Response(), r.Body, v.maxBody)
		return nil
	}
	media, err := v.mediaType(r)
	if err != nil {
		return err
	}
	if !checked(media) { // a stream beside a document: the handler reads it
		if _, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); params["boundary"] == "" && strings.HasPrefix(media, "multipart/") {
			return fault.InvalidField("header", "Content-Type", "of a form must have a boundary")
		}
		r.Body = http.MaxBytesReader(c.Response(), r.Body, v.maxUpload)
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, v.maxBody))
	if err != nil {
		return fault.Body(err)
	}
	if len(body) == 0 && !v.op.body.required {
		r.Body, r.ContentLength = http.NoBody, 0
		r.Header.Del("Content-Type")
		return nil
	}
	if text := bytes.TrimLeft(body, " \t\r\n"); media == "application/json" && isForm(r) && len(text) > 0 && text[0] != '{' {
		return fault.Unsupported("the body is a form; the operation reads %s", v.op.body.list())
	}
	if err := v.checkContent(media, body); err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", media)
	return nil
}

func (v *validator) checkContent(media string, body []byte) error {
	checker, ok := v.op.body.checks[media]
	if !ok {
		return nil
	}
	var found []bodycheck.Violation
	in := "body"
	if media == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return fault.Invalid("the form in the body cannot be read").Because(err)
		}
		found, in = checker.CheckForm(form), "form"
	} else {
		found = checker.Check(body)
	}
	var entries []fault.Entry
	for _, violation := range found {
		entries = append(entries, fault.Entry{Pointer: violation.Pointer, InBody: true, In: in, Message: violation.Message})
	}
	return invalid(entries)
}

// mediaType says as which of the operation's media types the body is read.
// Clients of some systems send JSON without a Content-Type or under another one:
// x-default-media says what an absent one means, x-json-media which others mean
// JSON.
func (v *validator) mediaType(r *http.Request) (string, error) {
	header, body := r.Header.Get("Content-Type"), v.op.body
	if header == "" {
		if body.absent != "" {
			return body.absent, nil
		}
		if r.ContentLength == 0 && !body.required {
			return "application/json", nil
		}
		return "", fault.Unsupported("the request has no Content-Type; the operation reads %s", body.list())
	}
	media, _, err := mime.ParseMediaType(header)
	if err == nil {
		if slices.Contains(body.media, media) {
			return media, nil
		}
		if slices.Contains(body.asJSON, media) {
			return "application/json", nil
		}
	}
	return "", fault.Unsupported("the operation does not read this Content-Type; it reads %s", body.list())
}

// list names the media types for people.
func (b *body) list() string { return strings.Join(b.media, ", ") }

// isForm reports whether the body is sentences to be a form, which is what curl says
// of any body it is not told about.
func isForm(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "application/x-www-form-urlencoded"
}

// putAside takes the body of a streamed operation away from the generated
// binding, which would read it whole, and leaves it for the handler.
func putAside(c echo.Context, query string, limit int64, onlyForm bool) {
	bindable := "application/octet-stream"
	if onlyForm { // else the binding fails before the handler can say why
		bindable = "multipart/form-data; boundary=none"
	}
	r := c.Request()
	aside := &upload.Raw{
		Body:          http.MaxBytesReader(c.Response(), r.Body, limit),
		ContentType:   r.Header.Get("Content-Type"),
		ContentLength: r.ContentLength,
		Query:         query,
	}
	r2 := r.WithContext(upload.NewContext(r.Context(), aside))
	r2.Header = r.Header.Clone()
	r2.Header.Set("Content-Type", bindable)
	r2.Body, r2.ContentLength = http.NoBody, 0
	c.SetRequest(r2)
}
