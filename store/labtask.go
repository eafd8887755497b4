package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

func init() { registerModels(&LabTask{}, &LabMessage{}, &LabClaim{}) }

// LabTask is a task of the lab. What the lab computes with is in Plan; the other
// columns are what rows are found by and what is shown.
type LabTask struct {
	ID        string `gorm:"primaryKey"` // UUIDv7, so that ids sort by age
	Root      string // the top task; its own id at the top
	Parent    string // empty at the top
	Seq       int64  // place in the tree, parents before children; 0 at the top
	Status    string
	Action    string // as it was asked for
	DesignRef string // as it was asked for
	Filter    JSON   // the node filter; nil when there is none
	Plan      JSON
	Request   JSON // what else was asked for; nil for subtasks
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

// LabMessage is a message about the course of a task.
type LabMessage struct {
	ID          int64 `gorm:"primaryKey"`
	Task        string
	Text        string
	Error       bool
	ContextType string
	Context     string
	Extra       JSON      // nil when there is nothing
	CreatedAt   time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// LabClaim says that a top task holds a node.
type LabClaim struct {
	Node string `gorm:"primaryKey"`
	Root string
}

// LabTopic wakes those who look for tasks to work on: when a task is queued,
// cancelled, over or given back. See Notify.
const LabTopic = "lab"

// LabNodeTopic wakes those who wait for something about a node: its machine has
// registered, it has work, or reported on it.
func LabNodeTopic(node string) string { return "lab/node/" + node }

// LabBootTopic wakes those who wait for the boot actions under a top task.
func LabBootTopic(root string) string { return "lab/boot/" + root }

// finalLabStatuses are those in which nothing can happen to a task any more.
var finalLabStatuses = []string{"complete", "terminated"}

// labSlice is how many rows one statement writes: databases limit their
// parameters.
const labSlice = 200

// CreateLabTask adds a top task with its first messages.
func (s *Store) CreateLabTask(ctx context.Context, t *LabTask) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.db.Create(t).Error; err != nil {
			return fmt.Errorf("create task: %w", translate(err))
		}
		tx.Notify(LabTopic)
		return nil
	})
}

// LabTask returns the task, or ErrNotFound.
func (s *Store) LabTask(ctx context.Context, id string) (*LabTask, error) {
	var t LabTask
	if err := s.read(ctx).Take(&t, "id = ?", id).Error; err != nil {
		return nil, fmt.Errorf("task %s: %w", id, translate(err))
	}
	return &t, nil
}

// LabTree returns the tasks under a top task, itself first, in the order of
// their creation.
func (s *Store) LabTree(ctx context.Context, root string) ([]LabTask, error) {
	var rows []LabTask
	if err := s.read(ctx).Where("root = ?", root).Order("seq").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("tasks of %s: %w", root, translate(err))
	}
	return rows, nil
}

// LabTaskFilter narrows a list of tasks; zero fields do not.
type LabTaskFilter struct {
	Status string
	Top    bool
	Page   Page
}

var labTaskOrder = order[LabTask]{
	name: "tasks",
	keys: []sortKey{{column: "id", text: true}},
	at:   func(t *LabTask) []any { return []any{t.ID} },
}

// ListLabTasks returns tasks, subtasks included, oldest first.
func (s *Store) ListLabTasks(ctx context.Context, f LabTaskFilter) (List[LabTask], error) {
	q := whereSet(s.read(ctx).Model(&LabTask{}), "status", f.Status)
	if f.Top {
		q = q.Where("parent = ''")
	}
	list, err := labTaskOrder.page(q, f.Page)
	if err != nil {
		return list, fmt.Errorf("list tasks: %w", err)
	}
	return list, nil
}

