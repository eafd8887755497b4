package query

import (
	"errors"
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func in(field string, kind Kind, values ...any) Condition {
	return Condition{Field: field, Kind: kind, Op: In, Values: values}
}

func rangeOf(field string, kind Kind, op Op, value any) Condition {
	return Condition{Field: field, Kind: kind, Op: op, Values: []any{value}}
}

const (
	day0808 = 1407456000000 // 2014-08-08 00:00 UTC
	aDay    = 86400000
	id1     = "54b9a1c2d3e4f5061728394a"
)

func TestParse_filters(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		query string
		want  []Condition
	}{
		{"nothing", "", nil},
		{"only ampersands", "&&&", nil},
		{"a key without an equals sign", "board&status=PASS", []Condition{in("status", Text, "PASS")}},
		{"one value twice is one value", "board=juno&board=juno", []Condition{in("board", Text, "juno")}},
		{"the value null among others is a text", "board=null&board=juno", []Condition{in("board", Text, "null", "juno")}},
		{"null twice is null", "board=null&board=null", []Condition{{Field: "board", Kind: Text, Op: Null}}},
		{"Null in capitals is a text", "board=NULL", []Condition{in("board", Text, "NULL")}},
		{"null of a number", "retries=null", []Condition{{Field: "retries", Kind: Int, Op: Null}}},
		{"null of an id", "job_id=null", []Condition{{Field: "job_id", Kind: ID, Op: Null}}},
		{"one bad number drops them all", "retries=1&retries=x", nil},
		{"a signed number", "retries=%2B7&retries=-2", []Condition{in("retries", Int, int64(7), int64(-2))}},
		{"a number of 30 digits matches nothing", "retries=" + strings.Repeat("9", 30), []Condition{in("retries", Int)}},
		{"a fraction is no number", "retries=1.0", nil},
		{"two signs are no number", "retries=--1", nil},
		{"booleans in every spelling", "private=TRUE&private=0", []Condition{in("private", Bool, true, false)}},
		{"yes is no boolean", "private=yes", nil},
		{"capitals in an id are folded", "_id=" + strings.ToUpper(id1), []Condition{in("_id", ID, id1)}},
		{"of two ids the malformed one matches nothing", "_id=" + id1 + "&_id=x", []Condition{in("_id", ID, id1)}},
		{"a second name", "defconfig_id=" + id1, []Condition{in("build_id", ID, id1)}},
		{"a field for ranges only is no filter", "time=1", nil},
		{"keys are case sensitive", "Board=juno", nil},
		{"a plus sign is a blank", "kernel=a+b", []Condition{in("kernel", Text, "a b")}},
		{"percent codes", "kernel=%e4%b8%ad%2B%26%3D", []Condition{in("kernel", Text, "中+&=")}},
		{"a percent sign that starts no code", "kernel=100%&board=%zz", []Condition{in("kernel", Text, "100%"), in("board", Text, "%zz")}},
		{"an equals sign in a value", "kernel=a=b", []Condition{in("kernel", Text, "a=b")}},
		{"a semicolon in a value", "kernel=a;b", []Condition{in("kernel", Text, "a;b")}},
		{"control characters become blanks", "kernel=%00a%01b%7f", []Condition{in("kernel", Text, "a b")}},
		{"operators in a value are text", "status=$ne&status=%27%20OR%201=1--", []Condition{in("status", Text, "$ne", "' OR 1=1--")}},
		{"brackets in a key are not understood", "status[$ne]=PASS", nil},
		{"a date field", "updated_on=2014-08-08", []Condition{in("updated_on", Date, int64(day0808))}},
		{"parameters are never fields", "limit=5&sort=board", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			q, err := testParser().Parse(tt.query, testFields)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.query, err)
			}
			if !reflect.DeepEqual(q.Where, tt.want) {
				t.Errorf("Parse(%q): %v, want %v", tt.query, q.Where, tt.want)
			}
		})
	}
}

