package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// Message is a message about the course of a task.
type Message struct {
	ID          int64 `gorm:"primaryKey"`
	Task        string
	Text        string
	Error       bool
	ContextType string
	Context     string
	Extra       store.JSON // nil when there is nothing
	CreatedAt   time.Time  `gorm:"serializer:micros;type:bigint;autoCreateTime:false"`
}

// Messages returns the messages of each of the given tasks, oldest first.
func (s *Store) Messages(ctx context.Context, tasks []string) (map[string][]Message, error) {
	out := map[string][]Message{}
	for part := range chunks(tasks, batchRows) {
		var rows []Message
		if err := s.db.Read(ctx).Where("task IN ?", part).Order("task, id").Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("messages: %w", store.Translate(err))
		}
		for _, r := range rows {
			out[r.Task] = append(out[r.Task], r)
		}
	}
	return out, nil
}

// MessageBytes is how long the messages of a task are together.
func (s *Store) MessageBytes(ctx context.Context, task string) (n int64, err error) {
	err = s.db.Read(ctx).Model(&Message{}).Where("task = ?", task).Select("COALESCE(SUM(octet_length(text)), 0)").Scan(&n).Error
	if err != nil {
		return 0, fmt.Errorf("messages: %w", store.Translate(err))
	}
	return n, nil
}

// AddMessages appends messages to their tasks.
func (s *Store) AddMessages(ctx context.Context, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	return s.InTx(ctx, func(tx *Store) error {
		for part := range chunks(messages, batchRows/4) {
			rows := make([]Message, len(part))
			copy(rows, part) // ids are filled in, and this may run again
			if err := tx.db.Tx.Create(&rows).Error; err != nil {
				return fmt.Errorf("messages: %w", store.Translate(err))
			}
		}
		return nil
	})
}
