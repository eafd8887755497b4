package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/intake"
	"github.com/slipway-lab/slipway/server/lab"
	"github.com/slipway-lab/slipway/server/products"
	"github.com/slipway-lab/slipway/server/results"
	"github.com/slipway-lab/slipway/store"
)

// serveCmd holds the server's settings.
type serveCmd struct {
	Listen         string   `default:"127.0.0.1:8080" help:"Address and port."`
	PublicURL      string   `name:"public-url" placeholder:"URL" help:"How clients reach the server, when the Host header does not say it."`
	TrustedProxies []string `placeholder:"NETWORK" help:"Proxies whose Forwarded and X-Forwarded-* headers count."`
	AllowedHosts   []string `placeholder:"NAME" help:"Names in the Host header that the server answers to. Default: any."`
	CORSOrigins    []string `name:"cors-origins" placeholder:"ORIGIN" help:"Pages elsewhere that may call the API."`
	AdminToken     string   `placeholder:"TEXT" help:"A token that may do everything, 8 to 512 characters; better as SLIPWAY_ADMIN_TOKEN."`
	LogFormat      string   `enum:"text,json" default:"text" help:"text or json."`
	LogLevel       string   `enum:"debug,info,warn,error" default:"info" help:"debug, info, warn or error."`

	DiscoveryV1Public bool `name:"discovery-v1-public" help:"Show the version document to callers without a credential."`
	DocsPublic        bool `name:"docs-public" default:"true" negatable:"" help:"Serve the API explorer."`

	RefstackRequireToken bool           `name:"refstack-require-token" help:"Refuse runner calls without a credential."`
	RefstackOneResult    bool           `name:"refstack-one-result" help:"Refuse a second, different result of a run with 409."`
	RefstackTempest      optionSections `name:"refstack-tempest-config" help:"Sections of options that every miniconf holds; set it in the configuration file." hidden:""`
	RefstackTestcases    []string       `name:"refstack-testcases" default:"tempest" help:"What get-testcases answers."`

	ProductsCancelGrace time.Duration `name:"products-cancel-grace" default:"5m" help:"How long an agent has to stop a cancelled test opportunity."`
	ProductsMaxOutput   int64         `name:"products-max-output" default:"16777216" help:"Limit of the console output of a test opportunity in bytes."`

	WebhookHosts []string `placeholder:"HOST" help:"The only hosts that webhooks may call, such as ci.example.org or *.example.org."`

	DesignHosts      []string      `name:"design-hosts" placeholder:"HOST" help:"Hosts that site designs may be fetched from: names, name:port, *.domain, addresses, networks or *. Default: none."`
	DesignFolder     string        `name:"design-folder" type:"path" placeholder:"DIR" help:"Folder that file:// references to site designs may point into. Default: none."`
	DeckhandToken    string        `name:"deckhand-token" placeholder:"TEXT" help:"Token for deckhand+http(s) references; better as SLIPWAY_DECKHAND_TOKEN."`
	MaxDesign        int64         `name:"max-design" default:"8388608" help:"Limit of a site design in bytes."`
	IdentityLogin    bool          `name:"identity-login" default:"true" negatable:"" help:"Let clients of OpenStack log in at /v3 with a token's name and text."`
	LabDriver        string        `name:"lab-driver" enum:"simulator,agent" default:"simulator" help:"What works on nodes: simulator or agent."`
	RedfishInsecure  bool          `name:"redfish-insecure" help:"Believe any certificate of boards that speak Redfish."`
	RedfishPort      int           `name:"redfish-port" default:"443" help:"Where such boards listen."`
	SimulatorDelay   time.Duration `name:"simulator-delay" default:"1s" help:"How long a simulated step takes at the most; negative: no time."`
	SimulatorSignals bool          `name:"simulator-signals" help:"Let boot actions on simulated nodes end by themselves."`

	MaxBody         int64         `default:"1048576" help:"Limit of a JSON or form body in bytes."`
	MaxUpload       int64         `default:"268435456" help:"Limit of an uploaded file in bytes."`
	MaxDecompressed int64         `default:"536870912" help:"Limit of an uploaded gzip file after decompression in bytes."`
	MaxTests        int           `default:"2000000" help:"Limit of the tests of one uploaded file."`
	RequestTimeout  time.Duration `default:"30s" help:"How long a stop waits for requests in flight."`

	RatelimitAnonymous    float64 `name:"ratelimit-anonymous" default:"200" help:"Requests per second and address without a credential; negative: no limit."`
	RatelimitBurst        int     `name:"ratelimit-burst" default:"1000" help:"How many of them may come at once."`
	RatelimitFailedLogins float64 `name:"ratelimit-failed-logins" default:"20" help:"Failed logins per minute and address; negative: no limit."`
}

// Run serves until the context ends, then finishes what is in flight.
func (c *serveCmd) Run(ctx context.Context, f *storeFlags) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c.logTo(os.Stderr)
	if n := len(c.AdminToken); n > 0 && (n < 8 || n > 512) {
		return errors.New("the admin token must have 8 to 512 characters")
	}
	s, secret, err := f.prepared(ctx, true)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.firstToken(ctx, s, secret); err != nil {
		return err
	}
	h, err := c.handler(ctx, s, secret)
	if err != nil {
		return err
	}
	go sweep(ctx, s)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		h.Background(ctx)
	}()
	err = c.listen(ctx, h)
	stop() // listening may have failed by itself
	<-worked
	return err
}

