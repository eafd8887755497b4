package store_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

type pageRow struct {
	a *int64
	b string
	c int64
}

// compare is the order that both databases must give: NULL below everything,
// texts by bytes.
func (r pageRow) compare(other pageRow, descA, descB, descC bool) int {
	turn := func(n int, desc bool) int {
		if desc {
			return -n
		}
		return n
	}
	a := 0
	switch {
	case r.a == nil && other.a == nil:
	case r.a == nil:
		a = -1
	case other.a == nil:
		a = 1
	default:
		a = cmp.Compare(*r.a, *other.a)
	}
	return cmp.Or(turn(a, descA), turn(cmp.Compare(r.b, other.b), descB), turn(cmp.Compare(r.c, other.c), descC))
}

// Every mix of directions, with NULLs and texts that a dictionary would sort
// differently, page by page, must be the whole list without gaps.
func TestPage_OrderIsTheSameOnBothDatabases(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		create := `CREATE TABLE page_test (a INTEGER, b TEXT NOT NULL, c INTEGER NOT NULL)`
		if s.Dialect() == "postgres" {
			create = `CREATE TABLE page_test (a bigint, b text COLLATE "C" NOT NULL, c bigint NOT NULL)`
		}
		if err := store.Exec(ctx, s, create); err != nil {
			t.Fatal(err)
		}
		var rows []pageRow
		for _, a := range []int64{-1, 0, 1, 2} {
			for _, b := range []string{"", "B", "a", "b", "é", "Z", "-a", "a b", "10", "9"} {
				r := pageRow{b: b, c: int64(len(rows))}
				if a >= 0 {
					r.a = &a
				}
				rows = append(rows, r)
				if err := store.Exec(ctx, s, "INSERT INTO page_test VALUES (?, ?, ?)", r.a, r.b, r.c); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range 8 {
			descA, descB, descC := i&1 > 0, i&2 > 0, i&4 > 0
			slices.SortFunc(rows, func(x, y pageRow) int { return x.compare(y, descA, descB, descC) })
			var want []int64
			for _, r := range rows {
				want = append(want, r.c)
			}
			for _, limit := range []int{1, 3, 39, 40, 100} {
				got, err := store.PageTest(ctx, s, descA, descB, descC, limit)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %v, %v; want %v", fmt.Sprint(descA, descB, descC, limit), got, err, want)
				}
			}
		}
	})
}
