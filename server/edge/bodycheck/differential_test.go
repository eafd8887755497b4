package bodycheck

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// loadSchemas returns the schemas of testdata/schemas.yaml.
func loadSchemas(tb testing.TB) openapi3.Schemas {
	tb.Helper()
	text, err := os.ReadFile("testdata/schemas.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(text)
	if err != nil {
		tb.Fatal(err)
	}
	if err := doc.Validate(loader.Context); err != nil {
		tb.Fatal(err)
	}
	return doc.Components.Schemas
}

func compile(tb testing.TB, schema *openapi3.SchemaRef, o Options) *Checker {
	tb.Helper()
	c, err := Compile(schema, o)
	if err != nil {
		tb.Fatalf("Compile: %v", err)
	}
	return c
}

// kinVerdict is what kin-openapi says about a body after a strict decode. Only
// the formats that are stricter here are exchanged for our own, so that the
// rest can be compared with any text.
func kinVerdict(schema *openapi3.Schema, body []byte) error {
	if depthOf(body) > 64 {
		return fmt.Errorf("too deep")
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	return schema.VisitJSON(value, openapi3.VisitAsRequest(), openapi3.MultiErrors(),
		openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
			"date": own(isDate), "date-time": own(isDateTime), "uuid": own(isUUID),
		}))
}

func own(check func([]byte) bool) openapi3.StringFormatValidator {
	return openapi3.NewCallbackValidator(func(s string) error {
		if !check([]byte(s)) {
			return fmt.Errorf("malformed")
		}
		return nil
	})
}

func depthOf(body []byte) int {
	d := jsontext.NewDecoder(strings.NewReader(string(body)))
	deepest := 0
	for {
		if _, err := d.ReadToken(); err != nil {
			return deepest
		}
		deepest = max(deepest, d.StackDepth())
	}
}

