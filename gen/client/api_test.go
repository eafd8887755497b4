package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
)

// quick retries without waiting for long.
var quick = client.WithRetry(client.Retry{Attempts: 4, Pause: time.Millisecond, MaxPause: 2 * time.Second})

func serve(t *testing.T, h http.HandlerFunc, opts ...client.Option) *client.API {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	api, err := client.New(server.URL, append([]client.Option{quick}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func TestNew_addresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://lab.example":             "https://lab.example/",
		"https://lab.example/v1":          "https://lab.example/",
		"https://lab.example/v1/":         "https://lab.example/",
		"http://[::1]:8080/slipway/v1":    "http://[::1]:8080/slipway/",
		"https://lab.example/?token=abcd": "https://lab.example/",
	} {
		api, err := client.New(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if got := api.Raw().Server; got != want {
			t.Errorf("%s becomes %s, want %s", address, got, want)
		}
	}
	for _, address := range []string{"", "lab.example", "ftp://lab.example", "http://", "lab:8080", "http://a b"} {
		if _, err := client.New(address); err == nil {
			t.Errorf("%q is taken for an address", address)
		}
	}
	if _, err := client.New("http://lab.example", client.WithToken("two words")); err == nil {
		t.Error("a token with a space is taken")
	}
}

func TestNew_headers(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s|%s", r.Header.Get("Authorization"), r.Header.Get("User-Agent"))
	}, client.WithToken("secret"), client.WithUserAgent("runner/2"))
	answer, err := api.Raw().GetHealth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); string(text) != "Bearer secret|runner/2" {
		t.Errorf("the server saw %q", text)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	key := "k"
	for name, test := range map[string]struct {
		call  func(*client.API) error
		fails int // how many calls are refused
		calls int32
		ok    bool
	}{
		"a read":              {func(a *client.API) error { _, err := a.GetHealthWithResponse(t.Context()); return err }, 2, 3, true},
		"a read for too long": {func(a *client.API) error { _, err := a.GetHealthWithResponse(t.Context()); return err }, 9, 4, false},
		"a create": {func(a *client.API) error {
			_, err := a.CreateProductWithResponse(t.Context(), nil, client.NewProduct{Name: "a"})
			return err
		}, 1, 1, false},
		"a create with a key": {func(a *client.API) error {
			_, err := a.CreateProductWithResponse(t.Context(), &client.CreateProductParams{IdempotencyKey: &key}, client.NewProduct{Name: "a"})
			return err
		}, 2, 3, true},
	} {
		for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout} {
			t.Run(fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				t.Parallel()
				var calls atomic.Int32
				api := serve(t, func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					if r.Method == http.MethodPost && !strings.Contains(string(body), `"a"`) {
						t.Errorf("attempt %d has the body %q", calls.Load()+1, body)
					}
					if calls.Add(1) <= int32(test.fails) {
						w.Header().Set("Retry-After", "0")
						w.WriteHeader(status)
					}
				})
				err := test.call(api)
				if calls.Load() != test.calls || (err == nil) != test.ok {
					t.Errorf("%d calls, error %v; want %d, success %v", calls.Load(), err, test.calls, test.ok)
				}
				var problem *client.Problem
				if !test.ok && (!errors.As(err, &problem) || problem.Status != int32(status)) {
					t.Errorf("the error is %v, want the problem of the last answer", err)
				}
			})
		}
	}
}

func TestRetry_heardAndEnded(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	if _, err := api.GetHealthWithResponse(t.Context()); err == nil || calls.Load() != 1 {
		t.Errorf("asked to come back in an hour the client called %d times, error %v", calls.Load(), err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	patient := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusServiceUnavailable)
	}, client.WithRetry(client.Retry{Attempts: 9, Pause: time.Hour, MaxPause: time.Hour}))
	if _, err := patient.GetHealthWithResponse(ctx); err == nil {
		t.Error("a cancelled call has no error")
	}
}

func TestRetry_brokenConnection(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	api := serve(t, func(http.ResponseWriter, *http.Request) {
		if calls.Add(1) < 3 {
			panic(http.ErrAbortHandler)
		}
	})
	if _, err := api.GetHealthWithResponse(t.Context()); err != nil {
		t.Errorf("after two broken connections: %v", err)
	}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		form := multipart.NewReader(r.Body, params["boundary"])
		for {
			part, err := form.NextPart()
			if err != nil {
				break
			}
			text, _ := io.ReadAll(part)
			got[part.FormName()+"/"+part.FileName()] = string(text)
		}
		got["query"] = r.URL.RawQuery
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"test_id":7}`)
	})
	_, err := api.Upload(t.Context(), client.Upload{Run: 7, Strict: true}, client.File{Name: "a.xml", Content: strings.NewReader("<a/>")}, client.File{Name: "b.xml", Content: strings.NewReader("<b/>")})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"file/a.xml": "<a/>", "file/b.xml": "<b/>", "query": "test_id=7&strict=true"} {
		if name == "query" {
			if !strings.Contains(got[name], "test_id=7") || !strings.Contains(got[name], "strict=true") {
				t.Errorf("query %q", got[name])
			}
		} else if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	broken := io.MultiReader(strings.NewReader("half"), failing{})
	if _, err := api.Upload(t.Context(), client.Upload{}, client.File{Name: "a", Content: broken}); err == nil {
		t.Error("a file that cannot be read to its end is uploaded")
	}
	if _, err := api.Upload(t.Context(), client.Upload{}); err == nil {
		t.Error("an upload without a file is sent")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is broken") }

func TestUpload_refusedEarly(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"status":403,"title":"Forbidden","detail":"not yours"}`)
	})
	_, err := api.Upload(t.Context(), client.Upload{}, client.File{Name: "endless", Content: endless{}})
	if err == nil {
		t.Fatal("no error")
	}
}

