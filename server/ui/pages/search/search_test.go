package search

import "testing"

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, q string
		want    bool
	}{
		{"pc-kernel", "KERN", true}, {"pc-kernel", "kern", true}, {"pc-kernel", "*kern", false}, {"pc-kernel", "pc-*", true}, {"pc-kernel", "p?-k*l", true},
		{"pc-kernel", "??", false}, {"試験機-07", "試験", true}, {"a", "*", true}, {"", "*", true}, {"", "?", false}, {"aaaaaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*c", false},
	} {
		if got := matches(row.name, row.q); got != row.want {
			t.Errorf("matches(%q, %q) is %t, want %t", row.name, row.q, got, row.want)
		}
	}
}
