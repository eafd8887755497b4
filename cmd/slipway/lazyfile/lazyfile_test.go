package lazyfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-lab/slipway/cmd/slipway/lazyfile"
)

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	missing := lazyfile.New(path)
	if _, err := io.ReadAll(missing); !errors.Is(err, fs.ErrNotExist) || !errors.Is(missing.End(), fs.ErrNotExist) {
		t.Errorf("what is not there: %v, then %v", err, missing.End())
	}
	folder := lazyfile.New(filepath.Dir(path))
	if _, err := io.ReadAll(folder); err == nil || folder.End() == nil {
		t.Errorf("a folder: %v, then %v", err, folder.End())
	}
	late := lazyfile.New(path)
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(late); string(b) != "text" || err != nil || late.End() != nil {
		t.Errorf("a file: %q, %v, then %v", b, err, late.End())
	}
	half := lazyfile.New(path)
	if _, err := half.Read(make([]byte, 2)); err != nil || half.End() != nil {
		t.Errorf("half of it: %v, then %v", err, half.End())
	}
	if n, err := half.Read(make([]byte, 2)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after its end: %d, %v", n, err)
	}
}
