package analysis_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
	"github.com/slipway-lab/slipway/store/storetest"
)

// The benchmarks of this file fill a database with millions of tests, for minutes, on
// SQLite and, where there is one, on PostgreSQL. CPU is that of the server and its
// client, without PostgreSQL's.

// large is a database with runs of equal suites, of which each test fails now and
// then.
type large struct {
	*servertest.Server
	store  *resultstore.Store
	db     *sql.DB // past the store
	clouds []*resultstore.Cloud
	tests  int                 // of an upload
	like   *resultstore.Result // the upload that others are copies of
	copies int
}

// eachLarge runs a benchmark with so many uploads of so many tests each, in turn of
// two clouds.
func eachLarge(b *testing.B, uploads, tests int, bench func(b *testing.B, l *large)) {
	if testing.Short() {
		uploads, tests = 4, tests/20
	}
	for _, dialect := range []string{"sqlite", "postgres"} {
		b.Run(dialect, func(b *testing.B) {
			l := openLarge(b, dialect, tests)
			l.fill(b, uploads)
			bench(b, l)
		})
	}
}

// openLarge returns an empty database with two clouds.
func openLarge(b *testing.B, dialect string, tests int) *large {
	b.Helper()
	cfg := store.Config{DataDir: b.TempDir()}
	driver, address := "sqlite3", "file:"+filepath.Join(cfg.DataDir, "slipway.db")+"?_busy_timeout=60000&_synchronous=OFF"
	if dialect == "postgres" {
		cfg.Database, cfg.MaxConns = storetest.Postgres(b), 8
		driver, address = "pgx", cfg.Database
	}
	s := storetest.Open(b, cfg)
	l := &large{tests: tests, store: resultstore.New(s)}
	var err error
	if l.db, err = sql.Open(driver, address); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.db.Close() })
	l.db.SetMaxOpenConns(1)
	for _, label := range []string{"one", "two"} {
		c := &resultstore.Cloud{Label: label, Endpoint: "http://198.51.100.7:5000/v2.0", AdminEndpoint: "http://198.51.100.7:35357/v2.0", TestUser: "u", AdminUser: "a"}
		if err := l.store.CreateCloud(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		l.clouds = append(l.clouds, c)
	}
	l.Server = servertest.On(b, s)
	return l
}

// fill stores more uploads, the first of them row by row.
func (l *large) fill(b *testing.B, uploads int) {
	b.Helper()
	for ; uploads > 0; uploads-- {
		if l.like != nil {
			l.copy(b, *l.like)
			continue
		}
		first := storeRun(b, l.store, &l.clouds[0].ID, l.tests, 0)
		id, err := strconv.ParseInt(strings.TrimPrefix(first, "run:"), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		if l.like, err = l.store.ResultByAttempt(b.Context(), id, 1); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := l.db.Exec("ANALYZE"); err != nil {
		b.Log(err)
	}
}

// copy stores the tests of an upload as those of another run.
func (l *large) copy(b *testing.B, r resultstore.Result) {
	b.Helper()
	ctx, s, db := b.Context(), l.store, l.db
	l.copies++
	from := r.Key
	run := &resultstore.Run{CloudID: &l.clouds[l.copies%2].ID}
	if err := s.CreateRun(ctx, run); err != nil {
		b.Fatal(err)
	}
	r.Key, r.ID, r.RunID, r.Attempt, r.State, r.SHA256, r.ContentSHA256 = 0, uuid.Nil, run.ID, 0, 0, fmt.Sprintf("%064d", run.ID), fmt.Sprintf("%064d", run.ID)
	if err := s.BeginResult(ctx, &r); err != nil {
		b.Fatal(err)
	}
	for _, table := range []string{"tests", "test_lists", "test_failures"} {
		columns := columnsOf(b, db, table)
		columns = slices.DeleteFunc(columns, func(c string) bool { return c == "result_key" })
		list := strings.Join(columns, ", ")
		if _, err := db.Exec(fmt.Sprintf("INSERT INTO %s (result_key, %s) SELECT %d, %s FROM %s WHERE result_key = %d", table, list, r.Key, list, table, from)); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.PublishResult(ctx, &r); err != nil {
		b.Fatal(err)
	}
}

// cpu is how much time the process has worked.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ask asks questions, each once before it counts, and reports the median, the 95th
// percentile and the CPU of one.
func (l *large) ask(b *testing.B, questions []string) {
	b.Helper()
	for _, path := range questions {
		l.get(b, path)
	}
	var took []time.Duration
	worked := cpu()
	b.ResetTimer()
	for b.Loop() {
		for _, path := range questions {
			took = append(took, l.get(b, path))
		}
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms((cpu()-worked)/time.Duration(len(took))), "cpu-ms/request")
	slices.Sort(took)
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*95/100]), "p95-ms")
}

