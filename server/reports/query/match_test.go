package query

import (
	"slices"
	"testing"
)

func TestMatch(t *testing.T) {
	t.Parallel()

	doc := map[string]any{
		"board": "juno", "retries": int64(3), "private": true, "created_on": int64(day0808),
		"ip_address": []string{"192.0.2.10", "198.51.100.0/24"}, "build_id": id1,
	}
	get := func(field string) any { return doc[field] }
	fields := Catalogue{"ip_address": {Kind: Text}}
	for name, f := range testFields {
		fields[name] = f
	}
	tests := []struct {
		query string
		want  bool
	}{
		{"", true},
		{"board=juno", true},
		{"board=panda&board=juno", true},
		{"board=Juno", false},
		{"board=juno&retries=4", false},
		{"git_url=null", true},
		{"board=null", false},
		{"ne=board,null", true},
		{"ne=git_url,null", false},
		{"ne=git_url,x", true},
		{"ne=board,juno", false},
		{"ne=board,panda", true},
		{"gte=retries,3", true},
		{"gt=retries,3", false},
		{"lte=retries,3", true},
		{"lt=retries,3", false},
		{"lt=warnings,3", false},
		{"gte=warnings,0", false},
		{"gte=retries,99999999999999999999", false},
		{"lt=retries,99999999999999999999", true},
		{"gte=retries,-99999999999999999999", true},
		{"lt=retries,-99999999999999999999", false},
		{"retries=99999999999999999999", false},
		{"private=1", true},
		{"ne=private,false", true},
		{"gte=board,j&lt=board,k", true},
		{"gte=board,k", false},
		{"created_on=2014-08-08", true},
		{"created_on=2014-08-09", false},
		{"build_id=" + id1, true},
		{"defconfig_id=" + id1, true},
		{"build_id=next-20140808", false},
		{"ip_address=198.51.100.0/24", true},
		{"ip_address=198.51.100.1", false},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			t.Parallel()

			q, err := testParser().Parse(tt.query, fields)
			if err != nil {
				t.Fatal(err)
			}
			if got := Match(q.Where, get); got != tt.want {
				t.Errorf("Match(%v) = %t, want %t", q.Where, got, tt.want)
			}
		})
	}
}

// TestCompareValues holds every kind of value, lowest first.
func TestCompareValues(t *testing.T) {
	t.Parallel()

	type object struct{}
	ordered := []any{nil, int64(-1), -0.5, int64(0), 0.25, int64(10), "", "10", "9", "B", "a", "é", false, true, object{}}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := CompareValues(a, b), sign(i-j); got != want {
				t.Errorf("CompareValues(%v, %v) = %d, want %d", a, b, got, want)
			}
		}
	}
	if CompareValues(int64(2), 2.0) != 0 || CompareValues(2.0, int64(2)) != 0 {
		t.Error("2 and 2.0 differ")
	}
}

func sign(n int) int { return max(-1, min(n, 1)) }

func TestQuery_Compare(t *testing.T) {
	t.Parallel()

	docs := []map[string]any{
		{"n": 0, "status": "PASS", "board": "b"},
		{"n": 1, "status": "FAIL"},
		{"n": 2, "status": "FAIL", "board": "a"},
	}
	tests := []struct {
		query string
		want  []int
	}{
		{"sort=status&sort=board&sort_order=1", []int{1, 2, 0}},
		{"sort=status&sort=board", []int{0, 2, 1}},
		{"sort=colour&sort=board&sort_order=1", []int{1, 2, 0}},
		{"sort=colour", []int{0, 1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			t.Parallel()

			q, err := testParser().Parse(tt.query, testFields)
			if err != nil {
				t.Fatal(err)
			}
			sorted := slices.SortedStableFunc(slices.Values(docs), func(a, b map[string]any) int {
				return q.Compare(func(f string) any { return a[f] }, func(f string) any { return b[f] })
			})
			for i, n := range tt.want {
				if sorted[i]["n"] != n {
					t.Errorf("place %d holds %v, want document %d", i, sorted[i], n)
				}
			}
		})
	}
}
