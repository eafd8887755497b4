package imports

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/slipway-lab/slipway/store"
)

// Import is one import of the dump of a system for a tenant.
type Import struct {
	Store  *store.Store
	System string // such as kernelci
	Tenant string // empty for none
	DryRun bool   // say what would be done
}

// File is one file of a dump. Open is called again when it turns out that the file is
// not the one that an interrupted import has read the beginning of.
type File struct {
	Name string // names it in the report, and is what an interrupted import knows it by
	Kind string // of what is in it
	Open func() (io.ReadCloser, error)
}

// Item is something that was read, with where it was.
type Item[T any] struct {
	Line  int64
	Value T
}

// state is what the database keeps of a file while an import goes on.
type state struct {
	Position Position `json:"position"`
	Step     int      `json:"step,omitempty"` // the next one; see RunSteps
	Done     bool     `json:"done,omitempty"`
	Report   *Report  `json:"report"`
}

// How much one transaction takes: others wait meanwhile.
const (
	partItems = 100
	partBytes = 4 << 20
)

// setting is the name under which the state of a file stands.
func (i *Import) setting(f File) string {
	sum := sha256.Sum256([]byte(i.System + "\x00" + i.Tenant + "\x00" + f.Name))
	return "import/" + hex.EncodeToString(sum[:16])
}

// kept reads what an earlier import of the file has left.
func (i *Import) kept(ctx context.Context, f File) (*state, error) {
	text, err := i.Store.Setting(ctx, i.setting(f))
	if i.DryRun || errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &state{Report: &Report{}}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("the state of the import of %s: %w", f.Name, err)
	}
	return s, nil
}

func (i *Import) keep(tx *store.Store, f File, s *state) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return tx.KeepSetting(i.setting(f), text)
}

// Forget removes what is kept of how far the import of files has come, once all of
// them are done: the next import looks at everything again.
func (i *Import) Forget(ctx context.Context, files ...File) error {
	if i.DryRun {
		return nil
	}
	return i.Store.InTx(ctx, func(tx *store.Store) error {
		for _, f := range files {
			text, err := tx.Setting(ctx, i.setting(f))
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err == nil {
				err = tx.ForgetSetting(i.setting(f), text)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Take is how the documents of a file become rows. Read makes a value of a document,
// outside any transaction; false means that the report says already what became of it.
// Write stores values in a transaction that no other import shares, and counts them;
// it may be called again with the same. In a dry run it has no transaction but tx reads,
// and writes nothing.
type Take[T any] struct {
	Read  func(rec Record, r *Report) (T, bool)
	Write func(ctx context.Context, tx *store.Store, items []Item[T], r *Report) error
}

// Run imports a file, from where an interrupted import of it has come to. Its report
// tells of the whole file. A file that was done stays as it is until Forget.
func Run[T any](ctx context.Context, i *Import, f File, take Take[T]) (*Report, error) {
	s, err := i.kept(ctx, f)
	if err != nil {
		return nil, err
	}
	in, reader, s, err := open(f, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	defer in.Close()
	for !s.Done {
		if err := ctx.Err(); err != nil {
			return s.Report, err
		}
		next := &state{Report: s.Report.Copy()}
		var items []Item[T]
		items, next.Done, err = part(reader, f, take, next.Report)
		if err != nil {
			return s.Report, fmt.Errorf("%s: line %d: %w", f.Name, reader.line, err)
		}
		next.Position = reader.Position()
		if s, err = write(ctx, i, f, take, items, next); err != nil {
			return next.Report, fmt.Errorf("%s: before line %d: %w", f.Name, reader.line, err)
		}
	}
	return s.Report, nil
}

// open opens a file at the place that an earlier import has come to, or at its
// beginning.
func open(f File, kept *state) (io.ReadCloser, *Reader, *state, error) {
	for {
		in, err := f.Open()
		if err != nil {
			return nil, nil, nil, err
		}
		r := NewReader(in, 0)
		if kept == nil {
			return in, r, &state{Report: &Report{}}, nil
		}
		same, err := r.Skip(kept.Position)
		if same && kept.Done {
			same = !r.fill() // else something was added to it
		}
		if err == nil && same {
			return in, r, kept, nil
		}
		_ = in.Close()
		if err != nil {
			return nil, nil, nil, err
		}
		kept = nil
	}
}

// part reads as much as one transaction takes.
func part[T any](r *Reader, f File, take Take[T], report *Report) (items []Item[T], done bool, err error) {
	for bytes := 0; len(items) < partItems && bytes < partBytes; {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) && rec.Line == 0 {
			return items, true, nil
		}
		if rec.Err != nil {
			report.Refuse(Finding{File: f.Name, Line: rec.Line, Kind: f.Kind, Says: rec.Err.Error()})
		}
		if err != nil {
			return nil, false, err
		}
		if rec.Err != nil {
			continue
		}
		bytes += len(rec.Text)
		if v, ok := take.Read(rec, report); ok {
			items = append(items, Item[T]{Line: rec.Line, Value: v})
		}
	}
	return items, false, nil
}

// write stores a part, and how far the file has come with it, in one transaction.
func write[T any](ctx context.Context, i *Import, f File, take Take[T], items []Item[T], next *state) (*state, error) {
	if i.DryRun {
		return next, take.Write(ctx, i.Store, items, next.Report)
	}
	var written *state
	err := i.Store.InTx(store.Patient(ctx), func(tx *store.Store) error {
		s := &state{Position: next.Position, Done: next.Done, Report: next.Report.Copy()} // in case this runs again
		if err := tx.Lock(ctx, "import/"+i.System); err != nil {
			return err
		}
		if err := take.Write(ctx, tx, items, s.Report); err != nil {
			return err
		}
		written = s
		return i.keep(tx, f, s)
	})
	return written, err
}
