package results_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

type testItem struct {
	N           int
	ID          string
	Status      string
	Start, Stop *string
	Tags        []string
	Attachments []struct {
		K          int
		Name, Mime string
		Size       int64
		Record     int
	}
	Records    int
	RecordList []struct {
		Record      int
		Status      string
		Start, Stop *string
		Tags        []string
	} `json:"record_list"`
}

type testPage struct {
	Tests      []testItem
	Pagination struct {
		CurrentPage int `json:"current_page"`
		TotalPages  int `json:"total_pages"`
		Total       int
	}
}

// expected is the part of a sample's sidecar that is compared.
type expected struct {
	Tests []struct {
		ID, Status  string
		Attachments []struct {
			Name   string
			Size   int64
			SHA256 string `json:"sha256"`
		}
	}
	PerTestWorstOf map[string]any `json:"per_test_worst_of"`
	Counts         struct{ Records int }
}

func sidecar(t testing.TB, name string) expected {
	t.Helper()
	var e expected
	if err := json.Unmarshal(sample(t, name+".expected.json"), &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func listTests(t testing.TB, s *servertest.Server, testID int64, query string) testPage {
	t.Helper()
	a := s.Do("GET", fmt.Sprintf("/v1/runs/%d/results/current/tests?%s", testID, query), "", servertest.Admin())
	var page testPage
	if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
		t.Fatalf("tests?%s: %d %s", query, a.Status, a.Body)
	}
	return page
}

// TestReadBack posts every kind of stream and reads from the server what
// python-subunit found in it.
func TestReadBack(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		for _, name := range []string{
			"01_all_statuses_v2.subunit", "02_attachments_v2.subunit", "03_attachments_v1.subunit", "04_stestr_4workers_v1.subunit",
			"05_interleaved_routes_v2.subunit", "09_event_mix_v2.subunit", "14_tempest_like_v1.subunit",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()

				want := sidecar(t, name)
				got := mustSave(t, s.Send("POST", "/v1/post-result", bytes.NewReader(sample(t, name)), servertest.With("Content-Type", "application/x-subunit")))
				total := 0
				for status, count := range got.Counts {
					total += count
					if n, _ := want.PerTestWorstOf[status].(float64); int(n) != count {
						t.Errorf("%s: %d tests %s, want %v", name, count, status, want.PerTestWorstOf[status])
					}
					page := listTests(t, s, got.TestID, "limit=1&status="+status)
					if page.Pagination.Total != count || len(page.Tests) != min(1, count) {
						t.Errorf("%s: status=%s has total %d and %d items, want %d", name, status, page.Pagination.Total, len(page.Tests), count)
					}
				}
				if got.Records != want.Counts.Records || got.Tests != total {
					t.Errorf("%s: %d records, %d tests; want %d, %d", name, got.Records, got.Tests, want.Counts.Records, total)
				}
				checkItems(t, s, got, want)
			})
		}
	})
}

// checkItems reads all pages and compares each test that has one record only.
func checkItems(t *testing.T, s *servertest.Server, got saved, want expected) {
	t.Helper()
	items := map[string]testItem{}
	for page := 1; len(items) < got.Tests; page++ {
		p := listTests(t, s, got.TestID, fmt.Sprintf("limit=400&page=%d", page))
		if len(p.Tests) == 0 {
			t.Fatalf("page %d is empty after %d of %d tests", page, len(items), got.Tests)
		}
		for _, item := range p.Tests {
			items[item.ID] = item
		}
	}
	for _, w := range want.Tests {
		item, ok := items[w.ID]
		if !ok {
			t.Errorf("test %q is missing", w.ID)
			continue
		}
		if item.Records != 1 {
			continue
		}
		if item.Status != w.Status || len(item.Attachments) != len(w.Attachments) {
			t.Errorf("test %q: %s with %d attachments, want %s with %d", w.ID, item.Status, len(item.Attachments), w.Status, len(w.Attachments))
			continue
		}
		for k, wa := range w.Attachments {
			checkAttachment(t, s, got, item, k, wa.Name, wa.SHA256)
		}
	}
}

