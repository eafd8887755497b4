package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
	"github.com/slipway-lab/slipway/store/storetest"
)

// pagedLists are the operations of the document that go on with a cursor.
func pagedLists(t *testing.T) map[string]*openapi3.Operation {
	t.Helper()
	doc, err := edge.LoadDocument()
	if err != nil {
		t.Fatal(err)
	}
	lists := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		op := item.Get
		if op == nil || op.Parameters.GetByInAndName("query", "limit") == nil || text(op, "x-dialect") == "kernelci" {
			continue
		}
		for _, name := range []string{"after", "cursor"} {
			if op.Parameters.GetByInAndName("query", name) == nil {
				t.Errorf("%s %s has a limit and no %s", op.OperationID, path, name)
			}
		}
		schema := op.Responses.Status(200).Value.Content["application/json"].Schema.Value
		if !schema.Type.Is("array") && schema.Properties["next"] == nil {
			t.Errorf("%s has no next", op.OperationID)
		}
		lists[op.OperationID] = op
	}
	return lists
}

// TestLists_Cursors: every list refuses two cursors that differ, and one that is
// none, and names them.
func TestLists_Cursors(t *testing.T) {
	t.Parallel()

	lists := pagedLists(t)
	w := newWorld(t, servertest.New(t, ownHooks), "")
	task := &labstore.Task{Status: "complete", Action: "verify_site", Plan: store.JSON(`{"Result":"success"}`), CreatedAt: time.Now(), UpdatedAt: time.Now()}
	task.ID = w.fill("listTaskBuildData", "{task_id}")
	task.Root = task.ID
	if err := labstore.New(w.s.Store).CreateTask(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	for _, op := range operations(t) {
		list := lists[op.id]
		if list == nil {
			continue
		}
		get := func(more string) servertest.Answer {
			t.Helper()
			query := w.fill(op.id, visits[op.id].query)
			return w.s.Do("GET", w.fill(op.id, op.path)+"?"+strings.Trim(query+"&"+more, "&"), "", servertest.Admin())
		}
		refused := func(more string, names ...string) {
			t.Helper()
			a := get(more)
			if a.Status != 400 {
				t.Errorf("%s?%s: %d %.300s, want 400", op.id, more, a.Status, a.Body)
				return
			}
			for _, name := range names {
				if !strings.Contains(readProblem(t, a).Detail, name) {
					t.Errorf("%s?%s: %q does not name %s", op.id, more, readProblem(t, a).Detail, name)
				}
			}
		}
		refused("after=AA&cursor=AB", "after", "cursor")
		refused("cursor=nonsense", "after")
		if list := readProblem(t, get("cursor=nonsense")).Errors; len(list) > 0 && !slices.ContainsFunc(list, func(e struct{ Pointer, Parameter, In, Message string }) bool { return e.Parameter == "cursor" }) {
			t.Errorf("%s?cursor=nonsense names %v", op.id, list)
		}
		refused("after=nonsense", "after")
		if list.Parameters.GetByInAndName("query", "page") != nil {
			refused("after=AA&page=2", "after", "page")
			refused("cursor=AA&page=2", "cursor", "page")
		}
		if a := get("limit=1000"); a.Status == 200 && a.Body[0] == '{' && op.id != "listEvents" {
			var page struct {
				Next any `json:"next"`
			}
			if err := json.Unmarshal(a.Body, &page); err != nil || page.Next != nil || !strings.Contains(string(a.Body), `"next":null`) || strings.Contains(a.Header.Get("Link"), "next") {
				t.Errorf("%s: the last page says %v, Link %q", op.id, page.Next, a.Header.Get("Link"))
			}
		}
	}
}

// TestLists_Walk reads lists one item at a time, by either name of the cursor and by
// the Link, while items are added in front: each is seen once. It stands for all servers
// behind a pooler.
func TestLists_Walk(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.Store) {
		s := servertest.On(t, db)
		made := 0
		make := func() {
			made++
			if a := s.Do("POST", "/v1/runs", fmt.Sprintf(`{"name":"r%d"}`, made), servertest.Admin(), servertest.JSON()); a.Status != 201 {
				t.Fatalf("POST /v1/runs: %d %s", a.Status, a.Body)
			}
		}
		for range 5 {
			make()
		}
		for _, by := range []string{"after", "cursor", "Link"} {
			seen, target := map[float64]int{}, "/v1/runs?limit=2"
			first := made
			for target != "" {
				a := s.Do("GET", target, "", servertest.Admin())
				var page struct {
					Runs []struct {
						ID float64 `json:"test_id"`
					} `json:"runs"`
					Next       *string         `json:"next"`
					Pagination json.RawMessage `json:"pagination"`
				}
				if err := json.Unmarshal(a.Body, &page); a.Status != 200 || err != nil {
					t.Fatalf("GET %s: %d %s", target, a.Status, a.Body)
				}
				if behind := strings.Contains(target, "after=") || strings.Contains(target, "cursor="); behind != (page.Pagination == nil) {
					t.Errorf("GET %s: pagination %s", target, page.Pagination)
				}
				for _, r := range page.Runs {
					seen[r.ID]++
				}
				target = next(target, by, page.Next, a.Header.Get("Link"))
				make()
			}
			if len(seen) != first {
				t.Errorf("by %s: %d runs were seen, want %d", by, len(seen), first)
			}
			for id, n := range seen {
				if n != 1 {
					t.Errorf("by %s: run %v was seen %d times", by, id, n)
				}
			}
		}
	})
}

// next is the address of the page behind the one at target.
func next(target, by string, cursor *string, link string) string {
	switch {
	case cursor == nil:
		return ""
	case by != "Link" || !strings.Contains(target, "after="): // the first Link of RefStack's lists counts pages
		return "/v1/runs?limit=2&" + strings.ToLower(strings.Replace(by, "Link", "after", 1)) + "=" + url.QueryEscape(*cursor)
	}
	address, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	return address
}
