package design_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-lab/slipway/server/lab/design"
)

// wrongValues are put in places where they do not belong.
var wrongValues = []any{
	nil, true, 5, -1, 1.5, "", "x", "!", "!x", "50%", "-5%", "10.0.0.0/8", "dhcp", strings.Repeat("y", 3000),
	[]any{}, map[string]any{}, []any{nil}, []any{1}, []any{"x", "x"}, []any{map[string]any{}}, []any{[]any{"x"}},
	map[string]any{"a": nil}, map[string]any{"": []any{}}, map[string]any{"!a": map[string]any{"a": 1}},
}

// spoil puts a wrong value, or none, at the place that number at names, and
// counts down until it is there.
func spoil(v any, at *int, wrong any, remove bool) any {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if *at--; *at == 0 {
				if remove {
					delete(v, key)
				} else {
					v[key] = wrong
				}
				return v
			}
			if v[key] = spoil(v[key], at, wrong, remove); *at <= 0 {
				return v
			}
		}
	case []any:
		for i := range v {
			if *at--; *at == 0 {
				v[i] = wrong
				return v
			}
			if v[i] = spoil(v[i], at, wrong, remove); *at <= 0 {
				return v
			}
		}
	}
	return v
}

// spoilt is a design with a wrong value somewhere. It answers false when at is
// beyond the end.
func spoilt(tb testing.TB, text []byte, at, wrong int, older bool) (string, bool) {
	tb.Helper()
	docs := documents(tb, text)
	n := at + 1
	spoil(docs, &n, wrongValues[wrong%len(wrongValues)], wrong%7 == 0)
	if n > 0 {
		return "", false
	}
	var out strings.Builder
	for _, doc := range docs {
		if m, ok := doc.(map[string]any); ok && older {
			_, kind, _ := strings.Cut(fmt.Sprint(m["schema"]), "/")
			kind, _, _ = strings.Cut(kind, "/")
			doc = map[string]any{"apiVersion": "drydock/v1", "kind": kind, "metadata": m["metadata"], "spec": m["data"]}
		}
		raw, err := yaml.Marshal(doc)
		if err != nil {
			tb.Fatal(err)
		}
		out.WriteString("---\n" + string(raw))
	}
	return out.String(), true
}

// holdsTogether checks what must be true of every report.
func holdsTogether(t *testing.T, text string) {
	t.Helper()
	site, report := design.Check([]byte(text), options())
	if report.OK() != (report.ErrorCount() == 0) || report.OK() && site == nil {
		t.Fatalf("status %q, %d errors, site %v", report.Status, report.ErrorCount(), site != nil)
	}
	for _, m := range report.Messages {
		if m.Error != (m.Level == design.LevelError) || m.Text == "" || len(m.Text) > 5000 {
			t.Fatalf("an odd message: %+v", m)
		}
	}
	if _, again := design.Check([]byte(text), options()); fmt.Sprint(again) != fmt.Sprint(report) {
		t.Fatalf("a second check differs:\n%v\n%v", report, again)
	}
	if _, err := json.Marshal(report); err != nil {
		t.Fatal(err)
	}
}

func TestCheck_wrong_types_anywhere(t *testing.T) {
	t.Parallel()

	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"site.yaml", "oakpark.yaml"} {
		text := readDesign(t, name)
		for range 50 {
			if changed, ok := spoilt(t, text, r.IntN(500), r.IntN(1000), r.IntN(4) == 0); ok {
				holdsTogether(t, changed)
			}
		}
	}
}

func FuzzCheck_types(f *testing.F) {
	f.Add(uint16(1), uint8(0), uint16(30), uint8(7), true)
	f.Add(uint16(200), uint8(3), uint16(300), uint8(9), false)
	text := readDesign(f, "oakpark.yaml")
	f.Fuzz(func(t *testing.T, at1 uint16, wrong1 uint8, at2 uint16, wrong2 uint8, older bool) {
		once, ok := spoilt(t, text, int(at1), int(wrong1), false)
		if !ok {
			return
		}
		if twice, ok := spoilt(t, []byte(once), int(at2), int(wrong2), older); ok {
			holdsTogether(t, twice)
		}
	})
}
