package analysis

import (
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// toldIssue says when it was told last that an issue explains something.
type toldIssue struct {
	IssueID string    `gorm:"primaryKey"`
	ToldAt  time.Time `gorm:"serializer:micros;type:bigint"`
}

// tellEvery is how often it is told of an issue that it explains something.
const tellEvery = 24 * time.Hour

const putTold = `INSERT INTO told_issues (issue_id, told_at) VALUES (?, ?)
	ON CONFLICT (issue_id) DO UPDATE SET told_at = EXCLUDED.told_at WHERE told_issues.told_at <= ?`

// TellIssue reports whether it is to be told now that an issue explains something, and
// notes that it was, in the transaction that tells it.
func (s *Store) TellIssue(id string) (bool, error) {
	now := s.Now()
	res := s.db.Tx.Exec(putTold, id, store.Micros(now), store.Micros(now.Add(-tellEvery)))
	if res.Error != nil {
		return false, fmt.Errorf("note that issue %s was told of: %w", id, store.Translate(res.Error))
	}
	return res.RowsAffected > 0, nil
}
