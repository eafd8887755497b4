package server_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
)

var loopback = []string{"127.0.0.0/8"}

// problem is what the old clients read of an error.
type problem struct {
	Type, Title, Detail, Instance, Reason, Message, ID string
	Status, Code                                       int
	URL                                                any
	RequestID                                          string `json:"request_id"`
	Errors                                             []struct{ Pointer, Parameter, In, Message string }
}

func readProblem(t *testing.T, a servertest.Answer) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal(a.Body, &p); err != nil {
		t.Fatalf("%d is no Problem: %v\n%s", a.Status, err, a.Body)
	}
	return p
}

func TestProblem(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	a := s.Do("GET", "/v1/runs/77", "", servertest.Admin())
	p := readProblem(t, a)
	want := problem{
		Type: s.URL + "/docs/problems/resource-not-found", Title: "Not Found", Status: 404, Detail: "run 77 does not exist", Instance: "/v1/runs/77",
		Code: 404, Reason: "run 77 does not exist", Message: "run 77 does not exist", ID: "resource-not-found",
		RequestID: a.Header.Get("X-Request-Id"),
	}
	if p.Type != want.Type || p.Title != want.Title || p.Status != want.Status || p.Detail != want.Detail ||
		p.Instance != want.Instance || p.Code != want.Code || p.Reason != want.Reason || p.Message != want.Message ||
		p.ID != want.ID || p.URL != want.Type || p.RequestID != want.RequestID || len(p.Errors) != 0 {
		t.Errorf("got %+v\nwant %+v", p, want)
	}
	if !strings.HasPrefix(p.RequestID, "req-") || a.Header.Get("X-Openstack-Request-Id") != p.RequestID {
		t.Errorf("request id %q in the body, %q in the header", p.RequestID, a.Header.Get("X-Openstack-Request-Id"))
	}
	if ct := a.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	const good = `{"label":"a","endpoint":"http://k/","admin_endpoint":"http://k/","test_user":"t","admin_user":"a"}`
	tests := []struct {
		name        string
		body        string
		contentType string
		wantStatus  int
		wantPointer string
	}{
		{name: "good", body: good, wantStatus: 201},
		{name: "with a charset", body: good, contentType: "application/json; charset=utf-8", wantStatus: 201},
		{name: "a name twice", body: strings.Replace(good, "{", `{"label":"b",`, 1), wantStatus: 400, wantPointer: "/label"},
		{name: "the same name in capitals is another name", body: strings.Replace(good, "{", `{"LABEL":"b",`, 1), wantStatus: 400, wantPointer: "/LABEL"},
		{name: "more behind the value", body: good + "x", wantStatus: 400},
		{name: "cut", body: good[:40], wantStatus: 400},
		{name: "empty", body: "", wantStatus: 400},
		{name: "too long a text", body: strings.Replace(good, `"a"`, `"`+strings.Repeat("x", 61)+`"`, 1), wantStatus: 400, wantPointer: "/label"},
		{name: "an endpoint without a host", body: strings.Replace(good, "http://k/", "http:///x", 1), wantStatus: 400, wantPointer: "/endpoint"},
		{name: "U+0000", body: strings.Replace(good, `"a"`, `"a\u0000"`, 1), wantStatus: 400, wantPointer: "/label"},
		{name: "another media type", body: good, contentType: "text/plain", wantStatus: 415},
		{name: "no media type", body: good, contentType: "none", wantStatus: 415},
		{name: "too large", body: `{"label":"` + strings.Repeat("x", 1<<20) + `"}`, wantStatus: 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			options := []servertest.Option{servertest.Admin(), servertest.JSON()}
			switch tt.contentType {
			case "":
			case "none":
				options = append(options, func(r *http.Request) { r.Header.Del("Content-Type") })
			default:
				options = append(options, servertest.With("Content-Type", tt.contentType))
			}
			a := s.Do("POST", "/v1/clouds", tt.body, options...)
			if a.Status != tt.wantStatus {
				t.Fatalf("POST /v1/clouds: %d, want %d\n%s", a.Status, tt.wantStatus, a.Body)
			}
			if tt.wantPointer == "" {
				return
			}
			p := readProblem(t, a)
			if !slices.ContainsFunc(p.Errors, func(e struct{ Pointer, Parameter, In, Message string }) bool { return e.Pointer == tt.wantPointer }) {
				t.Errorf("errors %+v do not point at %s", p.Errors, tt.wantPointer)
			}
		})
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	a := s.Do("GET", "/healthz", "", servertest.With("Accept-Encoding", "gzip"))
	if a.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("the smallest body is not compressed: %v", a.Header)
	}
	zr, err := gzip.NewReader(bytes.NewReader(a.Body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(zr); err != nil || string(text) != "{\"status\":\"ok\"}\n" {
		t.Errorf("inside is %q, %v", text, err)
	}
	if e := s.Do("GET", "/healthz", "").Header.Get("Content-Encoding"); e != "" {
		t.Errorf("Content-Encoding %q although nobody asked", e)
	}
}

func TestCompressedRequests(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	const body = `{"run_token":"correct-horse"}`
	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	_, _ = zw.Write([]byte(body))
	_ = zw.Close()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		coding, body string
		want         int
	}{
		{"gzip", zipped.String(), 201},
		{"zstd", string(encoder.EncodeAll([]byte(body), nil)), 201},
		{"identity", body, 201},
		{"gzip", body, 400},
		{"gzip", zipped.String()[:zipped.Len()-6], 400},
		{"br", body, 415},
		{"gzip, gzip", zipped.String(), 415},
	}
	for _, tt := range tests {
		a := s.Do("POST", "/v1/runs", tt.body, servertest.Admin(), servertest.JSON(), servertest.With("Content-Encoding", tt.coding))
		if a.Status != tt.want {
			t.Errorf("Content-Encoding %s: %d, want %d\n%s", tt.coding, a.Status, tt.want, a.Body)
		}
	}
}

