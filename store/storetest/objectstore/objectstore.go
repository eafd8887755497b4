// Package objectstore runs a real S3 server for tests: versitygw on a directory, on
// loopback. gen/tools/s3 pins it, and .ci/run builds it; a test that needs one is
// skipped where SLIPWAY_TEST_S3 does not name the program.
package objectstore

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// Env names the variable with the path of the program.
const Env = "SLIPWAY_TEST_S3"

// AccessKey and SecretKey are the credentials of every server.
const (
	AccessKey = "slipway-test"
	SecretKey = "slipway-test-secret"
)

// Bucket is the one bucket of every server.
const Bucket = "lab"

// Server is a running object store.
type Server struct {
	// Credentials is a file with the credentials, for --blob-credentials.
	Credentials string

	// Dir holds the objects of the bucket as files.
	Dir string

	// CA is the certificate of a server that speaks TLS, for --blob-ca; else empty.
	CA string

	t       testing.TB
	root    string
	flags   []string
	address string
	process *exec.Cmd
	log     bytes.Buffer
}

// Start starts a server with an empty bucket. It ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := prepare(t)
	s.Restart()
	return s
}

// StartTLS is Start for a server that speaks TLS, with a certificate that nobody
// trusts by himself.
func StartTLS(t testing.TB) *Server {
	t.Helper()
	s := prepare(t)
	s.CA = filepath.Join(s.root, "cert.pem")
	key := filepath.Join(s.root, "key.pem")
	if err := newCertificate(s.CA, key); err != nil {
		t.Fatal(err)
	}
	s.flags = []string{"--cert", s.CA, "--key", key}
	s.Restart()
	return s
}

func prepare(t testing.TB) *Server {
	t.Helper()
	if os.Getenv(Env) == "" {
		t.Skipf("%s is not set", Env)
	}
	root := t.TempDir()
	s := &Server{t: t, root: root, Dir: filepath.Join(root, "objects", Bucket), Credentials: filepath.Join(root, "credentials"), address: freeAddress(t)}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", AccessKey, SecretKey)
	if err := os.WriteFile(s.Credentials, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Kill ends the server at once, as a crash would. Its objects stay.
func (s *Server) Kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// Pause lets the server take connections and answer nobody, until Resume or Kill.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Restart starts the server again at the same address.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	args := append([]string{"--access", AccessKey, "--secret", SecretKey, "--port", s.address, "--health", "/health", "--keep-alive", "--quiet"}, s.flags...)
	s.process = exec.Command(os.Getenv(Env), append(args, "posix", filepath.Dir(s.Dir))...)
	s.process.Stdout, s.process.Stderr = &s.log, &s.log
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	await.That(s.t, "the object store answers", s.healthy)
}

func (s *Server) healthy() bool {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // whether it is the right one, the store checks
	}}
	answer, err := client.Get(s.Endpoint() + "/health") //nolint:noctx // a test's
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// Endpoint is the address of the server.
func (s *Server) Endpoint() string {
	if s.CA != "" {
		return "https://" + s.address
	}
	return "http://" + s.address
}

// URL is the address of the blobs below a prefix, for --blobs.
func (s *Server) URL(prefix string) string {
	query := url.Values{"endpoint": {s.Endpoint()}, "region": {"us-east-1"}, "path-style": {"true"}}
	return "s3://" + Bucket + "/" + prefix + "?" + query.Encode()
}

// Objects are the files of the blobs below a prefix.
func (s *Server) Objects(prefix string) []string {
	s.t.Helper()
	var blobs []string
	for _, name := range s.files(filepath.Join(s.Dir, prefix)) {
		if strings.HasPrefix(filepath.Base(name), "blob-") {
			blobs = append(blobs, name)
		}
	}
	return blobs
}

// Unfinished counts the files of uploads that are not finished.
func (s *Server) Unfinished() int {
	s.t.Helper()
	n := 0
	for _, name := range s.files(filepath.Join(s.Dir, ".sgwtmp")) {
		if strings.Contains(name, "multipart") {
			n++
		}
	}
	return n
}

func (s *Server) files(dir string) []string {
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && e.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}
