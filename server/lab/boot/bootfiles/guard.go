package bootfiles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// Reasons why a template is stopped.
var (
	errSteps  = errors.New("it takes too many steps")
	errTime   = errors.New("it takes too long")
	errOutput = errors.New("it writes too much")
	errValue  = errors.New("a value grows too large")
	errDepth  = errors.New("macros call each other too deeply")
	errMemory = errors.New("its values grow too large together")
)

// guard watches one rendering. gonja has no notion of a budget, so the places
// where a template can burn time or memory report here: each pass of a loop,
// each call of a macro, a filter or a method, each value that is kept, and every
// byte that is written.
type guard struct {
	ctx      context.Context
	lim      Limits
	deadline time.Time
	steps    int
	depth    int
	written  int
	made     int   // bytes of all values so far, whether or not they are still held
	looped   int   // those of made that the loops now running hold
	nesting  int   // statements inside each other, while they are parsed
	stopped  error // the first reason, which the engine may wrap or lose

	filterSet *exec.FilterSet
	hooks     []string // names of the filters that hook makes
}

func newGuard(ctx context.Context, lim Limits) *guard {
	return &guard{ctx: ctx, lim: lim, deadline: time.Now().Add(lim.Time)}
}

func (g *guard) stop(reason error) error {
	if g.stopped == nil {
		g.stopped = reason
	}
	return g.stopped
}

// tick counts a step and fails when the budget is used up.
func (g *guard) tick() error {
	if g.steps++; g.stopped == nil && g.steps > g.lim.Steps {
		return g.stop(errSteps)
	}
	return g.look()
}

// look fails when the rendering was stopped, its time is over, or nobody waits for
// it any more: the client has gone or the server stops.
func (g *guard) look() error {
	switch {
	case g.stopped != nil:
		return g.stopped
	case g.ctx.Err() != nil:
		return g.stop(g.ctx.Err())
	case time.Now().After(g.deadline):
		return g.stop(errTime)
	}
	return nil
}

// spend counts bytes that a value takes.
func (g *guard) spend(bytes int) error {
	if g.made += bytes; g.made > g.lim.Memory {
		return g.stop(errMemory)
	}
	return nil
}

// charge counts a value that was made. What is let go later is not given back, so
// that the bound holds whatever the garbage collector does.
func (g *guard) charge(v *exec.Value) error {
	return g.spend(g.cost(v))
}

// cost estimates the memory of a value, in which an entry takes more than weigh
// says. It stops counting where the budget ends.
func (g *guard) cost(v *exec.Value) int {
	if v == nil || v.IsNil() {
		return 0
	}
	left := g.lim.Memory
	weighAny(reflect.ValueOf(v), &left, 0, entryCost)
	return g.lim.Memory - left
}

// keep fails when a value is too large to be kept in a variable.
func (g *guard) keep(v *exec.Value) error {
	if g.weigh(v, g.lim.Value) > g.lim.Value {
		return g.stop(errValue)
	}
	return nil
}

// writer passes on what a template writes, up to the limit. All writers of a
// rendering count together, also those into variables.
func (g *guard) writer(w io.Writer) io.Writer {
	if already, ok := w.(*guardedWriter); ok {
		return already
	}
	return &guardedWriter{g, w}
}

type guardedWriter struct {
	guard *guard
	to    io.Writer
}

func (w *guardedWriter) Write(p []byte) (int, error) {
	if w.guard.written += len(p); w.guard.written > w.guard.lim.Output {
		return 0, w.guard.stop(errOutput)
	}
	return w.to.Write(p)
}

const (
	entryWeight = 16  // of a list or map, so that empty ones are not free
	entryCost   = 96  // what the engine's representation of an entry takes
	loopCost    = 256 // what a loop keeps for each entry
	maxNesting  = 200 // steps into a value; a list inside itself takes more
)

// weigh estimates the size of a value as if everything it contains were written
// out. It stops counting beyond most, so that its own work is bounded.
func (g *guard) weigh(v *exec.Value, most int) int {
	if v == nil || v.IsNil() {
		return 0
	}
	left := most
	weighAny(reflect.ValueOf(v), &left, 0, entryWeight)
	return most - left
}

// weighAny takes the weight of v off left, which ends below zero when v is too
// heavy or nested too deeply.
func weighAny(v reflect.Value, left *int, depth, entry int) {
	if *left < 0 {
		return
	}
	if depth > maxNesting {
		*left = -1
		return
	}
	if v.IsValid() && v.CanInterface() {
		switch inner := v.Interface().(type) {
		case *exec.Value:
			if inner != nil {
				weighAny(inner.Val, left, depth+1, entry)
			}
			return
		case exec.Value:
			weighAny(inner.Val, left, depth+1, entry)
			return
		}
	}
	switch v.Kind() {
	case reflect.String:
		*left -= v.Len()
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			weighAny(v.Elem(), left, depth+1, entry)
		}
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && *left >= 0; i++ {
			*left -= entry
			weighAny(v.Index(i), left, depth+1, entry)
		}
	case reflect.Map:
		for iter := v.MapRange(); *left >= 0 && iter.Next(); {
			*left -= entry
			weighAny(iter.Key(), left, depth+1, entry)
			weighAny(iter.Value(), left, depth+1, entry)
		}
	case reflect.Struct:
		for i := 0; i < v.NumField() && *left >= 0; i++ {
			if v.Type().Field(i).IsExported() {
				weighAny(v.Field(i), left, depth+1, entry)
			}
		}
	}
}

// errorf makes the value by which gonja's functions report an error.
func errorf(format string, args ...any) *exec.Value {
	return exec.AsValue(fmt.Errorf(format, args...))
}