// bodies says for each schema of testdata what satisfies it and what does not.
// kin-openapi must agree with every line.
var bodies = []struct {
	schema  string
	valid   []string
	invalid []string
}{
	{"Cloud", []string{cloudBody,
		`{"label":"a","endpoint":"http://k","admin_endpoint":"x","test_user":"t","admin_user":"a"}`,
		`{"label":"` + strings.Repeat("ö", 60) + `","endpoint":"http://k","admin_endpoint":"","test_user":"","admin_user":"","endpoint_v3":null}`,
		`{"label":"\u0061\n","endpoint":"http:\/\/k","admin_endpoint":"x","test_user":"t","admin_user":"a"}`,
	}, []string{
		`{}`, `[]`, `"x"`, `null`, `7`, `true`,
		`{"id":3,"label":"a","endpoint":"http://k","admin_endpoint":"x","test_user":"t","admin_user":"a"}`,
		`{"label":"","endpoint":"http://k","admin_endpoint":"x","test_user":"t","admin_user":"a"}`,
		`{"label":"` + strings.Repeat("ö", 61) + `","endpoint":"http://k","admin_endpoint":"x","test_user":"t","admin_user":"a"}`,
		`{"label":"a","endpoint":"ftp://k","admin_endpoint":"x","test_user":"t","admin_user":"a"}`,
		`{"label":"a","endpoint":"http://k","admin_endpoint":"x","test_user":"t","admin_user":"a","password":"x"}`,
		`{"Label":"a","endpoint":"http://k","admin_endpoint":"x","test_user":"t","admin_user":"a"}`,
	}},
	{"Upload", []string{
		`{"cpid":"x","duration_seconds":25,"results":[]}`,
		`{"cpid":"x","duration_seconds":25,"results":[{"name":"a","uuid":"0123456789abcdef0123456789abcdef"},{"name":"b","uid":7},"c"]}`,
	}, []string{
		`{"cpid":"x","duration_seconds":2.5,"results":[]}`, `{"cpid":"x","duration_seconds":25}`,
		`{"cpid":"x","duration_seconds":25,"results":[{"uuid":"x"}]}`, `{"cpid":"x","duration_seconds":25,"results":[7]}`,
		`{"cpid":"x","duration_seconds":25,"results":[null]}`, `{"cpid":"x","duration_seconds":25,"results":{}}`,
	}},
	{"TestGroup", []string{groupBody(1), groupBody(9),
		`{"name":"n","lab_name":"l","test_cases":[{"name":"a","status":"PASS","time":0.001}],"retries":"12","anything":{"a":[null]}}`,
		`{"name":"n","lab_name":"l","test_cases":[{"name":"a","status":"SKIP"}],"sub_groups":[{"name":"m","lab_name":"l","test_cases":[{"name":"b","status":"FAIL","attachments":["a","b"]}]}],"defconfig_full":null}`,
	}, []string{
		`{"name":"n","lab_name":"l","test_cases":[]}`, `{"name":"n","lab_name":"l l","test_cases":[{"name":"a","status":"PASS"}]}`,
		`{"name":"n","lab_name":"l","test_cases":[{"name":"a","status":"pass"}]}`, `{"name":"n","lab_name":"l","test_cases":[{"name":"a","status":"PASS","time":0}]}`,
		`{"name":"n","lab_name":"l","test_cases":[{"name":"a","status":"PASS"}],"retries":-1}`, `{"name":"n","lab_name":"l","test_cases":[{"name":"a","status":"PASS"}],"retries":"x"}`,
		`{"name":"n","lab_name":"l","test_cases":[{"name":"b","status":"FAIL","attachments":["a","b","a"]}]}`,
		`{"name":"n","lab_name":"l","test_cases":[{"name":"a","status":"SKIP"}],"sub_groups":[{"name":"m","lab_name":"l","test_cases":[{"name":"b"}]}]}`,
	}},
	{"Filter", []string{
		`{"name":"n"}`, `{"and":[]}`, `{"and":[{"name":"a","tags":["x","y"]},{"and":[{"name":"b","not":{"name":"c"}}]}]}`,
	}, []string{`{}`, `{"name":"n","and":[]}`, `{"and":[{"nome":"a"}]}`, `{"and":[{"name":"b","not":{"name":"c","tags":["x","x"]}}]}`, `"n"`, `null`}},
	{"Ambiguous", []string{`{}`, `{"next":{"left":1}}`, `{"next":{"next":{"next":{}}}}`}, []string{`{"next":1}`, `{"next":{"next":{"next":[]}}}`, `[]`}},
	{"Pet", []string{`{"kind":"cat","lives":9}`, `{"lives":1,"kind":"cat","owner":null}`, `{"kind":"dog","barks":true}`, `{"kind":"puppy","barks":false,"lives":"no"}`},
		[]string{`{"kind":"cat","barks":true}`, `{"kind":"dog","lives":9}`, `{"kind":"cow","lives":9}`, `{"lives":9}`, `{"kind":7,"lives":9}`, `{"kind":null}`,
			`{"kind":"cat","lives":10}`, `{"kind":"cat","lives":9,"id":1}`, `[]`, `"cat"`, `null`}},
	{"PetOrName", []string{`{"kind":"cat","lives":9}`, `"cat"`}, []string{`{"kind":"dog","lives":9}`, `{"lives":9}`, `7`}},
	{"PetByShape", []string{`{"kind":"x","lives":9}`, `{"kind":"dog","barks":true}`, `{"kind":"dog","barks":true,"lives":3}`}, []string{`{"lives":9}`, `{"kind":"x","barks":true}`, `{"kind":"x"}`}},
	{"Cat", []string{`{"kind":"x","lives":1}`}, []string{`{"kind":"x"}`, `{"lives":1}`, `null`, `7`, `{"kind":"x","lives":1,"owner":1}`}},
	{"Dog", []string{`{"kind":"dog","barks":true}`}, []string{`{"kind":"cat","barks":true}`, `{"kind":"dog"}`, `{"kind":"dog","barks":true,"id":4}`}},
	{"NullableCat", []string{`null`, `{"kind":"x","lives":1}`}, []string{`{}`, `1`}},
	{"ClosedPart", []string{`{"a":1}`, `{"a":1,"b":"xy"}`}, []string{`{"a":1,"b":"x"}`, `{"a":1,"c":1}`, `{"b":"xy"}`, `null`}},
	{"Integer", []string{`0`, `-1`, `1.0`, `1e2`, `100e-2`, `1E+2`, `123456789012345678901234567890`, `1e300`, `0.0`}, []string{`1.5`, `1e-1`, `"1"`, `null`, `true`, `1e400`, `-1E400`, `1` + strings.Repeat("0", 400), `[]`}},
	{"Int32", []string{`2147483647`, `-2147483648`, `2147483647.0`, `21e8`}, []string{`2147483648`, `-2147483649`, `22e8`, `1e30`}},
	{"Int64", []string{`9223372036854775807`, `-9223372036854775808`, `9e18`, `1.0`}, []string{`9.3e18`, `1e19`, `-9.3e18`, `1e300`, `99999999999999999999`}},
	{"Number", []string{`-1.5`, `0`, `2.4999`, `1e-400`}, []string{`-1.51`, `2.5`, `3`, `1e400`, `"1"`}},
	{"Step", []string{`0`, `0.1`, `0.3`, `1.1`, `-7.7`, `3`}, []string{`0.05`, `0.31`, `0.1000001`}},
	{"Even", []string{`-8`, `0`, `2`, `2e3`, `4.0`}, []string{`-10`, `3`, `2.5`, `-12`}},
	{"Text", []string{`"ab"`, `"abcd"`, `"äöüß"`, `"\u00e4\u00f6"`, `"😀😀😀😀"`, `"\ud83d\ude00x"`}, []string{`"a"`, `"abcde"`, `"😀"`, `""`, `1`, `null`}},
	{"Code", []string{`"AB/12"`, `"\u0041B\/0"`}, []string{`"ab/12"`, `"AB"`}},
	{"Date", []string{`"2024-02-29"`, `"0000-01-01"`}, []string{`"2024-2-29"`, `"2024-13-01"`, `"2024-01-00"`, `"2024-01-32"`, `""`, `"2024-01-01T"`}},
	{"DateTime", []string{`"2017-07-21T17:32:28Z"`, `"2017-07-21T17:32:28.123456789012Z"`, `"2017-07-21T17:32:28+02:00"`, `"2017-07-21T00:00:00-00:00"`},
		[]string{`"2017-07-21"`, `"2017-07-21 17:32:28Z"`, `"2017-07-21T17:32:28"`, `"2017-07-21T17:32:28.Z"`, `"2017-07-21t17:32:28z"`, `"2017-07-21T24:00:00Z"`, `"2017-07-21T17:60:00Z"`, `"2017-07-21T17:32:28+2:00"`, `"2017-07-21T17:32:28Zx"`, `""`}},
	{"Bytes", []string{`""`, `"aGk="`, `"aGk"`, `"_-+/"`, `"==="`}, []string{`"a b"`, `"a=b"`}},
	{"Mail", []string{`"not an address"`}, []string{`7`}},
	{"Free", []string{`1`, `"x"`, `[null]`, `{"a":null}`}, []string{`null`}},
	{"FreeObject", []string{`{}`, `{"a":{"b":[1,2,{"c":null}]}}`}, []string{`[]`, `null`, `{"a":1e400}`, `{"a":-1E400}`}},
	{"FreeArray", []string{`[]`, `[null,1,[]]`}, []string{`{}`, `[1e999]`}},
	{"OpenMembers", []string{`{}`, `{"a":1,"b":null,"c":null}`}, []string{`{"a":null}`}},
	{"EmptyButNested", []string{`{"a":null}`, `7`}, []string{`null`}},
	{"Untyped", []string{`"ab"`, `3`, `true`, `[1]`, `{"x":null}`}, []string{`"a"`, `2`, `[]`, `{}`, `{"x":1,"y":2,"z":3}`, `null`}},
	{"Counted", []string{`{"a":1}`, `{"a":1,"b":2}`}, []string{`{}`, `{"a":1,"b":2,"c":3}`, `{"a":"1"}`, `{"a":null}`}},
	{"Mixed", []string{`"a"`, `1`, `1.0`, `10e-1`, `2.5`, `true`, `[1,{"a":1,"b":2}]`, `[1.0,{"b":2,"a":1}]`, `{"y":null,"x":[]}`},
		[]string{`"b"`, `2`, `false`, `null`, `[]`, `[1]`, `{}`, `{"x":[],"y":0}`, `[1,{"a":1,"b":"2"}]`}},
	{"NullableEnum", []string{`"on"`, `null`}, []string{`"ON"`, `1`, `[]`}},
	{"EnumObject", []string{`{"x":1}`, `{"x":1.0}`}, []string{`{"y":2}`, `{"x":2}`, `{}`, `"x"`}},
	{"Unique", []string{`[]`, `[1,2]`, `["a","b",null]`, `[[1],[2]]`, `[{"a":1},{"a":2}]`, `["1",1]`},
		[]string{`[1,1]`, `[1,1.0]`, `["a","\u0061"]`, `[{"a":1,"b":2},{"b":2,"a":1}]`, `[null,null]`, `[1,2,3,4,5,6]`, `[[ ],[]]`}},
	{"UniquePairs", []string{`[[1,2],[2,1]]`, `[[],[1]]`}, []string{`[[1,2],[1,2]]`, `[[1,1],[2]]`, `[[1],["x"]]`}},
	{"NotString", []string{`1`, `{}`, `[]`}, []string{`"x"`, `null`}},
	{"NotClosed", []string{`{}`, `{"b":1}`}, []string{`{"a":1}`, `[]`}},
	{"StringOrMany", []string{`"x"`, `[]`, `["x","y"]`}, []string{`1`, `[1]`, `{}`, `null`}},
	{"NumberOrText", []string{`10`, `"ab"`}, []string{`11`, `"abc"`, `true`, `{}`}},
	{"Overlap", []string{`1`, `5.5`}, []string{`5`, `4.5`, `"x"`}},
	{"NullInBranch", []string{`null`, `"x"`, `1`}, []string{`true`}},
	{"NullInTwo", []string{`"x"`}, []string{`null`}},
	{"AllNumbers", []string{`1`, `9`, `2.0`}, []string{`0`, `10`, `1.5`, `"x"`, `null`}},
	{"ReadOnlyAround", []string{`{"a":1}`, `{"b":1}`}, []string{`{}`, `{"a":1,"b":2}`, `{"a":1,"secret":"x"}`, `[]`}},
	{"ReadOnlyNull", []string{`{}`, `{"id":null}`}, []string{`{"id":1}`}},
	{"ReadOnlyNot", []string{`{}`, `{"y":1}`}, []string{`{"x":1}`}},
	{"ReadOnlyInside", []string{`{}`, `{"inner":{"id":1}}`}, []string{`{"inner":{}}`}},
	{"MergedCounts", []string{`{"a":1,"b":2}`, `{"a":1,"b":2,"c":3}`}, []string{`{}`, `{"a":1}`, `{"a":1,"b":2,"c":3,"d":4}`}},
	{"NotNullable", []string{`"x"`}, []string{`null`, `1`}},
	{"RequiredOnly", []string{`{"ghost":1}`}, []string{`{}`, `{"ghost":"x"}`}},
	{"RequiredClosed", nil, []string{`{}`, `{"ghost":"x"}`}},
}

