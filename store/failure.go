package store

import "fmt"

// QueuedFailure is something stored of which a test failed, and which no known issue
// was held against yet: a result file of a run, a report as a test, or the result of
// an opportunity. One of the three is set.
type QueuedFailure struct {
	ID                int64 `gorm:"primaryKey"`
	Tenant            string
	ResultKey         *int64
	Seq               *int64  // in kernel_tests
	OpportunityResult *string // its id
}

// QueueFailures notes in the transaction of a change what known issues are to be held
// against.
func (s *Store) QueueFailures(list ...QueuedFailure) error {
	if len(list) == 0 {
		return nil
	}
	if err := s.db.Tx.Create(&list).Error; err != nil {
		return fmt.Errorf("queue failures: %w", Translate(err))
	}
	return nil
}
