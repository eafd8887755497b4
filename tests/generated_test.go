package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestGenerated sends every operation of the document its own example and then
// the example with one fault at a time. No answer may be undocumented (the test
// client sees to that), and none may be the server's own fault.
func TestGenerated(t *testing.T) {
	t.Parallel()

	for i, list := range examples(t) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()

			s := servertest.New(t)
			for _, example := range list {
				sendFaults(t, s, example)
			}
		})
	}
}

func sendFaults(t *testing.T, s *servertest.Server, example request) {
	t.Helper()
	for _, r := range example.faults() {
		answer := s.Do(r.method, r.target(), r.body, r.options()...)
		if answer.Status >= 500 && answer.Status != http.StatusNotImplemented {
			t.Errorf("%s: %s: %s %s answers %d\nsent: %.300q\nanswer: %.500s", r.op.OperationID, r.fault, r.method, r.target(), answer.Status, r.body, answer.Body)
		}
	}
}

// TestGenerated_PathFaults: where what stands in a path is the only fault, and it
// makes a 400, the answer names the parameter of the path as the document does.
func TestGenerated_PathFaults(t *testing.T) {
	t.Parallel()

	for i, list := range examples(t) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()

			s := servertest.New(t)
			for _, example := range list {
				if s.Do(example.method, example.target(), example.body, example.options()...).Status == http.StatusBadRequest {
					continue // for another reason
				}
				for _, p := range example.parameters() {
					if p.In == openapi3.ParameterInPath {
						sendPathFaults(t, s, example, p)
					}
				}
			}
		})
	}
}

func sendPathFaults(t *testing.T, s *servertest.Server, example request, p *openapi3.Parameter) {
	t.Helper()
	for _, r := range example.paramFaults(p) {
		answer := s.Do(r.method, r.target(), r.body, r.options()...)
		if answer.Status != http.StatusBadRequest {
			continue
		}
		var said struct{ Errors []struct{ In, Parameter string } }
		if err := json.Unmarshal(answer.Body, &said); err != nil {
			t.Fatal(err)
		}
		if len(said.Errors) != 1 || said.Errors[0].In != "path" || said.Errors[0].Parameter != p.Name {
			t.Errorf("%s: %s: %s %.100s answers 400 %.500s", r.op.OperationID, r.fault, r.method, r.target(), answer.Body)
		}
	}
}

// request is an operation's example, or that with one fault.
type request struct {
	fault  string
	method string
	path   string // with {name} for parameters
	params map[string]string
	query  url.Values
	header map[string]string
	body   string
	op     *openapi3.Operation
	item   *openapi3.PathItem
}

func newExample(path, method string, item *openapi3.PathItem, op *openapi3.Operation) request {
	r := request{
		fault: "the example", method: method, path: path, op: op, item: item,
		params: map[string]string{}, query: url.Values{},
		header: map[string]string{"Authorization": "Bearer " + servertest.AdminToken},
	}
	for _, p := range r.parameters() {
		value := fmt.Sprint(p.Example)
		switch p.In {
		case openapi3.ParameterInPath:
			r.params[p.Name] = value
		case openapi3.ParameterInQuery:
			if p.Required {
				r.query.Set(p.Name, value)
			}
		case openapi3.ParameterInHeader:
			if p.Required {
				r.header[p.Name] = value
			}
		}
	}
	if op.RequestBody != nil {
		r.setBody()
	}
	return r
}

// setBody takes the example of the media type that is easiest to break.
func (r *request) setBody() {
	content := r.op.RequestBody.Value.Content
	names := slices.Sorted(maps.Keys(content))
	if i := slices.Index(names, "application/json"); i > 0 {
		names[0], names[i] = names[i], names[0]
	}
	media := content[names[0]]
	r.header["Content-Type"] = names[0]
	example := media.Example
	for _, e := range media.Examples {
		example = e.Value.Value
	}
	if example == nil && media.Schema != nil {
		example = media.Schema.Value.Example
	}
	switch v := example.(type) {
	case string:
		r.body = v
	default:
		text, _ := json.Marshal(v) // came from the document
		r.body = string(text)
	}
}

func (r *request) parameters() []*openapi3.Parameter {
	var out []*openapi3.Parameter
	for _, list := range []openapi3.Parameters{r.item.Parameters, r.op.Parameters} {
		for _, p := range list {
			out = append(out, p.Value)
		}
	}
	return out
}

func (r *request) target() string {
	path := r.path
	for name, value := range r.params {
		path = strings.Replace(path, "{"+name+"}", url.PathEscape(value), 1)
	}
	if len(r.query) > 0 {
		path += "?" + r.query.Encode()
	}
	return path
}

func (r *request) options() []servertest.Option {
	var out []servertest.Option
	for name, value := range r.header {
		out = append(out, servertest.With(name, value))
	}
	return out
}

