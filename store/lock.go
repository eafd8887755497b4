package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockFile takes a lock that ends with the process at the latest. It returns
// ErrInUse, naming the holder, when somebody else has it.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w (process %s)", ErrInUse, strings.TrimSpace(string(holder)))
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// The number is for people who read the message above; the lock does not
	// depend on it.
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintln(f, os.Getpid())
	}
	return f.Close, nil
}

const (
	lockLook   = time.Millisecond // doubled with each look up to
	lockLookUp = 20 * time.Millisecond
)

// waitLock takes the lock at path, waiting for whoever has it, no longer than limit
// unless that is 0. shared holders keep out only those who want it alone.
// ErrUnavailable: somebody still has it.
func waitLock(path string, shared bool, limit time.Duration) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	if limit > 0 {
		how |= unix.LOCK_NB
	}
	giveUp := time.Now().Add(limit)
	for pause := lockLook; ; {
		err = unix.Flock(int(f.Fd()), how)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		if time.Now().After(giveUp) {
			err = fmt.Errorf("%w: somebody has held it for %s", ErrUnavailable, limit)
			break
		}
		time.Sleep(pause)
		pause = min(2*pause, lockLookUp)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f.Close, nil
}
