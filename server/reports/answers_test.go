package reports

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/reports/document"
	"github.com/slipway-lab/slipway/server/reports/query"
)

// queryCase is one case of testdata/query_cases.json with an answer.
type queryCase struct {
	ID       string `json:"id"`
	Resource string `json:"resource"`
	Query    string `json:"query"`
	Expected struct {
		Status int `json:"status"`
	} `json:"expected"`
	Effect *struct {
		Count     int                       `json:"count"`
		Returned  int                       `json:"returned"`
		Histogram map[string]map[string]int `json:"histogram"`
		Keys      []string                  `json:"keys"`
		Absent    []string                  `json:"absent_keys"`
		Sequence  []map[string]any          `json:"sequence"`
	} `json:"effect"`
}

func queryCases(t *testing.T) []queryCase {
	t.Helper()

	text, err := os.ReadFile("testdata/query_cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []queryCase `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// sampleBoots returns the 2000 sample reports as documents, in order.
func sampleBoots(tb testing.TB) []*document.Document {
	tb.Helper()

	text, err := os.ReadFile("testdata/boots.ndjson")
	if err != nil {
		tb.Fatal(err)
	}
	var ids document.IDSource
	var boots []*document.Document
	for line := range bytes.Lines(text) {
		body, err := document.ParseBody(line, document.Limits{})
		if err != nil {
			tb.Fatal(err)
		}
		boot, _, err := document.Boot.Intake(body)
		if err != nil {
			tb.Fatal(err)
		}
		id, created := ids.New()
		boot.Set("_id", id)
		boot.Set("created_on", created)
		boots = append(boots, boot)
	}
	return boots
}

// inMemory is what a search over documents in memory returns.
func inMemory(t *testing.T, docs []*document.Document, q query.Query) (count int, result []map[string]any) {
	t.Helper()

	var matches []*document.Document
	for _, d := range docs {
		if query.Match(q.Where, d.Value) {
			matches = append(matches, d)
		}
	}
	slices.SortStableFunc(matches, func(a, b *document.Document) int { return q.Compare(a.Value, b.Value) })
	count = len(matches)
	matches = matches[min(q.Skip, int64(count)):]
	if q.Limit > 0 {
		matches = matches[:min(q.Limit, int64(len(matches)))]
	}
	for _, d := range matches {
		text, err := q.Projection.Apply(nil, d.AppendJSON(nil, q.Projection.Keeps))
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		result = append(result, doc)
	}
	return count, result
}

// TestAnswers checks what the query language selects, sorts and projects, over
// the sample boots. The expected values come from the original server.
func TestAnswers(t *testing.T) {
	t.Parallel()

	boots := sampleBoots(t)
	now := func() time.Time { return time.Date(2014, 8, 8, 12, 34, 56, 789e6, time.UTC) }
	ran := 0
	for _, c := range queryCases(t) {
		if c.Effect == nil {
			continue
		}
		ran++
		t.Run(c.ID+" "+c.Query, func(t *testing.T) {
			q, err := query.Parser{Now: now}.Parse(c.Query, catalogueOf(document.Boot))
			if err != nil {
				t.Fatal(err)
			}
			count, result := inMemory(t, boots, q)
			c.check(t, count, result)
		})
	}
	if ran != 37 {
		t.Errorf("%d cases have an answer, want 37", ran)
	}
}

func (c queryCase) check(t *testing.T, count int, result []map[string]any) {
	t.Helper()

	if count != c.Effect.Count || len(result) != c.Effect.Returned {
		t.Errorf("count %d with %d returned, want %d with %d", count, len(result), c.Effect.Count, c.Effect.Returned)
	}
	for field, want := range c.Effect.Histogram {
		if got := histogram(result, field); !maps.Equal(got, want) {
			t.Errorf("histogram of %s is %v, want %v", field, got, want)
		}
	}
	for _, doc := range result {
		keys := slices.Sorted(maps.Keys(doc))
		if c.Effect.Keys != nil && !slices.Equal(keys, c.Effect.Keys) {
			t.Fatalf("keys %q, want %q", keys, c.Effect.Keys)
		}
		for _, key := range c.Effect.Absent {
			if _, ok := doc[key]; ok {
				t.Fatalf("the document has the key %s, which was left out", key)
			}
		}
	}
	for i, want := range c.Effect.Sequence {
		for field, value := range want {
			if !reflect.DeepEqual(result[i][field], value) {
				t.Errorf("document %d: %s is %v, want %v", i, field, result[i][field], value)
			}
		}
	}
}

func histogram(docs []map[string]any, field string) map[string]int {
	h := map[string]int{}
	for _, doc := range docs {
		text, _ := json.Marshal(doc[field])
		h[strings.Trim(string(text), `"`)]++
	}
	return h
}