func (c *serveCmd) logTo(out *os.File) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // kong has checked it
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(out, options)
	if c.LogFormat == "json" {
		h = slog.NewJSONHandler(out, options)
	}
	slog.SetDefault(slog.New(server.LogHandler(h)))
}

// firstToken makes an admin token when nobody could log in otherwise, and shows
// it once.
func (c *serveCmd) firstToken(ctx context.Context, s *store.Store, secret []byte) error {
	if c.AdminToken != "" {
		return nil
	}
	var text string
	err := s.InTx(ctx, func(tx *store.Store) error {
		has, err := tx.HasAdminToken(ctx)
		if err != nil || has {
			text = ""
			return err
		}
		text, err = createToken(ctx, tx, secret, &store.Token{
			Kind: string(auth.PersonToken), Name: "first", Owner: "admin",
			Roles: []string{string(auth.Admin)}, CreatedBy: "first start",
		})
		return err
	})
	if err == nil && text != "" {
		fmt.Fprintf(os.Stderr, "\nThis is the admin token. It is shown this once:\n\n    %s\n\n", text)
	}
	return err
}

func (c *serveCmd) handler(ctx context.Context, s *store.Store, secret []byte) (*server.Server, error) {
	resolver, err := c.resolver()
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return server.New(server.Config{
		Store:       s,
		Auth:        auth.New(auth.Config{Store: s, Pepper: secret, AdminToken: c.AdminToken, Now: time.Now}),
		Build:       build(),
		Resolver:    resolver,
		CORSOrigins: c.CORSOrigins,
		MaxBody:     c.MaxBody,
		MaxUpload:   3*c.MaxUpload + 1<<20, // a form writes a byte in up to three
		Limits: server.Limits{
			AnonymousPerSecond:    c.RatelimitAnonymous,
			AnonymousBurst:        c.RatelimitBurst,
			FailedLoginsPerMinute: c.RatelimitFailedLogins,
		},
		V1Public:   c.DiscoveryV1Public,
		DocsClosed: !c.DocsPublic,
		Results: results.Config{
			RequireToken:  c.RefstackRequireToken,
			OneResult:     c.RefstackOneResult,
			TempestConfig: c.RefstackTempest,
			Testcases:     c.RefstackTestcases,
			Limits:        intake.Limits{File: c.MaxUpload, Decompressed: c.MaxDecompressed, Tests: c.MaxTests},
			Pepper:        secret,
		},
		Products: products.Config{
			Done:        ctx.Done(),
			CancelGrace: c.ProductsCancelGrace,
			MaxOutput:   c.ProductsMaxOutput,
			Limits:      intake.Limits{File: c.MaxUpload, Decompressed: c.MaxDecompressed, Tests: c.MaxTests},

			WebhookHosts: c.WebhookHosts,
			Secret:       secret,
		},
		NoIdentityLogin: !c.IdentityLogin,
		Lab: lab.Config{
			Secret:        secret,
			DesignHosts:   c.DesignHosts,
			DesignFolder:  c.DesignFolder,
			DeckhandToken: c.DeckhandToken,
			MaxDesign:     c.MaxDesign,
			Driver:        c.LabDriver,
			Redfish:       lab.RedfishConfig{Insecure: c.RedfishInsecure, Port: c.RedfishPort},
			Simulator:     lab.SimulatorConfig{Delay: c.SimulatorDelay, Signals: c.SimulatorSignals},
			Done:          ctx.Done(),
		},
		Metrics: registry,
	})
}

func (c *serveCmd) resolver() (call.Resolver, error) {
	r := call.Resolver{AllowedHosts: c.AllowedHosts}
	for _, n := range c.TrustedProxies {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			a, err := netip.ParseAddr(n)
			if err != nil {
				return r, fmt.Errorf("trusted proxy %q must be an address or a network such as 10.0.0.0/8", n)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		r.Trusted = append(r.Trusted, p)
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return r, fmt.Errorf("the public URL %q must be like https://lab.example.org", c.PublicURL)
		}
		r.Public = u
	}
	return r, nil
}

// Limits against slow clients: a header must arrive in time, an idle connection
// does not stay for ever.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

func (c *serveCmd) listen(ctx context.Context, h http.Handler) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	debug.FreeOSMemory() // the start leaves more garbage than an idle server makes in a day
	slog.InfoContext(ctx, "listening", "url", "http://"+l.Addr().String(), "build", build())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	slog.Info("stopping", "wait", c.RequestTimeout)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.RequestTimeout)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return errors.Join(fmt.Errorf("requests in flight did not finish: %w", err), srv.Close())
	}
	slog.Info("stopped")
	return nil
}

// sweep removes, now and then, what interrupted uploads left behind.
func sweep(ctx context.Context, s *store.Store) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		if n, err := s.SweepIngests(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "sweep of unfinished results", "error", err)
		} else if n > 0 {
			slog.InfoContext(ctx, "unfinished results removed", "count", n)
		}
		if _, err := s.SweepBlobs(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "sweep of blobs", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
