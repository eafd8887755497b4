package refstack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// Published is what RefStack's later API says of a result, beside the result
// itself: whose it is, what was noted about it, and the subunit stream that
// belongs to it.
type Published struct {
	ResultKey int64     `gorm:"primaryKey"` // the result that lists the passes
	ID        uuid.UUID `gorm:"type:text"`  // its public id
	RunID     int64

	StreamKey int64  `gorm:"serializer:zeronull;type:bigint"` // the result that was read from the stream
	StreamID  string // its public id; empty while there is none

	CPID            string `gorm:"column:cpid"`
	DurationSeconds int64
	Tenant          string // set by the store: that of the result
	Owner           string // of the tenant; empty for an anonymous upload
	Public          bool   // set by the store: no owner, or shared
	Verification    int64  `gorm:"column:verification_status"`

	// Answered says that who uploaded it was told so: the same bytes are another
	// upload then, not the same one sent again (RetryTime).
	Answered bool

	// What its owner noted; nil when nothing.
	Shared    *string
	Guideline *string
	Target    *string

	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// TableName says what the rows are, since one of them is no noun.
func (Published) TableName() string { return "published_results" }

// Publish makes passes visible, as PublishResult does, together with what the
// later API says of it, and with the stream it was made from unless that is
// nil; both belong to the same run then. It fills in everything in p that the
// result decides.
//
// When the run has a result of the same bytes, what was published of that one
// is returned; for passes without a run, what the same uploader published of the same
// bytes within RetryTime and was not told of (Answer). Errors are those of PublishResult and LinkStream; ErrPublic also
// when it is the list of passes that the run has.
func (s *Store) Publish(ctx context.Context, p *Published, passes, stream *results.Result) (*Published, error) {
	var published *Published
	retried := false
	err := s.InTx(ctx, func(tx *Store) (err error) {
		if passes.RunID == 0 {
			if published, err = tx.publishedJustNow(ctx, p, passes, stream); !errors.Is(err, store.ErrNotFound) {
				retried = err == nil
				return err
			}
		}
		passes.PrivateTo = p.privateTo()
		r, err := tx.PublishResult(ctx, passes)
		if err != nil {
			return err
		}
		published, err = tx.published(ctx, tables.If("result_key = ?", r.Key))
		if errors.Is(err, store.ErrNotFound) {
			if err = p.mayTake(r, passes); err == nil {
				published, err = tx.describe(p, r)
			}
		}
		if err != nil || stream == nil {
			return err
		}
		return tx.linkStream(ctx, published, stream)
	})
	if retried && err == nil {
		s.PurgeDiscarded(ctx, passes.Key)
		if stream != nil {
			s.PurgeDiscarded(ctx, stream.Key)
		}
	}
	return published, err
}

// RetryTime is how long an upload whose answer may not have arrived is the same as
// another of the same bytes by the same uploader: RefStack's client names no request,
// and who uses it sends the file again.
const RetryTime = 10 * time.Minute

// publishedJustNow returns what was published of the same bytes, stream, cloud and
// uploader within RetryTime and is not answered, and ends what came now; or ErrNotFound.
func (s *Store) publishedJustNow(ctx context.Context, p *Published, passes, stream *results.Result) (*Published, error) {
	if err := s.Lock(ctx, "publish/"+passes.SHA256); err != nil {
		return nil, err
	}
	var found Published
	q := s.db.Tx
	if stream != nil {
		q = q.Joins("JOIN results rs ON rs.key = published_results.stream_key").Where("rs.sha256 = ?", stream.SHA256)
	}
	err := q.Where("published_results.answered = ?", false).
		Joins("JOIN results r ON r.key = published_results.result_key").
		Where("r.sha256 = ? AND r.state = 1 AND r.uploader = ? AND r.tenant = ? AND r.anonymous = ?", passes.SHA256, passes.Uploader, passes.Tenant, passes.Anonymous).
		Where("published_results.owner = ? AND published_results.cpid = ? AND published_results.created_at > ?", p.Owner, p.CPID, store.Micros(s.Now().Add(-RetryTime))).
		Order("published_results.result_key DESC").Take(&found).Error
	if err != nil {
		return nil, fmt.Errorf("publish result %s: %w", passes.ID, store.Translate(err))
	}
	if err := s.DiscardResult(ctx, passes.Key); err != nil {
		return nil, err
	}
	if stream != nil {
		return &found, s.DiscardResult(ctx, stream.Key)
	}
	return &found, nil
}

// Answer notes that who uploaded a result was told of it. A result that is gone is none.
func (s *Store) Answer(ctx context.Context, id uuid.UUID) error {
	return s.InTx(ctx, func(tx *Store) error {
		err := tx.db.Tx.Model(&Published{}).Where("id = ?", id.String()).Update("answered", true).Error
		if err != nil {
			return fmt.Errorf("published result %s is answered: %w", id, store.Translate(err))
		}
		return nil
	})
}

// describe adds the row of a result that was published just now.
func (s *Store) describe(p *Published, r *results.Result) (*Published, error) {
	row := *p // a copy, in case this runs again
	row.ResultKey, row.ID, row.RunID, row.Tenant, row.CreatedAt = r.Key, r.ID, r.RunID, r.Tenant, r.CreatedAt
	row.setPublic()
	if err := s.db.Tx.Create(&row).Error; err != nil {
		return nil, fmt.Errorf("publish result %s: %w", r.ID, store.Translate(err))
	}
	if err := s.queue(&row, r.Tenant); err != nil {
		return nil, err
	}
	return &row, s.setPrivate(&row)
}

// queue notes that a result that everybody may see is to be compared with the one
// before it.
func (s *Store) queue(p *Published, tenant string) error {
	if !p.Public || p.CPID == "" {
		return nil
	}
	return s.QueueSet(store.PendingSet{Tenant: tenant, Kind: "published", Ref: store.SetRef("published", p.ID.String())})
}

// ErrPublic says that the run has the bytes already, by an upload that everybody
// may see. Whoever signs them later must not take that away from others.
var ErrPublic = fmt.Errorf("the run has a result of these bytes that everybody may see: %w", store.ErrConflict)

// mayTake reports whether what is said of an upload may be said of the result
// that came of it: it is new, or nobody loses sight of it.
func (p *Published) mayTake(r, uploaded *results.Result) error {
	if r.Key != uploaded.Key && p.Owner != "" && r.PrivateTo != p.Owner {
		return fmt.Errorf("result %s: %w", r.ID, ErrPublic)
	}
	return nil
}

// LinkStream makes a stream visible as an attempt of the run of a published
// result, and as that result's stream. ErrConflict: the result has another
// stream, or this one is not being uploaded. ErrPublic: the result belongs to
// somebody, and the run has the stream already. ErrNotFound: the result is gone.
func (s *Store) LinkStream(ctx context.Context, id uuid.UUID, stream *results.Result) (*Published, error) {
	var published *Published
	err := s.InTx(ctx, func(tx *Store) (err error) {
		if published, err = tx.lockPublished(id); err != nil {
			return err
		}
		return tx.linkStream(ctx, published, stream)
	})
	return published, err
}

func (s *Store) linkStream(ctx context.Context, p *Published, stream *results.Result) error {
	// The run may be younger than the upload of the stream.
	err := s.db.Tx.Model(&results.Result{}).Where("key = ?", stream.Key).Update("run_id", p.RunID).Error
	if err != nil {
		return fmt.Errorf("stream of result %s: %w", p.ID, store.Translate(err))
	}
	stream.PrivateTo = p.privateTo()
	r, err := s.PublishResult(ctx, stream)
	if err != nil {
		return err
	}
	if p.StreamKey == r.Key {
		return nil
	}
	if p.StreamKey != 0 {
		return fmt.Errorf("result %s has a stream: %w", p.ID, store.ErrConflict)
	}
	if err := p.mayTake(r, stream); err != nil {
		return err
	}
	p.StreamKey, p.StreamID = r.Key, r.ID.String()
	if err := s.queue(p, r.Tenant); err != nil { // its tests are those of the stream now
		return err
	}
	return s.savePublished(p)
}

// Published returns what the later API says of the result with this id, or
// ErrNotFound.
func (s *Store) Published(ctx context.Context, scope store.Scope, id uuid.UUID) (*Published, error) {
	return s.published(ctx, append(scope.Seen("tenant"), tables.If("id = ?", id.String()))...)
}

// PublishedByStream is Published by the id of the stream.
func (s *Store) PublishedByStream(ctx context.Context, scope store.Scope, id uuid.UUID) (*Published, error) {
	return s.published(ctx, append(scope.Seen("tenant"), tables.If("stream_id = ?", id.String()))...)
}

func (s *Store) published(ctx context.Context, where ...tables.Condition) (*Published, error) {
	var p Published
	if err := tables.Narrow(s.db.Read(ctx), where).Take(&p).Error; err != nil {
		return nil, fmt.Errorf("published result %v: %w", tables.Args(where), store.Translate(err))
	}
	return &p, nil
}

// PublishedFilter narrows a list of published results; zero fields do not, except
// Scope and Owner.
type PublishedFilter struct {
	Scope store.Scope
	// Owner chooses the results of one owner of the scope's tenant. Empty: those
	// that everybody may see.
	Owner string

	CPID         string
	From, To     time.Time // inclusive
	Verification *int64
	Page         store.Page
}

var publishedOrder = store.Order[Published]{
	Name: "published",
	Keys: []store.SortKey{{Column: "created_at", Desc: true}, {Column: "result_key", Desc: true}},
	At:   func(p *Published) []any { return []any{store.Micros(p.CreatedAt), p.ResultKey} },
}

// ListPublished returns published results, newest first.
func (s *Store) ListPublished(ctx context.Context, f PublishedFilter) (store.List[Published], error) {
	q := tables.Narrow(s.db.Read(ctx).Model(&Published{}), f.Scope.Seen("tenant"))
	if f.Owner != "" {
		q = q.Where("owner = ? AND tenant = ?", f.Owner, f.Scope.Tenant)
	} else {
		q = q.Where("public = ?", true)
	}
	q = tables.WhereSet(q, "cpid", f.CPID)
	if !f.From.IsZero() {
		q = q.Where("created_at >= ?", store.Micros(f.From))
	}
	if !f.To.IsZero() {
		q = q.Where("created_at <= ?", store.Micros(f.To))
	}
	if f.Verification != nil {
		q = q.Where("verification_status = ?", *f.Verification)
	}
	list, err := publishedOrder.Page(q, f.Page)
	if err != nil {
		return list, fmt.Errorf("list published results: %w", err)
	}
	return list, nil
}

// UpdatePublished loads what is said of a result, lets change edit it and saves
// it in one transaction. Only the notes, the owner and the verification can
// change. It returns ErrNotFound, or the error of change without saving
// anything.
func (s *Store) UpdatePublished(ctx context.Context, id uuid.UUID, change func(*Published) error) (*Published, error) {
	var p *Published
	err := s.InTx(ctx, func(tx *Store) (err error) {
		if p, err = tx.lockPublished(id); err != nil {
			return err
		}
		old := *p
		if err := change(p); err != nil {
			return err
		}
		p.ResultKey, p.ID, p.RunID, p.Tenant, p.CreatedAt = old.ResultKey, old.ID, old.RunID, old.Tenant, old.CreatedAt
		p.StreamKey, p.StreamID = old.StreamKey, old.StreamID
		return tx.savePublished(p)
	})
	return p, err
}

func (s *Store) lockPublished(id uuid.UUID) (*Published, error) {
	var p Published
	err := s.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&p, "id = ?", id.String()).Error
	if err != nil {
		return nil, fmt.Errorf("published result %s: %w", id, store.Translate(err))
	}
	return &p, nil
}