// LabChildren returns the subtasks of each of the given tasks, in the order of
// their creation. Of each it reads what tells its place and no more.
func (s *Store) LabChildren(ctx context.Context, parents []string) (map[string][]LabTask, error) {
	out := map[string][]LabTask{}
	for part := range chunks(parents, labSlice) {
		var rows []LabTask
		err := s.read(ctx).Select("id", "parent", "seq", "plan").Where("parent IN ?", part).Order("parent, seq").Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("subtasks: %w", translate(err))
		}
		for _, r := range rows {
			out[r.Parent] = append(out[r.Parent], r)
		}
	}
	return out, nil
}

// LabMessages returns the messages of each of the given tasks, oldest first.
func (s *Store) LabMessages(ctx context.Context, tasks []string) (map[string][]LabMessage, error) {
	out := map[string][]LabMessage{}
	for part := range chunks(tasks, labSlice) {
		var rows []LabMessage
		if err := s.read(ctx).Where("task IN ?", part).Order("task, id").Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("messages: %w", translate(err))
		}
		for _, r := range rows {
			out[r.Task] = append(out[r.Task], r)
		}
	}
	return out, nil
}

// LabMessageBytes is how long the messages of a task are together.
func (s *Store) LabMessageBytes(ctx context.Context, task string) (n int64, err error) {
	err = s.read(ctx).Model(&LabMessage{}).Where("task = ?", task).Select("COALESCE(SUM(octet_length(text)), 0)").Scan(&n).Error
	if err != nil {
		return 0, fmt.Errorf("messages: %w", translate(err))
	}
	return n, nil
}

// chunks cuts a list into parts of at most n.
func chunks[T any](list []T, n int) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		for len(list) > 0 {
			part := list[:min(n, len(list))]
			if list = list[len(part):]; !yield(part) {
				return
			}
		}
	}
}

// openLabTop is the condition of the index of the tasks that are not over.
// SQLite uses a partial index only when a query repeats its condition word for
// word.
const openLabTop = "parent = '' AND status NOT IN ('complete', 'terminated')"

// LabQueue returns the top tasks that wait for their nodes, oldest first.
func (s *Store) LabQueue(ctx context.Context) ([]LabTask, error) {
	var rows []LabTask
	err := s.read(ctx).Where(openLabTop + " AND status = 'queued'").Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("queue: %w", translate(err))
	}
	return rows, nil
}

// LabOrphans returns the top tasks that run, but whose lease has ended.
func (s *Store) LabOrphans(ctx context.Context, now time.Time) ([]string, error) {
	var all []string
	for _, status := range []string{"running", "terminating"} { // with IN, SQLite takes another index
		var ids []string
		err := s.read(ctx).Model(&LabTask{}).Where(openLabTop+" AND status = ? AND (lease_until IS NULL OR lease_until < ?)", status, now.UnixMicro()).
			Order("id").Pluck("id", &ids).Error
		if err != nil {
			return nil, fmt.Errorf("tasks without a server: %w", translate(err))
		}
		all = append(all, ids...)
	}
	return all, nil
}

// LabCancels returns the tasks whose cancellation was asked for and that are not
// over yet, with the columns that name them.
func (s *Store) LabCancels(ctx context.Context) ([]LabTask, error) {
	var rows []LabTask
	err := s.read(ctx).Select("id", "root", "cancel_by").
		Where("cancel_at IS NOT NULL AND status NOT IN ('complete', 'terminated')").Order("root, id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("cancellations: %w", translate(err))
	}
	return rows, nil
}

// DropLabLeases gives back the leases of a server that stops, so that others
// need not wait for their end.
func (s *Store) DropLabLeases(ctx context.Context, owner string) error {
	return s.InTx(ctx, func(tx *Store) error {
		err := tx.db.Model(&LabTask{}).Where("lease_owner = ?", owner).
			Updates(map[string]any{"lease_owner": "", "lease_until": nil}).Error
		if err != nil {
			return fmt.Errorf("give back leases: %w", translate(err))
		}
		tx.Notify(LabTopic)
		return nil
	})
}

