package gotest

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

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

// memory of a test that is open, without its output.
const openMemory = 600

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
		o.ID, o.Suite, o.Status = ev.test, p.name, report.InProgress
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
	left := report.Fail
	if ev.action == "fail" {
		p.tell()
	} else {
		if err := s.closePassed(p); err != nil {
			return err
		}
		left = report.InProgress
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
	if ev.failedBuild == "" {
		b = s.builds[p.name]
	}
	if b != nil {
		b.told = true
	}
	s.told(p.name)
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

// closePassed ends the tests of a package that passed which have no event of their
// end: test2json misses it when a test has printed no end of line before, but then
// it stands in the output. A subtest has passed when the test above it has ended.
func (s *stream) closePassed(p *suite) error {
	for _, name := range slices.Sorted(maps.Keys(p.tests)) {
		o := p.tests[name]
		status := report.Unknown
		for word, verdict := range map[string]report.Status{"PASS": report.Success, "SKIP": report.Skip} {
			_, rest, ok := bytes.Cut(o.output.bytes, []byte("--- "+word+": "+name+" ("))
			if !ok {
				continue
			}
			status = verdict
			length, _, _ := bytes.Cut(rest, []byte("s)"))
			if d, ok := report.ParseDuration(string(length[:min(len(length), 40)]), time.Second); ok {
				o.Duration, o.HasDuration = d, true
			}
		}
		root, _, sub := strings.Cut(name, "/")
		if _, open := p.tests[root]; sub && !open && status == report.Unknown {
			status = report.Success
		}
		if status == report.Unknown {
			continue
		}
		if err := s.closeTest(p, name, o, status, false); err != nil {
			return err
		}
	}
	return nil
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

// finish says what the end of the file says: packages that have none, builds that
// failed for no package, and packages that only a plain line says have failed.
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
		s.told(name)
		err := s.Failure(s.ID(name), func(t *jsonfile.Test) { t.AttachData("build-output", "", b.output.bytes, b.output.size) })
		if err != nil {
			return err
		}
	}
	return s.finishPlain()
}
