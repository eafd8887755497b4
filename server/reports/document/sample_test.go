package document

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// samples returns the bodies in a file of ../testdata, one per line.
func samples(tb testing.TB, name string) [][]byte {
	tb.Helper()

	text, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(text), []byte("\n"))
}

func parse(tb testing.TB, text string) Body {
	tb.Helper()

	body, err := ParseBody([]byte(text), Limits{})
	if err != nil {
		tb.Fatalf("ParseBody(%s): %v", text, err)
	}
	return body
}

// intake reads a body that must be good.
func intake(tb testing.TB, s *Schema, text string) *Document {
	tb.Helper()

	d, _, err := s.Intake(parse(tb, text))
	if err != nil {
		tb.Fatalf("%s: Intake(%s): %v", s.Name, text, err)
	}
	return d
}

// rendered returns a document as clients see it, and checks that it is complete.
func rendered(tb testing.TB, d *Document) map[string]any {
	tb.Helper()

	text := d.AppendJSON(nil, nil)
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		tb.Fatalf("%s is not JSON: %v", text, err)
	}
	for _, f := range d.Schema().Fields {
		if _, ok := out[f.Name]; ok == f.has(Hidden) {
			tb.Errorf("%s: field %s is there: %t", d.Schema().Name, f.Name, ok)
		}
	}
	return out
}

func TestSamples(t *testing.T) {
	t.Parallel()

	tests := []struct {
		file    string
		schema  *Schema
		lines   int
		warned  int // lines with a key that does not exist
		differ  int // different identities
		renamed map[string]string
	}{
		{"boots.ndjson", Boot, 2000, 115, 2000, map[string]string{"boot_result": "status", "loadaddr": "load_addr"}},
		{"boots_reposted.ndjson", Boot, 6, 1, 6, map[string]string{"boot_result": "status"}},
		{"jobs.ndjson", Job, 42, 0, 42, nil},
		{"builds.ndjson", Build, 94, 0, 94, map[string]string{"build_result": "status", "build_errors": "errors"}},
		{"labs.ndjson", Lab, 6, 0, 6, nil},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()

			lines := samples(t, tt.file)
			identities, warned := map[string]bool{}, 0
			for _, line := range lines {
				d, warnings, err := tt.schema.Intake(parse(t, string(line)))
				if err != nil {
					t.Fatalf("Intake(%s): %v", line, err)
				}
				warned += len(warnings)
				identities[string(d.Identity())] = true
				checkAgainst(t, line, rendered(t, d), tt.renamed)
			}
			if len(lines) != tt.lines || warned != tt.warned || len(identities) != tt.differ {
				t.Errorf("%d lines, %d with a warning, %d identities, want %d, %d, %d",
					len(lines), warned, len(identities), tt.lines, tt.warned, tt.differ)
			}
		})
	}
}

// checkAgainst checks that every text of a body is found in its document, under
// its own or its new name.
func checkAgainst(t *testing.T, line []byte, doc map[string]any, renamed map[string]string) {
	t.Helper()

	var body map[string]any
	if err := json.Unmarshal(line, &body); err != nil {
		t.Fatal(err)
	}
	for key, value := range body {
		name := key
		if to, ok := renamed[key]; ok {
			name = to
		}
		if got, ok := doc[name]; ok && key != "mach" && value != nil && jsonText(got) != jsonText(value) {
			t.Errorf("%s is %v, was posted as %v", name, got, value)
		}
	}
}

func jsonText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// The six reports that are posted again must be known again.
func TestSamples_reposted(t *testing.T) {
	t.Parallel()

	known := map[string]*Document{}
	for _, line := range samples(t, "boots.ndjson") {
		d := intake(t, Boot, string(line))
		known[string(d.Identity())] = d
	}
	for _, line := range samples(t, "boots_reposted.ndjson") {
		again := intake(t, Boot, string(line))
		first := known[string(again.Identity())]
		if first == nil {
			t.Errorf("the report %s is not known", line)
			continue
		}
		if first.Get("status") == again.Get("status") {
			t.Errorf("the report %s has the same outcome as before", line)
		}
	}
}

func TestSamples_groups(t *testing.T) {
	t.Parallel()

	groups, cases, subs := 0, 0, 0
	for _, line := range samples(t, "test_groups.ndjson") {
		tree, warnings, err := IntakeGroup(parse(t, string(line)), Limits{})
		if err != nil || warnings != nil {
			t.Fatalf("IntakeGroup(%s): %v, warnings %q", line, err, warnings)
		}
		rendered(t, tree.Group)
		groups++
		cases += len(tree.Cases)
		subs += len(tree.Sub)
		for _, sub := range tree.Sub {
			cases += len(sub.Cases)
			if sub.Group.Get("kernel") != tree.Group.Get("kernel") || sub.Group.Get("lab_name") == nil {
				t.Errorf("the group %v inside %v lacks what it should inherit", sub.Group.Get("name"), tree.Group.Get("name"))
			}
		}
	}
	wantCases, wantSubs := countInside(t)
	if groups != 30 || cases != wantCases || subs != wantSubs {
		t.Errorf("%d groups, %d cases, %d groups inside, want 30, %d, %d", groups, cases, subs, wantCases, wantSubs)
	}
}

func countInside(t *testing.T) (cases, subs int) {
	t.Helper()

	type group struct {
		Cases []any   `json:"test_cases"`
		Sub   []group `json:"sub_groups"`
	}
	for _, line := range samples(t, "test_groups.ndjson") {
		var g group
		if err := json.Unmarshal(line, &g); err != nil {
			t.Fatal(err)
		}
		cases += len(g.Cases)
		subs += len(g.Sub)
		for _, sub := range g.Sub {
			cases += len(sub.Cases)
		}
	}
	return cases, subs
}

func TestSamples_tokens(t *testing.T) {
	t.Parallel()

	want := []string{
		"[0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0]", // reader
		"[0,0,1,1,0,0,0,0,0,0,0,0,0,0,0,0]", // writer
		"[0,1,1,1,1,0,0,0,1,0,0,0,0,0,0,0]", // superuser
		"[0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0]", // files
		"[0,0,1,0,0,0,0,0,0,1,0,0,0,0,0,0]", // tests
		"[0,0,1,0,0,1,0,0,0,0,0,0,0,0,0,0]", // pinned
		"[0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0]", // old
		"[0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0]", // off
	}
	for i, line := range samples(t, "tokens.ndjson") {
		token, warnings, err := IntakeToken(parse(t, string(line)), true, Properties{}, nil)
		if err != nil || warnings != nil {
			t.Fatalf("IntakeToken(%s): %v, warnings %q", line, err, warnings)
		}
		if got := string(token.Properties.AppendJSON(nil)); got != want[i] {
			t.Errorf("IntakeToken(%s): properties %s, want %s", line, got, want[i])
		}
	}
}