func (s *Store) savePublished(p *Published) error {
	p.setPublic()
	if err := s.db.Tx.Save(p).Error; err != nil {
		return fmt.Errorf("update published result %s: %w", p.ID, store.Translate(err))
	}
	return s.setPrivate(p)
}

// setPrivate lets the result and its stream know whose they are.
func (s *Store) setPrivate(p *Published) error {
	owner := p.Owner
	if p.Public {
		owner = ""
	}
	keys := []int64{p.ResultKey, p.StreamKey}
	err := s.db.Tx.Model(&results.Result{}).Where("key IN ? AND private_to <> ?", keys, owner).Update("private_to", owner).Error
	if err != nil {
		return fmt.Errorf("owner of result %s: %w", p.ID, store.Translate(err))
	}
	return s.RefreshComparable(p.RunID)
}

// DeletePublished removes a published result, its stream, and nothing else: the
// run stays, with what runners said of it. check sees the row as it is at that
// moment and may refuse. ErrNotFound: no such result.
func (s *Store) DeletePublished(ctx context.Context, id uuid.UUID, check func(*Published) error) error {
	var p *Published
	err := s.InTx(ctx, func(tx *Store) (err error) {
		if p, err = tx.lockPublished(id); err != nil {
			return err
		}
		if err := check(p); err != nil {
			return err
		}
		if p.StreamID != "" {
			if err := tx.deleteStream(ctx, p); err != nil {
				return err
			}
		}
		return tx.DeleteResult(ctx, p.ID)
	})
	if err == nil {
		s.PurgeDiscarded(ctx, p.StreamKey, p.ResultKey)
	}
	return err
}

