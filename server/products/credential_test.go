package products_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

// within is how long a credential that has ended may keep a stream.
const within = 15 * time.Second

// newToken makes an access token of an operator and returns its id and text.
func (l *lab) newToken(more object) (id, text string) {
	l.t.Helper()
	body := object{"name": "watched", "roles": []string{"operator"}}
	for name, value := range more {
		body[name] = value
	}
	a := l.call("POST", "/v1/access-tokens", body, http.StatusCreated)
	return field(a["access_token"].(object), "id"), field(a, "token")
}

// A credential that is revoked, expires or is changed ends the streams and long
// polls that it began; another one's go on.
func TestCredential_EndsStreamsAndPolls(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		life time.Duration // 0: for ever
		end  func(l *lab, id string)
		poll int // what the long poll is answered
	}{
		"revoked": {0, func(l *lab, id string) { l.call("DELETE", "/v1/access-tokens/"+id, nil, http.StatusNoContent) }, http.StatusUnauthorized},
		"expired": {6 * time.Second, func(*lab, string) {}, http.StatusUnauthorized},
		"changed": {0, func(l *lab, id string) {
			err := l.Store.UpdateToken(l.t.Context(), id, func(t *store.Token) error { t.Roles = []string{"lab"}; return nil })
			if err != nil {
				l.t.Fatal(err)
			}
		}, http.StatusNoContent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lab{servertest.New(t), t}
			l.agent("a1", object{})
			l.agent("a2", object{})
			product := l.product("p", "smoke")
			opportunity := l.image(product, "I1")[0]
			l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK) // leaves nothing to pick
			more := object{}
			if tt.life > 0 {
				more["expires_at"] = l.Store.Now().Add(tt.life).UTC().Format(time.RFC3339)
			}
			id, text := l.newToken(more)
			ended := make(chan time.Time, 3)
			for _, path := range []string{"/v1/events", product + "/tests/events", product + "/tests/opportunities/" + opportunity + "/output"} {
				f := l.listenAs(text, path)
				go func() {
					for _, _, _, ok := f.next(); ok; _, _, _, ok = f.next() {
					}
					ended <- time.Now()
				}()
			}
			others := l.listen("/v1/events")
			polled := make(chan int, 1)
			go func() {
				polled <- l.Do("POST", "/v1/agents/a2/pick", `{"wait_seconds": 60}`, servertest.As(text), servertest.JSON()).Status
			}()
			until(t, "the call waits", func() bool { return l.Store.Subscribers("work/") > 0 })
			tt.end(l, id)
			from := time.Now().Add(tt.life)
			for range cap(ended) {
				if after := await.Receive(t, "the end of a stream", ended).Sub(from); after > within {
					t.Errorf("a stream ended after %s", after)
				}
			}
			if status := await.Receive(t, "the end of the long poll", polled); status != tt.poll || time.Since(from) > within {
				t.Errorf("the long poll: %d after %s, want %d", status, time.Since(from), tt.poll)
			}
			l.image(product, "I2")
			if _, _, _, ok := others.next(); !ok {
				t.Error("the stream of another credential has ended")
			}
		})
	}
}
