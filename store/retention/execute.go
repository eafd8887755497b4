package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
	"github.com/slipway-lab/slipway/store/results"
)

// JobName is the job of the server that removes.
const JobName = "retention"

// maxTries is how often a run may fail before it is given up.
const maxTries = 5

// execution is a run that is being done.
type execution struct {
	*Store
	run      *Run
	plan     *Plan
	progress *Progress
	noted    []byte // the progress as it is in the row
	pause    func(took time.Duration) error
}

// Execute does what is left of a run. pause is called after each transaction with the
// time that it took. ErrConflict: another server does it now. What fails otherwise is
// noted in the run, which is given up after some tries.
func (s *Store) Execute(ctx context.Context, r *Run, pause func(took time.Duration) error) error {
	e := &execution{Store: s, run: r, noted: r.Progress, pause: pause}
	err := e.do(ctx)
	if err == nil || ctx.Err() != nil || errors.Is(err, store.ErrConflict) {
		return err
	}
	return errors.Join(err, s.noteFailure(context.WithoutCancel(ctx), r))
}

func (e *execution) do(ctx context.Context) (err error) {
	if e.plan, err = e.run.ReadPlan(); err != nil {
		return err
	}
	if e.progress, err = e.run.ReadProgress(); err != nil {
		return err
	}
	if err := e.begin(ctx); err != nil {
		return err
	}
	for ; e.progress.Step < len(e.plan.Steps); e.progress.Step++ {
		if err := e.finishGoing(ctx); err != nil {
			return err
		}
		if err := e.step(ctx, &e.plan.Steps[e.progress.Step]); err != nil {
			return err
		}
	}
	if err := e.finishGoing(ctx); err != nil {
		return err
	}
	if err := e.Results.PurgeExpired(ctx, e.pause); err != nil {
		return err
	}
	if err := e.names(ctx); err != nil {
		return err
	}
	if _, err := e.GiveBack(ctx, e.pause); err != nil {
		return err
	}
	return e.end(ctx)
}

// begin notes that somebody is at it.
func (e *execution) begin(ctx context.Context) error {
	return e.InTx(ctx, func(tx *Store) error {
		if err := tx.MoveJob(JobName, 0); err != nil {
			return err
		}
		q := tx.db.Tx.Model(&Run{}).Where("id = ? AND ended_at IS NULL", e.run.ID.String())
		return store.Translate(q.Updates(map[string]any{"state": Running, "started_at": tables.Coalesce("started_at", store.Micros(tx.Now()))}).Error)
	})
}

// step removes what goes in a step.
func (e *execution) step(ctx context.Context, step *Step) error {
	u := e.unitNamed(step.Unit)
	if u.name == Events {
		if err := e.wholePartitions(ctx, u); err != nil {
			return err
		}
	}
	pace := tables.NewDeletePace()
	var after *candidate
	for {
		list, err := e.candidates(ctx, e.plan, u, step, after, nil)
		if err != nil || len(list) == 0 {
			return err
		}
		after = &list[len(list)-1]
		if list, err = e.going(ctx, u, list); err != nil {
			return err
		}
		for len(list) > 0 {
			n, parts := fitting(list, pace.Rows())
			took, err := e.slice(ctx, u, step, list[:n])
			if err != nil {
				return fmt.Errorf("remove %s: %w", u.name, err)
			}
			list = list[n:]
			pace.Took(parts, took)
			if err := e.pause(took); err != nil {
				return err
			}
		}
	}
}

// fitting returns how many of the candidates make a slice of so many parts, at least one,
// and how many parts those have.
func fitting(list []candidate, most int) (n, parts int) {
	for i := range list {
		more := max(list[i].parts, 1)
		if i > 0 && parts+more > most {
			break
		}
		n, parts = n+1, parts+more
	}
	return n, parts
}

// slice removes some rows, those of them that may still go, in the transaction that
// notes it.
func (e *execution) slice(ctx context.Context, u *unit, step *Step, slice []candidate) (took time.Duration, err error) {
	var blobs []string
	var next Progress
	err = e.InTx(store.Patient(ctx), func(tx *Store) error {
		if err := tx.Lock(ctx, results.KeepLock); err != nil {
			return err
		}
		started := time.Now()
		defer func() { took = time.Since(started) }()
		list, err := tx.candidates(ctx, e.plan, u, step, nil, u.keys(slice))
		if err == nil {
			list, err = tx.going(ctx, u, list)
		}
		if err != nil || len(list) == 0 {
			return err
		}
		if next, err = e.progress.copied(); err != nil {
			return err
		}
		next.Going = &Going{}
		if blobs, err = u.remove(ctx, tx, next.Going, list); err != nil {
			return err
		}
		for i := range list {
			at := store.FromMicros(list[i].at)
			next.Amounts.of(u.class()).add(list[i].rows, list[i].bytes, &at, &at)
		}
		return e.note(tx, &next)
	})
	if err != nil {
		return took, err
	}
	if err := e.RemoveUnusedBlobs(ctx, blobs...); err != nil {
		return took, err
	}
	return took, e.finishGoing(ctx)
}

