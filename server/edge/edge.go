package edge

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/seal"
	"github.com/slipway-lab/slipway/store"
)

// Config is what a request's way depends on: its settings, and what the server
// knows. Auth, AuditStore and Keys are required.
type Config struct {
	Auth *auth.Authenticator

	// AuditStore takes the entries of the audit log.
	AuditStore AuditStore

	// Keys keeps the answers under an Idempotency-Key, and Secret, the server's, is
	// what they are sealed with.
	Keys   KeyStore
	Secret []byte

	// AuditLines is where each entry of the audit log is written as a line of
	// JSON as well; nil: nowhere.
	AuditLines io.Writer

	Settings

	// MaxUpload limits streamed bodies in bytes as they are sent.
	MaxUpload int64

	// V1Public opens the version document to callers without credential.
	V1Public bool

	// DocsClosed lets only callers with a credential read the document.
	DocsClosed bool

	// RunnersLogIn closes the calls of runners, which else need no credential.
	RunnersLogIn bool

	// Maintenance makes every operation of KernelCI's side answer 503, as the
	// proxy in front of the original does while that is being worked on.
	Maintenance bool

	// Pages serves what is for people and not in the document, and passes every
	// other request on; nil: there is none.
	Pages func(next http.Handler) http.Handler

	// Space says how much room there is; nil: as much as anybody needs.
	Space func() (store.Space, error)

	// Metrics is where the counters are registered; nil makes a new registry.
	Metrics prometheus.Registerer

	// Now and NewID are replaced by tests.
	Now   func() time.Time
	NewID func() uuid.UUID
}

func (c *Config) setDefaults() {
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	}
}

// Stack is the layers that every request passes on its way to a handler, and
// every answer and error on the way back.
type Stack struct {
	config   Config
	resolver call.Resolver
	router   *Router
	limits   *limiter
	audit    *auditor
	metrics  *metrics
	box      seal.Box                    // of answers under an Idempotency-Key
	sites    *http.CrossOriginProtection // nil: everybody logs in

	untrusted, differ sync.Once // what is warned about once
}

// New builds the layers for the operations of doc. What the document asks for
// and the layers cannot honour is an error. Routes are registered with Router;
// Handler is then the whole.
func New(c Config, doc *openapi3.T) (*Stack, error) {
	if c.AuditStore == nil || c.Auth == nil || c.Keys == nil {
		return nil, errors.New("edge: AuditStore, Auth and Keys are required")
	}
	c.setDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	resolver, err := c.Resolver()
	if err != nil {
		return nil, err
	}
	ops, err := operations(doc)
	if err != nil {
		return nil, fmt.Errorf("the embedded document: %w", err)
	}
	s := &Stack{config: c, resolver: resolver, limits: newLimiter(c.Ratelimit, c.Now), metrics: newMetrics(c.Metrics)}
	if s.box, err = seal.New(c.Secret, "slipway answers under idempotency keys"); err != nil {
		return nil, err
	}
	if s.sites, err = sites(c); err != nil {
		return nil, err
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.echoError
	e.JSONSerializer = strictJSON{}
	s.router = newRouter(e, ops)
	s.router.guard = func(op *operation) echo.MiddlewareFunc {
		return s.admit(op, newValidator(op, c.MaxBody, c.MaxUpload))
	}
	s.router.notOffered = s.notOffered
	return s, nil
}

// Router takes the routes that the generated code registers.
func (s *Stack) Router() *Router { return s.router }

// Handler returns the whole way of a request. It fails when an operation of the
// document has not been registered by now. No route may be added afterwards, and
// Close must be called in the end.
func (s *Stack) Handler() (http.Handler, error) {
	if err := s.router.finish(); err != nil {
		return nil, err
	}
	h, err := s.wrap(s.router.echo)
	if err != nil {
		return nil, err
	}
	s.audit = newAuditor(s.config.AuditStore, s.config.AuditLines, s.config.Metrics, s.config.Now)
	s.config.Auth.OnNewNetwork(s.newNetwork)
	return h, nil
}

// wrap puts the layers in front of the router, the innermost first.
func (s *Stack) wrap(h http.Handler) (http.Handler, error) {
	h = headAsGet(h)
	if s.config.Pages != nil {
		h = s.config.Pages(h)
	}
	h = nameVersion(h, s.fail)
	h = s.decompress(h)
	h = cors(s.config.CORSOrigins, h)
	h, err := compress(h)
	if err != nil {
		return nil, err
	}
	return s.front(h), nil
}

// Close writes what is left of the audit log. No request may come afterwards,
// and its store must still be open.
func (s *Stack) Close() { s.audit.close() }
