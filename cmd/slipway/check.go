package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/store"
)

// Help is an example.
func (serveCmd) Help() string { return "Example:\n\n    slipway serve --check --listen 127.0.0.1:0" }

// check says what the server would do with its settings, and what would keep it from
// starting. It changes nothing: no database is made or migrated.
func (c *serveCmd) check(ctx context.Context, f *storeFlags, tf *tokenFlags, w io.Writer) error {
	var errs []error
	listener, err := c.Listen.bind(ctx)
	if err == nil {
		err = listener.Close()
	}
	errs = append(errs, err)
	if c.Listen.TLS.Cert != "" {
		_, err := tls.LoadX509KeyPair(c.Listen.TLS.Cert, c.Listen.TLS.Key)
		errs = append(errs, err)
	}
	for _, warning := range c.strange {
		if !strings.HasSuffix(warning, "?") {
			warning += "."
		}
		fmt.Fprintln(w, "Note: "+warning)
	}
	fmt.Fprintf(w, "It would listen on %s%s.\n", c.Listen.scheme(), c.Listen.Listen)
	fmt.Fprintf(w, "Logins: %s.\n", c.Auth.Mode)
	if c.takesStrangers() {
		fmt.Fprintln(w, "Calls of RefStack's runners need no credential.")
	}
	errs = append(errs, c.checkParts(ctx, f, tf), c.checkStore(ctx, f, w))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the server would not start: %w", err)
	}
	fmt.Fprintln(w, "The settings are good.")
	return nil
}

// checkParts makes a server of the settings, on an empty store that goes at once.
func (c *serveCmd) checkParts(ctx context.Context, f *storeFlags, tf *tokenFlags) error {
	dir, err := os.MkdirTemp("", "slipway-check-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	empty := &storeFlags{Store: store.Config{DataDir: dir}, Secret: f.Secret}
	s, secret, err := empty.prepared(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	a, err := c.authenticator(s, secret, tf)
	if err != nil {
		return err
	}
	h, err := server.New(c.config(ctx, s, secret, a, tf.Life))
	if err != nil {
		return err
	}
	h.Close()
	return nil
}

// checkStore looks for the database without making one.
func (c *serveCmd) checkStore(ctx context.Context, f *storeFlags, w io.Writer) error {
	dir, err := filepath.Abs(f.Store.DataDir)
	if err != nil {
		return err
	}
	if _, err := os.ReadDir(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := f.Store.Check(); err != nil {
		return err
	}
	if f.Store.Missing() != "" {
		fmt.Fprintf(w, "It would make a new database in %s, and print the first admin token unless one is set.\n", dir)
		return nil
	}
	s, err := f.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.Close()
	version, err := s.Version(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "It would use the %s database, which is at schema version %d; files are in %s.\n", s.Dialect(), version, dir)
	return nil
}
