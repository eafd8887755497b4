package bodycheck

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// names is a small vocabulary, so that schemas and bodies meet.
var names = []string{"a", "b", "c", "d"}

// drawSchema draws a schema as JSON data. Nested schemas are at most depth deep
// and may refer to the components A, B and C, which may refer to each other.
func drawSchema(t *rapid.T, depth int) map[string]any {
	kinds := []string{"scalar", "scalar", "free"}
	if depth > 0 {
		kinds = []string{"scalar", "scalar", "object", "object", "object", "array", "oneOf", "anyOf", "allOf", "not", "ref", "pet", "untyped"}
	}
	s := map[string]any{}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "scalar":
		drawScalarSchema(t, s)
	case "object":
		s["type"] = "object"
		drawObjectSchema(t, s, depth)
	case "array":
		s["type"], s["items"] = "array", drawSchema(t, depth-1)
		sometimes(t, s, "minItems", rapid.IntRange(0, 2))
		sometimes(t, s, "maxItems", rapid.IntRange(0, 3))
		s["uniqueItems"] = rapid.Bool().Draw(t, "unique")
	case "oneOf":
		s["oneOf"] = drawSchemas(t, depth)
		alsoObject(t, s, depth)
	case "anyOf":
		s["anyOf"] = drawSchemas(t, depth)
		alsoObject(t, s, depth)
	case "allOf":
		s["allOf"] = drawSchemas(t, depth)
		alsoObject(t, s, depth)
	case "not":
		s["not"] = drawSchema(t, depth-1)
		alsoObject(t, s, depth)
	case "ref":
		return map[string]any{"$ref": "#/components/schemas/" + rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "ref")}
	case "pet":
		keyword := rapid.SampledFrom([]string{"oneOf", "anyOf"}).Draw(t, "keyword")
		s[keyword] = []any{map[string]any{"$ref": "#/components/schemas/A"}, map[string]any{"$ref": "#/components/schemas/B"}}
		d := map[string]any{"propertyName": "a"}
		if rapid.Bool().Draw(t, "mapped") {
			d["mapping"] = map[string]any{"x": "A", "y": "#/components/schemas/B"}
		}
		s["discriminator"] = d
	case "untyped":
		s["minLength"], s["minimum"], s["required"] = 1, 1, []any{"a"}
		s["properties"] = map[string]any{"a": map[string]any{"type": "integer", "readOnly": rapid.Bool().Draw(t, "readOnly")}}
	}
	sometimes(t, s, "nullable", rapid.Just(true))
	if rapid.IntRange(0, 9).Draw(t, "enum?") == 0 {
		s["enum"] = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) any { return drawValue(t, 2) }), 1, 3).Draw(t, "enum")
	}
	return s
}

func drawScalarSchema(t *rapid.T, s map[string]any) {
	kind := rapid.SampledFrom([]string{"string", "integer", "number", "boolean"}).Draw(t, "type")
	s["type"] = kind
	switch kind {
	case "string":
		sometimes(t, s, "minLength", rapid.IntRange(0, 2))
		sometimes(t, s, "maxLength", rapid.IntRange(0, 3))
		sometimes(t, s, "pattern", rapid.SampledFrom([]string{"^x", "y$", "^[a-z]*$", `\u0078`}))
		sometimes(t, s, "format", rapid.SampledFrom([]string{"date", "byte", "email", "password"}))
	case "integer", "number":
		sometimes(t, s, "minimum", rapid.SampledFrom([]float64{-1, 0, 1, 1.5}))
		sometimes(t, s, "maximum", rapid.SampledFrom([]float64{0, 1, 2, 2.5}))
		sometimes(t, s, "exclusiveMinimum", rapid.Bool())
		sometimes(t, s, "exclusiveMaximum", rapid.Bool())
		sometimes(t, s, "multipleOf", rapid.SampledFrom([]float64{0.1, 0.5, 1, 2, 3}))
		sometimes(t, s, "format", rapid.SampledFrom([]string{"int32", "int64", "double"}))
	}
}

func drawObjectSchema(t *rapid.T, s map[string]any, depth int) {
	properties := map[string]any{}
	for _, name := range names {
		if rapid.Bool().Draw(t, "has "+name) {
			p := drawSchema(t, depth-1)
			if p["$ref"] == nil && rapid.IntRange(0, 4).Draw(t, "readOnly?") == 0 {
				p["readOnly"] = true
			}
			properties[name] = p
		}
	}
	s["properties"] = properties
	if required := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 2, rapid.ID).Draw(t, "required"); len(required) > 0 {
		s["required"] = required
	}
	switch rapid.IntRange(0, 3).Draw(t, "others") {
	case 0:
		s["additionalProperties"] = false
	case 1:
		s["additionalProperties"] = drawSchema(t, depth-1)
	}
	sometimes(t, s, "minProperties", rapid.IntRange(0, 2))
	sometimes(t, s, "maxProperties", rapid.IntRange(0, 4))
}

