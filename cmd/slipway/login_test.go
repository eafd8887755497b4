package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/servertest"
	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/storetest/await"
)

func TestServe_Check(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		args string
		want string // part of what is wrong; empty: nothing
	}{
		{"nothing said", "", ""},
		{"no logins on loopback", "--auth-mode=none", ""},
		{"no logins on localhost", "--auth-mode=none --listen=localhost:1", ""},
		{"no logins on IPv6 loopback", "--auth-mode=none --listen=[::1]:1", ""},
		{"no logins for everybody", "--auth-mode=none --listen=0.0.0.0:8080", "loopback"},
		{"no logins on every address", "--auth-mode=none --listen=:8080", "loopback"},
		{"no logins under a name", "--auth-mode=none --listen=lab.example.org:8080", "loopback"},
		{"a certificate without a key", "--tls-cert=x", "must be set together"},
		{"Keystone without an address", "--auth-mode=token+keystone", "--keystone-auth-url"},
		{"any origin", "--cors-origins=*", "--cors-origins"},
		{"an origin with a path", "--cors-origins=https://ui.example.org/", "--cors-origins"},
		{"an origin", "--cors-origins=https://ui.example.org,http://localhost:3000", ""},
		{"an address of a lab", "--public-url=lab.example.org", "--public-url"},
		{"a proxy's name", "--trusted-proxies=10.0.0.0/8,proxy", `--trusted-proxies: "proxy"`},
		{"an admin token that is soon guessed", "--admin-token=1234567", "--admin-token"},
		{"a testcase with a blank", "--refstack-testcases=a&b", "--refstack-testcases"},
		{"a step that is none", "--lab-limits=deploy=90m", `"deploy" is not a step`},
		{"a host with a path", "--design-hosts=a/b", "--design-hosts"},
		{"a host of webhooks with a path", "--webhook-hosts=a/b", "--webhook-hosts"},
		{"a port that is none", "--webhook-ports=65536", "--webhook-ports"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, err := tryParse(append([]string{"serve"}, strings.Fields(tt.args)...)...)
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("serve %s: %v, want %q", tt.args, err, tt.want)
			}
		})
	}
}

// TestServe_Settings: each setting of the contract has a flag.
func TestServe_Settings(t *testing.T) {
	t.Parallel()

	c := parse(t, strings.Fields("serve --public-url=https://x --trusted-proxies=10.0.0.0/8 --allowed-hosts=x --discovery-v1-public --no-docs-public "+
		"--auth-mode=token+keystone --auth-pepper-file=/p --admin-token=12345678 --auth-policy-file=/y "+
		"--keystone-auth-url=http://k/v3 --keystone-username=u --keystone-password=p --keystone-user-domain=d --keystone-project=q --keystone-project-domain=e "+
		"--keystone-application-credential-id=i --keystone-application-credential-secret=s --keystone-www-authenticate-uri=http://w --keystone-service-type=t "+
		"--keystone-cache-seconds=5 --keystone-cafile=/c --keystone-timeout=3s --keystone-role-map=admin=admin;member=reader+runner "+
		"--refstack-require-token --ratelimit-failed-logins=0 --audit-retention-days=30 --no-audit-stdout --require-tls --tls-cert=/a --tls-key=/b")...)
	if c.Serve.Keystone.RoleMap["member"] != "reader+runner" || c.Serve.Keystone.CacheSeconds != 5 || c.Serve.Server.Edge.Audit.Stdout || !c.Serve.Server.Edge.RequireTLS {
		t.Errorf("settings %+v", c.Serve)
	}
	if c := parse(t, "serve", "--keystone-url=http://k/v3"); c.Serve.Keystone.AuthURL != "http://k/v3" {
		t.Errorf("the short name of the Keystone's address gives %q", c.Serve.Keystone.AuthURL)
	}
}

// TestServe_NobodyLogsIn: without logins a page elsewhere, whose name leads to
// this machine, is not answered.
func TestServe_NobodyLogsIn(t *testing.T) {
	t.Parallel()

	for host, want := range map[string]bool{
		"localhost:8080": true, "127.0.0.1:8080": true, "[::1]:8080": true, "[::1]": true, "127.0.0.1": true, "evil.example.org:8080": false, "127.0.0.1.evil.example.org": false,
	} {
		v, err := parse(t, "serve", "--auth-mode=none").Serve.edge().Resolver()
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "http://lab/", nil)
		r.Host = host
		if _, _, err := v.Resolve(r); (err == nil) != want {
			t.Errorf("Host %s: %v, want it answered: %v", host, err, want)
		}
	}
}

