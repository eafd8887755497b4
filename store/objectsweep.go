package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-lab/slipway/store/internal/bucket"
)

// blobHold is a content that stays although no row names it yet.
type blobHold struct {
	ID        string `gorm:"primaryKey"`
	Place     string
	Content   string
	HeldUntil time.Time `gorm:"serializer:micros;type:bigint"`
}

// A hold is renewed while its request lasts, and ends by itself when its server was
// killed.
const (
	holdTime  = 30 * time.Minute
	holdAgain = 10 * time.Minute
)

// hold writes a hold in the transaction of what is held; nil when nobody holds.
func (b *objectBlobs) hold(ctx context.Context, tx *Store, sha string) (*blobHold, error) {
	if holder(ctx) == nil {
		return nil, nil //nolint:nilnil // nothing is held
	}
	held := &blobHold{ID: tx.NewID().String(), Place: b.place, Content: sha, HeldUntil: tx.Now().Add(holdTime)}
	return held, Translate(tx.db.Tx.Create(held).Error)
}

// keepHold renews a hold until it is released.
func (b *objectBlobs) keepHold(ctx context.Context, held *blobHold) {
	if held == nil {
		return
	}
	h := holder(ctx)
	ctx = context.WithoutCancel(ctx)
	renewing, stop := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(holdAgain)
		defer tick.Stop()
		for {
			select {
			case <-renewing.Done():
				return
			case <-tick.C:
			}
			_ = b.store.InTx(renewing, func(tx *Store) error { // or it ends early, which the sweep's day covers
				return tx.db.Tx.Model(held).Update("held_until", Micros(tx.Now().Add(holdTime))).Error
			})
		}
	}()
	h.add(func() error {
		stop()
		ctx, cancel := context.WithTimeout(ctx, sendTimeout)
		defer cancel()
		return b.store.InTx(ctx, func(tx *Store) error { return tx.db.Tx.Delete(held).Error })
	})
}

func (b *objectBlobs) Remove(ctx context.Context, sha string) error {
	_, err := b.remove(ctx, sha, func(*Store, *blobRow) (bool, error) { return true, nil })
	return err
}

