package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
)

// BlobMove is how far a move has come.
type BlobMove struct {
	Copied int64 // blobs
	Bytes  int64
	There  int64 // blobs that were in the new place already

	// Lost are the names of blobs that were not whole where they were, at most
	// maxLost of them; LostCount counts all. They are left behind.
	Lost      []string
	LostCount int64
}

const maxLost = 100

// moveWorkers is how many blobs are copied at once.
const moveWorkers = 4

// mover copies the blobs of one place to another.
type mover struct {
	from, to Blobs
	progress func(BlobMove)

	mu    sync.Mutex
	done  map[string]bool // those that need no second look
	state BlobMove
}

// MoveBlobs copies all blobs to another place while servers go on, then writes the
// row by which they follow, and copies what was committed until then. An error
// leaves the blobs where they were, or, after the row was written, both places in
// use; called again it goes on where it was. What is in the former place stays
// there. progress is called after each blob, by one goroutine at a time.
func (s *Store) MoveBlobs(ctx context.Context, to string, progress func(BlobMove)) (BlobMove, error) {
	address, err := cleanPlace(to)
	if err != nil {
		return BlobMove{}, err
	}
	p := s.core.blobs
	now, err := p.current(ctx)
	if err != nil {
		return BlobMove{}, err
	}
	m := &mover{progress: progress, done: map[string]bool{}}
	switch {
	case now.former != nil && address == now.Address: // it was interrupted after its row
		m.from, m.to = now.former.blobs, now.blobs
	case now.former != nil:
		return BlobMove{}, fmt.Errorf("the move to %s has not ended; end it first", now.Address)
	default:
		if now, err = p.switchOver(ctx, m, now, address); err != nil {
			return m.state, err
		}
	}
	if err := m.pass(ctx); err != nil {
		return m.state, err
	}
	return m.state, s.changePlace(ctx, now.ID, func(row *place) { row.Former = nil })
}

// switchOver copies twice, so that little is left to do after the row.
func (p *placedBlobs) switchOver(ctx context.Context, m *mover, now *openPlace, address string) (*openPlace, error) {
	target, err := p.target(ctx, now, address)
	if err != nil {
		return nil, err
	}
	m.from, m.to = now.blobs, target.blobs
	for range 2 {
		if err := m.pass(ctx); err != nil {
			return nil, err
		}
	}
	err = p.store.changePlace(ctx, now.ID, func(row *place) {
		former := place{ID: row.ID, Address: row.Address, Settled: true}
		*row = place{ID: target.ID, Address: address, Settled: true, Former: &former, Known: append(row.Known, row.ID)}
	})
	return target, err
}

// target opens the new place and gives it an id of its own, unless it has one from
// an earlier move of the same database.
func (p *placedBlobs) target(ctx context.Context, now *openPlace, address string) (*openPlace, error) {
	target, err := p.open(&place{ID: uuid.NewString(), Address: address})
	if err != nil {
		return nil, err
	}
	id, err := target.readID(ctx)
	if err != nil {
		return nil, err
	}
	if id == now.ID {
		return nil, fmt.Errorf("the blobs are in %s already", now.Address)
	}
	if id == "" {
		id = target.ID
	}
	if target, err = p.open(&place{ID: id, Address: address}); err != nil {
		return nil, err
	}
	// The database knows the id before the place does, so that an interrupted move
	// finds its own.
	row, err := p.store.place(ctx)
	if err != nil || row == nil {
		return nil, errors.Join(err, ErrConflict)
	}
	known := row.Known
	if !slices.Contains(known, id) {
		if stored, _ := target.readID(ctx); stored != "" {
			return nil, target.writeID(ctx, &place{ID: uuid.NewString(), Known: known}) // another's: says so
		}
		err = p.store.changePlace(ctx, now.ID, func(row *place) { row.Known = append(row.Known, id) })
	}
	if err == nil {
		err = target.writeID(ctx, &target.place)
	}
	return target, err
}

// changePlace changes the row, which still is the one with the id.
func (s *Store) changePlace(ctx context.Context, id string, change func(*place)) error {
	return s.InTx(ctx, func(tx *Store) error {
		if err := tx.Lock(ctx, placeSetting); err != nil {
			return err
		}
		row, err := tx.place(ctx)
		if err != nil {
			return err
		}
		if row == nil || row.ID != id {
			return fmt.Errorf("%w: somebody else has moved the blobs meanwhile", ErrConflict)
		}
		change(row)
		return tx.keepPlace(row)
	})
}

// pass copies what is not yet there.
func (m *mover) pass(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	names := make(chan string)
	var workers sync.WaitGroup
	for range moveWorkers {
		workers.Go(func() {
			for sha := range names {
				if err := m.copy(ctx, sha); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := m.from.Each(ctx, func(sha string, _ int64) error {
		if m.seen(sha) {
			return nil
		}
		select {
		case names <- sha:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(names)
	workers.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (m *mover) seen(sha string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.done[sha]
}

func (m *mover) copy(ctx context.Context, sha string) error {
	there, err := m.to.Open(ctx, sha)
	if err == nil {
		_ = there.Close()
		m.note(sha, func(s *BlobMove) { s.There++ })
		return nil
	}
	if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrContentLost) {
		return err
	}
	size, err := m.sizeOf(ctx, sha)
	if err == nil {
		err = copyBlob(ctx, m.from, m.to, sha)
	}
	switch {
	case errors.Is(err, ErrNotFound): // removed meanwhile
		return nil
	case errors.Is(err, ErrContentLost):
		m.note(sha, func(s *BlobMove) {
			if s.LostCount++; len(s.Lost) < maxLost {
				s.Lost = append(s.Lost, sha)
			}
		})
		return nil
	case err != nil:
		return fmt.Errorf("move blob %s: %w", sha, err)
	}
	m.note(sha, func(s *BlobMove) { s.Copied, s.Bytes = s.Copied+1, s.Bytes+size })
	return nil
}

func (m *mover) sizeOf(ctx context.Context, sha string) (int64, error) {
	b, err := m.from.Open(ctx, sha)
	if err != nil {
		return 0, err
	}
	return b.Size(), b.Close()
}

// note counts a blob that needs no second look.
func (m *mover) note(sha string, count func(*BlobMove)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done[sha] = true
	count(&m.state)
	if m.progress != nil {
		m.progress(m.state)
	}
}
