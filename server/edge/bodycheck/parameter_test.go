package bodycheck

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"pgregory.net/rapid"
)

// describe reads a parameter as the document would write it in JSON.
func describe(tb testing.TB, text string) *openapi3.Parameter {
	tb.Helper()
	var p openapi3.Parameter
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return &p
}

// kinInput is a request that gives the texts for a parameter, as kin-openapi
// takes it. As for bodies, only the formats that are stricter here are exchanged
// for our own.
func kinInput(p *openapi3.Parameter, given []string) *openapi3filter.RequestValidationInput {
	r := httptest.NewRequest(http.MethodGet, "http://x/", http.NoBody)
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: map[string]string{}, QueryParams: url.Values{}, Route: &routers.Route{},
		Options: &openapi3filter.Options{MultiError: true, SchemaValidationOptions: []openapi3.SchemaValidationOption{
			openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
				"date": own(isDate), "date-time": own(isDateTime), "uuid": own(isUUID),
			}),
		}},
	}
	switch p.In {
	case openapi3.ParameterInPath:
		input.PathParams[p.Name] = given[0]
	case openapi3.ParameterInQuery:
		input.QueryParams["other"] = []string{"x"}
		if len(given) > 0 {
			input.QueryParams[p.Name] = given
			r.URL.RawQuery = url.Values{p.Name: given}.Encode()
		}
	case openapi3.ParameterInHeader:
		if len(given) > 0 {
			r.Header[http.CanonicalHeaderKey(p.Name)] = given
		}
	}
	return input
}

// kinParameter is what kin-openapi says about a parameter, and the texts that
// the binding would find afterwards, the default included.
func kinParameter(p *openapi3.Parameter, given []string) (taken []string, err error) {
	input := kinInput(p, given)
	err = openapi3filter.ValidateParameter(input.Request.Context(), input, p)
	if p.In == openapi3.ParameterInQuery {
		return input.Request.URL.Query()[p.Name], err
	}
	return given, err
}

func compileParameter(tb testing.TB, p *openapi3.Parameter) *Parameter {
	tb.Helper()
	c, err := CompileParameter(p)
	if err != nil {
		tb.Fatalf("CompileParameter: %v", err)
	}
	return c
}

