package query

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzParse checks that no query string makes the parser panic, that what comes
// out is well formed, and that the same string gives the same answer.
func FuzzParse(f *testing.F) {
	for _, query := range seedQueries(f) {
		f.Add(query)
	}
	f.Add("created_on=2014-8-8&date_range=999999999&time_range=-99999999999999999999")
	f.Add("gte=created_on,2014-08-08T00:00:00+02:00&ne=git_url,null&_id=%00%ff;&=&&%&%z")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := testParser().Parse(raw, testFields)
		if err != nil {
			var refused *SyntaxError
			if !errors.As(err, &refused) || !utf8.ValidString(err.Error()) {
				t.Fatalf("Parse(%q): error %v", raw, err)
			}
			return
		}
		for _, c := range q.Where {
			checkCondition(t, c)
		}
		if q.Limit < 0 || q.Skip < 0 {
			t.Errorf("Parse(%q): limit %d, skip %d", raw, q.Limit, q.Skip)
		}
		again, _ := testParser().Parse(raw, testFields)
		if !reflect.DeepEqual(q, again) {
			t.Errorf("Parse(%q) is not always the same", raw)
		}
		Match(q.Where, func(string) any { return nil })
		if where, err := testParser().ParseSelection(raw, testFields, testFields); err == nil && len(where) == 0 {
			t.Errorf("ParseSelection(%q) selects everything", raw)
		}
	})
}

// checkCondition checks what a store relies on: a field of the catalogue, the
// number of values, their Go type.
func checkCondition(t *testing.T, c Condition) {
	t.Helper()

	if f, ok := testFields[c.Field]; !ok || f.Kind != c.Kind {
		t.Errorf("condition %v names no field of its kind", c)
	}
	switch c.Op {
	case In:
	case Null, NotNull:
		if len(c.Values) != 0 {
			t.Errorf("condition %v has values", c)
		}
	default:
		if len(c.Values) != 1 {
			t.Errorf("condition %v has not one value", c)
		}
	}
	for _, v := range c.Values {
		if !rightType(c.Kind, v) {
			t.Errorf("condition %v has a value of type %T", c, v)
		}
	}
}

func rightType(kind Kind, v any) bool {
	switch v := v.(type) {
	case int64:
		return kind == Int || kind == Date && minMillis <= v && v <= maxMillis
	case bool:
		return kind == Bool
	case string:
		if kind == ID {
			id, ok := ParseID(v)
			return ok && id == v
		}
		return kind == Text && v != "" && utf8.ValidString(v)
	}
	return false
}

func seedQueries(f *testing.F) []string {
	f.Helper()

	text, err := os.ReadFile("../testdata/query_cases.json")
	if err != nil {
		f.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Query string `json:"query"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		f.Fatal(err)
	}
	var queries []string
	for _, c := range file.Cases {
		queries = append(queries, c.Query)
	}
	return queries
}
