package query

import (
	"errors"
	"reflect"
	"testing"
)

// TestParseStrict: what Parse drops is refused and named; what Parse takes means
// the same.
func TestParseStrict(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ name, query, parameter string }{
		{"nothing", "", ""},
		{"a filter", "board=juno&retries=null", ""},
		{"empty filters", "board=&gte=&retries=&created_on=&date_range=", ""},
		{"a range", "gte=retries,1&lt=created_on,2014-08-08&ne=board,null", ""},
		{"days", "created_on=2014-08-08&date_range=3", ""},
		{"a range without a comma", "gte=retries", "gte"},
		{"a range with two", "lt=board,a,b", "lt"},
		{"a range on no field", "gte=retrys,1", "gte"},
		{"a range without a value", "ne=board,", "ne"},
		{"a range with no number", "lte=retries,many", "lte"},
		{"the first of two ranges", "gt=x&gt=retries,1", "gt"},
		{"no number", "retries=x", "retries"},
		{"one that is no number", "retries=1&retries=x", "retries"},
		{"no day", "created_on=yesterday", "created_on"},
		{"a word for a number of days", "date_range=week", "date_range"},
		{"a word for minutes", "time_range=hour", "time_range"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := testParser().ParseStrict(tt.query, testFields)
			var refused *SyntaxError
			if errors.As(err, &refused) != (tt.parameter != "") || refused != nil && refused.Parameter != tt.parameter {
				t.Fatalf("ParseStrict(%q): %v, want %q to be refused", tt.query, err, tt.parameter)
			}
			if want, _ := testParser().Parse(tt.query, testFields); err == nil && !reflect.DeepEqual(got, want) {
				t.Errorf("ParseStrict(%q) = %+v, want %+v", tt.query, got, want)
			}
		})
	}
}