// parameters says which texts satisfy a parameter and which do not. kin-openapi
// must agree with every line.
var parameters = []struct {
	name, param    string
	valid, invalid [][]string
}{
	{"text", `{"name":"p","in":"query","schema":{"type":"string"}}`,
		[][]string{nil, {""}, {"x"}, {"x", "x"}, {"a,b"}, {"äöü 😀"}}, nil},
	{"short text", `{"name":"p","in":"query","schema":{"type":"string","minLength":1,"maxLength":3}}`,
		[][]string{nil, {"x"}, {"äöü"}}, [][]string{{""}, {"abcd"}}},
	{"text that may be empty", `{"name":"p","in":"query","allowEmptyValue":true,"schema":{"type":"string","minLength":2,"format":"date"}}`,
		[][]string{nil, {""}, {"2026-01-01"}}, [][]string{{"x"}, {"2026-01-1"}}},
	{"a pattern", `{"name":"p","in":"path","required":true,"schema":{"type":"string","pattern":"^[a-z]+$"}}`,
		[][]string{{"abc"}}, [][]string{{""}, {"A"}, {"a b"}}},
	{"words", `{"name":"p","in":"query","schema":{"type":"string","enum":["pass","fail"]}}`,
		[][]string{nil, {"pass"}, {"fail"}}, [][]string{{""}, {"PASS"}, {"pass "}}},
	{"a word by default", `{"name":"p","in":"query","schema":{"type":"string","enum":["pass","fail"],"default":"pass"}}`,
		[][]string{nil, {"fail"}}, [][]string{{""}, {"x"}}},
	{"a time", `{"name":"p","in":"query","schema":{"type":"string","format":"date-time"}}`,
		[][]string{nil, {"2026-01-01T00:00:00Z"}, {"2026-01-01T00:00:00.5+02:00"}}, [][]string{{""}, {"2026-01-01"}, {"2026-01-01 00:00:00Z"}, {"yesterday"}}},
	{"a UUID", `{"name":"p","in":"query","schema":{"type":"string","format":"uuid"}}`,
		[][]string{nil, {"123e4567-e89b-12d3-a456-426614174000"}, {"123E4567-E89B-12D3-A456-426614174000"}}, [][]string{{""}, {"x"}}},
	{"a limit", `{"name":"p","in":"query","schema":{"type":"integer","format":"int32","minimum":1,"maximum":1000,"default":100}}`,
		[][]string{nil, {""}, {"1"}, {"1000"}, {"+7"}, {"007"}, {"5", "5"}},
		[][]string{{"0"}, {"1001"}, {"-1"}, {"1.0"}, {"1e2"}, {" 1"}, {"x"}, {"2147483648"}, {"99999999999999999999"}, {"0x10"}, {"1_0"}}},
	{"a number of 64 bits", `{"name":"p","in":"query","schema":{"type":"integer","format":"int64"}}`,
		[][]string{nil, {"9223372036854775807"}, {"-9223372036854775808"}, {"0"}, {"-0"}}, [][]string{{""}, {"9223372036854775808"}, {"-9223372036854775809"}, {"+99999999999999999999"}}},
	{"an integer of no format", `{"name":"p","in":"query","schema":{"type":"integer"}}`,
		[][]string{nil, {"9223372036854775807"}}, [][]string{{"9223372036854775808"}, {"1.5"}, {""}}},
	{"an integer of another format", `{"name":"p","in":"query","schema":{"type":"integer","format":"port"}}`,
		[][]string{{"80"}}, [][]string{{"9223372036854775808"}, {"http"}}},
	{"an id in the path", `{"name":"p","in":"path","required":true,"schema":{"type":"integer","format":"int64","minimum":1}}`,
		[][]string{{"7"}, {"007"}}, [][]string{{""}, {"0"}, {"-7"}, {"7.0"}, {"x"}}},
	{"even", `{"name":"p","in":"query","schema":{"type":"integer","multipleOf":2}}`, [][]string{{"2"}, {"-4"}}, [][]string{{"3"}}},
	{"a number", `{"name":"p","in":"query","schema":{"type":"number","minimum":-1.5,"maximum":2.5,"exclusiveMaximum":true}}`,
		[][]string{nil, {"-1.5"}, {"2.4999"}, {".5"}, {"1."}, {"+1"}, {"1e0"}, {"0x1p-2"}, {"1e-400"}},
		[][]string{{""}, {"2.5"}, {"NaN"}, {"Inf"}, {"-inf"}, {"1e400"}, {"x"}, {"1,5"}}},
	{"yes or no", `{"name":"p","in":"query","schema":{"type":"boolean"}}`,
		[][]string{nil, {"true"}, {"false"}, {"1"}, {"0"}, {"T"}, {"FALSE"}}, [][]string{{""}, {"yes"}, {"tRue"}, {"2"}}},
	{"no by default", `{"name":"p","in":"query","schema":{"type":"boolean","default":false}}`,
		[][]string{nil, {""}, {"true"}}, [][]string{{"no"}}},
	{"required", `{"name":"p","in":"query","required":true,"schema":{"type":"string"}}`, [][]string{{"x"}, {""}}, [][]string{nil}},
	{"required with a default", `{"name":"p","in":"query","required":true,"schema":{"type":"integer","default":3}}`, [][]string{{"1"}, {""}}, [][]string{nil}},
	{"a header", `{"name":"x-key","in":"header","schema":{"type":"string","minLength":1,"maxLength":4}}`,
		[][]string{nil, {"abcd"}}, [][]string{{""}, {"abcde"}}},
	{"a header that is required", `{"name":"Lease-Token","in":"header","required":true,"schema":{"type":"string","minLength":1}}`,
		[][]string{{"x"}}, [][]string{nil, {""}}},
	{"a list", `{"name":"p","in":"query","schema":{"type":"array","items":{"type":"string"}}}`,
		[][]string{nil, {"a"}, {"a", "b"}, {"a,b"}, {"a", ""}, {"", ""}, {"a", "a"}}, [][]string{{""}}},
	{"a short list of words", `{"name":"p","in":"query","explode":true,"schema":{"type":"array","maxItems":2,"uniqueItems":true,"items":{"type":"string","enum":["a","b","c\""]}}}`,
		[][]string{{"a"}, {"b", "a"}, {"c\""}}, [][]string{{"d"}, {"a", "d"}, {"a", "b", "c\""}, {"a", "a"}, {"a,b"}}},
	{"a list of numbers", `{"name":"p","in":"query","style":"form","schema":{"type":"array","minItems":2,"items":{"type":"integer","maximum":9}}}`,
		[][]string{nil, {"1", "2"}, {"1", "+2", "003"}}, [][]string{{"1"}, {"1", "10"}, {"1", "x"}, {"1", ""}, {""}}},
	{"a list with a default", `{"name":"p","in":"query","schema":{"type":"array","items":{"type":"string"},"default":["a","b"]}}`,
		[][]string{nil, {"c"}, {""}}, nil},
}

