// Package pytest reads the report of the plugin pytest-json-report
// (numirias/pytest-json-report, README).
package pytest

import (
	"context"
	"strings"

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
		Format:     "pytest-json-report",
		Title:      "pytest-json-report",
		Recognised: "an object with exitcode and tests that have a nodeid",
		Naming:     "nodeid",
		Example:    `{"exitcode":0,"root":"/lab","tests":[{"nodeid":"a/test_arm.py::test_moves","outcome":"passed","call":{"duration":0.1,"outcome":"passed"}}]}`,
	}
}

// Detect looks for what stands before and in the lists.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix)
	switch {
	case s.Has("exitcode", "tests[].nodeid"), s.Has("exitcode", "collectors[].nodeid"), s.Has("exitcode", "root", "summary"):
		return report.Certain
	case s.Any("tests[].nodeid", "collectors[].nodeid"):
		return report.Likely
	}
	return report.No
}

// Read reads the tests, and compares them with the exit code at the end.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	exit := 0.0
	f, err := jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		return f.Object(func(name string) error {
			var err error
			switch name {
			case "exitcode":
				exit, _, err = f.Number()
			case "tests":
				err = f.Objects(func() error { return f.Test(func(t *jsonfile.Test) error { return test(f, t) }) })
			case "collectors":
				err = f.Objects(func() error { return collector(f) })
			}
			return err
		})
	})
	const nothingCollected = 5
	if err == nil && exit != 0 && f.Red == 0 && (exit != nothingCollected || f.Tests > 0) {
		f.Damage(f.Offset(), report.KindVerdict, "the exit code is %g, and no test in the list failed", exit)
	}
	return err
}

var words = map[string]report.Status{
	"passed": report.Success, "xpassed": report.Success,
	"failed": report.Fail, "error": report.Fail,
	"xfailed": report.XFail, "skipped": report.Skip,
}

func test(f *jsonfile.File, t *jsonfile.Test) error {
	var word, call string
	failed := false // a phase did
	seconds, timed := 0.0, false
	err := f.Object(func(name string) error {
		var err error
		switch name {
		case "nodeid":
			t.ID, err = f.Name("a test's name")
			t.Suite, _, _ = strings.Cut(t.ID, "::")
		case "outcome":
			word, err = f.Str()
		case "setup", "call", "teardown":
			p := phase{File: f, t: t}
			err = f.Object(p.member)
			seconds, timed = seconds+p.seconds, timed || p.timed
			failed = failed || p.outcome == "failed"
			if name == "call" {
				call = p.outcome
			}
		case "metadata":
			err = properties(f, t)
		case "user_properties":
			err = f.Array(func() error { return properties(f, t) })
		}
		return err
	})
	if timed {
		t.Seconds(seconds)
	}
	rerun := word == "rerun"
	if rerun {
		word = call
	}
	t.Status = f.Status(words, word)
	if t.Status == report.Success && failed {
		t.Status = report.Fail
	}
	t.Flaky = rerun && t.Status == report.Success
	for i := range t.Attachments {
		if a := &t.Attachments[i]; t.Status == report.Skip && a.Name == "traceback" {
			a.Name = "reason"
		}
	}
	return err
}

// properties reads an object of values, or a pair of them.
func properties(f *jsonfile.File, t *jsonfile.Test) error {
	if f.Is(jsontext.KindBeginObject) {
		return f.Map(t.ReadProperty)
	}
	var pair []string
	err := f.Strings(func(s string) { pair = append(pair, s) })
	if len(pair) == 2 {
		t.Property(pair[0], pair[1])
	}
	return err
}

// phase is the setup, call or teardown of a test.
type phase struct {
	*jsonfile.File
	t       *jsonfile.Test
	outcome string
	seconds float64
	timed   bool
}

func (p *phase) member(name string) error {
	var err error
	switch name {
	case "outcome":
		p.outcome, err = p.Str()
	case "duration":
		if seconds, ok, length := p.Length(); ok {
			p.seconds, p.timed = seconds, true
		} else {
			err = length
		}
	case "longrepr":
		err = p.t.Attach("traceback")
	case "stdout", "stderr":
		err = p.t.Attach(name)
	case "log":
		if p.Is(jsontext.KindBeginArray) {
			err = p.t.AttachJSON(name)
		}
	case "crash":
		err = p.Object(func(name string) error {
			if name == "message" {
				return p.t.Attach(name)
			}
			return nil
		})
	}
	return err
}

// collector reads what became of a file or class that was searched for tests. One
// that failed has no tests, and is a failed one itself.
func collector(f *jsonfile.File) error {
	t := f.NewTest()
	failed := false
	err := f.Object(func(name string) error {
		var err error
		switch name {
		case "nodeid":
			t.ID, err = f.Name("a collector's name")
		case "outcome":
			var word string
			word, err = f.Str()
			failed = word == "failed" || word == "error"
		case "longrepr":
			err = t.Attach("traceback")
		}
		return err
	})
	if t.ID == "" {
		t.ID = "collection"
	}
	t.Status = report.Fail
	switch {
	case !failed:
		f.Drop(t)
		return err
	case err == nil:
		return f.Emit(t)
	}
	return f.Broken(t, err)
}
