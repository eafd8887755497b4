package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/server/bodycheck"
	"github.com/slipway-lab/slipway/server/fault"
	"github.com/slipway-lab/slipway/server/upload"
)

// validator checks the requests of one operation against the document. It is
// attached to the operation's route, so nothing is routed twice.
type validator struct {
	op      *operation
	route   *routers.Route
	params  []*openapi3.Parameter
	bodies  map[string]*bodycheck.Checker // by media type
	maxBody int64

	// maxUpload limits a body that is streamed although others are checked.
	maxUpload int64
}

func newValidator(op *operation, maxBody, maxUpload int64) (*validator, error) {
	v := &validator{
		op:      op,
		route:   &routers.Route{Path: op.path, PathItem: op.item, Method: op.method, Operation: op.doc},
		params:  op.params(),
		bodies:  map[string]*bodycheck.Checker{},
		maxBody: maxBody,

		maxUpload: maxUpload,
	}
	if op.maxBody > 0 {
		v.maxBody = op.maxBody
	}
	if op.stream || !op.hasBody() {
		return v, nil
	}
	for name, media := range op.doc.RequestBody.Value.Content {
		if media.Schema == nil || !checked(name) {
			continue
		}
		c, err := bodycheck.Compile(media.Schema, bodycheck.Options{PlainIntegers: true})
		if err != nil {
			return nil, fmt.Errorf("%s: body %s: %w", op.id, name, err)
		}
		v.bodies[name] = c
	}
	return v, nil
}

// checked reports whether bodies of a media type are read whole and checked.
// All others are streams.
func checked(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json") || media == "application/x-www-form-urlencoded"
}

// check validates the parameters, then the body.
func (v *validator) check(c echo.Context) error {
	raw := c.Request().URL.RawQuery
	if err := v.checkParams(c); err != nil {
		return err
	}
	if v.op.stream {
		putAside(c, raw, v.maxBody, v.onlyForm())
		return nil
	}
	return v.checkBody(c)
}

// checkParams lets kin-openapi check every parameter and collects what is wrong.
func (v *validator) checkParams(c echo.Context) error {
	if len(v.params) == 0 {
		return nil
	}
	if v.op.rawQuery { // the handler reads call.Info.Query, and the binding finds nothing to refuse
		u := *c.Request().URL
		u.RawQuery = ""
		c.Request().URL = &u
	}
	query, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil && !v.op.stream { // a streamed operation reads its query itself
		return fault.Invalid("the query string holds a semicolon or a %% that two hexadecimal digits do not follow").Because(err)
	}
	input := &openapi3filter.RequestValidationInput{
		Request:     c.Request(),
		PathParams:  pathParams(c),
		QueryParams: query,
		Route:       v.route,
		Options:     &openapi3filter.Options{MultiError: true},
	}
	entries := append(v.onlyOnce(c.Request(), query), v.unstorable(c, query)...)
	for _, p := range v.params {
		if p.In == openapi3.ParameterInHeader && skipHeader(p.Name) || p.In == openapi3.ParameterInQuery && v.op.rawQuery {
			continue
		}
		if err := openapi3filter.ValidateParameter(c.Request().Context(), input, p); err != nil {
			entries = append(entries, fault.Entry{Parameter: p.Name, In: p.In, Message: paramMessage(p, err)})
		}
	}
	return invalid(entries)
}

// unstorable finds parameters that no database can hold or look for: PostgreSQL
// refuses U+0000 and what is no UTF-8 in a text.
func (v *validator) unstorable(c echo.Context, query url.Values) []fault.Entry {
	path := pathParams(c)
	var entries []fault.Entry
	for _, p := range v.params {
		var values []string
		switch p.In {
		case openapi3.ParameterInQuery:
			values = query[p.Name]
		case openapi3.ParameterInHeader:
			values = c.Request().Header.Values(p.Name)
		case openapi3.ParameterInPath:
			values = []string{path[p.Name]}
		}
		if slices.ContainsFunc(values, func(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }) {
			entries = append(entries, fault.Entry{Parameter: p.Name, In: p.In, Message: "must be UTF-8 text without U+0000"})
		}
	}
	return entries
}

// onlyOnce brings parameters that take one value and were given several times
// down to one: KernelCI's clients mean the last one, for all others the values
// must agree. The generated binding would refuse them without a name.
func (v *validator) onlyOnce(r *http.Request, query url.Values) []fault.Entry {
	var entries []fault.Entry
	changed := false
	for _, p := range v.params {
		values := query[p.Name]
		if p.In != openapi3.ParameterInQuery || len(values) < 2 || p.Schema.Value.Type.Is("array") {
			continue
		}
		last := values[len(values)-1]
		repeats := v.op.dialect == kernelci || text(p.Extensions, "x-repeats") == "handler" // the handler looks itself
		if !repeats && slices.ContainsFunc(values, func(s string) bool { return s != last }) {
			entries = append(entries, fault.Entry{Parameter: p.Name, In: p.In, Message: "is given several times with different values"})
		}
		query[p.Name], changed = []string{last}, true
	}
	if changed {
		u := *r.URL
		u.RawQuery = query.Encode()
		r.URL = &u
	}
	return entries
}

// skipHeader names the headers that OpenAPI does not let a parameter describe.
func skipHeader(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Accept", "Content-Type", "Authorization":
		return true
	}
	return false
}