func TestTokenFlags_Peppers(t *testing.T) {
	t.Parallel()

	name := filepath.Join(t.TempDir(), "peppers")
	f := tokenFlags{AuthPepperFile: name}
	secret := []byte("the server secret")
	for _, tt := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{"0123456789abcdef-new\n\n0123456789abcdef-old\n", 0o600, "0123456789abcdef-new 0123456789abcdef-old the server secret"},
		{"0123456789abcdef-new\n", 0o644, ""},
		{"short\n", 0o600, ""},
		{"\n", 0o600, ""},
	} {
		if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, tt.mode); err != nil {
			t.Fatal(err)
		}
		current, old, err := f.peppers(secret)
		got := string(bytes.Join(append([][]byte{current}, old...), []byte(" ")))
		if (err != nil) != (tt.want == "") || err == nil && got != tt.want {
			t.Errorf("peppers of %q with mode %o: %q, %v; want %q", tt.text, tt.mode, got, err, tt.want)
		}
	}
	current, old, err := (&tokenFlags{}).peppers(secret)
	if err != nil || string(current) != string(secret) || len(old) != 0 {
		t.Errorf("without a file: %q %q %v", current, old, err)
	}
}

func storeIn(dir string) *storeFlags {
	return &storeFlags{Store: store.Config{DataDir: dir}, Secret: "a secret of the test"}
}

