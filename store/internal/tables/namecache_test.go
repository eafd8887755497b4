package tables

import (
	"fmt"
	"testing"
)

func TestNameCache(t *testing.T) {
	t.Parallel()
	var c NameCache
	hashes := make([][]byte, 2*nameSlots)
	for i := range hashes {
		hashes[i] = NameHash(fmt.Sprint(i))
	}
	find := func(mark string, from, n int) (known int) {
		t.Helper()
		ids := make([]int64, n)
		c.Find([]byte(mark), n, func(i int) []byte { return hashes[from+i] }, ids)
		for i, id := range ids {
			if id != 0 && id != int64(from+i+1) {
				t.Fatalf("number of name %d: %d", from+i, id)
			}
			known += int(min(id, 1))
		}
		return known
	}
	keep := func(mark string, from, n int) {
		c.Keep([]byte(mark), n, func(i int) ([]byte, int64) { return hashes[from+i], int64(from + i + 1) })
	}
	if n := find("", 0, 10); n != 0 {
		t.Errorf("an empty cache knows %d names", n)
	}
	keep("", 0, 1000)
	if n := find("", 0, 1000); n < 990 {
		t.Errorf("%d of 1000 names are known", n)
	}
	if n := find("a", 0, 1000); n != 0 {
		t.Errorf("after a removal %d names are known", n)
	}
	keep("a", 2000, 1)
	if n := find("a", 0, 2001); n != 1 {
		t.Errorf("after a removal %d names are known, want the one that was kept since", n)
	}
	if n := find("", 0, 2001); n != 0 {
		t.Errorf("for the mark before %d names are known", n)
	}
	keep("a", 0, len(hashes))
	if n := find("a", 0, len(hashes)); n < nameSlots/2 || n > nameSlots {
		t.Errorf("of %d names %d are known, want as many as there is room for", len(hashes), n)
	}
	if n := find("a", len(hashes)-1000, 1000); n < 990 {
		t.Errorf("%d of the newest 1000 names are known", n)
	}
}
