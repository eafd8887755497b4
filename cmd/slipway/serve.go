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
	"github.com/slipway-lab/slipway/server/access"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/call"
	"github.com/slipway-lab/slipway/server/intake"
	"github.com/slipway-lab/slipway/server/lab"
	"github.com/slipway-lab/slipway/server/products"
	"github.com/slipway-lab/slipway/server/refstack"
	"github.com/slipway-lab/slipway/server/reports"
	"github.com/slipway-lab/slipway/server/results"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// serveCmd holds the server's settings.
type serveCmd struct {
	Listen         string   `default:"127.0.0.1:8080" help:"Address and port."`
	PublicURL      string   `name:"public-url" placeholder:"URL" help:"How clients reach the server, when the Host header does not say it."`
	TrustedProxies []string `placeholder:"NETWORK" help:"Proxies whose Forwarded and X-Forwarded-* headers count."`
	AllowedHosts   []string `placeholder:"NAME" help:"Names in the Host header that the server answers to. Default: any."`
	CORSOrigins    []string `name:"cors-origins" placeholder:"ORIGIN" help:"Pages elsewhere that may call the API."`
	RequireTLS     bool     `name:"require-tls" help:"Refuse plain HTTP from other machines, unless a trusted proxy says that the client came over TLS."`
	AdminToken     string   `placeholder:"TEXT" help:"A token that may do everything, 8 to 512 characters; better as SLIPWAY_ADMIN_TOKEN."`
	AuthMode       string   `name:"auth-mode" enum:"auto,token,token+keystone,none" default:"auto" help:"token, token+keystone or none (everybody is an administrator; on a loopback address only). Default: token+keystone when a Keystone is configured, else token."`
	AuthPolicyFile string   `name:"auth-policy-file" type:"path" placeholder:"FILE" help:"Rules in the style of Drydock's policy.yaml that replace rows of the permission table."`
	LogFormat      string   `enum:"text,json" default:"text" help:"text or json."`
	LogLevel       string   `enum:"debug,info,warn,error" default:"info" help:"debug, info, warn or error."`

	AuthOperatorDestroys bool `name:"auth-operator-destroys" help:"Let operators destroy nodes and delete tasks, which else only administrators may."`

	tlsFlags
	keystoneFlags

	DiscoveryV1Public bool `name:"discovery-v1-public" help:"Show the version document to callers without a credential."`
	DocsPublic        bool `name:"docs-public" default:"true" negatable:"" help:"Serve the API explorer, and the document to callers without a credential."`

	RefstackRequireToken bool           `name:"refstack-require-token" help:"Refuse calls of RefStack's runners and clients without a credential."`
	RefstackOneResult    bool           `name:"refstack-one-result" help:"Refuse a second, different result of a run with 409."`
	RefstackUIURL        string         `name:"refstack-ui-url" placeholder:"URL" help:"Where people look at results; the links that refstack-client prints begin with it. Default: the server itself."`
	RefstackTempest      optionSections `name:"refstack-tempest-config" help:"Sections of options that every miniconf holds; set it in the configuration file." hidden:""`
	RefstackTestcases    []string       `name:"refstack-testcases" default:"tempest" help:"What get-testcases answers."`

	ProductsCancelGrace time.Duration `name:"products-cancel-grace" default:"5m" help:"How long an agent has to stop a cancelled test opportunity."`
	ProductsMaxOutput   int64         `name:"products-max-output" default:"16777216" help:"Limit of the console output of a test opportunity in bytes."`
	ProductsMaxMade     int           `name:"products-max-opportunities" default:"20000" help:"Limit of the test opportunities that one advertisement makes."`
	OutputRetentionDays int           `name:"products-output-retention-days" default:"400" help:"How long the console output of a test opportunity is kept after its end; 0: for ever."`
	EventRetentionDays  int           `name:"event-retention-days" default:"400" help:"How long the event log is kept, apart from what still goes on; 0: for ever."`

	DesignTimeout   time.Duration `name:"design-timeout" default:"20s" help:"How long the fetching of a site design may take."`
	MaxMessages     int64         `name:"max-task-messages" default:"16777216" help:"Limit of what machines may say in one task, in bytes of text."`
	MaxBootData     int64         `name:"max-boot-data" default:"67108864" help:"Limit of the files of a node's boot actions in bytes, all together."`
	DesignCache     int64         `name:"design-cache" default:"33554432" help:"How many bytes of site designs are remembered in their effective form; negative: none."`
	DesignRetention time.Duration `name:"design-retention" default:"720h" help:"How long the design of a task is kept at least; after that it goes with the last task that needs it."`

	WebhookHosts        []string `placeholder:"HOST" help:"The only hosts that webhooks may call, such as ci.example.org or *.example.org."`
	WebhookRetention    int      `name:"webhook-retention-days" default:"90" help:"How long the record of deliveries to webhooks is kept; 0: for ever."`
	KernelciMaintenance bool     `name:"kernelci-maintenance" help:"Answer 503 on every KernelCI path."`
	KernelciMaxBatch    int      `name:"kernelci-max-batch" default:"100" help:"Limit of the questions in one batch."`
	KernelciMaxCases    int      `name:"kernelci-max-cases" default:"10000" help:"Limit of the test cases and groups in one test group."`
	KernelciMaxFiles    int      `name:"kernelci-max-files" default:"100" help:"Limit of the files in one upload."`
	SearchScan          int      `name:"search-scan" default:"20000" help:"How many uploads of each source a search for single tests looks at for one page."`

	DesignHosts   []string      `name:"design-hosts" placeholder:"HOST" help:"Hosts that site designs may be fetched from: names, name:port, *.domain, addresses, networks or *. Default: none."`
	DesignFolder  string        `name:"design-folder" type:"path" placeholder:"DIR" help:"Folder that file:// references to site designs may point into. Default: none."`
	DeckhandToken string        `name:"deckhand-token" placeholder:"TEXT" help:"Token for deckhand+http(s) references; better as SLIPWAY_DECKHAND_TOKEN."`
	MaxDesign     int64         `name:"max-design" default:"8388608" help:"Limit of a site design in bytes."`
	IdentityLogin bool          `name:"identity-login" default:"true" negatable:"" help:"Let clients of OpenStack log in at /v3 with a token's name and text."`
	LabDriver     string        `name:"lab-driver" enum:"simulator,agent" default:"simulator" help:"What works on nodes: simulator or agent."`
	LabIdle       bool          `name:"lab-idle" help:"Answer for the lab, but leave the work on its tasks to the other servers of the database."`
	LabWorkers    int           `name:"lab-workers" default:"2000" help:"How many pieces of work on tasks one server does at once; most of them only wait."`
	LabLease      time.Duration `name:"lab-lease" default:"30s" help:"How long after a server's death another one takes its tasks over."`
	LabBuildData  time.Duration `name:"lab-build-data" default:"2160h" help:"How long build data are kept, except the newest of each kind."`

	LabLimits map[string]time.Duration `name:"lab-limits" placeholder:"STEP=TIME;…" help:"Time limits of steps that differ from Drydock's, such as deploy_node=90m."`

	NetbootImages    string        `name:"netboot-images" placeholder:"URL" help:"Where machines that boot from the network find <image>/<kernel>/vmlinuz and initrd. Default: the folder images of the server that DHCP names."`
	RedfishInsecure  bool          `name:"redfish-insecure" help:"Believe any certificate of boards that speak Redfish."`
	RedfishPort      int           `name:"redfish-port" default:"443" help:"Where such boards listen."`
	SimulatorDelay   time.Duration `name:"simulator-delay" default:"1s" help:"How long a simulated step takes at the most; negative: no time."`
	SimulatorSignals bool          `name:"simulator-signals" help:"Let boot actions on simulated nodes end by themselves."`
	SimulatorSeed    uint64        `name:"simulator-seed" help:"Decides, with node and step, how long simulated steps take."`

	SimulatorImages map[string]string `name:"simulator-images" placeholder:"IMAGE=KERNEL,…;…" help:"Images of the simulator with their kernels. Default: noble and jammy with ga-24.04 and hwe-24.04."`

	MaxBody         int64         `default:"1048576" help:"Limit of a JSON or form body in bytes."`
	MaxUpload       int64         `default:"268435456" help:"Limit of an uploaded file in bytes."`
	MaxDecompressed int64         `default:"536870912" help:"Limit of an uploaded gzip file after decompression in bytes."`
	MaxTests        int           `default:"2000000" help:"Limit of the tests of one uploaded file."`
	RequestTimeout  time.Duration `default:"30s" help:"How long a stop waits for requests in flight."`

	MaxHeader    int           `default:"65536" help:"Limit of a request's header in bytes."`
	StallTimeout time.Duration `default:"60s" help:"How long a client may take to send or to take the next piece of a body."`

	RatelimitAnonymous       float64 `name:"ratelimit-anonymous" default:"200" help:"Requests per second and address without a credential; 0: no limit."`
	RatelimitBurst           int     `name:"ratelimit-burst" default:"1000" help:"How many of them may come at once."`
	RatelimitFailedLogins    float64 `name:"ratelimit-failed-logins" default:"20" help:"Failed logins per minute and address; 0: no limit."`
	RatelimitCredential      float64 `name:"ratelimit-credential" default:"0" help:"Requests per second with one good credential; 0: no limit."`
	RatelimitCredentialBurst int     `name:"ratelimit-credential-burst" default:"0" help:"How many of them may come at once; 0: twice as many as in a second."`
	RatelimitKeystone        float64 `name:"ratelimit-keystone" default:"50" help:"Questions per second to Keystone; 0: no limit."`

	AuditStdout        bool `name:"audit-stdout" default:"true" negatable:"" help:"Write the audit log to standard output as well, a line of JSON for each entry."`
	AuditRetentionDays int  `name:"audit-retention-days" default:"400" help:"How long the audit log is kept; 0: for ever."`

	policySum string // of the policy file, for the audit log
}

