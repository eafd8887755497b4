package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-lab/slipway/server/edge/reach"
)

// source fetches what design references and boot actions point to, from hosts that
// are listed.
type source struct {
	hosts     *reach.Hosts
	root      *os.Root // nil: no files
	deckhand  string   // the configured token
	account   Account  // nil: there is none
	max       int64
	timeout   time.Duration
	transport *http.Transport
}

func newSource(c Config) (*source, error) {
	hosts, err := c.hosts()
	if err != nil {
		return nil, err
	}
	s := &source{
		hosts: hosts, deckhand: c.DeckhandToken, account: c.Account, max: c.Max, timeout: c.Timeout,
		transport: hosts.Transport(c.Timeout),
	}
	if c.Folder != "" {
		root, err := os.OpenRoot(c.Folder)
		if err != nil {
			return nil, fmt.Errorf("the folder of designs: %w", err)
		}
		s.root = root
	}
	return s, nil
}

// RefError says why a reference cannot be used. Clients see its text, which
// holds no credentials.
type RefError struct {
	Reason string
	// Passing tells that another time may do: the host did not answer, or said
	// that it cannot.
	Passing bool
	cause   error // for the log
}

func (e *RefError) Error() string { return e.Reason }
func (e *RefError) Unwrap() error { return e.cause }

func badRef(cause error, format string, args ...any) error {
	return &RefError{Reason: fmt.Sprintf(format, args...), cause: cause}
}

// notNow is badRef of what may do another time.
func notNow(cause error, format string, args ...any) error {
	return &RefError{Reason: fmt.Sprintf(format, args...), Passing: true, cause: cause}
}

// get fetches what the reference names, at most limit bytes. Every error is a
// *RefError.
func (s *source) get(ctx context.Context, ref string, limit int64) ([]byte, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, badRef(nil, "is not a URI")
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	service, scheme := splitScheme(u.Scheme)
	switch {
	case scheme == "http" || scheme == "https":
		u.Scheme = scheme
		return s.fetch(ctx, u, service, limit)
	case scheme == "file" && !service:
		return s.file(u, limit)
	}
	return nil, badRef(nil, "has a scheme that is not supported: use http, https, deckhand+http, deckhand+https, promenade+http, promenade+https, file or slipway")
}

// splitScheme tells whether a scheme asks a service of Airship, which wants a
// token of Keystone's, and how that is reached.
func splitScheme(scheme string) (service bool, transport string) {
	transport = strings.ToLower(scheme)
	for _, name := range []string{"deckhand+", "promenade+"} {
		if rest, found := strings.CutPrefix(transport, name); found {
			return true, rest
		}
	}
	return false, transport
}

// unreachable says why a host may not be called; empty when it may, or when the
// reference names none.
func (s *source) unreachable(ref string) string {
	u, err := url.Parse(ref)
	if err != nil {
		return ""
	}
	service, scheme := splitScheme(u.Scheme)
	if u.Scheme = scheme; scheme != "http" && scheme != "https" {
		return ""
	}
	if err := s.admit(u, service); err != nil {
		return err.Error()
	}
	return ""
}

func (s *source) file(u *url.URL, limit int64) ([]byte, error) {
	if s.root == nil {
		return nil, badRef(nil, "is a file, but no folder of designs is configured")
	}
	if u.Host != "" && u.Host != "localhost" {
		return nil, badRef(nil, "is a file on another host")
	}
	// The path may be written with the folder in front or inside it.
	name := strings.TrimPrefix(path.Clean(u.Path), path.Clean(s.root.Name())+"/")
	// A pipe that nobody writes to would otherwise be waited for when opened.
	f, err := s.root.OpenFile(strings.TrimPrefix(name, "/"), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, badRef(err, "is not a file in the folder of designs")
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, badRef(err, "is not a regular file in the folder of designs")
	}
	return readAll(f, limit)
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, unreached(err)
	case err != nil:
		return nil, notNow(err, "could not be read to its end")
	}
	if int64(len(text)) > limit {
		return nil, badRef(nil, "is larger than the limit of %d bytes", limit)
	}
	return text, nil
}

// fetch gets a page. A service is shown a token, and another one when it refuses
// the first.
func (s *source) fetch(ctx context.Context, u *url.URL, service bool, limit int64) ([]byte, error) {
	if err := s.admit(u, service); err != nil {
		return nil, err
	}
	token := ""
	var err error
	if service {
		if token, err = s.token(ctx, ""); err != nil {
			return nil, err
		}
	}
	text, status, err := s.ask(ctx, u, token, limit)
	if status == http.StatusUnauthorized && service {
		if again, err := s.token(ctx, token); err == nil && again != token {
			return judged(s.ask(ctx, u, again, limit))
		}
	}
	return judged(text, status, err)
}

// judged tells an answer that holds what was asked for from the others.
func judged(text []byte, status int, err error) ([]byte, error) {
	switch {
	case err != nil:
		return nil, err
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return nil, notNow(nil, "was answered with status %d", status)
	case status != http.StatusOK:
		return nil, badRef(nil, "was answered with status %d", status)
	}
	return text, nil
}

// token is one of the server's own account at Keystone, or the configured one when
// there is no account or it cannot log in.
func (s *source) token(ctx context.Context, refused string) (string, error) {
	if s.account == nil {
		return s.deckhand, nil
	}
	token, err := s.account.OwnToken(ctx, refused)
	if err != nil && s.deckhand == "" {
		return "", notNow(err, "needs a token of Keystone's, and the server cannot log in there")
	}
	if err != nil {
		return s.deckhand, nil
	}
	return token, nil
}

func (s *source) ask(ctx context.Context, u *url.URL, token string, limit int64) ([]byte, int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, 0, badRef(nil, "is not a URI that can be fetched")
	}
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	client := http.Client{Transport: s.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return nil, 0, unreached(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, resp.StatusCode, unreached(fmt.Errorf("status %d, and no redirect is followed", resp.StatusCode))
	}
	if resp.StatusCode != http.StatusOK {
		return nil, resp.StatusCode, nil
	}
	text, err := readAll(resp.Body, limit)
	return text, resp.StatusCode, err
}

// unreached tells the caller no more than that: why an address does not answer, or
// where it leads, would show a stranger the network around the server. The cause
// is for the log, without the reference, which may hold a password.
func unreached(err error) error {
	var quoting *url.Error
	if errors.As(err, &quoting) {
		err = quoting.Err
	}
	return notNow(err, "could not be reached")
}

// admit tells whether the host may be asked at all. A service gets the server's own
// token, so whoever writes the reference must not choose who that is.
func (s *source) admit(u *url.URL, service bool) error {
	if refused := reach.Refused(s.hosts.Admit(u)); refused != nil {
		return badRef(nil, "%s", refused.Reason)
	}
	if service && (s.account != nil || s.deckhand != "") && !s.hosts.Lists(u) {
		return badRef(nil, "leads to a host that only * on the server's list of design hosts admits, and the server shows its token to none of those")
	}
	return nil
}
