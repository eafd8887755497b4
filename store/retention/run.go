package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Run is a removal of what has expired. One run at a time is done, by one server.
type Run struct {
	ID     uuid.UUID `gorm:"type:text;primaryKey"`
	Tenant string    // of who asked for it
	Whole  bool      // it is about every tenant
	State  State
	Origin Origin
	Plan   store.JSON

	Progress  store.JSON
	Error     string
	Tries     int64
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	CreatedBy string
	StartedAt *time.Time `gorm:"serializer:micros;type:bigint"`
	EndedAt   *time.Time `gorm:"serializer:micros;type:bigint"`
}

// TableName tells GORM the table.
func (Run) TableName() string { return "retention_runs" }

// State says how far a run is.
type State string

// The states of runs.
const (
	Queued  State = "queued"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed"
)

// Origin says who wanted a run.
type Origin string

// The origins of runs.
const (
	Asked    Origin = "asked"
	Schedule Origin = "schedule"
)

// Progress is what a run has done: the steps that are over, and what has gone.
type Progress struct {
	Step    int     `json:"step"`
	Amounts Amounts `json:"amounts"`
	Going   *Going  `json:"going,omitempty"`
}

// Going is what has begun to go: rows whose owner is gone already, and which the same
// run removes next, also when another server continues it.
type Going struct {
	Groups  []string `json:"groups,omitempty"`  // test groups whose cases go
	Kernels []kernel `json:"kernels,omitempty"` // of which something went

	Events *bounds `json:"events,omitempty"` // of a partition of events that goes
}

// bounds are those of a partition (store.Partition): its keys tell it from others.
type bounds struct {
	MinKey int64 `json:"min"`
	EndKey int64 `json:"end"`
}

// kernel names a kernel of a line.
type kernel struct {
	Tenant string `json:"tenant"`
	Job    string `json:"job"`
	Branch string `json:"git_branch"`
	Kernel string `json:"kernel"`
}

// ReadPlan and ReadProgress decode what a run holds.
func (r *Run) ReadPlan() (*Plan, error) {
	p := &Plan{}
	if err := json.Unmarshal(r.Plan, p); err != nil {
		return nil, fmt.Errorf("plan of run %s: %w", r.ID, err)
	}
	return p, nil
}

// ReadProgress is ReadPlan for what has been done.
func (r *Run) ReadProgress() (*Progress, error) {
	p := &Progress{}
	if err := json.Unmarshal(r.Progress, p); err != nil {
		return nil, fmt.Errorf("progress of run %s: %w", r.ID, err)
	}
	if p.Amounts == nil {
		p.Amounts = Amounts{}
	}
	return p, nil
}

// RunTopic is notified about every run that is queued.
const RunTopic = "retention_runs"

// ErrOpen says that a run about the same things has not ended.
var ErrOpen = errors.New("a run is open")

// OpenError is ErrOpen with the run.
type OpenError struct{ ID uuid.UUID }

// Error names the run.
func (e *OpenError) Error() string { return fmt.Sprintf("%v: %s", ErrOpen, e.ID) }

// Unwrap is ErrOpen.
func (e *OpenError) Unwrap() error { return ErrOpen }

// QueueRun queues a run of a plan. ErrOpen: one about the same tenant, or about every
// tenant, has not ended.
func (s *Store) QueueRun(ctx context.Context, p *Plan, tenant, by string, origin Origin) (*Run, error) {
	return s.queue(ctx, p, tenant, by, origin, nil)
}

