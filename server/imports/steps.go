package imports

import (
	"context"
	"errors"
	"fmt"

	"github.com/slipway-lab/slipway/store"
)

// Commit stores what a step has made, and how far the import has come with it, in one
// transaction. Write may be called again with the same; nil writes nothing.
type Commit func(write func(tx *store.Store) error) error

// Steps is an import that goes by things rather than by lines, each of which may be
// larger than a transaction: a run with all its tests.
type Steps struct {
	Digest string // of the source; an import of another one begins anew
	Count  int    // of the steps, in an order that the source alone decides

	// Step does the step n, from 0, and calls commit exactly once when it returns no
	// error. What it counts in r is kept with that call.
	Step func(ctx context.Context, n int, r *Report, commit Commit) error
}

var errUncommitted = errors.New("imports: a step did not commit once")

// RunSteps does the steps of a file, from where an interrupted import has come to, adds
// to sum what all of them did, and forgets the file when they are done. It returns sum,
// also with an error.
func RunSteps(ctx context.Context, i *Import, f File, sum *Report, steps Steps) (*Report, error) {
	report, err := i.runSteps(ctx, f, steps)
	if report != nil {
		sum.Add(report)
	}
	if err != nil {
		return sum, err
	}
	return sum, i.Forget(ctx, f)
}

// runSteps is RunSteps without what comes before and after the steps.
func (i *Import) runSteps(ctx context.Context, f File, steps Steps) (*Report, error) {
	s, err := i.kept(ctx, f)
	if err != nil {
		return nil, err
	}
	if s == nil || s.Position.Digest != steps.Digest {
		s = &state{Position: Position{Digest: steps.Digest}, Report: &Report{}}
	}
	for n := s.Step; n < steps.Count; n++ {
		if err := ctx.Err(); err != nil {
			return s.Report, err
		}
		next := &state{Position: s.Position, Step: n + 1, Report: s.Report.Copy()}
		commits := 0
		err := steps.Step(ctx, n, next.Report, func(write func(*store.Store) error) error {
			commits++
			return i.commit(ctx, f, next, write)
		})
		if err == nil && commits != 1 {
			err = errUncommitted
		}
		if err != nil {
			return s.Report, fmt.Errorf("%s: step %d of %d: %w", f.Name, n+1, steps.Count, err)
		}
		s = next
	}
	return s.Report, nil
}

// unwritten is how many steps without anything to write may go by before it is noted
// how far the import has come.
const unwritten = 100

// commit writes a step with its state. Steps that write nothing are not worth a
// transaction each: one that is done again says the same.
func (i *Import) commit(ctx context.Context, f File, next *state, write func(*store.Store) error) error {
	if i.DryRun || write == nil && next.Step%unwritten != 0 {
		return nil
	}
	return i.Store.InTx(store.Patient(ctx), func(tx *store.Store) error {
		if err := tx.Lock(ctx, "import/"+i.System); err != nil {
			return err
		}
		if write != nil {
			if err := write(tx); err != nil {
				return err
			}
		}
		return i.keep(tx, f, next)
	})
}
