package engine

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// TestBoard_membersInCircle: pages of a collection that lead back to one that was read,
// or on for ever, are no reason to ask the board without end.
func TestBoard_membersInCircle(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(asked int64) string{
		"a circle":     func(asked int64) string { return fmt.Sprintf("/page%d", asked%2) },
		"without end":  func(asked int64) string { return fmt.Sprintf("/page%d", asked) },
		"to itself":    func(int64) string { return "/page0" },
		"just one":     func(int64) string { return "" },
		"out of order": func(asked int64) string { return []string{"/page2", "/page1", "/page0"}[asked%3] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"Members":[{"@odata.id":"/one"}],"Members@odata.nextLink":%q}`, next(asked.Add(1)))
			}))
			defer srv.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			b := &board{client: srv.Client(), root: srv.URL}
			paths, err := b.members(ctx, "/page0")
			if err != nil || len(paths) != 1 || paths[0] != "/one" || asked.Load() > maxBoardMembers {
				t.Errorf("members %v, %v after %d questions; want /one after at most %d", paths, err, asked.Load(), maxBoardMembers)
			}
		})
	}
}
