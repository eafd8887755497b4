package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/ui"
	"github.com/slipway-lab/slipway/server/ui/guide"
	"github.com/slipway-lab/slipway/server/ui/pages"
	"github.com/slipway-lab/slipway/server/ui/pages/frame"
	"github.com/slipway-lab/slipway/store"
)

// forPeople serves what is for people and not in the document: the pages at /ui, and
// the explorer and the guides at /docs unless those are closed.
func (s *Server) forPeople(c Config, doc *openapi3.T) (func(next http.Handler) http.Handler, error) {
	site, err := pages.New(frame.Config{
		API:         http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }),
		Permissions: permissionsOf(doc),
		Origin:      originOf,
		Sessions:    sessions{c.Store},
		Secret:      c.Products.Secret,
		SessionLife: c.Pages.SessionLife,
		Build:       c.Build,
		Now:         c.Now,
		Done:        c.Products.Done,
	})
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return func(next http.Handler) http.Handler {
		docs := next
		if c.Discovery.DocsPublic {
			docs = ui.Handler(func(r *http.Request) string { return call.From(r.Context()).Origin.Prefix }, guides(next))
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch path := r.URL.Path; {
			case path == "/ui" || path == "/favicon.ico" || strings.HasPrefix(path, "/ui/"):
				site.ServeHTTP(w, r)
			case path == "/docs" || strings.HasPrefix(path, "/docs/"):
				docs.ServeHTTP(w, r)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}, nil
}

// guides serves the guides; what is none of them is left to next.
func guides(next http.Handler) http.Handler {
	return guide.Handler(func(r *http.Request) string { return ui.SafePrefix(call.From(r.Context()).Origin.Prefix) }, next)
}

// permissionsOf are the permissions of the operations, "" where none is needed.
func permissionsOf(doc *openapi3.T) map[string]string {
	all := map[string]string{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			all[op.OperationID], _ = op.Extensions["x-permission"].(string)
		}
	}
	return all
}

func originOf(r *http.Request) frame.Origin {
	info := call.From(r.Context())
	prefix := ui.SafePrefix(info.Origin.Prefix)
	return frame.Origin{
		Prefix: prefix,
		URL:    info.Origin.Scheme + "://" + info.Origin.Host + prefix,
		Secure: info.Origin.Scheme == "https",
		Client: info.Client.String(),
	}
}

// sessions keeps who is logged in with a browser in the store.
type sessions struct{ store *store.Store }

// Create implements frame.Sessions.
func (s sessions) Create(ctx context.Context, id string, sealed []byte, client string, ends time.Time) error {
	return s.store.CreateSession(ctx, &store.Session{ID: id, Sealed: sealed, Client: client, ExpiresAt: ends})
}

// Get implements frame.Sessions.
func (s sessions) Get(ctx context.Context, id string) ([]byte, error) {
	row, err := s.store.Session(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, frame.ErrNoSession
	}
	if err != nil {
		return nil, err
	}
	return row.Sealed, nil
}

// End implements frame.Sessions.
func (s sessions) End(ctx context.Context, id string) error { return s.store.EndSession(ctx, id) }