// LabClaims returns which top task holds each node that is held.
func (s *Store) LabClaims(ctx context.Context) (map[string]string, error) {
	var rows []LabClaim
	if err := s.read(ctx).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("claims: %w", translate(err))
	}
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[r.Node] = r.Root
	}
	return out, nil
}

// LabLease is a promise to work on a top task until a time.
type LabLease struct {
	Root  string
	Owner string
	Until time.Time
}

// StartLabTask takes a queued top task and all its nodes. ErrConflict: somebody
// else was faster with the task or with a node.
func (s *Store) StartLabTask(ctx context.Context, l LabLease, nodes []string) error {
	return s.InTx(ctx, func(tx *Store) error {
		done := tx.db.Model(&LabTask{}).Where("id = ? AND status = 'queued'", l.Root).
			Updates(map[string]any{"status": "running", "lease_owner": l.Owner, "lease_until": l.Until.UnixMicro()})
		if done.Error == nil && done.RowsAffected == 0 {
			done.Error = ErrConflict
		}
		for part := range chunks(nodes, labSlice) {
			if done.Error == nil {
				done.Error = tx.db.Create(claimsOf(l.Root, part)).Error
			}
		}
		if done.Error != nil {
			return fmt.Errorf("start task %s: %w", l.Root, translate(done.Error))
		}
		return nil
	})
}

func claimsOf(root string, nodes []string) *[]LabClaim {
	rows := make([]LabClaim, len(nodes))
	for i, n := range nodes {
		rows[i] = LabClaim{Node: n, Root: root}
	}
	return &rows
}

// TakeLabLease takes over a running top task whose lease has ended.
// ErrConflict: it has not, or somebody else was faster.
func (s *Store) TakeLabLease(ctx context.Context, l LabLease, now time.Time) error {
	return s.setLease(ctx, l, openLabTop+" AND status <> 'queued' AND (lease_until IS NULL OR lease_until < ?)", now.UnixMicro())
}

// KeepLabLease renews a lease. ErrConflict: it was lost.
func (s *Store) KeepLabLease(ctx context.Context, l LabLease) error {
	return s.setLease(ctx, l, "lease_owner = ?", l.Owner)
}

func (s *Store) setLease(ctx context.Context, l LabLease, where string, args ...any) error {
	return s.InTx(ctx, func(tx *Store) error {
		done := tx.db.Model(&LabTask{}).Where("id = ?", l.Root).Where(where, args...).
			Updates(map[string]any{"lease_owner": l.Owner, "lease_until": l.Until.UnixMicro()})
		if done.Error == nil && done.RowsAffected == 0 {
			done.Error = ErrConflict
		}
		if done.Error != nil {
			return fmt.Errorf("lease of task %s: %w", l.Root, translate(done.Error))
		}
		return nil
	})
}

// SaveLabTasks stores what followed from an event under a lease: new tasks,
// changed ones and messages. When the top task is over, its nodes are free and
// its deployments have ended. ErrConflict: the lease was lost, and nothing was
// stored.
func (s *Store) SaveLabTasks(ctx context.Context, l LabLease, created, changed []LabTask, messages []LabMessage) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.KeepLabLease(ctx, l); err != nil {
			return err
		}
		for part := range chunks(created, labSlice/4) {
			if err := tx.db.Create(&part).Error; err != nil {
				return fmt.Errorf("create subtasks: %w", translate(err))
			}
		}
		for _, t := range changed {
			if err := tx.updateLabTask(l.Root, &t); err != nil {
				return err
			}
		}
		return tx.AddLabMessages(ctx, messages)
	})
}

func (s *Store) updateLabTask(root string, t *LabTask) error {
	err := s.db.Model(&LabTask{}).Where("id = ?", t.ID).
		Updates(map[string]any{"status": t.Status, "plan": t.Plan, "updated_at": t.UpdatedAt.UnixMicro()}).Error
	if err == nil && t.ID == root && final(t.Status) {
		err = s.releaseLab(root)
	}
	if err != nil {
		return fmt.Errorf("update task %s: %w", t.ID, translate(err))
	}
	return nil
}