func TestParse_ranges(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		query string
		want  []Condition
	}{
		{"the five operators", "gte=retries,1&gt=retries,2&lt=retries,3&lte=retries,4&ne=retries,5", []Condition{
			rangeOf("retries", Int, Ge, int64(1)), rangeOf("retries", Int, Lt, int64(3)), rangeOf("retries", Int, Gt, int64(2)),
			rangeOf("retries", Int, Le, int64(4)), rangeOf("retries", Int, Ne, int64(5))}},
		{"an ignored one does not count as the last", "gte=retries,1&gte=retries,x", []Condition{rangeOf("retries", Int, Ge, int64(1))}},
		{"blanks around both parts", "gte=+retries+,+1+", []Condition{rangeOf("retries", Int, Ge, int64(1))}},
		{"no value", "gte=retries,&lt=,1", nil},
		{"beyond 64 bits nothing is larger", "gte=retries,99999999999999999999", []Condition{rangeOf("retries", Int, Gt, int64(math.MaxInt64))}},
		{"beyond 64 bits everything is smaller", "lt=retries,99999999999999999999", []Condition{rangeOf("retries", Int, Le, int64(math.MaxInt64))}},
		{"below 64 bits", "gt=retries,-99999999999999999999&lte=retries,-99999999999999999999", []Condition{
			rangeOf("retries", Int, Ge, int64(math.MinInt64)), rangeOf("retries", Int, Lt, int64(math.MinInt64))}},
		{"a field for ranges only", "gte=time,10400", []Condition{rangeOf("time", Date, Ge, int64(10400))}},
		{"eight digits are a day", "gte=time,20140808", []Condition{rangeOf("time", Date, Ge, int64(day0808))}},
		{"eight digits that are no day", "gte=time,20141399", nil},
		{"a time", "gte=created_on,2014-08-08T02:00:00.5%2B02:00", []Condition{rangeOf("created_on", Date, Ge, int64(day0808+500))}},
		{"a time whose plus sign became a blank", "gte=created_on,2014-08-08T02:00:00+02:00", []Condition{rangeOf("created_on", Date, Ge, int64(day0808))}},
		{"a time in small letters", "gte=created_on,2014-08-08t00:00:00z", []Condition{rangeOf("created_on", Date, Ge, int64(day0808))}},
		{"milliseconds before 1970", "gte=created_on,-1000", []Condition{rangeOf("created_on", Date, Ge, int64(-1000))}},
		{"milliseconds beyond all years", "lt=created_on,9999999999999999999999", []Condition{rangeOf("created_on", Date, Lt, int64(maxMillis))}},
		{"a word is no date", "gte=created_on,yesterday", nil},
		{"a range of ids", "gt=_id," + id1, []Condition{rangeOf("_id", ID, Gt, id1)}},
		{"a malformed id in a range", "gt=_id,x", nil},
		{"a boolean", "ne=private,1", []Condition{rangeOf("private", Bool, Ne, true)}},
		{"not null", "ne=git_url,null", []Condition{{Field: "git_url", Kind: Text, Op: NotNull}}},
		{"null has no order", "gte=retries,null", nil},
		{"in text null is a word", "gte=board,null", []Condition{rangeOf("board", Text, Ge, "null")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			q, err := testParser().Parse(tt.query, testFields)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.query, err)
			}
			if !reflect.DeepEqual(q.Where, tt.want) {
				t.Errorf("Parse(%q): %v, want %v", tt.query, q.Where, tt.want)
			}
		})
	}
}

