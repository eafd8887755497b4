package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// together runs closures in one batch: the first one keeps the transaction
// until all others wait in the queue.
func together(t *testing.T, s *Store, changes ...func(tx *Store) error) []error {
	t.Helper()
	s.core.writer.patient = time.Hour // on a busy machine the others take their time to queue
	return inLine(t, s, changes...)
}

// inLine is together for a batch that ends after its usual time.
func inLine(t *testing.T, s *Store, changes ...func(tx *Store) error) []error {
	t.Helper()
	ctx := context.Background()
	errs := make([]error, len(changes))
	entered, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	var first sync.Once // it may run again
	wg.Go(func() {
		errs[0] = s.InTx(ctx, func(tx *Store) error {
			first.Do(func() { close(entered) })
			<-release
			return changes[0](tx)
		})
	})
	<-entered
	for i := 1; i < len(changes); i++ {
		wg.Go(func() { errs[i] = s.InTx(ctx, changes[i]) })
		await.That(t, "the next one waits in the queue", func() bool { return len(s.core.writer.jobs) >= i })
	}
	close(release)
	wg.Wait()
	return errs
}

func addSetting(name string) func(tx *Store) error {
	return func(tx *Store) error {
		return Translate(tx.db.Tx.Create(&setting{Name: name, Value: []byte{1}}).Error)
	}
}

func wantSettings(t *testing.T, s *Store, want ...string) {
	t.Helper()
	var got []string
	if err := s.db.Read(context.Background()).Model(&setting{}).Order("name").Pluck("name", &got).Error; err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

func TestBatch_FailedCommitFailsAll(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	errs := together(t, s,
		addSetting("a"),
		func(tx *Store) error { // found only by COMMIT
			if _, err := tx.db.Exec("PRAGMA defer_foreign_keys = ON"); err != nil {
				return err
			}
			_, err := tx.db.Exec("INSERT INTO status_messages (run_id, text, created_at) VALUES (99, '', 0)")
			return err
		},
		addSetting("b"),
	)
	for i, err := range errs {
		if !errors.Is(err, ErrReference) {
			t.Errorf("caller %d: %v, want the error of the commit", i, err)
		}
	}
	wantSettings(t, s)
	if err := s.InTx(context.Background(), addSetting("next")); err != nil {
		t.Errorf("the next transaction: %v", err)
	}
	wantSettings(t, s, "next")
}

// SQLite ends the whole transaction after some errors, such as a full disk.
// Then nobody in the batch may be told that all is well.
func TestBatch_LostTransactionFailsAll(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	refused := errors.New("refused")
	errs := together(t, s,
		addSetting("a"),
		func(tx *Store) error {
			if _, err := tx.db.Exec("ROLLBACK"); err != nil {
				return err
			}
			return refused
		},
		addSetting("b"),
	)
	if errs[0] == nil {
		t.Error("the first caller: nil, want the loss of its transaction")
	}
	if !errors.Is(errs[1], refused) {
		t.Errorf("the second caller: %v, want its own error", errs[1])
	}
	if errs[2] != nil {
		t.Errorf("the third caller: %v, want nil, for it got a transaction of its own", errs[2])
	}
	wantSettings(t, s, "b")
}

func TestBatch_FirstFailureEndsTheBatch(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	refused := errors.New("refused")
	errs := together(t, s,
		func(tx *Store) error { _ = addSetting("a")(tx); return refused },
		addSetting("b"),
		func(tx *Store) error { _ = addSetting("c")(tx); return refused },
		addSetting("d"),
	)
	if !slices.Equal(errs, []error{refused, nil, refused, nil}) {
		t.Errorf("errors %v, want those of the first and the third alone", errs)
	}
	wantSettings(t, s, "b", "d")
}

// A batch that has gone on long enough is committed before the next caller.
func TestBatch_EndsAfterSomeTime(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	seen := -1
	errs := inLine(t, s,
		func(tx *Store) error {
			time.Sleep(maxBatchTime + time.Millisecond)
			return addSetting("slow")(tx)
		},
		func(*Store) error {
			var n int64
			err := s.core.reads.Model(&setting{}).Count(&n).Error
			seen = int(n)
			return err
		},
	)
	if errs[0] != nil || errs[1] != nil || seen != 1 {
		t.Errorf("errors %v; the second caller sees %d committed rows, want 1", errs, seen)
	}
}

type waitsKey struct{}

// On a disk that does not answer whoever leads hangs. The others are told in time: who
// had no turn that nothing happened, and who had one that nobody knows what became of it.
func TestBatch_LeaderHangs(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	w := s.core.writer
	w.patient = time.Hour
	w.wait = func(ctx context.Context) time.Duration { // for the turn, and then for the commit
		left := ctx.Value(waitsKey{}).(*[]time.Duration)
		next := (*left)[0]
		*left = (*left)[1:]
		return next
	}
	waiting := func(waits ...time.Duration) context.Context {
		return context.WithValue(context.Background(), waitsKey{}, &waits)
	}
	const short, long = time.Millisecond, time.Hour
	entered, release := make(chan struct{}), make(chan struct{})
	hangs, recovers := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	do := func(ctx context.Context, want error, change func(tx *Store) error) {
		wg.Go(func() {
			if err := s.InTx(ctx, change); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		})
	}
	do(context.Background(), nil, func(tx *Store) error {
		close(entered)
		<-release
		return addSetting("leads")(tx)
	})
	<-entered
	unknown := make(chan struct{})
	wg.Go(func() {
		defer close(unknown)
		if err := s.InTx(waiting(long, short), addSetting("had a turn")); !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("whose commit does not end: %v, want ErrOutcomeUnknown", err)
		}
	})
	await.That(t, "the second waits", func() bool { return len(w.jobs) == 1 })
	do(waiting(long, long), nil, func(tx *Store) error {
		close(hangs)
		<-recovers
		return addSetting("hangs")(tx)
	})
	await.That(t, "the third waits", func() bool { return len(w.jobs) == 2 })
	close(release)
	<-hangs
	if err := s.InTx(waiting(short), addSetting("had none")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without a turn: %v, want ErrUnavailable", err)
	}
	<-unknown
	close(recovers)
	wg.Wait()
	wantSettings(t, s, "had a turn", "hangs", "leads")
}