// endless never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestEvents_resumes(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	var asked []string
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		w.Header().Set("Content-Type", "text/event-stream")
		switch n {
		case 1:
			fmt.Fprint(w, ": hello\n\nid: 1\nevent: A\ndata: {\"id\":\"1\",\ndata: \"event_type\":\"A\"}\n\nid: 2\ndata: {\"id\":\"2\"") // cut
		default:
			fmt.Fprint(w, "id: 2\ndata: {\"id\":\"2\",\"event_type\":\"B\"}\n\n")
		}
	})
	var seen []string
	for e, err := range api.Events(t.Context(), "0", client.ListEventsParams{}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen = append(seen, e.ID+e.EventType); len(seen) == 2 {
			break
		}
	}
	if strings.Join(seen, " ") != "1A 2B" || strings.Join(asked, " ") != "0 1" {
		t.Errorf("events %v, asked from %v", seen, asked)
	}
}

func TestEvents_ends(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	n := 0
	for _, err := range api.Events(t.Context(), "", client.ListEventsParams{}) {
		n++
		if !errors.Is(err, client.ErrUnauthorized) {
			t.Errorf("error %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d errors, want one", n)
	}
}

// TestEvents_begin cuts a stream off before its first event, and lets a proxy answer
// for the server while that is away: the client comes again from the begin.
func TestEvents_begin(t *testing.T) {
	t.Parallel()
	var asked []string
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		if len(asked) == 2 {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		if len(asked) == 1 {
			fmt.Fprint(w, "id: 41\n\n")
			return
		}
		fmt.Fprint(w, "id: 42\ndata: {\"id\":\"42\",\"event_type\":\"A\"}\n\n")
	}, client.WithRetry(client.Retry{}))
	for e, err := range api.Events(t.Context(), "", client.ListEventsParams{}) {
		if err != nil || e.ID != "42" {
			t.Errorf("event %v, %v", e, err)
		}
		break
	}
	if fmt.Sprintf("%q", asked) != `["" "41" "41"]` {
		t.Errorf("asked from %q", asked)
	}
}

// TestRedirect follows a read, and nothing that would arrive as another call.
func TestRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusPermanentRedirect} {
		var calls atomic.Int32
		api := serve(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			if !strings.HasPrefix(r.URL.Path, "/new") {
				http.Redirect(w, r, "/new"+r.URL.Path, status)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"status":"ok","test_runs":[]}`)
		})
		if a, err := api.GetHealthWithResponse(t.Context()); err != nil || a.JSON200 == nil {
			t.Errorf("%d: a read is not followed: %v", status, err)
		}
		calls.Store(0)
		_, create := api.CreateRunWithResponse(t.Context(), nil, client.NewRun{})
		_, upload := api.Upload(t.Context(), client.Upload{}, client.File{Name: "a", Content: strings.NewReader("a")})
		register := api.Agent("a", "").Register(t.Context(), client.AgentRegistration{})
		for what, err := range map[string]error{"create": create, "upload": upload, "register": register} {
			if !errors.Is(err, client.ErrMoved) || !strings.Contains(err.Error(), "/new/v1/") {
				t.Errorf("%d: %s: %v, want an error that names the other address", status, what, err)
			}
		}
		if calls.Load() != 3 {
			t.Errorf("%d: %d calls for three", status, calls.Load())
		}
	}
}

// TestAgent_foreignPage takes no page of a proxy or a login for an answer.
func TestAgent_foreignPage(t *testing.T) {
	t.Parallel()
	api := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<p>Please log in.")
	})
	a := api.Agent("a", "")
	work := a.Resume(&client.PickedOpportunity{TestOpportunityID: "1", ProductID: "2"})
	_, poll := a.Poll(t.Context(), 0)
	_, size := work.OutputSize(t.Context())
	for what, err := range map[string]error{
		"register": a.Register(t.Context(), client.AgentRegistration{}), "poll": poll, "mode": a.SetMode(t.Context(), "online", ""),
		"heartbeat": work.Heartbeat(t.Context()), "release": work.Release(t.Context(), "why"), "result": work.Result(t.Context(), "PASSED", nil), "output": size,
	} {
		if err == nil {
			t.Errorf("%s is done", what)
		}
	}
}

// TestRetry_certificate says at once that a certificate is not trusted.
func TestRetry_certificate(t *testing.T) {
	t.Parallel()
	var hellos atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		hellos.Add(1)
		return nil, nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	api, err := client.New(server.URL, quick)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.GetHealthWithResponse(t.Context()); err == nil || hellos.Load() != 1 {
		t.Errorf("%d connections, error %v; want one", hellos.Load(), err)
	}
}