// DeleteStream removes the stream of a published result, which stays itself.
// check is that of DeletePublished. ErrNotFound: no such result, or it has no
// stream.
func (s *Store) DeleteStream(ctx context.Context, id uuid.UUID, check func(*Published) error) error {
	var p *Published
	err := s.InTx(ctx, func(tx *Store) (err error) {
		if p, err = tx.lockPublished(id); err != nil {
			return err
		}
		if err := check(p); err != nil {
			return err
		}
		if p.StreamID == "" {
			return fmt.Errorf("stream of result %s: %w", id, store.ErrNotFound)
		}
		return tx.deleteStream(ctx, p)
	})
	if err == nil {
		s.PurgeDiscarded(ctx, p.StreamKey)
	}
	return err
}

func (s *Store) deleteStream(ctx context.Context, p *Published) error {
	id, err := uuid.Parse(p.StreamID)
	if err != nil {
		return fmt.Errorf("stream of result %s: %w", p.ID, err)
	}
	return s.DeleteResult(ctx, id) // which takes it away from here as well
}

// IsShared reports whether the owner lets everybody see the result. RefStack
// takes any text for yes (refstack/api/utils.py, check_user); texts that plainly
// say no are no here, because a mistake would show what is private.
func (p *Published) IsShared() bool {
	if p.Shared == nil {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(*p.Shared)) {
	case "", "false", "no", "0", "off":
		return false
	}
	return true
}

// privateTo is the owner who alone may see the result, or empty.
func (p *Published) privateTo() string {
	if p.setPublic(); p.Public {
		return ""
	}
	return p.Owner
}

func (p *Published) setPublic() { p.Public = p.Owner == "" || p.IsShared() }

// PublishImported is Publish for a result of another RefStack, with the id and the time
// that it had there. Errors are those of results.PublishImported.
func (s *Store) PublishImported(ctx context.Context, p *Published, passes *results.Result, about results.Imported) error {
	return s.InTx(ctx, func(tx *Store) error {
		final := *passes
		final.PrivateTo = p.privateTo()
		r, err := tx.Store.PublishImported(ctx, &final, about)
		if err != nil {
			return err
		}
		_, err = tx.describe(p, r)
		return err
	})
}
