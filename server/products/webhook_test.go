package products_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// hook is a receiver whose first answers are the given ones, then 204.
type hook struct {
	*httptest.Server
	got chan *http.Request
	raw chan []byte
}

func newHook(t *testing.T, answers ...int) *hook {
	h := &hook{got: make(chan *http.Request, 100), raw: make(chan []byte, 100)}
	next := make(chan int, len(answers))
	for _, a := range answers {
		next <- a
	}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.raw <- body
		h.got <- r
		select {
		case status := <-next:
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(status)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) receive(t *testing.T) (*http.Request, []byte) {
	t.Helper()
	body := await.Receive(t, "a delivery", h.raw)
	return <-h.got, body
}

func withHook(h *hook) func(*server.Config) {
	u, _ := url.Parse(h.URL)
	return func(c *server.Config) {
		c.Products.WebhookHosts = []string{u.Host, "*.example.org"}
		c.Products.WebhookBackoff = []time.Duration{time.Millisecond, time.Millisecond}
	}
}

// until waits for something that the server does in the background.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	await.That(t, what, done)
}

func TestWebhook_SignedAndRetried(t *testing.T) {
	t.Parallel()
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) {
		h := newHook(t, http.StatusFound, http.StatusInternalServerError)
		l := &lab{servertest.On(t, s, withHook(h)), t}
		w := l.call("POST", "/v1/webhooks", object{
			"url": h.URL + "/hook?key=1", "event_types": []string{"RESULT_STORED", "QUEUED_FOR_AGENTS"}, "filter": object{"test_status": []string{"passed"}},
		}, http.StatusCreated)
		path := "/v1/webhooks/" + field(w, "id")
		l.image(l.product("webhooked", "smoke"), "I1")

		first, body := h.receive(t)
		checkSignature(t, field(w, "secret"), first, body)
		for range 2 { // after 302, which is not followed, and 500
			again, same := h.receive(t)
			checkSignature(t, field(w, "secret"), again, same)
			if again.Header.Get("Webhook-Id") != first.Header.Get("Webhook-Id") || string(same) != string(body) {
				t.Errorf("an attempt differs from the first: %v %s", again.Header, same)
			}
		}
		event := decode(t, body)
		if event["type"] != "QUEUED_FOR_AGENTS" || event["data"].(object)["test_opportunity_id"] == nil {
			t.Errorf("payload %s", body)
		}
		delivery := path + "/deliveries/" + first.Header.Get("Webhook-Id")
		until(t, "delivered after three attempts", func() bool {
			d := l.call("GET", delivery, nil, http.StatusOK)
			return d["state"] == "delivered" && len(d["attempts"].([]any)) == 3
		})
		if n := len(l.call("GET", path+"/deliveries?state=delivered", nil, http.StatusOK)["deliveries"].([]any)); n != 1 {
			t.Errorf("%d deliveries, want 1", n)
		}
		l.call("POST", delivery+"/retry", nil, http.StatusAccepted)
		if r, _ := h.receive(t); r.Header.Get("Webhook-Id") != first.Header.Get("Webhook-Id") {
			t.Errorf("retried as %s", r.Header.Get("Webhook-Id"))
		}
		if a := l.try("GET", path, nil); strings.Contains(string(a.Body), "secret") {
			t.Errorf("the secret is shown again: %s", a.Body)
		}
		l.call("DELETE", path, nil, http.StatusNoContent)
		l.call("GET", delivery, nil, http.StatusNotFound)
	})
}

func checkSignature(t *testing.T, secret string, r *http.Request, body []byte) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("Webhook-Signature") != want {
		t.Errorf("signature %s, want %s", r.Header.Get("Webhook-Signature"), want)
	}
}

func TestWebhook_GivesUp(t *testing.T) {
	t.Parallel()
	h := newHook(t, 500, 500, 500)
	l := &lab{servertest.New(t, withHook(h)), t}
	path := "/v1/webhooks/" + field(l.call("POST", "/v1/webhooks", object{"url": h.URL}, http.StatusCreated), "id")
	l.image(l.product("p", "smoke"), "I1")
	until(t, "failed after three attempts", func() bool {
		list := l.call("GET", path+"/deliveries?state=failed", nil, http.StatusOK)["deliveries"].([]any)
		return len(list) == 1 && len(list[0].(object)["attempts"].([]any)) == 3
	})
}

