package results

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestNameList_Spilled: what goes to the file comes back in its place.
func TestNameList_Spilled(t *testing.T) {
	t.Parallel()
	const n = 100_000 // some 60 MiB of names
	list := NewNameList()
	defer list.Close()
	filler := strings.Repeat("x", 500)
	for _, i := range rand.Perm(n) {
		list.Add([]Test{{N: int64(i), Name: fmt.Sprintf("%s%06d", filler, i), Status: TestExists}})
	}
	list.Update([]Test{{N: 5, Status: TestFail}})
	if len(list.ends) < 2 || list.bytes > maxNameBytes {
		t.Errorf("%d runs in the file and %d bytes in memory", len(list.ends), list.bytes)
	}
	for range 2 { // it can be read more than once
		var got []int64
		err := list.each(func(e listedName, status TestStatus) error {
			if want := e.n == 5; want != (status == TestFail) {
				t.Errorf("test %d: %s", e.n, status)
			}
			got = append(got, e.n)
			return nil
		})
		if err != nil || len(got) != n || !slices.IsSorted(got) {
			t.Errorf("%d names, sorted %v, %v", len(got), slices.IsSorted(got), err)
		}
	}
}
