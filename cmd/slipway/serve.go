package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/auth/keystone"
	"github.com/slipway-lab/slipway/server/edge"
	"github.com/slipway-lab/slipway/store"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// serveCmd holds the server's settings. Each part declares its own.
type serveCmd struct {
	Listen   listenFlags     `embed:"" group:"Listening"`
	Log      logFlags        `embed:"" prefix:"log-" group:"Listening"`
	Auth     auth.Config     `embed:"" group:"Logins"`
	Keystone keystone.Config `embed:"" prefix:"keystone-" group:"Logins"`
	Server   server.Config   `embed:""`
	Check    bool            `group:"Listening" help:"Check the settings, say what the server would do, and stop; nothing is changed."`

	policySum string   // of the policy file, for the audit log
	strange   []string // warnings of variables that are no settings
}

// AfterApply looks for variables that somebody may have meant as settings.
func (c *serveCmd) AfterApply(k *kong.Context) error {
	c.strange = strange(k.Model.Node, os.Environ())
	return nil
}

// Validate refuses settings that would leave a server open without anybody
// noticing.
func (c *serveCmd) Validate() error {
	if c.Auth.Mode == auth.ModeNone && !c.Listen.loopback() {
		return fmt.Errorf("auth mode none makes everybody an administrator; the address to listen on must be a loopback address, not %s", c.Listen.Listen)
	}
	if c.Auth.Mode == auth.ModeKeystone && c.Keystone.AuthURL == "" {
		return errors.New("auth mode token+keystone needs --keystone-auth-url")
	}
	return nil
}

// Run serves until the context ends, then finishes what is in flight.
func (c *serveCmd) Run(ctx context.Context, f *storeFlags, tf *tokenFlags) error {
	if c.Check {
		return c.check(ctx, f, tf, stdout)
	}
	c.Log.to(os.Stderr)
	for _, warning := range c.strange {
		slog.WarnContext(ctx, "unknown variable", "warning", warning)
	}
	err := c.serve(ctx, f, tf)
	if err == nil || c.Log.forPeople(os.Stderr) {
		return err
	}
	slog.ErrorContext(ctx, "the server ends", "error", err) // in the log's form, as all that is written there
	return terminal.Said(err)
}

func (c *serveCmd) serve(ctx context.Context, f *storeFlags, tf *tokenFlags) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer c.endInTime(ctx)()
	defer roomForGarbage()()
	// Before anything is made or shown: an address in use is the usual mistake.
	l, err := c.Listen.bind(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	s, secret, err := f.prepared(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.CheckBlobs(ctx); errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrBlobsElsewhere) {
		slog.WarnContext(ctx, "the blobs cannot be reached yet: uploads and files answer 503 until they can", "error", err)
	} else if err != nil {
		return err
	}
	if off, err := s.Undurable(ctx); err == nil && len(off) > 0 {
		slog.WarnContext(ctx, "PostgreSQL may lose what was acknowledged when its machine loses power", "off", strings.Join(off, ", "))
	}
	a, err := c.authenticator(s, secret, tf)
	if err != nil {
		return terminal.Usage("%w", err) // a file that a setting names
	}
	h, err := server.New(c.config(ctx, s, secret, a, tf.Life))
	if err != nil {
		return terminal.Usage("%w", err) // a setting that its area refuses
	}
	defer h.Close()
	if err := c.firstToken(ctx, s, a); err != nil {
		return err
	}
	if c.Auth.PolicyFile != "" {
		h.Note("configuration", c.Auth.PolicyFile, "policy file "+c.policySum)
	}
	go c.sweep(ctx, s, h)
	go watch(ctx, s, fail)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		h.Background(ctx)
	}()
	c.saysStrangers(ctx)
	c.greet(ctx, f, l.Addr().String())
	err = c.Listen.serve(ctx, l, h, c.Server.Edge)
	fail(nil) // listening may have failed by itself
	<-worked
	if cause := context.Cause(ctx); errors.Is(cause, store.ErrReplaced) {
		err = errors.Join(cause, err)
	}
	return err
}

// endTime is how much longer than its requests the rest of a server may take to end.
const endTime = 2 * time.Second

