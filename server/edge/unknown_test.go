package edge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server/edge/fault"
)

// TestUnknownNames_EveryOperation asks every operation of the document with a
// parameter in the query, and a member in the body, that it does not know. Each
// refuses and names it, or the document says whose clients may send it.
func TestUnknownNames_EveryOperation(t *testing.T) {
	t.Parallel()

	doc, h := loadDocument(t), routed(t)
	strict, bodies := 0, 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			lenient := text(op.Extensions, "x-lenient")
			system := text(op.Extensions, "x-dialect")
			if lenient != "" && system != "" && lenient != system && !slices.Contains([]string{"ipxe", "cloud-init", "keystone"}, lenient) {
				t.Errorf("%s is lenient to %s, but speaks as %s", op.OperationID, lenient, system)
			}
			target := target(path, item, op)
			found := refusals(t, h, method, target+"?zz-unknown=1", "")
			if refused := slices.ContainsFunc(found, func(e mistake) bool {
				return e.In == "query" && e.Parameter == "zz-unknown" && strings.HasPrefix(e.Message, "is not a known parameter")
			}); refused != (lenient == "") {
				t.Errorf("%s (x-lenient: %q): an unknown parameter is refused: %t; %v", op.OperationID, lenient, refused, found)
			}
			if lenient != "" {
				continue
			}
			strict++
			if op.RequestBody == nil {
				continue
			}
			for media, content := range op.RequestBody.Value.Content {
				if media == "application/octet-stream" || media == "application/x-yaml" {
					continue // bytes that are kept have no names
				}
				if media != "application/json" || text(op.Extensions, "x-body") == "stream" {
					t.Errorf("%s: who checks the names in %s?", op.OperationID, media)
				}
				bodies++
				closed(t, op.OperationID, content.Schema, map[*openapi3.Schema]bool{})
				found := refusals(t, h, method, target, `{"zz-unknown":1}`)
				if !slices.ContainsFunc(found, func(e mistake) bool {
					return e.In == "body" && e.Pointer != nil && *e.Pointer == "/zz-unknown" && strings.HasPrefix(e.Message, "is not a known member")
				}) {
					t.Errorf("%s takes an unknown member: %v", op.OperationID, found)
				}
			}
		}
	}
	if strict < 70 || bodies < 15 {
		t.Errorf("only %d operations refuse unknown names, %d of them in bodies", strict, bodies)
	}
}

// target fills in the parameters of a path, with their examples.
func target(path string, item *openapi3.PathItem, op *openapi3.Operation) string {
	for _, list := range []openapi3.Parameters{op.Parameters, item.Parameters} {
		for _, p := range list {
			path = strings.Replace(path, "{"+p.Value.Name+"}", fmt.Sprint(cmp.Or(p.Value.Example, any("1"))), 1)
		}
	}
	return path
}

// refusals sends a request and returns what its answer says to be wrong.
func refusals(t *testing.T, h http.Handler, method, target, body string) []mistake {
	t.Helper()
	r := httptest.NewRequest(method, "http://lab"+target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer test-admin-token")
	if strings.Contains(target, "/work") { // a machine's call, which is looked at with its key only
		r.Header.Set("X-Machine-Key", "test-machine-key")
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code < 400 {
		return nil
	}
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, target, w.Code, w.Body, err)
	}
	if len(p.Errors) > 0 && w.Code != http.StatusBadRequest {
		t.Errorf("%s %s: %d", method, target, w.Code)
	}
	return p.Errors
}

// closed reports each object within a body whose schema lists members and does
// not say whether there may be others.
func closed(t *testing.T, id string, ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	t.Helper()
	if ref == nil || seen[ref.Value] {
		return
	}
	s := ref.Value
	seen[s] = true
	if others := s.AdditionalProperties; len(s.Properties) > 0 && others.Has == nil && others.Schema == nil {
		t.Errorf("%s: a schema of its body with the members %v does not say whether there may be others: %s", id, s.Required, s.Description)
	}
	for _, p := range s.Properties {
		closed(t, id, p, seen)
	}
	closed(t, id, s.Items, seen)
	closed(t, id, s.AdditionalProperties.Schema, seen)
	for _, list := range []openapi3.SchemaRefs{s.AllOf, s.OneOf, s.AnyOf} {
		for _, part := range list {
			closed(t, id, part, seen)
		}
	}
}

