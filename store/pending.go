package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// PendingTopic is notified about every set that waits to be compared.
const PendingTopic = "pending_sets"

// PendingSet is a set of tests that changed and is to be compared with the one
// before it: every area queues its own in the transaction of the change.
type PendingSet struct {
	ID        int64 `gorm:"primaryKey"`
	Tenant    string
	Kind      string // of the reference
	Ref       string
	Parts     bool      // more files of it may come
	ChangedAt time.Time `gorm:"serializer:micros;type:bigint"`
	Changes   int64     // how often it changed since it was queued
	Tries     int64     // how often its comparison has failed
}

// SetRef names a set: its kind and the parts of the reference, encoded.
func SetRef(kind string, parts ...string) string {
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = url.PathEscape(p)
	}
	return kind + ":" + strings.Join(escaped, "/")
}

// QueueSet notes in the transaction of a change that the set is to be compared.
// One that waits already waits anew.
func (s *Store) QueueSet(p PendingSet) error {
	p.ChangedAt = s.Now()
	again := clause.OnConflict{
		Columns: []clause.Column{{Name: "tenant"}, {Name: "ref"}},
		DoUpdates: clause.Assignments(map[string]any{
			"changed_at": Micros(p.ChangedAt), "parts": p.Parts, "tries": 0, "changes": gorm.Expr("pending_sets.changes + 1"),
		}),
	}
	if err := s.db.Tx.Clauses(again).Create(&p).Error; err != nil {
		return fmt.Errorf("queue %s: %w", p.Ref, Translate(err))
	}
	s.Notify(PendingTopic)
	return nil
}

// queueSlack is how long a set that waits is not queued anew, so that many who report
// to one set at once do not wait for each other.
const queueSlack = time.Second

// QueueSetSoon is QueueSet for sets that many report to at once. They have to rest a
// little longer than RestingKind says.
func (s *Store) QueueSetSoon(ctx context.Context, p PendingSet) error {
	rows, err := s.db.Query(ctx, "SELECT 1 FROM pending_sets WHERE tenant = ? AND ref = ? AND changed_at > ? AND tries = 0",
		p.Tenant, p.Ref, Micros(s.Now().Add(-queueSlack)))
	if err != nil {
		return fmt.Errorf("queue %s: %w", p.Ref, Translate(err))
	}
	defer rows.Close()
	waits := rows.Next()
	if err := errors.Join(rows.Err(), rows.Close()); err != nil { // closed before the next statement
		return fmt.Errorf("queue %s: %w", p.Ref, Translate(err))
	}
	if waits {
		return nil
	}
	return s.QueueSet(p)
}

// WaitingSets are those of some sets of a tenant that wait to be compared.
func (s *Store) WaitingSets(ctx context.Context, tenant string, refs []string) (map[string]bool, error) {
	waiting := map[string]bool{}
	if len(refs) == 0 {
		return waiting, nil
	}
	var found []string
	if err := s.db.Read(ctx).Model(&PendingSet{}).Where("tenant = ? AND ref IN ?", tenant, refs).Pluck("ref", &found).Error; err != nil {
		return nil, fmt.Errorf("sets that wait to be compared: %w", Translate(err))
	}
	for _, ref := range found {
		waiting[ref] = true
	}
	return waiting, nil
}

// RestingKind says how long sets of some kind have to rest after a change before
// they are compared.
type RestingKind struct {
	Kind  string
	Parts bool
	Rest  time.Duration
	Many  bool // queued by QueueSetSoon
}

// DueSet returns a set that has rested long enough and has not failed too often, or
// ErrNotFound: of each kind the one whose last change or failure is the longest ago,
// and of these the one that was queued first.
func (s *Store) DueSet(ctx context.Context, kinds []RestingKind, maxTries int64) (*PendingSet, error) {
	var oldest *PendingSet
	for _, k := range kinds {
		if k.Many {
			k.Rest += 2 * queueSlack
		}
		var list []PendingSet
		err := s.db.Read(ctx).Where("kind = ? AND parts = ? AND changed_at <= ? AND tries < ?", k.Kind, k.Parts, Micros(s.Now().Add(-k.Rest)), maxTries).
			Order("changed_at, id").Limit(1).Find(&list).Error
		if err != nil {
			return nil, fmt.Errorf("sets to compare: %w", Translate(err))
		}
		if len(list) > 0 && (oldest == nil || list[0].ID < oldest.ID) {
			oldest = &list[0]
		}
	}
	if oldest == nil {
		return nil, ErrNotFound
	}
	return oldest, nil
}

// FinishSet takes a set off the queue in the transaction that tells of its
// comparison. ErrConflict: it changed meanwhile, or somebody else was faster.
func (s *Store) FinishSet(p *PendingSet) error {
	res := s.db.Tx.Delete(&PendingSet{}, "id = ? AND changes = ?", p.ID, p.Changes)
	err := Translate(res.Error)
	if err == nil && res.RowsAffected == 0 {
		err = ErrConflict
	}
	if err != nil {
		return fmt.Errorf("finish %s: %w", p.Ref, err)
	}
	return nil
}

