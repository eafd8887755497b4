package results_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// saved is what post-result answers.
type saved struct {
	Message    string
	TestID     int64  `json:"test_id"`
	ResultID   string `json:"result_id"`
	Attempt    int
	Current    bool
	Format     string
	Compressed bool
	SHA256     string `json:"sha256"`
	Bytes      int64
	Outcome    string
	Complete   bool
	Scope      string
	Counts     map[string]int
	Tests      int
	Records    int
	Damage     []struct {
		Offset       int64
		Kind, Reason string
	}
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "edge", "intake", "subunit", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// newRun makes a run and returns its test_id as text.
func newRun(t testing.TB, s *servertest.Server, body string) string {
	t.Helper()
	a := s.Do("POST", "/v1/runs", body, servertest.Admin(), servertest.JSON())
	var run struct {
		TestID int64 `json:"test_id"`
	}
	if err := json.Unmarshal(a.Body, &run); err != nil || a.Status != 201 {
		t.Fatalf("POST /v1/runs: %d %s", a.Status, a.Body)
	}
	if want := fmt.Sprintf("/v1/runs/%d", run.TestID); a.Header.Get("Location") != want {
		t.Errorf("Location %q, want %q", a.Header.Get("Location"), want)
	}
	return fmt.Sprint(run.TestID)
}

func mustSave(t testing.TB, a servertest.Answer) saved {
	t.Helper()
	var out saved
	if a.Status != 201 {
		t.Fatalf("post-result: %d %s", a.Status, a.Body)
	}
	if err := json.Unmarshal(a.Body, &out); err != nil {
		t.Fatal(err)
	}
	if out.Message != "thank you" || a.Header.Get("Location") != fmt.Sprintf("/v1/runs/%d/results/%s", out.TestID, out.ResultID) {
		t.Errorf("post-result: message %q, Location %q", out.Message, a.Header.Get("Location"))
	}
	return out
}

func raw(t testing.TB, s *servertest.Server, testID, resultID string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/v1/runs/%s/results/%s/raw", s.URL, testID, resultID), nil)
	if err != nil {
		t.Fatal(err)
	}
	servertest.Admin()(r)
	resp, err := s.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("raw: %d, %v", resp.StatusCode, err)
	}
	return b.Bytes()
}

// lineFields writes the file as requests.post(url, {'file': open(...)}) does:
// one field for each line.
func lineFields(file []byte, testID string) string {
	var b strings.Builder
	for _, line := range bytes.SplitAfter(file, []byte("\n")) {
		if len(line) > 0 {
			b.WriteString("file=" + url.QueryEscape(string(line)) + "&")
		}
	}
	return b.String() + "test_id=" + testID
}

func multipartBody(t testing.TB, parts func(*multipart.Writer)) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	parts(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// TestPostResult_WireForms posts one file in every form that real runners and
// curl use; the stored bytes are always those of the file.
func TestPostResult_WireForms(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		file := sample(t, "14_tempest_like_v1.subunit")
		form, formType := multipartBody(t, func(w *multipart.Writer) {
			p, _ := w.CreateFormFile("file", "result")
			_, _ = p.Write(file)
		})
		bare, bareType := multipartBody(t, func(w *multipart.Writer) {
			p, _ := w.CreateFormField("file")
			_, _ = p.Write(file)
		})
		var zipped bytes.Buffer
		zw := gzip.NewWriter(&zipped)
		_, _ = zw.Write(file)
		_ = zw.Close()
		tests := []struct {
			name, path, contentType, body string
			inForm                        bool // test_id stands in the body
			header                        string
		}{
			{name: "the runner of April 2014", path: "/post-result?test_id=%s", contentType: formType, body: form},
			{name: "the runner of May 2014", path: "/v1/post-result/", contentType: "application/x-www-form-urlencoded", inForm: true},
			{name: "curl -F file=<result", path: "/v1/post-result?test_id=%s", contentType: bareType, body: bare},
			{name: "curl --data-binary", path: "/v1/post-result?test_id=%s", contentType: "application/x-www-form-urlencoded", body: string(file)},
			{name: "octet-stream", path: "/v1/post-result?test_id=%s", contentType: "application/octet-stream", body: string(file)},
			{name: "no Content-Type", path: "/v1/post-result?test_id=%s", body: string(file)},
			{name: "Content-Encoding gzip", path: "/v1/post-result?test_id=%s", contentType: "text/plain", body: zipped.String(), header: "gzip"},
			{name: "Drydock's prefix", path: "/api/v1.0/post-result?test_id=%s", contentType: "application/x-subunit", body: string(file)},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				id := newRun(t, s, "")
				path, body := tt.path, tt.body
				if tt.inForm {
					body = lineFields(file, id)
				} else {
					path = fmt.Sprintf(path, id)
				}
				options := []servertest.Option{servertest.With("Content-Type", tt.contentType)}
				if tt.contentType == "" {
					options = []servertest.Option{func(r *http.Request) { r.Header.Del("Content-Type") }}
				}
				if tt.header != "" {
					options = append(options, servertest.With("Content-Encoding", tt.header))
				}
				got := mustSave(t, s.Do("POST", path, body, options...))
				if fmt.Sprint(got.TestID) != id || got.Format != "subunit-v1" || got.Outcome != "fail" || got.Tests != 121 || got.Attempt != 1 {
					t.Errorf("saved %+v", got)
				}
				if !bytes.Equal(raw(t, s, id, got.ResultID), file) {
					t.Error("the stored bytes are not those of the file")
				}
			})
		}
	})
}