// endInTime ends the process when the server does not end by itself after it was told
// to, because the database or something else hangs. What was acknowledged is safe. It
// returns what calls this off.
func (c *serveCmd) endInTime(ctx context.Context) (ended func()) {
	done := make(chan struct{})
	context.AfterFunc(ctx, func() {
		select {
		case <-done:
		case <-time.After(c.Listen.RequestTimeout + endTime):
			slog.Error("something hangs; the server ends without it")
			os.Exit(1)
		}
	})
	return func() { close(done) }
}

// watch ends the server when the files of its database are not those any more that it
// has opened: what it stored now, nobody would find.
func watch(ctx context.Context, s *store.Store, fail context.CancelCauseFunc) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.Replaced(); err != nil {
			slog.ErrorContext(ctx, "the server ends", "error", err)
			fail(err)
			return
		}
	}
}

// firstToken makes an admin token when nobody could log in otherwise, and shows
// it once.
func (c *serveCmd) firstToken(ctx context.Context, s *store.Store, a *auth.Authenticator) error {
	if c.Auth.AdminToken != "" || c.Auth.Mode == auth.ModeNone {
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
		c.showToken(ctx, text)
	}
	return err
}

// config joins the settings with what is none.
func (c *serveCmd) config(ctx context.Context, s *store.Store, secret []byte, a *auth.Authenticator, life auth.Life) server.Config {
	config := c.Server
	config.Edge = c.edge()
	config.Store, config.Auth, config.Build = s, a, build()
	config.Access.Life = life
	config.Results.RequireToken = !c.takesStrangers()
	config.Results.Pepper, config.Products.Secret, config.Lab.Secret = secret, secret, secret
	config.Products.Done, config.Lab.Done = ctx.Done(), ctx.Done()
	if config.Edge.Audit.Stdout && !terminal.IsTerminal(os.Stdout) { // where a person reads the log
		config.AuditLines = os.Stdout
	}
	config.Metrics = prometheus.NewRegistry()
	config.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return config
}

// takesStrangers tells whether RefStack's calls need no credential: only this
// machine can make them, or a setting opens them.
func (c *serveCmd) takesStrangers() bool {
	here := c.Listen.loopback() && len(c.Server.Edge.TrustedProxies) == 0
	return !c.Server.Results.RequireToken && (here || c.Server.Results.Anonymous)
}

// saysStrangers tells in one line who may call as RefStack's runners and clients.
func (c *serveCmd) saysStrangers(ctx context.Context) {
	switch {
	case !c.takesStrangers():
		slog.InfoContext(ctx, "calls of RefStack's runners and clients need a credential; --refstack-anonymous opens them")
	case c.Server.Results.Anonymous:
		slog.WarnContext(ctx, "calls of RefStack's runners and clients need no credential, from whatever machine (--refstack-anonymous)")
	default:
		slog.InfoContext(ctx, "calls of RefStack's runners and clients need no credential, as only this machine reaches the server")
	}
}

// edge answers only to this machine's own names where nobody logs in: a page
// from elsewhere can have its own name lead to this machine, and the name is
// then all that tells it from its owner.
func (c *serveCmd) edge() edge.Settings {
	edge := c.Server.Edge
	if c.Auth.Mode == auth.ModeNone && len(edge.AllowedHosts) == 0 {
		edge.AllowedHosts = []string{"localhost", "127.0.0.1", "::1", "[::1]", c.Listen.Listen}
	}
	return edge
}

// sweep removes, now and then, what interrupted uploads left behind and what
// is too old to be kept.
func (c *serveCmd) sweep(ctx context.Context, s *store.Store, h *server.Server) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		if n, err := resultstore.New(s).SweepIngests(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "sweep of unfinished results", "error", err)
		} else if n > 0 {
			slog.InfoContext(ctx, "unfinished results removed", "count", n)
		}
		if err := s.MakePartitions(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "partitions of the database", "error", err)
		}
		if _, err := s.SweepBlobs(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "sweep of blobs", "error", err)
		}
		if days := c.Server.Edge.Audit.RetentionDays; days > 0 && !h.Ruled(ctx, "audit") {
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
