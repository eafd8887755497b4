package retention

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
	"github.com/slipway-lab/slipway/store/internal/tables"
)

// underWay is how long after its time an event may be committed.
const underWay = time.Hour

// wholePartitions removes the partitions of PostgreSQL all of whose events go by the
// plan, by whichever of its steps: that costs next to nothing, and gives the room back.
func (e *execution) wholePartitions(ctx context.Context, u *unit) error {
	list, err := e.Partitions(ctx, "events")
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].To.After(e.plan.AsOf.Add(-underWay)) {
			continue
		}
		if err := e.wholePartition(ctx, u, &list[i]); err != nil {
			return fmt.Errorf("events of partition %s: %w", list[i].Name, err)
		}
	}
	return nil
}

// wholePartition notes that all of a partition goes, when it does, and removes it.
// Nothing comes into it any more, because its time is over.
func (e *execution) wholePartition(ctx context.Context, u *unit, part *store.Partition) error {
	goes, args := e.goes(u)
	within := " FROM " + u.from + " WHERE " + u.time + " >= ? AND " + u.time + " < ?"
	var staying int64
	err := e.db.Read(store.Patient(ctx)).Raw("SELECT COUNT(*) FROM (SELECT 1"+within+" AND ("+goes+") IS NOT TRUE LIMIT 1) AS one",
		append([]any{part.MinKey, part.EndKey}, args...)...).Row().Scan(&staying)
	if err != nil || staying > 0 {
		return store.Translate(err)
	}
	var all struct{ Rows, Bytes, Oldest, Newest, Last int64 }
	err = e.db.Read(store.Patient(ctx)).Raw("SELECT COUNT(*) AS rows, COALESCE(SUM("+u.bytes+"), 0) AS bytes, COALESCE(MIN("+u.time+"), 0) AS oldest, COALESCE(MAX("+
		u.time+"), 0) AS newest, COALESCE(MAX("+u.key+"), 0) AS last"+within, part.MinKey, part.EndKey).Scan(&all).Error
	if err != nil || all.Rows == 0 {
		return store.Translate(err)
	}
	err = e.InTx(store.Patient(ctx), func(tx *Store) error {
		next, err := e.progress.copied()
		if err != nil {
			return err
		}
		oldest, newest := store.FromMicros(all.Oldest), store.FromMicros(all.Newest)
		next.Amounts.of(u.class()).add(all.Rows, all.Bytes, &oldest, &newest)
		next.Going = &Going{Events: &bounds{part.MinKey, part.EndKey}}
		if err := tx.NoteEventsRemoved(all.Last); err != nil {
			return err
		}
		return e.note(tx, &next)
	})
	if err != nil {
		return err
	}
	return e.finishPartition(ctx)
}

// goes is the condition that an event goes by some step of the plan.
func (e *execution) goes(u *unit) (sql string, args []any) {
	var some []string
	for i := range e.plan.Steps {
		if e.plan.Steps[i].Unit != u.name {
			continue
		}
		where := e.conditions(e.plan, u, &e.plan.Steps[i])
		some = append(some, tables.Where(where)[len(" WHERE "):])
		args = append(args, tables.Args(where)...)
	}
	return "(" + strings.Join(some, ") OR (") + ")", args
}

// finishPartition removes the partition of which it is noted that it goes, and notes
// that it is gone.
func (e *execution) finishPartition(ctx context.Context) error {
	if e.progress.Going == nil || e.progress.Going.Events == nil {
		return nil
	}
	going := *e.progress.Going.Events
	list, err := e.Partitions(ctx, "events")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(p store.Partition) bool { return bounds{p.MinKey, p.EndKey} == going })
	if i >= 0 {
		if err := e.DropPartition(ctx, list[i]); err != nil {
			return err
		}
	}
	return e.InTx(ctx, func(tx *Store) error {
		next, err := e.progress.copied()
		if err != nil {
			return err
		}
		next.Going.Events = nil
		return e.note(tx, &next)
	})
}
