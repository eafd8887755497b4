package fault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/fault"
	"github.com/slipway-lab/slipway/store"
)

func TestFrom(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		err  error
		want int
	}{
		{"a fault stays one", fault.Conflict("x"), 409},
		{"also when it is wrapped", fmt.Errorf("doing: %w", fault.Invalid("x")), 400},
		{"not found", fmt.Errorf("run 7: %w", store.ErrNotFound), 404},
		{"conflict", fmt.Errorf("run 7: %w", store.ErrConflict), 409},
		{"the store is away", fmt.Errorf("ping: %w", store.ErrUnavailable), 503},
		{"the disk is full", fmt.Errorf("commit: %w", store.ErrFull), 507},
		{"it took too long", context.DeadlineExceeded, 503},
		{"the client has gone", context.Canceled, 503},
		{"a body that is too large", &http.MaxBytesError{Limit: 7}, 413},
		{"anything else", errors.New("secret detail"), 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			f := fault.From(tt.err)
			if f.Status != tt.want {
				t.Errorf("From(%v): %d, want %d", tt.err, f.Status, tt.want)
			}
			if strings.Contains(f.Detail, "secret") || strings.Contains(f.Detail, "run 7:") {
				t.Errorf("the cause leaks into %q", f.Detail)
			}
		})
	}
	if fault.From(nil) != nil {
		t.Error("From(nil) is no nil")
	}
}
