package store

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// Who waits for a lock that somebody holds who was stopped gets an answer.
func TestWaitLock_Held(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sweep.lock")
	take := func(shared bool) (func() error, error) { return waitLock(path, shared, 50*time.Millisecond) }
	alone, err := take(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, shared := range []bool{true, false} {
		if _, err := take(shared); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a lock that is held, shared %t: %v, want ErrUnavailable", shared, err)
		}
	}
	if err := alone(); err != nil {
		t.Fatal(err)
	}
	one, err := take(true)
	if err != nil {
		t.Fatal(err)
	}
	other, err := take(true)
	if err != nil {
		t.Errorf("shared twice: %v", err)
	}
	if err := errors.Join(one(), other()); err != nil {
		t.Error(err)
	}
	if alone, err = take(false); err != nil {
		t.Errorf("after both have let it go: %v", err)
	} else if err := alone(); err != nil {
		t.Error(err)
	}
}
