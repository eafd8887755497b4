package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	accessapi "github.com/slipway-lab/slipway/gen/access"
	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	discoveryapi "github.com/slipway-lab/slipway/gen/discovery"
	labapi "github.com/slipway-lab/slipway/gen/lab"
	productsapi "github.com/slipway-lab/slipway/gen/products"
	refstackapi "github.com/slipway-lab/slipway/gen/refstack"
	reportsapi "github.com/slipway-lab/slipway/gen/reports"
	resultsapi "github.com/slipway-lab/slipway/gen/results"
	retentionapi "github.com/slipway-lab/slipway/gen/retention"
	"github.com/slipway-lab/slipway/server/access"
	"github.com/slipway-lab/slipway/server/analysis"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/discovery"
	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/server/lab"
	"github.com/slipway-lab/slipway/server/products"
	"github.com/slipway-lab/slipway/server/refstack"
	"github.com/slipway-lab/slipway/server/reports"
	"github.com/slipway-lab/slipway/server/results"
	"github.com/slipway-lab/slipway/server/retention"
	"github.com/slipway-lab/slipway/server/ui/pages"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
	labstore "github.com/slipway-lab/slipway/store/lab"
	productstore "github.com/slipway-lab/slipway/store/products"
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	reportstore "github.com/slipway-lab/slipway/store/reports"
	resultstore "github.com/slipway-lab/slipway/store/results"
	retentionstore "github.com/slipway-lab/slipway/store/retention"
)

// Config is everything the server needs to know: its settings and those of the
// areas, each declared by the area, and what is no setting. Store and Auth are
// required. Settings mean what they say, zero too; kong.ApplyDefaults fills in
// what a server starts with when nobody says anything.
type Config struct {
	Edge      edge.Settings    `embed:"" group:"Requests"`
	Uploads   intake.Limits    `embed:"" group:"Uploads"`
	Discovery discovery.Config `embed:"" group:"Discovery and document"`
	Access    access.Config    `embed:""`
	Results   results.Config   `embed:"" prefix:"refstack-" group:"RefStack"`
	Refstack  refstack.Config  `embed:"" prefix:"refstack-" group:"RefStack"`
	Products  products.Config  `embed:"" group:"Products (SPI), events, webhooks"`
	Reports   reports.Config   `embed:"" group:"Reports (KernelCI), search"`
	Analysis  analysis.Config  `embed:"" group:"Analysis"`
	Retention retention.Config `embed:"" prefix:"retention-" group:"Retention"`
	Lab       lab.Config       `embed:"" group:"Lab (Drydock)"`
	Pages     pages.Config     `embed:"" group:"Pages"`

	Store *store.Store        `kong:"-"`
	Auth  *auth.Authenticator `kong:"-"`

	// Build names the build, such as 0.3.0.dev43.g22d1a96.
	Build string `kong:"-"`

	// AuditLines is where each entry of the audit log is written as a line of
	// JSON beside the store; nil: nowhere.
	AuditLines io.Writer `kong:"-"`

	// Space says how much room there is; nil asks the store. Tests replace it.
	Space func() (store.Space, error) `kong:"-"`

	// Metrics is where the server's counters are registered; nil makes a new one.
	Metrics *prometheus.Registry `kong:"-"`

	// Now and NewID are replaced by tests.
	Now   func() time.Time `kong:"-"`
	NewID func() uuid.UUID `kong:"-"`
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
	analysis  *analysis.Handler
	retention *retention.Handler
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
	analysisapi.RegisterHandlers(r, analysisapi.NewStrictHandler(a.analysis))
	retentionapi.RegisterHandlers(r, retentionapi.NewStrictHandler(a.retention))
}

func (c *Config) setDefaults() {
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Space == nil {
		c.Space = c.Store.Space
	}
}

