package bodycheck

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// schemaOf returns the schema written as JSON.
func schemaOf(tb testing.TB, text string) *openapi3.SchemaRef {
	tb.Helper()
	doc := `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{},"components":{"schemas":{"T":` + text + `}}}`
	loaded, err := openapi3.NewLoader().LoadFromData([]byte(doc))
	if err != nil {
		tb.Fatal(err)
	}
	return loaded.Components.Schemas["T"]
}

func TestCheck_Messages(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, schema, body string
		want               []Violation
	}{
		{"wrong type", `{"type":"string"}`, `7`, []Violation{{"", "must be a string"}}},
		{"wrong type, integer", `{"type":"integer"}`, `1.5`, []Violation{{"", "must be an integer"}}},
		{"wrong type, nullable", `{"type":"boolean","nullable":true}`, `"x"`, []Violation{{"", "must be true or false or null"}}},
		{"wrong type for an object", `{"type":"object"}`, `[{"a":1}]`, []Violation{{"", "must be an object"}}},
		{"null", `{"type":"string"}`, `null`, []Violation{{"", "must not be null"}}},
		{"required, in a nested object", `{"type":"object","properties":{"a":{"type":"object","required":["x","y/z"]}}}`, `{"a":{}}`,
			[]Violation{{"/a/x", "is required"}, {"/a/y~1z", "is required"}}},
		{"unknown member", `{"type":"object","additionalProperties":false,"properties":{"b":{},"a":{}}}`, `{"c~":{"secret":1}}`,
			[]Violation{{"/c~0", "is not a known member; known are a, b"}}},
		{"unknown member of an empty object", `{"type":"object","additionalProperties":false}`, `{"c":1}`, []Violation{{"/c", "is not a known member"}}},
		{"read only", `{"type":"object","properties":{"id":{"type":"integer","readOnly":true}}}`, `{"id":5}`,
			[]Violation{{"/id", "is set by the server and must not be sent"}}},
		{"enum", `{"type":"string","enum":["a","b",""]}`, `"hunter2"`, []Violation{{"", `must be one of a, b, ""`}}},
		{"enum of one", `{"enum":[true]}`, `"hunter2"`, []Violation{{"", "must be true"}}},
		{"enum with null", `{"type":"integer","nullable":true,"enum":[1,2]}`, `3`, []Violation{{"", "must be one of 1, 2, null"}}},
		{"enum and object", `{"enum":["a",{"b":1}]}`, `{}`, []Violation{{"", `must be one of a, {"b":1}`}}},
		{"minimum", `{"type":"integer","minimum":5}`, `4`, []Violation{{"", "must be at least 5"}}},
		{"maximum", `{"type":"number","maximum":2.5}`, `2.6`, []Violation{{"", "must be at most 2.5"}}},
		{"exclusive", `{"type":"number","minimum":0,"exclusiveMinimum":true}`, `0`, []Violation{{"", "must be more than 0"}}},
		{"exclusive maximum", `{"type":"number","maximum":1,"exclusiveMaximum":true}`, `1`, []Violation{{"", "must be less than 1"}}},
		{"multipleOf", `{"type":"number","multipleOf":0.5}`, `0.7`, []Violation{{"", "must be a multiple of 0.5"}}},
		{"int32", `{"type":"integer","format":"int32"}`, `3000000000`, []Violation{{"", "must be an integer from -2147483648 to 2147483647"}}},
		{"beyond a float", `{"type":"number"}`, `1e999`, []Violation{{"", "must be a number within the range of a 64-bit float"}}},
		{"beyond a float, where anything goes", `{"type":"object"}`, `{"a":[1e999]}`, []Violation{{"/a/0", "must be a number within the range of a 64-bit float"}}},
		{"beyond a float, where raw JSON is kept", `{"type":"object","properties":{"a":{"x-go-type":"json.RawMessage"},"b":{}}}`, `{"a":[1e999],"b":1e999}`,
			[]Violation{{"/b", "must be a number within the range of a 64-bit float"}}},
		{"too long", `{"type":"string","maxLength":1}`, `"ab"`, []Violation{{"", "must have at most 1 character"}}},
		{"too short", `{"type":"string","minLength":60}`, `"ab"`, []Violation{{"", "must have at least 60 characters"}}},
		{"pattern", `{"type":"string","pattern":"^a+$"}`, `"b"`, []Violation{{"", "must match the pattern ^a+$"}}},
		{"date", `{"type":"string","format":"date"}`, `"yesterday"`, []Violation{{"", "must be a date such as 2024-05-31"}}},
		{"date-time", `{"type":"string","format":"date-time"}`, `"2024-05-31"`, []Violation{{"", "must be a time such as 2024-05-31T17:30:00Z"}}},
		{"uuid", `{"type":"string","format":"uuid"}`, `"x"`, []Violation{{"", "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000"}}},
		{"byte", `{"type":"string","format":"byte"}`, `"?"`, []Violation{{"", "must be base64"}}},
		{"few items", `{"type":"array","items":{},"minItems":1}`, `[]`, []Violation{{"", "must have at least 1 item"}}},
		{"many items", `{"type":"array","items":{},"maxItems":2}`, `[1,2,3]`, []Violation{{"", "must have at most 2 items"}}},
		{"repeated item", `{"type":"object","properties":{"t":{"type":"array","items":{},"uniqueItems":true}}}`, `{"t":["c","a","b","a","c"]}`,
			[]Violation{{"/t/3", "repeats an earlier item; all items must differ"}}},
		{"few members", `{"type":"object","minProperties":2}`, `{"a":1}`, []Violation{{"", "must have at least 2 members"}}},
		{"many members", `{"type":"object","maxProperties":1}`, `{"a":1,"b":2}`, []Violation{{"", "must have at most 1 member"}}},
		{"not", `{"not":{"type":"string"}}`, `"hunter2"`, []Violation{{"", "has a form that is excluded here"}}},
		{"not, for an object", `{"type":"object","not":{"required":["a"]}}`, `{"a":1}`, []Violation{{"", "has a form that is excluded here"}}},
		{"no alternative takes the type", `{"oneOf":[{"type":"string"},{"type":"array","items":{}}]}`, `{}`, []Violation{{"", "must be a string or an array"}}},
		{"the one alternative of that type complains", `{"oneOf":[{"type":"string"},{"type":"array","items":{"type":"integer"}}]}`, `[1,"x"]`,
			[]Violation{{"/1", "must be an integer"}}},
		{"the one alternative of that type complains, beside other rules",
			`{"type":"object","required":["b"],"oneOf":[{"type":"string"},{"type":"object","properties":{"a":{"type":"integer"}}}]}`,
			`{"a":"x"}`, []Violation{{"/b", "is required"}, {"/a", "must be an integer"}}},
		{"no alternative matches", `{"oneOf":[{"type":"object","required":["a"]},{"type":"object","required":["b"]}]}`, `{}`,
			[]Violation{{"", "must match one of the 2 allowed forms, but matches none"}}},
		{"two alternatives match", `{"oneOf":[{"type":"object","required":["a"]},{"type":"object","required":["b"]}]}`, `{"a":1,"b":1}`,
			[]Violation{{"", "must match exactly one of the allowed forms, but matches several"}}},
		{"two alternatives match a text", `{"oneOf":[{"type":"string"},{"maxLength":2}]}`, `"a"`,
			[]Violation{{"", "must match exactly one of the allowed forms, but matches several"}}},
		{"both parts complain, at the right place",
			`{"type":"object","properties":{"o":{"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false},{"type":"object","required":["b"]}]}}}`,
			`{"z":1,"o":{"a":"x"}}`, []Violation{{"/o/a", "must be an integer"}, {"/o/b", "is required"}}},
		{"several, in the order of the body", `{"type":"object","required":["c"],"properties":{"a":{"type":"string"},"b":{"type":"array","items":{"maximum":1}}}}`,
			`{"b":[1,2,[3],4],"a":0}`, []Violation{{"/b/1", "must be at most 1"}, {"/b/3", "must be at most 1"}, {"/a", "must be a string"}, {"/c", "is required"}}},
		{"no type fits", `{"type":"string","allOf":[{"type":"integer"}]}`, `1`, []Violation{{"", "is not allowed: its schema takes no value"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got := compile(t, schemaOf(t, tt.schema), Options{}).Check([]byte(tt.body))
			if !slices.Equal(got, tt.want) {
				t.Errorf("Check(%s)\n got %q\nwant %q", tt.body, got, tt.want)
			}
		})
	}
}

