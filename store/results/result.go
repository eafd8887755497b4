package results

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// resultState says who sees a result. Its tests are written while it is
// ingesting; it becomes visible with all of them at once, and what is discarded
// waits for its rows to be removed.
type resultState int64

const (
	resultIngesting resultState = iota
	resultVisible
	resultDiscarded
)

// Result is one uploaded file and what was read from it. Every function that
// returns results returns visible ones only.
type Result struct {
	Key     int64     `gorm:"primaryKey"` // inside the store
	ID      uuid.UUID `gorm:"type:text"`  // public; UUIDv7
	RunID   int64     `gorm:"serializer:zeronull;type:bigint"`
	Attempt int64     // 1 is the first upload for its run

	// State and LeaseUntil are the store's own.
	State      resultState
	LeaseUntil time.Time `gorm:"serializer:micros;type:bigint"`

	Tenant    string    // that of its run, else that of the uploader
	Uploader  string    // id of the token, or empty
	Anonymous bool      // uploaded without any credential
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"` // when it became visible

	// PrivateTo is the owner, of the tenant, who alone may see the result besides
	// administrators, or empty. It is kept by what is said of the result in
	// RefStack's later API; see Published.
	PrivateTo string

	// The upload as it was posted, and its content: the same unless Gzip.
	// Attachments of tests are spans of the content.
	SHA256        string `gorm:"column:sha256"`
	Bytes         int64
	ContentSHA256 string `gorm:"column:content_sha256"`
	ContentBytes  int64
	Gzip          bool

	Format   string
	Scope    string
	Outcome  string
	Complete bool
	CPID     string `gorm:"column:cpid"`

	// DurationUS is how long the run took, in microseconds; nil when nobody
	// said so.
	DurationUS *int64 `gorm:"column:duration_us"`

	Counts     Counts `gorm:"embedded;embeddedPrefix:count_"`
	Tests      int64  // distinct test ids
	Records    int64
	NoiseBytes int64

	Damage      store.JSON
	DamageCount int64
	Warnings    store.JSON
	Attachments store.JSON // those of the run as a whole

	// ListID and ListParts are the list of its tests by name; zero while there is
	// none. See InsertNameList.
	ListID    int64
	ListParts int64

	// Expired is what has gone of it.
	Expired Expired

	// Parts says, of a result that is published, that more files of it may come: it
	// is compared later.
	Parts bool `gorm:"-"`
}

// Counts is the number of test ids by their worst status.
type Counts struct {
	Success    int64 `gorm:"column:success"`
	XFail      int64 `gorm:"column:xfail"`
	Skip       int64 `gorm:"column:skip"`
	Fail       int64 `gorm:"column:fail"`
	UXSuccess  int64 `gorm:"column:uxsuccess"`
	InProgress int64 `gorm:"column:inprogress"`
	Unknown    int64 `gorm:"column:unknown"`
	Exists     int64 `gorm:"column:exists"`
}

// Failed reports whether any test failed, or gave no verdict.
func (c Counts) Failed() bool { return c.Fail+c.UXSuccess+c.InProgress+c.Unknown > 0 }

// Of returns the count of one status.
func (c Counts) Of(status TestStatus) int64 {
	switch status {
	case TestSuccess:
		return c.Success
	case TestXFail:
		return c.XFail
	case TestSkip:
		return c.Skip
	case TestFail:
		return c.Fail
	case TestUXSuccess:
		return c.UXSuccess
	case TestInProgress:
		return c.InProgress
	case TestExists:
		return c.Exists
	}
	return c.Unknown
}

// Result returns the result with this public id, or ErrNotFound.
func (s *Store) Result(ctx context.Context, id uuid.UUID) (*Result, error) {
	return s.result(ctx, "id = ?", id.String())
}

