// Package gotest reads what `go test -json` prints: an event on each line
// (cmd/test2json).
package gotest

import (
	"context"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Reader reads the format.
type Reader struct{}

// New returns a reader.
func New() report.Reader { return Reader{} }

// Info describes the format.
func (Reader) Info() report.Info {
	return report.Info{
		Format:     "go-test",
		Title:      "go test -json",
		Recognised: "a JSON object on each line, the first with the members Action and Package or ImportPath",
		Naming:     "the package, a dot and the test; a package that failed by itself: the package",
		Example:    `{"Action":"pass","Package":"lab.example/arm","Test":"TestMoves","Elapsed":0.1}` + "\n" + `{"Action":"pass","Package":"lab.example/arm","Elapsed":0.2}` + "\n",
	}
}

// Detect looks at the first object.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.LookLine(prefix, `"Action"`)
	switch {
	case !s.Has("Action") || !s.Any("Package", "ImportPath"):
		return report.No
	case s.Noise:
		return report.Likely
	}
	return report.Certain
}

// Read reads the events. The end of a package decides what becomes of its tests
// that have none.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	f, err := jsonfile.Open(ctx, in, s)
	if err != nil {
		return err
	}
	st := &stream{File: f, packages: map[string]*suite{}, builds: map[string]*build{}}
	if err := f.Lines(st.line, st.plain); err != nil {
		return err
	}
	return f.Stopped(st.finish())
}

// stream is the file with what is open in it.
type stream struct {
	*jsonfile.File
	packages map[string]*suite
	builds   map[string]*build
	held     int64 // an estimate of the memory of it all
	ev       event
	strays   bool // lines without an action were seen

	printed string // the package of which lines stand between the events, as the compiler prints them
	failed  []said // packages of which such a line says that they failed
	fails   bool   // a line says so of the whole run
	failsAt int64
	unsaid  int64           // such lines that were too many
	reds    map[string]bool // packages that failed, and a test says so
}

// event is one line.
type event struct {
	action, pkg, test, importPath, failedBuild, key, value string

	time       []byte
	output     []byte
	outputSize int64
	elapsed    float64
	timed      bool
}

func (s *stream) line() error {
	s.ev = event{time: s.ev.time[:0], output: s.ev.output[:0]}
	ev := &s.ev
	err := s.Object(func(name string) error {
		var err error
		switch name {
		case "Action":
			ev.action, err = s.Str()
		case "Package":
			ev.pkg, err = s.Name("a package")
		case "Test":
			ev.test, err = s.Name("a test's name")
		case "ImportPath":
			ev.importPath, err = s.Name("an import path")
		case "FailedBuild":
			ev.failedBuild, err = s.Name("an import path")
		case "Key":
			ev.key, err = s.Name("an attribute")
		case "Value":
			ev.value, err = s.Name("an attribute")
		case "Time":
			ev.time, _, err = s.Append(ev.time, 64)
		case "Output":
			ev.output, ev.outputSize, err = s.Append(ev.output, s.Limits.InlineBytes)
		case "Elapsed":
			ev.elapsed, ev.timed, err = s.Length()
		}
		return err
	})
	if err != nil {
		return err
	}
	if s.held > s.Limits.OpenBytes {
		s.Damage(s.Offset(), report.KindTruncated, "the open tests take more than %d bytes; the rest is not read", s.Limits.OpenBytes)
		return report.ErrStop
	}
	return s.take(ev)
}

func (s *stream) take(ev *event) error {
	switch {
	case ev.action == "":
		if !s.strays {
			s.strays = true
			s.Warn("a line without Action is not read")
		}
		return nil
	case strings.HasPrefix(ev.action, "build-"):
		s.build(ev)
		return nil
	case ev.pkg == "" && ev.test == "":
		return nil
	}
	p := s.packages[ev.pkg]
	if p == nil {
		p = &suite{name: ev.pkg, tests: map[string]*open{}}
		s.packages[ev.pkg] = p
		s.held += openMemory
	}
	if ev.test == "" {
		return s.packageEvent(p, ev)
	}
	return s.testEvent(p, ev)
}

func (s *stream) build(ev *event) {
	b := s.builds[ev.importPath]
	if b == nil {
		b = &build{}
		s.builds[ev.importPath] = b
		s.held += openMemory
	}
	switch ev.action {
	case "build-output":
		s.held += b.output.add(ev.output, ev.outputSize, s.Limits.InlineBytes)
	case "build-fail":
		b.failed = true
	}
}
