package lab

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// Task is a task of the lab. What the lab computes with is in Plan; the other
// columns are what rows are found by and what is shown.
type Task struct {
	ID        string `gorm:"primaryKey"` // UUIDv7, so that ids sort by age
	Root      string // the top task; its own id at the top
	Parent    string // empty at the top
	Seq       int64  // place in the tree, parents before children; 0 at the top
	Status    string
	Action    string     // as it was asked for
	Node      string     // the one node that it works on; empty for others
	DesignRef string     // as it was asked for
	Filter    store.JSON // the node filter; nil when there is none
	Plan      store.JSON
	Request   store.JSON // what else was asked for; nil for subtasks
	CreatedBy string
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
	UpdatedAt time.Time `gorm:"serializer:micros;type:bigint;autoUpdateTime:false"`

	// The server that works on a top task, and until when it has promised to
	// say so again.
	LeaseOwner string
	LeaseUntil *time.Time `gorm:"serializer:micros;type:bigint"`

	// Who asked for its cancellation and when. The server with the lease acts
	// on it.
	CancelBy string
	CancelAt *time.Time `gorm:"serializer:micros;type:bigint"`
}

// Topic wakes those who look for tasks to work on: when a task is queued,
// cancelled, over or given back. See Notify.
const Topic = "lab"

// NodeTopic wakes those who wait for something about a node: its machine has
// registered, it has work, or reported on it.
func NodeTopic(node string) string { return "lab/node/" + node }

// BootTopic wakes those who wait for the boot actions under a top task.
func BootTopic(root string) string { return "lab/boot/" + root }

// finalStatuses are those in which nothing can happen to a task any more.
var finalStatuses = []string{"complete", "terminated"}

// CreateTask adds a top task with its first messages.
func (s *Store) CreateTask(ctx context.Context, t *Task) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.db.Tx.Create(t).Error; err != nil {
			return fmt.Errorf("create task: %w", store.Translate(err))
		}
		tx.Notify(Topic)
		return nil
	})
}

// Task returns the task, or ErrNotFound.
func (s *Store) Task(ctx context.Context, id string) (*Task, error) {
	var t Task
	if err := s.db.Read(ctx).Take(&t, "id = ?", id).Error; err != nil {
		return nil, fmt.Errorf("task %s: %w", id, store.Translate(err))
	}
	return &t, nil
}

// Tree returns the tasks under a top task, itself first, in the order of
// their creation.
func (s *Store) Tree(ctx context.Context, root string) ([]Task, error) {
	var rows []Task
	if err := s.db.Read(ctx).Where("root = ?", root).Order("seq").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tasks of %s: %w", root, store.Translate(err))
	}
	return rows, nil
}

// TaskFilter narrows a list of tasks; zero fields do not.
type TaskFilter struct {
	Status string
	Top    bool
	Node   string // only those that work on this node alone
	Newest bool   // newest first
	Page   store.Page
}

var taskOrder = store.Order[Task]{
	Name: "tasks",
	Keys: []store.SortKey{{Column: "id", Text: true}},
	At:   func(t *Task) []any { return []any{t.ID} },
}

var newestTasks = store.Order[Task]{
	Name: "newest tasks",
	Keys: []store.SortKey{{Column: "id", Desc: true, Text: true}},
	At:   func(t *Task) []any { return []any{t.ID} },
}

// ListTasks returns tasks, subtasks included, oldest first unless asked otherwise.
func (s *Store) ListTasks(ctx context.Context, f TaskFilter) (store.List[Task], error) {
	q := tables.WhereSet(s.db.Read(ctx).Model(&Task{}), "status", f.Status)
	if f.Top {
		q = q.Where("parent = ''")
	}
	if f.Node != "" {
		q = q.Where("node = ? AND node <> ''", f.Node) // the second for SQLite: see openTop
	}
	order := taskOrder
	if f.Newest {
		order = newestTasks
	}
	list, err := order.Page(q, f.Page)
	if err != nil {
		return list, fmt.Errorf("list tasks: %w", err)
	}
	return list, nil
}

// Children returns the subtasks of each of the given tasks, in the order of
// their creation. Of each it reads what tells its place and no more.
func (s *Store) Children(ctx context.Context, parents []string) (map[string][]Task, error) {
	out := map[string][]Task{}
	for part := range chunks(parents, batchRows) {
		var rows []Task
		err := s.db.Read(ctx).Select("id", "parent", "seq", "plan").Where("parent IN ?", part).Order("parent, seq").Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("subtasks: %w", store.Translate(err))
		}
		for _, r := range rows {
			out[r.Parent] = append(out[r.Parent], r)
		}
	}
	return out, nil
}

// openTop is the condition of the index of the tasks that are not over.
// SQLite uses a partial index only when a query repeats its condition word for
// word.
const openTop = "parent = '' AND status NOT IN ('complete', 'terminated')"

// Queue returns the top tasks that wait for their nodes, oldest first.
func (s *Store) Queue(ctx context.Context) ([]Task, error) {
	var rows []Task
	err := s.db.Read(ctx).Where(openTop + " AND status = 'queued'").Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("queue: %w", store.Translate(err))
	}
	return rows, nil
}

