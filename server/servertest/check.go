package servertest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server/edge"
)

// checkingTransport reads every answer and holds it against the document
// before the test sees it.
type checkingTransport struct {
	t    testing.TB
	next http.RoundTripper
}

// RoundTrip sends the request. Event streams pass unread, since they do not end.
func (c *checkingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if err != nil || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err := Check(r.Method, r.URL.EscapedPath(), resp.StatusCode, resp.Header, body); err != nil {
		c.t.Errorf("%s %s answered %d against the document: %v\nbody: %.2000s", r.Method, r.URL, resp.StatusCode, err, body)
	}
	if secret := secrets.inAnswer(resp.StatusCode, resp.Header, body); secret != "" {
		c.t.Errorf("%s %s answered %d with a credential: %s\nbody: %.2000s", r.Method, r.URL, resp.StatusCode, secret, body)
	}
	return resp, nil
}

// everywhere are the headers that any answer may carry; the document's
// introduction names them once.
var everywhere = map[string]bool{
	"Date": true, "Connection": true, "Content-Length": true, "Content-Type": true, "Content-Encoding": true,
	"Transfer-Encoding": true, "Vary": true, "X-Request-Id": true, "X-Openstack-Request-Id": true,
	"X-Drydock-Req": true, "X-Content-Type-Options": true,
	"Openstack-Api-Version": true, "Access-Control-Allow-Origin": true, "Access-Control-Expose-Headers": true,
}

// Check says what in an answer the document does not foresee.
func Check(method, path string, status int, header http.Header, body []byte) error {
	op := find(method, path)
	if strings.HasPrefix(header.Get("Content-Type"), "text/html") && status >= http.StatusBadRequest {
		return checkProblemPage(op, status, header)
	}
	if op == nil {
		return checkUnrouted(path, status, header, body)
	}
	ref := op.Responses.Status(status)
	if ref == nil {
		return fmt.Errorf("status %d of %s is not documented", status, op.OperationID)
	}
	errs := []error{checkHeaders(status, ref.Value, header)}
	if method != http.MethodHead && status != http.StatusNotModified && status != http.StatusNoContent {
		errs = append(errs, checkContent(ref.Value.Content, header, body))
	}
	return errors.Join(errs...)
}

// checkProblemPage is for the page that a browser gets instead of a Problem.
func checkProblemPage(op *openapi3.Operation, status int, header http.Header) error {
	if op != nil && op.Responses.Status(status) == nil {
		return fmt.Errorf("status %d of %s is not documented", status, op.OperationID)
	}
	if header.Get("Content-Security-Policy") == "" {
		return errors.New("a page without a content security policy")
	}
	return nil
}

// checkUnrouted is for what the document does not know: OPTIONS, another verb,
// another path, the pages.
func checkUnrouted(path string, status int, header http.Header, body []byte) error {
	switch {
	case status == http.StatusNoContent, strings.HasPrefix(path, "/docs"), path == "/ui", path == "/favicon.ico", strings.HasPrefix(path, "/ui/"), status == http.StatusOK && string(bytes.TrimSpace(body)) == `{"code":200}`:
		return nil
	case status == http.StatusMethodNotAllowed && header.Get("Allow") == "":
		return errors.New("405 without Allow")
	case status < 400:
		return fmt.Errorf("an operation that the document does not know answers %d", status)
	}
	problem := document().Components.Schemas["Problem"]
	return visit(problem, body, header)
}