// get reads a page, and says how long that took. The client of the tests would hold the
// answer against the document.
func (l *large) get(b *testing.B, path string) time.Duration {
	b.Helper()
	started := time.Now()
	r, err := http.NewRequestWithContext(b.Context(), "GET", l.URL+path, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	servertest.Admin()(r)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer a.Body.Close()
	if text, err := io.ReadAll(a.Body); err != nil || a.StatusCode != http.StatusOK {
		b.Fatalf("%s: %d %.300s, %v", path, a.StatusCode, text, err)
	}
	return time.Since(started)
}

// BenchmarkHistory reads the newest 50 results of tests of which there are 10 million
// results.
func BenchmarkHistory(b *testing.B) {
	eachLarge(b, 100, 100_000, func(b *testing.B, l *large) {
		var questions []string
		for n := 0; n < l.tests; n += l.tests / 100 {
			name := fmt.Sprintf("tempest.api.compute.module_%03d.ServersTest.test_case_%07d", n%997, n)
			questions = append(questions, "/v1/test-history?limit=50&name="+url.QueryEscape(name))
		}
		l.ask(b, questions)
	})
}

// BenchmarkTestResults searches 2.9 million tests for those that failed.
func BenchmarkTestResults(b *testing.B) {
	eachLarge(b, 24, 121_000, func(b *testing.B, l *large) {
		for _, tt := range []struct{ name, query string }{
			{"none", ""}, {"fail", "&outcome=fail"}, {"fail-cloud", fmt.Sprint("&outcome=fail&cloud_id=", l.clouds[1].ID)}, {"error-cloud", fmt.Sprint("&outcome=error&cloud_id=", l.clouds[1].ID)},
		} {
			b.Run(tt.name, func(b *testing.B) { l.ask(b, []string{"/v1/test-results?limit=50" + tt.query}) })
		}
	})
}

// BenchmarkIngest stores results of 121 000 tests with what analysis needs of them and
// without it, in turn, and reports the ratio of the CPU that they take.
func BenchmarkIngest(b *testing.B) {
	tests := 121_000
	if testing.Short() {
		tests /= 20
	}
	for _, dialect := range []string{"sqlite", "postgres"} {
		b.Run(dialect, func(b *testing.B) {
			cfg := store.Config{DataDir: b.TempDir()}
			if dialect == "postgres" {
				cfg.Database = storetest.Postgres(b)
			}
			s := resultstore.New(storetest.Open(b, cfg))
			var worked, took [2]time.Duration
			storeRun(b, s, nil, tests, 0) // the names are known afterwards
			n := 0
			for b.Loop() {
				for with := range 2 {
					started, before := time.Now(), cpu()
					storeTests(b, s, nil, "tempest.api.compute", tests, 0, with == 1)
					took[with] += time.Since(started)
					worked[with] += cpu() - before
				}
				n++
			}
			ms := func(d time.Duration) float64 { return float64(d.Milliseconds()) / float64(n) }
			b.ReportMetric(ms(worked[0]), "cpu-ms-without")
			b.ReportMetric(ms(worked[1]), "cpu-ms-with")
			b.ReportMetric(float64(worked[1])/float64(worked[0]), "cpu-ratio")
			b.ReportMetric(ms(took[0]), "wall-ms-without")
			b.ReportMetric(ms(took[1]), "wall-ms-with")
		})
	}
}

func columnsOf(b *testing.B, db *sql.DB, table string) []string {
	b.Helper()
	rows, err := db.Query("SELECT * FROM " + table + " LIMIT 0")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err := errors.Join(err, rows.Err()); err != nil {
		b.Fatal(err)
	}
	return columns
}
