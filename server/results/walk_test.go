package results_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// TestWalkByLink follows the Link header while runs come and go: every run that stays
// is there once.
func TestWalkByLink(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	var ids []string
	for range 9 {
		ids = append(ids, newRun(t, s, ""))
	}
	var seen []string
	for path := "/v1/runs?limit=3"; path != ""; {
		var page struct {
			Runs []struct {
				TestID json.Number `json:"test_id"`
			}
		}
		a := s.Do("GET", path, "", servertest.Admin())
		if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
			t.Fatalf("GET %s: %d %s", path, a.Status, a.Body)
		}
		for _, run := range page.Runs {
			seen = append(seen, run.TestID.String())
		}
		if len(seen) == 3 { // three new ones come, the first two of the list go
			for range 3 {
				newRun(t, s, "")
			}
			for _, id := range seen[:2] {
				if a := s.Do("DELETE", "/v1/runs/"+id, "", servertest.Admin()); a.Status != 204 {
					t.Fatalf("DELETE %s: %d %s", id, a.Status, a.Body)
				}
			}
		}
		link, next, _ := strings.Cut(a.Header.Get("Link"), ">")
		path = strings.TrimPrefix(link, "<")
		if path != "" && next != `; rel="next"` {
			t.Fatalf("Link %q", a.Header.Get("Link"))
		}
	}
	slices.Reverse(ids) // newest first
	if !slices.Equal(seen, ids) {
		t.Errorf("the walk saw %v, want %v", seen, ids)
	}
}
