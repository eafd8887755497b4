package edge

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/bodycheck"
)

// dialect is the system whose rules for errors and logins an operation follows.
type dialect string

const (
	native   dialect = ""
	drydock  dialect = "drydock"
	kernelci dialect = "kernelci"
	spi      dialect = "spi"
)

// operation is what the document says of one operation, worked out once at
// start. It keeps nothing of the document itself, which is large.
type operation struct {
	id         string
	method     string
	path       string   // as the document writes it
	aliases    []string // further paths, from x-aliases
	offered    []string // the methods that Allow names for the path
	dialect    dialect
	permission auth.Permission // empty: public
	optional   bool            // a call without credential may be allowed
	webToken   bool            // takes a JSON web token, which the handler checks
	signed     bool            // takes a signed body, which the handler checks
	stream     bool            // x-body: stream
	rawQuery   bool            // x-query: raw, the handler reads the query itself
	openVerbs  bool            // x-not-offered: public, a verb that is not offered needs no login to be refused
	once       bool            // it takes an Idempotency-Key, which the handler does not see
	needsSpace bool            // x-needs-space: it stores something new
	saysGone   bool            // 410 is one of its answers
	standby    bool            // x-standby: it may read from a standby of the database
	login      bool            // x-login: the body is a credential, so guesses are counted
	keyHeader  string          // x-key-header: a key that only the handler can check
	maxBody    int64           // x-max-bytes, 0: the server's setting
	audit      string          // x-audit: the event as which each success is recorded
	lenient    string          // x-lenient: the system whose clients may send unknown names; "": nobody may
	query      []string        // the names of the parameters in the query, sorted
	deprecated time.Time       // x-deprecated-since: the day; zero when its answers do not say so
	params     []parameter     // those that are checked
	segments   []string        // the names of the parameters in the path
	rest       string          // the one of them that takes the rest of the path, from x-segments
	body       *body           // nil: the document describes none
}

// parameter is one parameter of an operation.
type parameter struct {
	name, in   string
	header     string // in: header, the name as net/http writes it
	lastCounts bool   // of several texts, where one is meant, the last one is
	check      *bodycheck.Parameter
}

// body is what an operation reads as the body of a request.
type body struct {
	required bool
	media    []string                      // sorted
	checks   map[string]*bodycheck.Checker // by media type; what has none is not checked
	absent   string                        // x-default-media: what a body without a Content-Type is
	asJSON   []string                      // x-json-media: read as JSON as well
}

// onlyForm reports whether multipart forms are all that the operation takes.
func (b *body) onlyForm() bool { return len(b.media) == 1 && b.media[0] == "multipart/form-data" }

// public reports whether credentials are not even looked at.
func (o *operation) public() bool { return o.permission == "" }

// operations reads every operation of the document. What the server cannot
// honour is an error, so that a slip in the document stops the start and not a
// request.
func operations(doc *openapi3.T) (map[string]*operation, error) {
	all := map[string]*operation{}
	var errs []error
	for _, path := range doc.Paths.InMatchingOrder() {
		item := doc.Paths.Value(path)
		for method, op := range item.Operations() {
			o, err := newOperation(doc, path, method, item, op)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s %s: %w", method, path, err))
				continue
			}
			if all[o.id] != nil {
				errs = append(errs, fmt.Errorf("%s %s: operation id %s is taken", method, path, o.id))
			}
			all[o.id] = o
		}
	}
	return all, errors.Join(errs...)
}

func newOperation(doc *openapi3.T, path, method string, item *openapi3.PathItem, op *openapi3.Operation) (*operation, error) {
	o := &operation{
		id:         op.OperationID,
		method:     method,
		path:       path,
		aliases:    texts(item.Extensions, "x-aliases"),
		offered:    methodsOf(item),
		dialect:    dialect(text(op.Extensions, "x-dialect")),
		permission: auth.Permission(text(op.Extensions, "x-permission")),
		stream:     text(op.Extensions, "x-body") == "stream",
		rawQuery:   text(op.Extensions, "x-query") == "raw",
		openVerbs:  text(op.Extensions, "x-not-offered") == "public",
		login:      op.Extensions["x-login"] == true,
		standby:    op.Extensions["x-standby"] == true,
		needsSpace: op.Extensions["x-needs-space"] == true,
		saysGone:   op.Responses.Value("410") != nil,
		keyHeader:  text(op.Extensions, "x-key-header"),
		audit:      text(op.Extensions, "x-audit"),
		lenient:    text(op.Extensions, "x-lenient"),
	}
	if day := text(op.Extensions, "x-deprecated-since"); day != "" {
		since, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return nil, fmt.Errorf("x-deprecated-since: %w", err)
		}
		o.deprecated = since
	}
	if n, ok := op.Extensions["x-max-bytes"].(float64); ok {
		o.maxBody = int64(n)
	}
	if o.needsSpace != (op.Responses.Value("507") != nil) {
		return nil, errors.New("x-needs-space and a response 507 belong together")
	}
	security := doc.Security
	if op.Security != nil {
		security = *op.Security
	}
	if _, said := op.Extensions["x-lenient"]; said && !slices.Contains(lenientTo, o.lenient) {
		return nil, fmt.Errorf("x-lenient %q is no system whose clients are known", o.lenient)
	}
	return o, errors.Join(o.readSecurity(security), o.readParams(item, op), o.readBody(op))
}

// lenientTo are the systems whose clients send names that an operation need not
// know. Nobody else's misspelled name is dropped.
var lenientTo = []string{"refstack", "spi", "kernelci", "drydock", "keystone", "openstack", "probes", "ipxe", "cloud-init"}