func (r request) with(fault string, change func(*request)) request {
	r.fault = fault
	r.params, r.query, r.header = maps.Clone(r.params), maps.Clone(r.query), maps.Clone(r.header)
	change(&r)
	return r
}

// odd are values that some real client or attacker sends where another is meant.
var odd = []string{
	"", " ", "0", "-1", "1e3", "9223372036854775808", "abc", "null", "true", "\x00", "é", "\xff", "' OR 1=1 --",
	"../../etc/passwd", "%2e%2e%2f", "00000000-0000-0000-0000-000000000000", "ffffffffffffffffffffffff",
	"2026-13-45", "2026-01-01", strings.Repeat("9", 400), strings.Repeat("x", 5000), "a,b;c|d", "[]", "{}",
}

func (r request) faults() []request {
	all := []request{r}
	if r.method == http.MethodGet {
		all = append(all, r.with("HEAD", func(r *request) { r.method = http.MethodHead }))
	}
	all = append(all, r.headerFaults()...)
	for _, p := range r.parameters() {
		all = append(all, r.paramFaults(p)...)
	}
	if r.op.RequestBody != nil {
		all = append(all, r.bodyFaults()...)
	}
	return all
}

func (r request) headerFaults() []request {
	var all []request
	for name, values := range map[string][]string{
		"Authorization":         {"", "Basic dXNlcjpwYXNz", "Bearer nonsense-nonsense", "x"},
		"Accept":                {"application/v2", "application/v1", "text/html", "nonsense", "application/v99999999999999999999"},
		"Content-Type":          {"", "text/plain", "application/json; charset=utf-8", "APPLICATION/JSON", "multipart/form-data", "multipart/form-data; boundary=x", "nonsense"},
		"Content-Encoding":      {"gzip", "br", "zstd", "gzip, gzip"},
		"OpenStack-API-Version": {"test-lab 9.9", "test-lab x", "key-manager 1.1"},
		"Range":                 {"bytes=0-0", "bytes=9999999999-", "bytes=a-b", "lines=1-2"},
		"If-None-Match":         {"*", `"x"`},
	} {
		for _, value := range values {
			all = append(all, r.with(name+": "+value, func(r *request) { r.header[name] = value }))
		}
	}
	return all
}

func (r request) paramFaults(p *openapi3.Parameter) []request {
	var all []request
	for _, value := range odd {
		fault := fmt.Sprintf("%s %s = %.40q", p.In, p.Name, value)
		switch p.In {
		case openapi3.ParameterInPath:
			if value != "" {
				all = append(all, r.with(fault, func(r *request) { r.params[p.Name] = value }))
			}
		case openapi3.ParameterInQuery:
			all = append(all, r.with(fault, func(r *request) { r.query.Set(p.Name, value) }))
		}
	}
	if p.In == openapi3.ParameterInQuery {
		value := fmt.Sprint(p.Example)
		all = append(all,
			r.with("query "+p.Name+" as its example", func(r *request) { r.query.Set(p.Name, value) }),
			r.with("query "+p.Name+" twice", func(r *request) { r.query[p.Name] = []string{value, value} }))
	}
	return all
}

func (r request) bodyFaults() []request {
	var all []request
	for name, body := range map[string]string{
		"empty": "", "null": "null", "a list": "[]", "a number": "1", "a text": `"x"`, "an object": "{}",
		"cut": r.body[:len(r.body)/2], "more behind": r.body + "x", "bad UTF-8": strings.Replace(r.body, ":", ":\"\xff\",", 1),
		"deep": strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), "NaN": `{"a":NaN}`,
		"a name twice": strings.Replace(r.body, "{", `{"x":1,"x":2,`, 1),
	} {
		all = append(all, r.with("body: "+name, func(r *request) { r.body = body }))
	}
	var members map[string]any
	if json.Unmarshal([]byte(r.body), &members) != nil {
		return all
	}
	for name := range members {
		all = append(all, r.with("body without "+name, func(r *request) { r.body = without(members, name) }))
		for _, value := range []any{nil, true, -1, 1e300, "", "\x00", strings.Repeat("x", 5000), []any{}, []any{nil}, map[string]any{}, map[string]any{"x": map[string]any{}}} {
			all = append(all, r.with(fmt.Sprintf("body with %s = %.40v", name, value), func(r *request) { r.body = replaced(members, name, value) }))
		}
	}
	return append(all, r.with("body with an unknown member", func(r *request) { r.body = replaced(members, "no-such-member", 1) }))
}

func without(members map[string]any, name string) string {
	changed := maps.Clone(members)
	delete(changed, name)
	text, _ := json.Marshal(changed)
	return string(text)
}

func replaced(members map[string]any, name string, value any) string {
	changed := maps.Clone(members)
	changed[name] = value
	text, _ := json.Marshal(changed)
	return string(text)
}
