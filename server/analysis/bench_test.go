package analysis_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// storeRun stores a run of a cloud with so many tests, of which one in a hundred
// fails; seed says which.
func storeRun(b *testing.B, s *resultstore.Store, cloud *int64, tests, seed int) string {
	b.Helper()
	return storeTests(b, s, cloud, "tempest.api.compute", tests, seed, true)
}

// storeTests is storeRun of another module, with or without what is stored for analysis
// only.
func storeTests(b *testing.B, s *resultstore.Store, cloud *int64, module string, tests, seed int, analysed bool) string {
	b.Helper()
	ctx := b.Context()
	run := &resultstore.Run{CloudID: cloud}
	if err := s.CreateRun(ctx, run); err != nil {
		b.Fatal(err)
	}
	r := &resultstore.Result{RunID: run.ID, SHA256: fmt.Sprintf("%064d", run.ID), ContentSHA256: fmt.Sprintf("%064d", run.ID), Format: "subunit-v2", Complete: true, Outcome: "fail"}
	if err := s.BeginResult(ctx, r); err != nil {
		b.Fatal(err)
	}
	names := resultstore.NewNameList()
	defer names.Close()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const batch = 5000
	for first := 0; first < tests; first += batch {
		var list []resultstore.Test
		for n := first; n < min(first+batch, tests); n++ {
			t := resultstore.Test{
				N: int64(n), Name: fmt.Sprintf("%s.module_%03d.ServersTest.test_case_%07d", module, n%997, n), Status: resultstore.TestSuccess, Start: at, Stop: at.Add(time.Second), Records: 1,
			}
			switch {
			case (n+seed)%100 == 0:
				t.Status = resultstore.TestFail
				if analysed {
					t.Failure = "no route to host"
				}
			case (n+seed)%1000 == 1:
				t.Name += fmt.Sprint(".of", seed)
			}
			list = append(list, t)
		}
		if analysed {
			names.Add(list)
		}
		if err := s.InsertTests(ctx, r.Key, list); err != nil {
			b.Fatal(err)
		}
	}
	if analysed {
		if err := s.InsertNameList(ctx, r, names); err != nil {
			b.Fatal(err)
		}
	}
	r.Tests, r.Counts = int64(tests), resultstore.Counts{Success: int64(tests - tests/100), Fail: int64(tests / 100)}
	if _, err := s.PublishResult(ctx, r); err != nil {
		b.Fatal(err)
	}
	return fmt.Sprint("run:", run.ID)
}

// BenchmarkCompare compares two sets of 1 000 000 tests, the first time and a page
// after, with a known issue whose message has to be looked for. It prints by how
// much the heap grew.
func BenchmarkCompare(b *testing.B) {
	const tests = 1_000_000
	s := servertest.New(b, func(c *server.Config) { c.Analysis.KeptComparison = 1 })
	rs := resultstore.New(s.Store)
	base, head := storeRun(b, rs, nil, tests, 0), storeRun(b, rs, nil, tests, 50)
	if a := s.Do("POST", "/v1/known-issues", `{"title":"x","match":{"name":"*7","message":"no route"}}`, servertest.Admin(), servertest.JSON()); a.Status != http.StatusCreated {
		b.Fatalf("known issue: %d %s", a.Status, a.Body)
	}
	get := func(path string) object {
		a := s.Do("GET", path, "", servertest.Admin())
		var out object
		if err := json.Unmarshal(a.Body, &out); err != nil || a.Status != http.StatusOK {
			b.Fatalf("%s: %d %.300s", path, a.Status, a.Body)
		}
		return out
	}
	question := func(first, second string) string {
		return "/v1/compare?head=" + url.QueryEscape(second) + "&base=" + url.QueryEscape(first)
	}
	b.Run("first", func(b *testing.B) {
		before := heap()
		peak := make(chan uint64)
		done := make(chan struct{})
		go watchHeap(done, peak)
		for i := range b.N {
			if i%2 == 0 {
				get(question(base, head)) // one pushes the other out
			} else {
				get(question(head, base))
			}
		}
		close(done)
		b.ReportMetric(float64(int64(<-peak)-int64(before))/(1<<20), "MiB-heap-growth")
	})
	b.Run("page", func(b *testing.B) {
		first := get(question(base, head))
		after := first["next"].(string)
		b.ResetTimer()
		for range b.N {
			next, more := get(question(base, head) + "&after=" + after)["next"].(string)
			if !more {
				next = first["next"].(string)
			}
			after = next
		}
	})
	b.Run("rare", func(b *testing.B) {
		for range b.N {
			get(question(base, head) + "&class=gone")
		}
	})
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

func watchHeap(done <-chan struct{}, peak chan<- uint64) {
	var most uint64
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
		select {
		case <-done:
			peak <- most
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// BenchmarkFlakyTests ranks the tests of 30 runs of 2 000 tests, and follows one of
// them.
func BenchmarkFlakyTests(b *testing.B) {
	s := servertest.New(b)
	rs := resultstore.New(s.Store)
	cloud := &resultstore.Cloud{Label: "c", Endpoint: "http://198.51.100.7:5000/v2.0", AdminEndpoint: "http://198.51.100.7:35357/v2.0", TestUser: "u", AdminUser: "a"}
	if err := rs.CreateCloud(b.Context(), cloud); err != nil {
		b.Fatal(err)
	}
	for seed := range 30 {
		storeRun(b, rs, &cloud.ID, 2000, seed)
	}
	for name, path := range map[string]string{
		"ranking": fmt.Sprint("/v1/flaky-tests?verdict=flaky,regressed,recovered,fixed&cloud_id=", cloud.ID),
		"history": "/v1/test-history?name=tempest.api.compute.module_005.ServersTest.test_case_0000005",
		"strips":  "/v1/compare?head=run:30&class=all&history=17",
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if a := s.Do("GET", path, "", servertest.Admin()); a.Status != http.StatusOK {
					b.Fatalf("%s: %d %.300s", path, a.Status, a.Body)
				}
			}
		})
	}
}
