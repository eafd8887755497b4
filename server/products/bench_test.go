package products_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	productstore "github.com/slipway-lab/slipway/store/products"
	"github.com/slipway-lab/slipway/store/storetest"
)

// bench sends a request that must succeed.
func bench(b *testing.B, s *servertest.Server, method, path, body string, want int) object {
	b.Helper()
	a := s.Do(method, path, body, servertest.Admin(), servertest.JSON())
	if a.Status != want {
		b.Fatalf("%s %s: %d %.300s", method, path, a.Status, a.Body)
	}
	var out object
	if len(a.Body) > 0 {
		if err := json.Unmarshal(a.Body, &out); err != nil {
			b.Fatal(err)
		}
	}
	return out
}

func benchProduct(b *testing.B, s *servertest.Server, specs int) string {
	b.Helper()
	p := bench(b, s, "POST", "/v1/products", `{"name": "bench", "release": "r", "snaps": ["test-snap.foo"]}`, http.StatusCreated)
	path := "/v1/products/" + p["id"].(string)
	for i := range specs {
		bench(b, s, "POST", path+"/testspecs", fmt.Sprintf(`{"name": "spec %d", "test_payload": {"test_cmds": ["true"]}}`, i), http.StatusCreated)
	}
	return path
}

func benchImage(b *testing.B, s *servertest.Server, path string, n int) {
	b.Helper()
	body := fmt.Sprintf(`{"image_unique_id": "image %d", "extra_snaps": [], "channel": "edge", "image_reference": 1}`, n)
	bench(b, s, "POST", path+"/images", body, http.StatusCreated)
}

// BenchmarkPick lets 64 agents empty a queue and prints picks per second.
func BenchmarkPick(b *testing.B) { benchBoth(b, "picks/s", false) }

// BenchmarkPickAndPost is BenchmarkPick with a result for each, and prints finished
// opportunities per second.
func BenchmarkPickAndPost(b *testing.B) { benchBoth(b, "finished/s", true) }

func benchBoth(b *testing.B, unit string, post bool) {
	b.Run("sqlite", func(b *testing.B) { benchAgents(b, servertest.New(b), unit, post) })
	b.Run("postgres", func(b *testing.B) {
		cfg := store.Config{DataDir: b.TempDir(), Database: storetest.Postgres(b)}
		benchAgents(b, servertest.On(b, storetest.Open(b, cfg)), unit, post)
	})
}

func benchAgents(b *testing.B, s *servertest.Server, unit string, post bool) {
	path := benchProduct(b, s, 100)
	for i := range crowd {
		bench(b, s, "PUT", fmt.Sprintf("/v1/agents/agent-%d", i), `{"capacity": 1000}`, http.StatusCreated)
	}
	done, images := 0, 0
	for b.Loop() {
		b.StopTimer()
		for range 10 {
			images++
			benchImage(b, s, path, images)
		}
		b.StartTimer()
		var left atomic.Int64
		left.Store(1000)
		var agents sync.WaitGroup
		for i := range crowd {
			agents.Go(func() {
				for left.Add(-1) >= 0 && !b.Failed() {
					benchOne(b, s, path, fmt.Sprintf("agent-%d", i), post)
				}
			})
		}
		agents.Wait()
		done += 1000
	}
	b.ReportMetric(float64(done)/b.Elapsed().Seconds(), unit)
}

func benchOne(b *testing.B, s *servertest.Server, path, agent string, post bool) {
	a := s.Do("POST", "/v1/agents/"+agent+"/pick", `{}`, servertest.Admin(), servertest.JSON())
	if a.Status == http.StatusOK && post {
		var o struct {
			ID    string `json:"test_opportunity_id"`
			Lease struct{ Token string }
		}
		_ = json.Unmarshal(a.Body, &o) // a bad one is refused below
		body := fmt.Sprintf(`{"test_opportunity_id": %q, "test_status": "PASSED", "lease_token": %q, "result_payload": {"a": 1}}`, o.ID, o.Lease.Token)
		a = s.Do("POST", path+"/tests/results", body, servertest.Admin(), servertest.JSON())
	}
	if a.Status != http.StatusOK && a.Status != http.StatusCreated {
		b.Errorf("%s: %d %s", agent, a.Status, a.Body)
	}
}

// BenchmarkLongPoll prints how long after an advertisement the answer to a
// waiting agent comes; the promise is 100 ms. On replicas the agent asks one and
// the advertisement goes to the other.
func BenchmarkLongPoll(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		s := servertest.New(b)
		benchLongPoll(b, s, s)
	})
	b.Run("replicas", func(b *testing.B) {
		address := storetest.Postgres(b)
		open := func() *servertest.Server {
			return servertest.On(b, storetest.Open(b, store.Config{DataDir: b.TempDir(), Database: address}))
		}
		benchLongPoll(b, open(), open())
	})
}

func benchLongPoll(b *testing.B, asks, advertises *servertest.Server) {
	path := benchProduct(b, advertises, 1)
	bench(b, advertises, "PUT", "/v1/agents/patient", `{"capacity": 1000}`, http.StatusCreated)
	var took, slowest time.Duration
	n := 0
	for b.Loop() {
		answered := make(chan time.Time, 1)
		go func() {
			a := asks.Do("POST", "/v1/agents/patient/pick", `{"wait_seconds": 30}`, servertest.Admin(), servertest.JSON())
			if a.Status != http.StatusOK {
				b.Errorf("pick: %d %s", a.Status, a.Body)
			}
			answered <- time.Now()
		}()
		for asks.Store.Subscribers("work/") == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond) // for its first look
		n++
		benchImage(b, advertises, path, n)
		began := time.Now()
		one := (<-answered).Sub(began)
		took, slowest = took+one, max(slowest, one)
	}
	b.ReportMetric(float64(took.Microseconds())/float64(n)/1000, "ms-to-answer")
	b.ReportMetric(float64(slowest.Microseconds())/1000, "ms-slowest")
}

