package analysis

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/oapi-codegen/nullable"

	analysisapi "github.com/slipway-lab/slipway/gen/analysis"
	"github.com/slipway-lab/slipway/server/analysis/engine"
	"github.com/slipway-lab/slipway/server/auth"
	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
	analysisstore "github.com/slipway-lab/slipway/store/analysis"
)

// Handler answers the operations of the tag analysis.
type Handler struct {
	store  *analysisstore.Store
	config Config
	plans  plans
}

var _ analysisapi.StrictServerInterface = (*Handler)(nil)

// New returns a handler that has remembered nothing yet.
func New(s *analysisstore.Store, c Config) *Handler {
	return &Handler{store: s, config: c, plans: plans{most: c.KeptComparison, mostBytes: c.KeptMegabytes << 20}}
}

// viewer is the caller as the store knows him.
func viewer(ctx context.Context) store.Viewer { return auth.From(ctx).Viewer() }

// The permissions beside analysis.read that reading a kind of set needs.
var reading = map[engine.Kind]auth.Permission{
	engine.Run: "results.read", engine.Published: "refstack.read", engine.Group: "reports.read", engine.Kernel: "reports.read",
	engine.Opportunity: "opportunities.read", engine.Image: "opportunities.read",
}

// mayRead refuses sets of a kind that the caller may not read.
func mayRead(ctx context.Context, kind engine.Kind) error {
	if p := reading[kind]; p != "" && !auth.From(ctx).May(p) {
		return fault.Forbidden("a set of the kind %s needs the permission %s as well", kind, p)
	}
	return nil
}

// words are the values of a parameter that is repeated or joined by commas; given
// is false when the request does not have it.
func words(ctx context.Context, name string) (list []string, given bool) {
	query, _ := url.ParseQuery(call.From(ctx).Query) // the request was admitted, so it can be read
	values, given := query[name]
	for _, v := range values {
		for word := range strings.SplitSeq(v, ",") {
			if word = strings.TrimSpace(word); word != "" {
				list = append(list, word)
			}
		}
	}
	return list, given
}

// globOf reads a pattern for names, nil for none.
func globOf(text *string) (*engine.Glob, error) {
	if text == nil {
		return nil, nil
	}
	if len(*text) > engine.MaxGlob {
		return nil, fault.InvalidField("query", "name", "must have at most %d bytes", engine.MaxGlob)
	}
	return engine.ParseGlob(*text), nil
}

// notFound turns the store's error into a 404 with a sentence of ours.
func notFound(err error, format string, args ...any) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.NotFound(format, args...).Because(err)
	}
	return err
}

// null and value are what a field that may be null is.
func null[T any]() nullable.Nullable[T] { return nullable.NewNullNullable[T]() }

func value[T any](v T) nullable.Nullable[T] { return nullable.NewNullableWithValue(v) }

func orNull[T any](v *T) nullable.Nullable[T] {
	if v == nil {
		return null[T]()
	}
	return value(*v)
}

// textOrNull is null for the empty text.
func textOrNull(s string) nullable.Nullable[string] {
	if s == "" {
		return null[string]()
	}
	return value(s)
}

// valueOr is what v points to, or fallback when v is nil.
func valueOr[T any](v *T, fallback T) T {
	if v == nil {
		return fallback
	}
	return *v
}
