package refstack

import (
	"context"
	"errors"
	"strings"
	"time"

	refstackapi "github.com/slipway-lab/slipway/gen/refstack"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/server/edge/call"
	"github.com/slipway-lab/slipway/server/edge/download"
	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/server/edge/intake"
	"github.com/slipway-lab/slipway/store"
)

// Store is what the area reads and writes.
type Store interface {
	intake.Store
	Publish(ctx context.Context, p *store.Published, passes, stream *store.Result) (*store.Published, error)
	LinkStream(ctx context.Context, id uuid.UUID, stream *store.Result) (*store.Published, error)
	Published(ctx context.Context, id uuid.UUID) (*store.Published, error)
	PublishedByStream(ctx context.Context, id uuid.UUID) (*store.Published, error)
	ListPublished(ctx context.Context, f store.PublishedFilter) (store.List[store.Published], error)
	UpdatePublished(ctx context.Context, id uuid.UUID, change func(*store.Published) error) (*store.Published, error)
	DeletePublished(ctx context.Context, id uuid.UUID, check func(*store.Published) error) error
	DeleteStream(ctx context.Context, id uuid.UUID, check func(*store.Published) error) error

	Run(ctx context.Context, id int64) (*store.Run, error)
	Result(ctx context.Context, id uuid.UUID) (*store.Result, error)
	ListTests(ctx context.Context, f store.TestFilter) (store.List[store.Test], error)
	Test(ctx context.Context, r *store.Result, n int64) (*store.Test, error)
	download.Attachments

	CreatePublicKey(ctx context.Context, k *store.PublicKey) error
	PublicKeyByFingerprint(ctx context.Context, fingerprint []byte) (*store.PublicKey, error)
	PublicKeys(ctx context.Context, owner string) ([]store.PublicKey, error)
	DeletePublicKey(ctx context.Context, owner, id string) error
}

// Handler answers the operations of the tag refstack.
type Handler struct {
	store  Store
	intake *intake.Intake
	config Config
}

var _ refstackapi.StrictServerInterface = (*Handler)(nil)

// New returns a handler. The limits must have been checked.
func New(s *store.Store, c Config) *Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Handler{
		store:  s,
		intake: &intake.Intake{Store: s, Blobs: s.Blobs, Limits: c.Limits},
		config: c,
	}
}

// resultURL is the link that refstack-client prints (refstack/api/app.py,
// test_results_url).
func (h *Handler) resultURL(ctx context.Context, id uuid.UUID) string {
	const path = "/#/results/"
	if h.config.UIURL != "" {
		return strings.TrimSuffix(h.config.UIURL, "/") + path + id.String()
	}
	return call.From(ctx).Origin.URL(path + id.String())
}

// refused is a 400 with RefStack's text, in the title as well, and with what
// exactly was wrong.
func refused(text string, entries ...fault.Entry) *fault.Fault {
	f := fault.Invalid("%s", text)
	f.Title, f.Errors = text, entries
	return f
}

// noResult is a 404 with RefStack's text for what the store does not find.
func noResult(id string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	f := fault.NotFound("Test result %s not found", id).Because(err)
	f.Title = f.Detail
	return f
}

// eachTest calls f with every test of a result that the filter chooses, and
// holds no connection while f runs.
func (h *Handler) eachTest(ctx context.Context, filter store.TestFilter, f func(*store.Test) error) error {
	filter.Page = store.Page{Limit: 1000}
	for {
		list, err := h.store.ListTests(ctx, filter)
		if err != nil {
			return err
		}
		for i := range list.Items {
			if err := f(&list.Items[i]); err != nil {
				return err
			}
		}
		if list.Next == "" {
			return nil
		}
		filter.Page.After = list.Next
	}
}

// eachPass calls f with the names of the tests that passed.
func (h *Handler) eachPass(ctx context.Context, r *store.Result, f func(name string) error) error {
	success := store.TestSuccess
	return h.eachTest(ctx, store.TestFilter{Result: r, Status: &success}, func(t *store.Test) error { return f(t.Name) })
}