func TestCheck_AgreesWithKin(t *testing.T) {
	t.Parallel()

	schemas := loadSchemas(t)
	for _, tt := range bodies {
		t.Run(tt.schema, func(t *testing.T) {
			t.Parallel()

			schema := schemas[tt.schema]
			c := compile(t, schema, Options{})
			for _, body := range slices.Concat(tt.valid, tt.invalid) {
				want := slices.Contains(tt.valid, body)
				if got := c.Check([]byte(body)); (got == nil) != want {
					t.Errorf("Check(%s) = %v, want valid: %t", body, got, want)
				}
				if err := kinVerdict(schema.Value, []byte(body)); (err == nil) != want {
					t.Errorf("kin-openapi about %s: %v, want valid: %t", body, err, want)
				}
			}
		})
	}
}

// TestCheck_OneFault breaks every valid body in every place in many ways.
// Whatever kin-openapi then says, Check must say too.
func TestCheck_OneFault(t *testing.T) {
	t.Parallel()

	schemas := loadSchemas(t)
	for _, tt := range bodies {
		t.Run(tt.schema, func(t *testing.T) {
			t.Parallel()

			schema := schemas[tt.schema]
			c := compile(t, schema, Options{})
			for _, body := range tt.valid {
				var value any
				if err := json.Unmarshal([]byte(body), &value); err != nil {
					t.Fatal(err)
				}
				for _, broken := range faults(value) {
					text, err := json.Marshal(broken)
					if err != nil {
						t.Fatal(err)
					}
					got, want := c.Check(text), kinVerdict(schema.Value, text)
					if (got == nil) != (want == nil) {
						t.Errorf("Check(%s) = %v, kin-openapi: %v", text, got, want)
					}
				}
			}
		})
	}
}