// TestWebhook_RepeatedMeanwhile: who asks for a delivery once more while it is being sent
// gets it once more, whatever becomes of the attempt under way.
func TestWebhook_RepeatedMeanwhile(t *testing.T) {
	t.Parallel()
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) {
		called, answer := make(chan string, 10), make(chan int, 10)
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			called <- r.Header.Get("Webhook-Id")
			w.WriteHeader(<-answer)
		}))
		t.Cleanup(receiver.Close)
		u, _ := url.Parse(receiver.URL)
		l := &lab{servertest.On(t, s, func(c *server.Config) { c.Products.WebhookHosts = []string{u.Host} }), t}
		path := "/v1/webhooks/" + field(l.call("POST", "/v1/webhooks", object{"url": receiver.URL}, http.StatusCreated), "id")
		l.image(l.product("p", "smoke"), "I1")
		id := await.Receive(t, "the first attempt", called)
		delivery := path + "/deliveries/" + id
		if d := l.call("POST", delivery+"/retry", nil, http.StatusAccepted); d["state"] != "pending" {
			t.Errorf("asked for once more: %v", d)
		}
		answer <- http.StatusNoContent
		if again := await.Receive(t, "the attempt that was asked for", called); again != id {
			t.Errorf("delivery %s came, want %s", again, id)
		}
		answer <- http.StatusNoContent
		until(t, "both attempts are noted", func() bool {
			d := l.call("GET", delivery, nil, http.StatusOK)
			return d["state"] == "delivered" && len(d["attempts"].([]any)) == 2
		})
	})
}

// TestWebhook_Slow: a receiver that does not answer holds up its own deliveries only.
func TestWebhook_Slow(t *testing.T) {
	t.Parallel()
	called, over := make(chan struct{}, 100), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		called <- struct{}{}
		<-r.Context().Done() // the server has waited long enough
		select {
		case <-over:
		default:
			close(over)
		}
	}))
	t.Cleanup(slow.Close)
	h := newHook(t)
	u, _ := url.Parse(slow.URL)
	l := &lab{servertest.New(t, func(c *server.Config) {
		withHook(h)(c)
		c.Products.WebhookHosts = append(c.Products.WebhookHosts, u.Host)
	}), t}
	l.call("POST", "/v1/webhooks", object{"url": slow.URL}, http.StatusCreated)
	p := l.product("p", "smoke")
	l.image(p, "I1")
	await.Receive(t, "the slow delivery", called)
	l.call("POST", "/v1/webhooks", object{"url": h.URL}, http.StatusCreated)
	l.image(p, "I2")
	h.receive(t)
	select {
	case <-over:
		t.Error("a delivery waited until another webhook's was given up")
	default:
	}
}

