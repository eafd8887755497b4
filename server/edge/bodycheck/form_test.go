package bodycheck

import (
	"slices"
	"strings"
	"testing"
)

func TestCheckForm(t *testing.T) {
	t.Parallel()

	c := compile(t, schemaOf(t, `{"type":"object","required":["label"],"additionalProperties":false,"properties":{
		"label":{"type":"string","maxLength":5},
		"count":{"type":"integer","minimum":1},
		"size":{"type":"integer","nullable":true},
		"share":{"type":"number"},
		"ok":{"type":"boolean"},
		"tags":{"type":"array","items":{"type":"string"},"maxItems":2},
		"ids":{"type":"array","items":{"type":"integer"}},
		"either":{"anyOf":[{"type":"integer"},{"type":"string","enum":["all"]}]},
		"oneOrMany":{"oneOf":[{"type":"string"},{"type":"array","items":{"type":"boolean"}}]},
		"data":{"type":"object","required":["a"]},
		"any":{}
	}}`), Options{})
	tests := []struct {
		name string
		form string
		want []Violation
	}{
		{"all of them", "label=7&count=3&share=.5e0", []Violation{{"/share", "must be a number"}}},
		{"numbers and booleans", "label=x&count=3&share=0.5&ok=true&size=-4&any=5", nil},
		{"other spellings that bind", "label=x&count=%2B3&ok=1&size=007", nil},
		{"text stays text", "label=12&any=x", nil},
		{"missing", "count=3", []Violation{{"/label", "is required"}}},
		{"no form at all", "", []Violation{{"/label", "is required"}}},
		{"no integer", "label=x&count=three", []Violation{{"/count", "must be an integer"}}},
		{"a fraction", "label=x&count=1.5", []Violation{{"/count", "must be an integer"}}},
		{"a space", "label=x&count=+1", []Violation{{"/count", "must be an integer"}}},
		{"too small", "label=x&count=0", []Violation{{"/count", "must be at least 1"}}},
		{"too large for binding", "label=x&share=1e999", []Violation{{"/share", "must be a number"}}},
		{"empty is no number", "label=x&count=", []Violation{{"/count", "must be an integer"}}},
		{"empty may mean null", "label=x&size=", nil},
		{"empty is a text", "label=", nil},
		{"no boolean", "label=x&ok=maybe", []Violation{{"/ok", "must be true or false"}}},
		{"an array", "label=x&tags=a&tags=b&ids=1&ids=2", nil},
		{"an array of one", "label=x&ids=1", nil},
		{"a wrong item", "label=x&ids=1&ids=x", []Violation{{"/ids/1", "must be an integer"}}},
		{"too many items", "label=x&tags=a&tags=b&tags=c", []Violation{{"/tags", "must have at most 2 items"}}},
		{"given twice", "label=x&label=y", []Violation{{"/label", "must be given only once"}}},
		{"a choice", "label=x&either=5&oneOrMany=a", nil},
		{"the other choice", "label=x&either=all&oneOrMany=true&oneOrMany=false", nil},
		{"neither", "label=x&either=some", []Violation{{"/either", "must be all"}}},
		{"an object as JSON", `label=x&data={"a":1}`, nil},
		{"an object at fault", `label=x&data={"b":1}`, []Violation{{"/data/a", "is required"}}},
		{"no object", "label=x&data=b", []Violation{{"/data", "must be an object"}}},
		{"unknown", "label=x&a/b=1", []Violation{{"/a~1b", "is not a known member; known are any, count, data, either, ids, label, ok, oneOrMany, share, size, tags"}}},
		{"too long", "label=hunter2", []Violation{{"/label", "must have at most 5 characters"}}},
		{"not UTF-8", "label=\xff", []Violation{{"/label", "must be valid UTF-8"}}},
		{"name not UTF-8", "label=x&\xff=1", []Violation{{"", "has a member name that is not valid UTF-8"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := c.CheckForm(parseForm(tt.form)); !slices.Equal(got, tt.want) {
				t.Errorf("CheckForm(%q)\n got %q\nwant %q", tt.form, got, tt.want)
			}
		})
	}
}

// parseForm splits a form without decoding more than + and %2B, so that the
// tables above can be read.
func parseForm(text string) map[string][]string {
	values := map[string][]string{}
	for pair := range strings.SplitSeq(text, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			value = strings.ReplaceAll(strings.ReplaceAll(value, "+", " "), "%2B", "+")
			values[name] = append(values[name], value)
		}
	}
	return values
}

func TestCheckForm_Alternatives(t *testing.T) {
	t.Parallel()

	c := compile(t, schemaOf(t, `{"oneOf":[{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}},
		{"type":"object","required":["flags"],"properties":{"flags":{"type":"array","items":{"type":"boolean"}}}}]}`), Options{})
	for form, want := range map[string]bool{"n=5": true, "flags=true&flags=0": true, "flags=1": true, "n=x": false, "": false, "n=1&flags=1": false} {
		if got := c.CheckForm(parseForm(form)); (got == nil) != want {
			t.Errorf("CheckForm(%q) = %q, want valid: %t", form, got, want)
		}
	}
}

func TestCheckForm_MaxViolations(t *testing.T) {
	t.Parallel()

	c := compile(t, schemaOf(t, `{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"type":"integer"}}`), Options{MaxViolations: 2})
	if got := c.CheckForm(parseForm("a=1&a=2&b=x&c=x&d=x")); len(got) != 2 {
		t.Errorf("CheckForm: %q", got)
	}
}
