package tests

import (
	"fmt"
	"testing"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/servertest"
)

// TestLists_GoClient walks lists of the server with the Go client's iterators, a page
// at a time, and makes a thing twice under one key.
func TestLists_GoClient(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	api, err := client.New(s.URL, client.WithDoer(s.HTTP), client.WithToken(servertest.AdminToken))
	if err != nil {
		t.Fatal(err)
	}
	two := int32(2)
	for i := range 5 {
		key := fmt.Sprint("run ", i)
		var ids [2]int64
		for again := range ids {
			run, err := api.CreateRunWithResponse(t.Context(), &client.CreateRunParams{IdempotencyKey: &key}, client.CreateRunJSONRequestBody{})
			if err != nil || run.JSON201 == nil {
				t.Fatalf("CreateRun: %v", err)
			}
			ids[again] = run.JSON201.TestID
		}
		if ids[0] != ids[1] {
			t.Errorf("one key made the runs %v", ids)
		}
		if _, err := api.CreateProductWithResponse(t.Context(), nil, client.CreateProductJSONRequestBody{Name: fmt.Sprint("p", i), Release: "1"}); err != nil {
			t.Fatalf("CreateProduct: %v", err)
		}
	}
	runs := map[int64]bool{}
	for run, err := range api.ListRunsAll(t.Context(), &client.ListRunsParams{Limit: &two}) {
		if err != nil {
			t.Fatal(err)
		}
		runs[run.TestID] = true
	}
	products := map[string]bool{}
	for p, err := range api.ListProductsAll(t.Context(), &client.ListProductsParams{Limit: &two}) {
		if err != nil {
			t.Fatal(err)
		}
		products[p.Name] = true
	}
	if len(runs) != 5 || len(products) != 5 {
		t.Errorf("%d runs and %d products, want 5 of each", len(runs), len(products))
	}
	for i := range 21 { // RefStack's page has 20
		body := fmt.Sprintf(`{"cpid":"c","duration_seconds":%d,"results":["a"]}`, i)
		if a := s.Do("POST", "/v1/results/", body, servertest.JSON()); a.Status != 201 {
			t.Fatalf("POST /v1/results/: %d %s", a.Status, a.Body)
		}
	}
	for _, params := range []*client.ListPublishedResultsParams{nil, {}, {Limit: &two}} {
		published := map[string]bool{}
		for p, err := range api.ListPublishedResultsAll(t.Context(), params) {
			if err != nil {
				t.Fatal(err)
			}
			published[p.ID] = true
		}
		if len(published) != 21 {
			t.Errorf("%d published results with %+v, want 21", len(published), params)
		}
	}
	n := 0
	for _, err := range api.ListEventsAll(t.Context(), &client.ListEventsParams{Limit: &two}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range api.ListAccessTokensAll(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
	}
}
