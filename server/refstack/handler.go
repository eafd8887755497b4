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
	refstackstore "github.com/slipway-lab/slipway/store/refstack"
	resultstore "github.com/slipway-lab/slipway/store/results"
)

// Store is what the area reads and writes.
type Store interface {
	intake.Store
	Publish(ctx context.Context, p *refstackstore.Published, passes, stream *resultstore.Result) (*refstackstore.Published, error)
	Answer(ctx context.Context, id uuid.UUID) error
	LinkStream(ctx context.Context, id uuid.UUID, stream *resultstore.Result) (*refstackstore.Published, error)
	Published(ctx context.Context, scope store.Scope, id uuid.UUID) (*refstackstore.Published, error)
	PublishedByStream(ctx context.Context, scope store.Scope, id uuid.UUID) (*refstackstore.Published, error)
	ListPublished(ctx context.Context, f refstackstore.PublishedFilter) (store.List[refstackstore.Published], error)
	UpdatePublished(ctx context.Context, id uuid.UUID, change func(*refstackstore.Published) error) (*refstackstore.Published, error)
	DeletePublished(ctx context.Context, id uuid.UUID, check func(*refstackstore.Published) error) error
	DeleteStream(ctx context.Context, id uuid.UUID, check func(*refstackstore.Published) error) error

	Run(ctx context.Context, scope store.Scope, id int64) (*resultstore.Run, error)
	Result(ctx context.Context, id uuid.UUID) (*resultstore.Result, error)
	ListTests(ctx context.Context, f resultstore.TestFilter) (store.List[resultstore.Test], error)
	Test(ctx context.Context, r *resultstore.Result, n int64) (*resultstore.Test, error)
	download.Attachments

	CreatePublicKey(ctx context.Context, k *refstackstore.PublicKey) error
	PublicKeysByFingerprint(ctx context.Context, fingerprint []byte) ([]refstackstore.PublicKey, error)
	PublicKeys(ctx context.Context, tenant, owner string, p store.Page) (store.List[refstackstore.PublicKey], error)
	PublicKeysNamed(ctx context.Context, owner string) ([]refstackstore.PublicKey, error)
	DeletePublicKey(ctx context.Context, tenant, owner, id string) error
}

// Handler answers the operations of the tag refstack.
type Handler struct {
	store  Store
	intake *intake.Intake
	config Config
}

var _ refstackapi.StrictServerInterface = (*Handler)(nil)

// New returns a handler. The limits must have been checked.
func New(s *refstackstore.Store, c Config) *Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Handler{
		store:  s,
		intake: &intake.Intake{Store: s, Blobs: s.Blobs, Limits: c.Limits, Strangers: c.Strangers},
		config: c,
	}
}

// resultURL is the link that refstack-client prints (refstack/api/app.py,
// test_results_url).
func (h *Handler) resultURL(ctx context.Context, id uuid.UUID) string {
	if h.config.UIURL != "" {
		return strings.TrimSuffix(h.config.UIURL, "/") + "/#/results/" + id.String()
	}
	return call.From(ctx).Origin.URL("/v1/results/" + id.String())
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
func (h *Handler) eachTest(ctx context.Context, filter resultstore.TestFilter, f func(*resultstore.Test) error) error {
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
func (h *Handler) eachPass(ctx context.Context, r *resultstore.Result, f func(name string) error) error {
	success := resultstore.TestSuccess
	return h.eachTest(ctx, resultstore.TestFilter{Result: r, Status: &success}, func(t *resultstore.Test) error { return f(t.Name) })
}