// copied is a progress that can be changed.
func (p *Progress) copied() (next Progress, err error) {
	text, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(text, &next)
	}
	return next, err
}

// note writes the progress of the run in a transaction, while this server does it.
// ErrConflict: another one does, and has noted something else.
func (e *execution) note(tx *Store, p *Progress) error {
	if err := tx.MoveJob(JobName, 0); err != nil {
		return err
	}
	if p.Going != nil && len(p.Going.Groups)+len(p.Going.Kernels) == 0 && p.Going.Events == nil {
		p.Going = nil
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	res := tx.db.Tx.Model(&Run{}).Where("id = ? AND ended_at IS NULL AND progress = ?", e.run.ID.String(), tables.Bytes(e.noted)).Update("progress", store.JSON(text))
	if err := store.Translate(res.Error); err != nil {
		return err
	}
	if res.RowsAffected == 0 {
		return fmt.Errorf("run of retention %s: %w", e.run.ID, store.ErrConflict)
	}
	tx.AfterCommit(func() { e.progress, e.noted = p, text })
	return nil
}

// names removes the names to which nothing refers any more.
func (e *execution) names(ctx context.Context) error {
	if NamesStay(e.plan.Rules) {
		return nil
	}
	_, err := e.Results.SweepNames(ctx, results.Slices{Pause: e.pause, Within: func(tx *store.Store, removed int64) error {
		next, err := e.progress.copied()
		if err != nil {
			return err
		}
		next.Amounts.of(Names).add(removed, removed*nameBytes, nil, nil)
		return e.note(New(tx), &next)
	}})
	return err
}

// FinishedEvent is the type of the event that tells of a run's end.
const FinishedEvent = "retention.finished"

// end notes that everything has gone, in the audit log and the event log as well.
func (e *execution) end(ctx context.Context) error {
	return e.InTx(ctx, func(tx *Store) error {
		last := *e.progress
		if err := e.note(tx, &last); err != nil {
			return err
		}
		res := tx.db.Tx.Model(&Run{}).Where("id = ? AND ended_at IS NULL", e.run.ID.String()).
			Updates(map[string]any{"state": Done, "error": "", "ended_at": store.Micros(tx.Now())})
		if res.Error != nil || res.RowsAffected == 0 {
			return store.Translate(res.Error)
		}
		return tx.tell(ctx, e.run, Done, e.progress.Amounts.List())
	})
}

// tell writes an entry of the audit log and an event about the end of a run.
func (s *Store) tell(ctx context.Context, r *Run, state State, amounts []Amount) error {
	var parts []string
	for i := range amounts {
		parts = append(parts, fmt.Sprintf("%s %d", amounts[i].Class, amounts[i].Rows))
	}
	said := "nothing was removed"
	if len(parts) > 0 {
		said = "removed " + strings.Join(parts, ", ")
	}
	if state == Failed {
		said = "given up; " + said
	}
	data, err := json.Marshal(map[string]any{"id": r.ID, "state": state, "origin": r.Origin, "classes": amounts})
	if err != nil {
		return err
	}
	err = s.AppendEvents(store.Event{Tenant: r.Tenant, Area: "retention", Type: FinishedEvent, Time: s.Now(), Data: data})
	if err != nil {
		return err
	}
	return s.AddAudit(ctx, []store.AuditEntry{{
		At: s.Now(), Event: "retention", Actor: r.CreatedBy, Tenant: r.Tenant, Object: "/v1/retention/runs/" + r.ID.String(), Decision: "allowed", Reason: said, Roles: store.Strings{},
	}})
}

// interrupted is what a run says that failed; why is in the log.
const interrupted = "it was interrupted by an error; the server's log says by which"

// noteFailure notes that a run was interrupted, and gives it up after some tries.
func (s *Store) noteFailure(ctx context.Context, r *Run) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.MoveJob(JobName, 0); err != nil {
			return err
		}
		var now Run
		if err := tx.db.Tx.Take(&now, "id = ?", r.ID.String()).Error; err != nil {
			return store.Translate(err)
		}
		change := map[string]any{"error": interrupted, "tries": now.Tries + 1}
		if now.Tries+1 >= maxTries {
			change["state"], change["ended_at"] = Failed, store.Micros(tx.Now())
			progress, err := now.ReadProgress()
			if err != nil {
				return err
			}
			if err := tx.tell(ctx, &now, Failed, progress.Amounts.List()); err != nil {
				return err
			}
		}
		return store.Translate(tx.db.Tx.Model(&Run{}).Where("id = ?", r.ID.String()).Updates(change).Error)
	})
}