func TestParse_createdOn(t *testing.T) {
	t.Parallel()

	const lastSecond = aDay - 1000
	tests := []struct {
		name     string
		query    string
		from, to int64 // 0 for no condition
	}{
		{"single digits", "created_on=2014-8-8", day0808, day0808 + lastSecond},
		{"the last value counts", "created_on=2001-01-01&created_on=20140808", day0808, day0808 + lastSecond},
		{"a day that does not exist", "created_on=2014-02-30", 0, 0},
		{"null", "created_on=null", 0, 0},
		{"milliseconds are no day", "created_on=1407456000000", 0, 0},
		{"an empty range means five days", "date_range=", day0808 - 5*aDay, day0808 + lastSecond},
		{"zero is today", "date_range=0", day0808, day0808 + lastSecond},
		{"the last range counts", "date_range=9&date_range=1", day0808 - aDay, day0808 + lastSecond},
		{"a fraction means five days", "date_range=1.5", day0808 - 5*aDay, day0808 + lastSecond},
		{"more than 999999999 means five days", "date_range=1000000000", day0808 - 5*aDay, day0808 + lastSecond},
		{"more than 64 bits means five days", "date_range=-99999999999999999999", day0808 - 5*aDay, day0808 + lastSecond},
		{"back to the year one", "date_range=999999999", minMillis, day0808 + lastSecond},
		{"a bad day with a range counts from today", "created_on=x&date_range=1", day0808 - aDay, day0808 + lastSecond},
		{"an explicit lower bound", "date_range=1&gte=created_on,2014-08-01", day0808 - 7*aDay, day0808 + lastSecond},
		{"an explicit upper bound", "date_range=1&lt=created_on,2014-08-08", day0808 - aDay, day0808},
		{"an empty time range means an hour", "time_range=", testNow.UnixMilli() - 3600000, testNow.UnixMilli()},
		{"at most a day", "time_range=99999999999999999999", testNow.UnixMilli() - aDay, testNow.UnixMilli()},
		{"minutes have no sign", "time_range=-30", testNow.UnixMilli() - 1800000, testNow.UnixMilli()},
		{"a time range replaces explicit bounds", "time_range=30&gte=created_on,20010101&ne=created_on,20010101", testNow.UnixMilli() - 1800000, testNow.UnixMilli()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			var want []Condition
			if tt.from != 0 {
				want = []Condition{rangeOf("created_on", Date, Ge, tt.from), rangeOf("created_on", Date, Lt, tt.to)}
			}
			q, err := testParser().Parse(tt.query, testFields)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.query, err)
			}
			got := q.Where
			if len(got) == 2 && got[0].Op == Lt {
				got[0], got[1] = got[1], got[0]
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("Parse(%q): %v, want %v", tt.query, got, want)
			}
		})
	}
}

// A collection without a time of creation ignores the three parameters.
func TestParse_withoutCreatedOn(t *testing.T) {
	t.Parallel()

	q, err := testParser().Parse("date_range=5&created_on=20140808&time_range=9", Catalogue{"board": {Kind: Text}})
	if err != nil || q.Where != nil {
		t.Errorf("conditions %v, error %v, want none", q.Where, err)
	}
}

func TestParse_control(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		query string
		want  Query
	}{
		{"empty means absent", "limit=&skip=&sort=&sort_order=&field=&nfield=", Query{}},
		{"an empty one does not count as the last", "limit=8&limit=", Query{Limit: 8}},
		{"a number too large", "limit=99999999999999999999&skip=18446744073709551617", Query{Limit: math.MaxInt64, Skip: math.MaxInt64}},
		{"leading zeros", "limit=007", Query{Limit: 7}},
		{"an unknown field may be sorted by", "sort=metadata.rack", Query{Sort: []string{"metadata.rack"}, Descending: true}},
		{"a second name", "sort=defconfig_id&sort_order=1", Query{Sort: []string{"build_id"}}},
		{"the last order counts", "sort=board&sort_order=-1&sort_order=1", Query{Sort: []string{"board"}}},
		{"a huge order is an order", "sort=board&sort_order=99999999999999999999", Query{Sort: []string{"board"}, Descending: true}},
		{"an order without a sort", "sort_order=-1", Query{}},
		{"groups", "aggregate=job&aggregate=git_branch&aggregate=job", Query{Aggregate: []string{"job", "git_branch"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := testParser().Parse(tt.query, testFields)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.query, err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Parse(%q): %+v, want %+v", tt.query, got, tt.want)
			}
		})
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name      string
		query     string
		parameter string
	}{
		{"a signed limit", "limit=%2B5", "limit"},
		{"a fraction", "limit=1.5", "limit"},
		{"digits of another script", "limit=" + url.QueryEscape("１２"), "limit"},
		{"the last limit is bad", "limit=5&limit=x", "limit"},
		{"a negative skip", "skip=-0", "skip"},
		{"a bad order, also without a sort", "sort_order=up", "sort_order"},
		{"a value that is not UTF-8", "board=%ff", ""},
		{"a key that is not UTF-8", "%ff=x", ""},
		{"raw bytes that are not UTF-8", "x=\xc3", ""},
		{"too many sort fields", "sort=" + manyValues("sort", 17), "sort"},
		{"too many groups", manyValues("aggregate", 17), "aggregate"},
		{"too many values", manyValues("board", 1001), ""},
		{"too many fields", manyValues("field", 501) + "&" + manyValues("nfield", 500), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, err := testParser().Parse(tt.query, testFields)
			var refused *SyntaxError
			if !errors.As(err, &refused) || refused.Parameter != tt.parameter {
				t.Errorf("Parse(%.60q): error %v, want a SyntaxError for %q", tt.query, err, tt.parameter)
			}
		})
	}
}