// FailSet notes that the comparison of a set failed; it is tried again after those of
// its kind that wait.
func (s *Store) FailSet(ctx context.Context, p *PendingSet) error {
	return s.InTx(ctx, func(tx *Store) error {
		err := tx.db.Tx.Model(&PendingSet{}).Where("id = ? AND changes = ?", p.ID, p.Changes).
			Updates(map[string]any{"tries": gorm.Expr("tries + 1"), "changed_at": Micros(tx.Now())}).Error
		if err != nil {
			return fmt.Errorf("note that %s failed: %w", p.Ref, Translate(err))
		}
		return nil
	})
}

// BackgroundJob is work that one server at a time does.
type BackgroundJob struct {
	Name       string `gorm:"primaryKey"`
	Holder     string
	LeaseUntil time.Time `gorm:"serializer:micros;type:bigint"`
	Position   int64     // how far it has come
}

// clockSkew is more than the clocks of servers may be apart.
const clockSkew = 5 * time.Minute

// ClaimJob takes a job for this server, or keeps it, until the lease ends. It
// returns how far the job has come. ErrConflict: another server has it. A server that
// has the database for itself takes it at once: who had it before is dead. So does any
// when the lease ends later than one can: the clock was set back meanwhile.
func (s *Store) ClaimJob(ctx context.Context, name string, lease time.Duration) (position int64, err error) {
	err = s.InTx(ctx, func(tx *Store) error {
		now := tx.Now()
		fresh := BackgroundJob{Name: name, LeaseUntil: now}
		if err := tx.db.Tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&fresh).Error; err != nil {
			return Translate(err)
		}
		res := tx.db.Tx.Model(&BackgroundJob{}).
			Where("name = ? AND (holder = ? OR lease_until <= ? OR lease_until > ? OR ?)", name, s.core.id, Micros(now), Micros(now.Add(lease+clockSkew)), !tx.db.AloneSince.IsZero()).
			Updates(map[string]any{"holder": s.core.id, "lease_until": Micros(now.Add(lease))})
		if res.Error == nil && res.RowsAffected == 0 {
			return ErrConflict
		}
		if res.Error != nil {
			return Translate(res.Error)
		}
		var job BackgroundJob
		err := tx.db.Tx.Take(&job, "name = ?", name).Error
		position = job.Position
		return Translate(err)
	})
	if err != nil {
		return 0, fmt.Errorf("job %s: %w", name, err)
	}
	return position, nil
}

// HoldJob takes a job as ClaimJob does and keeps it until release, which waits for a
// renewal that is under way; the lease itself stays until its end, or EndJob. held ends
// with the cause ErrConflict when another server has taken the job meanwhile.
func (s *Store) HoldJob(ctx context.Context, name string, lease time.Duration) (held context.Context, release func(), err error) {
	if _, err := s.ClaimJob(ctx, name, lease); err != nil {
		return nil, nil, err
	}
	held, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		tick := time.NewTicker(lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-tick.C:
			}
			if _, err := s.ClaimJob(held, name, lease); errors.Is(err, ErrConflict) {
				cancel(err)
			}
		}
	})
	return held, func() { cancel(nil); renewing.Wait() }, nil
}

// MoveJob notes in the transaction of some work how far the job has come.
// ErrConflict: another server has taken it meanwhile, so the work must not count.
func (s *Store) MoveJob(name string, position int64) error {
	res := s.db.Tx.Model(&BackgroundJob{}).Where("name = ? AND holder = ?", name, s.core.id).Update("position", position)
	err := Translate(res.Error)
	if err == nil && res.RowsAffected == 0 {
		err = ErrConflict
	}
	if err != nil {
		return fmt.Errorf("job %s: %w", name, err)
	}
	return nil
}

// JobHeld reports whether another server has a job now.
func (s *Store) JobHeld(ctx context.Context, name string) (bool, error) {
	now := s.Now()
	var n int64
	err := s.db.Read(ctx).Model(&BackgroundJob{}).
		Where("name = ? AND holder <> ? AND lease_until > ? AND lease_until <= ?", name, s.core.id, Micros(now), Micros(now.Add(clockSkew))).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("job %s: %w", name, Translate(err))
	}
	return n > 0, nil
}

// EndJob gives up a job that this server has, and forgets it.
func (s *Store) EndJob(ctx context.Context, name string) error {
	err := s.InTx(ctx, func(tx *Store) error {
		return Translate(tx.db.Tx.Delete(&BackgroundJob{}, "name = ? AND holder = ?", name, s.core.id).Error)
	})
	if err != nil {
		return fmt.Errorf("end job %s: %w", name, err)
	}
	return nil
}
