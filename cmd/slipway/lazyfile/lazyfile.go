// Package lazyfile has files that are opened when they are read first and closed at
// their end: a folder may hold more of them than a process may have open.
package lazyfile

import (
	"errors"
	"io"
	"os"
	"sync"
)

// File is such a file. Another goroutine may still read it when the call that sends it
// is over.
type File struct {
	mu   sync.Mutex
	path string
	f    *os.File
	done bool
	err  error
}

// New is the file at path, which need not be there before it is read.
func New(path string) *File { return &File{path: path} }

// Read reads the file; behind its end, and once it is closed, there is nothing.
func (l *File) Read(b []byte) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return 0, io.EOF
	}
	if l.f == nil {
		if l.f, l.err = os.Open(l.path); l.err != nil {
			l.done = true
			return 0, l.err
		}
	}
	n, err = l.f.Read(b)
	if err != nil {
		l.done = true
		l.f.Close()
		if !errors.Is(err, io.EOF) {
			l.err = err
		}
	}
	return n, err
}

// End closes the file, also when it was not read to its end, and returns why it could
// not be read.
func (l *File) End() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil && !l.done {
		l.f.Close()
	}
	l.done = true
	return l.err
}
