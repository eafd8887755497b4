// Package robotjson reads the output.json of Robot Framework 7.2 and later
// (doc/schema/result.json).
package robotjson

import (
	"context"
	"errors"
	"strings"
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
		Format:     "robot-json",
		Title:      "Robot Framework, JSON",
		Recognised: "an object with generator and a suite that has tests or suites",
		Naming:     "the names of the suites and of the test, joined by dots",
		Example:    `{"generator":"Robot 7.3","rpa":false,"suite":{"name":"Arm","status":"PASS","tests":[{"name":"Moves","status":"PASS","elapsed_time":0.11}]}}`,
	}
}

// Detect looks for the suite, which is the bulk of the file.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix, `"suite"`)
	switch {
	case s.Kind("suite") != jsontext.KindBeginObject:
		return report.No
	case s.Has("generator", "rpa"), s.Any("generator", "rpa", "generated") && s.Any("suite.tests", "suite.suites"):
		return report.Certain
	case s.Any("suite.tests[].elapsed_time", "suite.suites[].tests"):
		return report.Likely
	}
	return report.No
}

// Read reads the tests in two passes: what a suite is called and whether its
// teardown failed comes after its tests, and decides over them.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	r := &reader{survey: true}
	err := jsonfile.Survey(ctx, in, s, func(f *jsonfile.File) error {
		r.File = f
		return f.Object(r.member)
	})
	if err != nil {
		return err
	}
	r.survey, r.number, r.failed = false, 0, 0
	f, err := jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		r.File = f
		return f.Object(r.member)
	})
	if err == nil && f.Red == 0 && (r.failed > 0 || len(r.suites) > 0 && r.suites[0].status == "FAIL") {
		f.Damage(f.Offset(), report.KindVerdict, "the suite failed, and no test in it did")
	}
	return err
}

type reader struct {
	*jsonfile.File
	survey bool
	suites []suite // in the order of their beginnings
	number int
	failed int64 // by the statistics
}

// suite is what must be known of a suite before its tests are read.
type suite struct {
	name, status string
	teardown     string // the message of its teardown that failed
	broken       bool
}

// suiteMemory is about what a suite takes beside its name, with the message of its
// teardown that is cut.
const suiteMemory = 100

func (r *reader) member(name string) error {
	switch name {
	case "generator":
		return r.Writer()
	case "suite":
		return r.suite("", nil)
	case "statistics":
		return r.Object(func(name string) error {
			if name != "total" || !r.Is(jsontext.KindBeginObject) {
				return nil
			}
			return r.Object(func(name string) error {
				var err error
				if name == "fail" {
					r.failed, err = r.Count()
				}
				return err
			})
		})
	}
	return nil
}

// suite reads a suite. The teardown is that of an outer suite that failed, if any.
func (r *reader) suite(above string, teardown *suite) error {
	number := r.number
	r.number++
	if r.survey {
		if err := r.Hold(suiteMemory); err != nil {
			return err
		}
		r.suites = append(r.suites, suite{})
	}
	if number >= len(r.suites) {
		return nil // there were too many, which is damage already
	}
	name := r.suites[number].name
	if above != "" {
		name = above + "." + name
	}
	if r.suites[number].broken {
		teardown = &r.suites[number]
	}
	return r.Object(func(member string) error {
		var err error
		switch member {
		case "suites":
			return r.Objects(func() error { return r.suite(name, teardown) })
		case "tests":
			if !r.survey {
				return r.Objects(func() error { return r.test(name, teardown) })
			}
		case "name":
			if r.survey {
				r.suites[number].name, err = r.Name("a suite's name")
				err = errors.Join(err, r.Hold(len(r.suites[number].name)))
			}
		case "status":
			if r.survey {
				r.suites[number].status, err = r.Str()
			}
		case "teardown":
			if r.survey {
				err = r.teardown(number)
			}
		}
		return err
	})
}

func (r *reader) teardown(number int) error {
	return r.Object(func(member string) error {
		s := &r.suites[number]
		var err error
		switch member {
		case "status":
			var word string
			word, err = r.Str()
			s.broken = word == "FAIL"
		case "message":
			s.teardown, err = r.Name("a message")
			s.teardown, _ = report.Cut(s.teardown, 1000) // it is given to every test of the suite
		}
		return err
	})
}

var words = map[string]report.Status{"pass": report.Success, "fail": report.Fail, "skip": report.Skip, "not run": report.Skip, "not_run": report.Skip}

func (r *reader) test(above string, teardown *suite) error {
	return r.Test(func(t *jsonfile.Test) error {
		t.Suite = above
		k := keywords{File: r.File, t: t}
		word := ""
		err := r.Object(func(member string) error {
			var err error
			switch member {
			case "name":
				var name string
				name, err = r.Name("a test's name")
				t.ID = r.ID(strings.TrimPrefix(above+"."+name, "."))
			case "status":
				word, err = r.Str()
			case "message", "doc":
				err = t.Attach(member)
			case "start_time":
				t.Start, err = r.Time(time.Second)
			case "elapsed_time":
				err = t.Length(time.Second)
			case "tags":
				err = r.Strings(t.Tag)
			case "body":
				err = k.list()
			case "setup", "teardown":
				err = k.keyword()
			}
			return err
		})
		t.Status = r.Status(words, word)
		if t.Status == report.Success && teardown != nil {
			t.Status = report.Fail
			t.AttachText("message", strings.TrimSpace("Parent suite teardown failed:\n"+teardown.teardown))
		}
		t.AttachData("log", "", k.text, k.size)
		return err
	})
}

// keywords gathers what the keywords of a test logged as failure or warning.
type keywords struct {
	*jsonfile.File
	t       *jsonfile.Test
	text    []byte
	size    int64
	message []byte // of the one that is being read
}

// list reads a body. What is nested deeper than may be is left out: the verdict
// does not depend on it.
func (k *keywords) list() error {
	if k.Deep() || !k.Is(jsontext.KindBeginArray) {
		return k.Skip()
	}
	return k.Objects(k.keyword)
}

// keyword reads a keyword or control structure, or a message.
func (k *keywords) keyword() error {
	if k.Deep() || !k.Is(jsontext.KindBeginObject) {
		return k.Skip()
	}
	level := ""
	k.message = k.message[:0]
	err := k.Object(func(member string) error {
		var err error
		switch member {
		case "level":
			level, err = k.Str()
		case "body":
			err = k.list()
		case "setup", "teardown":
			err = k.keyword()
		case "message":
			k.message, _, err = k.Append(k.message[:0], k.Limits.InlineBytes)
		}
		return err
	})
	if level == "FAIL" || level == "WARN" || level == "ERROR" { // so this is a message, and nothing was nested in it
		k.size += int64(len(k.message)) + 1
		if room := k.Limits.InlineBytes - len(k.text); room > len(k.message) {
			k.text = append(append(k.text, k.message...), '\n')
		}
	}
	return err
}
