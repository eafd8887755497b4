package retention

import "testing"

// A slice has the trees that fit, one in any case: a statement names every group of it,
// and a database takes only so many values.
func TestFitting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		parts    []int
		most     int
		n, total int
	}{
		{"nothing", nil, 64, 0, 0},
		{"in one piece each", []int{0, 0, 0}, 2, 2, 2},
		{"all of them", []int{0, 0, 0}, 64, 3, 3},
		{"a tree that is too large alone", []int{9000, 9000, 9000}, 64, 1, 9000},
		{"a tree that is too large behind a small one", []int{3, 9000}, 64, 1, 3},
		{"as many as fit", []int{30, 30, 4, 1}, 64, 3, 64},
	} {
		list := make([]candidate, len(tt.parts))
		for i, parts := range tt.parts {
			list[i].parts = parts
		}
		if n, total := fitting(list, tt.most); n != tt.n || total != tt.total {
			t.Errorf("%s: %d with %d parts, want %d with %d", tt.name, n, total, tt.n, tt.total)
		}
	}
}
