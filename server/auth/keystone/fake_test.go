package keystone

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// fake is as much of a Keystone as the client asks for. It answers as Keystone
// 22 does.
type fake struct {
	*httptest.Server
	logins, questions atomic.Int64

	mu     sync.Mutex
	own    map[string]bool   // tokens of the validator that are good
	tokens map[string]string // the "token" object of each client's token
	status int               // answer every question with this status; 0: as asked
	delay  chan struct{}     // questions wait for it to be closed
	hang   chan struct{}     // logins wait for it to be closed
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{own: map[string]bool{}, tokens: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/auth/tokens", f.login)
	mux.HandleFunc("GET /v3/auth/tokens", f.validate)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) client(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	c := Config{AuthURL: f.URL + "/v3", Username: "slipway", Password: "secret", Timeout: 5 * time.Second}
	if err := kong.ApplyDefaults(&c); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(&c)
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (f *fake) login(w http.ResponseWriter, r *http.Request) {
	n := f.logins.Add(1)
	if f.hang != nil {
		<-f.hang
	}
	var body struct {
		Auth struct {
			Identity struct {
				Methods []string
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Auth.Identity.Methods) != 1 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	own := fmt.Sprint("own-", n)
	f.mu.Lock()
	f.own[own] = true
	f.mu.Unlock()
	w.Header().Set("X-Subject-Token", own)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"token":{"methods":[%q],"user":{"id":"v","name":"v"},"expires_at":%q}}`,
		body.Auth.Identity.Methods[0], time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000000Z"))
}

func (f *fake) validate(w http.ResponseWriter, r *http.Request) {
	f.questions.Add(1)
	f.mu.Lock()
	own, token, status, delay := f.own[r.Header.Get("X-Auth-Token")], f.tokens[r.Header.Get("X-Subject-Token")], f.status, f.delay
	f.mu.Unlock()
	if delay != nil {
		<-delay
	}
	switch {
	case status != 0:
		w.WriteHeader(status)
	case !own:
		w.WriteHeader(http.StatusUnauthorized)
	case token == "" || r.Header.Get("OpenStack-Identity-Access-Rules") != "1.0":
		w.WriteHeader(http.StatusNotFound)
	default:
		fmt.Fprintf(w, `{"token":%s}`, token)
	}
}

// set makes a token good, or with an empty document unknown.
func (f *fake) set(name, document string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens[name] = document
}

// scoped is the document of an ordinary token.
func scoped(life time.Duration, more string) string {
	return fmt.Sprintf(`{"user":{"id":"u1","name":"ann"},"project":{"id":"p1","name":"lab-a"},"roles":[{"id":"1","name":"member"},{"id":"2","name":"reader"}],"expires_at":%q%s}`,
		time.Now().Add(life).UTC().Format("2006-01-02T15:04:05.000000Z"), more)
}