// Run serves until the context ends, then finishes what is in flight.
func (c *serveCmd) Run(ctx context.Context, f *storeFlags, tf *tokenFlags) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c.logTo(os.Stderr)
	if n := len(c.AdminToken); n > 0 && (n < 8 || n > 512) {
		return errors.New("the admin token must have 8 to 512 characters")
	}
	if err := c.check(); err != nil {
		return err
	}
	s, secret, err := f.prepared(ctx, true)
	if err != nil {
		return err
	}
	defer s.Close()
	a, err := c.authenticator(s, secret, tf)
	if err != nil {
		return err
	}
	if err := c.firstToken(ctx, s, a); err != nil {
		return err
	}
	h, err := c.handler(ctx, s, secret, a, tf.life())
	if err != nil {
		return err
	}
	defer h.Close()
	if c.AuthPolicyFile != "" {
		h.Note("configuration", c.AuthPolicyFile, "policy file "+c.policySum)
	}
	go c.sweep(ctx, s)
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
func (c *serveCmd) firstToken(ctx context.Context, s *store.Store, a *auth.Authenticator) error {
	if c.AdminToken != "" || c.AuthMode == modeNone {
		return nil
	}
	var text string
	err := s.InTx(ctx, func(tx *store.Store) error {
		has, err := tx.HasAdminToken(ctx)
		if err != nil || has {
			text = ""
			return err
		}
		t := &store.Token{
			Kind: string(auth.PersonToken), Name: "first", Owner: "admin",
			Roles: []string{string(auth.Admin)}, CreatedBy: "first start",
		}
		text = a.Issue(t)
		return tx.CreateToken(ctx, t)
	})
	if err == nil && text != "" {
		fmt.Fprintf(os.Stderr, "\nThis is the admin token. It is shown this once:\n\n    %s\n\n", text)
	}
	return err
}