func checkAttachment(t *testing.T, s *servertest.Server, got saved, item testItem, k int, name, sum string) {
	t.Helper()
	if item.Attachments[k].Name != name || item.Attachments[k].Size > 64<<10 {
		return // the order is that of the stream; large ones are another test's
	}
	a := s.Do("GET", fmt.Sprintf("/v1/runs/%d/results/current/tests/%d/attachments/%d", got.TestID, item.N, k), "", servertest.Admin())
	body := a.Body // without the line end that the helper trims; compare both ways
	if h := fmt.Sprintf("%x", sha256.Sum256(body)); h != sum && fmt.Sprintf("%x", sha256.Sum256(append(body, '\n'))) != sum {
		t.Errorf("attachment %d %q of %q has sha256 %s, want %s", k, name, item.ID, h, sum)
	}
}

func TestListTests_Filters(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	got := mustSave(t, s.Do("POST", "/v1/post-result", "test: Alpha.one\nsuccess: Alpha.one\ntest: alpha.two\nfailure: alpha.two\ntest: beta%_\nskip: beta%_\n"))
	for query, want := range map[string][]string{
		"":                                     {"Alpha.one", "alpha.two", "beta%_"},
		"q=alpha":                              {"alpha.two"},
		"q=%25_":                               {"beta%_"},
		"q=one&status=success":                 {"Alpha.one"},
		"q=one&status=fail":                    nil,
		"page=2&limit=2":                       {"beta%_"},
		"page=99":                              nil,
		"q=" + strings.Repeat("x", 1024):       nil,
		"status=fail":                          {"alpha.two"},
		"limit=1&page=3":                       {"beta%_"},
		"q=%27%20OR%201%3D1%20--":              nil,
		"status=skip&q=beta&limit=1000&page=1": {"beta%_"},
	} {
		var ids []string
		for _, item := range listTests(t, s, got.TestID, query).Tests {
			ids = append(ids, item.ID)
		}
		if fmt.Sprint(ids) != fmt.Sprint(want) {
			t.Errorf("tests?%s: %v, want %v", query, ids, want)
		}
	}
	for _, query := range []string{"status=green", "limit=0", "limit=1001", "page=0", "q=" + strings.Repeat("x", 1025)} {
		a := s.Do("GET", fmt.Sprintf("/v1/runs/%d/results/current/tests?%s", got.TestID, query), "", servertest.Admin())
		if a.Status != 400 {
			t.Errorf("tests?%.40s: %d, want 400", query, a.Status)
		}
	}
}

func TestDownload_Ranges(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	got := mustSave(t, s.Do("POST", "/v1/post-result", "test: a\nfailure: a [\n0123456789\nabc\n]\n"))
	path := fmt.Sprintf("/v1/runs/%d/results/current/tests/0/attachments/0", got.TestID)
	whole := s.Do("GET", path, "", servertest.Admin())
	if whole.Status != 200 || string(whole.Body) != "0123456789\nabc" {
		t.Fatalf("GET %s: %d %q", path, whole.Status, whole.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/octet-stream", "Content-Disposition": "attachment; filename=traceback",
		"X-Content-Type-Options": "nosniff", "Accept-Ranges": "bytes",
	} {
		if whole.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, whole.Header.Get(name), want)
		}
	}
	for _, tt := range []struct {
		value      string
		wantStatus int
		want       string
	}{
		{"bytes=0-3", 206, "0123"},
		{"bytes=8-", 206, "89\nabc"},
		{"bytes=-4", 206, "abc"},
		{"bytes=9-11", 206, "9\na"},
		{"bytes=5-2", 200, "0123456789\nabc"},
		{"bytes=x", 200, "0123456789\nabc"},
		{"lines=1-2", 200, "0123456789\nabc"},
		{"bytes=100-", 416, ""},
	} {
		a := s.Do("GET", path, "", servertest.Admin(), servertest.With("Range", tt.value))
		if a.Status != tt.wantStatus || tt.want != "" && string(a.Body) != tt.want {
			t.Errorf("Range %s: %d %q, want %d %q", tt.value, a.Status, a.Body, tt.wantStatus, tt.want)
		}
		if tt.wantStatus == 416 && a.Header.Get("Content-Range") != "bytes */15" {
			t.Errorf("Range %s: Content-Range %q", tt.value, a.Header.Get("Content-Range"))
		}
	}
	if a := s.Do("GET", path, "", servertest.Admin(), servertest.With("If-None-Match", whole.Header.Get("ETag"))); a.Status != 304 {
		t.Errorf("with the tag: %d, want 304", a.Status)
	}
	for _, missing := range []string{
		fmt.Sprintf("/v1/runs/%d/results/current/tests/0/attachments/1", got.TestID),
		fmt.Sprintf("/v1/runs/%d/results/current/tests/1", got.TestID),
		"/v1/runs/999/results/current", "/v1/runs/999/results", "/v1/runs/999/statuses",
		fmt.Sprintf("/v1/runs/%d/results/00000000-0000-0000-0000-000000000000/raw", got.TestID),
	} {
		if a := s.Do("GET", missing, "", servertest.Admin()); a.Status != 404 {
			t.Errorf("GET %s: %d, want 404", missing, a.Status)
		}
	}
}

