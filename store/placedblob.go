package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// These methods are the Blobs of the place that the database names.

// Create begins a blob in the place of now.
func (p *placedBlobs) Create(ctx context.Context) (BlobWriter, error) {
	at, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	w, err := at.blobs.Create(ctx)
	if err != nil {
		return nil, err
	}
	return &placedWriter{BlobWriter: w, ctx: ctx, blobs: p, at: at}, nil
}

// placedWriter stores what it commits in the new place, when the blobs have moved
// while it was written.
type placedWriter struct {
	BlobWriter
	ctx   context.Context
	blobs *placedBlobs
	at    *openPlace
}

func (w *placedWriter) Commit() (string, int64, error) {
	sha, size, err := w.BlobWriter.Commit()
	if err != nil {
		return "", 0, err
	}
	at := w.at
	for {
		now, err := w.blobs.current(w.ctx)
		if err != nil {
			return "", 0, fmt.Errorf("commit blob: %w", err)
		}
		if now.ID == at.ID {
			return sha, size, nil
		}
		if err := copyBlob(w.ctx, at.blobs, now.blobs, sha); err != nil {
			return "", 0, fmt.Errorf("commit blob: %w", err)
		}
		at = now
	}
}

// copyBlob copies a blob. ErrContentLost says that it is not whole where it is.
func copyBlob(ctx context.Context, from, to Blobs, sha string) error {
	b, err := from.Open(ctx, sha)
	if err != nil {
		return err
	}
	defer b.Close()
	w, err := to.Create(ctx)
	if err != nil {
		return err
	}
	defer w.Abort() //nolint:errcheck // after Commit it does nothing
	if _, err := io.Copy(w, Checked(b, sha, b.Size())); err != nil {
		return err
	}
	_, _, err = w.Commit()
	return err
}

func (p *placedBlobs) Open(ctx context.Context, sha string) (Blob, error) {
	at, err := p.last(ctx)
	if err != nil {
		return nil, err
	}
	b, err := at.open(ctx, sha)
	if err == nil || ctx.Err() != nil {
		return b, err
	}
	now, nowErr := p.current(ctx)
	if nowErr != nil || now == at {
		return b, err
	}
	return now.open(ctx, sha)
}

func (o *openPlace) open(ctx context.Context, sha string) (Blob, error) {
	b, err := o.blobs.Open(ctx, sha)
	if o.former != nil && errors.Is(err, ErrNotFound) {
		return o.former.blobs.Open(ctx, sha)
	}
	return b, err
}

// each runs f with the blobs of the place, and of the one that they are leaving.
func (p *placedBlobs) each(ctx context.Context, f func(Blobs) error) error {
	at, err := p.current(ctx)
	if err != nil {
		return err
	}
	err = f(at.blobs)
	if err == nil && at.former != nil {
		err = f(at.former.blobs)
	}
	return err
}

func (p *placedBlobs) Remove(ctx context.Context, sha string) error {
	return p.each(ctx, func(b Blobs) error { return b.Remove(ctx, sha) })
}

func (p *placedBlobs) RemoveUnused(ctx context.Context, shas []string, referenced func([]string) (map[string]bool, error)) error {
	return p.each(ctx, func(b Blobs) error { return b.RemoveUnused(ctx, shas, referenced) })
}

func (p *placedBlobs) Each(ctx context.Context, f func(sha string, size int64) error) error {
	return p.each(ctx, func(b Blobs) error { return b.Each(ctx, f) })
}

func (p *placedBlobs) Sweep(ctx context.Context, before time.Time, referenced func([]string) (map[string]bool, error)) (int, error) {
	removed := 0
	err := p.each(ctx, func(b Blobs) error {
		n, err := b.Sweep(ctx, before, referenced)
		removed += n
		return err
	})
	return removed, err
}
