package products_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// follow reads the whole log by its cursor, a few events at a time, until it has
// seen as many as are wanted.
func (l *lab) follow(want int) []object {
	l.t.Helper()
	var seen []object
	after := "0"
	until(l.t, fmt.Sprintf("%d events", want), func() bool {
		a := l.call("GET", "/v1/events?limit=7&after="+after, nil, http.StatusOK)
		for _, e := range a["events"].([]any) {
			seen = append(seen, e.(object))
		}
		after = field(a, "next")
		return len(seen) >= want
	})
	return seen
}

// Several writers at once, and a reader that follows: it must see every event,
// each once, in rising order.
func TestEvents_ReaderMissesNone(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) { missesNone(t, s, s) })
}

func TestEvents_ReaderMissesNoneWithTwoReplicas(t *testing.T) {
	t.Parallel()
	one, two := replicas(t)
	missesNone(t, one, two)
}

func missesNone(t *testing.T, servers ...*servertest.Server) {
	l := &lab{servers[0], t}
	const writers, rounds = 8, 12
	var products []string
	for i := range writers {
		products = append(products, l.product(fmt.Sprintf("p%d", i), "smoke"))
	}
	var writing sync.WaitGroup
	for i, path := range products {
		writing.Go(func() {
			w := servers[i%len(servers)]
			for n := range rounds {
				body := fmt.Sprintf(`{"image_unique_id": "I%d", "extra_snaps": [], "channel": "edge", "image_reference": 1}`, n)
				if a := w.Do("POST", path+"/images", body, servertest.Admin(), servertest.JSON()); a.Status != http.StatusCreated {
					t.Errorf("advertise: %d %s", a.Status, a.Body)
				}
			}
		})
	}
	seen := l.follow(writers * rounds)
	writing.Wait()
	once := map[string]bool{}
	for _, e := range seen {
		once[field(e, "test_opportunity_id")] = true
	}
	if len(seen) != writers*rounds || len(once) != writers*rounds {
		t.Errorf("%d events of %d opportunities, want %d of each", len(seen), len(once), writers*rounds)
	}
}

// frames reads Server-Sent Events.
type frames struct {
	lines *bufio.Scanner
	stop  context.CancelFunc
}

func (l *lab) listen(path string, options ...servertest.Option) *frames {
	l.t.Helper()
	return l.listenAs(servertest.AdminToken, path, options...)
}

func (l *lab) listenAs(token, path string, options ...servertest.Option) *frames {
	l.t.Helper()
	ctx, stop := context.WithCancel(l.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", l.URL+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, o := range append(options, servertest.As(token), servertest.With("Accept", "text/event-stream")) {
		o(r)
	}
	resp, err := l.HTTP.Do(r) // returns when the headers are there: before any event
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { stop(); _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		l.t.Fatalf("GET %s: %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return &frames{bufio.NewScanner(resp.Body), stop}
}

// next returns the id, name and data of the next event; ok is false at the end.
func (f *frames) next() (id, name, data string, ok bool) {
	for f.lines.Scan() {
		key, value, _ := strings.Cut(f.lines.Text(), ": ")
		switch key {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if data != "" {
				return id, name, data, true
			}
		}
	}
	return "", "", "", false
}

func TestEvents_Stream(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		other := l.product("q", "smoke")
		all, ours := l.listen("/v1/events?event_type=QUEUED_FOR_AGENTS&event_type=RESULT_STORED"), l.listen(path+"/tests/events")
		l.image(other, "I0")
		o := l.image(path, "I1")[0]
		_, _, first, _ := all.next()
		if !strings.Contains(first, other[len("/v1/products/"):]) {
			t.Errorf("first event of the log: %s, want that of the other product", first)
		}
		id, name, data, ok := ours.next()
		if e := decode(t, []byte(data)); !ok || name != "QUEUED_FOR_AGENTS" || e["test_opportunity_id"] != o || e["id"] != id || e["event_type"] != name {
			t.Errorf("event of the product: %s %s %s", id, name, data)
		}
		ours.stop()
		l.agent("a1", object{})
		l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK) // of the other product, which is older
		l.agent("a2", object{})
		l.call("POST", "/v1/agents/a2/pick", nil, http.StatusOK)
		again := l.listen(path+"/tests/events", servertest.With("Last-Event-ID", id))
		if _, name, data, _ := again.next(); name != "PICKED_BY_AGENT" || !strings.Contains(data, `"platform":null`) {
			t.Errorf("after %s: %s %s, want what was missed", id, name, data)
		}
	})
}

// TestEvents_StreamBegin is cut off before the first event, and misses none between.
func TestEvents_StreamBegin(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		l.image(path, "I0")
		for _, log := range []string{"/v1/events", path + "/tests/events"} {
			f := l.listen(log)
			begin := ""
			for begin == "" && f.lines.Scan() {
				begin, _ = strings.CutPrefix(f.lines.Text(), "id: ")
			}
			f.stop()
			o := l.image(path, "I-"+begin)[0]
			if _, name, data, ok := l.listen(log, servertest.With("Last-Event-ID", begin)).next(); !ok || name != "QUEUED_FOR_AGENTS" || decode(t, []byte(data))["test_opportunity_id"] != o {
				t.Errorf("%s after %s: %s %s, want %s", log, begin, name, data, o)
			}
		}
	})
}