// transport answers requests in place of the network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestWebhook_Limits: a receiver has as long as the setting says, and of a tenant's as
// many are called at once.
func TestWebhook_Limits(t *testing.T) {
	t.Parallel()
	var now, most, attempts atomic.Int64
	l := &lab{servertest.New(t, func(c *server.Config) {
		c.Products.WebhookHosts, c.Products.WebhookBackoff = []string{"silent.example"}, []time.Duration{time.Millisecond}
		c.Products.WebhookTimeout, c.Products.WebhookLanes = 100*time.Millisecond, 1
		c.Products.WebhookTransport = transport(func(r *http.Request) (*http.Response, error) {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			attempts.Add(1)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
	}), t}
	var paths []string
	for _, name := range []string{"/a", "/b"} {
		paths = append(paths, "/v1/webhooks/"+field(l.call("POST", "/v1/webhooks", object{"url": "https://silent.example" + name}, http.StatusCreated), "id"))
	}
	p := l.product("p", "smoke")
	l.image(p, "I1")
	l.image(p, "I2")
	for _, path := range paths {
		until(t, "both deliveries failed after two attempts each", func() bool {
			failed := l.call("GET", path+"/deliveries?state=failed", nil, http.StatusOK)["deliveries"].([]any)
			return len(failed) == 2 && strings.Count(fmt.Sprint(failed...), "could not be reached") == 4
		})
	}
	if most.Load() != 1 || attempts.Load() != 8 {
		t.Errorf("%d of %d attempts at once, want 1 of 8", most.Load(), attempts.Load())
	}
}

func TestWebhook_Refused(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	l := &lab{servertest.New(t, withHook(h)), t}
	for _, address := range []string{
		"http://example.org/", "http://example.org.evil.test/", "http://127.0.0.1:1/", "http://user:pass@a.example.org/", "ftp://a.example.org/", "http://", "http://a b/",
	} {
		if a := l.call("POST", "/v1/webhooks", object{"url": address}, http.StatusBadRequest); !strings.Contains(field(a, "message"), "url") {
			t.Errorf("POST %s: %v, want it to name url", address, a)
		}
	}
	w := l.call("POST", "/v1/webhooks", object{"url": "https://ci.example.org/hook"}, http.StatusCreated)
	l.call("PATCH", "/v1/webhooks/"+field(w, "id"), object{"url": "https://example.net/"}, http.StatusBadRequest)
	if got := l.call("PATCH", "/v1/webhooks/"+field(w, "id"), object{"enabled": false}, http.StatusOK); got["enabled"] != false || got["url"] != w["url"] {
		t.Errorf("PATCH: %v", got)
	}
	l.call("GET", "/v1/webhooks/nope", nil, http.StatusNotFound)
}

// Under an Idempotency-Key the secret comes again, as the first answer may have
// been lost, but the database does not hold it in clear.
func TestWebhook_SecretUnderAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	storetest.EachDirectConfig(t, func(t *testing.T, cfg store.Config) {
		s := storetest.Open(t, cfg)
		l := &lab{servertest.On(t, s, withHook(h)), t}
		key := servertest.With("Idempotency-Key", "k")
		first := l.call("POST", "/v1/webhooks", object{"url": h.URL}, http.StatusCreated, key)
		if again := l.call("POST", "/v1/webhooks", object{"url": h.URL}, http.StatusCreated, key); again["secret"] != first["secret"] || again["id"] != first["id"] {
			t.Errorf("the same request again: %v, want %v", again, first)
		}
		var kept *store.IdempotentAnswer
		err := s.InTx(t.Context(), func(tx *store.Store) (err error) {
			kept, err = tx.LockIdempotentAnswer(t.Context(), "admin::admin", "/v1/webhooks", "k", time.Time{})
			return err
		})
		if err != nil || len(kept.Body) == 0 || strings.Contains(string(kept.Body), "whsec_") || strings.Contains(string(kept.Body), field(first, "id")) {
			t.Errorf("kept: %+v, %v; want it sealed", kept, err)
		}
	})
}

// unreached sets up a webhook whose call fails and returns what its tenant is told.
func unreached(t *testing.T, address string, change func(*server.Config)) string {
	t.Helper()
	l := &lab{servertest.New(t, change), t}
	path := "/v1/webhooks/" + field(l.call("POST", "/v1/webhooks", object{"url": address}, http.StatusCreated), "id")
	l.image(l.product("p", "smoke"), "I1")
	var told string
	until(t, "a failed delivery", func() bool {
		list := l.call("GET", path+"/deliveries?state=failed", nil, http.StatusOK)["deliveries"].([]any)
		if len(list) == 0 {
			return false
		}
		attempts := list[0].(object)["attempts"].([]any)
		told = field(attempts[0].(object), "error")
		return true
	})
	return told
}

// Behind a star there is nothing private, whatever a name resolves to, and a tenant
// cannot tell what is refused from what does not answer.
func TestWebhook_PrivateAddresses(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	u, _ := url.Parse(h.URL)
	behindStar := func(c *server.Config) {
		c.Products.WebhookHosts, c.Products.WebhookPorts, c.Products.WebhookBackoff = []string{"*", "localhost:1"}, []int{0}, nil
	}
	for name, address := range map[string]string{
		"a loopback address":              h.URL,
		"a name of a loopback address":    "http://localhost:" + u.Port(),
		"a mapped loopback address":       "http://[::ffff:127.0.0.1]:" + u.Port(),
		"a cloud's metadata":              "http://169.254.169.254/latest",
		"a listed name where nobody is":   "http://localhost:1/",
		"a name that nothing resolves to": "http://nowhere.invalid/",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if told := unreached(t, address, behindStar); told != "could not be reached" {
				t.Errorf("%s: the tenant is told %q", address, told)
			}
			select {
			case body := <-h.raw:
				t.Errorf("%s was called: %s", address, body)
			default:
			}
		})
	}
}

// The log tells an operator what the tenant is not told. Not parallel: the log is
// the process's.
func TestWebhook_PrivateAddressInTheLog(t *testing.T) {
	lines := &log{}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(lines, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	unreached(t, "http://127.0.0.1:9/?key=hidden", func(c *server.Config) {
		c.Products.WebhookHosts, c.Products.WebhookPorts, c.Products.WebhookBackoff = []string{"*"}, []int{0}, nil
	})
	got := lines.String()
	if !strings.Contains(got, "webhook not reached") || !strings.Contains(got, "leads to a private address") || strings.Contains(got, "hidden") {
		t.Errorf("the log: %s", got)
	}
}

// log is a buffer that many may write to.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A listed host is called at 80 and 443, at others only when a setting names them.
func TestWebhook_Ports(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t, func(c *server.Config) {
		c.Products.WebhookHosts = []string{"ci.example.org", "hooks.example.org:8443"}
	}), t}
	for address, want := range map[string]int{
		"http://ci.example.org/": 201, "https://ci.example.org/": 201, "http://ci.example.org:443/": 201, "http://ci.example.org:22/": 400,
		"https://hooks.example.org:8443/": 201, "https://hooks.example.org/": 400,
	} {
		l.call("POST", "/v1/webhooks", object{"url": address}, want)
	}
	more := &lab{servertest.New(t, func(c *server.Config) {
		c.Products.WebhookHosts, c.Products.WebhookPorts = []string{"ci.example.org"}, []int{9000}
	}), t}
	more.call("POST", "/v1/webhooks", object{"url": "http://ci.example.org:9000/"}, http.StatusCreated)
	more.call("POST", "/v1/webhooks", object{"url": "http://ci.example.org/"}, http.StatusBadRequest)
}
