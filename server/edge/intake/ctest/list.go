package ctest

import (
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// list is what CTest was to run: names with their directories.
type list struct {
	names []string
	run   map[string]bool // whether there is a test of that name
	bytes int64
	full  bool

	paths map[string]bool // directories that have been seen
}

// maxPaths is how many directories are remembered.
const maxPaths = 100_000

// maxSlashes is how many slashes of a name are tried.
const maxSlashes = 64

func (l *list) add(name string, at int64, s *report.Sink) {
	if _, there := l.run[name]; there || l.full || name == "" {
		return
	}
	const each = 100 // bytes that a name takes beside its own
	if l.bytes += int64(len(name)) + each; l.bytes > s.Limits.OpenBytes || len(l.names) >= s.Limits.Tests {
		l.full = true
		s.Damage(at, report.KindTruncated, "the list of tests is too long; the rest of it is not read")
		return
	}
	if l.run == nil {
		l.run = map[string]bool{}
	}
	l.run[name] = false
	l.names = append(l.names, name)
}

// seen notes that a test was run.
func (l *list) seen(fullName, path string) {
	if _, listed := l.run[fullName]; listed {
		l.run[fullName] = true
	}
	if l.paths == nil {
		l.paths = map[string]bool{}
	}
	if len(l.paths) < maxPaths {
		l.paths[strings.TrimSuffix(path, "/")] = true
	}
}

// short takes the directory off a name. A slash may belong to the name itself, so
// the longest directory that tests were run in counts, and else all before the
// last slash.
func (l *list) short(name string) string {
	end := len(name)
	for range maxSlashes {
		if end = strings.LastIndexByte(name[:end], '/'); end < 0 {
			break
		}
		if l.paths[name[:end]] {
			return name[end+1:]
		}
	}
	return name[strings.LastIndexByte(name, '/')+1:]
}
