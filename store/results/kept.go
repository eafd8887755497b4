package results

import (
	"errors"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// KeepLock keeps what is removed and what retention keeps apart on PostgreSQL, where
// a row that another transaction is about to add is not seen.
const KeepLock = "retention/keep"

// ErrKept says that retention keeps a run, which must not go before that is taken
// back. It comes as a *KeptError.
var ErrKept = errors.New("a run is kept")

// KeptError says why a run is kept. It is ErrKept.
type KeptError struct {
	RunID  int64
	Keep   string // its id
	Reason string
	Until  *time.Time // nil: for ever
}

func (e *KeptError) Error() string {
	until := ""
	if e.Until != nil {
		until = " until " + e.Until.Format(time.RFC3339)
	}
	return fmt.Sprintf("run %d is kept%s: %s; take the keep %s back first", e.RunID, until, e.Reason, e.Keep)
}

// Unwrap returns ErrKept.
func (*KeptError) Unwrap() error { return ErrKept }

// checkUnkept returns a KeptError when retention keeps the run. Its rows are those of
// package retention.
func (s *Store) checkUnkept(runID int64) error {
	if err := s.Lock(s.db.Tx.Statement.Context, KeepLock); err != nil {
		return err
	}
	var keeps []struct {
		ID      string
		Reason  string
		UntilAt *int64
	}
	err := s.db.Tx.Table("retention_keeps").Where("run_id = ? AND (until_at IS NULL OR until_at > ?)", runID, store.Micros(s.Now())).
		Limit(1).Find(&keeps).Error
	if err != nil {
		return fmt.Errorf("keeps of run %d: %w", runID, store.Translate(err))
	}
	if len(keeps) == 0 {
		return nil
	}
	kept := &KeptError{RunID: runID, Keep: keeps[0].ID, Reason: keeps[0].Reason}
	if at := keeps[0].UntilAt; at != nil {
		until := store.FromMicros(*at)
		kept.Until = &until
	}
	return kept
}