func TestParameter_AgreesWithKin(t *testing.T) {
	t.Parallel()

	for _, tt := range parameters {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			p := describe(t, tt.param)
			c := compileParameter(t, p)
			for i, given := range slices.Concat(tt.valid, tt.invalid) {
				want := i < len(tt.valid)
				taken, wrong := c.Take(given)
				if (wrong == "") != want {
					t.Errorf("Take(%q) says %q, want valid: %t", given, wrong, want)
				}
				bound, err := kinParameter(p, given)
				if (err == nil) != want {
					t.Errorf("kin-openapi about %q: %v, want valid: %t", given, err, want)
				}
				if want && !allSame(given) && !slices.Equal(taken, bound) || want && len(given) == 0 && !slices.Equal(taken, bound) {
					t.Errorf("Take(%q) takes %q, want %q", given, taken, bound)
				}
			}
		})
	}
}

// TestParameter_StricterThanKin lists where the two differ, and why.
func TestParameter_StricterThanKin(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name, param string
		given       []string
		want        string
	}{
		{"no database holds U+0000", `{"name":"p","in":"query","schema":{"type":"string"}}`, []string{"a\x00"}, notStorable},
		{"no database holds bad UTF-8", `{"name":"p","in":"query","schema":{"type":"array","items":{"type":"string"}}}`, []string{"a", "\xff"}, notStorable},
		{"two values of one thing", `{"name":"p","in":"query","schema":{"type":"string"}}`, []string{"a", "b"}, notOnce},
		{"a header twice, which is not bound", `{"name":"p","in":"header","schema":{"type":"string"}}`, []string{"a", "a"}, notOnce},
		{"no 31 February", `{"name":"p","in":"query","schema":{"type":"string","format":"date"}}`, []string{"2024-02-31"}, "must be a date such as 2024-05-31"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			p := describe(t, tt.param)
			if _, wrong := compileParameter(t, p).Take(tt.given); wrong != tt.want {
				t.Errorf("Take(%q) says %q, want %q", tt.given, wrong, tt.want)
			}
			if tt.want == notStorable || tt.want == notOnce {
				if _, err := kinParameter(p, tt.given); err != nil {
					t.Errorf("kin-openapi about %q: %v; the difference is gone", tt.given, err)
				}
			}
		})
	}
}

// TestParameter_Messages: parameters are refused in the words in which members
// of a body are.
func TestParameter_Messages(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ schema, given, want string }{
		{`{"type":"string","minLength":1}`, "", "must not be empty"},
		{`{"type":"string","minLength":2}`, "x", "must have at least 2 characters"},
		{`{"type":"string","maxLength":2}`, "xxx", "must have at most 2 characters"},
		{`{"type":"string","enum":["a","b"]}`, "c", "must be one of a, b"},
		{`{"type":"string","pattern":"^x"}`, "c", "must match the pattern ^x"},
		{`{"type":"string","format":"date-time"}`, "c", "must be a time such as 2024-05-31T17:30:00Z"},
		{`{"type":"string","format":"uuid"}`, "c", "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000"},
		{`{"type":"integer"}`, "c", "must be an integer"},
		{`{"type":"integer"}`, "", "must not be empty"},
		{`{"type":"integer","format":"int32"}`, "99999999999999999999", "must be an integer from -2147483648 to 2147483647"},
		{`{"type":"integer","format":"port"}`, "99999999999999999999", "must be an integer"},
		{`{"type":"integer","minimum":1}`, "0", "must be at least 1"},
		{`{"type":"integer","maximum":1000000000}`, "1000000001", "must be at most 1000000000"},
		{`{"type":"number"}`, "c", "must be a number"},
		{`{"type":"number"}`, "NaN", "must be a number within the range of a 64-bit float"},
		{`{"type":"boolean"}`, "c", "must be true or false"},
		{`{"type":"array","items":{"type":"integer"}}`, "c", "must be an integer"},
		{`{"type":"array","items":{"type":"string"},"minItems":2}`, "c", "must have at least 2 items"},
	} {
		p := describe(t, `{"name":"p","in":"query","schema":`+tt.schema+`}`)
		if _, wrong := compileParameter(t, p).Take([]string{tt.given}); wrong != tt.want {
			t.Errorf("%s: Take(%q) says %q, want %q", tt.schema, tt.given, wrong, tt.want)
		}
	}
}