func TestPostResult_JSONEnvelope(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	id := newRun(t, s, "")
	inner := `{"cpid":"abc","duration_seconds":3,"results":["a.b.c", {"name":"d.e.f","uuid":"x"}]}`
	got := mustSave(t, s.Do("POST", "/v1/post-result", `{"test_id":`+id+`, "file": `+inner+` }`, servertest.JSON()))
	if got.Format != "json" || got.Scope != "passes_only" || got.Counts["success"] != 2 || fmt.Sprint(got.TestID) != id {
		t.Errorf("saved %+v", got)
	}
	if b := raw(t, s, id, got.ResultID); string(b) != inner {
		t.Errorf("stored %s, want %s", b, inner)
	}
}

func TestPostResult_Anonymous(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		first := mustSave(t, s.Do("POST", "/v1/post-result", "test: a\nsuccess: a\n", servertest.With("Content-Type", "text/plain")))
		second := mustSave(t, s.Do("POST", "/v1/post-result", "test: a\nsuccess: a\n", servertest.With("Content-Type", "text/plain")))
		if first.TestID == second.TestID || first.Outcome != "pass" {
			t.Errorf("first %+v, second %+v: want two runs that pass", first, second)
		}
		a := s.Do("GET", fmt.Sprintf("/v1/runs/%d", first.TestID), "", servertest.Admin())
		var run struct {
			CloudID       *int64 `json:"cloud_id"`
			Finished      bool
			Attempts      int
			CurrentResult struct {
				ResultID string `json:"result_id"`
			} `json:"current_result"`
		}
		if err := json.Unmarshal(a.Body, &run); err != nil {
			t.Fatal(err)
		}
		if run.CloudID != nil || !run.Finished || run.Attempts != 1 || run.CurrentResult.ResultID != first.ResultID {
			t.Errorf("the anonymous run is %s", a.Body)
		}
	})
}

func TestPostResult_Attempts(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		id := newRun(t, s, "")
		post := func(body string) saved {
			return mustSave(t, s.Do("POST", "/v1/post-result?test_id="+id, body, servertest.With("Content-Type", "text/plain")))
		}
		one := post("test: a\nsuccess: a\n")
		again := post("test: a\nsuccess: a\n")
		two := post("test: a\nfailure: a\n")
		old := post("test: a\nsuccess: a\n")
		if one.ResultID != again.ResultID || old.ResultID != one.ResultID {
			t.Errorf("the same bytes made results %s, %s, %s", one.ResultID, again.ResultID, old.ResultID)
		}
		if one.Attempt != 1 || two.Attempt != 2 || !two.Current || old.Current {
			t.Errorf("attempts %d and %d, current %v and %v", one.Attempt, two.Attempt, two.Current, old.Current)
		}
		a := s.Do("GET", "/v1/runs/"+id+"/results", "", servertest.Admin())
		var list struct {
			Results []saved
		}
		if err := json.Unmarshal(a.Body, &list); err != nil || len(list.Results) != 2 || list.Results[0].ResultID != two.ResultID {
			t.Errorf("results %s", a.Body)
		}
	})
}