func TestCheck_Discriminator(t *testing.T) {
	t.Parallel()

	c := compile(t, loadSchemas(t)["Pet"], Options{})
	tests := []struct {
		name, body string
		want       []Violation
	}{
		{"missing", `{"lives":9}`, []Violation{{"/kind", "is required"}}},
		{"no string", `{"lives":9,"kind":{"a":1}}`, []Violation{{"/kind", "must be a string"}}},
		{"unknown", `{"lives":9,"kind":"hunter2"}`, []Violation{{"/kind", "must be one of cat, dog, puppy"}}},
		{"the chosen form complains", `{"lives":10,"kind":"cat"}`, []Violation{{"/lives", "must be at most 9"}}},
		{"no object", `[]`, []Violation{{"", "must be an object"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := c.Check([]byte(tt.body)); !slices.Equal(got, tt.want) {
				t.Errorf("Check(%s)\n got %q\nwant %q", tt.body, got, tt.want)
			}
		})
	}
}

func TestCheck_NotJSON(t *testing.T) {
	t.Parallel()

	c := compile(t, schemaOf(t, `{"type":"object","properties":{"a":{"type":"string"}}}`), Options{})
	tests := []struct {
		name, body string
		want       Violation
	}{
		{"nothing", "", Violation{"", "must be JSON, and is empty"}},
		{"only whitespace", " \r\n\t", Violation{"", "must be JSON, and is empty"}},
		{"cut off", `{"a":"hunter2`, Violation{"", "is not complete JSON: it ends at byte 13 in the middle of a value"}},
		{"cut off between values", `{"a":`, Violation{"", "is not complete JSON: it ends at byte 5 in the middle of a value"}},
		{"two values", `{} {}`, Violation{"", "must end after one JSON value, but more follows at byte 3"}},
		{"a bracket too many", `{}}`, Violation{"", "must end after one JSON value, but more follows at byte 2"}},
		{"name given twice", `{"x":{"a/b":1,"a\/b":2}}`, Violation{"/x/a~1b", "is given twice in the same object"}},
		{"known name given twice", `{"a":"x","a":"y"}`, Violation{"/a", "is given twice in the same object"}},
		{"bad UTF-8", "{\"a\":\"h\xff\"}", Violation{"", "is not valid UTF-8 at byte 7"}},
		{"bad UTF-8 in a name", "{\"\xc3(\":1}", Violation{"", "is not valid UTF-8 at byte 2"}},
		{"half a surrogate pair", `{"a":"\ud800"}`, Violation{"", "is not valid JSON: syntax error at byte 6; invalid escape in a string"}},
		{"NaN", `{"b":NaN}`, Violation{"", "is not valid JSON: syntax error at byte 5; NaN and Infinity are not JSON"}},
		{"Infinity", `{"b":[-Infinity]}`, Violation{"", "is not valid JSON: syntax error at byte 7; NaN and Infinity are not JSON"}},
		{"Python's True", `{"b":True}`, Violation{"", "is not valid JSON: syntax error at byte 5; true, false and null are in lower case"}},
		{"single quotes", `{'a':1}`, Violation{"", "is not valid JSON: syntax error at byte 1; text must be in double quotes"}},
		{"trailing comma", `{"b":[1, ]}`, Violation{"", "is not valid JSON: syntax error at byte 7; there must be no comma before the closing bracket"}},
		{"trailing comma in an object", `{"b":1,}`, Violation{"", "is not valid JSON: syntax error at byte 6; there must be no comma before the closing bracket"}},
		{"no comma", `{"b":1 "c":2}`, Violation{"", "is not valid JSON: syntax error at byte 7"}},
		{"name is a number", `{1:2}`, Violation{"", "is not valid JSON: the member name at byte 1 must be in double quotes"}},
		{"name is an object", `{{"a":1}:2}`, Violation{"", "is not valid JSON: the member name at byte 1 must be in double quotes"}},
		{"mismatched bracket", `{"b":[1}`, Violation{"", "is not valid JSON: syntax error at byte 7"}},
		{"line break in a string", "{\"a\":\"x\ny\"}", Violation{"", "is not valid JSON: syntax error at byte 7"}},
		{"other control character", "{\"a\":\"x\x01y\"}", Violation{"", "is not valid JSON: syntax error at byte 7; control characters must be escaped"}},
		{"a form", `a=hunter2&b=1`, Violation{"", "is not valid JSON: syntax error at byte 0"}},
		{"what is wrong before does not matter", `{"a":7,"b":x}`, Violation{"", "is not valid JSON: syntax error at byte 11"}},
		{"leading zero", `{"b":007}`, Violation{"", "is not valid JSON: syntax error at byte 6"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := c.Check([]byte(tt.body)); !slices.Equal(got, []Violation{tt.want}) {
				t.Errorf("Check(%q)\n got %q\nwant %q", tt.body, got, []Violation{tt.want})
			}
		})
	}
}

func TestCheck_Depth(t *testing.T) {
	t.Parallel()

	nested := func(levels int) []byte {
		return []byte(strings.Repeat(`{"a":[`, levels/2) + strings.Repeat(`]}`, levels/2))
	}
	schemas := map[string]*openapi3.SchemaRef{
		"free":      schemaOf(t, `{"type":"object"}`),
		"described": loadSchemas(t)["TestGroup"],
		"re-read":   schemaOf(t, `{"oneOf":[{"type":"object"},{"type":"object","required":["zz"]}]}`),
	}
	for name, schema := range schemas {
		c := compile(t, schema, Options{MaxDepth: 6})
		want := []Violation{{Pointer: "/a/0/a/0/a/0", Message: "must not be nested more than 6 levels deep"}}
		if got := c.Check(nested(8)); !slices.Equal(got, want) {
			t.Errorf("%s: 8 levels: got %q, want %q", name, got, want)
		}
		for _, v := range c.Check(nested(6)) {
			if strings.Contains(v.Message, "deep") {
				t.Errorf("%s: 6 levels: %q", name, v)
			}
		}
	}
	if got := compile(t, schemas["free"], Options{}).Check(nested(64)); got != nil {
		t.Errorf("64 levels with the default limit: %q", got)
	}
	if got := compile(t, schemas["free"], Options{}).Check(nested(1_000_000)); len(got) != 1 {
		t.Errorf("a million levels: %q", got)
	}
}

func TestCheck_MaxViolations(t *testing.T) {
	t.Parallel()

	members := make([]string, 100)
	for i := range members {
		members[i] = `"m` + strconv.Itoa(i) + `":1`
	}
	body := []byte(`{` + strings.Join(members, ",") + `}`)
	schema := schemaOf(t, `{"type":"object","additionalProperties":{"type":"string"},"required":["x","y"]}`)
	for limit, want := range map[int]int{0: 20, 1: 1, 1000: 102} {
		if got := compile(t, schema, Options{MaxViolations: limit}).Check(body); len(got) != want {
			t.Errorf("MaxViolations %d: got %d, want %d", limit, len(got), want)
		}
	}
}

// TestCheck_Work sends a body on which a plain reader of the schema would take
// 3^60 steps.
func TestCheck_Work(t *testing.T) {
	t.Parallel()

	c := compile(t, loadSchemas(t)["Ambiguous"], Options{})
	body := strings.Repeat(`{"next":`, 60) + `1` + strings.Repeat(`}`, 60)
	got := c.Check([]byte(body))
	if len(got) != 1 || got[0].Message != tooMuchWork {
		t.Errorf("Check: %q", got)
	}
	if got := c.Check([]byte(`{"next":{"next":{"left":1}}}`)); got != nil {
		t.Errorf("Check of a harmless body: %q", got)
	}
}

func TestCheck_LongPointer(t *testing.T) {
	t.Parallel()

	c := compile(t, schemaOf(t, `{"type":"object","additionalProperties":{"type":"object","additionalProperties":false}}`), Options{})
	got := c.Check([]byte(`{"a":{"` + strings.Repeat("x", 2000) + `":1}}`))
	want := []Violation{{"/a", "is not a known member"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheck_PlainIntegers(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		schema, body string
		lax, plain   bool
	}{
		{`{"type":"integer"}`, `1.0`, true, false},
		{`{"type":"integer"}`, `1e2`, true, false},
		{`{"type":"integer"}`, `9223372036854775808`, true, false},
		{`{"type":"integer"}`, `9223372036854775807`, true, true},
		{`{"type":"integer","format":"int32"}`, `1E0`, true, false},
		{`{"type":"number"}`, `1.0`, true, true},
	} {
		schema := schemaOf(t, tt.schema)
		if got := compile(t, schema, Options{}).Check([]byte(tt.body)); (got == nil) != tt.lax {
			t.Errorf("%s against %s: %q", tt.body, tt.schema, got)
		}
		if got := compile(t, schema, Options{PlainIntegers: true}).Check([]byte(tt.body)); (got == nil) != tt.plain {
			t.Errorf("PlainIntegers: %s against %s: %q", tt.body, tt.schema, got)
		}
	}
}

// TestCheck_ManyProperties has more members than fit a machine word.
func TestCheck_ManyProperties(t *testing.T) {
	t.Parallel()

	properties, required, members := []string{}, []string{}, []string{}
	for i := range 200 {
		name := `"p` + strconv.Itoa(i) + `"`
		properties = append(properties, name+`:{"type":"integer"}`)
		required = append(required, name)
		members = append(members, name+`:1`)
	}
	c := compile(t, schemaOf(t, `{"type":"object","additionalProperties":false,"properties":{`+strings.Join(properties, ",")+
		`},"required":[`+strings.Join(required, ",")+`]}`), Options{})
	if got := c.Check([]byte(`{` + strings.Join(members, ",") + `}`)); got != nil {
		t.Errorf("all members: %q", got)
	}
	for _, i := range []int{0, 63, 64, 199} {
		less := slices.Delete(slices.Clone(members), i, i+1)
		got := c.Check([]byte(`{` + strings.Join(less, ",") + `}`))
		if want := []Violation{{"/p" + strconv.Itoa(i), "is required"}}; !slices.Equal(got, want) {
			t.Errorf("without p%d: got %q, want %q", i, got, want)
		}
	}
}

// TestCheck_NeverEchoesValues sends a secret to every schema in every place.
func TestCheck_NeverEchoesValues(t *testing.T) {
	t.Parallel()

	const secret = "hunter2-31415926"
	for name, schema := range loadSchemas(t) {
		c := compile(t, schema, Options{})
		for _, body := range []string{
			`"` + secret + `"`, `["` + secret + `"]`, `{"` + secret, `"` + secret + "\xff", `{"kind":"` + secret + `"}`, secret, `-` + secret,
			`{"label":"` + secret + `","endpoint":"` + secret + `","architecture":"` + secret + `","results":["` + secret + `"],"name":{"x":"` + secret + `"}}`,
		} {
			for _, v := range c.Check([]byte(body)) {
				if strings.Contains(v.Message, "hunter2") || strings.Contains(v.Message, "314") {
					t.Errorf("%s: Check(%q) says %q", name, body, v.Message)
				}
			}
		}
	}
}

func TestCheck_Concurrent(t *testing.T) {
	t.Parallel()

	schemas := loadSchemas(t)
	c, filter := compile(t, schemas["TestGroup"], Options{}), compile(t, schemas["Filter"], Options{})
	good, bad := []byte(groupBody(20)), []byte(strings.Replace(groupBody(20), "PASS", "NONE", 3))
	deep := []byte(`{"and":[{"name":"b","not":{"name":"c","tags":["a\u0062","b"]}},{"and":[{"name":"x"}]}]}`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if v := c.Check(good); v != nil {
					t.Errorf("good body: %q", v)
				}
				if v := c.Check(bad); len(v) != 3 || v[2].Pointer != "/test_cases/2/status" {
					t.Errorf("bad body: %q", v)
				}
				if v := filter.Check(deep); v != nil {
					t.Errorf("filter: %q", v)
				}
			}
		})
	}
	wg.Wait()
}

