package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/areas"
	"github.com/slipway-lab/slipway/store/backup"
)

// note prints how far a command is.
func note(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// Help is an example.
func (backupCmd) Help() string {
	return "A dash sends the backup to standard output: slipway backup - >saved.tar\n\nExample:\n\n    slipway backup saved"
}

type backupCmd struct {
	To       string `arg:"" help:"Directory or s3://bucket/prefix?endpoint=… that the backup is written to, or - for a tar archive on standard output. The next one into the same directory or bucket takes its place, and copies only new blobs."`
	NoSecret bool   `help:"Leave the server's secret out. A server without it can read neither its tokens nor what is encrypted: keep it somewhere else."`
}

// Run takes a backup beside a running server.
func (c *backupCmd) Run(ctx context.Context, f *storeFlags) error {
	s, err := f.existing(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if c.To == backup.Stream && terminal.IsTerminal(os.Stdout) {
		return errors.New("a backup is nothing for a terminal: redirect it, such as slipway backup - >saved.tar")
	}
	options := backup.Options{To: c.To, Build: build(), Note: note, Objects: f.Store, Stream: os.Stdout}
	if !c.NoSecret {
		if options.Secret, err = f.ownSecret(ctx, s); err != nil {
			return fmt.Errorf("%w; --no-secret leaves it out", err)
		}
	}
	started := time.Now()
	m, err := backup.Take(ctx, s, options)
	if err != nil {
		return err
	}
	bytes := m.Database.Bytes + m.BlobBytes
	place, says := c.To, io.Writer(stdout)
	if c.To == backup.Stream {
		place, says = "the stream", os.Stderr
	}
	fmt.Fprintf(says, "%s holds a backup of %s: schema version %d, database %d bytes, %d blobs of %d bytes\n",
		place, m.StartedAt.Format(time.RFC3339), m.Schema, m.Database.Bytes, m.Blobs, m.BlobBytes)
	note("%d bytes in %s", bytes, time.Since(started).Round(time.Millisecond))
	if n := len(m.Lost); n > 0 {
		return fmt.Errorf("everything else is in the backup, but %d blobs were lost before: its manifest.json names them, slipway doctor --deep says why", n)
	}
	if c.NoSecret {
		note("the secret is not in it: without that, a restored server can read neither its tokens nor what is encrypted")
	}
	return nil
}

// ownSecret is the secret that the database belongs to.
func (f *storeFlags) ownSecret(ctx context.Context, s *store.Store) ([]byte, error) {
	secret, err := f.secret(func() error { return fmt.Errorf("%s is missing and SLIPWAY_SECRET is not set", f.secretFile()) })
	if err != nil {
		return nil, err
	}
	return secret, s.CheckFingerprint(ctx, fingerprintOf(secret))
}

// Help is an example.
func (restoreCmd) Help() string {
	return "A dash reads the backup from standard input: slipway restore - --data restored <saved.tar\n\nExample:\n\n    slipway restore saved --data restored"
}

type restoreCmd struct {
	From string `arg:"" help:"Directory or s3://bucket/prefix?endpoint=… with a backup, or - for a tar archive on standard input."`
}

// Run brings a backup back into an empty place.
func (c *restoreCmd) Run(ctx context.Context, f *storeFlags) error {
	m, err := backup.Restore(ctx, c.From, backup.Target{
		Data: f.Store.DataDir, Database: f.Store.Database, Note: note, Objects: f.Store, Stream: os.Stdin,
		Open: func(ctx context.Context, data, database string) (*store.Store, error) {
			return areas.Open(ctx, store.Config{DataDir: data, Database: database})
		},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s holds the backup of %s: start the server with --data %s\n", f.Store.DataDir, m.StartedAt.Format(time.RFC3339), f.Store.DataDir)
	if m.Secret == nil {
		note("the secret was not in the backup: put it into %s before you start", f.secretFile())
	}
	return nil
}

// Help is an example.
func (doctorCmd) Help() string { return "Example:\n\n    slipway doctor" }

type doctorCmd struct {
	Deep bool `help:"Read every blob and compare its hash, and check the whole database."`
}

// Run looks for what is wrong and prints a line for each thing it looked at.
func (c *doctorCmd) Run(ctx context.Context, f *storeFlags) error {
	s, err := f.existing(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	wrong := 0
	for _, finding := range backup.Examine(ctx, s, f.Store.DataDir, c.Deep) {
		if finding.Err != nil {
			wrong++
			fmt.Fprintf(stdout, "WRONG  %-12s %v\n", finding.What, finding.Err)
			continue
		}
		fmt.Fprintf(stdout, "ok     %-12s %s\n", finding.What, finding.Says)
	}
	switch _, err := f.ownSecret(ctx, s); {
	case err != nil:
		wrong++
		fmt.Fprintf(stdout, "WRONG  %-12s %v\n", "secret", err)
	default:
		fmt.Fprintf(stdout, "ok     %-12s the one that the database belongs to\n", "secret")
	}
	if wrong > 0 {
		return errors.New("something is wrong")
	}
	return nil
}
