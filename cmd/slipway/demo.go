package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/cmd/slipway/demo"
	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/store"
)

// Help is an example.
func (demoCmd) Help() string { return "Example:\n\n    slipway demo --data demo-data" }

type demoCmd struct {
	Seed   uint64 `default:"1" help:"Number from which everything is drawn: the same seed tells the same story, up to now."`
	Tenant string `help:"Give the demo to this tenant of a server that has rows of others. Nodes, tasks and designs, which have no tenant, are left out."`
}

// Run fills the store with a lab of a month. No server may run on it meanwhile, since
// its clock would end what is under way in the story.
func (c *demoCmd) Run(ctx context.Context, f *storeFlags, std *terminal.Streams) error {
	slog.SetDefault(slog.New(slog.NewTextHandler(std.Err, &slog.HandlerOptions{Level: slog.LevelError})))
	clock := &demo.Clock{}
	f.Store.Now = clock.Now
	s, secret, err := f.prepared(ctx)
	if errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("%w; stop the server first, the demo's times are in the past", err)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	began := time.Now()
	made, err := demo.Fill(ctx, demo.Options{Store: s, Secret: secret, Clock: clock, Seed: c.Seed, Tenant: c.Tenant, Build: build()})
	if errors.Is(err, demo.ErrNotEmpty) {
		return terminal.Usage("%w", err)
	}
	if err != nil {
		return err
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(made.Counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", what, made.Counts[what]))
	}
	fmt.Fprintf(std.Err, "%s holds a lab of 30 days (%s), made in %s.\n", f.Store.DataDir, strings.Join(parts, ", "), time.Since(began).Round(100*time.Millisecond))
	fmt.Fprintf(std.Err, "slipway serve --data %s shows it at /ui/. This is the token of ada, who may do everything; it is shown only here:\n", f.Store.DataDir)
	fmt.Fprintln(std.Out, made.Admin)
	return nil
}
