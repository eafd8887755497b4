package results

import (
	"errors"
	"fmt"

	"gorm.io/gorm/clause"

	"github.com/slipway-lab/slipway/store"
)

// What RefStack's later API says of a result lies in published_results, whose rows
// are those of package refstack. It goes with the result, and may keep a run from
// being deleted.

// ErrVerified says that an administrator has verified a result, which must not
// go with something larger before that is taken back.
var ErrVerified = errors.New("a result is verified")

// checkUnverified returns ErrVerified when a result of the run is.
func (s *Store) checkUnverified(runID int64) error {
	var verified []int64
	err := s.db.Tx.Table("published_results").Clauses(clause.Locking{Strength: "UPDATE"}).
		Where("run_id = ? AND verification_status <> 0", runID).Pluck("result_key", &verified).Error
	if err = store.Translate(err); err == nil && len(verified) > 0 {
		err = ErrVerified
	}
	if err != nil {
		return fmt.Errorf("published results of run %d: %w", runID, err)
	}
	return nil
}

// unpublish forgets what was said of results that are deleted, and takes
// deleted streams away from those that stay.
func (s *Store) unpublish(keys ...int64) error {
	err := s.db.Tx.Exec("DELETE FROM published_results WHERE result_key IN ?", keys).Error
	if err == nil {
		err = s.db.Tx.Exec("UPDATE published_results SET stream_key = NULL, stream_id = '' WHERE stream_key IN ?", keys).Error
	}
	if err != nil {
		return fmt.Errorf("unpublish: %w", store.Translate(err))
	}
	return nil
}
