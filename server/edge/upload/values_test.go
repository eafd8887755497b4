package upload

import (
	"strings"
	"testing"
)

// valuesOf makes Values of one field from texts, the first from the path, then
// the query, then the form.
func valuesOf(field string, texts ...string) Values {
	v := Values{}
	for i, text := range texts {
		v.add(field, text, []string{inPath, inQuery, inForm, inJSON}[min(i, 3)])
	}
	return v
}

func TestValues_ID(t *testing.T) {
	t.Parallel()

	const bad = "test_id must be an integer from 1 to 9223372036854775807"
	tests := []struct {
		name   string
		texts  []string
		want   int64
		kind   Kind
		reason string
	}{
		{name: "absent"},
		{name: "empty", texts: []string{""}},
		{name: "blank", texts: []string{" \n"}},
		{name: "one", texts: []string{"1"}, want: 1},
		{name: "the largest", texts: []string{"9223372036854775807"}, want: 1<<63 - 1},
		{name: "white space around it", texts: []string{" 100\r\n"}, want: 100},
		{name: "leading zeros", texts: []string{"007"}, want: 7},
		{name: "twice the same", texts: []string{"5", "5"}, want: 5},
		{name: "twice the same, written differently", texts: []string{"5", " 05"}, want: 5},
		{name: "empty in one place", texts: []string{"", "5", " "}, want: 5},
		{name: "too large", texts: []string{"9223372036854775808"}, kind: Malformed, reason: bad},
		{name: "much too large", texts: []string{strings.Repeat("9", 1000)}, kind: Malformed, reason: bad},
		{name: "zero", texts: []string{"0"}, kind: Malformed, reason: bad},
		{name: "negative", texts: []string{"-1"}, kind: Malformed, reason: bad},
		{name: "a sign", texts: []string{"+1"}, kind: Malformed, reason: bad},
		{name: "a fraction", texts: []string{"1.0"}, kind: Malformed, reason: bad},
		{name: "hexadecimal", texts: []string{"0x10"}, kind: Malformed, reason: bad},
		{name: "underscores", texts: []string{"1_000"}, kind: Malformed, reason: bad},
		{name: "other digits", texts: []string{"١"}, kind: Malformed, reason: bad},
		{name: "a word", texts: []string{"None"}, kind: Malformed, reason: bad},
		{name: "bad in the second place", texts: []string{"1", "x"}, kind: Malformed, reason: bad},
		{name: "different", texts: []string{"5", "", "6"}, kind: Conflict, reason: "test_id has one value in the path and another in the form"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, ok, err := valuesOf("test_id", tt.texts...).ID("test_id")
			wantError(t, err, tt.kind, "test_id", tt.reason)
			if got != tt.want || ok != (tt.want != 0) {
				t.Errorf("ID = %d, %t, want %d", got, ok, tt.want)
			}
		})
	}
}

func TestValues_Bool(t *testing.T) {
	t.Parallel()

	const bad = "finished must be one of true, 1, yes, on, t, y or false, 0, no, off, f, n"
	tests := map[string][]string{
		"true":  {"true", "1", "yes", "on", "t", "y", "True", "YES", "oN", " true\n"},
		"false": {"false", "0", "no", "off", "f", "n", "False", "OFF"},
		"":      {"", " "},
		bad:     {"2", "yes!", "tru", "null", "None", "-1", "1.0", "ja"},
	}
	for want, texts := range tests {
		for _, text := range texts {
			if got := boolText(valuesOf("finished", text).Bool("finished")); got != want {
				t.Errorf("Bool(%q) = %q, want %q", text, got, want)
			}
		}
	}
	if got := boolText(valuesOf("finished", "", "yes", "1").Bool("finished")); got != "true" {
		t.Errorf("two ways to say yes: %q", got)
	}
	_, _, err := valuesOf("finished", "", "yes", "0").Bool("finished")
	wantError(t, err, Conflict, "finished", "finished has one value in the query and another in the form")
}

func TestValues_Text(t *testing.T) {
	t.Parallel()

	const missing = "status is required and must not be empty"
	tests := []struct {
		name, want, reason string
		texts              []string
		kind               Kind
	}{
		{name: "kept whole", texts: []string{" a\nb "}, want: " a\nb "},
		{name: "the same twice", texts: []string{"a", "a"}, want: "a"},
		{name: "empty in one place", texts: []string{"", "a"}, want: "a"},
		{name: "absent", kind: Missing, reason: missing},
		{name: "empty", texts: []string{""}, kind: Missing, reason: missing},
		{name: "blank", texts: []string{" \t\u00a0\n"}, kind: Missing, reason: missing},
		{name: "different", texts: []string{"a", "a "}, kind: Conflict, reason: "status has one value in the path and another in the query"},
		{name: "different in one place", texts: []string{"", "", "", "a", "b"}, kind: Conflict, reason: "status is given twice in the JSON body with different values"},
		{name: "a zero", texts: []string{"a\x00"}, kind: Malformed, reason: "status must not contain the character U+0000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := valuesOf("status", tt.texts...).Text("status")
			wantError(t, err, tt.kind, "status", tt.reason)
			if err == nil && got != tt.want {
				t.Errorf("Text = %q, want %q", got, tt.want)
			}
		})
	}
	if got, err := (Values)(nil).Optional("run_token"); got != "" || err != nil {
		t.Errorf("Optional of nothing = %q, %v", got, err)
	}
}

func TestParseQuery(t *testing.T) {
	t.Parallel()

	tests := []struct{ query, want string }{
		{query: "test_id=100", want: "test_id=100"},
		{query: "a=1;b&status=50%+done;+ok&test_id=1&page=2", want: "status=50% done; ok;test_id=1"},
		{query: "status=caf%e9%", want: "status=caf\ufffd%"},
		{query: "status=a&status=b&status=a", want: "status=a;status=b"},
		{query: "test_id=&status&&=", want: ""},
		{query: "", want: ""},
	}
	for _, tt := range tests {
		values, err := ParseQuery(tt.query, []string{"test_id", "status"}, Limits{})
		if got := showValues(values); got != tt.want || err != nil {
			t.Errorf("ParseQuery(%q) = %q, %v, want %q", tt.query, got, err, tt.want)
		}
	}
	_, err := ParseQuery("status="+strings.Repeat("x", 64<<10+1), []string{"status"}, Limits{})
	wantError(t, err, TooLarge, "status", "status is longer than 65536 bytes")
}
