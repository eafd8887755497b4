package storetest

import (
	"context"
	"sync/atomic"
)

// Ending is a context that ends when it has been asked for its error so often: what
// goes on in steps stops in the middle, at another place for each number.
func Ending(ctx context.Context, asked int) context.Context {
	e := &ending{Context: ctx}
	e.left.Store(int64(asked))
	return e
}

type ending struct {
	context.Context
	left atomic.Int64
}

func (e *ending) Err() error {
	if e.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}
