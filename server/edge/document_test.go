package edge

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
)

var document = sync.OnceValues(LoadDocument)

func loadDocument(tb testing.TB) *openapi3.T {
	tb.Helper()
	doc, err := document()
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

func loadOperations(tb testing.TB) map[string]*operation {
	tb.Helper()
	ops, err := operations(loadDocument(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return ops
}

// oddTexts are values that some real client or attacker sends where another is
// meant.
var oddTexts = []string{
	"", " ", "0", "1", "7", "-1", "+1", "007", "1.0", "1e3", "1000", "1001", "2147483648", "9223372036854775807", "9223372036854775808",
	"abc", "null", "true", "false", "T", "yes", "é", "' OR 1=1 --", "../../etc/passwd", "%2e%2e%2f", "current",
	"00000000-0000-0000-0000-000000000000", "ffffffffffffffffffffffff", "2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00",
	strings.Repeat("9", 400), strings.Repeat("x", 5000), "a,b;c|d", "[]", "{}",
}

// TestParameters_AgreeWithKin holds the checks of every parameter of the
// document against what kin-openapi says, and what the binding would find
// afterwards. Only the format uuid, which kin-openapi does not know, differs.
func TestParameters_AgreeWithKin(t *testing.T) {
	t.Parallel()

	doc, ops := loadDocument(t), loadOperations(t)
	compared := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for _, p := range ops[op.OperationID].params {
				described := cmp.Or(op.Parameters.GetByInAndName(p.in, p.name), item.Parameters.GetByInAndName(p.in, p.name))
				if described.Schema.Value.Format == "uuid" {
					continue
				}
				route := &routers.Route{Path: path, PathItem: item, Method: method, Operation: op}
				for _, given := range textsFor(described) {
					compared++
					compareWithKin(t, route, &p, described, given)
				}
			}
		}
	}
	if compared < 10_000 {
		t.Errorf("only %d texts were compared", compared)
	}
}

// textsFor lists what may be given for a parameter, beginning with nothing.
func textsFor(p *openapi3.Parameter) [][]string {
	all := [][]string{nil}
	texts := slices.Clone(oddTexts)
	if s, ok := p.Example.(string); ok {
		texts = append(texts, s, s+"x")
	}
	for _, v := range p.Schema.Value.Enum {
		texts = append(texts, v.(string), strings.ToLower(v.(string)))
	}
	for _, text := range texts {
		all = append(all, []string{text})
		if p.In == openapi3.ParameterInQuery {
			all = append(all, []string{text, text})
		}
		if p.Schema.Value.Type.Is("array") {
			all = append(all, []string{text, "x", ""})
		}
	}
	return all
}

func compareWithKin(t *testing.T, route *routers.Route, p *parameter, described *openapi3.Parameter, given []string) {
	t.Helper()
	if p.in == openapi3.ParameterInPath && len(given) != 1 {
		return
	}
	taken, wrong := p.check.Take(given)
	r := httptest.NewRequest(http.MethodGet, "http://x/", http.NoBody)
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: map[string]string{}, QueryParams: url.Values{}, Route: route, Options: &openapi3filter.Options{MultiError: true},
	}
	switch {
	case p.in == openapi3.ParameterInPath:
		input.PathParams[p.name] = given[0]
	case p.in == openapi3.ParameterInQuery && given != nil:
		input.QueryParams[p.name] = given
		r.URL.RawQuery = input.QueryParams.Encode()
	case p.in == openapi3.ParameterInHeader && given != nil:
		r.Header[p.header] = given
	}
	err := openapi3filter.ValidateParameter(r.Context(), input, described)
	if (wrong == "") != (err == nil) {
		t.Errorf("%s: %s %s: Take(%.60q) says %q, kin-openapi: %v", route.Operation.OperationID, p.in, p.name, given, wrong, err)
	}
	if bound := r.URL.Query()[p.name]; p.in == openapi3.ParameterInQuery && err == nil && len(taken) > 0 && taken[0] != bound[0] {
		t.Errorf("%s: %s %s: Take(%.60q) takes %q, want %q", route.Operation.OperationID, p.in, p.name, given, taken, bound)
	}
}

