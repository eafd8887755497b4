// Package call carries what a strict handler may know of its HTTP request that
// the document cannot declare: the request id, who asks from which address,
// how the client reached the server, what it accepts.
//
// The server fills an Info once for each request; handlers read it with From.
package call

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Info is what is known of one request.
type Info struct {
	ID     string        // the request id, as it goes into the log and into errors
	Method string        // as the client sent it: HEAD stays HEAD
	Path   string        // as the client sent it
	Query  string        // the raw query as the client sent it
	Header http.Header   // as the client sent it; do not change it
	Client netip.Addr    // the client's address, behind trusted proxies the one they name
	Hidden bool          // Client is a proxy, and nobody can tell who is behind it
	Origin Origin        // how the client reached the server
	HTTP   *http.Request // for ranges and conditions of downloads only

	credential func(context.Context) error // nil: it cannot end
	guess      func() error                // nil: nobody counts
}

// CredentialEvery is how often a call that lasts looks whether its credential is
// still good. With what the login is believed it is well below the 15 seconds within
// which a revoked credential ends its streams.
const CredentialEvery = 5 * time.Second

// ErrCredentialChanged says that a credential is good, but not for what it was when
// the call came in: its next call will show what it is good for.
var ErrCredentialChanged = errors.New("the credential was changed")

// Watch sets what Credential asks. It is the admission's, before the handler begins.
func (i *Info) Watch(good func(context.Context) error) { i.credential = good }

// Credential returns why a call that streams or waits must end: its credential was
// revoked, has expired (a fault) or was changed (ErrCredentialChanged) since it came
// in. nil: go on. It is to be asked
// at least every CredentialEvery, costs little, and is for the one goroutine that
// answers.
func (i *Info) Credential(ctx context.Context) error {
	if i.credential == nil {
		return nil
	}
	return i.credential(ctx)
}

// CountGuesses sets what Guess asks. It is the admission's, before the handler
// begins.
func (i *Info) CountGuesses(begin func() error) { i.guess = begin }

// Guess is asked before a handler compares a secret that came without a login. Its
// error, a fault, says that the address has guessed wrongly too often, counting what
// is being compared in other calls; then nothing may be compared.
func (i *Info) Guess() error {
	if i.guess == nil {
		return nil
	}
	return i.guess()
}

type key struct{}

// With returns a context that carries info.
func With(ctx context.Context, info *Info) context.Context {
	return context.WithValue(ctx, key{}, info)
}

// Source is the address against which the request is held: limits, networks of
// tokens, the privileges of this machine. It is the client's, or the zero address,
// which is in no network, when that is hidden.
func (i *Info) Source() netip.Addr {
	if i.Hidden {
		return netip.Addr{}
	}
	return i.Client
}

// From returns what is known of the request. Outside a request it is an empty
// Info, never nil.
func From(ctx context.Context) *Info {
	if info, ok := ctx.Value(key{}).(*Info); ok {
		return info
	}
	return &Info{Header: http.Header{}, HTTP: &http.Request{Header: http.Header{}}}
}

// Prefers says which of the offered media types the client likes best by its
// Accept header. At equal quality the earlier offer wins, and an Accept that
// matches none of them gives the first: nobody is turned away with 406.
func (i *Info) Prefers(offers ...string) string {
	best, bestQ := offers[0], 0.0
	for _, offer := range offers {
		if q := quality(i.Header.Values("Accept"), offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	return best
}

// quality returns the weight that the Accept lines give a media type: the most
// specific matching range decides (RFC 9110, section 12.5.1).
func quality(lines []string, offer string) float64 {
	kind, _, _ := strings.Cut(offer, "/")
	q, rank := 0.0, 0
	for _, line := range lines {
		for _, item := range strings.Split(line, ",") {
			name, params, _ := strings.Cut(item, ";")
			r := 0
			switch plainName(strings.ToLower(strings.TrimSpace(name))) {
			case offer:
				r = 3
			case kind + "/*":
				r = 2
			case "*/*":
				r = 1
			}
			if r > rank {
				q, rank = weight(params), r
			}
		}
	}
	return q
}

// plainName returns JSON for its two other names: our own media type, as the
// version documents call it, and the version in KernelCI's way.
func plainName(media string) string {
	if media == "application/v1" || strings.HasPrefix(media, "application/vnd.openstack.slipway") && strings.HasSuffix(media, "+json") {
		return "application/json"
	}
	return media
}

func weight(params string) float64 {
	for _, p := range strings.Split(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			return parseQ(strings.TrimSpace(value))
		}
	}
	return 1
}

// parseQ reads a weight of RFC 9110: 0 to 1 with at most three digits. What is
// none counts as 0, so that nonsense is never preferred.
func parseQ(s string) float64 {
	whole, frac, _ := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(frac) > 3 {
		return 0
	}
	q, unit := float64(whole[0]-'0'), 0.1
	for _, c := range []byte(frac) {
		if c < '0' || c > '9' {
			return 0
		}
		q += float64(c-'0') * unit
		unit /= 10
	}
	return min(q, 1)
}
