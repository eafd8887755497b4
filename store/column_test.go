package store

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestStrings(t *testing.T) {
	t.Parallel()
	for _, want := range []Strings{nil, {"a"}, {"", "é\"\\\n"}} {
		text, err := want.Value()
		if err != nil {
			t.Fatal(err)
		}
		for _, stored := range []any{text, []byte(text.(string))} {
			got := Strings{"old"}
			if err := got.Scan(stored); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Scan(%q): %q, %v; want %q", stored, got, err, want)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	doc := []byte(`{ "b":1.0, "a":"\u0000"}`)
	var j JSON
	if err := j.Scan(doc); err != nil {
		t.Fatal(err)
	}
	doc[0] = 'x' // the driver may use its buffer again
	if got, err := j.MarshalJSON(); err != nil || !bytes.HasPrefix(got, []byte(`{ "b":1.0`)) {
		t.Errorf("MarshalJSON: %s, %v", got, err)
	}
	var copied JSON
	if err := json.Unmarshal([]byte(`[ {"x" : 1e2} ]`), &copied); err != nil || string(copied) != `[ {"x" : 1e2} ]` {
		t.Errorf("UnmarshalJSON: %s, %v; want the very bytes", copied, err)
	}
	if err := j.Scan(nil); err != nil || j != nil {
		t.Errorf("Scan(nil): %q, %v; want nil", j, err)
	}
	if got, _ := j.MarshalJSON(); string(got) != "null" {
		t.Errorf("MarshalJSON of nil: %s, want null", got)
	}
}