// alsoObject gives a composed schema keywords of its own.
func alsoObject(t *rapid.T, s map[string]any, depth int) {
	if rapid.IntRange(0, 2).Draw(t, "also") == 0 {
		s["type"] = "object"
		drawObjectSchema(t, s, depth)
	}
}

func drawSchemas(t *rapid.T, depth int) []any {
	n := rapid.IntRange(1, 3).Draw(t, "branches")
	all := make([]any, n)
	for i := range all {
		all[i] = drawSchema(t, depth-1)
	}
	return all
}

func sometimes[V any](t *rapid.T, s map[string]any, keyword string, g *rapid.Generator[V]) {
	if rapid.IntRange(0, 3).Draw(t, keyword+"?") == 0 {
		s[keyword] = g.Draw(t, keyword)
	}
}

// drawValue draws a JSON value that knows nothing of a schema.
func drawValue(t *rapid.T, depth int) any {
	kinds := []string{"null", "bool", "number", "number", "text", "text"}
	if depth > 0 {
		kinds = append(kinds, "object", "object", "object", "array")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "value") {
	case "bool":
		return rapid.Bool().Draw(t, "bool")
	case "number":
		return rapid.SampledFrom([]float64{-1, 0, 1, 1.5, 2, 3, 0.3, 1e10, 1e20}).Draw(t, "number")
	case "text":
		return rapid.SampledFrom([]string{"", "x", "y", "xy", "äöü", "2024-05-31", "X-long"}).Draw(t, "text")
	case "array":
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) any { return drawValue(t, depth-1) }), 0, 3).Draw(t, "items")
	case "object":
		o := map[string]any{}
		for _, name := range names {
			if rapid.Bool().Draw(t, "with "+name) {
				o[name] = drawValue(t, depth-1)
			}
		}
		return o
	}
	return nil
}

// drawFitting draws a value that mostly does what the schema asks, so that deep
// rules are reached and valid bodies are common.
func drawFitting(t *rapid.T, s *openapi3.Schema, depth int) any {
	if depth < 0 || rapid.IntRange(0, 19).Draw(t, "stray") == 0 {
		return drawValue(t, 1)
	}
	if len(s.Enum) > 0 {
		return rapid.SampledFrom(s.Enum).Draw(t, "enum")
	}
	for _, refs := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		if len(refs) > 0 {
			return drawFitting(t, rapid.SampledFrom(refs).Draw(t, "branch").Value, depth)
		}
	}
	switch {
	case s.Type.Is("object") || len(s.AllOf) > 0 && s.Type == nil:
		o := map[string]any{}
		fillObject(t, o, s, depth)
		return o
	case s.Type.Is("array"):
		n := rapid.IntRange(0, 3).Draw(t, "items")
		items := make([]any, n)
		for i := range items {
			items[i] = drawFitting(t, s.Items.Value, depth-1)
		}
		return items
	}
	return drawValue(t, 0)
}

func fillObject(t *rapid.T, o map[string]any, s *openapi3.Schema, depth int) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name].Value
		if slices.Contains(s.Required, name) != p.ReadOnly || rapid.IntRange(0, 3).Draw(t, "optional") == 0 {
			o[name] = drawFitting(t, p, depth-1)
		}
	}
	for _, name := range s.Required {
		if s.Properties[name] == nil && o[name] == nil {
			o[name] = drawValue(t, 0)
		}
	}
	if depth > 0 {
		for _, ref := range s.AllOf {
			fillObject(t, o, ref.Value, depth-1)
		}
	}
}

// loadRandom loads a document with the drawn schemas. It returns nil for those
// that kin-openapi or Compile refuse, which are schemas nobody would write.
func loadRandom(t *rapid.T) (*openapi3.SchemaRef, *Checker) {
	components := map[string]any{}
	for _, name := range []string{"A", "B", "C", "T"} {
		components[name] = drawSchema(t, 2)
	}
	for _, name := range []string{"A", "B"} { // what "pet" chooses between
		s := map[string]any{"type": "object"}
		drawObjectSchema(t, s, 2)
		components[name] = s
	}
	text, err := json.Marshal(map[string]any{
		"openapi": "3.0.3", "info": map[string]any{"title": "t", "version": "1"}, "paths": map[string]any{},
		"components": map[string]any{"schemas": components},
	})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil || doc.Validate(context.Background()) != nil {
		return nil, nil
	}
	c, err := Compile(doc.Components.Schemas["T"], Options{})
	if err != nil {
		return nil, nil
	}
	return doc.Components.Schemas["T"], c
}

