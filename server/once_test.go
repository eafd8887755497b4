package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
)

// takesKey reports whether an operation takes an Idempotency-Key.
func takesKey(op *openapi3.Operation) bool {
	return op.Parameters.GetByInAndName("header", "Idempotency-Key") != nil
}

// TestOnce_EveryCreate sends each call that makes something twice under one key: the
// answers are the same. Streams have no key, nor what no caller logs in for.
func TestOnce_EveryCreate(t *testing.T) {
	t.Parallel()

	doc, err := edge.LoadDocument()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, servertest.New(t, ownHooks), "")
	n := 0
	for _, op := range operations(t) {
		described := doc.Paths.Value(op.path).GetOperation(op.method)
		if op.method == "POST" && described.Responses.Value("507") != nil && text(described, "x-body") != "stream" && !takesKey(described) {
			t.Errorf("%s makes something and takes no key", op.id)
		}
		if !takesKey(described) {
			continue
		}
		key := servertest.With("Idempotency-Key", "once-"+op.id)
		first := op.call(w, w.as, key)
		second := op.call(w, w.as, key)
		if first.Status >= 300 {
			continue // a refusal is not kept
		}
		n++
		if second.Status != first.Status || !bytes.Equal(first.Body, second.Body) {
			t.Errorf("%s: %d %.300s\nand then %d %.300s", op.id, first.Status, first.Body, second.Status, second.Body)
		}
		for _, name := range []string{"Location", "Cache-Control", "Content-Type"} {
			if got := second.Header.Get(name); got != first.Header.Get(name) {
				t.Errorf("%s: %s %q, and then %q", op.id, name, first.Header.Get(name), got)
			}
		}
	}
	if n < 12 {
		t.Errorf("%d operations were answered from what was kept, want most of those that make something", n)
	}
}

// TestOnce: one of many does it, others get its answer; somebody else's key and
// another body are other requests.
func TestOnce(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		key := servertest.With("Idempotency-Key", "k")
		post := func(path, body string, options ...servertest.Option) servertest.Answer {
			return s.Do("POST", path, body, append([]servertest.Option{servertest.Admin(), servertest.JSON(), key}, options...)...)
		}
		answers := make([]servertest.Answer, 8)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = post([]string{"/v1/runs", "/runs", "/api/v1.0/runs"}[i%3], `{"name":"one"}`) })
		}
		all.Wait()
		for _, a := range answers {
			if a.Status != http.StatusCreated || !bytes.Equal(a.Body, answers[0].Body) {
				t.Errorf("%d %s, want %s", a.Status, a.Body, answers[0].Body)
			}
		}
		if a := s.Do("GET", "/v1/runs", "", servertest.Admin()); strings.Count(string(a.Body), `"name":"one"`) != 1 {
			t.Errorf("more than one run was made: %s", a.Body)
		}
		if a := post("/v1/runs", `{"name":"two"}`); a.Status != http.StatusConflict || !strings.Contains(string(a.Body), "another request") {
			t.Errorf("another body: %d %s", a.Status, a.Body)
		}
		if a := post("/v1/runs", `{"name":"one"}`, servertest.As(s.Token(auth.Admin))); a.Status != http.StatusCreated || bytes.Equal(a.Body, answers[0].Body) {
			t.Errorf("somebody else's key: %d %s", a.Status, a.Body)
		}
		if a := post("/v1/runs", `{"cloud_id":99}`, servertest.With("Idempotency-Key", "refused")); a.Status != 400 {
			t.Errorf("a cloud that does not exist: %d %s", a.Status, a.Body)
		}
		if a := post("/v1/runs", `{"name":"three"}`, servertest.With("Idempotency-Key", "refused")); a.Status != http.StatusCreated {
			t.Errorf("under the key of a refusal: %d %s", a.Status, a.Body)
		}
	})
}

// TestOnce_Secret: the text of a token comes again, but is not kept in clear.
func TestOnce_Secret(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		var texts [2]struct {
			Token string `json:"token"`
		}
		for i := range texts {
			a := s.Do("POST", "/v1/access-tokens", `{"name":"n","owner":"o","kind":"service","roles":["reader"]}`, servertest.Admin(), servertest.JSON(), servertest.With("Idempotency-Key", "t"))
			if err := json.Unmarshal(a.Body, &texts[i]); err != nil || a.Status != http.StatusCreated || a.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %s, Cache-Control %q", a.Status, a.Body, a.Header.Get("Cache-Control"))
			}
		}
		if texts[0].Token == "" || texts[0] != texts[1] {
			t.Errorf("%v, want the same token twice", texts)
		}
		kept := keptUnder(t, s.Store, "/v1/access-tokens", "t")
		if len(kept.Body) == 0 || bytes.Contains(kept.Body, []byte(texts[0].Token[5:20])) {
			t.Errorf("the answer is kept in clear: %q", kept.Body)
		}
	})
}