func (b *objectBlobs) RemoveUnused(ctx context.Context, shas []string, referenced func([]string) (map[string]bool, error)) error {
	for _, sha := range shas {
		_, err := b.remove(ctx, sha, func(tx *Store, row *blobRow) (bool, error) {
			if held, err := b.held(tx, sha); err != nil || held {
				return false, err
			}
			keep, err := referenced([]string{sha})
			return !keep[sha], err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *objectBlobs) held(tx *Store, sha string) (bool, error) {
	var n int64
	err := tx.db.Tx.Model(&blobHold{}).Where("place = ? AND content = ? AND held_until > ?", b.place, sha, Micros(tx.Now())).Count(&n).Error
	return n > 0, Translate(err)
}

// remove removes the row, when unused says so while nobody can commit the same
// content, and then its object. An object that cannot be removed then has no row,
// and the sweep finds it. unused may look through another connection, so one at a
// time asks: else all of the pool could wait for one more.
func (b *objectBlobs) remove(ctx context.Context, sha string, unused func(*Store, *blobRow) (bool, error)) (bool, error) {
	b.removing.Lock()
	defer b.removing.Unlock()
	var row blobRow
	err := b.store.InTx(ctx, func(tx *Store) error {
		row = blobRow{}
		if err := tx.Lock(ctx, "blob/"+sha); err != nil {
			return err
		}
		var there blobRow
		err := Translate(tx.db.Tx.Take(&there, "place = ? AND content = ?", b.place, sha).Error)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if gone, err := unused(tx, &there); err != nil || !gone {
			return err
		}
		row = there
		return Translate(tx.db.Tx.Delete(&there).Error)
	})
	if err != nil {
		return false, fmt.Errorf("remove blob %.80q: %w", sha, err)
	}
	if row.Object == "" {
		return false, nil
	}
	b.cache.remove(sha)
	if err := b.bucket.Remove(ctx, row.Object); err != nil {
		return true, fmt.Errorf("remove blob %s: %w", sha, b.meaning(ctx, err))
	}
	return true, nil
}

func (b *objectBlobs) Sweep(ctx context.Context, before time.Time, referenced func([]string) (map[string]bool, error)) (int, error) {
	removed := 0
	err := b.each(ctx, func(rows []blobRow) error {
		var old []string
		for i := range rows {
			if rows[i].CommittedAt.Before(before) {
				old = append(old, rows[i].Content)
			}
		}
		if len(old) == 0 {
			return nil
		}
		keep, err := referenced(old)
		if err != nil {
			return err
		}
		for _, sha := range old {
			if keep[sha] {
				continue
			}
			gone, err := b.remove(ctx, sha, func(tx *Store, row *blobRow) (bool, error) {
				held, err := b.held(tx, sha)
				return !held && row.CommittedAt.Before(before), err // somebody may have committed it since
			})
			if gone {
				removed++
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = b.sweepHolds(ctx)
	}
	if err == nil {
		err = b.sweepObjects(ctx, before)
	}
	if err != nil {
		return removed, fmt.Errorf("sweep blobs: %w", err)
	}
	return removed, nil
}

func (b *objectBlobs) sweepHolds(ctx context.Context) error {
	return b.store.InTx(ctx, func(tx *Store) error {
		return Translate(tx.db.Tx.Delete(&blobHold{}, "held_until < ?", Micros(tx.Now())).Error)
	})
}

// listAgain is how long after a look through the whole bucket the next one comes:
// it costs a request for every thousand objects.
const listAgain = 6 * time.Hour

// sweepObjects removes the objects that no row leads to, which killed servers leave
// behind, and ends uploads that were never finished. Their age is the store's own
// word; no upload takes a day.
func (b *objectBlobs) sweepObjects(ctx context.Context, before time.Time) error {
	b.removing.Lock()
	again := time.Since(b.listed) < listAgain
	b.removing.Unlock()
	if again {
		return nil
	}
	err := b.bucket.List(ctx, objectStart, func(some []bucket.Object) error {
		var old []string
		for _, o := range some {
			if o.Modified.Before(before) {
				old = append(old, o.Name)
			}
		}
		return b.removeStray(ctx, old)
	})
	if err == nil {
		_, err = b.bucket.AbortUploads(ctx, before)
	}
	if err != nil {
		return b.meaning(ctx, err)
	}
	b.removing.Lock()
	defer b.removing.Unlock()
	b.listed = time.Now()
	return nil
}

// removeStray asks for the rows after the objects were listed, so that whoever
// committed in between is seen.
func (b *objectBlobs) removeStray(ctx context.Context, objects []string) error {
	if len(objects) == 0 {
		return nil
	}
	var named []string
	err := b.store.db.Read(ctx).Model(&blobRow{}).Where("place = ? AND object IN ?", b.place, objects).Pluck("object", &named).Error
	if err != nil {
		return Translate(err)
	}
	keep := map[string]bool{}
	for _, name := range named {
		keep[name] = true
	}
	for _, name := range objects {
		if keep[name] {
			continue
		}
		if err := b.bucket.Remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// each calls f with the rows, some at a time, in the order of their contents.
func (b *objectBlobs) each(ctx context.Context, f func([]blobRow) error) error {
	after := ""
	for {
		var rows []blobRow
		err := b.store.db.Read(ctx).Where("place = ? AND content > ?", b.place, after).Order("content").Limit(sweepChunk).Find(&rows).Error
		if err != nil {
			return Translate(err)
		}
		if len(rows) == 0 {
			return nil
		}
		if err := f(rows); err != nil {
			return err
		}
		after = rows[len(rows)-1].Content
	}
}

// Each calls f with every blob, also with one that is not there any more.
func (b *objectBlobs) Each(ctx context.Context, f func(sha string, size int64) error) error {
	return b.each(ctx, func(rows []blobRow) error {
		for i := range rows {
			if err := f(rows[i].Content, rows[i].Bytes); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}