// TestCompileParameter_Refuses: what is not read stops the start.
func TestCompileParameter_Refuses(t *testing.T) {
	t.Parallel()

	for name, param := range map[string]string{
		"a cookie":                      `{"name":"p","in":"cookie","schema":{"type":"string"}}`,
		"another style":                 `{"name":"p","in":"query","style":"pipeDelimited","schema":{"type":"array","items":{"type":"string"}}}`,
		"a label in the path":           `{"name":"p","in":"path","required":true,"style":"label","schema":{"type":"string"}}`,
		"a list in one text":            `{"name":"p","in":"query","explode":false,"schema":{"type":"array","items":{"type":"string"}}}`,
		"a list in the path":            `{"name":"p","in":"path","required":true,"schema":{"type":"array","items":{"type":"string"}}}`,
		"a list of anything":            `{"name":"p","in":"query","schema":{"type":"array"}}`,
		"a list of lists":               `{"name":"p","in":"query","schema":{"type":"array","items":{"type":"array","items":{"type":"string"}}}}`,
		"an object":                     `{"name":"p","in":"query","schema":{"type":"object"}}`,
		"no type":                       `{"name":"p","in":"query","schema":{"minLength":1}}`,
		"two forms":                     `{"name":"p","in":"query","schema":{"type":"string","oneOf":[{"minLength":1},{"maxLength":0}]}}`,
		"no schema":                     `{"name":"p","in":"query"}`,
		"content":                       `{"name":"p","in":"query","content":{"application/json":{"schema":{"type":"string"}}}}`,
		"a default in a header":         `{"name":"p","in":"header","schema":{"type":"string","default":"x"}}`,
		"a number that may be empty":    `{"name":"p","in":"query","allowEmptyValue":true,"schema":{"type":"integer"}}`,
		"a pattern that cannot be read": `{"name":"p","in":"query","schema":{"type":"string","pattern":"("}}`,
	} {
		if _, err := CompileParameter(describe(t, param)); err == nil {
			t.Errorf("%s: CompileParameter(%s) succeeds", name, param)
		}
	}
}

// drawText draws what clients may write for a parameter.
func drawText(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", " ", "x", "xy", "xyz", "y", "X", "äöü", "a,b", "0", "1", "-1", "2", "3", "+1", "007", "1.0", "1.5", "0.3", "1e2", ".5", "NaN", "Inf", "0x1",
			"2147483648", "9223372036854775808", "true", "false", "T", "yes", "2024-05-31", "2024-05-31T17:30:00Z", "aGk=", "a b", "null", "[]", "{}",
		}),
		rapid.StringMatching(`[a-zA-Z0-9+. ,-]{0,6}`),
		rapid.StringN(0, 4, 16),
	).Filter(func(s string) bool { return storable([]string{s}) }).Draw(t, label)
}

