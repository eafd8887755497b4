package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServe_CheckRefused says what is wrong before a server is started with it, and makes
// nothing.
func TestServe_CheckRefused(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for _, tt := range []struct {
		flags string
		code  int
		says  string
	}{
		{"", 0, "The settings are good"},
		{"--secret=short", 2, "at least 16 characters"},
		{"--blobs=nonsense", 1, "must be file:, file:/directory or s3://"},
		{"--database=nonsense", 1, "--database must be postgres://"},
		{"'--database=host=db password=geheim'", 1, "--database must be postgres://"},
		{"--database-read=postgres://db/slipway", 1, "--database-read is for PostgreSQL"},
		{"--database-pooler=nonsense", 1, "--database-pooler is for PostgreSQL"},
		{"--auth-pepper-file=nonsense", 1, "no such file"},
		{"--keystone-auth-url=nonsense", 1, "--keystone-auth-url"},
		{"--design-folder=nonsense", 1, "no such file"},
		{"--ratelimit-anonymous=NaN", 2, "--ratelimit-anonymous is NaN; it must be at least 0"},
		{"--ratelimit-credential=+Inf", 2, "--ratelimit-credential is +Inf; it must be at least 0"},
		{"--request-timeout=2562047h", 2, "--request-timeout is 2562047h0m0s; it must be at most 876000h0m0s"},
	} {
		d := h.want(tt.code, "slipway serve --check --listen 127.0.0.1:0 --data d "+tt.flags)
		if !strings.Contains(d.out+d.err, tt.says) || strings.Contains(d.out+d.err, "geheim") {
			t.Errorf("%s: %s%s", tt.flags, d.out, d.err)
		}
		if _, err := os.Stat(filepath.Join(h.dir, "d")); err == nil {
			t.Fatalf("%s made the data directory", tt.flags)
		}
	}
	for file, says := range map[string]string{
		"max_body: 5\nmax-body: 6\n": "it sets max-body twice", "products: {max-output: 5}\nproducts-max-output: 6\n": "it sets products-max-output twice",
		"max-body: 5\n---\nmax-tests: 1\n": "several documents", "products: {max-output: 5}\n": "", "": "", "max-body: 5\n---\n": "several documents",
		"keystone: {ratelimit: 5}\nkeystone_ratelimit: 5\n": "it sets keystone-ratelimit twice",
	} {
		h.write("c.yaml", file)
		code := 0
		if says != "" {
			code = 2
		}
		if d := h.want(code, "slipway serve --check --listen 127.0.0.1:0 --data d --config c.yaml"); !strings.Contains(d.out+d.err, says) {
			t.Errorf("%q: %s%s", file, d.out, d.err)
		}
	}
	if d := h.want(0, "SLIPWAY_MAX_BODYY=5 slipway serve --check --listen 127.0.0.1:0 --data d"); !strings.Contains(d.out, "SLIPWAY_MAX_BODYY is no setting; did you mean SLIPWAY_MAX_BODY?\n") {
		t.Errorf("a misspelt variable: %s", d.out)
	}
}