func TestTokenRotate(t *testing.T) {
	t.Parallel()

	ctx := context.Background()
	f := storeIn(t.TempDir())
	tf := &tokenFlags{}
	s, secret, err := f.prepared(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	issuer, err := tf.issuer(s, secret)
	if err != nil {
		t.Fatal(err)
	}
	row := &store.Token{Kind: "u", Name: "only", Owner: "ann", Roles: []string{"admin"}}
	issuer.Issue(row)
	if err := s.CreateToken(ctx, row); err != nil {
		t.Fatal(err)
	}
	if err := (&tokenRotate{ID: row.ID}).Run(ctx, f, tf); err != nil {
		t.Fatalf("rotate the only admin token: %v", err)
	}
	list, err := s.ListTokens(ctx, store.TokenFilter{Usable: true})
	if err != nil || len(list.Items) != 1 || list.Items[0].ID == row.ID || list.Items[0].Owner != "ann" || list.Items[0].KeyID != auth.KeyID(secret) {
		t.Errorf("after a rotation without overlap: %+v, %v", list.Items, err)
	}
	if err := (&tokenRotate{ID: row.ID}).Run(ctx, f, tf); err == nil {
		t.Error("a token that has ended is rotated")
	}
}

// TestTokenImport: the texts of a kernelci-backend work afterwards, once they
// were imported, and importing them again changes nothing.
func TestTokenImport(t *testing.T) {
	t.Parallel()

	const text = "0d9f6a52-4c1e-4f0b-9d0e-1f2a3b4c5d6e"
	ctx := context.Background()
	f := storeIn(t.TempDir())
	tf := &tokenFlags{}
	pepper := filepath.Join(t.TempDir(), "pepper")
	if err := os.WriteFile(pepper, []byte("another secret of the test, long enough\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "tokens.json")
	export := `{"token":"` + text + `","username":"lab-x","email":"lab-x@example.org","properties":[0,0,0,1,1,0,0,1,0,0,0,0,0,0,0,0]}`
	export += export // the same one twice in a file is one as well
	if err := os.WriteFile(name, []byte(export), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (migrateCmd{}).Run(ctx, f); err != nil {
		t.Fatal(err)
	}
	for _, flags := range []*tokenFlags{tf, tf, {AuthPepperFile: pepper}} {
		if err := (&tokenImport{File: name}).Run(ctx, f, flags); err != nil {
			t.Fatal(err)
		}
	}
	s, secret, err := f.prepared(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.ListTokens(ctx, store.TokenFilter{})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("after three imports, the last under another pepper: %d tokens, %v; want 1", len(list.Items), err)
	}
	a, err := tf.issuer(s, secret)
	if err != nil {
		t.Fatal(err)
	}
	who, err := a.Identify(ctx, auth.Attempt{Header: http.Header{"Authorization": {text}}, Order: auth.AuthorizationFirst})
	a.Close()
	if err != nil || !who.Is(auth.Lab) || who.Name != "lab-x" {
		t.Errorf("the old text: %+v, %v", who, err)
	}
	if err := (&tokenImport{File: name + ".not-there"}).Run(ctx, f, tf); err == nil {
		t.Error("a file that is not there is imported")
	}
}

// TestServe_TLS starts the whole server with a certificate and stops it again.
func TestServe_TLS(t *testing.T) {
	t.Parallel()

	address := servertest.FreeAddress(t)
	files := newFiles(t)
	pair(t, files, "server", time.Now())
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, policy, []byte(`"physical_provisioner:read_task": "@"`), time.Now())

	c := parse(t, "serve", "--listen="+address, "--tls-cert="+files.Cert, "--tls-key="+files.Key, "--admin-token=a-token-of-the-test",
		"--auth-policy-file="+policy, "--no-audit-stdout", "--log-level=error")
	f := storeIn(t.TempDir())
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- c.Serve.Run(ctx, f, &c.tokenFlags) }()
	waitFor(t, address, done)

	client := insecureClient()
	resp, err := client.Get("https://" + address + "/healthz")
	if err != nil || resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Errorf("GET over TLS: %v, %v; want 200 over HTTP/2", resp, err)
	}
	if err == nil {
		_ = resp.Body.Close()
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("stop: %v", err)
	}
	s, _, err := f.prepared(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.ListAudit(context.Background(), store.AuditFilter{Event: "configuration"})
	if err != nil || len(list.Items) != 1 || !strings.Contains(list.Items[0].Reason, "sha256:") {
		t.Errorf("the policy file in the audit log: %+v, %v", list.Items, err)
	}
}

// TestServe_ShortAdminToken: an admin token that could be guessed is warned about.
func TestServe_ShortAdminToken(t *testing.T) { // not parallel: it reads the log
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	for token, warns := range map[string]bool{"": false, "12345678": true, "123456789012345": true, "1234567890123456": false} {
		var log await.Log
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
		c := parse(t, "serve", "--admin-token="+token)
		if _, err := c.Serve.authenticator(nil, []byte("the server secret"), &tokenFlags{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), "admin token"); got != warns {
			t.Errorf("an admin token of %d characters is warned about: %v, want %v\n%s", len(token), got, warns, log.String())
		}
		if token != "" && strings.Contains(log.String(), token) {
			t.Errorf("the log holds the token: %s", log.String())
		}
	}
}

// TestServe_Strangers: RefStack's calls need no credential only where nobody else's
// machine can make them, or where a setting says so.
func TestServe_Strangers(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		listen, flags string
		open          bool
	}{
		"loopback":                    {"127.0.0.1", "", true},
		"loopback, closed":            {"127.0.0.1", "--refstack-require-token", false},
		"loopback behind a proxy":     {"127.0.0.1", "--trusted-proxies=127.0.0.1", false},
		"behind a proxy, opened":      {"127.0.0.1", "--trusted-proxies=127.0.0.1 --refstack-anonymous", true},
		"every address":               {"0.0.0.0", "", false},
		"every address, opened":       {"0.0.0.0", "--refstack-anonymous", true},
		"every address of the server": {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			address := servertest.FreeAddress(t)
			_, port, _ := strings.Cut(address, ":")
			c := parse(t, append([]string{"serve", "--listen=" + tt.listen + ":" + port, "--admin-token=a-token-of-the-test", "--no-audit-stdout",
				"--log-level=error"}, strings.Fields(tt.flags)...)...)
			f := storeIn(t.TempDir())
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- c.Serve.Run(ctx, f, &c.tokenFlags) }()
			defer func() { stop(); <-done }()
			waitFor(t, address, done)
			for _, path := range []string{"/get-testcases?test_id=1", "/v1/results"} {
				resp, err := http.Get("http://" + address + path)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if (resp.StatusCode != 401) != tt.open || resp.StatusCode >= 500 {
					t.Errorf("GET %s without a credential: %d", path, resp.StatusCode)
				}
			}
		})
	}
	if _, err := tryParse("serve", "--refstack-anonymous", "--refstack-require-token"); err == nil {
		t.Error("open and closed at once is accepted")
	}
}