func pathParams(c echo.Context) map[string]string {
	out := map[string]string{}
	values := c.ParamValues()
	for i, name := range c.ParamNames() {
		if i < len(values) {
			out[name] = unescape(values[i])
		}
	}
	return out
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
	var said []string
	for _, e := range entries[:min(3, len(entries))] {
		place := e.Parameter
		if place == "" {
			place = strings.TrimPrefix(e.Pointer, "/")
		}
		if place == "" {
			place = "the body"
		}
		said = append(said, place+" "+e.Message)
	}
	if more := len(entries) - len(said); more > 0 {
		said = append(said, fmt.Sprintf("and %d more", more))
	}
	f := fault.Invalid("%s", strings.Join(said, "; "))
	f.Errors = entries
	return f
}

// paramMessage says what is wrong with a parameter without repeating its
// value, which may be a secret.
func paramMessage(p *openapi3.Parameter, err error) string {
	if errors.Is(err, openapi3filter.ErrInvalidRequired) {
		return "is required"
	}
	if errors.Is(err, openapi3filter.ErrInvalidEmptyValue) {
		return "must not be empty"
	}
	var schema *openapi3.SchemaError
	if errors.As(err, &schema) && schema.SchemaField != "type" && schema.SchemaField != "format" {
		return schemaMessage(schema)
	}
	if p.Schema != nil && p.Schema.Value != nil {
		return "must be " + article(p.Schema.Value)
	}
	return "cannot be read"
}

// schemaMessage says what the schema allows; kin-openapi's own sentences are
// for programmers.
func schemaMessage(e *openapi3.SchemaError) string {
	s := e.Schema
	switch e.SchemaField {
	case "minimum":
		return fmt.Sprintf("must be at least %v", *s.Min)
	case "maximum":
		return fmt.Sprintf("must be at most %.0f", *s.Max)
	case "enum":
		return "must be one of " + words(s.Enum)
	case "minLength":
		if s.MinLength == 1 {
			return "must not be empty"
		}
		return fmt.Sprintf("must have at least %d characters", s.MinLength)
	case "maxLength":
		return fmt.Sprintf("must have at most %d characters", *s.MaxLength)
	case "pattern":
		return "must match the pattern " + s.Pattern
	case "maxItems":
		return fmt.Sprintf("must have at most %d values", *s.MaxItems)
	}
	return e.Reason
}

func words(values []any) string {
	var list []string
	for _, v := range values {
		list = append(list, fmt.Sprint(v))
	}
	return strings.Join(list, ", ")
}

func article(s *openapi3.Schema) string {
	switch {
	case s.Type.Is("array") && s.Items != nil && s.Items.Value != nil:
		return "a list, each " + article(s.Items.Value)
	case s.Type.Is("integer"):
		return "an integer"
	case s.Type.Is("boolean"):
		return "true or false"
	case s.Type.Is("number"):
		return "a number"
	case s.Format == "date-time":
		return "a time such as 2026-01-01T00:00:00Z"
	case s.Format == "uuid":
		return "a UUID"
	}
	return "a " + strings.Join(s.Type.Slice(), " or ")
}

// checkBody reads a JSON or form body once, under its limit, checks it, and
// puts it back for the generated binding.
func (v *validator) checkBody(c echo.Context) error {
	r := c.Request()
	if !v.op.hasBody() || len(v.bodies) == 0 {
		r.Body = http.MaxBytesReader(c.Response(), r.Body, v.maxBody)
		return nil
	}
	media, err := v.mediaType(r)
	if err != nil {
		return err
	}
	if v.bodies[media] == nil && !checked(media) { // a stream beside a document: the handler reads it
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
	if len(body) == 0 && !v.op.doc.RequestBody.Value.Required {
		r.Body, r.ContentLength = http.NoBody, 0
		r.Header.Del("Content-Type")
		return nil
	}
	if text := bytes.TrimLeft(body, " \t\r\n"); media == "application/json" && isForm(r) && len(text) > 0 && text[0] != '{' {
		return fault.Unsupported("the body is a form; the operation reads %s", mediaList(v.op.doc.RequestBody.Value.Content))
	}
	if err := v.checkContent(media, body); err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", media)
	return nil
}

func (v *validator) checkContent(media string, body []byte) error {
	checker, ok := v.bodies[media]
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
	header := r.Header.Get("Content-Type")
	content := v.op.doc.RequestBody.Value.Content
	if header == "" {
		if d := text(v.op.doc.Extensions, "x-default-media"); d != "" {
			return d, nil
		}
		if r.ContentLength == 0 && !v.op.doc.RequestBody.Value.Required {
			return "application/json", nil
		}
		return "", fault.Unsupported("the request has no Content-Type; the operation reads %s", mediaList(content))
	}
	media, _, err := mime.ParseMediaType(header)
	if err == nil {
		if _, ok := content[media]; ok {
			return media, nil
		}
		if slices.Contains(v.op.jsonMedia, media) {
			return "application/json", nil
		}
	}
	return "", fault.Unsupported("the operation does not read this Content-Type; it reads %s", mediaList(content))
}

// isForm reports whether the body is said to be a form, which is what curl says
// of any body it is not told about.
func isForm(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "application/x-www-form-urlencoded"
}

func mediaList(content openapi3.Content) string {
	var names []string
	for name := range content {
		names = append(names, name)
	}
	return strings.Join(sorted(names), ", ")
}

// onlyForm reports whether multipart forms are all that the operation takes.
func (v *validator) onlyForm() bool {
	content := v.op.doc.RequestBody.Value.Content
	_, form := content["multipart/form-data"]
	return form && len(content) == 1
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
