package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-lab/slipway/cmd/slipway/lazyfile"
	"github.com/slipway-lab/slipway/cmd/slipway/terminal"
	"github.com/slipway-lab/slipway/gen/client"
)

// source is a file to send, which can be read again and again.
type source struct {
	name string // as it is sent
	path string
	size int64
	info fs.FileInfo // of path
	kept *os.File    // what came through a pipe, nil for a file
}

// open reads the file from its begin. end closes it, and returns why it could not be read.
func (s source) open() (content io.Reader, end func() error) {
	if s.kept != nil {
		return io.NewSectionReader(s.kept, 0, s.size), func() error { return nil }
	}
	f := lazyfile.New(s.path)
	return f, f.End
}

// sources are the files that the caller named, with the bytes of those that come
// through a pipe; stop forgets these.
func (c *Upload) sources(ctx context.Context, s *session) (_ []source, stop func(), err error) {
	if c.Follow {
		for _, name := range c.Files {
			if err := s.written(ctx, name); err != nil {
				return nil, nil, err
			}
		}
	}
	sources, err := findFiles(c.Files, func(path string) { s.say("%s is no file and is not sent", terminal.Plain(path)) })
	if err != nil {
		return nil, nil, err
	}
	stop = func() {
		for _, src := range sources {
			if src.kept != nil {
				src.kept.Close()
			}
		}
	}
	for i := range sources {
		if err = sources[i].keep(ctx, s); err != nil {
			stop()
			return nil, nil, err
		}
	}
	return sources, stop, nil
}

// findFiles lists what was named, folders with all that is in them.
func findFiles(names []string, left func(path string)) ([]source, error) {
	var sources []source
	stdin := false
	for _, name := range names {
		if name == "-" {
			if stdin {
				return nil, terminal.Usage("standard input can be sent once only")
			}
			stdin = true
			sources = append(sources, source{name: "stdin", path: "-"})
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, terminal.Usage("%w", err)
		}
		if !info.IsDir() {
			sources = append(sources, source{name: filepath.Base(name), path: name, size: info.Size(), info: info})
			continue
		}
		inside, err := filesIn(name, left)
		if err != nil {
			return nil, err
		}
		if len(inside) == 0 {
			return nil, terminal.Usage("there is no file in the folder %s", name)
		}
		sources = append(sources, inside...)
	}
	return sources, nil
}

// folder collects what is in a folder. Links to folders are followed, each folder
// once: what they lead to belongs to the results as a linked file does.
type folder struct {
	root    string
	seen    map[string]bool // folders without links in their path
	links   [][2]string     // path and name of links to folders
	sources []source
	left    func(path string) // is told of what is neither file nor folder
}

func filesIn(dir string, left func(path string)) ([]source, error) {
	root, err := filepath.EvalSymlinks(dir)
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		return nil, terminal.Usage("%w", err)
	}
	f := &folder{root: root, seen: map[string]bool{}, left: left}
	if err := f.walk(root, dir, ""); err != nil {
		return nil, err
	}
	for len(f.links) > 0 { // behind all that is there without a link
		path, name := f.links[0][0], f.links[0][1]
		f.links = f.links[1:]
		to, err := filepath.EvalSymlinks(path)
		if err == nil {
			to, err = filepath.Abs(to)
		}
		if err != nil {
			return nil, terminal.Usage("%w", err)
		}
		if f.seen[to] || strings.HasPrefix(root, strings.TrimSuffix(to, "/")+"/") {
			continue // it is sent already, or holds the folder itself
		}
		if err := f.walk(to, path, name); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(f.sources, func(a, b source) int { return strings.Compare(a.name, b.name) })
	return f.sources, nil
}

// walk takes a folder that has no link in its path; shown is how the caller wrote it,
// and prefix what stands before the names.
func (f *folder) walk(real, shown, prefix string) error {
	return filepath.WalkDir(real, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return terminal.Usage("%w", err)
		}
		if d.IsDir() {
			if f.seen[path] {
				return fs.SkipDir
			}
			f.seen[path] = true
			return nil
		}
		inside, err := filepath.Rel(real, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(filepath.Join(prefix, inside))
		path = filepath.Join(shown, inside)
		info, err := os.Stat(path) // of what a link leads to
		switch {
		case err != nil:
			return terminal.Usage("%w", err)
		case info.IsDir():
			f.links = append(f.links, [2]string{path, name})
		case info.Mode().IsRegular():
			f.sources = append(f.sources, source{name: name, path: path, size: info.Size(), info: info})
		default:
			f.left(path)
		}
		return nil
	})
}

// keep reads what comes through a pipe to its end before anything is sent. A runner
// may be silent longer than a server waits for the next piece of an upload, and
// what is on disk can be sent again.
func (s *source) keep(ctx context.Context, se *session) error {
	if s.info != nil && s.info.Mode().IsRegular() {
		return nil
	}
	into, err := os.CreateTemp("", "slipway-upload-*")
	if err != nil {
		return fmt.Errorf("there is no room for what comes through the pipe; TMPDIR names another folder: %w", err)
	}
	os.Remove(into.Name()) // it lives as long as it is open
	progress := se.Progress("read", 0)
	defer progress.End()
	read := make(chan error, 1)
	go func() {
		from := se.In
		if s.path != "-" {
			f, err := os.Open(s.path)
			if err != nil {
				read <- err
				return
			}
			defer f.Close()
			from = f
		}
		var err error
		s.size, err = io.Copy(into, progress.Reader(from))
		read <- err
	}()
	select {
	case <-ctx.Done():
		return ctx.Err() // the process ends, and with it who reads
	case err := <-read:
		if err != nil {
			return errors.Join(fmt.Errorf("after %s of %s: %w", terminal.Bytes(s.size), s.name, err), into.Close())
		}
	}
	s.kept = into
	return nil
}

// written waits for a file until it is there and nobody writes it any more.
func (s *session) written(ctx context.Context, name string) error {
	const look = 500 * time.Millisecond
	said := false
	for before := (fs.FileInfo)(nil); ; {
		info, err := os.Stat(name)
		switch {
		case name == "-":
			return nil
		case err == nil && !info.Mode().IsRegular():
			return terminal.Usage("--follow is for files, and %s is none", name)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return terminal.Usage("%w", err)
		}
		busy := err != nil
		if !busy {
			if busy, err = beingWritten(name); err != nil {
				return terminal.Usage("--follow cannot tell here whether somebody writes %s; its runner may write to slipway upload - instead: %w", name, err)
			}
		}
		if !busy && before != nil && before.Size() == info.Size() && before.ModTime().Equal(info.ModTime()) {
			return nil
		}
		if before = nil; !busy {
			before = info // once more, for a runner that opens it again at once
		} else if !said {
			said = true
			s.say("waiting until %s is written", name)
		}
		if err := client.Wait(ctx, look); err != nil {
			return err
		}
	}
}

// beingWritten reports whether any process has a file open for writing: the kernel
// gives a read lease on no such file.
func beingWritten(name string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close() // and the lease with it
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if errors.Is(err, unix.EAGAIN) {
		return true, nil
	}
	return false, err
}