// checkRandom compares the verdicts on random bodies of a random schema.
func checkRandom(t *rapid.T) {
	schema, c := loadRandom(t)
	if c == nil {
		t.Skip("not a schema that anybody would write")
	}
	for range 8 {
		body, err := json.Marshal(drawFitting(t, schema.Value, 4))
		if err != nil {
			t.Fatal(err)
		}
		got, want := c.Check(body), kinVerdict(schema.Value, body)
		if (got == nil) != (want == nil) {
			text, _ := json.Marshal(schema)
			t.Fatalf("schema %s\nCheck(%s) = %q\nkin-openapi: %v", text, body, got, want)
		}
	}
}

func TestCheck_RandomSchemas(t *testing.T) {
	t.Parallel()

	rapid.Check(t, checkRandom)
}

func FuzzCheck_RandomSchemas(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(checkRandom))
}

// FuzzCheck sends any bytes to every schema of testdata. Seeds are the bodies
// of the tables.
func FuzzCheck(f *testing.F) {
	schemas := loadSchemas(f)
	var list []*openapi3.SchemaRef
	var checkers []*Checker
	for i, row := range bodies {
		list = append(list, schemas[row.schema])
		checkers = append(checkers, compile(f, schemas[row.schema], Options{}))
		for _, body := range slices.Concat(row.valid, row.invalid) {
			f.Add(uint8(i), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		i := int(which) % len(list)
		got := checkers[i].Check(body)
		for _, v := range got {
			if !jsontext.Pointer(v.Pointer).IsValid() || v.Message == "" {
				t.Errorf("Check(%q) = %q", body, v)
			}
		}
		if len(got) > 0 && got[0].Message == tooMuchWork || beyondFloats(body) {
			return
		}
		if want := kinVerdict(list[i].Value, body); (got == nil) != (want == nil) {
			t.Errorf("%s: Check(%q) = %q, kin-openapi: %v", bodies[i].schema, body, got, want)
		}
	})
}

// beyondFloats reports whether body holds a number that a float64 rounds, which
// kin-openapi judges after rounding, or a negative zero.
func beyondFloats(body []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return false
		}
		if token.Kind() != jsontext.KindNumber {
			continue
		}
		raw := token.String()
		digits := 0
		for _, c := range raw {
			if c >= '0' && c <= '9' {
				digits++
			}
		}
		if digits > 15 || floatOf([]byte(raw)) == 0 && raw != "0" {
			return true
		}
	}
}

// FuzzCheckForm makes sure that no form breaks the check.
func FuzzCheckForm(f *testing.F) {
	schemas := loadSchemas(f)
	cloud, upload := compile(f, schemas["Cloud"], Options{}), compile(f, schemas["Pet"], Options{})
	f.Add("label", "x", "concurrency", "5")
	f.Add("shared", "1", "extra_config", `{"a":{"b":"c"}}`)
	f.Add("kind", "cat", "lives", "\xff")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		form := map[string][]string{name1: {value1}, name2: {value2, value1}}
		for _, c := range []*Checker{cloud, upload} {
			for _, v := range c.CheckForm(form) {
				if !jsontext.Pointer(v.Pointer).IsValid() || bytes.Contains([]byte(v.Message), []byte("JSON:")) {
					t.Errorf("CheckForm(%q): %q", form, v)
				}
			}
		}
	})
}

// TestDrawnSchemas keeps the generators honest: without enough valid bodies and
// without compiled schemas the comparison would prove nothing.
func TestDrawnSchemas(t *testing.T) {
	t.Parallel()

	compiled, valid, total := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		schema, c := loadRandom(t)
		total++
		if c == nil {
			return
		}
		compiled++
		body, err := json.Marshal(drawFitting(t, schema.Value, 4))
		if err != nil {
			t.Fatal(err)
		}
		if c.Check(body) == nil {
			valid++
		}
	})
	t.Logf("of %d schemas %d compile and %d had a valid body", total, compiled, valid)
	if compiled*2 < total || valid*8 < compiled {
		t.Errorf("of %d schemas %d compile and %d had a valid body", total, compiled, valid)
	}
}