func (s *Store) queue(ctx context.Context, p *Plan, tenant, by string, origin Origin, wanted func(tx *Store) (bool, error)) (*Run, error) {
	r := &Run{Tenant: tenant, Whole: p.Tenant == nil, State: Queued, Origin: origin, CreatedBy: by}
	var err error
	if r.Plan, err = json.Marshal(p); err == nil {
		r.Progress, err = json.Marshal(&Progress{Amounts: Amounts{}})
	}
	if err != nil {
		return nil, err
	}
	err = s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, "retention/runs"); err != nil {
			return err
		}
		if wanted != nil {
			if is, err := wanted(tx); err != nil || !is {
				r = nil
				return err
			}
		}
		var open []Run
		if err := tx.db.Tx.Select("id", "tenant", "whole").Order("id").Find(&open, "ended_at IS NULL").Error; err != nil {
			return store.Translate(err)
		}
		if i := slices.IndexFunc(open, func(o Run) bool { return o.Whole == r.Whole && (o.Whole || o.Tenant == r.Tenant) }); i >= 0 {
			return &OpenError{open[i].ID}
		}
		r.ID, r.CreatedAt = tx.NewID(), tx.Now()
		tx.Notify(RunTopic)
		return store.Translate(tx.db.Tx.Create(r).Error)
	})
	if err != nil {
		return nil, fmt.Errorf("queue a run of retention: %w", err)
	}
	return r, nil
}

// ScheduleRun queues a run about everything when the last one that the schedule made
// is so long ago, and nil when it is not, or a run is open. Of several servers that
// ask at once one makes it.
func (s *Store) ScheduleRun(ctx context.Context, p *Plan, every time.Duration) (*Run, error) {
	r, err := s.queue(ctx, p, "", "", Schedule, func(tx *Store) (bool, error) {
		last, err := tx.lastScheduled(ctx)
		return last.IsZero() || tx.Now().Sub(last) >= every, err
	})
	if errors.Is(err, ErrOpen) {
		return nil, nil
	}
	return r, err
}

// ScheduleDue reports whether ScheduleRun may make one.
func (s *Store) ScheduleDue(ctx context.Context, every time.Duration) (bool, error) {
	last, err := s.lastScheduled(ctx)
	return err == nil && (last.IsZero() || s.Now().Sub(last) >= every), err
}

func (s *Store) lastScheduled(ctx context.Context) (time.Time, error) {
	var last []Run
	err := s.db.Read(ctx).Select("created_at").Order("id DESC").Limit(1).Find(&last, "origin = ?", Schedule).Error
	if err != nil || len(last) == 0 {
		return time.Time{}, store.Translate(err)
	}
	return last[0].CreatedAt, nil
}

// runsOf are the conditions of the runs that the scope sees.
func runsOf(scope store.Scope) []tables.Condition {
	if scope.All {
		return nil
	}
	return []tables.Condition{tables.If("tenant = ?", scope.Tenant), tables.If("whole = ?", false)}
}

var runOrder = store.Order[Run]{
	Name: "retention runs",
	Keys: []store.SortKey{{Column: "id", Desc: true}},
	At:   func(r *Run) []any { return []any{r.ID.String()} },
}

// ListRuns returns runs, newest first.
func (s *Store) ListRuns(ctx context.Context, scope store.Scope, page store.Page) (store.List[Run], error) {
	list, err := runOrder.Page(tables.Narrow(s.db.Read(ctx).Model(&Run{}), runsOf(scope)), page)
	if err != nil {
		return list, fmt.Errorf("list runs of retention: %w", err)
	}
	return list, nil
}

// Run returns a run, or ErrNotFound.
func (s *Store) Run(ctx context.Context, scope store.Scope, id uuid.UUID) (*Run, error) {
	var r Run
	if err := tables.Narrow(s.db.Read(ctx), runsOf(scope)).Take(&r, "id = ?", id.String()).Error; err != nil {
		return nil, fmt.Errorf("run of retention %s: %w", id, store.Translate(err))
	}
	return &r, nil
}

// NextRun returns the open run that was queued first, or ErrNotFound.
func (s *Store) NextRun(ctx context.Context) (*Run, error) {
	var r Run
	if err := s.db.Read(ctx).Order("id").Take(&r, "ended_at IS NULL").Error; err != nil {
		return nil, fmt.Errorf("open runs of retention: %w", store.Translate(err))
	}
	return &r, nil
}