// What is left of a closure cannot use the transaction that it had.
func TestBatch_TransactionIsOver(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	var kept *Store
	if err := s.InTx(context.Background(), func(tx *Store) error { kept = tx; return addSetting("a")(tx) }); err != nil {
		t.Fatal(err)
	}
	if err := addSetting("late")(kept); !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("a write after the commit: %v, want %v", err, sql.ErrTxDone)
	}
	wantSettings(t, s, "a")
}

// SQLite may have ended the transaction itself. The next one finds the connection in order.
func TestBatch_RollbackOfNothing(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for range 2 {
		err := s.InTx(context.Background(), func(tx *Store) error {
			_, err := tx.db.Exec("ROLLBACK")
			return errors.Join(err, ErrInvalid)
		})
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%v, want the error of the change", err)
		}
	}
	if err := s.InTx(context.Background(), addSetting("next")); err != nil {
		t.Errorf("the next transaction: %v", err)
	}
	wantSettings(t, s, "next")
}

// Who fails after he has written takes the others with him once: they do their work
// again, and who fails after that harms nobody.
func TestBatch_Spoiled(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	refused := errors.New("refused")
	var ran [4]int
	var hooks atomic.Int64 // they run in the callers
	add := func(i int, name string, err error) func(tx *Store) error {
		return func(tx *Store) error {
			ran[i]++
			tx.AfterCommit(func() { hooks.Add(1) })
			return errors.Join(addSetting(name)(tx), err)
		}
	}
	errs := together(t, s, add(0, "a", nil), add(1, "b", nil), add(2, "c", refused), add(3, "d", nil))
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], refused) || errs[3] != nil {
		t.Errorf("errors %v, want that of the third alone", errs)
	}
	if ran != [4]int{2, 2, 1, 1} || hooks.Load() != 3 {
		t.Errorf("they ran %v times, and %d hooks; want the first two twice, and a hook for each that was committed", ran, hooks.Load())
	}
	wantSettings(t, s, "a", "b", "d")

	ran = [4]int{}
	hooks.Store(0)
	_ = together(t, s, add(0, "e", nil), add(1, "f", refused), add(2, "g", nil))
	if ran != [4]int{1, 1, 1, 0} || hooks.Load() != 2 {
		t.Errorf("after that they ran %v times, and %d hooks; want once each", ran, hooks.Load())
	}
	wantSettings(t, s, "a", "b", "d", "e", "g")
}

// Who only looks, breaks a constraint or fails in a savepoint of his own before he
// writes spoils nothing.
func TestBatch_NotSpoiled(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	refused := errors.New("refused")
	ran := 0
	errs := together(t, s,
		func(tx *Store) error { ran++; return addSetting("a")(tx) },
		func(tx *Store) error { return errors.Join(tx.db.Tx.Find(&[]setting{}).Error, refused) },
		addSetting("a"),
		func(tx *Store) error {
			return tx.InTx(context.Background(), func(*Store) error { return refused })
		},
		addSetting("b"),
	)
	want := []error{nil, refused, ErrConflict, refused, nil}
	for i, err := range errs {
		if !errors.Is(err, want[i]) {
			t.Errorf("caller %d: %v, want %v", i, err, want[i])
		}
	}
	if ran != 1 {
		t.Errorf("the first ran %d times, want once", ran)
	}
	errs = together(t, s,
		func(tx *Store) error { ran++; return addSetting("c")(tx) },
		func(tx *Store) (err error) {
			defer func() { _ = recover() }()
			return tx.InTx(context.Background(), func(tx *Store) error { _ = addSetting("x")(tx); panic("here") })
		},
		addSetting("d"),
	)
	if errors.Join(errs...) != nil || ran != 2 {
		t.Errorf("errors %v, the first ran %d times in all; a panic inside a savepoint that is undone spoils nothing", errs, ran)
	}
	wantSettings(t, s, "a", "b", "c", "d")
}