// Cancels returns the tasks whose cancellation was asked for and that are not
// over yet, with the columns that name them.
func (s *Store) Cancels(ctx context.Context) ([]Task, error) {
	var rows []Task
	err := s.db.Read(ctx).Select("id", "root", "cancel_by").
		Where("cancel_at IS NOT NULL AND status NOT IN ('complete', 'terminated')").Order("root, id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("cancellations: %w", store.Translate(err))
	}
	return rows, nil
}

// SaveTasks stores what followed from an event under a lease: new tasks,
// changed ones and messages. When the top task is over, its nodes are free and
// its deployments have ended. ErrConflict: the lease was lost, and nothing was
// stored.
func (s *Store) SaveTasks(ctx context.Context, l Lease, created, changed []Task, messages []Message) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.KeepLease(ctx, l); err != nil {
			return err
		}
		for part := range chunks(created, batchRows/4) {
			if err := tx.db.Tx.Create(&part).Error; err != nil {
				return fmt.Errorf("create subtasks: %w", store.Translate(err))
			}
		}
		for _, t := range changed {
			if err := tx.updateTask(l.Root, &t); err != nil {
				return err
			}
		}
		return tx.AddMessages(ctx, messages)
	})
}

func (s *Store) updateTask(root string, t *Task) error {
	err := s.db.Tx.Model(&Task{}).Where("id = ?", t.ID).
		Updates(map[string]any{"status": t.Status, "plan": t.Plan, "updated_at": t.UpdatedAt.UnixMicro()}).Error
	if err == nil && t.ID == root && final(t.Status) {
		err = s.release(root)
	}
	if err != nil {
		return fmt.Errorf("update task %s: %w", t.ID, store.Translate(err))
	}
	return nil
}

func final(status string) bool { return status == finalStatuses[0] || status == finalStatuses[1] }

// release frees what a top task held.
func (s *Store) release(root string) error {
	s.Notify(Topic)
	if err := s.db.Tx.Delete(&Claim{}, "root = ?", root).Error; err != nil {
		return err
	}
	if err := s.db.Tx.Model(&Deployment{}).Where("root = ?", root).Update("ended", true).Error; err != nil {
		return err
	}
	return s.db.Tx.Model(&Task{}).Where("id = ?", root).Updates(map[string]any{"lease_owner": "", "lease_until": nil}).Error
}

// CancelTask notes that a task is to be cancelled, and lets change edit a top
// task that still waits in the queue. It returns the task as it is then.
// ErrConflict: the task is over. ErrNotFound: there is none.
func (s *Store) CancelTask(ctx context.Context, id, by string, change func(*Task) error) (*Task, error) {
	var t Task
	err := s.InTx(ctx, func(tx *Store) error {
		t = Task{}
		err := tx.db.Tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&t, "id = ?", id).Error
		switch {
		case err != nil:
			return store.Translate(err)
		case final(t.Status):
			return store.ErrConflict
		case t.CancelAt != nil:
			return nil
		}
		tx.Notify(Topic)
		now := tx.Now()
		t.CancelBy, t.CancelAt = by, &now
		if t.Parent == "" && t.Status == "queued" {
			if err := change(&t); err != nil {
				return err
			}
		}
		return store.Translate(tx.db.Tx.Save(&t).Error)
	})
	if err != nil {
		return nil, fmt.Errorf("cancel task %s: %w", id, err)
	}
	return &t, nil
}

// purgeSlice is how many top tasks one transaction purges: others write in
// between.
const purgeSlice = 10

// PurgeTasks deletes the top tasks that were created before the time and are
// over, with their subtasks, messages and work. The snapshots of designs stay. It
// returns how many top tasks went; when it fails, some may have gone.
func (s *Store) PurgeTasks(ctx context.Context, before time.Time) (int64, error) {
	var gone int64
	for {
		var n int
		err := s.InTx(ctx, func(tx *Store) (err error) {
			n, err = tx.purgeSome(before)
			return err
		})
		if err != nil {
			return gone, fmt.Errorf("purge tasks: %w", store.Translate(err))
		}
		if gone += int64(n); n < purgeSlice {
			return gone, nil
		}
	}
}

func (s *Store) purgeSome(before time.Time) (int, error) {
	var roots []string
	err := s.db.Tx.Model(&Task{}).Where("parent = '' AND status IN ? AND created_at < ?", finalStatuses, before.UnixMicro()).
		Order("id").Limit(purgeSlice).Pluck("id", &roots).Error
	if err != nil || len(roots) == 0 {
		return 0, err
	}
	members := s.db.Tx.Model(&Task{}).Select("id").Where("root IN ?", roots)
	if err := s.db.Tx.Delete(&Message{}, "task IN (?)", members).Error; err != nil {
		return 0, err
	}
	if err := s.db.Tx.Delete(&Work{}, "task IN (?)", members).Error; err != nil {
		return 0, err
	}
	return len(roots), s.db.Tx.Delete(&Task{}, "root IN ?", roots).Error
}