func TestCompile_Refuses(t *testing.T) {
	t.Parallel()

	loop := &openapi3.Schema{}
	loop.AllOf = openapi3.SchemaRefs{{Ref: "#/loop", Value: &openapi3.Schema{AnyOf: openapi3.SchemaRefs{{Value: loop}}}}}
	tests := []struct {
		name   string
		schema *openapi3.SchemaRef
		want   string
	}{
		{"no schema", nil, "no schema"},
		{"an unresolved reference", &openapi3.SchemaRef{Ref: "#/x"}, `reference "#/x" is not resolved`},
		{"an unresolved reference inside", openapi3.NewObjectSchema().WithPropertyRef("a", &openapi3.SchemaRef{Ref: "#/x"}).NewRef(), `property "a": reference "#/x" is not resolved`},
		{"an unresolved alternative", (&openapi3.Schema{OneOf: openapi3.SchemaRefs{{Ref: "#/x"}}}).NewRef(), `reference "#/x" is not resolved`},
		{"its own alternative", loop.NewRef(), "refers to itself"},
		{"a bad pattern", schemaOf(t, `{"type":"object","properties":{"a":{"type":"string","pattern":"("}}}`), `property "a": pattern: `},
		{"a bad pattern in items", schemaOf(t, `{"type":"array","items":{"oneOf":[{"type":"string","pattern":"("}]}}`), `items: oneOf: pattern: `},
		{"a keyword of 3.1", (&openapi3.Schema{Const: 1.0, If: openapi3.NewSchema().NewRef()}).NewRef(), "not part of OpenAPI 3.0: const, if"},
		{"multipleOf 0", schemaOf(t, `{"type":"integer","multipleOf":0}`), "multipleOf must be more than 0"},
		{"an enum of something else", openapi3.NewStringSchema().WithEnum(struct{}{}).NewRef(), "cannot be compared"},
		{"a mapping to nowhere", schemaOf(t, `{"oneOf":[{"type":"object"}],"discriminator":{"propertyName":"k","mapping":{"a":"#/components/schemas/X"}}}`), `"a" stands for "#/components/schemas/X"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if _, err := Compile(tt.schema, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Compile: got %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

// TestCheck_EmptyCycle has a schema without any keyword that constrains, on
// which kin-openapi does not return.
func TestCheck_EmptyCycle(t *testing.T) {
	t.Parallel()

	c := compile(t, schemaOf(t, `{"properties":{"a":{"$ref":"#/components/schemas/T"}}}`), Options{})
	for body, want := range map[string]bool{`{"a":{"a":{"b":1}}}`: true, `7`: true, `null`: false} {
		if got := c.Check([]byte(body)); (got == nil) != want {
			t.Errorf("Check(%s) = %q, want valid: %t", body, got, want)
		}
	}
}

func TestChecker_Streaming(t *testing.T) {
	t.Parallel()

	schemas := loadSchemas(t)
	for schema, want := range map[string]bool{
		"Cloud": true, "TestGroup": true, "Cat": true, "NullableCat": true, "StringOrMany": true, "Integer": true, "Upload": true,
		"Pet": false, "Filter": false, "Dog": false, "NotClosed": false, "EnumObject": false,
	} {
		if got := compile(t, schemas[schema], Options{}).Streaming(); got != want {
			t.Errorf("%s: Streaming() = %t, want %t", schema, got, want)
		}
	}
}
