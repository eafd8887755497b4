package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/slipway-lab/slipway/server/edge"
)

// listenFlags say where the server answers.
type listenFlags struct {
	Listen         string        `default:"127.0.0.1:8080" help:"Address and port to listen on."`
	TLS            tlsFlags      `embed:"" prefix:"tls-"`
	MaxConnections int           `name:"max-connections-per-address" default:"1000" min:"0" help:"Limit of the connections that are open from one address, but not from this machine or a trusted proxy; 0: no limit."`
	RequestTimeout time.Duration `default:"30s" min:"100ms" help:"How long the server waits, when it stops, for requests in progress; 2 s later it ends whatever hangs."`
}

// Validate refuses an address without a port, and a certificate without its key.
func (c *listenFlags) Validate() error {
	_, port, err := net.SplitHostPort(c.Listen)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return fmt.Errorf("--listen is %q; it must be an address and a port, such as 127.0.0.1:8080 or :8080", c.Listen)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		return errors.New("--tls-cert and --tls-key must be set together")
	}
	return nil
}

// loopback reports whether nobody else's machine can reach the address.
func (c *listenFlags) loopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Limits against slow clients: a header must arrive in time, an idle connection
// does not stay for ever. Bodies have a limit of their own, see package server.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
)

// bind takes the address, so that nothing else can; requests wait until serve.
func (c *listenFlags) bind(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another program listens on %s; --listen names another address, such as --listen 127.0.0.1:8081: %w", c.Listen, err)
	}
	return l, err
}

func (c *listenFlags) scheme() string {
	if c.TLS.Cert != "" {
		return "https://"
	}
	return "http://"
}

// serve answers requests until the context ends, then finishes what is in flight.
func (c *listenFlags) serve(ctx context.Context, l net.Listener, h http.Handler, settings edge.Settings) error {
	proxies, err := settings.Resolver()
	if err != nil {
		return err
	}
	l = edge.LimitConnections(l, c.MaxConnections, proxies.Trusts)
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		// Go answers what is over this itself, in plain text; the server has a
		// better answer for what is a little over its own limit.
		MaxHeaderBytes: 2*settings.MaxHeader + 4096,
		ErrorLog:       slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	serve := func() error { return srv.Serve(l) }
	if c.TLS.Cert != "" {
		config, err := c.TLS.config()
		if err != nil {
			return err
		}
		srv.TLSConfig = config
		serve = func() error { return srv.ServeTLS(l, "", "") }
	}
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	debug.FreeOSMemory() // the start leaves more garbage than an idle server makes in a day
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	slog.Info("stopping", "wait", c.RequestTimeout)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.RequestTimeout)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return errors.Join(fmt.Errorf("requests in progress did not finish: %w", err), srv.Close())
	}
	slog.Info("stopped")
	return nil
}
