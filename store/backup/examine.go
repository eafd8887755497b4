package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/store"
)

// Finding is what Examine found of one thing.
type Finding struct {
	What string
	Says string // in words, when nothing is wrong
	Err  error  // what is wrong
}

// Examine looks for what may be wrong with a store, beside a running server as well.
// Deep reads every blob, and all of the database.
func Examine(ctx context.Context, s *store.Store, data string, deep bool) []Finding {
	x := &examination{store: s, data: data, deep: deep}
	looks := []struct {
		what string
		look func(context.Context) (string, error)
	}{
		{"schema", x.schema},
		{"database", x.database},
		{"blobs", x.blobs},
		{"orphans", x.orphans},
		{"permissions", x.permissions},
		{"clock", x.clock},
		{"space", x.space},
	}
	var all []Finding
	for _, l := range looks {
		says, err := l.look(ctx)
		all = append(all, Finding{What: l.what, Says: says, Err: err})
	}
	return all
}

type examination struct {
	store *store.Store
	data  string
	deep  bool
	named int64
}

func (x *examination) schema(ctx context.Context) (string, error) {
	version, err := x.store.Version(ctx)
	if err != nil {
		return "", err
	}
	pending, err := x.store.Pending(ctx)
	if err == nil && pending > 0 {
		err = fmt.Errorf("version %d: %d migrations have not run; \"slipway migrate\" runs them", version, pending)
	}
	return fmt.Sprintf("version %d", version), err
}

func (x *examination) database(ctx context.Context) (string, error) {
	wrong, err := x.store.Integrity(ctx, x.deep)
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("damaged: %s", strings.Join(wrong, "; "))
	}
	if err != nil {
		return "", err
	}
	shrinks, err := x.store.Shrinkable(ctx)
	if err == nil && !shrinks {
		return "sound; the file was made by an earlier version and keeps its size when rows are removed: with the server stopped, sqlite3 FILE 'PRAGMA auto_vacuum = 2; VACUUM' changes that", nil
	}
	return "sound", err
}

// shown is how many of many things are named.
const shown = 5

// blobs looks for each blob that a row names.
func (x *examination) blobs(ctx context.Context) (string, error) {
	var bad []string
	err := x.store.NamedBlobs(ctx, func(sha string) error {
		x.named++
		if err := x.blob(ctx, sha); err != nil {
			bad = append(bad, err.Error())
		}
		return ctx.Err()
	})
	if err == nil && len(bad) > 0 {
		err = fmt.Errorf("%d of %d are lost or damaged: %s", len(bad), x.named, strings.Join(bad[:min(len(bad), shown)], "; "))
	}
	if x.deep {
		return fmt.Sprintf("%d, all with the right hash", x.named), err
	}
	return fmt.Sprintf("%d, all there", x.named), err
}

func (x *examination) blob(ctx context.Context, sha string) error {
	b, err := x.store.Blobs.Open(ctx, sha)
	if err != nil {
		return err
	}
	defer b.Close()
	if !x.deep {
		return nil
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{b}, make([]byte, 256<<10)); err != nil {
		return fmt.Errorf("blob %s: %w", sha, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sha {
		return fmt.Errorf("blob %s has the content of %s", sha, got)
	}
	return nil
}

// orphans counts the files that no row names. They are what uploads left behind that
// failed: the server removes them when they are a day old.
func (x *examination) orphans(context.Context) (string, error) {
	files := int64(0)
	err := filepath.WalkDir(filepath.Join(x.data, "blobs"), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !e.IsDir() && len(filepath.Base(filepath.Dir(path))) == 2 {
			files++
		}
		return err
	})
	return fmt.Sprintf("%d files more than are named", max(0, files-x.named)), err
}

func (x *examination) permissions(context.Context) (string, error) {
	var open []string
	err := filepath.WalkDir(x.data, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && e.Type()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
			open = append(open, path)
		}
		return nil //nolint:nilerr // gone meanwhile
	})
	if err == nil && len(open) > 0 {
		err = fmt.Errorf("others may read %d files or directories, such as %s", len(open), open[0])
	}
	return "everything is for its owner alone", err
}

// skew is how far the clocks may be apart.
const skew = 30 * time.Second

func (x *examination) clock(ctx context.Context) (string, error) {
	newest, err := x.store.Latest(ctx)
	if err != nil {
		return "", err
	}
	if ahead := newest.Sub(x.store.Now()); ahead > skew {
		return "", fmt.Errorf("the database has seen a time %s after this machine's: one of the clocks is wrong", ahead.Round(time.Second))
	}
	return "not behind what the database has seen", nil
}

func (x *examination) space(context.Context) (string, error) {
	room, err := x.store.Space()
	if err == nil && room.Free < room.Total/20 {
		err = fmt.Errorf("%d of %d bytes are free, less than 5 %%", room.Free, room.Total)
	}
	return fmt.Sprintf("%d of %d bytes are free", room.Free, room.Total), err
}
