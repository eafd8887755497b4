package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-lab/slipway/gen/api"
	"github.com/slipway-lab/slipway/server/access"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/discovery"
	"github.com/slipway-lab/slipway/server/fault"
	"github.com/slipway-lab/slipway/server/lab"
	"github.com/slipway-lab/slipway/server/products"
	"github.com/slipway-lab/slipway/server/refstack"
	"github.com/slipway-lab/slipway/server/reports"
	"github.com/slipway-lab/slipway/server/results"
	"github.com/slipway-lab/slipway/server/ui"
	"github.com/slipway-lab/slipway/store"
	labstore "github.com/slipway-lab/slipway/store/lab"
	productstore "github.com/slipway-lab/slipway/store/products"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	reportstore "github.com/slipway-lab/slipway/store/reports"
	resultstore "github.com/slipway-lab/slipway/store/results"
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
	Limits Limits

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
	handler    http.Handler
	router     *router
	auth       *auth.Authenticator
	resolver   call.Resolver
	requireTLS bool
	maxHeader  int
	stall      time.Duration
	limits     *limiter
	audit      *auditor
	metrics    *metrics
	v1Public   bool
	docsClosed bool
	runners    bool // runner calls need a login
	closed     bool // KernelCI's side is in maintenance
	labIdle    bool // Background leaves the lab's tasks to other servers
	now        func() time.Time
	newID      func() uuid.UUID
	areas      areas
}

// One handler for each area, under a name of its own, so that the generated
// interface is answered by all of them together.
type (
	accessHandler    = access.Handler
	discoveryHandler = discovery.Handler
	resultsHandler   = results.Handler
	productsHandler  = products.Handler
	refstackHandler  = refstack.Handler
	reportsHandler   = reports.Handler
	labHandler       = lab.Handler
)

type areas struct {
	*accessHandler
	*discoveryHandler
	*resultsHandler
	*productsHandler
	*refstackHandler
	*reportsHandler
	*labHandler
}

var _ api.StrictServerInterface = areas{}

func (c *Config) setDefaults() {
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	if c.MaxUpload == 0 {
		c.MaxUpload = 800 << 20
	}
	if c.MaxHeader == 0 {
		c.MaxHeader = 64 << 10
	}
	if c.StallTimeout == 0 {
		c.StallTimeout = time.Minute
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	}
	c.Limits.setDefaults()
}

// New builds the server from the embedded document. It fails when the document
// and the code do not fit together: an operation without a route, without
// validation or without a row in the permission table.
func New(c Config) (*Server, error) {
	if c.Store == nil || c.Auth == nil {
		return nil, errors.New("server: Store and Auth are required")
	}
	c.setDefaults()
	doc, err := api.GetSpec()
	if err != nil {
		return nil, fmt.Errorf("the embedded document: %w", err)
	}
	s := &Server{
		auth:       c.Auth,
		resolver:   c.Resolver,
		requireTLS: c.RequireTLS,
		maxHeader:  c.MaxHeader,
		stall:      c.StallTimeout,
		limits:     newLimiter(c.Limits, c.Now),
		metrics:    newMetrics(c.Metrics),
		v1Public:   c.V1Public,
		docsClosed: c.DocsClosed,
		runners:    c.Results.RequireToken,
		closed:     c.Maintenance,
		labIdle:    c.Lab.Idle,
		now:        c.Now,
		newID:      c.NewID,
	}
	if s.areas, err = newAreas(c, doc); err != nil {
		return nil, err
	}
	e, err := s.newEcho(c, doc)
	if err != nil {
		return nil, err
	}
	if err := s.wrap(c, e); err != nil {
		return nil, err
	}
	s.audit = newAuditor(c.Store, c.AuditLines, c.Metrics, c.Now)
	s.auth.OnNewNetwork(s.newNetwork)
	return s, nil
}

// Close writes what is left of the audit log and waits for what is noted about
// tokens. No request may come afterwards, and the store must still be open.
func (s *Server) Close() {
	s.auth.Close()
	s.audit.close()
}

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
	res, err := results.New(resultstore.New(c.Store), c.Results)
	if err != nil {
		return areas{}, err
	}
	prod, err := products.New(productstore.New(c.Store), c.Products)
	if err != nil {
		return areas{}, err
	}
	c.Refstack.RequireToken, c.Refstack.Limits, c.Refstack.Pepper = c.Results.RequireToken, c.Results.Limits, c.Results.Pepper
	c.Refstack.Now = c.Now
	c.Reports.Build, c.Reports.Tokens, c.Reports.Now = c.Build, c.Auth, c.Now
	if !c.NoIdentityLogin {
		c.Lab.Login = c.Auth
	}
	prov, err := lab.New(labstore.New(c.Store), c.Lab)
	if err != nil {
		return areas{}, err
	}
	return areas{
		access.New(c.Store, c.Auth, c.Access), disc, res, prod,
		refstack.New(refstackstore.New(c.Store), c.Refstack), reports.New(reportstore.New(c.Store), c.Reports), prov,
	}, nil
}

