package results

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// StatusMessage is one text that a runner posted about its run.
type StatusMessage struct {
	ID        int64 `gorm:"primaryKey"`
	RunID     int64
	Text      string
	Finished  *bool     // what the runner said about it; nil when nothing
	CreatedAt time.Time `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// AddStatus appends a message to the run and returns both. finished true
// finishes the run; false is kept with the message but opens nothing again,
// because runners report late (RefStack contract, section 3). ErrNotFound: no
// such run.
func (s *Store) AddStatus(ctx context.Context, runID int64, text string, finished *bool) (*StatusMessage, *Run, error) {
	var m *StatusMessage
	var r *Run
	err := s.InTx(ctx, func(tx *Store) (err error) {
		if r, err = tx.lockRun(runID); err != nil {
			return err
		}
		m = &StatusMessage{RunID: runID, Text: text, Finished: finished, CreatedAt: tx.Now()}
		if err := tx.db.Tx.Create(m).Error; err != nil {
			return fmt.Errorf("status of run %d: %w", runID, store.Translate(err))
		}
		// Only what changes is written: runners post often, and every other
		// column would cost its index an entry.
		r.StatusID = m.ID
		set := map[string]any{"status_id": m.ID}
		if finished != nil && *finished && !r.Finished {
			r.finish(m.CreatedAt)
			set["finished"], set["finished_at"] = true, store.Micros(*r.FinishedAt)
			if err := tx.tellFinished(r); err != nil {
				return err
			}
		}
		if err := tx.db.Tx.Model(&Run{}).Where("id = ?", runID).Updates(set).Error; err != nil {
			return fmt.Errorf("status of run %d: %w", runID, store.Translate(err))
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	r.LastStatus = m
	return m, r, nil
}

var statusOrder = store.Order[StatusMessage]{
	Name: "statuses",
	Keys: []store.SortKey{{Column: "id"}},
	At:   func(m *StatusMessage) []any { return []any{m.ID} },
}

// ListStatuses returns the messages of a run, oldest first. A run that does not
// exist has none.
func (s *Store) ListStatuses(ctx context.Context, runID int64, p store.Page) (store.List[StatusMessage], error) {
	list, err := statusOrder.Page(s.db.Read(ctx).Model(&StatusMessage{}).Where("run_id = ?", runID), p)
	if err != nil {
		return list, fmt.Errorf("statuses of run %d: %w", runID, err)
	}
	return list, nil
}

func (s *Store) statusesByID(ctx context.Context, ids []int64) (map[int64]*StatusMessage, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var list []StatusMessage
	if err := s.db.Read(ctx).Find(&list, "id IN ?", ids).Error; err != nil {
		return nil, fmt.Errorf("last statuses: %w", store.Translate(err))
	}
	byID := make(map[int64]*StatusMessage, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	return byID, nil
}
