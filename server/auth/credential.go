package auth

import (
	"net/http"
	"strings"
)

// maxCredential is the longest credential that is looked at: Keystone's tokens
// have 183 characters, some have a few thousand.
const maxCredential = 4096

// Order says which header counts when both carry a credential.
type Order int

// The orders: our own operations take X-Auth-Token first, KernelCI and SPI take
// Authorization first. Drydock takes X-Auth-Token first too, unless a service
// says in X-Service-Token who it is (drydock_provisioner/control/middleware.py).
const (
	XAuthTokenFirst Order = iota
	AuthorizationFirst
	ServiceTokenFirst
)

// credential is the one credential of a request.
type credential struct {
	text       string
	authToken  bool // it came in X-Auth-Token
	service    bool // it came in X-Service-Token
	unreadable bool // a header is there, but holds nothing that could be a token
}

// credentialOf picks at most one credential; a bad one is not passed over in
// favour of a second one. ok is false when the request carries none.
func credentialOf(h http.Header, order Order) (c credential, ok bool) {
	for _, read := range orders[order] {
		if c, ok := read(h); ok {
			return c, true
		}
	}
	return credential{}, false
}

var orders = map[Order][]func(http.Header) (credential, bool){
	XAuthTokenFirst:    {fromXAuthToken, fromAuthorization},
	AuthorizationFirst: {fromAuthorization, fromXAuthToken},
	ServiceTokenFirst:  {fromXServiceToken, fromXAuthToken, fromAuthorization},
}

func fromXAuthToken(h http.Header) (c credential, ok bool) {
	c, ok = bare(h.Values("X-Auth-Token"))
	c.authToken = true
	return c, ok
}

func fromXServiceToken(h http.Header) (c credential, ok bool) {
	c, ok = bare(h.Values("X-Service-Token"))
	c.service = true
	return c, ok
}

// bare reads a header that holds a token and nothing else.
func bare(values []string) (c credential, ok bool) {
	if len(values) == 0 {
		return credential{}, false
	}
	text := strings.TrimSpace(values[0])
	bad := len(values) > 1 || text == "" || len(text) > maxCredential || !printable(text)
	return credential{text: text, unreadable: bad}, true
}

// fromAuthorization reads "Bearer <t>", "Token <t>" and the bare token, the way
// KernelCI's clients and LAVA's callbacks send it. Any other scheme is a
// credential that we do not know, hence a bad one.
func fromAuthorization(h http.Header) (credential, bool) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return credential{}, false
	}
	text := strings.TrimSpace(values[0])
	scheme, rest, spaced := strings.Cut(text, " ")
	if spaced {
		if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Token") {
			return credential{unreadable: true}, true
		}
		text = strings.TrimSpace(rest)
	}
	bad := len(values) > 1 || len(text) < 8 || len(text) > 512 || !tokenText(text)
	return credential{text: text, unreadable: bad}, true
}

// Bearer returns the text after "Bearer" in the Authorization header, or "".
// Runner calls use it for the secret of a run, which is no API token.
func Bearer(h http.Header) string {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(h.Get("Authorization")), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(rest)
}

// WebToken returns the Bearer of the Authorization header when it has the form
// of a JSON web token, or "". RefStack's users sign such tokens themselves; it
// is no API token, and nothing of it has been checked.
func WebToken(h http.Header) string {
	text := Bearer(h)
	if strings.Count(text, ".") != 2 || HasTokenPrefix(text) {
		return ""
	}
	return text
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func tokenText(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case strings.IndexByte("._~+/=-", c) >= 0:
		default:
			return false
		}
	}
	return true
}
