package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFromDescribe(t *testing.T) {
	t.Parallel()

	for in, want := range map[string]string{
		"v0.3.0-43-g22d1a96":       "0.3.0.dev43.g22d1a96",
		"v0.3.0":                   "0.3.0",
		"22d1a96":                  "0.1.0.dev0.g22d1a96",
		"v0.3.0-rc.1-2-gabcdef0":   "0.3.0-rc.1.dev2.gabcdef0",
		"v0.3.0-43-g22d1a96-dirty": "0.3.0.dev43.g22d1a96.dirty",
		"unreleased":               "0.1.0.dev0",
	} {
		if got := fromDescribe(in); got != want {
			t.Errorf("fromDescribe(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestSettings checks the order of weight: flag, variable, file.
func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "slipway.yaml")
	text := "listen: 127.0.0.1:1\npublic_url: http://file\nratelimit:\n  burst: 7\ntrusted-proxies: [10.0.0.0/8, 192.0.2.1]\n" +
		"refstack:\n  tempest_config:\n    compute: {flavor_ref: \"1\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SLIPWAY_PUBLIC_URL", "http://variable")
	got := parse(t, "serve", "--config", file, "--listen", "127.0.0.1:2")
	if got.Serve.Listen.Listen != "127.0.0.1:2" || got.Serve.Server.Edge.PublicURL != "http://variable" || got.Serve.Server.Edge.Ratelimit.Burst != 7 ||
		strings.Join(got.Serve.Server.Edge.TrustedProxies, " ") != "10.0.0.0/8 192.0.2.1" {
		t.Errorf("parsed %+v", got.Serve)
	}
	if got.Serve.Server.Results.TempestConfig["compute"]["flavor_ref"] != "1" {
		t.Errorf("tempest config %v", got.Serve.Server.Results.TempestConfig)
	}
}

func TestSettings_UnknownKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "slipway.yaml")
	if err := os.WriteFile(file, []byte("listne: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := tryParse("serve", "--config", file)
	if err == nil || !strings.Contains(err.Error(), "listne") {
		t.Errorf("a typing error in the file gives %v, want an error that names it", err)
	}
}

func parse(t *testing.T, args ...string) *cli {
	t.Helper()
	c, err := tryParse(args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryParse(args ...string) (*cli, error) {
	var c cli
	parser, err := newParser(context.Background(), &c, args)
	if err != nil {
		return nil, err
	}
	_, err = parser.Parse(args)
	return &c, err
}
