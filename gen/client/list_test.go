package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/gen/client"
)

// TestPages walks lists of a server that has three pages, fails on one, or has a log
// that goes on.
func TestPages(t *testing.T) {
	t.Parallel()
	var asked []string
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		w.Header().Set("Content-Type", "application/json")
		after := r.URL.Query().Get("after")
		switch {
		case r.URL.Path == "/v1/events" && after == "7":
			fmt.Fprint(w, `{"events":[],"next":"7","removed_to":null}`)
		case r.URL.Path == "/v1/events":
			fmt.Fprint(w, `{"events":[{"id":"7","event_type":"A"}],"next":"7","removed_to":null}`)
		case after == "":
			fmt.Fprint(w, `{"runs":[{"test_id":5},{"test_id":4}],"next":"b","pagination":{"current_page":1,"total_pages":2,"total":3}}`)
		case after == "b" && r.URL.Query().Get("finished") == "true":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"status":403,"title":"Forbidden","detail":"no"}`)
		case after == "b":
			fmt.Fprint(w, `{"runs":[{"test_id":3}],"next":null}`)
		}
	})
	read := func(params *client.ListRunsParams) (ids []int64, err error) {
		for run, e := range api.ListRunsAll(t.Context(), params) {
			if e != nil {
				return ids, e
			}
			ids = append(ids, run.TestID)
		}
		return ids, nil
	}
	page, yes := int64(1), true
	if ids, err := read(&client.ListRunsParams{Page: &page}); err != nil || !slices.Equal(ids, []int64{5, 4, 3}) {
		t.Errorf("runs %v, %v", ids, err)
	}
	if want := []string{"/v1/runs?page=1", "/v1/runs?after=b"}; !slices.Equal(asked, want) {
		t.Errorf("the server was asked for %q, want %q", asked, want)
	}
	if ids, err := read(&client.ListRunsParams{Finished: &yes}); !errors.Is(err, client.ErrForbidden) || len(ids) != 2 {
		t.Errorf("runs %v, %v; want two and then 403", ids, err)
	}
	if page != 1 {
		t.Error("the caller's parameters were changed")
	}
	asked = nil
	for range api.ListRunsAll(t.Context(), nil) {
		break
	}
	if len(asked) != 1 {
		t.Errorf("a walk that ends at once asked for %q", asked)
	}
	n := 0
	for _, err := range api.ListEventsAll(t.Context(), nil) {
		if n++; err != nil || n > 1 {
			t.Fatalf("event %d: %v", n, err)
		}
	}
}
