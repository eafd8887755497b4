package results

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-lab/slipway/store"
)

// Imported is what another system has said of a result.
type Imported struct {
	ID     uuid.UUID
	At     time.Time // when the other system got it
	Name   string    // of its run; empty for none
	Status string    // a message of its run; empty for none
}

// PublishImported is PublishResult for a result of another system: in a run of its own,
// with the id and the times that it had there. The event log says nothing of it, since
// it did not happen now. ErrConflict: there is a result with this id.
func (s *Store) PublishImported(ctx context.Context, final *Result, about Imported) (*Result, error) {
	var published *Result
	err := s.InTx(store.Patient(ctx), func(tx *Store) error {
		r := *final // a copy, in case this runs again
		if err := tx.loadIngesting(&r); err != nil {
			return err
		}
		_, err := tx.Result(ctx, about.ID)
		if err == nil {
			err = store.ErrConflict
		}
		if !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("result %s: %w", about.ID, err)
		}
		published = &r
		return tx.publishImported(&r, about)
	})
	return published, err
}

func (s *Store) publishImported(r *Result, about Imported) error {
	at := about.At.UTC()
	run := &Run{Tenant: r.Tenant, Name: about.Name, CreatedAt: at, Attempts: 1}
	if err := s.db.Tx.Create(run).Error; err != nil {
		return fmt.Errorf("create run: %w", store.Translate(err))
	}
	r.ID, r.RunID, r.Attempt, r.State, r.CreatedAt = about.ID, run.ID, 1, resultVisible, at
	if err := s.db.Tx.Save(r).Error; err != nil {
		return fmt.Errorf("publish result %d: %w", r.Key, store.Translate(err))
	}
	if about.Status != "" {
		m := &StatusMessage{RunID: run.ID, Text: about.Status, CreatedAt: at}
		if err := s.db.Tx.Create(m).Error; err != nil {
			return fmt.Errorf("status of run %d: %w", run.ID, store.Translate(err))
		}
		run.StatusID = m.ID
	}
	run.setResult(r)
	run.finish(at)
	if err := s.saveRun(run); err != nil {
		return err
	}
	if err := s.queueFailures(r); err != nil {
		return err
	}
	if r.PrivateTo != "" {
		return nil
	}
	return s.queueRun(run, r)
}
