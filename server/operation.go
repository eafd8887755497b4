package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server/auth"
)

// dialect is the system whose rules for errors and logins an operation follows.
type dialect string

const (
	native   dialect = ""
	drydock  dialect = "drydock"
	kernelci dialect = "kernelci"
	spi      dialect = "spi"
)

// operation is what the document says of one operation, worked out once at start.
type operation struct {
	id         string
	method     string
	path       string   // as the document writes it
	aliases    []string // further paths, from x-aliases
	dialect    dialect
	permission auth.Permission // empty: public
	optional   bool            // a call without credential may be allowed
	webToken   bool            // takes a JSON web token, which the handler checks
	signed     bool            // takes a signed body, which the handler checks
	stream     bool            // x-body: stream
	rawQuery   bool            // x-query: raw, the handler reads the query itself
	openVerbs  bool            // x-not-offered: public, a verb that is not offered needs no login to be refused
	login      bool            // x-login: the body is a credential, so guesses are counted
	keyHeader  string          // x-key-header: a key that only the handler can check
	maxBody    int64           // x-max-bytes, 0: the server's setting
	jsonMedia  []string        // x-json-media: read as JSON as well
	audit      string          // x-audit: the event as which each success is recorded
	doc        *openapi3.Operation
	item       *openapi3.PathItem
}

// public reports whether credentials are not even looked at.
func (o *operation) public() bool { return o.permission == "" }

// params returns the operation's own parameters and those of its path.
func (o *operation) params() []*openapi3.Parameter {
	var out []*openapi3.Parameter
	for _, p := range o.doc.Parameters {
		out = append(out, p.Value)
	}
	for _, p := range o.item.Parameters {
		if o.doc.Parameters.GetByInAndName(p.Value.In, p.Value.Name) == nil {
			out = append(out, p.Value)
		}
	}
	return out
}

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
		doc:        op,
		item:       item,
		dialect:    dialect(text(op.Extensions, "x-dialect")),
		permission: auth.Permission(text(op.Extensions, "x-permission")),
		stream:     text(op.Extensions, "x-body") == "stream",
		rawQuery:   text(op.Extensions, "x-query") == "raw",
		openVerbs:  text(op.Extensions, "x-not-offered") == "public",
		login:      op.Extensions["x-login"] == true,
		keyHeader:  text(op.Extensions, "x-key-header"),
		audit:      text(op.Extensions, "x-audit"),
	}
	if n, ok := op.Extensions["x-max-bytes"].(float64); ok {
		o.maxBody = int64(n)
	}
	o.aliases = texts(item.Extensions, "x-aliases")
	o.jsonMedia = texts(op.Extensions, "x-json-media")
	return o, o.checkSecurity(doc)
}

// checkSecurity holds security and x-permission together: an operation is
// public (security: []) or names its row of the permission table.
func (o *operation) checkSecurity(doc *openapi3.T) error {
	security := doc.Security
	if o.doc.Security != nil {
		security = *o.doc.Security
	}
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
	for _, p := range o.params() {
		if p.In != openapi3.ParameterInPath {
			continue
		}
		name := ":" + p.Name
		if text(p.Extensions, "x-segments") == "many" {
			name = "*"
		}
		path = strings.Replace(path, "{"+p.Name+"}", name, 1)
	}
	return path
}

// manySegments returns the name of the parameter that takes the rest of the path.
func (o *operation) manySegments() string {
	for _, p := range o.params() {
		if text(p.Extensions, "x-segments") == "many" {
			return p.Name
		}
	}
	return ""
}

// hasBody reports whether the document describes a request body.
func (o *operation) hasBody() bool { return o.doc.RequestBody != nil }

// forget drops what only the start needs of the document: the schemas of bodies,
// which are compiled by now, and the answers. They are most of its memory.
func (o *operation) forget() {
	o.doc.Responses = nil
	if !o.hasBody() {
		return
	}
	for _, media := range o.doc.RequestBody.Value.Content {
		media.Schema, media.Example, media.Examples = nil, nil, nil
	}
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

func order(method string) int {
	return slices.Index([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method)
}