func keptUnder(t *testing.T, s *store.Store, path, key string) (kept *store.IdempotentAnswer) {
	t.Helper()
	err := s.InTx(t.Context(), func(tx *store.Store) (err error) {
		kept, err = tx.LockIdempotentAnswer(t.Context(), "admin::admin", path, key, time.Time{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// TestOnce_Killed: a server that broke down at a request leaves the claim of its key,
// and whoever asks again is told so where something was changed. Where nothing was, it
// is done now, once.
func TestOnce_Killed(t *testing.T) {
	t.Parallel()

	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		post := func(want int, id string) {
			t.Helper()
			a := s.Do("POST", "/v1/runs", `{"name":"one"}`, servertest.Admin(), servertest.JSON(), servertest.With("Idempotency-Key", "k"))
			if a.Status != want || want >= 400 && readProblem(t, a).ID != id {
				t.Errorf("%d %s, want %d %s", a.Status, a.Body, want, id)
			}
		}
		claim := func(status int64) {
			t.Helper()
			kept := keptUnder(t, s.Store, "/v1/runs", "k")
			kept.Status = status
			if err := s.Store.FinishIdempotencyKey(t.Context(), kept); err != nil {
				t.Fatal(err)
			}
		}
		post(http.StatusCreated, "")
		claim(1)
		if kept := keptUnder(t, s.Store, "/v1/runs", "k"); !kept.Changed() {
			t.Errorf("a claim of status 1 is %+v, want one that has changed something", kept)
		}
		post(http.StatusConflict, "outcome-unknown")
		claim(0)
		post(http.StatusCreated, "")
		post(http.StatusCreated, "") // the answer is kept
		a := s.Do("GET", "/v1/runs", "", servertest.Admin())
		if n := strings.Count(string(a.Body), `"name":"one"`); n != 2 {
			t.Errorf("%d runs, want the first and the one of the dead claim", n)
		}
	}, func(c *server.Config) { // whose clock is ahead of the store's
		c.Now = func() time.Time { return time.Now().Add(3 * time.Minute) }
	})
}

// TestOnce_Settings: how long an answer is kept, a second call waits and a call may be at
// work is what the settings say.
func TestOnce_Settings(t *testing.T) {
	t.Parallel()

	ahead := new(atomic.Int64) // how far the server's clock is ahead of the store's
	s := servertest.New(t, func(c *server.Config) {
		c.Edge.Idempotency = edge.Idempotency{Age: 2 * time.Hour, Wait: 0, Lost: 20 * time.Minute}
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	post := func(key, body string) servertest.Answer {
		return s.Do("POST", "/v1/runs", body, servertest.Admin(), servertest.JSON(), servertest.With("Idempotency-Key", key))
	}
	for _, step := range []struct {
		ahead  time.Duration
		body   string
		status int
	}{
		{0, `{"name":"one"}`, http.StatusCreated},
		{119 * time.Minute, `{"name":"two"}`, http.StatusConflict},
		{121 * time.Minute, `{"name":"two"}`, http.StatusCreated},
	} {
		ahead.Store(int64(step.ahead))
		if a := post("kept", step.body); a.Status != step.status || a.Status == http.StatusConflict && !strings.Contains(readProblem(t, a).Detail, "is free again at 20") {
			t.Errorf("after %s: %d %s, want %d", step.ahead, a.Status, a.Body, step.status)
		}
	}

	ahead.Store(0)
	if a := post("dead", `{}`); a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	kept := keptUnder(t, s.Store, "/v1/runs", "dead")
	kept.Status, kept.Body = 0, []byte{} // as if its server had broken down
	if err := s.Store.FinishIdempotencyKey(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		ahead  time.Duration
		status int
		id     string
	}{{19 * time.Minute, http.StatusConflict, "still-at-work"}, {21 * time.Minute, http.StatusCreated, ""}} {
		ahead.Store(int64(step.ahead))
		if a := post("dead", `{}`); a.Status != step.status || step.id != "" && !strings.Contains(string(a.Body), step.id) {
			t.Errorf("after %s: %d %s, want %d %s", step.ahead, a.Status, a.Body, step.status, step.id)
		}
	}
}
