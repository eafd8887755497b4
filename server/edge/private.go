package edge

import (
	"net/http"
	"strings"

	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
)

// credentialHeaders are those by which a caller shows who he is, on any operation.
// Keys of single operations come with x-key-header.
var credentialHeaders = []string{"Authorization", "X-Auth-Token", "X-Service-Token", "X-Public-Key", "X-Signature"}

// private is what caches between the server and one of its callers are told.
const private = "private, no-cache"

// keepPrivate says by which headers the answers of an operation differ, and notes
// that the one to a caller with a credential is for him alone. Public documents are
// the same for everybody and keep what their handlers say.
func (s *Stack) keepPrivate(h http.Header, op *operation, info *call.Info, st *state) {
	if op.public() && op.keyHeader == "" || s.published(op) {
		return
	}
	names := credentialHeaders
	if op.keyHeader != "" {
		names = append([]string{op.keyHeader}, names...)
	}
	for _, name := range names {
		h.Add("Vary", name)
		if info.Header.Get(name) != "" && st != nil {
			st.private = true
		}
	}
}

// published reports whether an operation needs no credential by a setting.
func (s *Stack) published(op *operation) bool {
	return op.permission == auth.ReadVersion && s.config.V1Public || op.permission == auth.ReadDocument && !s.config.DocsClosed
}

// sayPrivate sets Cache-Control of an answer that is for one caller alone, when its
// handler did not say that nobody may store it.
func sayPrivate(h http.Header) {
	if !strings.Contains(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), "no-store") {
		h.Set("Cache-Control", private)
	}
}
