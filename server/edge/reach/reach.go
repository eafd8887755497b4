// Package reach calls addresses that came in somebody's body: the references of
// site designs, the URLs of webhooks. Whoever may write such an address could
// otherwise make the server call what only the server reaches, so an operator
// lists the hosts, and the address is judged when the connection is made.
//
// What operators configure (Keystone, boards) does not pass here.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Hosts are the hosts that may be called: by name, by name and port, by
// "*.example.org", by address or network, or "*" for any. A host that is listed
// by its own name may have a private address; one that only a star admits may
// not. The addresses where clouds serve their metadata must be listed as
// addresses. It does not change and is safe for concurrent use.
type Hosts struct {
	kind     string // of the host, such as "design": it names the settings
	names    map[string]bool
	suffixes []string
	networks []netip.Prefix
	any      bool
	ports    []int
}

// Refusal says why a host may not be called. Its text tells what a name stands
// for, which not everybody who may write an address is to know.
type Refusal struct{ Reason string }

func (r *Refusal) Error() string { return r.Reason }

func refuse(format string, args ...any) error {
	return &Refusal{Reason: fmt.Sprintf(format, args...)}
}

// Parse reads the settings --KIND-hosts and --KIND-ports, after which its errors
// are called. An entry with a port of its own needs no other; a port of 0 stands
// for every port.
func Parse(kind string, hosts []string, ports []int) (*Hosts, error) {
	h := &Hosts{kind: kind, names: map[string]bool{}, ports: ports}
	for _, entry := range hosts {
		if err := h.list(strings.ToLower(strings.TrimSpace(entry))); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *Hosts) list(entry string) error {
	if entry == "*" {
		h.any = true
		return nil
	}
	if suffix, ok := strings.CutPrefix(entry, "*."); ok && suffix != "" {
		h.suffixes = append(h.suffixes, "."+suffix)
		return nil
	}
	if p, err := netip.ParsePrefix(entry); err == nil {
		h.networks = append(h.networks, p)
		return nil
	}
	if a, err := netip.ParseAddr(entry); err == nil {
		h.networks = append(h.networks, netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	if entry == "" || strings.ContainsAny(entry, "/ *@") {
		return fmt.Errorf("--%s-hosts: %q must be a name, a name and port, *.domain, an address, a network or *", h.kind, entry)
	}
	h.names[entry] = true
	return nil
}

// Admit tells whether the host may be asked at all, before anybody knows its
// address. Its error is a *Refusal.
func (h *Hosts) Admit(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return refuse("leads to a scheme other than http and https")
	}
	host := strings.ToLower(u.Hostname())
	if host == "" {
		return refuse("names no host")
	}
	port := portOf(u)
	switch {
	case h.names[net.JoinHostPort(host, port)]:
		return nil
	case !h.names[host] && !h.starred(host) && !h.addressedAs(host):
		return refuse("leads to a host that is not on the server's list of %[1]s hosts (--%[1]s-hosts)", h.kind)
	case !h.openPort(port):
		return refuse("leads to port %s, which --%s-ports does not name", port, h.kind)
	}
	return nil
}

// Lists tells whether an admitted host is on the list otherwise than by "*": a
// credential of the server's own is for such a host only, as with the star whoever
// writes an address chooses who gets it.
func (h *Hosts) Lists(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	return h.named(host, portOf(u)) || h.addressedAs(host) ||
		slices.ContainsFunc(h.suffixes, func(suffix string) bool { return strings.HasSuffix(host, suffix) })
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func (h *Hosts) openPort(port string) bool {
	n, err := strconv.Atoi(port)
	return err == nil && (slices.Contains(h.ports, n) || slices.Contains(h.ports, 0))
}

func (h *Hosts) named(host, port string) bool {
	return h.names[host] || h.names[net.JoinHostPort(host, port)]
}

func (h *Hosts) starred(host string) bool {
	return h.any || slices.ContainsFunc(h.suffixes, func(suffix string) bool { return strings.HasSuffix(host, suffix) })
}

func (h *Hosts) addressedAs(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && within(h.networks, a.Unmap())
}

// Transport returns a transport that connects to admitted addresses only and
// uses no proxy. The addresses are judged when it connects, so that a name cannot
// change between check and use; an error in which errors.As finds a *Refusal says
// that one was refused. Its caller asks Admit first, and follows no redirect.
func (h *Hosts) Transport(timeout time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:            h.dial,
		ResponseHeaderTimeout:  timeout,
		TLSHandshakeTimeout:    timeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true,
	}
}

// Client returns a client that calls admitted hosts only and follows no redirect:
// such an answer is handed to the caller like any other.
func (h *Hosts) Client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		Transport:     admitting{h, h.Transport(timeout)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// admitting asks Admit before it sends.
type admitting struct {
	hosts *Hosts
	next  http.RoundTripper
}

// RoundTrip sends what is admitted. Like every RoundTripper it closes the body.
func (a admitting) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := a.hosts.Admit(r.URL); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	return a.next.RoundTrip(r)
}

func (h *Hosts) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	named := h.named(strings.ToLower(host), port)
	d := net.Dialer{Control: func(_, to string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(to)
		if err != nil {
			return err
		}
		return h.judge(at.Addr().WithZone("").Unmap(), named)
	}}
	return d.DialContext(ctx, network, address)
}

// Refused returns what was refused, nil when the error says something else.
func Refused(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}