// The filters of opportunities count for the stream as they do for the list.
func TestEvents_StreamOfSomeOpportunities(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		image, state := l.listen(path+"/tests/events?image_unique_id=I2"), l.listen(path+"/tests/events?state=CANCELLED")
		late := l.listen(path + "/tests/events?end_date=20200101&event_type=QUEUED_FOR_AGENTS")
		first, second := l.image(path, "I1")[0], l.image(path, "I2")[0]
		l.call("POST", path+"/tests/opportunities/"+first+"/cancel", nil, http.StatusOK)
		if _, name, data, _ := image.next(); name != "QUEUED_FOR_AGENTS" || !strings.Contains(data, second) {
			t.Errorf("of I2: %s %s, want the queueing of %s", name, data, second)
		}
		for { // of what is cancelled, the earlier events may come as well
			_, name, data, ok := state.next()
			if !ok || !strings.Contains(data, first) {
				t.Fatalf("of what is cancelled: %s %s", name, data)
			}
			if name == "CANCELLED" {
				break
			}
		}
		got := make(chan string, 1)
		go func() { _, _, data, _ := late.next(); got <- data }()
		late.stop()
		if data := <-got; data != "" {
			t.Errorf("of what was queued until 2020: %s, want nothing", data)
		}
	})
}

// Streams and long polls end at once when the server stops.
func TestEvents_StreamEndsWithTheServer(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t), t}
	l.agent("a1", object{})
	f := l.listen("/v1/events")
	ended := make(chan struct{})
	go func() { f.next(); close(ended) }()
	polled := make(chan int, 1)
	go func() {
		polled <- l.Do("POST", "/v1/agents/a1/pick", `{"wait_seconds": 60}`, servertest.Admin(), servertest.JSON()).Status
	}()
	until(t, "the call waits", func() bool { return l.Store.Subscribers("work/") > 0 })
	l.Stop()
	await.Receive(t, "the end of the stream", ended)
	if status := <-polled; status != http.StatusNoContent {
		t.Errorf("the long poll: %d, want 204", status)
	}
}

func TestEventLogs_Filters(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke", "soak")
		made := l.image(path, "I1")
		l.image(path, "I2")
		l.run(path, "a1", "PASSED")
		for query, want := range map[string]int{
			"": 4, "?image_unique_id=I1": 2, "?state=COMPLETED": 1, "?event_type=RESULT_STORED": 1, "?agent_id=a1": 1, "?agent_id=a2": 0,
			"?test_opportunity_id=" + made[0]: 1, "?test_opportunity_id=00000000-0000-4000-8000-000000000009": 0, "?test_opportunity_id=x": 0,
			"?start_date=20200101": 4, "?end_date=20200101": 0, "?limit=3": 3,
			"?start_date=%20%202020-01-01T00:00:00Z%20%0A": 4, "?end_date=+20200101+": 0,
		} {
			logs := l.call("GET", path+"/tests/events"+query, nil, http.StatusOK)["event_logs"].([]any)
			if len(logs) != want {
				t.Errorf("events%s: %d logs, want %d", query, len(logs), want)
			}
		}
		log := l.call("GET", path+"/tests/events?test_opportunity_id="+made[0], nil, http.StatusOK)["event_logs"].([]any)[0].(object)
		events := log["events"].([]any)
		if first := events[0].(object); first["timestamp"] != log["queued_at"] || len(first) != 2 {
			t.Errorf("first event %v, queued at %v", first, log["queued_at"])
		}
		posted, stored := events[2].(object), events[3].(object)
		if posted["result_id"] != stored["result_id"] || posted["test_status"] != "PASSED" || log["updated_at"] != stored["timestamp"] {
			t.Errorf("events %v, updated at %v", events, log["updated_at"])
		}
		if _, has := stored["agent_id"]; has || posted["agent_id"] != "a1" {
			t.Errorf("agent of %v and %v", posted, stored)
		}
	})
}

// TestEventStreams_Limit: one credential cannot take all the streams there are.
func TestEventStreams_Limit(t *testing.T) {
	t.Parallel()

	s := servertest.New(t, func(c *server.Config) { c.Products.EventMaxStreams = 2 })
	one, other := s.Token(auth.Reader), s.Token(auth.Reader)
	open := func(token string) (status int, end func()) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		servertest.As(token)(r)
		r.Header.Set("Accept", "text/event-stream")
		resp, err := s.HTTP.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return resp.StatusCode, func() {
			cancel()
			_ = resp.Body.Close()
		}
	}
	_, end := open(one)
	for i, tt := range []struct {
		token string
		want  int
	}{{one, 200}, {one, 429}, {other, 200}, {other, 200}, {other, 429}} {
		if got, _ := open(tt.token); got != tt.want {
			t.Errorf("stream %d: %d, want %d", i, got, tt.want)
		}
	}
	if a := s.Do("GET", "/v1/events", "", servertest.As(one)); a.Status != 200 {
		t.Errorf("a page of the log beside the streams: %d, want 200", a.Status)
	}
	end()
	await.That(t, "a place for another stream", func() bool {
		got, _ := open(one)
		return got == 200
	})
}
