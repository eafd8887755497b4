package call

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Origin is how a client reached the server.
type Origin struct {
	Scheme string // http or https
	Host   string // with the port, when it is not the scheme's own
	Prefix string // what stands before every path, without a slash at its end; often empty
}

// URL returns the absolute form of a path that begins with a slash.
func (o Origin) URL(path string) string {
	return o.Scheme + "://" + o.Host + o.Prefix + path
}

// Resolver finds the origin and the client's address of a request. A fixed
// public URL wins; the headers of proxies count only when the peer is one of
// the trusted ones; else the connection and the Host header say it.
type Resolver struct {
	Public       *url.URL       // nil: not fixed
	Trusted      []netip.Prefix // the proxies whose headers count
	AllowedHosts []string       // empty: any host

	// Header is the one that proxies write, HeaderForwarded or HeaderXForwarded;
	// the other is then ignored, since a client may have written it. Empty: either,
	// and where both say something different neither counts.
	Header string
}

// The two ways in which proxies tell who asks. X-Forwarded-For stands for its
// siblings too: X-Forwarded-Proto, -Host, -Port and -Prefix.
const (
	HeaderForwarded  = "Forwarded"
	HeaderXForwarded = "X-Forwarded-For"
)

// ErrBadHost says that the Host header holds something that is no host name.
var ErrBadHost = errors.New("the Host header must hold a host name or address and at most a port")

// ErrUnknownHost says that the server is not configured to answer to this name.
var ErrUnknownHost = errors.New("this server does not answer to the name in the Host header")

// Resolve returns ErrBadHost or ErrUnknownHost, or the origin and the address.
func (v Resolver) Resolve(r *http.Request) (Origin, netip.Addr, error) {
	peer, host := peerOf(r), hostOf(r)
	if !validHost(host) {
		return Origin{}, peer, ErrBadHost
	}
	o := Origin{Scheme: "http", Host: host}
	if r.TLS != nil {
		o.Scheme = "https"
	}
	client := peer
	if v.trusts(peer) {
		h := v.counted(r.Header)
		o = forwarded(h, o)
		client, _ = v.clientOf(h, peer)
	}
	if !v.allows(o.Host) {
		return Origin{}, client, ErrUnknownHost
	}
	if v.Public != nil {
		o = Origin{Scheme: v.Public.Scheme, Host: v.Public.Host, Prefix: strings.TrimRight(v.Public.Path, "/")}
	}
	return o, client, nil
}

// Hides reports whether the client that Resolve returns is a proxy and whom it
// stands for cannot be told: a proxy on this machine that is not trusted, which
// would lend the privileges of this machine to the whole world, or a trusted one
// whose two headers contradict each other.
func (v Resolver) Hides(r *http.Request) bool {
	peer := peerOf(r)
	if v.trusts(peer) {
		_, agreed := v.clientOf(v.counted(r.Header), peer)
		return !agreed
	}
	return peer.IsLoopback() && (len(r.Header[HeaderForwarded]) > 0 || len(r.Header[HeaderXForwarded]) > 0)
}

// Trusts reports whether the headers of a proxy at the address count.
func (v Resolver) Trusts(a netip.Addr) bool { return v.trusts(a) }

// counted are the headers without those that do not count.
func (v Resolver) counted(h http.Header) http.Header {
	switch v.Header {
	case HeaderForwarded:
		return http.Header{HeaderForwarded: h[HeaderForwarded]}
	case HeaderXForwarded:
		h = h.Clone()
		h.Del(HeaderForwarded)
	}
	return h
}

// hostOf is the Host header or, where HTTP/1.0 has none, the address that the
// client reached: load balancers ask that way whether the server is well.
func hostOf(r *http.Request) string {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && r.Host == "" && !r.ProtoAtLeast(1, 1) {
		return local.String()
	}
	return r.Host
}

// Secure reports whether the client speaks TLS: with this server, or with a
// trusted proxy that says so. A proxy that writes one of the two headers may
// pass on what the client wrote into the other: when both say something, both
// must say https.
func (v Resolver) Secure(r *http.Request) bool {
	if r.TLS != nil || !v.trusts(peerOf(r)) {
		return r.TLS != nil
	}
	h := v.counted(r.Header)
	old, standard := first(h.Get("X-Forwarded-Proto")), forwardedPair(first(h.Get(HeaderForwarded)), "proto")
	return isHTTPS(cmp.Or(old, standard)) && isHTTPS(cmp.Or(standard, old))
}

func isHTTPS(proto string) bool { return strings.EqualFold(proto, "https") }