// Tests are listed by what they came to and by how long they took, and a failing one
// says in a line why.
func TestListTests_outcomeAndDuration(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		stream := "time: 2026-01-01 00:00:00Z\ntest: quick\ntime: 2026-01-01 00:00:01Z\nsuccess: quick\n" +
			"test: slow\ntime: 2026-01-01 00:01:00Z\nfailure: slow [\nTraceback (most recent call last):\n  File x\nNo route to host\n]\n" +
			"test: skipped\nskip: skipped\ntest: hangs\n"
		got := mustSave(t, s.Do("POST", "/v1/post-result", stream))
		for query, want := range map[string][]string{
			"outcome=fail": {"slow", "hangs"}, "outcome=error": nil, "outcome=fail&outcome=error&limit=1": {"slow"}, "outcome=unknown": nil,
			"outcome=pass&outcome=skip&limit=1": {"quick"}, "outcome=pass&outcome=skip&limit=1&page=2": {"skipped"},
			"outcome=fail&status=success": nil, "outcome=fail&q=low": {"slow"}, "sort=seen": {"quick", "slow", "skipped", "hangs"},
			"sort=duration": {"slow", "quick", "skipped", "hangs"}, "sort=duration&limit=1&page=2": {"quick"}, "sort=duration&limit=2&page=2": {"skipped", "hangs"},
			"sort=outcome": {"slow", "hangs", "skipped", "quick"}, "sort=outcome&limit=2&page=2": {"skipped", "quick"}, "sort=outcome&outcome=pass&outcome=fail": {"slow", "hangs", "quick"},
		} {
			page := listTests(t, s, got.TestID, query)
			var ids []string
			for _, item := range page.Tests {
				ids = append(ids, item.ID)
			}
			if fmt.Sprint(ids) != fmt.Sprint(want) {
				t.Errorf("tests?%s: %v, want %v", query, ids, want)
			}
		}
		if total := listTests(t, s, got.TestID, "outcome=pass&outcome=skip&limit=1").Pagination.Total; total != 2 {
			t.Errorf("the total of two outcomes is %d, want 2", total)
		}
		all := mustSave(t, s.Send("POST", "/v1/post-result", bytes.NewReader(sample(t, "01_all_statuses_v2.subunit")), servertest.With("Content-Type", "application/x-subunit")))
		for outcome, statuses := range map[string][]string{
			"pass": {"success", "xfail"}, "fail": {"fail", "uxsuccess"}, "error": {"inprogress", "unknown"}, "skip": {"skip"}, "unknown": {"exists"},
		} {
			want := 0
			for _, status := range statuses {
				want += all.Counts[status]
			}
			page := listTests(t, s, all.TestID, "outcome="+outcome)
			if page.Pagination.Total != want || len(page.Tests) != want {
				t.Errorf("outcome=%s: a total of %d and %d tests, want %d", outcome, page.Pagination.Total, len(page.Tests), want)
			}
		}
		path := fmt.Sprintf("/v1/runs/%d/results/current/tests", got.TestID)
		var walked []string
		for after := ""; len(walked) < 9; {
			var page struct {
				Tests []struct{ ID string }
				Next  *string
			}
			a := s.Do("GET", path+"?sort=duration&limit=1"+after, "", servertest.Admin())
			if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			for _, one := range page.Tests {
				walked = append(walked, one.ID)
			}
			if page.Next == nil {
				break
			}
			after = "&after=" + *page.Next
		}
		if fmt.Sprint(walked) != "[slow quick skipped hangs]" {
			t.Errorf("by cursor: %v", walked)
		}
		a := s.Do("GET", path+"?outcome=fail", "", servertest.Admin())
		if !strings.Contains(string(a.Body), `"message":"No route to host"`) {
			t.Errorf("no message: %s", a.Body)
		}
		for _, bad := range []string{"outcome=red", "sort=name"} {
			if a := s.Do("GET", path+"?"+bad, "", servertest.Admin()); a.Status != 400 {
				t.Errorf("tests?%s: %d, want 400", bad, a.Status)
			}
		}
	})
}