// drawParameter draws the description of a parameter that is read.
func drawParameter(t *rapid.T) map[string]any {
	schema := map[string]any{}
	drawScalarSchema(t, schema)
	kind := schema["type"]
	if kind == "string" {
		sometimes(t, schema, "enum", rapid.Just([]any{"x", "y", ""}))
		if rapid.IntRange(0, 5).Draw(t, "time?") == 0 {
			schema["format"] = rapid.SampledFrom([]string{"date-time", "uuid"}).Draw(t, "format of text")
		}
	}
	p := map[string]any{"name": "p", "in": rapid.SampledFrom([]string{"query", "query", "path", "header"}).Draw(t, "in")}
	p["required"] = p["in"] == "path" || rapid.IntRange(0, 3).Draw(t, "required") == 0
	listed := p["in"] == "query" && rapid.IntRange(0, 2).Draw(t, "list") == 0
	switch {
	case listed:
		schema = map[string]any{"type": "array", "items": schema}
		sometimes(t, schema, "minItems", rapid.IntRange(0, 2))
		sometimes(t, schema, "maxItems", rapid.IntRange(1, 3))
		schema["uniqueItems"] = rapid.Bool().Draw(t, "unique")
	case kind == "string":
		p["allowEmptyValue"] = rapid.IntRange(0, 3).Draw(t, "blank") == 0
	}
	p["schema"] = schema
	return p
}

// checkRandomParameter compares the verdicts on random texts of a random
// parameter.
func checkRandomParameter(t *rapid.T) {
	text, err := json.Marshal(drawParameter(t))
	if err != nil {
		t.Fatal(err)
	}
	var p openapi3.Parameter
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	c, err := CompileParameter(&p)
	if err != nil {
		t.Fatalf("CompileParameter(%s): %v", text, err)
	}
	for range 8 {
		given := []string{drawText(t, "text")}
		switch n := rapid.IntRange(0, 9).Draw(t, "how many"); {
		case n == 0 && p.In != openapi3.ParameterInPath:
			given = nil
		case n < 5 && p.Schema.Value.Type.Is("array"):
			given = append(given, drawText(t, "second"), drawText(t, "third"))
		}
		taken, wrong := c.Take(given)
		_, err := kinParameter(&p, given)
		if (wrong == "") != (err == nil) {
			t.Fatalf("parameter %s\nTake(%q) says %q\nkin-openapi: %v", text, given, wrong, err)
		}
		if wrong == "" && !slices.Equal(taken, given) {
			t.Fatalf("parameter %s: Take(%q) takes %q", text, given, taken)
		}
	}
}

func TestParameter_Random(t *testing.T) {
	t.Parallel()

	rapid.Check(t, checkRandomParameter)
}

func FuzzParameter_Random(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(checkRandomParameter))
}

// FuzzParameter sends any texts to every parameter of the table.
func FuzzParameter(f *testing.F) {
	var list []*openapi3.Parameter
	var checks []*Parameter
	for i, row := range parameters {
		list = append(list, describe(f, row.param))
		checks = append(checks, compileParameter(f, list[i]))
		for _, given := range slices.Concat(row.valid, row.invalid) {
			if len(given) > 0 {
				f.Add(uint8(i), given[0], given[len(given)-1])
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, first, second string) {
		i := int(which) % len(list)
		given := []string{first}
		if list[i].Schema.Value.Type.Is("array") {
			given = append(given, second)
		}
		_, wrong := checks[i].Take(given)
		if wrong == notStorable || beyondFloats([]byte("["+strings.Join(given, ",")+"]")) {
			return
		}
		if _, err := kinParameter(list[i], given); (wrong == "") != (err == nil) {
			t.Errorf("%s: Take(%q) says %q, kin-openapi: %v", parameters[i].name, given, wrong, err)
		}
	})
}

// BenchmarkParameter compares the check with what it replaces. Both are given
// what is right.
func BenchmarkParameter(b *testing.B) {
	for _, i := range []int{1, 8, 22} {
		row := parameters[i]
		p, given := describe(b, row.param), row.valid[len(row.valid)-2]
		c := compileParameter(b, p)
		b.Run(fmt.Sprintf("%s/slipway", row.name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, wrong := c.Take(given); wrong != "" {
					b.Fatal(wrong)
				}
			}
		})
		b.Run(fmt.Sprintf("%s/kin", row.name), func(b *testing.B) {
			input := kinInput(p, given)
			b.ReportAllocs()
			for b.Loop() {
				if err := openapi3filter.ValidateParameter(b.Context(), input, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