// TestUnknownNames_Parameters: what is refused is named, in order, with the
// known name that was meant, and neither too many nor too long.
func TestUnknownNames_Parameters(t *testing.T) {
	t.Parallel()

	ops := loadOperations(t)
	const known = "; known are after, cloud_id, cursor, damaged, finished, limit, name, outcome, page, uploader"
	for _, tt := range []struct {
		name, id, query string
		want            []fault.Entry
	}{
		{"a slip", "listRuns", "outcom=fail", []fault.Entry{{Parameter: "outcom", In: "query", Message: "is not a known parameter (did you mean outcome?)" + known}}},
		{"another spelling", "listRuns", "cloudId=1&limit=7", []fault.Entry{{Parameter: "cloudId", In: "query", Message: "is not a known parameter (did you mean cloud_id?)" + known}}},
		{"two, and a wrong value", "listRuns", "zzzz=1&Page=1&page=x", []fault.Entry{
			{Parameter: "Page", In: "query", Message: "is not a known parameter (did you mean page?)" + known},
			{Parameter: "zzzz", In: "query", Message: "is not a known parameter" + known},
			{Parameter: "page", In: "query", Message: "must be an integer"},
		}},
		{"without a value", "listRuns", "finish", []fault.Entry{{Parameter: "finish", In: "query", Message: "is not a known parameter (did you mean finished?)" + known}}},
		{"no parameter is known", "getRun", "x=1", []fault.Entry{{Parameter: "x", In: "query", Message: "is not a known parameter"}}},
		{"bytes that are no text", "getRun", "%ff=1", []fault.Entry{{Parameter: "\uFFFD", In: "query", Message: "is not a known parameter"}}},
		{"a long name", "getRun", strings.Repeat("x", 5000), []fault.Entry{{Parameter: strings.Repeat("x", 100), In: "query", Message: "is not a known parameter"}}},
		{"nothing", "getRun", "", nil},
		{"nothing but separators", "getRun", "&&", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			op := ops[tt.id]
			err := newValidator(op, 1, 1).checkParams(bindable(op, "/x?"+tt.query, "test_id", "1"))
			if (err == nil) != (tt.want == nil) || err != nil && !slices.Equal(faultOf(err).Errors, tt.want) {
				t.Errorf("%v: got\n%+v, want\n%+v", err, faultOf(err).Errors, tt.want)
			}
		})
	}
	many := url.Values{}
	for i := range 1000 {
		many.Set(strings.Repeat("a", i+1), "1")
	}
	op := ops["listRuns"]
	err := newValidator(op, 1, 1).checkParams(bindable(op, "/x?"+many.Encode()))
	if n := len(faultOf(err).Errors); n != mostUnknown {
		t.Errorf("1000 unknown parameters give %d errors", n)
	}
}

// TestUnknownNames_TokenIsNotEchoed: a token that stands where a name should is
// not repeated.
func TestUnknownNames_TokenIsNotEchoed(t *testing.T) {
	t.Parallel()

	const token = "slwu_0123456789012345678901234567890123456789012345"
	h := routed(t)
	for target, body := range map[string]string{"/v1/runs?" + token: "", "/v1/clouds": `{"` + token + `":1}`} {
		method := http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
		text, _ := json.Marshal(refusals(t, h, method, target, body))
		if !strings.Contains(string(text), "is not a known") || strings.Contains(string(text), token) {
			t.Errorf("%s: %s", target, text)
		}
	}
}

// TestOperations_LenientToNobody: a system that nobody knows is a slip in the
// document.
func TestOperations_LenientToNobody(t *testing.T) {
	t.Parallel()

	item := &openapi3.PathItem{}
	for _, who := range []any{"", "friends", true} {
		op := &openapi3.Operation{OperationID: "x", Extensions: map[string]any{"x-lenient": who}}
		if _, err := newOperation(&openapi3.T{}, "/x", http.MethodGet, item, op); err == nil || !strings.Contains(err.Error(), "x-lenient") {
			t.Errorf("x-lenient: %v: %v", who, err)
		}
	}
}