// Runs are found by their name and by damage.
func TestListRuns_nameAndDamage(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		start := func(body, file string) string {
			t.Helper()
			a := s.Do("POST", "/v1/runs", body, servertest.Admin(), servertest.JSON())
			var run struct {
				TestID int64 `json:"test_id"`
			}
			if err := json.Unmarshal(a.Body, &run); err != nil || a.Status != 201 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			if file != "" {
				mustSave(t, s.Do("POST", fmt.Sprintf("/v1/post-result?test_id=%d", run.TestID), file))
			}
			return fmt.Sprint(run.TestID)
		}
		const cut = "test: a\nfailure: a [\ncut"
		whole, damaged, unnamed := start(`{"name":"full"}`, "test: a\nsuccess: a\n"), start(`{"name":"full"}`, cut), start(`{}`, cut)
		waiting := start(`{"name":"smoke"}`, "")
		for query, want := range map[string][]string{
			"name=full": {damaged, whole}, "name=": {unnamed}, "name=nothing": nil, "damaged=true": {unnamed, damaged}, "damaged=false": {whole},
			"damaged=true&name=full": {damaged}, "": {waiting, unnamed, damaged, whole},
		} {
			a := s.Do("GET", "/v1/runs?"+query, "", servertest.Admin())
			var page struct {
				Runs []struct {
					TestID int64 `json:"test_id"`
				}
			}
			if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
				t.Fatalf("runs?%s: %d %s", query, a.Status, a.Body)
			}
			var got []string
			for _, r := range page.Runs {
				got = append(got, fmt.Sprint(r.TestID))
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("runs?%s: %v, want %v", query, got, want)
			}
		}
	})
}

// A run says whose token uploaded its current result, and is found by that.
func TestListRuns_uploader(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		made := s.Do("POST", "/v1/access-tokens", `{"name":"ci <runner> 3","kind":"runner","roles":["runner"]}`, servertest.Admin(), servertest.JSON())
		var token struct{ Token string }
		if err := json.Unmarshal(made.Body, &token); err != nil || token.Token == "" {
			t.Fatalf("%d %s", made.Status, made.Body)
		}
		runner := servertest.As(token.Token)
		post := func(options ...servertest.Option) string {
			t.Helper()
			return fmt.Sprint(mustSave(t, s.Do("POST", "/v1/post-result", "test: a\nsuccess: a\n", options...)).TestID)
		}
		theirs, nobodys, again := post(runner), post(), post(runner)
		mustSave(t, s.Do("POST", "/v1/post-result?test_id="+again, "test: b\nsuccess: b\n")) // a later attempt is another's
		for query, want := range map[string]string{
			"": "[" + again + ":<nil> " + nobodys + ":<nil> " + theirs + ":ci <runner> 3]", "uploader=ci+%3Crunner%3E+3": "[" + theirs + ":ci <runner> 3]", "uploader=ci": "[]",
		} {
			var page struct {
				Runs []struct {
					TestID   int64 `json:"test_id"`
					Uploader any
				}
			}
			a := s.Do("GET", "/v1/runs?"+query, "", servertest.Admin())
			if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
				t.Fatalf("runs?%s: %d %s", query, a.Status, a.Body)
			}
			got := []string{}
			for _, r := range page.Runs {
				got = append(got, fmt.Sprint(r.TestID, ":", r.Uploader))
			}
			if fmt.Sprint(got) != want {
				t.Errorf("runs?%s: %v, want %s", query, got, want)
			}
		}
	})
}
