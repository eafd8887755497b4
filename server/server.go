package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	accessapi "github.com/slipway-lab/slipway/gen/access"
	discoveryapi "github.com/slipway-lab/slipway/gen/discovery"
	labapi "github.com/slipway-lab/slipway/gen/lab"
	productsapi "github.com/slipway-lab/slipway/gen/products"
	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	reportsapi "github.com/slipway-lab/slipway/gen/reports"
	resultsapi "github.com/slipway-lab/slipway/gen/results"
	"github.com/slipway-lab/slipway/server/access"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/discovery"
	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/lab"
	"github.com/slipway-lab/slipway/server/products"
	"github.com/slipway-lab/slipway/server/refstack"
	"github.com/slipway-lab/slipway/server/reports"
	"github.com/slipway-lab/slipway/server/results"
	"github.com/slipway-lab/slipway/server/ui"
	"github.com/slipway-lab/slipway/store"
)

// Config is everything the server needs to know. Store and Auth are required;
// the zero value of every other field has a meaning.
type Config struct {
	Store *store.Store
	Auth  *auth.Authenticator

	// Build names the build, such as 0.3.0.dev43.g22d1a96.
	Build string

	// Resolver says whose word counts about how a client reached the server.
	Resolver call.Resolver

	// CORSOrigins are the pages elsewhere that may call the API.
	CORSOrigins []string

	// MaxBody limits JSON and form bodies in bytes; 0 is 1 MiB.
	MaxBody int64

	// MaxUpload limits streamed bodies in bytes as they are sent; 0 is 800 MiB,
	// because a form of 256 MiB of binary data is up to three times as long.
	MaxUpload int64

	// Limits bounds how often strangers may call.
	Limits edge.Limits

	// V1Public opens the version document to callers without credential.
	V1Public bool

	// DocsClosed takes the explorer away, and lets only callers with a credential
	// read the document.
	DocsClosed bool

	// RequireTLS refuses plain HTTP from other machines, unless a trusted proxy
	// says that the client speaks TLS with it.
	RequireTLS bool

	// MaxHeader limits a request's header in bytes; 0 is 64 KiB.
	MaxHeader int

	// StallTimeout is how long a client may take to send or to take the next
	// piece of a body; 0 is a minute. Waiting for the server is never limited.
	StallTimeout time.Duration

	// Access configures tokens.
	Access access.Config

	// AuditLines is where each entry of the audit log is written as a line of
	// JSON beside the store; nil: nowhere.
	AuditLines io.Writer

	// Results configures RefStack's side.
	Results results.Config

	// Products configures SPI's side.
	Products products.Config
	// NoIdentityLogin turns off the login at /v3, which clients of OpenStack
	// need that know no other way.
	NoIdentityLogin bool

	// Lab configures Drydock's side.
	Lab lab.Config

	// Refstack configures RefStack's later API. What it shares with Results is
	// taken from there.
	Refstack refstack.Config
	// Reports configures KernelCI's side. What it needs to know of the server
	// itself is filled in.
	Reports reports.Config

	// Maintenance makes every operation of KernelCI's side answer 503, as the
	// proxy in front of the original does while that is being worked on.
	Maintenance bool

	// Metrics is where the server's counters are registered; nil makes a new one.
	Metrics *prometheus.Registry

	// Now and NewID are replaced by tests.
	Now   func() time.Time
	NewID func() uuid.UUID
}

// Server is the whole API as one http.Handler.
type Server struct {
	handler http.Handler
	edge    *edge.Stack
	auth    *auth.Authenticator
	areas   areas
	labIdle bool // Background leaves the lab's tasks to other servers
}

// areas are the handlers, one for each area.
type areas struct {
	access    *access.Handler
	discovery *discovery.Handler
	results   *results.Handler
	refstack  *refstack.Handler
	products  *products.Handler
	reports   *reports.Handler
	lab       *lab.Handler
}

// register gives the router every operation of every area.
func (a *areas) register(r *edge.Router) {
	accessapi.RegisterHandlers(r, accessapi.NewStrictHandler(a.access))
	discoveryapi.RegisterHandlers(r, discoveryapi.NewStrictHandler(a.discovery))
	resultsapi.RegisterHandlers(r, resultsapi.NewStrictHandler(a.results))
	refstackapi.RegisterHandlers(r, refstackapi.NewStrictHandler(a.refstack))
	productsapi.RegisterHandlers(r, productsapi.NewStrictHandler(a.products))
	reportsapi.RegisterHandlers(r, reportsapi.NewStrictHandler(a.reports))
	labapi.RegisterHandlers(r, labapi.NewStrictHandler(a.lab))
}

