// Package gotest reads what `go test -json` prints: an event on each line
// (cmd/test2json).
package gotest

import (
	"context"
	"maps"
	"slices"
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
	if err := f.Lines(st.line); err != nil {
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
}

// suite is a package whose end has not come.
type suite struct {
	name   string
	tests  map[string]*open
	failed bool // a test of it did
	output text
}

type open struct {
	*jsonfile.Test
	output text
}

// build is what the compiler printed for an import path.
type build struct {
	output text
	failed bool
	told   bool // a failed test shows it
}

// text is output that was cut to what may be kept.
type text struct {
	bytes []byte
	size  int64
}

func (t *text) add(b []byte, size int64, most int) int64 {
	kept := b[:max(0, min(len(b), most-len(t.bytes)))]
	t.bytes = append(t.bytes, kept...)
	t.size += size
	return int64(len(kept))
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

// memory of a test that is open, without its output.
const openMemory = 600

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
			ev.elapsed, ev.timed, err = s.Number()
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

func (s *stream) testEvent(p *suite, ev *event) error {
	o := p.tests[ev.test]
	if o == nil {
		switch ev.action {
		case "run", "pass", "fail", "skip", "attr":
		case "output":
			s.held += p.output.add(ev.output, ev.outputSize, s.Limits.InlineBytes)
			return nil
		default:
			return nil
		}
		t := s.NewTest()
		o = &open{Test: t}
		o.ID, o.Status = ev.test, report.InProgress
		if p.name != "" {
			o.ID = s.ID(p.name, ".", ev.test)
		}
		p.tests[ev.test] = o
		s.held += int64(openMemory + 2*len(o.ID))
	}
	switch ev.action {
	case "run":
		o.Start = jsonfile.ParseTime(string(ev.time))
	case "output":
		s.held += o.output.add(ev.output, ev.outputSize, s.Limits.InlineBytes)
	case "attr":
		o.Property(ev.key, ev.value)
	case "bench": // a benchmark that logged; it is no test
		return s.closeTest(p, ev.test, o, report.Unknown, true)
	case "pass", "fail", "skip":
		if ev.timed {
			o.Seconds(ev.elapsed)
		}
		return s.closeTest(p, ev.test, o, verdicts[ev.action], false)
	}
	return nil
}

var verdicts = map[string]report.Status{"pass": report.Success, "fail": report.Fail, "skip": report.Skip}

func (s *stream) closeTest(p *suite, name string, o *open, status report.Status, drop bool) error {
	delete(p.tests, name)
	s.held -= int64(openMemory+2*len(o.ID)) + int64(len(o.output.bytes))
	if drop {
		s.Drop(o.Test)
		return nil
	}
	o.Status = status
	p.failed = p.failed || status == report.Fail
	o.AttachData("stdout", "", o.output.bytes, o.output.size)
	return s.Emit(o.Test)
}

// packageEvent takes an event of the package itself.
func (s *stream) packageEvent(p *suite, ev *event) error {
	switch ev.action {
	case "output":
		s.held += p.output.add(ev.output, ev.outputSize, s.Limits.InlineBytes)
		return nil
	case "pass", "fail", "skip":
	default:
		return nil
	}
	left := report.InProgress
	if ev.action == "fail" {
		left = report.Fail
		p.tell()
	}
	if err := s.closeTests(p, left); err != nil {
		return err
	}
	delete(s.packages, p.name)
	s.held -= openMemory + int64(len(p.output.bytes))
	if ev.action != "fail" {
		return nil
	}
	b := s.builds[ev.failedBuild]
	if b != nil {
		b.told = true
	}
	if p.failed {
		return nil
	}
	return s.Failure(s.ID(p.name), func(t *jsonfile.Test) {
		if ev.timed {
			t.Seconds(ev.elapsed)
		}
		t.AttachData("stdout", "", p.output.bytes, p.output.size)
		if b != nil {
			t.AttachData("build-output", "", slices.Clone(b.output.bytes), b.output.size)
		}
	})
}

// tell gives what the package printed, such as why it panicked, to a test that it
// did not end.
func (p *suite) tell() {
	for _, name := range slices.Sorted(maps.Keys(p.tests)) {
		if !strings.HasPrefix(name, benchmark) {
			p.tests[name].AttachData("package output", "", p.output.bytes, p.output.size)
			return
		}
	}
}

// benchmark begins the names of benchmarks.
const benchmark = "Benchmark"

// closeTests ends the tests of a package that have no end of their own.
// Benchmarks have none when they are fine, and are no tests.
func (s *stream) closeTests(p *suite, status report.Status) error {
	for _, name := range slices.Sorted(maps.Keys(p.tests)) {
		if err := s.closeTest(p, name, p.tests[name], status, strings.HasPrefix(name, benchmark)); err != nil {
			return err
		}
	}
	return nil
}

// finish says what the end of the file says: packages that have none, and builds
// that failed for no package.
func (s *stream) finish() error {
	for _, name := range slices.Sorted(maps.Keys(s.packages)) {
		p := s.packages[name]
		s.Damage(s.Offset(), report.KindTruncated, "the package %s has no end", report.Quote(name))
		if err := s.closeTests(p, report.InProgress); err != nil {
			return err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(s.builds)) {
		b := s.builds[path]
		if !b.failed || b.told {
			continue
		}
		name, _, _ := strings.Cut(path, " [")
		err := s.Failure(s.ID(name), func(t *jsonfile.Test) { t.AttachData("build-output", "", b.output.bytes, b.output.size) })
		if err != nil {
			return err
		}
	}
	return nil
}