// ResultsByID returns the results with these public ids that are visible.
func (s *Store) ResultsByID(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*Result, error) {
	var list []Result
	if len(ids) > 0 {
		if err := s.db.Read(ctx).Find(&list, "id IN ? AND state = ?", ids, resultVisible).Error; err != nil {
			return nil, fmt.Errorf("results: %w", store.Translate(err))
		}
	}
	byID := make(map[uuid.UUID]*Result, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	return byID, nil
}

// CurrentResult returns the newest attempt of a run. ErrNotFound: there is no
// such run, or it has no result.
func (s *Store) CurrentResult(ctx context.Context, runID int64) (*Result, error) {
	return s.result(ctx, "key = (SELECT result_key FROM runs WHERE id = ?)", runID)
}

// ResultByAttempt returns an attempt of a run by its number, or ErrNotFound.
func (s *Store) ResultByAttempt(ctx context.Context, runID, attempt int64) (*Result, error) {
	return s.result(ctx, "run_id = ? AND attempt = ?", runID, attempt)
}

// ResultByUpload returns the attempt of the run that was uploaded with these
// bytes, or ErrNotFound. A retried upload can stop there, before it is parsed.
func (s *Store) ResultByUpload(ctx context.Context, runID int64, sha256 string) (*Result, error) {
	return s.result(ctx, "run_id = ? AND sha256 = ?", runID, sha256)
}

func (s *Store) result(ctx context.Context, where string, args ...any) (*Result, error) {
	var r Result
	// The state is written out because a parameter would keep the databases
	// from using the indexes on visible results.
	if err := s.db.Read(ctx).Where("state = 1").Where(where, args...).Take(&r).Error; err != nil {
		return nil, fmt.Errorf("result of %v: %w", args, store.Translate(err))
	}
	return &r, nil
}

// ResultFilter narrows a list of results; zero fields do not.
type ResultFilter struct {
	RunID  int64
	CPID   string
	Tenant string
	From   time.Time // inclusive, as is To
	To     time.Time
	// SeenBy leaves out what is private to others; nil is everything.
	SeenBy *store.Viewer
	Page   store.Page
}

var resultOrder = store.Order[Result]{
	Name: "results",
	Keys: []store.SortKey{{Column: "created_at", Desc: true}, {Column: "key", Desc: true}},
	At:   func(r *Result) []any { return []any{store.Micros(r.CreatedAt), r.Key} },
}

// ListResults returns results, newest first; of one run that is the current one
// first.
func (s *Store) ListResults(ctx context.Context, f ResultFilter) (store.List[Result], error) {
	q := s.db.Read(ctx).Model(&Result{}).Where("state = 1")
	q = tables.WhereSet(q, "run_id", f.RunID)
	q = tables.WhereSet(q, "cpid", f.CPID)
	q = tables.WhereSet(q, "tenant", f.Tenant)
	if f.SeenBy != nil {
		q = tables.Narrow(q, append(f.SeenBy.Seen("tenant"), f.SeenBy.Private("tenant", "private_to")...))
	}
	if !f.From.IsZero() {
		q = q.Where("created_at >= ?", store.Micros(f.From))
	}
	if !f.To.IsZero() {
		q = q.Where("created_at <= ?", store.Micros(f.To))
	}
	list, err := resultOrder.Page(q, f.Page)
	if err != nil {
		return list, fmt.Errorf("list results: %w", err)
	}
	return list, nil
}

// current is what a run tells of its current result.
type current struct {
	id       uuid.UUID
	uploader string // name of the token
}

// currentResults returns results by their keys.
func (s *Store) currentResults(ctx context.Context, keys []int64) (map[int64]current, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var list []struct {
		Key  int64
		ID   uuid.UUID `gorm:"type:text"`
		Name string
	}
	err := s.db.Read(ctx).Raw("SELECT x.key, x.id, COALESCE(t.name, '') AS name FROM results x LEFT JOIN tokens t ON t.id = x.uploader WHERE x.key IN ?", keys).Scan(&list).Error
	if err != nil {
		return nil, fmt.Errorf("current results: %w", store.Translate(err))
	}
	byKey := make(map[int64]current, len(list))
	for _, r := range list {
		byKey[r.Key] = current{r.ID, r.Name}
	}
	return byKey, nil
}

// DeleteResult removes a result; the attempt before it becomes the current one.
// The single tests go afterwards as with DeleteRun. ErrNotFound: no such result.
func (s *Store) DeleteResult(ctx context.Context, id uuid.UUID) error {
	var r *Result
	err := s.InTx(ctx, func(tx *Store) (err error) {
		if r, err = tx.Result(ctx, id); err != nil {
			return err
		}
		run, err := tx.lockRun(r.RunID)
		if err != nil {
			return err
		}
		if err := tx.setState(r.Key, resultVisible, resultDiscarded); err != nil {
			return err
		}
		if err := tx.unpublish(r.Key); err != nil {
			return err
		}
		return tx.setCurrent(ctx, run)
	})
	if err == nil {
		s.PurgeDiscarded(ctx, r.Key)
	}
	return err
}

// setCurrent lets the run point to its newest attempt.
func (s *Store) setCurrent(ctx context.Context, run *Run) error {
	list, err := s.ListResults(ctx, ResultFilter{RunID: run.ID, Page: store.Page{Limit: 1}})
	if err != nil {
		return err
	}
	run.setResult(&Result{})
	if len(list.Items) > 0 {
		run.setResult(&list.Items[0])
	}
	return s.saveRun(run)
}

// setResult makes a result the current one of the run.
func (r *Run) setResult(current *Result) {
	r.ResultKey, r.Outcome = current.Key, current.Outcome
	r.Comparable = current.Whole() && current.PrivateTo == ""
}

// outcomeError is the outcome of a file in which nothing could be read.
const outcomeError = "error"

// Whole reports whether nothing is missing: nothing is damaged, every test has ended,
// and the file could be read at all.
func (r *Result) Whole() bool {
	return r.Complete && r.DamageCount == 0 && r.Outcome != outcomeError
}

// RefreshComparable notes in a run what became of its current result.
func (s *Store) RefreshComparable(runID int64) error {
	err := s.db.Tx.Exec(`UPDATE runs SET comparable = EXISTS (SELECT 1 FROM results r
		WHERE r.key = runs.result_key AND r.state = 1 AND r.complete AND r.damage_count = 0 AND r.outcome <> 'error' AND r.private_to = '') WHERE id = ?`, runID).Error
	if err != nil {
		return fmt.Errorf("run %d: %w", runID, store.Translate(err))
	}
	return nil
}

// setState moves a result on, and returns ErrNotFound when it is not in the
// state from which that is possible.
func (s *Store) setState(key int64, from, to resultState) error {
	res := s.db.Tx.Model(&Result{}).Where("key = ? AND state = ?", key, from).Update("state", to)
	if res.Error != nil {
		return fmt.Errorf("result %d: %w", key, store.Translate(res.Error))
	}
	if res.RowsAffected == 0 {
		return fmt.Errorf("result %d: %w", key, store.ErrNotFound)
	}
	return nil
}