// edge is the part of the configuration that is about the way of a request.
func (c *Config) edge() edge.Config {
	e := edge.Config{
		Settings:     c.Edge,
		Auth:         c.Auth,
		AuditStore:   c.Store,
		AuditLines:   c.AuditLines,
		Keys:         c.Store,
		Secret:       c.Products.Secret,
		MaxUpload:    3*c.Uploads.File + 1<<20, // a form writes a byte in up to three
		V1Public:     c.Discovery.V1Public,
		DocsClosed:   !c.Discovery.DocsPublic,
		RunnersLogIn: c.Results.RequireToken,
		Maintenance:  c.Reports.Maintenance,
		Space:        c.Space,
		Metrics:      c.Metrics,
		Now:          c.Now,
		NewID:        c.NewID,
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
	if err := auth.CheckTable(); err != nil {
		return nil, err
	}
	c.setDefaults()
	doc, err := edge.LoadRules()
	if err != nil {
		return nil, err
	}
	s := &Server{auth: c.Auth, labIdle: c.Lab.Engine.Idle}
	way := c.edge()
	if way.Pages, err = s.forPeople(c, doc); err != nil {
		return nil, err
	}
	if s.edge, err = edge.New(way, doc); err != nil {
		return nil, err
	}
	c.Discovery.Full = s.edge.Full
	c.Metrics.MustRegister(newSpaceMetrics(c))
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
	c.fill(doc)
	disc, err := discovery.New(c.Discovery)
	if err != nil {
		return areas{}, err
	}
	kept, err := retention.New(retentionstore.New(c.Store), c.Retention)
	if err != nil {
		return areas{}, err
	}
	c.Products.Ruled = kept.Ruled
	res, err := results.New(resultstore.New(c.Store), c.Results)
	if err != nil {
		return areas{}, err
	}
	prod, err := products.New(productstore.New(c.Store), doc, c.Products)
	if err != nil {
		return areas{}, err
	}
	provisioner, err := lab.New(labstore.New(c.Store), c.Lab)
	if err != nil {
		return areas{}, err
	}
	return areas{
		access:    access.New(c.Store, c.Auth, c.Access),
		discovery: disc,
		results:   res,
		products:  prod,
		refstack:  refstack.New(refstackstore.New(c.Store), c.Refstack),
		reports:   reports.New(reportstore.New(c.Store), c.Reports),
		lab:       provisioner,
		analysis:  analysis.New(analysisstore.New(c.Store), c.Analysis),
		retention: kept,
	}, nil
}

// fill gives the areas what they need of each other's settings and of the server.
func (c *Config) fill(doc *openapi3.T) {
	c.Discovery.Document, c.Discovery.Build, c.Discovery.Store, c.Discovery.Metrics = doc, c.Build, c.Store, c.Metrics
	c.Results.Limits, c.Products.Limits, c.Refstack.Limits, c.Reports.MaxFile = c.Uploads, c.Uploads, c.Uploads, c.Uploads.File
	c.Refstack.RequireToken, c.Refstack.Pepper, c.Refstack.Now = c.Results.RequireToken, c.Results.Pepper, c.Now
	strangers := intake.NewStrangers(c.Uploads, resultstore.New(c.Store).AnonymousBytes, c.Now)
	c.Results.Strangers, c.Refstack.Strangers = strangers, strangers
	c.Products.Metrics, c.Products.KeyAge = c.Metrics, c.Edge.Idempotency.Age
	c.Reports.Build, c.Reports.Tokens, c.Reports.Now = c.Build, c.Auth, c.Now
	c.Retention.Defaults = []retentionstore.Rule{
		retention.DaysRule(retentionstore.Events, c.Products.EventRetentionDays), retention.DaysRule(retentionstore.Webhooks, c.Products.WebhookRetentionDays),
		retention.DaysRule(retentionstore.Output, c.Products.OutputRetentionDays), retention.DaysRule(retentionstore.Audit, c.Edge.Audit.RetentionDays),
	}
	c.Lab.Login = c.Auth
	if account := c.Auth.Account(); account != nil {
		c.Lab.Library.Account = account
	}
}

// Ruled reports whether rules of retention say how long things of a class are kept, so
// that nothing else removes them. It is true when that is not known.
func (s *Server) Ruled(ctx context.Context, class string) bool {
	is, err := s.areas.retention.Ruled(ctx, class)
	return is || err != nil
}

// Background does what no request asks for, until ctx ends. It belongs beside
// every server; several replicas may do so at once.
func (s *Server) Background(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { s.areas.products.Background(ctx) })
	all.Go(func() { s.areas.reports.Background(ctx) })
	all.Go(func() { s.areas.analysis.Background(ctx) })
	all.Go(func() { s.areas.results.Background(ctx) })
	all.Go(func() { s.areas.retention.Background(ctx) })
	if !s.labIdle {
		all.Go(func() { s.Work(ctx) })
	}
	all.Wait()
}

// Settle does once what Background does again and again, but for the lab's tasks: what
// is due by the store's clock has happened when it returns. It is for who moves that
// clock.
func (s *Server) Settle(ctx context.Context) error {
	return errors.Join(s.areas.products.Settle(ctx), s.areas.analysis.Settle(ctx), s.areas.products.Settle(ctx))
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Work is the lab's part of Background. It returns when everything that it
// started has ended.
func (s *Server) Work(ctx context.Context) { s.areas.lab.Run(ctx) }