// BenchmarkAdvertise makes 2000 opportunities with one call: 100 specs by 20
// gold masters.
func BenchmarkAdvertise(b *testing.B) {
	s := servertest.New(b)
	path := benchProduct(b, s, 0)
	for i := range 20 {
		bench(b, s, "POST", path+"/gold-masters", fmt.Sprintf(`{"snaps": [{"name": "test-snap.foo", "revision": %d}], "channel": "stable"}`, i+1), http.StatusCreated)
	}
	for i := range 100 {
		bench(b, s, "POST", path+"/testspecs", fmt.Sprintf(`{"name": "spec %d", "test_payload": 1}`, i), http.StatusCreated)
	}
	revision := 100
	for b.Loop() {
		revision++
		a := bench(b, s, "POST", path+"/snaps", fmt.Sprintf(`{"name": "test-snap.foo", "revision": %d, "channel": "edge"}`, revision), http.StatusCreated)
		if n := len(a["ids"].([]any)); n != 2000 {
			b.Fatalf("%d opportunities, want 2000", n)
		}
	}
}

// BenchmarkEvents reads pages of a log of a million events, at its start and at
// its end, and prints by how much a late page is slower.
func BenchmarkEvents(b *testing.B) {
	const events = 1_000_000
	s := servertest.New(b)
	fillLog(b, s.Store, events)
	page := func(after int) {
		a := bench(b, s, "GET", fmt.Sprintf("/v1/events?limit=100&after=%d", after), "", http.StatusOK)
		if n := len(a["events"].([]any)); n != 100 {
			b.Fatalf("%d events after %d, want 100", n, after)
		}
	}
	page(0)
	page(events - 100)
	var early, late time.Duration
	n := 0
	for b.Loop() {
		start := time.Now()
		page(n % 1000)
		middle := time.Now()
		page(events - 100 - n%1000)
		early, late = early+middle.Sub(start), late+time.Since(middle)
		n++
	}
	b.ReportMetric(float64(early.Microseconds())/float64(n), "µs-early-page")
	b.ReportMetric(float64(late.Microseconds())/float64(n), "µs-late-page")
	b.ReportMetric(float64(late)/float64(early), "late/early")
}

// BenchmarkEventLogs reads pages of the logs of a product's opportunities, a
// quarter of a million of them with four events each, at the beginning and at the
// end of the list.
func BenchmarkEventLogs(b *testing.B) {
	const opportunities = 250_000
	s := servertest.New(b)
	path := benchProduct(b, s, 1)
	benchImage(b, s, path, 1)
	product := uuid.MustParse(path[len("/v1/products/"):])
	fillOpportunities(b, productstore.New(s.Store), product, opportunities)
	end, err := productstore.New(s.Store).ListOpportunities(b.Context(), productstore.OpportunityFilter{Product: product, Page: store.Page{Limit: 1, Offset: opportunities - 200}})
	if err != nil {
		b.Fatal(err)
	}
	page := func(cursor string) time.Duration {
		began := time.Now()
		a := bench(b, s, "GET", path+"/tests/events?limit=100"+cursor, "", http.StatusOK)
		if n := len(a["event_logs"].([]any)); n != 100 {
			b.Fatalf("%d logs, want 100", n)
		}
		return time.Since(began)
	}
	var early, late time.Duration
	n := 0
	for b.Loop() {
		early += page("")
		late += page("&cursor=" + end.Next)
		n++
	}
	b.ReportMetric(float64(early.Microseconds())/float64(n), "µs-early-page")
	b.ReportMetric(float64(late.Microseconds())/float64(n), "µs-late-page")
	b.ReportMetric(float64(late)/float64(early), "late/early")
}

// fillOpportunities repeats the one opportunity of a product.
func fillOpportunities(b *testing.B, s *productstore.Store, product uuid.UUID, n int) {
	b.Helper()
	list, err := s.ListOpportunities(b.Context(), productstore.OpportunityFilter{Product: product})
	if err != nil || len(list.Items) != 1 {
		b.Fatalf("%d opportunities, %v", len(list.Items), err)
	}
	for done := 0; done < n; done += 1000 {
		rows := make([]productstore.Opportunity, 1000)
		var events []store.Event
		for i := range rows {
			rows[i] = list.Items[0]
			o := &rows[i]
			o.ID, o.State, o.Deadline = s.NewID(), "COMPLETED", nil
			for _, kind := range []string{"QUEUED_FOR_AGENTS", "PICKED_BY_AGENT", "RESULT_POSTED", "RESULT_STORED"} {
				events = append(events, store.Event{Area: "products", Type: kind, Time: s.Now(), ProductID: &product, OpportunityID: &o.ID, Data: store.JSON("{}")})
			}
		}
		err := s.InTx(b.Context(), func(tx *productstore.Store) error {
			return errors.Join(tx.CreateOpportunities(rows), tx.AppendEvents(events...))
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func fillLog(b *testing.B, s *store.Store, n int) {
	b.Helper()
	product := uuid.New()
	for done := 0; done < n; done += 10_000 {
		rows := make([]store.Event, 10_000)
		for i := range rows {
			o := uuid.New()
			rows[i] = store.Event{
				Area: "products", Type: "RESULT_STORED", Time: s.Now(), ProductID: &product, OpportunityID: &o,
				TestStatus: "PASSED", Data: store.JSON(`{"test_status":"PASSED"}`),
			}
		}
		err := s.InTx(context.Background(), func(tx *store.Store) error { return tx.AppendEvents(rows...) })
		if err != nil {
			b.Fatal(err)
		}
	}
}