// readSecurity holds security and x-permission together: an operation is
// public (security: []) or names its row of the permission table.
func (o *operation) readSecurity(security openapi3.SecurityRequirements) error {
	for _, requirement := range security {
		if len(requirement) == 0 {
			o.optional = true
		}
		_, jwt := requirement["jwt"]
		_, signature := requirement["signature"]
		o.webToken, o.signed = o.webToken || jwt, o.signed || signature
	}
	switch {
	case o.id == "":
		return errors.New("no operationId")
	case !slices.Contains([]dialect{native, drydock, kernelci, spi}, o.dialect):
		return fmt.Errorf("x-dialect %q is unknown", o.dialect)
	case len(security) == 0 && o.permission != "":
		return errors.New("public, but names a permission")
	case len(security) > 0 && !o.permission.Known() && (o.keyHeader == "" || o.permission != ""):
		return fmt.Errorf("x-permission %q is not in the permission table", o.permission)
	}
	return nil
}

// readParams prepares the checks of the operation's own parameters and those of
// its path.
func (o *operation) readParams(item *openapi3.PathItem, op *openapi3.Operation) error {
	var errs []error
	for _, list := range []openapi3.Parameters{op.Parameters, item.Parameters} {
		for _, ref := range list {
			if own := op.Parameters.GetByInAndName(ref.Value.In, ref.Value.Name); own != nil && own != ref.Value {
				continue // the operation describes it itself
			}
			if ref.Value.In == openapi3.ParameterInHeader && ref.Value.Name == keyHeader {
				o.once = text(op.Extensions, "x-idempotency") != "handler"
			}
			if ref.Value.In == openapi3.ParameterInQuery {
				o.query = append(o.query, ref.Value.Name)
			}
			if err := o.readParam(ref.Value); err != nil {
				errs = append(errs, fmt.Errorf("parameter %s: %w", ref.Value.Name, err))
			}
		}
	}
	slices.Sort(o.query)
	return errors.Join(errs...)
}

func (o *operation) readParam(p *openapi3.Parameter) error {
	switch p.In {
	case openapi3.ParameterInPath:
		o.segments = append(o.segments, p.Name)
		if text(p.Extensions, "x-segments") == "many" {
			o.rest = p.Name
		}
	case openapi3.ParameterInQuery:
		if o.rawQuery {
			return nil
		}
	case openapi3.ParameterInHeader:
		if skipHeader(p.Name) {
			return nil
		}
	}
	check, err := bodycheck.CompileParameter(p)
	if err != nil {
		return err
	}
	o.params = append(o.params, parameter{
		name: p.Name, in: p.In, header: http.CanonicalHeaderKey(p.Name), check: check,
		// KernelCI's clients mean the last one; where x-repeats says so the handler looks itself.
		lastCounts: p.In == openapi3.ParameterInQuery && !p.Schema.Value.Type.Is(openapi3.TypeArray) &&
			(o.dialect == kernelci || text(p.Extensions, "x-repeats") == "handler"),
	})
	return nil
}

// skipHeader names the headers that OpenAPI does not let a parameter describe.
func skipHeader(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Accept", "Content-Type", "Authorization":
		return true
	}
	return false
}

// readBody prepares the checks of bodies that are read whole.
func (o *operation) readBody(op *openapi3.Operation) error {
	if op.RequestBody == nil {
		if o.stream {
			return errors.New("x-body is stream, but there is no body")
		}
		return nil
	}
	described := op.RequestBody.Value
	o.body = &body{
		required: described.Required,
		checks:   map[string]*bodycheck.Checker{},
		absent:   text(op.Extensions, "x-default-media"),
		asJSON:   texts(op.Extensions, "x-json-media"),
	}
	for name, media := range described.Content {
		o.body.media = append(o.body.media, name)
		if o.stream || media.Schema == nil || !checked(name) {
			continue
		}
		c, err := bodycheck.Compile(media.Schema, bodycheck.Options{PlainIntegers: true})
		if err != nil {
			return fmt.Errorf("body %s: %w", name, err)
		}
		o.body.checks[name] = c
	}
	slices.Sort(o.body.media)
	if o.once && len(o.body.checks) < len(o.body.media) && !(o.stream && o.maxBody > 0) {
		return errors.New("an Idempotency-Key needs bodies that are read whole, or streams with x-max-bytes")
	}
	return nil
}

// checked reports whether bodies of a media type are read whole and checked.
// All others are streams.
func checked(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json") || media == "application/x-www-form-urlencoded"
}

func text(ext map[string]any, name string) string {
	s, _ := ext[name].(string)
	return s
}

func texts(ext map[string]any, name string) []string {
	var out []string
	list, _ := ext[name].([]any)
	for _, t := range list {
		out = append(out, fmt.Sprint(t))
	}
	return out
}

// echoPath turns /v1/runs/{test_id} into /v1/runs/:test_id. A parameter that
// the document marks with x-segments takes the rest of the path.
func echoPath(o *operation, path string) string {
	for _, name := range o.segments {
		as := ":" + name
		if name == o.rest {
			as = "*"
		}
		path = replaceSegment(path, name, as)
	}
	return path
}

// methodsOf lists what Allow says of a path.
func methodsOf(item *openapi3.PathItem) []string {
	methods := []string{http.MethodOptions}
	for m := range item.Operations() {
		methods = append(methods, m)
		if m == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.SortFunc(methods, func(a, b string) int { return order(a) - order(b) })
	return slices.Compact(methods)
}

// replaceSegment puts a value in the place of a parameter of a path.
func replaceSegment(path, name, value string) string {
	return strings.Replace(path, "{"+name+"}", value, 1)
}

func order(method string) int {
	return slices.Index([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method)
}
