package results_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
)

// listed are the tests of a result as id, status and records.
func listed(t testing.TB, s *servertest.Server, r whole) (list []string) {
	t.Helper()
	var page struct {
		Tests []struct {
			ID, Status string
			Records    int
			Flaky      bool
			Tags       []string
		}
	}
	a := s.Do("GET", fmt.Sprintf("/v1/runs/%d/results/%s/tests?limit=1000", r.TestID, r.ResultID), "", servertest.Admin())
	if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
		t.Fatalf("tests: %d %s", a.Status, a.Body)
	}
	for _, x := range page.Tests {
		list = append(list, fmt.Sprintf("%s %s %d", x.ID, x.Status, x.Records))
		if x.Flaky != slices.Contains(x.Tags, "flaky") {
			t.Errorf("%s: flaky %v, tags %v", x.ID, x.Flaky, x.Tags)
		}
	}
	return list
}

// add=true adds to the current result, which stays the same attempt.
func TestPostResult_Add(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		run := newRun(t, s, "")
		add := func(file string) whole {
			t.Helper()
			return wholeOf(t, s.Do("POST", "/v1/post-result?add=true&test_id="+run, file, servertest.Admin()))
		}
		first := add("1..2\nok 1 - a\nok 2 - b\n")
		if first.Attempt != 1 || first.Outcome != "pass" || len(first.Files) != 1 {
			t.Fatalf("first: %+v", first)
		}
		second := add(greenV1)
		if second.ResultID != first.ResultID || second.Attempt != 1 || !second.Current || second.Tests != 3 || second.Outcome != "pass" || second.Format != "multi" ||
			len(second.Files) != 2 || second.SHA256 != first.SHA256 || second.Bytes != first.Bytes+int64(len(greenV1)) || second.Records != 3 {
			t.Errorf("second: %+v", second)
		}
		if again := add(greenV1); fmt.Sprint(again) != fmt.Sprint(second) {
			t.Errorf("the same bytes again: %+v, want %+v", again, second)
		}
		third := add("1..3\nnot ok 1 - a\nok 2 - c\nok 3 - b\n")
		if third.ResultID != first.ResultID || third.Outcome != "fail" || third.Tests != 4 || third.Counts["fail"] != 1 || third.Counts["success"] != 3 || len(third.Files) != 3 {
			t.Errorf("third: %+v", third)
		}
		want := []string{"a fail 2", "b success 2", "lab.boots success 1", "c success 1"}
		if got := listed(t, s, third); !slices.Equal(got, want) {
			t.Errorf("tests %v, want %v", got, want)
		}
		// A file that is damaged makes all of it incomplete, and one that is
		// nothing at all does as well: it is not known what it hides.
		for i, bad := range []string{"1..3\nok 1 - d\n", "{\"x\": 1", "\x00\x01"} {
			got := add(bad)
			if got.ResultID != first.ResultID || got.Outcome != "fail" || i < 2 && got.Complete {
				t.Errorf("%q: %+v", bad, got)
			}
		}
		// The first file alone is still the upload that it was.
		if a := s.Do("POST", "/v1/post-result?test_id="+run, "1..2\nok 1 - a\nok 2 - b\n", servertest.Admin()); wholeOf(t, a).ResultID != first.ResultID {
			t.Errorf("the first again, not added: %s", a.Body)
		}
		other := wholeOf(t, s.Do("POST", "/v1/post-result?test_id="+run, "1..1\nok 1 - z\n", servertest.Admin()))
		if other.ResultID == first.ResultID || other.Attempt != 2 || other.Tests != 1 {
			t.Errorf("without add: %+v", other)
		}
		form, media := multipartOf(t, map[string]string{"add": "yes", "file": "1..1\nok 1 - y\n"})
		if got := wholeOf(t, s.Do("POST", "/v1/post-result?test_id="+run, form, media, servertest.Admin())); got.ResultID != other.ResultID || got.Tests != 2 {
			t.Errorf("add as a field: %+v", got)
		}
		if a := s.Do("POST", "/v1/post-result?add=perhaps&test_id="+run, "x", servertest.Admin()); a.Status != 400 || !strings.Contains(string(a.Body), "add must be one of") {
			t.Errorf("add=perhaps: %d %s", a.Status, a.Body)
		}
		strict := s.Do("POST", "/v1/post-result?add=true&strict=true&test_id="+run, "1..3\nok 1 - d\n", servertest.Admin())
		after := wholeOf(t, s.Do("GET", "/v1/runs/"+run+"/results/current", "", servertest.Admin()))
		if strict.Status != 422 || after.Tests != 2 || len(after.Files) != 2 || after.Outcome != "pass" {
			t.Errorf("strict: %d, then %+v", strict.Status, after)
		}
	})
}