// TestCompressedRequests_Bomb checks that limits count what comes out.
func TestCompressedRequests_Bomb(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	_, _ = zw.Write([]byte(`{"run_token":"` + strings.Repeat("x", 8<<20)))
	_ = zw.Close()
	a := s.Send("POST", "/v1/runs", &zipped, servertest.Admin(), servertest.JSON(), servertest.With("Content-Encoding", "gzip"))
	if a.Status != 413 {
		t.Errorf("8 MiB in %d bytes of gzip: %d, want 413", zipped.Len(), a.Status)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	run := s.Do("POST", "/v1/runs", "", servertest.Admin())
	if run.Status != 201 {
		t.Fatalf("POST /v1/runs: %d %s", run.Status, run.Body)
	}
	tokens := map[string]string{"reader": s.Token(auth.Reader), "runner": s.Token(auth.Runner), "operator": s.Token(auth.Operator), "no role": s.Token()}
	tests := []struct {
		method, path string
		want         map[string]int // "" is nobody
	}{
		{"GET", "/v1/runs", map[string]int{"": 401, "no role": 403, "reader": 200, "runner": 200, "operator": 200}},
		{"POST", "/v1/runs", map[string]int{"": 401, "no role": 403, "reader": 403, "runner": 201, "operator": 201}},
		{"DELETE", "/v1/runs/999", map[string]int{"": 401, "no role": 403, "reader": 403, "runner": 403, "operator": 404}},
		{"GET", "/v1/get-miniconf?test_id=1", map[string]int{"": 200, "no role": 403, "reader": 403, "runner": 200, "operator": 200}},
		{"GET", "/v1/", map[string]int{"": 401, "no role": 200, "reader": 200}},
	}
	for _, tt := range tests {
		for who, want := range tt.want {
			var options []servertest.Option
			if who != "" {
				options = append(options, servertest.As(tokens[who]))
			}
			if a := s.Do(tt.method, tt.path, "", options...); a.Status != want {
				t.Errorf("%s %s as %q: %d, want %d", tt.method, tt.path, who, a.Status, want)
			}
		}
	}
}

// TestTokensAreNotEchoed looks for a credential in answers of every kind.
func TestTokensAreNotEchoed(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	const secret = "slwr_this-is-a-secret-that-nobody-may-see"
	for _, path := range []string{"/v1/runs", "/v1/get-miniconf?test_id=1&run_token=" + secret, "/nothing"} {
		a := s.Do("GET", path, "", servertest.With("X-Auth-Token", secret))
		if bytes.Contains(a.Body, []byte(secret)) {
			t.Errorf("GET %s echoes the credential: %s", path, a.Body)
		}
	}
}

func TestForgedIdentity(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	a := s.Do("GET", "/v1/runs", "", servertest.With("X-Roles", "admin"), servertest.With("X-Identity-Status", "Confirmed"),
		servertest.With("X-User-Id", "admin"), servertest.With("X-Is-Admin-Project", "True"))
	if a.Status != 401 {
		t.Errorf("forged identity headers: %d, want 401", a.Status)
	}
}

func TestFailedLoginsAreLimited(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, servertest.Frozen, func(c *server.Config) {
		c.Edge.TrustedProxies = loopback
		c.Edge.Ratelimit.FailedLogins = 3
	})
	from := servertest.With("X-Forwarded-For", "192.0.2.9")
	for range 3 {
		if a := s.Do("GET", "/v1/runs", "", from, servertest.As("nonsense-nonsense")); a.Status != 401 {
			t.Fatalf("a bad credential: %d, want 401", a.Status)
		}
	}
	a := s.Do("GET", "/v1/runs", "", from, servertest.As("nonsense-nonsense"))
	if a.Status != 429 || a.Header.Get("Retry-After") == "" {
		t.Errorf("the fourth bad credential: %d, Retry-After %q, want 429", a.Status, a.Header.Get("Retry-After"))
	}
	if a := s.Do("GET", "/v1/runs", "", servertest.With("X-Forwarded-For", "192.0.2.10"), servertest.As("nonsense-nonsense")); a.Status != 401 {
		t.Errorf("another address: %d, want 401", a.Status)
	}
}