// TestProblem_IsTheDocuments holds the error that is sent against the schema of
// Problem: no member too many, and none missing but those of a microversion.
func TestProblem_IsTheDocuments(t *testing.T) {
	t.Parallel()

	schemas := loadDocument(t).Components.Schemas
	for name, sent := range map[string]any{"Problem": problem{}, "ProblemDetail": mistake{}} {
		described := slices.Sorted(maps.Keys(schemas[name].Value.Properties))
		if got := members(reflect.TypeOf(sent)); !slices.Equal(got, described) {
			t.Errorf("%s is sent with %q, the document has %q", name, got, described)
		}
	}
	full := fault.Invalid("everything is wrong")
	full.URL, full.Title, full.MinVersion, full.MaxVersion = "/docs", "No", "1.0", "1.0"
	for _, in := range []string{"path", "query", "header", "cookie", "body", "form"} {
		full.Errors = append(full.Errors, fault.Entry{In: in, Parameter: "x", Message: "is wrong"})
	}
	full.Errors = append(full.Errors, fault.Entry{In: "body", InBody: true, Message: "is wrong"})
	for _, tt := range []struct {
		fault *fault.Fault
		want  string
	}{
		{fault.NotFound("run %d does not exist", 7), `{"code":404,"detail":"run 7 does not exist","errors":[],"id":"resource-not-found","instance":"/v1/runs/7","message":"run 7 does not exist",` +
			`"reason":"run 7 does not exist","request_id":"req-1","status":404,"title":"Not Found","type":"https://lab.example.org/docs/problems/resource-not-found","url":"https://lab.example.org/docs/problems/resource-not-found"}`},
		{fault.InvalidBody("", "must be JSON"), `{"code":400,"detail":"the body must be JSON","errors":[{"in":"body","message":"must be JSON","pointer":""}],"id":"invalid-request","instance":"/v1/runs/7",` +
			`"message":"the body must be JSON","reason":"the body must be JSON","request_id":"req-1","status":400,"title":"Bad Request","type":"https://lab.example.org/docs/problems/invalid-request","url":"https://lab.example.org/docs/problems/invalid-request"}`},
		{full, ""},
	} {
		text, err := json.Marshal(problemOf(tt.fault, &call.Info{Path: "/v1/runs/7", ID: "req-1", Origin: call.Origin{Scheme: "https", Host: "lab.example.org"}}))
		if err != nil {
			t.Fatal(err)
		}
		if tt.want != "" && string(text) != tt.want {
			t.Errorf("got  %s\nwant %s", text, tt.want)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		if err := schemas["Problem"].Value.VisitJSON(value, openapi3.VisitAsResponse()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// members returns the names of a struct's members in JSON, which must stand in
// order.
func members(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// TestOperations_KeepNothing: the document is large, so none of it may live on
// in what is made of it.
func TestOperations_KeepNothing(t *testing.T) {
	t.Parallel()

	kept := reflect.TypeFor[openapi3.T]().PkgPath()
	for _, of := range []reflect.Type{reflect.TypeFor[operation](), reflect.TypeFor[parameter](), reflect.TypeFor[body](), reflect.TypeFor[validator]()} {
		for i := range of.NumField() {
			field := of.Field(i).Type
			for field.Kind() == reflect.Pointer || field.Kind() == reflect.Slice {
				field = field.Elem()
			}
			if field.PkgPath() == kept {
				t.Errorf("%s.%s keeps a part of the document", of.Name(), of.Field(i).Name)
			}
		}
	}
}

// bindable makes a request for an operation as it stands behind the router. Names
// and values of parameters in the path follow the target.
func bindable(op *operation, target string, path ...string) echo.Context {
	c := echo.New().NewContext(httptest.NewRequest(op.method, target, http.NoBody), httptest.NewRecorder())
	var names, values []string
	for i := 0; i < len(path); i += 2 {
		names, values = append(names, path[i]), append(values, path[i+1])
	}
	c.SetParamNames(names...)
	c.SetParamValues(values...)
	return c
}

// TestCheckParams_Binding: what was decided about a parameter is what the
// generated binding finds in the query.
func TestCheckParams_Binding(t *testing.T) {
	t.Parallel()

	ops := loadOperations(t)
	for _, tt := range []struct {
		name, id, query string
		want            url.Values
	}{
		{"defaults", "listClouds", "", url.Values{"limit": {"100"}, "page": {"1"}}},
		{"an empty text is a default", "listClouds", "limit=&page=2", url.Values{"limit": {"100"}, "page": {"2"}}},
		{"the same twice", "listClouds", "limit=5&limit=5", url.Values{"limit": {"5"}, "page": {"1"}}},
		{"what nobody describes stays, where old clients send it", "listProducts", "x=1&x=2", url.Values{"limit": {"100"}, "x": {"1", "2"}}},
		{"a raw query is the handler's", "listBoots", "limit=nonsense&lab=%zz", url.Values{}},
		{"the last counts", "receiveLavaTest", "lab_name=a&lab_name=b", url.Values{"lab_name": {"b"}}},
		{"a streamed operation reads its query itself", "receiveLavaTest", "lab_name=a&x=%zz", url.Values{"lab_name": {"a"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			op := ops[tt.id]
			c := bindable(op, "/x?"+tt.query)
			if err := newValidator(op, 1, 1).checkParams(c); err != nil {
				t.Fatal(err)
			}
			got := c.QueryParams()
			if len(got) != len(tt.want) {
				t.Errorf("the binding finds %v, want %v", got, tt.want)
			}
			for name, values := range tt.want {
				if !slices.Equal(got[name], values) {
					t.Errorf("the binding finds %v, want %v", got, tt.want)
				}
			}
		})
	}
}

// TestCheckParams_Refuses: each parameter that is wrong is named once, with the
// place where it stood.
func TestCheckParams_Refuses(t *testing.T) {
	t.Parallel()

	ops := loadOperations(t)
	for _, tt := range []struct {
		name, id, target string
		path             []string
		want             []fault.Entry
	}{
		{"in the path", "getCloud", "/v1/clouds/x", []string{"cloud_id", "x"}, []fault.Entry{{Parameter: "cloud_id", In: "path", Message: "must be an integer"}}},
		{"nothing in the path", "getCloud", "/v1/clouds/", []string{"cloud_id", ""}, []fault.Entry{{Parameter: "cloud_id", In: "path", Message: "is required"}}},
		{"in the query", "listClouds", "/v1/clouds?limit=0&page=x", nil, []fault.Entry{
			{Parameter: "page", In: "query", Message: "must be an integer"}, {Parameter: "limit", In: "query", Message: "must be at least 1"},
		}},
		{"two values", "listClouds", "/v1/clouds?limit=1&limit=2", nil, []fault.Entry{{Parameter: "limit", In: "query", Message: "must be given only once"}}},
		{"in a header", "appendOutput", "/x?offset=0", []string{"product_id", "a", "test_opportunity_id", "b"}, []fault.Entry{{Parameter: "Lease-Token", In: "header", Message: "is required"}}},
		{"U+0000", "listAudit", "/x?actor=a%00", nil, []fault.Entry{{Parameter: "actor", In: "query", Message: "must be UTF-8 text without U+0000"}}},
		{"bad UTF-8", "listAudit", "/x?actor=%ff", nil, []fault.Entry{{Parameter: "actor", In: "query", Message: "must be UTF-8 text without U+0000"}}},
		{"a query that cannot be read", "listAudit", "/x?actor=%zz", nil, nil},
		{"a semicolon", "listAudit", "/x?actor=a;b", nil, nil},
		{"too many parameters", "listAudit", "/x?" + strings.Repeat("&a", 20_000), nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			op := ops[tt.id]
			err := newValidator(op, 1, 1).checkParams(bindable(op, tt.target, tt.path...))
			f := faultOf(err)
			if err == nil || f.Status != http.StatusBadRequest || !slices.Equal(f.Errors, tt.want) {
				t.Errorf("%v: %+v, want %+v", err, f.Errors, tt.want)
			}
		})
	}
}

// TestCheckParams_Escapes: what is checked is what the binding reads, escaped
// once and not twice.
func TestCheckParams_Escapes(t *testing.T) {
	t.Parallel()

	op := loadOperations(t)["getRunResult"]
	for target, want := range map[string]bool{
		"/v1/runs/1/results/current":         true,
		"/v1/runs/1/results/c%75rrent":       true,
		"/v1/runs/1/results/c%2575rrent":     false,
		"/v1/runs/1/results/c%2575rrent%2F":  false,
		"/v1/runs/1/results/c%75rrent%2F..":  false,
		"/v1/runs/1/results/%63%75rrent":     true,
		"/v1/runs/1/results/%2563%2575rrent": false,
	} {
		var err error
		e := echo.New()
		e.GET(echoPath(op, op.path), func(c echo.Context) error {
			err = newValidator(op, 1, 1).checkParams(c)
			return nil
		})
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, http.NoBody))
		if (err == nil) != want {
			t.Errorf("%s: %v, want right: %t", target, err, want)
		}
	}
}

// TestLoadRules: a server that knows the rules only checks as one that knows the whole
// document.
func TestLoadRules(t *testing.T) {
	t.Parallel()
	rules, err := LoadRules()
	if err != nil {
		t.Fatal(err)
	}
	doc := loadDocument(t)
	if got, want := rules.Paths.Len(), doc.Paths.Len(); got != want {
		t.Fatalf("%d paths, want %d", got, want)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			got := rules.Paths.Value(path).GetOperation(method)
			if got == nil || got.OperationID != op.OperationID || len(got.Parameters) != len(op.Parameters) {
				t.Errorf("%s %s is not what the document says", method, path)
				continue
			}
			for i, p := range op.Parameters {
				wantSameRules(t, got.Parameters[i].Value.Schema, p.Value.Schema)
			}
			if op.RequestBody != nil {
				for media, content := range op.RequestBody.Value.Content {
					wantSameRules(t, got.RequestBody.Value.Content[media].Schema, content.Schema)
				}
			}
			for status, answer := range op.Responses.Map() {
				if !strings.HasPrefix(status, "2") && status != "507" {
					continue
				}
				for media := range answer.Value.Content {
					if got.Responses.Value(status).Value.Content[media] == nil {
						t.Errorf("%s %s: %s as %s is gone", method, path, status, media)
					}
				}
			}
		}
	}
}

// wantSameRules compares schemas without what people read of them.
func wantSameRules(t *testing.T, got, want *openapi3.SchemaRef) {
	t.Helper()
	if got == nil || want == nil {
		if got != want {
			t.Errorf("a schema is %v, want %v", got, want)
		}
		return
	}
	g, w := *got.Value, *want.Value
	if len(g.Properties) != len(w.Properties) || len(g.AllOf) != len(w.AllOf) || len(g.OneOf) != len(w.OneOf) {
		t.Errorf("the schema %s has other parts than in the document", got.Ref)
	}
	for name := range w.Properties {
		if g.Properties[name] == nil {
			t.Errorf("the schema %s lacks the property %s", got.Ref, name)
		}
	}
	if g.Pattern != w.Pattern || len(g.Enum) != len(w.Enum) || len(g.Required) != len(w.Required) || len(g.Extensions) != len(w.Extensions) || g.Format != w.Format {
		t.Errorf("the schema %s says something else than in the document", got.Ref)
	}
}