// faults returns copies of value, each changed in one place.
func faults(value any) []any {
	found := []any{nil, "", "zz", strings.Repeat("x", 600), 0.0, -1.0, 1.5, 1e20, true, []any{}, map[string]any{}, []any{value}, map[string]any{"zz": value}}
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			less := copyObject(value)
			delete(less, name)
			found = append(found, less)
			for _, f := range faults(inner) {
				more := copyObject(value)
				more[name] = f
				found = append(found, more)
			}
		}
		for _, extra := range []string{"zz", "id", "a", "b", "c", "secret", "created_at"} {
			more := copyObject(value)
			more[extra] = "zz"
			found = append(found, more)
		}
	case []any:
		for i, inner := range value {
			found = append(found, slices.Delete(slices.Clone(value), i, i+1), append(slices.Clone(value), inner))
			for _, f := range faults(inner) {
				more := slices.Clone(value)
				more[i] = f
				found = append(found, more)
			}
		}
	case string:
		found = append(found, value+"x", value+value, strings.ToUpper(value))
	}
	return found
}

func copyObject(o map[string]any) map[string]any {
	c := make(map[string]any, len(o)+1)
	for k, v := range o {
		c[k] = v
	}
	return c
}

// TestCheck_StricterThanKin lists where the two differ, and why.
func TestCheck_StricterThanKin(t *testing.T) {
	t.Parallel()

	schemas := loadSchemas(t)
	tests := []struct {
		name, schema, body string
		ours               bool // ours is valid; kin-openapi says the opposite
	}{
		{"format uuid is checked", "UUID", `"not-a-uuid"`, false},
		{"a UUID has 36 characters", "UUID", `"123e4567e89b12d3a456426614174000"`, false},
		{"no 31 February", "Date", `"2024-02-31"`, false},
		{"no 29 February in 2023", "DateTime", `"2023-02-29T00:00:00Z"`, false},
		{"no leap second, time.Time has none", "DateTime", `"2016-12-31T23:59:60Z"`, false},
		{"no offset of 99 hours", "DateTime", `"2016-12-31T23:59:59+99:00"`, false},
		{"2^63 is not an int64, although as a float it is", "Int64", `9223372036854775808`, false},
		{"-2^63-1 is not an int64, although as a float it is", "Int64", `-9223372036854775809`, false},
		{"whole only after rounding", "Integer", `9007199254740993.5`, false},
		{"whole only after rounding, small", "Integer", `1.00000000000000000001`, false},
		{"whole only after underflow", "Integer", `1e-400`, false},
		{"odd although the nearest float is even", "Even", `9007199254740993`, false},
		{"large ids that differ are different", "Unique", `[9007199254740993,9007199254740992]`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			schema := schemas[tt.schema]
			var value any
			if err := json.Unmarshal([]byte(tt.body), &value); err != nil {
				t.Fatal(err)
			}
			if got := compile(t, schema, Options{}).Check([]byte(tt.body)); (got == nil) != tt.ours {
				t.Errorf("Check(%s) = %v, want valid: %t", tt.body, got, tt.ours)
			}
			if err := schema.Value.VisitJSON(value, openapi3.VisitAsRequest()); (err == nil) == tt.ours {
				t.Errorf("kin-openapi about %s: %v; the difference is gone", tt.body, err)
			}
		})
	}
}

const cloudBody = `{"label":"Devstack behind the lab","endpoint":"https://keystone.example.org:5000/v2.0","admin_endpoint":"https://keystone.example.org:35357/v2.0",` +
	`"test_user":"demo","admin_user":"admin","version":"havana","architecture":"x86_64","concurrency":4,` +
	`"extra_config":{"compute":{"image_ref":"cirros","flavor_ref":"m1.tiny"}}}`

// groupBody returns a test group with n cases.
func groupBody(n int) string {
	const head = `{"version":"1.2","name":"igt-kms","lab_name":"lab-dune","job":"mainline","kernel":"v4.0-rc3-147-g4e48359c557e","git_branch":"master",` +
		`"git_commit":"c452e1f06990ed88c7ba085895f39174947a1541","arch":"arm64","defconfig":"defconfig","board":"apq8016-sbc","time":1375.6,"test_cases":[`
	cases := make([]string, n)
	for i := range cases {
		cases[i] = fmt.Sprintf(`{"name":"igt-kms-case-%02d","status":"PASS","time":%d.48,"measurements":[{"name":"latency","measure":375.5}]}`, i, 60+i)
	}
	return head + strings.Join(cases, ",") + `]}`
}
