package frame_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/slipway-lab/slipway/gen/client"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// nobody keeps no sessions.
type nobody struct{}

func (nobody) Create(context.Context, string, []byte, string, time.Time) error { return nil }
func (nobody) Get(context.Context, string) ([]byte, error)                     { return nil, frame.ErrNoSession }
func (nobody) End(context.Context, string) error                               { return nil }

// site is one with a page, over an API that answers what the test says. Nobody logs in.
func site(t *testing.T, page frame.Page, api http.HandlerFunc) *frame.Site {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/whoami", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"kind":"none","name":"anybody","owner":"anybody","tenant":"","token_id":"","roles":["admin"],"flags":[],"labs":[],"permissions":["things.read"]}`)
	})
	mux.HandleFunc("/", api)
	s, err := frame.New(frame.Config{
		API: mux, Permissions: map[string]string{"listThings": "things.read", "changeThing": "things.write"},
		Origin:   func(*http.Request) frame.Origin { return frame.Origin{URL: "https://lab.example"} },
		Sessions: nobody{}, Secret: []byte("secret"), SessionLife: time.Hour, Build: "1", Now: time.Now,
	}, []frame.Page{page})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(s http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

var templates = frame.Parse(fstest.MapFS{"x.html": {Data: []byte(`{{define "main"}}<h1>X</h1>{{.Data}}{{template "pager" (.V.Pager "")}}{{end}}`)}}, "x.html")

// The address of a page of a list leads on, and back over the pages before.
func TestPager(t *testing.T) {
	t.Parallel()

	next := map[string]string{"": "c2", "c2": "c3", "c3": ""}
	var pager frame.Pager
	s := site(t, frame.Page{Path: "/ui/things", Show: func(v *frame.Visit) (*frame.View, error) {
		pager = v.Pager(next[v.Query("after")])
		return &frame.View{Title: "Things", Templates: templates, File: "x.html"}, nil
	}}, http.NotFound)
	address := "/ui/things?sort=name"
	var forth, back []string
	for address != "" {
		get(s, address)
		forth = append(forth, address)
		address = pager.Next
	}
	for address = pager.Previous; address != ""; address = pager.Previous {
		get(s, address)
		back = append(back, address)
	}
	if want := []string{"/ui/things?sort=name", "/ui/things?after=c2&sort=name", "/ui/things?after=c3&from=c2&sort=name"}; fmt.Sprint(forth) != fmt.Sprint(want) {
		t.Errorf("forth: %q\nwant %q", forth, want)
	}
	if want := []string{"/ui/things?after=c2&sort=name", "/ui/things?sort=name"}; fmt.Sprint(back) != fmt.Sprint(want) {
		t.Errorf("back: %q\nwant %q", back, want)
	}
}

// Filters are in the address; a change of one leads to the first page.
func TestFilters(t *testing.T) {
	t.Parallel()

	s := site(t, frame.Page{Path: "/ui/things", Show: func(v *frame.Visit) (*frame.View, error) {
		for got, want := range map[string]string{
			v.With("sort", "age"): "/ui/things?outcome=fail,error&sort=age", v.With("outcome"): "/ui/things", v.Toggle("outcome", "fail"): "/ui/things?outcome=error",
			v.Toggle("outcome", "skip"): "/ui/things?outcome=fail,error,skip", fmt.Sprint(v.Queries("outcome")): "[fail error]",
		} {
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		chips := v.OutcomeChips("outcome", []string{"fail", "error"}, frame.Counts{Fail: 2, Pass: 5})
		got := ""
		for _, c := range chips {
			got += fmt.Sprintf("%s %v %t %s; ", c.Label, c.Count, c.On, c.Href)
		}
		if want := "fail 2 true /ui/things?outcome=error; error 0 true /ui/things?outcome=fail; pass 5 false /ui/things?outcome=fail,error,pass; "; got != want {
			t.Errorf("chips %s\nwant  %s", got, want)
		}
		return &frame.View{Title: "Things", Templates: templates, File: "x.html"}, nil
	}}, http.NotFound)
	if w := get(s, "/ui/things?outcome=fail,error&after=c9&from=c8"); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
}

// A list as CSV is whole, or says that it is not. Text is never a formula.
func TestCSV(t *testing.T) {
	t.Parallel()

	fails := false
	s := site(t, frame.Page{Path: "/ui/things", Show: func(*frame.Visit) (*frame.View, error) {
		return &frame.View{Title: "The Things!", Templates: templates, File: "x.html", API: "/v1/things?q=it's", CSV: func(out *frame.CSV) error {
			if err := out.Row("name", "n", "at"); err != nil {
				return err
			}
			if err := out.Row("=1+1", 7, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)); err != nil {
				return err
			}
			if fails {
				return errors.New("the store went away")
			}
			return out.Row("日本, \"x\"", nil, "\n=1")
		}}, nil
	}}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"query":%q}`, r.URL.RawQuery)
	})
	w := get(s, "/ui/things?as=csv")
	if want := "name,n,at\r\n'=1+1,7,2026-01-02T03:04:05Z\r\n\"日本, \"\"x\"\"\",,\"'\r\n=1\"\r\n"; w.Body.String() != want || w.Header().Get("Content-Disposition") != `attachment; filename="the-things.csv"` {
		t.Errorf("%q\n%v", w.Body, w.Header())
	}
	fails = true
	if w := get(s, "/ui/things?as=csv"); !strings.HasSuffix(w.Body.String(), "\"THE LIST ENDS HERE, BUT IT IS NOT WHOLE: the store went away\"\r\n") {
		t.Errorf("%q", w.Body)
	}
	if w := get(s, "/ui/things?as=json"); w.Body.String() != `{"query":"q=it's"}` || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%q", w.Body)
	}
	if w := get(s, "/ui/things"); !strings.Contains(w.Body.String(), "https://lab.example/v1/things?q=it%27s&#39;") {
		t.Errorf("no curl: %s", w.Body)
	}
}

// The part of a page is what the script swaps, and the whole page holds it.
func TestPart(t *testing.T) {
	t.Parallel()

	s := site(t, frame.Page{Path: "/ui/things", Menu: "Things", Calls: []string{"listThings"}, Show: func(v *frame.Visit) (*frame.View, error) {
		if !v.May("listThings") || v.May("changeThing") || v.May("listThings", "changeThing") {
			t.Error("May does not tell what the visitor may")
		}
		return &frame.View{Title: "Things", Outcome: "fail", Templates: templates, File: "x.html", Data: "<&>"}, nil
	}}, http.NotFound)
	whole, part := get(s, "/ui/things").Body.String(), get(s, "/ui/things", "Slipway-Part", "1").Body.String()
	for _, want := range []string{`<title>✕ Things · Slipway</title>`, `icon-fail.svg`, `<h1>X</h1>&lt;&amp;&gt;`} {
		if !strings.Contains(whole, want) || !strings.Contains(part, want) {
			t.Errorf("without %s:\n%s\n\n%s", want, whole, part)
		}
	}
	if strings.Contains(part, "<nav") || !strings.Contains(whole, `<a href="/ui/things" aria-current="page">Things</a>`) {
		t.Errorf("the menu:\n%s\n\n%s", whole, part)
	}
}

// What the API says goes wrong is a page with its sentence; what panics or breaks off
// there ends nothing here.
func TestProblems(t *testing.T) {
	t.Parallel()

	s := site(t, frame.Page{Path: "/ui/things", Show: func(v *frame.Visit) (*frame.View, error) {
		answer, err := v.Get(v.Query("path"), "")
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if _, err := io.ReadAll(answer.Body); err != nil {
			return nil, err
		}
		return &frame.View{Title: "Things", Templates: templates, File: "x.html"}, nil
	}}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fine":
		case "/gone":
			w.WriteHeader(http.StatusGone)
			fmt.Fprint(w, `{"status":410,"title":"Gone","detail":"its <tests> have expired","request_id":"req-1"}`)
		case "/panic":
			panic("a mistake")
		case "/broken":
			fmt.Fprint(w, "begins")
			panic(http.ErrAbortHandler)
		}
	})
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/fine": {200, "<h1>X</h1>"}, "/gone": {410, "its &lt;tests&gt; have expired"}, "/panic": {500, "Internal Server Error"}, "/broken": {500, "Something went wrong here"},
	} {
		w := get(s, "/ui/things?path="+path)
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d, want %d with %q\n%s", path, w.Code, want.status, want.text, w.Body)
		}
	}
}

// A page's stream follows the event log from where the browser stopped, and says how it
// ends.
func TestLive(t *testing.T) {
	t.Parallel()

	asked := make(chan string, 10)
	s := site(t, frame.Page{
		Path: "/ui/things", Show: func(*frame.Visit) (*frame.View, error) {
			return &frame.View{Title: "Things", Templates: templates, File: "x.html", Live: true}, nil
		},
		Live: frame.OnEvents(func(*frame.Visit) client.ListEventsParams { return client.ListEventsParams{} }),
	}, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Last-Event-ID")
		if r.Header.Get("Last-Event-ID") == "43" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"status":403,"title":"Forbidden","detail":"not any more"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "id: 42\ndata: {\"id\":\"42\"}\n\nid: 43\ndata: {\"id\":\"43\"}\n\n")
	})
	server := httptest.NewServer(s)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/ui/things?since=41", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("Content-Type %q", got)
	}
	var lines []string
	for in := bufio.NewScanner(answer.Body); in.Scan(); {
		if text := in.Text(); text != "" {
			lines = append(lines, text)
		}
	}
	got := strings.Join(lines, "|")
	if want := "retry: 3000|id: 42|event: changed|data: |id: 43|event: changed|data: |event: end|data: 403 Forbidden: not any more"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if first, second := <-asked, <-asked; first != "41" || second != "43" {
		t.Errorf("asked from %q and then from %q", first, second)
	}
	if w := get(s, "/ui/things"); !strings.Contains(w.Body.String(), `<body data-live="/ui/things">`) {
		t.Error("the page does not say that it is live")
	}
}

// What is not whole is not served: a page that names an operation that there is not.
func TestNew_incomplete(t *testing.T) {
	t.Parallel()

	show := func(*frame.Visit) (*frame.View, error) { return nil, nil }
	for name, pages := range map[string][]frame.Page{
		"an unknown operation": {{Path: "/ui/x", Calls: []string{"nothing"}, Show: show}}, "nothing to show": {{Path: "/ui/x"}},
		"one path twice": {{Path: "/ui/x", Show: show}, {Path: "/ui/x", Show: show}}, "a bad pattern": {{Path: "/ui/{x", Show: show}},
	} {
		if _, err := frame.New(frame.Config{Sessions: nobody{}, Now: time.Now}, pages); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// When the server is to end, streams end, so that it need not wait for browsers.
func TestLive_done(t *testing.T) {
	t.Parallel()

	done := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/whoami", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"kind":"none","permissions":[]}`)
	})
	s, err := frame.New(frame.Config{
		API: mux, Origin: func(*http.Request) frame.Origin { return frame.Origin{} }, Sessions: nobody{}, Now: time.Now, Done: done,
	}, []frame.Page{{
		Path: "/ui/things", Show: func(*frame.Visit) (*frame.View, error) { return nil, nil },
		Live: func(v *frame.Visit, s *frame.Stream) error {
			s.Part("7", []byte("<p id=\"x\">\nnew</p>"))
			close(done)
			<-v.Context().Done()
			return v.Context().Err()
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := get(s, "/ui/things", "Accept", "text/event-stream")
	if want := "retry: 3000\n\nid: 7\ndata: <p id=\"x\">\ndata: new</p>\n\n"; w.Body.String() != want {
		t.Errorf("%q\nwant %q", w.Body, want)
	}
}