// TestPostResult_AtOnce posts the same and other bytes from many clients at the
// same moment: each content becomes exactly one attempt.
func TestPostResult_AtOnce(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		id := newRun(t, s, "")
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				body := fmt.Sprintf("test: t%d\nsuccess: t%d\n", i%3, i%3)
				if a := s.Do("POST", "/v1/post-result?test_id="+id, body, servertest.With("Content-Type", "text/plain")); a.Status != 201 {
					t.Errorf("post %d: %d %s", i, a.Status, a.Body)
				}
			}()
		}
		wg.Wait()
		var run struct{ Attempts int }
		if err := json.Unmarshal(s.Do("GET", "/v1/runs/"+id, "", servertest.Admin()).Body, &run); err != nil {
			t.Fatal(err)
		}
		if run.Attempts != 3 {
			t.Errorf("12 posts of 3 contents made %d attempts, want 3", run.Attempts)
		}
	})
}

func TestPostResult_Refused(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	id := newRun(t, s, "")
	emptyPart, emptyType := multipartBody(t, func(w *multipart.Writer) { _, _ = w.CreateFormField("file") })
	tests := []struct {
		name, path, contentType, body string
		want                          int
	}{
		{name: "nothing posted", path: "/v1/post-result?test_id=" + id, want: 400},
		{name: "an empty field", path: "/v1/post-result", contentType: "application/x-www-form-urlencoded", body: "file=&test_id=" + id, want: 400},
		{name: "an empty part without a filename", path: "/v1/post-result", contentType: emptyType, body: emptyPart, want: 400},
		{name: "only a test_id", path: "/v1/post-result", contentType: "application/x-www-form-urlencoded", body: "test_id=" + id, want: 400},
		{name: "an unknown run", path: "/v1/post-result?test_id=999999", contentType: "text/plain", body: "x", want: 400},
		{name: "an id that is no number", path: "/v1/post-result?test_id=abc", contentType: "text/plain", body: "x", want: 400},
		{name: "an id that is negative", path: "/v1/post-result?test_id=-1", contentType: "text/plain", body: "x", want: 400},
		{name: "an id that is huge", path: "/v1/post-result?test_id=9223372036854775808", contentType: "text/plain", body: "x", want: 400},
		{name: "two different ids", path: "/v1/post-result?test_id=" + id, contentType: "application/x-www-form-urlencoded", body: "test_id=77&file=x", want: 400},
		{name: "a multipart body that is cut", path: "/v1/post-result", contentType: "multipart/form-data; boundary=b", body: "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"r\"\r\n\r\nx", want: 400},
		{name: "a multipart body without a boundary", path: "/v1/post-result", contentType: "multipart/form-data", body: "x", want: 400},
		{name: "strict and unknown", path: "/v1/post-result?strict=true", contentType: "text/plain", body: "hello", want: 422},
		{name: "strict and damaged", path: "/v1/post-result?strict=1", contentType: "text/plain", body: "test: a\ntime: nonsense\nsuccess: a\n", want: 422},
		{name: "strict that is no boolean", path: "/v1/post-result?strict=maybe", contentType: "text/plain", body: "x", want: 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			options := []servertest.Option{servertest.With("Content-Type", tt.contentType)}
			if a := s.Do("POST", tt.path, tt.body, options...); a.Status != tt.want {
				t.Errorf("POST %s: %d, want %d\n%s", tt.path, a.Status, tt.want, a.Body)
			}
		})
	}
	t.Run("too large", func(t *testing.T) {
		t.Parallel()

		small := servertest.New(t, func(c *server.Config) { c.Uploads.File = 1000 })
		if a := small.Do("POST", "/v1/post-result", strings.Repeat("x", 1001)); a.Status != 413 {
			t.Errorf("1001 bytes of 1000: %d, want 413", a.Status)
		}
	})
	t.Run("nothing was stored", func(t *testing.T) {
		var run struct{ Attempts int }
		if err := json.Unmarshal(s.Do("GET", "/v1/runs/"+id, "", servertest.Admin()).Body, &run); err != nil || run.Attempts != 0 {
			t.Errorf("%d attempts after refusals only (%v)", run.Attempts, err)
		}
	})
}