func (c *Config) setDefaults() {
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// edge is the part of the configuration that is about the way of a request.
func (c *Config) edge() edge.Config {
	e := edge.Config{
		Auth:         c.Auth,
		Audit:        c.Store,
		AuditLines:   c.AuditLines,
		Resolver:     c.Resolver,
		CORSOrigins:  c.CORSOrigins,
		MaxBody:      c.MaxBody,
		MaxUpload:    c.MaxUpload,
		MaxHeader:    c.MaxHeader,
		StallTimeout: c.StallTimeout,
		Limits:       c.Limits,
		RequireTLS:   c.RequireTLS,
		V1Public:     c.V1Public,
		DocsClosed:   c.DocsClosed,
		RunnersLogIn: c.Results.RequireToken,
		Maintenance:  c.Maintenance,
		Metrics:      c.Metrics,
		Now:          c.Now,
		NewID:        c.NewID,
	}
	if !c.DocsClosed {
		e.Pages = pages
	}
	return e
}

// New builds the server from the embedded document. It fails when the document
// and the code do not fit together: an operation without a route, without
// validation or without a row in the permission table.
func New(c Config) (*Server, error) {
	if c.Store == nil || c.Auth == nil {
		return nil, errors.New("server: Store and Auth are required")
	}
	c.setDefaults()
	doc, err := edge.LoadDocument()
	if err != nil {
		return nil, err
	}
	s := &Server{auth: c.Auth, labIdle: c.Lab.Idle}
	if s.edge, err = edge.New(c.edge(), doc); err != nil {
		return nil, err
	}
	if s.areas, err = newAreas(c, doc); err != nil {
		return nil, err
	}
	s.areas.register(s.edge.Router())
	if s.handler, err = s.edge.Handler(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close writes what is left of the audit log and waits for what is noted about
// tokens. No request may come afterwards, and the store must still be open.
func (s *Server) Close() {
	s.auth.Close()
	s.edge.Close()
}

// Note puts something into the audit log that is no request, such as which
// policy a server started with.
func (s *Server) Note(event, object, reason string) { s.edge.Note(event, object, reason) }

func newAreas(c Config, doc *openapi3.T) (areas, error) {
	disc, err := discovery.New(discovery.Config{
		Document: doc,
		Build:    c.Build,
		Store:    c.Store,
		Metrics:  c.Metrics,
	})
	if err != nil {
		return areas{}, err
	}
	res, err := results.New(c.Store, c.Results)
	if err != nil {
		return areas{}, err
	}
	prod, err := products.New(c.Store, doc, c.Products)
	if err != nil {
		return areas{}, err
	}
	c.Refstack.RequireToken, c.Refstack.Limits, c.Refstack.Pepper = c.Results.RequireToken, c.Results.Limits, c.Results.Pepper
	c.Refstack.Now = c.Now
	c.Reports.Build, c.Reports.Tokens, c.Reports.Now = c.Build, c.Auth, c.Now
	if !c.NoIdentityLogin {
		c.Lab.Login = c.Auth
	}
	prov, err := lab.New(c.Store, c.Lab)
	if err != nil {
		return areas{}, err
	}
	return areas{
		access:    access.New(c.Store, c.Auth, c.Access),
		discovery: disc,
		results:   res,
		products:  prod,
		refstack:  refstack.New(c.Store, c.Refstack),
		reports:   reports.New(c.Store, c.Reports),
		lab:       prov,
	}, nil
}

// Background does what no request asks for, until ctx ends. It belongs beside
// every server; several replicas may do so at once.
func (s *Server) Background(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { s.areas.products.Background(ctx) })
	if !s.labIdle {
		all.Go(func() { s.Work(ctx) })
	}
	all.Wait()
}

// pages serves what is for people and not in the document.
func pages(next http.Handler) http.Handler {
	explorer := ui.Handler(func(r *http.Request) string { return call.From(r.Context()).Origin.Prefix }, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/docs" || strings.HasPrefix(r.URL.Path, "/docs/") {
			explorer.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Work is the lab's part of Background. It returns when everything that it
// started has ended.
func (s *Server) Work(ctx context.Context) { s.areas.lab.Run(ctx) }
