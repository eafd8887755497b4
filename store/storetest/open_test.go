package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/store"
)

func TestOpen_Exclusive(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	cfg := store.Config{DataDir: t.TempDir(), Exclusive: true}
	server := Open(t, cfg)

	if s, err := store.Open(ctx, cfg); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second server: %v, %v; want ErrInUse", s, err)
	}
	beside := Open(t, store.Config{DataDir: cfg.DataDir})
	if err := put(ctx, beside, "from a command"); err != nil {
		t.Errorf("a command beside the server: %v", err)
	}
	wantNames(t, server, "from a command")

	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	next, err := store.Open(ctx, cfg)
	if err != nil {
		t.Fatalf("a server after the first has stopped: %v", err)
	}
	_ = next.Close()
}

func TestOpen_Database(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests := []struct {
		name, database, want string
	}{
		{"default", "", "data/slipway.db"},
		{"relative", "other.db", "data/other.db"},
		{"with scheme", "sqlite:third.db", "data/third.db"},
		{"absolute", filepath.Join(dir, "else where?#%41.db"), "else where?#%41.db"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			Open(t, store.Config{DataDir: filepath.Join(dir, "data"), Database: tt.database})
			if _, err := os.Stat(filepath.Join(dir, tt.want)); err != nil {
				t.Errorf("Open(%q): %v", tt.database, err)
			}
		})
	}
	info, err := os.Stat(filepath.Join(dir, "data"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v, %v; want mode 0700", info.Mode(), err)
	}
}

func TestOpen_Refused(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, cfg := range []store.Config{
		{},
		{DataDir: t.TempDir(), Database: "mysql://user:secret@host/db"},
		{DataDir: t.TempDir(), Database: "postgres://user:secret@127.0.0.1:1/db"},
		{DataDir: t.TempDir(), Database: "postgres://user:secret@[broken/db"},
		{DataDir: "/dev/null/data"},
		{DataDir: t.TempDir(), Database: "nonsense"},
		{DataDir: t.TempDir(), Database: "host=db dbname=slipway password=secret"},
		{DataDir: t.TempDir(), Database: "localhost/slipway"},
		{DataDir: t.TempDir(), DatabaseRead: "postgres://user:secret@127.0.0.1:1/db"},
		{DataDir: t.TempDir(), Database: "x.db", DatabasePooler: "postgres://user:secret@127.0.0.1:1/db"},
		{DataDir: t.TempDir(), Database: "postgres://user:secret@127.0.0.1:1/db", DatabaseRead: "secret"},
		{DataDir: t.TempDir(), Blobs: "nonsense"},
	} {
		s, err := store.Open(ctx, cfg)
		if err == nil {
			_ = s.Close()
			t.Errorf("Open(%+v): nil, want an error", cfg)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("Open: %v; the password must not show", err)
		}
		if left, _ := filepath.Glob(filepath.Join(cfg.DataDir, "*")); cfg.DataDir != "" && len(left) > 0 {
			t.Errorf("Open(%q) left %v", cfg.Database, left)
		}
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	EachConfig(t, func(t *testing.T, cfg store.Config) {
		s := Open(t, cfg)
		if err := s.Ping(context.Background()); err != nil {
			t.Errorf("Ping: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(context.Background()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Ping after Close: %v, want ErrUnavailable", err)
		}
	})
}