func final(status string) bool { return status == finalLabStatuses[0] || status == finalLabStatuses[1] }

// releaseLab frees what a top task held.
func (s *Store) releaseLab(root string) error {
	s.Notify(LabTopic)
	if err := s.db.Delete(&LabClaim{}, "root = ?", root).Error; err != nil {
		return err
	}
	if err := s.db.Model(&LabDeployment{}).Where("root = ?", root).Update("ended", true).Error; err != nil {
		return err
	}
	return s.db.Model(&LabTask{}).Where("id = ?", root).Updates(map[string]any{"lease_owner": "", "lease_until": nil}).Error
}

// AddLabMessages appends messages to their tasks.
func (s *Store) AddLabMessages(ctx context.Context, messages []LabMessage) error {
	if len(messages) == 0 {
		return nil
	}
	return s.InTx(ctx, func(tx *Store) error {
		for part := range chunks(messages, labSlice/4) {
			rows := make([]LabMessage, len(part))
			copy(rows, part) // ids are filled in, and this may run again
			if err := tx.db.Create(&rows).Error; err != nil {
				return fmt.Errorf("messages: %w", translate(err))
			}
		}
		return nil
	})
}

// CancelLabTask notes that a task is to be cancelled, and lets change edit a top
// task that still waits in the queue. It returns the task as it is then.
// ErrConflict: the task is over. ErrNotFound: there is none.
func (s *Store) CancelLabTask(ctx context.Context, id, by string, change func(*LabTask) error) (*LabTask, error) {
	var t LabTask
	err := s.InTx(ctx, func(tx *Store) error {
		t = LabTask{}
		err := tx.db.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&t, "id = ?", id).Error
		switch {
		case err != nil:
			return translate(err)
		case final(t.Status):
			return ErrConflict
		case t.CancelAt != nil:
			return nil
		}
		tx.Notify(LabTopic)
		now := tx.Now()
		t.CancelBy, t.CancelAt = by, &now
		if t.Parent == "" && t.Status == "queued" {
			if err := change(&t); err != nil {
				return err
			}
		}
		return translate(tx.db.Save(&t).Error)
	})
	if err != nil {
		return nil, fmt.Errorf("cancel task %s: %w", id, err)
	}
	return &t, nil
}

// purgeSlice is how many top tasks one transaction purges: others write in
// between.
const purgeSlice = 10

// PurgeLabTasks deletes the top tasks that were created before the time and are
// over, with their subtasks, messages and work. The snapshots of designs stay. It
// returns how many top tasks went; when it fails, some may have gone.
func (s *Store) PurgeLabTasks(ctx context.Context, before time.Time) (int64, error) {
	var gone int64
	for {
		var n int
		err := s.InTx(ctx, func(tx *Store) (err error) {
			n, err = tx.purgeSome(before)
			return err
		})
		if err != nil {
			return gone, fmt.Errorf("purge tasks: %w", translate(err))
		}
		if gone += int64(n); n < purgeSlice {
			return gone, nil
		}
	}
}

func (s *Store) purgeSome(before time.Time) (int, error) {
	var roots []string
	err := s.db.Model(&LabTask{}).Where("parent = '' AND status IN ? AND created_at < ?", finalLabStatuses, before.UnixMicro()).
		Order("id").Limit(purgeSlice).Pluck("id", &roots).Error
	if err != nil || len(roots) == 0 {
		return 0, err
	}
	members := s.db.Model(&LabTask{}).Select("id").Where("root IN ?", roots)
	if err := s.db.Delete(&LabMessage{}, "task IN (?)", members).Error; err != nil {
		return 0, err
	}
	if err := s.db.Delete(&LabWork{}, "task IN (?)", members).Error; err != nil {
		return 0, err
	}
	return len(roots), s.db.Delete(&LabTask{}, "root IN ?", roots).Error
}
