package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// pair writes a certificate of this name, and its key, into the files.
func pair(t *testing.T, f *tlsFlags, name string, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), at)
	write(t, f.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), at)
}

func write(t *testing.T, name string, text []byte, at time.Time) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

func newFiles(t *testing.T) *tlsFlags {
	dir := t.TempDir()
	return &tlsFlags{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
}

func TestCertificate_IsReadAgain(t *testing.T) {
	t.Parallel()

	now := time.Now()
	f := newFiles(t)
	pair(t, f, "first", now)
	c := &certificate{flags: f, now: func() time.Time { return now }}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	name := func() string {
		t.Helper()
		got, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(got.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.Subject.CommonName
	}
	if got := name(); got != "first" {
		t.Errorf("certificate %q, want the first", got)
	}
	pair(t, f, "second", now.Add(time.Minute))
	now = now.Add(2 * time.Second)
	if got := name(); got != "second" {
		t.Errorf("after the files changed: %q, want the second", got)
	}
	write(t, f.Cert, []byte("half a certif"), now.Add(2*time.Minute))
	now = now.Add(2 * time.Second)
	if got := name(); got != "second" {
		t.Errorf("with a broken file: %q, want the second still", got)
	}
	if err := os.Remove(f.Cert); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Second)
	if got := name(); got != "second" {
		t.Errorf("without a file: %q, want the second still", got)
	}
	pair(t, f, "third", now.Add(3*time.Minute))
	now = now.Add(2 * time.Second)
	if got := name(); got != "third" {
		t.Errorf("after it was repaired: %q, want the third", got)
	}
}

func TestTLS_Minimum(t *testing.T) {
	t.Parallel()

	f := newFiles(t)
	pair(t, f, "server", time.Now())
	config, err := f.config()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = nil
	l := tls.NewListener(srv.Listener, config)
	srv.Listener = l
	srv.Start()
	defer srv.Close()
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version})
		if err == nil {
			_ = c.Close()
		}
		if (err == nil) != want {
			t.Errorf("%s: %v, want it to work: %v", tls.VersionName(version), err, want)
		}
	}
	if _, err := newFiles(t).config(); err == nil {
		t.Error("files that are not there are taken")
	}
}

// insecureClient takes any certificate.
func insecureClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}}
}

// waitFor returns when the server listens, and fails when it ends instead.
func waitFor(t *testing.T, address string, done <-chan error) {
	t.Helper()
	await.That(t, "the server listens", func() bool {
		select {
		case err := <-done:
			t.Fatalf("the server ended: %v", err)
		default:
		}
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}
