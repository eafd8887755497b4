package opaque

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestEqual(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		a, b string
		want bool
	}{
		{name: "the same bytes", a: `{"url":"x"}`, b: `{"url":"x"}`, want: true},
		{name: "white space does not count", a: `{"a":[1,2]}`, b: "{ \"a\" : [ 1,\n2 ] }", want: true},
		{name: "the order of members does not count", a: `{"a":1,"b":2}`, b: `{"b":2,"a":1}`, want: true},
		{name: "the order of elements counts", a: `[1,2]`, b: `[2,1]`, want: false},
		{name: "an escape is the character it names", a: `"\u0041"`, b: `"A"`, want: true},
		{name: "null is not false", a: `null`, b: `false`, want: false},
		{name: "a string is not the number it spells", a: `"1"`, b: `1`, want: false},
		{name: "number text counts", a: `1.0`, b: `1`, want: false},
		{name: "numbers beyond float64 are told apart", a: `12345678901234567890`, b: `12345678901234567891`, want: false},
		{name: "numbers beyond float64 are equal to themselves", a: `[1e400]`, b: `[ 1e400 ]`, want: true},
		{name: "text that is no JSON is compared as bytes", a: `{'foo'`, b: `{'foo'`, want: true},
		{name: "trailing bytes are not dropped", a: `1 2`, b: `1 3`, want: false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := Equal(json.RawMessage(tt.a), json.RawMessage(tt.b)); got != tt.want {
				t.Errorf("Equal(%s, %s) = %t, want %t", tt.a, tt.b, got, tt.want)
			}
		})
	}
}

func TestEqual_absentIsNotNull(t *testing.T) {
	t.Parallel()

	if Equal(nil, json.RawMessage("null")) {
		t.Error("Equal(nil, null) = true, want false: absent and null are different")
	}
	if !Equal(nil, nil) {
		t.Error("Equal(nil, nil) = false, want true")
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":[1.0,1e400],"a":"<&>"}`, ` null `, `"{'foo': 'bar'}"`, `1 2`, `{"a":1,"a":2}`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		once := Canonical(raw)
		if twice := Canonical(once); !bytes.Equal(once, twice) {
			t.Errorf("Canonical(%q) = %q, and again %q: want a fixed point", raw, once, twice)
		}
		if json.Valid(raw) && !json.Valid(once) {
			t.Errorf("Canonical(%q) = %q, which is no JSON", raw, once)
		}
		if raw != nil && !Equal(raw, once) {
			t.Errorf("Equal(%q, %q) = false, want true", raw, once)
		}
	})
}