func (v Resolver) trusts(a netip.Addr) bool {
	for _, p := range v.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func (v Resolver) allows(host string) bool {
	if len(v.AllowedHosts) == 0 {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	for _, a := range v.AllowedHosts {
		if strings.EqualFold(a, name) || strings.EqualFold(a, host) {
			return true
		}
	}
	return false
}

func peerOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// clientOf returns the client that the headers of a trusted peer name. Where both
// name one, they must agree: the proxy may have written one and passed on what
// the client wrote into the other. Else it is the peer, and false.
func (v Resolver) clientOf(h http.Header, peer netip.Addr) (client netip.Addr, agreed bool) {
	old := splitList(h.Values(HeaderXForwarded))
	var standard []string
	for _, element := range splitList(h.Values(HeaderForwarded)) {
		if hop := forwardedPair(element, "for"); hop != "" {
			standard = append(standard, hop)
		}
	}
	client = v.nearest(old, peer)
	switch {
	case len(standard) == 0:
		return client, true
	case len(old) == 0:
		return v.nearest(standard, peer), true
	case client != v.nearest(standard, peer):
		return peer, false
	}
	return client, true
}

// nearest walks from the nearest hop outwards and stops at the first address that
// is no trusted proxy: what stands further left was written by somebody nobody
// vouches for.
func (v Resolver) nearest(hops []string, peer netip.Addr) netip.Addr {
	client := peer
	for i := len(hops) - 1; i >= 0; i-- {
		a, err := parseHop(hops[i])
		if err != nil {
			break
		}
		client = a
		if !v.trusts(a) {
			break
		}
	}
	return client
}

func parseHop(s string) (netip.Addr, error) {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), nil
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap(), err
}

// forwarded applies a trusted proxy's headers to o; what is malformed is left out.
func forwarded(h http.Header, o Origin) Origin {
	element := first(h.Get(HeaderForwarded)) // often has for= alone
	proto := agreed(forwardedPair(element, "proto"), first(h.Get("X-Forwarded-Proto")))
	host := agreed(forwardedPair(element, "host"), first(h.Get("X-Forwarded-Host")))
	if p := strings.ToLower(proto); p == "http" || p == "https" {
		o.Scheme = p
	}
	if host != "" && validHost(host) {
		o.Host = host
	}
	if port, err := strconv.ParseUint(first(h.Get("X-Forwarded-Port")), 10, 16); err == nil && port > 0 {
		o.Host = withPort(o.Scheme, o.Host, port)
	}
	if p := first(h.Get("X-Forwarded-Prefix")); validPrefix(p) {
		o.Prefix = p
	}
	return o
}

// agreed is what two headers say, "" when they contradict each other.
func agreed(standard, old string) string {
	if standard != "" && old != "" && !strings.EqualFold(standard, old) {
		return ""
	}
	return cmp.Or(standard, old)
}

func withPort(scheme, host string, port uint64) string {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	if scheme == "http" && port == 80 || scheme == "https" && port == 443 {
		if strings.Contains(name, ":") {
			return "[" + name + "]"
		}
		return name
	}
	return net.JoinHostPort(name, strconv.FormatUint(port, 10))
}

func forwardedPair(element, name string) string {
	for _, pair := range strings.Split(element, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(k, name) {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}

func first(list string) string {
	f, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(f)
}

func splitList(lines []string) []string {
	var out []string
	for _, line := range lines {
		for _, item := range strings.Split(line, ",") {
			if item = strings.TrimSpace(item); item != "" {
				out = append(out, item)
			}
		}
	}
	return out
}

// validHost takes a name or an address, an IPv6 one in brackets, and a port behind
// it. A port may be empty (RFC 3986); links are made of what stands here.
func validHost(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	name, port := s, ""
	if end := strings.LastIndexByte(s, ':'); end > strings.LastIndexByte(s, ']') {
		name, port = s[:end], s[end+1:]
	}
	if _, err := strconv.ParseUint(port, 10, 16); port != "" && err != nil {
		return false
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return err == nil && a.Is6() && a.Zone() == "" && strings.HasSuffix(inner, "]")
	}
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return name != ""
}

// validPrefix takes one leading slash, no trailing one, nothing that climbs.
func validPrefix(p string) bool {
	if len(p) < 2 || len(p) > 255 || p[0] != '/' || strings.HasSuffix(p, "/") ||
		strings.Contains(p, "//") || strings.Contains(p, "..") {
		return false
	}
	for _, c := range []byte(p) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^{|}?#%`+"`", c) >= 0 {
			return false
		}
	}
	return true
}
