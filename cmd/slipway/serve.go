package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

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

	policySum string // of the policy file, for the audit log
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
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c.Log.to(os.Stderr)
	s, secret, err := f.prepared(ctx, true)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.CheckBlobs(ctx); errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrBlobsElsewhere) {
		slog.WarnContext(ctx, "the blobs cannot be reached yet: uploads and files answer 503 until they can", "error", err)
	} else if err != nil {
		return err
	}
	a, err := c.authenticator(s, secret, tf)
	if err != nil {
		return err
	}
	if err := c.firstToken(ctx, s, a); err != nil {
		return err
	}
	h, err := server.New(c.config(ctx, s, secret, a, tf.Life))
	if err != nil {
		return err
	}
	defer h.Close()
	if c.Auth.PolicyFile != "" {
		h.Note("configuration", c.Auth.PolicyFile, "policy file "+c.policySum)
	}
	go c.sweep(ctx, s)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		h.Background(ctx)
	}()
	c.saysStrangers(ctx)
	err = c.Listen.serve(ctx, h, c.Server.Edge)
	stop() // listening may have failed by itself
	<-worked
	return err
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
		fmt.Fprintf(os.Stderr, "\nThis is the admin token. It is shown only here:\n\n    %s\n\n", text)
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
	if config.Edge.Audit.Stdout {
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
		if days := c.Server.Edge.Audit.RetentionDays; days > 0 {
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
