package reports

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/slipway-lab/slipway/store"
	reportstore "github.com/slipway-lab/slipway/store/reports"
)

const (
	keepLease = time.Minute
	keepAgain = 10 * time.Second // after another server had the job
	keepSlice = 100              // reports in one transaction

	// kept is the position of a job that has come to its end.
	kept = -1
)

// Background notes cases and boots as tests that were stored before reports were, once
// and then never again. It returns when that is done, or ctx ends. Any number of
// replicas may run it at once.
func (h *Handler) Background(ctx context.Context) {
	for _, job := range []struct {
		name string
		of   *resource
		keep func(ctx context.Context, tx *reportstore.Store, row *reportstore.Report) error
	}{{"reports.cases", cases, keepCase}, {"reports.boots", boots, keepBoot}} {
		for ctx.Err() == nil {
			done, err := h.keepSome(ctx, job.name, job.of, job.keep)
			if done {
				break
			}
			if err == nil {
				continue
			}
			if !errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
				slog.ErrorContext(ctx, "reports of earlier times as tests", "job", job.name, "error", err)
			}
			select {
			case <-time.After(keepAgain):
			case <-ctx.Done():
			}
		}
	}
}

// keepSome notes some more reports as tests, in the transaction that notes how far it
// has come.
func (h *Handler) keepSome(ctx context.Context, job string, of *resource, keep func(context.Context, *reportstore.Store, *reportstore.Report) error) (done bool, err error) {
	position, err := h.store.ClaimJob(ctx, job, keepLease)
	if err != nil || position == kept {
		return err == nil, err
	}
	err = h.store.For(store.Everything).InTx(ctx, func(tx *reportstore.Store) error {
		last, err := tx.UnkeptTests(ctx, of.table, position, keepSlice, func(row *reportstore.Report) error {
			return keep(ctx, tx.For(store.Scope{Tenant: row.Tenant}), row)
		})
		if err != nil {
			return err
		}
		if done = last == 0; done {
			last = kept
		}
		return tx.MoveJob(job, last)
	})
	return done && err == nil, err
}

func keepBoot(ctx context.Context, tx *reportstore.Store, row *reportstore.Report) error {
	b, err := boots.document(row)
	if err != nil {
		return err
	}
	return keepOld(ctx, tx, bootTest(b))
}

// keepCase leaves out a case whose group is gone: it belongs to nothing.
func keepCase(ctx context.Context, tx *reportstore.Store, row *reportstore.Report) error {
	c, err := cases.document(row)
	if err != nil {
		return err
	}
	found, err := tx.ReportByID(ctx, groups.table, c.Text("test_group_id"))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	g, err := groups.document(found)
	if err != nil {
		return err
	}
	above, err := groupsAbove(ctx, tx, g)
	if err != nil {
		return err
	}
	return keepOld(ctx, tx, caseTest(c, g, above))
}

// keepOld notes a report as a test that came when the report was made.
func keepOld(ctx context.Context, tx *reportstore.Store, t reportstore.KernelTest) error {
	t.Stored = time.UnixMilli(t.Created).UTC()
	return tx.KeepTests(ctx, t)
}