func (c *serveCmd) handler(ctx context.Context, s *store.Store, secret []byte, a *auth.Authenticator, life auth.Life) (*server.Server, error) {
	resolver, err := c.resolver()
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return server.New(server.Config{
		Store:       s,
		Auth:        a,
		Build:       build(),
		Resolver:    resolver,
		CORSOrigins: c.CORSOrigins,
		MaxBody:     c.MaxBody,
		MaxUpload:   3*c.MaxUpload + 1<<20, // a form writes a byte in up to three
		Limits: server.Limits{
			AnonymousPerSecond:    offAtZero(c.RatelimitAnonymous),
			AnonymousBurst:        c.RatelimitBurst,
			FailedLoginsPerMinute: offAtZero(c.RatelimitFailedLogins),
			KnownPerSecond:        offAtZero(c.RatelimitCredential),
			KnownBurst:            c.RatelimitCredentialBurst,
		},
		MaxHeader:    c.MaxHeader,
		StallTimeout: c.StallTimeout,
		RequireTLS:   c.RequireTLS,
		Access:       access.Config{Life: &life},
		AuditLines:   c.auditLines(),
		V1Public:     c.DiscoveryV1Public,
		DocsClosed:   !c.DocsPublic,
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
			MaxMade:     c.ProductsMaxMade,
			Limits:      intake.Limits{File: c.MaxUpload, Decompressed: c.MaxDecompressed, Tests: c.MaxTests},

			WebhookHosts: c.WebhookHosts,
			Secret:       secret,

			KeepEvents:     days(c.EventRetentionDays),
			KeepDeliveries: days(c.WebhookRetention),
			KeepOutput:     days(c.OutputRetentionDays),
		},
		Refstack:        refstack.Config{UIURL: c.RefstackUIURL},
		Reports:         reports.Config{MaxBatch: c.KernelciMaxBatch, MaxCases: c.KernelciMaxCases, MaxFiles: c.KernelciMaxFiles, MaxFile: c.MaxUpload, MaxScan: c.SearchScan},
		Maintenance:     c.KernelciMaintenance,
		NoIdentityLogin: !c.IdentityLogin,
		Lab: lab.Config{
			DesignTimeout:   c.DesignTimeout,
			MaxMessages:     c.MaxMessages,
			MaxBootData:     c.MaxBootData,
			DesignCache:     c.DesignCache,
			DesignRetention: c.DesignRetention,

			Secret:        secret,
			DesignHosts:   c.DesignHosts,
			DesignFolder:  c.DesignFolder,
			DeckhandToken: c.DeckhandToken,
			MaxDesign:     c.MaxDesign,
			Driver:        c.LabDriver,
			Redfish:       lab.RedfishConfig{Insecure: c.RedfishInsecure, Port: c.RedfishPort},
			Simulator: lab.SimulatorConfig{
				Delay: c.SimulatorDelay, Signals: c.SimulatorSignals, Seed: c.SimulatorSeed, Images: c.SimulatorImages,
			},
			Idle:          c.LabIdle,
			Workers:       c.LabWorkers,
			Lease:         c.LabLease,
			Limits:        c.LabLimits,
			NetbootImages: c.NetbootImages,
			BuildData:     c.LabBuildData,
			Done:          ctx.Done(),
		},
		Metrics: registry,
	})
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

