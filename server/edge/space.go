package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
)

// floor is the free space below which nothing new is stored. Without a limit it is
// the first byte: a disk that has none left is full whatever the settings say.
func (c Settings) floor(total int64) int64 {
	if c.MinFree == 0 || c.MinFreePercent == 0 {
		return 1
	}
	return min(c.MinFree, int64(float64(total)/100*c.MinFreePercent))
}

// Full reports whether the free space is below its floor. What cannot be measured
// is not: then the disk itself will tell.
func (s *Stack) Full(ctx context.Context) bool {
	if s.config.Space == nil {
		return false
	}
	room, err := s.config.Space()
	if err != nil {
		slog.WarnContext(ctx, "free space cannot be measured", "error", err)
		return false
	}
	return room.Free < s.config.floor(room.Total)
}

// roomFor refuses what would store something new while the free space is below its
// floor, before its body comes. The rest below the floor is for what ends things and
// makes room.
func (s *Stack) roomFor(ctx context.Context, op *operation) error {
	if !op.needsSpace || !s.Full(ctx) {
		return nil
	}
	return fault.Full(60, "the server has too little free space to store something new; deleting and reading go on")
}

// holding keeps the files that a request stores from being removed before the rows
// that name them are there. Reads that may go to a standby say so here; when it goes
// away in the middle of one, and nothing was answered yet, they begin again without it.
func holding(next echo.HandlerFunc, op *operation) echo.HandlerFunc {
	if op.standby {
		return func(c echo.Context) error {
			ctx := store.MayReadStandby(c.Request().Context())
			c.SetRequest(c.Request().WithContext(ctx))
			err := next(c)
			if err != nil && !c.Response().Committed && store.LeaveStandby(ctx, err) {
				return next(c)
			}
			return err
		}
	}
	if !op.needsSpace {
		return next
	}
	return func(c echo.Context) error {
		ctx, release := store.HoldBlobs(c.Request().Context())
		defer release()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// fullFor is a full disk in the words of an operation that stores nothing new: it
// cannot work at the moment.
func fullFor(op *operation, f *fault.Fault) *fault.Fault {
	if f.Status != http.StatusInsufficientStorage || op.needsSpace {
		return f
	}
	return fault.Unavailable("the server has no space left, not even for this; nothing was changed").Because(f)
}

// lostFor is stored bytes that cannot be read back in the words of an operation that has
// just stored them: nothing is lost yet, as the caller still has them to send again.
func lostFor(op *operation, f *fault.Fault) *fault.Fault {
	if f.Status != http.StatusGone || !op.needsSpace || op.saysGone || !errors.Is(f, store.ErrContentLost) {
		return f
	}
	return fault.Unavailable("what was sent could not be read back from where it was stored; nothing was changed").Because(f)
}
