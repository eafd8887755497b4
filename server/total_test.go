package server_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// TestLists_ManyItems: up to 10 000 items are counted. Beyond that no number is said
// that would not be true, and the pages still lead on.
func TestLists_ManyItems(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		ctx := context.Background()
		add := func(n int) {
			t.Helper()
			err := s.Store.InTx(ctx, func(tx *store.Store) error {
				for range n {
					if err := resultstore.New(tx).CreateRun(ctx, &resultstore.Run{}); err != nil {
						return err
					}
					if err := productstore.New(tx).CreateProduct(ctx, &productstore.Product{Name: s.Store.NewID().String()}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		runs := func(query string) (page struct {
			Runs       []json.RawMessage `json:"runs"`
			Pagination struct {
				CurrentPage  int64  `json:"current_page"`
				TotalPages   *int64 `json:"total_pages"`
				Total        *int64 `json:"total"`
				TotalAtLeast *int64 `json:"total_at_least"`
			} `json:"pagination"`
		}, link string) {
			t.Helper()
			a := s.Do("GET", "/v1/runs?"+query, "", servertest.Admin())
			if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			return page, a.Header.Get("Link")
		}

		add(store.CountLimit)
		page, _ := runs("limit=1000&page=10")
		p := page.Pagination
		if p.Total == nil || *p.Total != store.CountLimit || p.TotalPages == nil || *p.TotalPages != 10 || p.TotalAtLeast != nil {
			t.Errorf("10 000 runs: %+v", p)
		}
		a := s.Do("GET", "/v1/products?limit=1", "", servertest.Admin())
		if a.Header.Get("X-Total-Count") != "10000" || a.Header.Get("X-Total-Count-At-Least") != "" {
			t.Errorf("10 000 products: %v", a.Header)
		}

		add(1)
		page, link := runs("limit=1000&page=10")
		p = page.Pagination
		if p.Total != nil || p.TotalPages != nil || p.TotalAtLeast == nil || *p.TotalAtLeast != store.CountLimit {
			t.Errorf("10 001 runs: %+v", p)
		}
		if want := `</v1/runs?limit=1000&page=11>; rel="next", </v1/runs?limit=1000&page=9>; rel="prev"`; link != want {
			t.Errorf("Link %q, want %q", link, want)
		}
		page, link = runs("limit=1000&page=11")
		if len(page.Runs) != 1 || link != `</v1/runs?limit=1000&page=10>; rel="prev"` {
			t.Errorf("the last page has %d runs and Link %q", len(page.Runs), link)
		}
		a = s.Do("GET", "/v1/products?limit=1", "", servertest.Admin())
		if a.Header.Get("X-Total-Count") != "" || a.Header.Get("X-Total-Count-At-Least") != "10000" {
			t.Errorf("10 001 products: %v", a.Header)
		}
	})
}
