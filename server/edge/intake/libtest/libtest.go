// Package libtest reads the JSON lines of Rust's test harness (cargo test --
// --format json, library/test/src/formatters/json.rs).
package libtest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

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
		Format:     "libtest",
		Title:      "Rust's libtest, JSON",
		Recognised: "a JSON object on each line, with the members type (suite, test or bench) and event",
		Naming:     "name",
		Example:    `{"type":"suite","event":"started","test_count":1}` + "\n" + `{"type":"test","name":"tests::moves","event":"ok"}` + "\n" + `{"type":"suite","event":"ok","passed":1,"failed":0}` + "\n",
	}
}

// Detect looks at the first object.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.LookLine(prefix, `"type"`, `"event"`)
	switch {
	case !s.Has("type", "event") || !s.Any("test_count", "name", "passed"):
		return report.No
	case s.Noise:
		return report.Likely
	}
	return report.Certain
}

// Read reads the events. The test binaries of a workspace follow each other, each
// a suite.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	f, err := jsonfile.Open(ctx, in, s)
	if err != nil {
		return err
	}
	st := &stream{File: f, open: map[string]bool{}}
	if err := f.Lines(st.line, st.plain); err != nil {
		return err
	}
	return f.Stopped(st.finish())
}

type stream struct {
	*jsonfile.File
	open    map[string]bool // tests without an end; true when they ran out of time
	running bool            // a suite has begun and not ended
	events  bool            // something came since the last suite ended
	red     int             // failed tests before the suite
	held    int64

	problem string // what Cargo says between the events
	at      int64
}

// problems begin the lines with which Cargo says that a test program was not built,
// or did not end as it should, behind the last event that it wrote.
var problems = [][]byte{[]byte("error: test failed"), []byte("error: could not compile"), []byte("error: could not execute"), []byte("error: test run failed"), []byte("error: doctest failed")}

// plain takes a line that is no event.
func (s *stream) plain(line []byte, at int64) {
	for _, p := range problems {
		if s.problem == "" && bytes.HasPrefix(line, p) {
			s.problem, s.at = string(line[:min(len(line), 200)]), at
		}
	}
}

// members of an event that are not those of its test.
type event struct {
	kind, event string
	failed      int64

	reason  string // of Cargo's own lines
	refused bool   // success of them is false
}

func (s *stream) line() error {
	t := s.NewTest()
	var ev event
	err := s.Object(func(name string) error {
		var err error
		switch name {
		case "type":
			ev.kind, err = s.Str()
		case "event":
			ev.event, err = s.Str()
		case "name":
			t.ID, err = s.Name("a test's name")
		case "exec_time":
			err = t.Length(time.Second)
		case "reason":
			if ev.kind == "" { // Cargo's own lines begin with it
				ev.reason, err = s.Str()
			} else {
				err = t.Attach(name)
			}
		case "success":
			ev.refused = s.Is(jsontext.KindFalse)
		case "stdout", "message":
			err = t.Attach(name)
		case "failed":
			ev.failed, err = s.Count()
		case "median", "deviation", "mib_per_second":
			err = t.ReadProperty(name)
		}
		return err
	})
	if err != nil {
		return s.Broken(t, err)
	}
	switch ev.kind {
	case "suite":
		t.ID = "suite"
		return s.suite(t, ev)
	case "test":
		if ev.reason != "" {
			t.AttachData("reason", "", []byte(ev.reason), int64(len(ev.reason)))
		}
		return s.test(t, ev.event)
	case "bench":
		t.Status = report.Success
		s.events = true
		return s.Emit(t)
	}
	if ev.reason == "build-finished" && ev.refused && s.problem == "" {
		s.problem, s.at = "the build failed", s.Offset()
	}
	s.Drop(t)
	return nil
}

func (s *stream) suite(t *jsonfile.Test, ev event) error {
	if ev.event == "started" {
		if s.running {
			s.Damage(s.Offset(), report.KindUnclosed, "a suite begins before the one before has ended")
		}
		s.running, s.red, s.events = true, s.Red, false
		s.Drop(t)
		return nil
	}
	err := s.closeTests()
	s.running, s.events = false, false
	if err != nil {
		return err
	}
	if (ev.event != "ok" || ev.failed > 0) && s.Red == s.red {
		t.Status = report.Fail
		s.red = s.Red + 1
		return s.Emit(t)
	}
	s.red = s.Red
	s.Drop(t)
	return nil
}

var words = map[string]report.Status{"ok": report.Success, "failed": report.Fail, "ignored": report.Skip, "allowed_failure": report.XFail}

func (s *stream) test(t *jsonfile.Test, word string) error {
	s.events = true
	switch word {
	case "started", "timeout": // the latter says that it takes long, and mostly ends all the same
		if _, ok := s.open[t.ID]; !ok {
			s.held += int64(len(t.ID)) + 64
		}
		s.open[t.ID] = word == "timeout"
		s.Drop(t)
		if s.held > s.Limits.OpenBytes {
			s.Damage(s.Offset(), report.KindTruncated, "the open tests take more than %d bytes; the rest is not read", s.Limits.OpenBytes)
			return report.ErrStop
		}
		return nil
	}
	if late, ok := s.open[t.ID]; ok {
		if late {
			t.Tag("slow")
		}
		delete(s.open, t.ID)
		s.held -= int64(len(t.ID)) + 64
	}
	t.Status = s.Status(words, word)
	return s.Emit(t)
}

// closeTests emits the tests that began and did not end: those that ran out of
// time have failed.
func (s *stream) closeTests() error {
	for _, id := range slices.Sorted(maps.Keys(s.open)) {
		t := s.NewTest()
		t.ID, t.Status = id, report.InProgress
		if s.open[id] {
			t.Status = report.Fail
		}
		if err := s.Emit(t); err != nil {
			return err
		}
	}
	clear(s.open)
	s.held = 0
	return nil
}

func (s *stream) finish() error {
	if s.running || s.events {
		s.Damage(s.Offset(), report.KindUnclosed, "the suite has no end")
	}
	if err := s.closeTests(); err != nil {
		return err
	}
	if s.problem != "" && s.Red == 0 {
		s.Damage(s.at, report.KindVerdict, "Cargo says that the run failed, and no test did: %s", report.Quote(s.problem))
	}
	return nil
}
