package query

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// testFields are the searchable fields that the cases name.
var testFields = Catalogue{
	"_id":             {Kind: ID},
	"job_id":          {Kind: ID},
	"build_id":        {Kind: ID},
	"defconfig_id":    {Kind: ID, Name: "build_id"},
	"created_on":      {Kind: Date},
	"updated_on":      {Kind: Date},
	"time":            {Kind: Date, RangeOnly: true},
	"retries":         {Kind: Int},
	"warnings":        {Kind: Int},
	"errors":          {Kind: Int},
	"private":         {Kind: Bool},
	"board":           {Kind: Text},
	"job":             {Kind: Text},
	"kernel":          {Kind: Text},
	"status":          {Kind: Text},
	"git_url":         {Kind: Text},
	"defconfig_plain": {Kind: Text},
}

// testNow is the instant that the expected dates are relative to.
var testNow = time.Date(2014, 8, 8, 12, 34, 56, 789e6, time.UTC)

func testParser() Parser { return Parser{Now: func() time.Time { return testNow }} }

type expectation struct {
	Status int            `json:"status"`
	Error  string         `json:"error"`
	Filter map[string]any `json:"filter"`
	Sort   [][2]any       `json:"sort"`
	Fields any            `json:"fields"`
	Skip   int64          `json:"skip"`
	Limit  int64          `json:"limit"`
}

// TestParse_cases runs the cases that were checked against the original.
func TestParse_cases(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("../testdata/query_cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			ID       string      `json:"id"`
			Query    string      `json:"query"`
			Expected expectation `json:"expected"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 54 {
		t.Fatalf("%d cases, want 54", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.ID+" "+c.Query, func(t *testing.T) {
			t.Parallel()

			q, err := testParser().Parse(c.Query, testFields)
			if c.Expected.Status == 400 {
				var refused *SyntaxError
				if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), c.Expected.Error) {
					t.Errorf("Parse(%q): error %v, want one that begins with %q", c.Query, err, c.Expected.Error)
				}
				return
			}
			if err != nil {
				t.Fatalf("Parse(%q): %v", c.Query, err)
			}
			c.Expected.compare(t, q)
		})
	}
}

func (want expectation) compare(t *testing.T, q Query) {
	t.Helper()

	if got := mongoFilter(q.Where); !reflect.DeepEqual(got, want.Filter) {
		t.Errorf("filter %v, want %v", got, want.Filter)
	}
	var sort [][2]any
	for _, name := range q.Sort {
		direction := 1.0
		if q.Descending {
			direction = -1
		}
		sort = append(sort, [2]any{name, direction})
	}
	if !reflect.DeepEqual(sort, want.Sort) {
		t.Errorf("sort %v, want %v", sort, want.Sort)
	}
	keep, drop := wantedFields(want.Fields)
	gotKeep, gotDrop := slices.Sorted(slices.Values(q.Projection.Keep)), slices.Sorted(slices.Values(q.Projection.Drop))
	if !slices.Equal(gotKeep, keep) || !slices.Equal(gotDrop, drop) {
		t.Errorf("keep %q and drop %q, want %q and %q", gotKeep, gotDrop, keep, drop)
	}
	if q.Skip != want.Skip || q.Limit != want.Limit {
		t.Errorf("skip %d, limit %d, want %d, %d", q.Skip, q.Limit, want.Skip, want.Limit)
	}
}

// mongoFilter writes conditions in the notation of the cases.
func mongoFilter(where []Condition) map[string]any {
	operators := map[Op]string{In: "$eq", Ge: "$gte", Gt: "$gt", Lt: "$lt", Le: "$lte", Ne: "$ne"}
	byField := map[string]map[string]any{}
	filter := map[string]any{}
	for _, c := range where {
		if c.Op == Null {
			filter[c.Field] = nil
			continue
		}
		values := []any{}
		for _, v := range c.Values {
			values = append(values, mongoValue(c.Kind, v))
		}
		if byField[c.Field] == nil {
			byField[c.Field] = map[string]any{}
		}
		if c.Op == In && len(values) != 1 {
			byField[c.Field]["$in"] = values
			continue
		}
		byField[c.Field][operators[c.Op]] = values[0]
	}
	for field, m := range byField {
		filter[field] = m
		if v, ok := m["$eq"]; ok && len(m) == 1 {
			filter[field] = v
		}
	}
	return filter
}

func mongoValue(kind Kind, v any) any {
	switch kind {
	case Date:
		return map[string]any{"$date": float64(v.(int64))}
	case ID:
		return map[string]any{"$oid": v}
	case Int:
		return float64(v.(int64))
	}
	return v
}

// wantedFields reads the two notations of the cases for a projection.
func wantedFields(fields any) (keep, drop []string) {
	switch fields := fields.(type) {
	case []any:
		for _, name := range fields {
			keep = append(keep, name.(string))
		}
	case map[string]any:
		for name, wanted := range fields {
			if wanted.(bool) {
				keep = append(keep, name)
			} else {
				drop = append(drop, name)
			}
		}
	}
	slices.Sort(keep)
	slices.Sort(drop)
	return keep, drop
}