// TestProblem_SaysWhere: an error of a parameter says where that stood, also
// where the document lets several places name it.
func TestProblem_SaysWhere(t *testing.T) {
	t.Parallel()

	s := servertest.New(t)
	form := servertest.With("Content-Type", "application/x-www-form-urlencoded")
	for _, tt := range []struct {
		name, method, path, body string
		option                   servertest.Option
		parameter, in            string
	}{
		{"a path that is no number", "GET", "/v1/clouds/x", "", servertest.Admin(), "cloud_id", "path"},
		{"a path that the handler reads", "POST", "/v1/update-test-status/x", "status=a", form, "test_id", "path"},
		{"a path that leads nowhere", "POST", "/v1/update-test-status/999", "status=a", form, "test_id", "path"},
		{"a query that leads nowhere", "POST", "/v1/update-test-status?test_id=999", "status=a", form, "test_id", "query"},
		{"a form that leads nowhere", "POST", "/v1/update-test-status", "status=a&test_id=999", form, "test_id", "form"},
		{"a body that leads nowhere", "POST", "/v1/update-test-status", `{"status":"a","test_id":"999"}`, servertest.JSON(), "test_id", "body"},
		{"a body that is no number", "POST", "/v1/update-test-status", `{"status":"a","test_id":"x"}`, servertest.JSON(), "test_id", "body"},
		{"two places that disagree", "POST", "/v1/update-test-status/1?test_id=2", "status=a", form, "test_id", "path"},
		{"a query", "GET", "/v1/clouds?limit=0", "", servertest.Admin(), "limit", "query"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			a := s.Do(tt.method, tt.path, tt.body, tt.option)
			p := readProblem(t, a)
			if a.Status != 400 || len(p.Errors) != 1 || p.Errors[0].Parameter != tt.parameter || p.Errors[0].In != tt.in {
				t.Errorf("%d %+v, want 400 with %s in the %s", a.Status, p.Errors, tt.parameter, tt.in)
			}
		})
	}
}