func multipartOf(t testing.TB, fields map[string]string) (string, servertest.Option) {
	t.Helper()
	var b strings.Builder
	for name, value := range fields {
		fmt.Fprintf(&b, "--x\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", name, value)
	}
	return b.String() + "--x--\r\n", servertest.With("Content-Type", "multipart/form-data; boundary=x")
}

// Many that add at once lose nothing.
func TestPostResult_AddAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		run := newRun(t, s, "")
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				body := fmt.Sprintf("1..2\nok 1 - shared\nok 2 - own%d\n", i)
				if a := s.Do("POST", "/v1/post-result?add=true&test_id="+run, body, servertest.Admin()); a.Status != 201 {
					t.Errorf("add %d: %d %s", i, a.Status, a.Body)
				}
			})
		}
		wg.Wait()
		got := wholeOf(t, s.Do("GET", "/v1/runs/"+run+"/results/current", "", servertest.Admin()))
		if got.Attempt != 1 || got.Tests != 13 || got.Outcome != "pass" || len(got.Files) != 12 || got.Records != 24 {
			t.Errorf("%+v", got)
		}
		for _, line := range listed(t, s, got) {
			if strings.HasPrefix(line, "shared ") && line != "shared success 12" {
				t.Errorf("the test of all files: %s", line)
			}
		}
	})
}

// A large file comes to its end while small ones are added through another server.
func TestPostResult_AddOvertaken(t *testing.T) {
	t.Parallel()
	cfg := store.Config{DataDir: t.TempDir(), Database: storetest.Postgres(t), MaxConns: 4}
	s, other := servertest.On(t, storetest.Open(t, cfg)), servertest.On(t, storetest.Open(t, cfg))
	run := newRun(t, s, "")
	var large strings.Builder
	const tests = 5000
	fmt.Fprintf(&large, "1..%d\n", tests)
	for i := range tests {
		fmt.Fprintf(&large, "ok %d - large%d\n", i+1, i)
	}
	done := make(chan servertest.Answer, 1)
	go func() {
		done <- s.Do("POST", "/v1/post-result?add=true&test_id="+run, large.String(), servertest.Admin())
	}()
	for i := 0; ; i++ {
		select {
		case a := <-done:
			if a.Status != 201 {
				t.Errorf("the large file, while %d others were added: %d %s", i, a.Status, a.Body)
			}
			got := wholeOf(t, s.Do("GET", "/v1/runs/"+run+"/results/current", "", servertest.Admin()))
			if want := tests + i; int(got.Tests) != want {
				t.Errorf("%d tests, want %d", got.Tests, want)
			}
			return
		default:
		}
		body := fmt.Sprintf("1..1\nok 1 - own%d\n", i)
		if a := other.Do("POST", "/v1/post-result?add=true&test_id="+run, body, servertest.Admin()); a.Status != 201 {
			t.Fatalf("add %d: %d %s", i, a.Status, a.Body)
		}
	}
}

// The formats are public, and one of them can be asked for.
func TestFormats(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	var list struct {
		Formats []struct{ Name, Title, Recognised, Naming, Example string }
	}
	if a := s.Do("GET", "/v1/formats", ""); json.Unmarshal(a.Body, &list) != nil || a.Status != 200 || len(list.Formats) < 5 {
		t.Fatalf("formats: %d %s", a.Status, a.Body)
	}
	seen := map[string]bool{}
	for _, f := range list.Formats {
		if f.Name == "" || f.Title == "" || f.Recognised == "" || f.Naming == "" || f.Example == "" || seen[f.Name] {
			t.Errorf("format %+v", f)
		}
		seen[f.Name] = true
	}
	log := "hello\nok 1 - boots\n"
	if got := postBytes(t, s, log); got.Format != "unknown" {
		t.Errorf("a log: %+v", got)
	}
	if got := wholeOf(t, s.Do("POST", "/v1/post-result?format=tap", log)); got.Format != "tap" || got.Tests != 1 || got.Outcome != "incomplete" {
		t.Errorf("a log as TAP: %+v", got)
	}
	a := s.Do("POST", "/v1/post-result?format=pat", log)
	if a.Status != 400 || !strings.Contains(string(a.Body), "format must be one of subunit-v2, subunit-v1, ") {
		t.Errorf("format=pat: %d %s", a.Status, a.Body)
	}
	for _, body := range []string{"1..0\n", " \n", "no results\n", "1..2\nok 1\n"} {
		if a := s.Do("POST", "/v1/post-result?strict=true", body); a.Status != 422 {
			t.Errorf("strict %q: %d %s", body, a.Status, a.Body)
		}
	}
}