func manyValues(key string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("&" + key + "=v" + strings.Repeat("x", i))
	}
	return b.String()
}

func TestParseSelection(t *testing.T) {
	t.Parallel()

	offered := Catalogue{"_id": {Kind: ID}, "job": {Kind: Text}, "board": {Kind: Text}}
	tests := []struct {
		name   string
		query  string
		want   []Condition
		refuse string // the parameter, or - for the whole
	}{
		{"equality", "job=next&board=juno&board=panda", []Condition{in("job", Text, "next"), in("board", Text, "juno", "panda")}, ""},
		{"unknown keys are ignored", "job=next&_=1407456000000", []Condition{in("job", Text, "next")}, ""},
		{"a malformed id selects nothing", "_id=x", []Condition{in("_id", ID)}, ""},
		{"nothing at all", "", nil, "-"},
		{"only unknown keys", "colour=red", nil, "-"},
		{"a key without a value would widen the match", "job=next&board=", nil, "board"},
		{"a searchable key that is not offered", "job=next&status=FAIL", nil, "status"},
		{"a range", "job=next&gte=retries,2", nil, "gte"},
		{"a date", "job=next&date_range=5", nil, "date_range"},
		{"a day", "created_on=20140808", nil, "created_on"},
		{"not UTF-8", "job=%ff", nil, "-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := testParser().ParseSelection(tt.query, offered, testFields)
			var refused *SyntaxError
			if errors.As(err, &refused) != (tt.refuse != "") {
				t.Fatalf("ParseSelection(%q): error %v, want one for %q", tt.query, err, tt.refuse)
			}
			if refused != nil && refused.Parameter != strings.Trim(tt.refuse, "-") {
				t.Errorf("ParseSelection(%q): error for %q, want %q", tt.query, refused.Parameter, tt.refuse)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("ParseSelection(%q): %v, want %v", tt.query, got, tt.want)
			}
		})
	}
}

func TestDateRange(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name     string
		raw      string
		wantFrom string
	}{
		{"yesterday", "1", "2014-08-07T00:00:00Z"}, // the span in the KernelCI introduction
		{"sign is ignored", "-1", "2014-08-07T00:00:00Z"},
		{"a word means five days", "week", "2014-08-03T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			from, to := DateRange(tt.raw, testNow)
			if got := from.Format("2006-01-02T15:04:05Z07:00"); got != tt.wantFrom {
				t.Errorf("DateRange(%q): from %s, want %s", tt.raw, got, tt.wantFrom)
			}
			if to.UnixMilli() != 1407542399000 {
				t.Errorf("DateRange(%q): to %s, want one second before midnight", tt.raw, to)
			}
		})
	}
}

func TestSyntaxError_isShort(t *testing.T) {
	t.Parallel()

	_, err := testParser().Parse("limit="+strings.Repeat("é", 5000), testFields)
	if err == nil || len(err.Error()) > 250 {
		t.Errorf("error of %d bytes, want one that does not repeat all of the value", len(err.Error()))
	}
}