func checkHeaders(status int, r *openapi3.Response, header http.Header) error {
	var errs []error
	for name := range header {
		declared := slices.ContainsFunc(keys(r.Headers), func(k string) bool { return strings.EqualFold(k, name) })
		if !declared && !everywhere[name] && !(name == "Cache-Control" && (status >= 400 || header.Get(name) == "private, no-cache")) {
			errs = append(errs, fmt.Errorf("header %s is not documented", name))
		}
	}
	return errors.Join(errs...)
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

func checkContent(content openapi3.Content, header http.Header, body []byte) error {
	if len(content) == 0 {
		if len(body) > 0 {
			return errors.New("a body that is not documented")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("Content-Type: %w", err)
	}
	mt := content[media]
	if mt == nil {
		return fmt.Errorf("media type %s is not documented; %v are", media, keys(content))
	}
	if media != "application/json" && !strings.HasSuffix(media, "json") && media != "application/json-home" {
		return nil
	}
	return visit(mt.Schema, body, header)
}

// long is the size from which a body is checked once only, such as the document itself,
// which tests of all operations fetch again and again.
const long = 16 << 10

// seen are the long bodies without a fault.
var seen sync.Map

type seenBody struct {
	schema *openapi3.SchemaRef
	sum    [sha256.Size]byte
}

func visit(schema *openapi3.SchemaRef, body []byte, header http.Header) error {
	if len(body) < long {
		return visitNew(schema, body, header)
	}
	key := seenBody{schema, sha256.Sum256(body)}
	if _, ok := seen.Load(key); ok {
		return nil
	}
	err := visitNew(schema, body, header)
	if err == nil {
		seen.Store(key, nil)
	}
	return err
}

func visitNew(schema *openapi3.SchemaRef, body []byte, header http.Header) error {
	if header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body, err = io.ReadAll(zr); err != nil {
			return err
		}
	}
	if len(body) == 0 { // the answer to HEAD
		return nil
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&value); err != nil {
		return err
	}
	return schema.Value.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.MultiErrors(), openapi3.EnableFormatValidation())
}

var document = sync.OnceValue(func() *openapi3.T {
	doc, err := edge.LoadDocument()
	if err != nil {
		panic(err)
	}
	return doc
})

// route is a path of the document, or a second name of one.
type route struct {
	prefix  string // before its first parameter
	pattern *regexp.Regexp
	params  int
	item    *openapi3.PathItem
}

var routes = sync.OnceValue(func() []route {
	var all []route
	param := regexp.MustCompile(`\\\{[^}]*\\\}`)
	for path, item := range document().Paths.Map() {
		names := []string{path}
		if aliases, ok := item.Extensions["x-aliases"].([]any); ok {
			for _, a := range aliases {
				names = append(names, fmt.Sprint(a))
			}
		}
		for _, name := range names {
			one := "[^/]+"
			if manySegments(item) {
				one = ".+"
			}
			pattern := param.ReplaceAllString(regexp.QuoteMeta(name), one)
			prefix, _, _ := strings.Cut(name, "{")
			all = append(all, route{prefix, regexp.MustCompile("^" + pattern + "$"), strings.Count(name, "{"), item})
		}
	}
	// The fewer parameters, the closer the match.
	slices.SortFunc(all, func(a, b route) int { return a.params - b.params })
	return all
})

func manySegments(item *openapi3.PathItem) bool {
	for _, p := range item.Parameters {
		if p.Value.Extensions["x-segments"] == "many" {
			return true
		}
	}
	return false
}

var slashes = regexp.MustCompile(`/+`)

// find returns the operation that a request reaches, nil when there is none.
func find(method, path string) *openapi3.Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if strings.Contains(path, "//") { // seldom, and every answer of every test comes here
		path = slashes.ReplaceAllString(path, "/")
	}
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	for _, p := range []string{path, strings.Replace(path, "/api/v1.0", "/v1", 1), "/v1" + path} {
		for _, r := range routes() {
			if !strings.HasPrefix(p, r.prefix) {
				continue // soon said, and of most of them
			}
			if op := r.item.GetOperation(safeMethod(method)); op != nil && r.pattern.MatchString(p) {
				return op
			}
		}
	}
	return nil
}

// safeMethod keeps kin-openapi from panicking on made-up verbs.
func safeMethod(m string) string {
	switch m {
	case "GET", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE":
		return m
	}
	return http.MethodTrace
}