func (c *serveCmd) resolver() (call.Resolver, error) {
	r := call.Resolver{AllowedHosts: c.AllowedHosts}
	if c.AuthMode == modeNone && len(r.AllowedHosts) == 0 {
		// A page from elsewhere can have its own name lead to this machine, and
		// where nobody logs in, the name is all that tells it from its owner.
		r.AllowedHosts = []string{"localhost", "127.0.0.1", "::1", "[::1]", c.Listen}
	}
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
// does not stay for ever. Bodies have a limit of their own, see package server.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
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
		// Go answers what is over this itself, in plain text; the server has a
		// better answer for what is a little over its own limit.
		MaxHeaderBytes: 2*c.MaxHeader + 4096,
		ErrorLog:       slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	scheme := "http://"
	serve := func() error { return srv.Serve(l) }
	if c.TLSCert != "" {
		config, err := c.tlsConfig()
		if err != nil {
			return errors.Join(err, l.Close())
		}
		srv.TLSConfig, scheme = config, "https://"
		serve = func() error { return srv.ServeTLS(l, "", "") }
	}
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	debug.FreeOSMemory() // the start leaves more garbage than an idle server makes in a day
	slog.InfoContext(ctx, "listening", "url", scheme+l.Addr().String(), "build", build())
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

// sweep removes, now and then, what interrupted uploads left behind and what
// is too old to be kept.
func (c *serveCmd) sweep(ctx context.Context, s *store.Store) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		if n, err := resultstore.New(s).SweepIngests(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "sweep of unfinished results", "error", err)
		} else if n > 0 {
			slog.InfoContext(ctx, "unfinished results removed", "count", n)
		}
		if _, err := s.SweepBlobs(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "sweep of blobs", "error", err)
		}
		if days := c.AuditRetentionDays; days > 0 {
			if _, err := s.SweepAudit(ctx, s.Now().AddDate(0, 0, -days)); err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "sweep of the audit log", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