// TestPostResult_Damaged posts what cannot be understood: it is kept, the
// answer says so, and it is no pass.
func TestPostResult_Damaged(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	tests := []struct {
		name, body  string
		wantFormat  string
		wantOutcome string
		wantDamage  string // kind of the first finding
	}{
		{name: "prose", body: "hello world\n", wantFormat: "unknown", wantOutcome: "error"},
		{name: "a v1 test without an end", body: "test: a\nsuccess: a\ntest: b\n", wantFormat: "subunit-v1", wantOutcome: "fail", wantDamage: "v1-truncated"},
		{name: "green with a broken time", body: "test: a\ntime: x\nsuccess: a\n", wantFormat: "subunit-v1", wantOutcome: "incomplete", wantDamage: "v1-time"},
		{name: "white space", body: " \n", wantFormat: "empty", wantOutcome: "empty"},
		{name: "JSON that is cut", body: `{"results":["a"`, wantFormat: "json", wantOutcome: "incomplete", wantDamage: "json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got := mustSave(t, s.Do("POST", "/v1/post-result", tt.body, servertest.With("Content-Type", "application/octet-stream")))
			kind := ""
			if len(got.Damage) > 0 {
				kind = got.Damage[0].Kind
			}
			if got.Format != tt.wantFormat || got.Outcome != tt.wantOutcome || kind != tt.wantDamage {
				t.Errorf("format %s, outcome %s, damage %q; want %s, %s, %q", got.Format, got.Outcome, kind, tt.wantFormat, tt.wantOutcome, tt.wantDamage)
			}
			if b := raw(t, s, fmt.Sprint(got.TestID), got.ResultID); string(b) != tt.body {
				t.Errorf("stored %q, want %q", b, tt.body)
			}
		})
	}
}

// TestPostResult_SameOutcomes posts one run in three wrappings: as v1, as v2 and
// as gzip; all say the same.
func TestPostResult_SameOutcomes(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	v1, v2 := sample(t, "14_tempest_like_v1.subunit"), sample(t, "14_tempest_like_v2.subunit")
	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	_, _ = zw.Write(v2)
	_ = zw.Close()
	for name, body := range map[string][]byte{"v1": v1, "v2": v2, "gzip": zipped.Bytes()} {
		got := mustSave(t, s.Send("POST", "/v1/post-result", bytes.NewReader(body), servertest.With("Content-Type", "application/octet-stream")))
		if got.Outcome != "fail" || got.Tests != 121 || got.Counts["skip"] != 6 || got.Compressed != (name == "gzip") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestDownloadResult is the download of RefStack's server of 2014.
func TestDownloadResult(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for _, body := range []string{"test: a\nsuccess: a\n", "test: a\nfailure: a\n"} {
		if a := s.Do("POST", "/v1/post-result", body, servertest.With("Content-Type", "text/plain")); a.Status != 201 {
			t.Fatalf("post-result: %d %s", a.Status, a.Body)
		}
	}
	a := s.Do("GET", "/download-result/2", "", servertest.Admin())
	if a.Status != 200 || string(a.Body) != "test: a\nfailure: a" || a.Header.Get("Content-Disposition") != "attachment; filename=subunit_2.txt" {
		t.Errorf("%d %q, %v", a.Status, a.Body, a.Header)
	}
	for path, want := range map[string]int{"/download-result/3": 404, "/download-result/x": 400} {
		if a := s.Do("GET", path, "", servertest.Admin()); a.Status != want {
			t.Errorf("%s: %d, want %d", path, a.Status, want)
		}
	}
	if a := s.Do("GET", "/download-result/2", ""); a.Status != 401 {
		t.Errorf("without a login: %d", a.Status)
	}
}
