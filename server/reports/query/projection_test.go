package query

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

const projected = `{"_id":{"$oid":"54b9a1c2d3e4f5061728394a"},"board":"juno","status":"PASS","time":{"$date":10400},` +
	`"git_url":null,"n":12345678901234567890,"metadata":{"rack":7,"pdu":{"port":1,"host":"p"},"tags":["a"]},` +
	`"cases":[{"name":"x","time":{"$date":1}},3,{"name":"y"}]}`

func TestProjection_Apply(t *testing.T) {
	t.Parallel()

	const id = `"_id":{"$oid":"54b9a1c2d3e4f5061728394a"}`
	tests := []struct {
		name       string
		keep, drop string
		want       string
	}{
		{"everything", "", "", projected},
		{"a field and the id", "board", "", `{` + id + `,"board":"juno"}`},
		{"the order is the document's", "status board", "", `{` + id + `,"board":"juno","status":"PASS"}`},
		{"an unknown field adds nothing", "colour", "", `{` + id + `}`},
		{"null stays", "git_url", "_id", `{"git_url":null}`},
		{"a number keeps its digits", "n", "_id", `{"n":12345678901234567890}`},
		{"all but some", "", "metadata cases _id time", `{"board":"juno","status":"PASS","git_url":null,"n":12345678901234567890}`},
		{"the same in both is left out", "board status", "board", `{` + id + `,"status":"PASS"}`},
		{"a path", "metadata.rack", "_id", `{"metadata":{"rack":7}}`},
		{"two paths", "metadata.rack metadata.tags", "_id", `{"metadata":{"rack":7,"tags":["a"]}}`},
		{"a longer path", "metadata.pdu.port", "_id", `{"metadata":{"pdu":{"port":1}}}`},
		{"a path that finds nothing leaves the object", "metadata.colour", "_id", `{"metadata":{}}`},
		{"a path through a text", "board.x", "_id", `{}`},
		{"a path through null", "git_url.x", "_id", `{}`},
		{"a path through a time", "time.$date", "_id", `{}`},
		{"a time that is left out by its inside stays", "time", "_id time.$date", `{"time":{"$date":10400}}`},
		{"the whole and a part of it", "metadata.rack metadata", "_id", `{"metadata":{"rack":7,"pdu":{"port":1,"host":"p"},"tags":["a"]}}`},
		{"the whole but a part of it", "metadata", "_id metadata.pdu metadata.tags", `{"metadata":{"rack":7}}`},
		{"a part of what is left out", "metadata.rack", "_id metadata", `{}`},
		{"a part left out of everything", "", "_id board status time git_url n cases metadata.pdu.host metadata.tags", `{"metadata":{"rack":7,"pdu":{"port":1}}}`},
		{"the objects of a list", "cases.name", "_id", `{"cases":[{"name":"x"},{"name":"y"}]}`},
		{"a part left out of the objects of a list", "cases", "_id cases.time", `{"cases":[{"name":"x"},3,{"name":"y"}]}`},
		{"a part left out of a field that is not wanted", "board", "_id metadata.rack", `{"board":"juno"}`},
		{"empty names in a path", "metadata..rack .", "_id", `{"metadata":{}}`},
		{"the id left out and wanted", "_id", "_id", `{}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			p := NewProjection(strings.Fields(tt.keep), strings.Fields(tt.drop))
			got, err := p.Apply([]byte("before"), []byte(projected))
			if err != nil || string(got) != "before"+tt.want {
				t.Errorf("Apply keep %q drop %q:\n got %s, error %v\nwant %s", tt.keep, tt.drop, got, err, tt.want)
			}
			checkKeeps(t, p, tt.want)
		})
	}
}

// checkKeeps checks that Keeps is true for every field of the result.
func checkKeeps(t *testing.T, p Projection, result string) {
	t.Helper()

	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(result), &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		if !p.Keeps(name) {
			t.Errorf("Keeps(%q) is false, but the field is returned", name)
		}
	}
	if !p.Nested() && !p.All() {
		for _, name := range []string{"_id", "board", "status", "time", "git_url", "n", "metadata", "cases"} {
			if _, returned := fields[name]; p.Keeps(name) != returned {
				t.Errorf("Keeps(%q) is %t, want %t", name, p.Keeps(name), returned)
			}
		}
	}
}

func TestProjection_Apply_refuses(t *testing.T) {
	t.Parallel()

	p := NewProjection([]string{"a.b"}, nil)
	for _, doc := range []string{``, `[]`, `"a"`, `{`, `{"a"`, `{"a":`, `{"a":{"b":`, `{"a":[{"b"`, `{"a":[1,`, `{"x":nul}`} {
		if got, err := p.Apply(nil, []byte(doc)); err == nil {
			t.Errorf("Apply(%s) = %s, want an error", doc, got)
		}
	}
}

func FuzzProjection_Apply(f *testing.F) {
	f.Add("board", "_id", projected)
	f.Add("metadata.rack cases.name", "metadata.pdu", projected)
	f.Add("a.b.c", "a.b", `{"a":{"b":[{"c":1}]}}`)
	f.Fuzz(func(t *testing.T, keep, drop, doc string) {
		p := NewProjection(strings.Fields(keep), strings.Fields(drop))
		var before, after map[string]any
		valid := json.Unmarshal([]byte(doc), &before) == nil && before != nil
		got, err := p.Apply(nil, []byte(doc))
		if err != nil {
			return
		}
		if p.All() || !valid {
			return
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("Apply(%q, %q, %s) = %s, which is no object: %v", keep, drop, doc, got, err)
		}
		for name := range after {
			if _, ok := before[name]; !ok || !p.Keeps(name) {
				t.Errorf("Apply(%q, %q, %s) = %s: %q should not be there", keep, drop, doc, got, name)
			}
		}
		again, err := p.Apply(nil, got)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("applied twice: %s, then %s, error %v", got, again, err)
		}
	})
}
