// Package servertest starts the whole server for tests: over HTTP, on a real
// database, with every answer held against the document. An undocumented
// status, header or field fails the test.
package servertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
	"github.com/slipway-lab/slipway/store/storetest"
)

// AdminToken is the configured admin token of every test server.
const AdminToken = "test-admin-token"

// pepper is the server secret of every test server.
var pepper = []byte("test-server-secret")

// Server is a running server.
type Server struct {
	URL   string
	Store *store.Store

	// HTTP calls the server and holds every answer against the document. It
	// follows no redirect and sends no credential of its own.
	HTTP *http.Client

	t    testing.TB
	Auth *auth.Authenticator
	stop context.CancelFunc

	server *server.Server
}

// Work lets the server work on the lab's tasks, which it does not do by itself.
// It ends with stop, which waits for it, or with the test.
func (s *Server) Work() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.server.Work(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	s.t.Cleanup(stop)
	return stop
}

// Stop tells the server that it is to end, as SIGTERM would. It goes on
// answering until the test ends.
func (s *Server) Stop() { s.stop() }

// WithAuth changes how the server finds out who is calling.
func WithAuth(change func(*auth.Config)) func(*server.Config) {
	return func(c *server.Config) {
		a := auth.Config{Store: c.Store, Pepper: pepper, AdminToken: AdminToken, Now: c.Store.Now}
		change(&a)
		c.Auth = auth.New(a)
	}
}

// Frozen stops the server's own clock, but not the store's: no limit of calls
// recovers, however long a test takes.
func Frozen(c *server.Config) {
	now := time.Now()
	c.Now = func() time.Time { return now }
}

// New starts a server on a new SQLite file, stopped when the test ends.
func New(t testing.TB, change ...func(*server.Config)) *Server {
	t.Helper()
	return On(t, storetest.New(t), change...)
}

// Each runs the test on every supported database, reached without a pooler.
func Each(t *testing.T, test func(t *testing.T, s *Server), change ...func(*server.Config)) {
	t.Helper()
	storetest.EachDirect(t, func(t *testing.T, s *store.Store) { test(t, On(t, s, change...)) })
}

// At starts a server that others expect at an address, such as those who found
// it in a catalogue.
func At(t testing.TB, address string, change ...func(*server.Config)) *Server {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, storetest.New(t), l, change)
}

// On starts a server on a store that is open already.
func On(t testing.TB, s *store.Store, change ...func(*server.Config)) *Server {
	t.Helper()
	return start(t, s, nil, change)
}

func start(t testing.TB, s *store.Store, l net.Listener, change []func(*server.Config)) *Server {
	t.Helper()
	rules() // holds them, so that all servers share them
	c := defaults()
	c.Store, c.AuditLines, c.Build = s, secrets, "1.0.0.dev1.g0123456"
	c.Results.Pepper, c.Lab.Secret = pepper, pepper
	c.Lab.Engine.Idle, c.Lab.Engine.Simulator.Delay = true, 0
	c.Edge.MinFree = 0 // whatever else lies on the disk of a machine that tests
	for _, f := range change {
		f(&c)
	}
	if c.Auth == nil {
		c.Auth = auth.New(auth.Config{Store: s, Pepper: pepper, AdminToken: AdminToken, Now: s.Now})
	}
	ctx, stop := context.WithCancel(context.Background())
	c.Products.Done, c.Lab.Done = ctx.Done(), ctx.Done()
	h, err := server.New(c)
	if err != nil {
		t.Fatalf("server.New: %v", err)
	}
	srv := httptest.NewUnstartedServer(h)
	if l != nil {
		_ = srv.Listener.Close()
		srv.Listener = l
	}
	srv.Start()
	var background sync.WaitGroup
	background.Go(func() { h.Background(ctx) })
	t.Cleanup(func() {
		stop()
		background.Wait()
		srv.Close()
		h.Close()
		secrets.report(t)
	})
	return &Server{URL: srv.URL, Store: s, HTTP: checkedClient(t), t: t, Auth: c.Auth, stop: stop, server: h}
}

// rules is what a server reads of the document. Without somebody who holds it, the
// next server would read it again.
var rules = sync.OnceValue(func() *openapi3.T {
	doc, err := edge.LoadRules()
	if err != nil {
		panic(err)
	}
	return doc
})

// defaults are the settings that a server starts with when nobody says anything. Who
// changes a list of them makes a new one.
var defaults = sync.OnceValue(func() server.Config {
	var c server.Config
	if err := errors.Join(kong.ApplyDefaults(&c), kong.ApplyDefaults(&c.Access.Life)); err != nil {
		panic(err) // a tag of a setting that cannot be read
	}
	return c
})

func checkedClient(t testing.TB) *http.Client {
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     &checkingTransport{t: t, next: transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Token makes an API token with the given roles and returns its text.
func (s *Server) Token(roles ...auth.Role) string {
	s.t.Helper()
	return s.TokenOf("", roles...)
}

// TokenOf is Token for somebody of a tenant.
func (s *Server) TokenOf(tenant string, roles ...auth.Role) string {
	s.t.Helper()
	text := auth.NewToken(auth.ServiceToken)
	row := &store.Token{Kind: "s", Name: "test", Owner: "test", Tenant: tenant, Prefix: auth.DisplayPrefix(text), Hash: auth.HashToken(pepper, text)}
	for _, r := range roles {
		row.Roles = append(row.Roles, string(r))
	}
	if err := s.Store.CreateToken(s.t.Context(), row); err != nil {
		s.t.Fatalf("CreateToken: %v", err)
	}
	return text
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Option changes a request before it is sent.
type Option func(*http.Request)

// With sets a header.
func With(name, value string) Option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// Host sets the Host header.
func Host(name string) Option { return func(r *http.Request) { r.Host = name } }

// As logs in with a token.
func As(token string) Option { return With("Authorization", "Bearer "+token) }

// Admin logs in with the configured admin token.
func Admin() Option { return As(AdminToken) }

// JSON sets the Content-Type.
func JSON() Option { return With("Content-Type", "application/json") }

// Do sends a request and reads the whole answer. The path is sent as it is
// written, also when it is not clean.
func (s *Server) Do(method, path, body string, options ...Option) Answer {
	s.t.Helper()
	return s.Send(method, path, strings.NewReader(body), options...)
}

// Send is Do with a body that is read as it goes out.
func (s *Server) Send(method, path string, body io.Reader, options ...Option) Answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	for _, o := range options {
		o(r)
	}
	resp, err := s.HTTP.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: reading the answer: %v", method, path, err)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: bytes.TrimSuffix(text, []byte("\n"))}
}

// ForExample starts a server for an example, which has no testing.T, and
// returns its address, the admin token and what stops it. It panics when that
// fails.
func ForExample() (url, token string, stop func()) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "slipway-example-")
	must(err)
	s, err := areas.Open(context.Background(), store.Config{DataDir: dir})
	must(err)
	must(s.Migrate(context.Background()))
	rules() // holds them, so that all servers share them
	c := defaults()
	c.Store, c.Auth = s, auth.New(auth.Config{Store: s, Pepper: pepper, AdminToken: AdminToken, Now: s.Now})
	h, err := server.New(c)
	must(err)
	srv := httptest.NewServer(h)
	return srv.URL, AdminToken, func() {
		srv.Close()
		h.Close()
		must(s.Close())
		must(os.RemoveAll(dir))
	}
}