// Background does what no request asks for, until ctx ends. It belongs beside
// every server; several replicas may do so at once.
func (s *Server) Background(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { s.areas.productsHandler.Background(ctx) })
	if !s.labIdle {
		all.Go(func() { s.Work(ctx) })
	}
	all.Wait()
}

// newEcho makes the router with a validator on every route.
func (s *Server) newEcho(c Config, doc *openapi3.T) (*echo.Echo, error) {
	ops, err := operations(doc)
	if err != nil {
		return nil, fmt.Errorf("the embedded document: %w", err)
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.echoError
	e.JSONSerializer = strictJSON{}
	middlewares := map[string][]echo.MiddlewareFunc{}
	for id, op := range ops {
		limit := c.MaxBody
		if op.stream {
			limit = c.MaxUpload
		}
		v, err := newValidator(op, limit, c.MaxUpload)
		if err != nil {
			return nil, err
		}
		middlewares[id] = []echo.MiddlewareFunc{s.admit(op, v)}
	}
	s.router = newRouter(e, ops)
	s.router.notOffered = s.notOffered
	handler := api.NewStrictHandler(s.areas, nil)
	api.RegisterHandlersWithOptions(s.router, handler, api.RegisterHandlersOptions{OperationMiddlewares: middlewares})
	for _, op := range ops {
		op.forget()
	}
	return e, s.router.finish()
}

// wrap puts the layers in front of the router, the innermost first.
func (s *Server) wrap(c Config, e *echo.Echo) error {
	var h http.Handler = e
	h = headAsGet(h)
	if !c.DocsClosed {
		h = s.withPages(h)
	}
	h = nameVersion(h, s.fail)
	h = s.decompress(h)
	h = cors(c.CORSOrigins, h)
	h, err := compress(h)
	if err != nil {
		return err
	}
	s.handler = s.front(h)
	return nil
}

// withPages serves what is for people and not in the document.
func (s *Server) withPages(next http.Handler) http.Handler {
	pages := ui.Handler(func(r *http.Request) string { return call.From(r.Context()).Origin.Prefix }, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if under(r.URL.Path, "/docs") {
			pages.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// strictJSON decodes bodies case-sensitively and without duplicate names, as
// they were checked; encoding/json would take "STATUS" for status.
type strictJSON struct{ echo.DefaultJSONSerializer }

// Deserialize reads the body into a value.
func (strictJSON) Deserialize(c echo.Context, into any) error {
	err := json.UnmarshalRead(c.Request().Body, into, jsontext.AllowInvalidUTF8(false))
	if err == nil {
		return nil
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return fault.InvalidBody(string(semantic.JSONPointer), "cannot be read as what the document says").Because(err)
	}
	return fault.InvalidBody("", "must be JSON").Because(err)
}

// Work is the lab's part of Background. It returns when everything that it
// started has ended.
func (s *Server) Work(ctx context.Context) { s.areas.labHandler.Run(ctx) }

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// cors lets pages elsewhere call the API from a browser: the configured
// origins all of it, any page the published document.
func cors(origins []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Add("Vary", "Origin")
		switch path := strings.TrimSuffix(r.URL.Path, "/"); {
		case slices.Contains(origins, origin):
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", "Location, Link, ETag, Retry-After, WWW-Authenticate, Content-Disposition, X-Request-Id, X-Openstack-Request-Id, OpenStack-API-Version")
		case path == "/openapi.json" || path == "/openapi.yaml":
			h.Set("Access-Control-Allow-Origin", "*")
		}
		if r.Method == http.MethodOptions && h.Get("Access-Control-Allow-Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, X-Auth-Token, Content-Type, Content-Encoding, Idempotency-Key, If-None-Match, Range, Last-Event-ID, OpenStack-API-Version, X-Public-Key, X-Signature, X-End-User, X-Context-Marker")
			h.Set("Access-Control-Max-Age", "600")
		}
		next.ServeHTTP(w, r)
	})
}
