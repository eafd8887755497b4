// Package avocado reads the results.json of Avocado
// (avocado/plugins/jsonresult.py).
package avocado

import (
	"context"
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
		Format:     "avocado",
		Title:      "Avocado results.json",
		Recognised: "an object with job_id and tests",
		Naming:     "the test's name without the number before it; one that the job runs again gets \" (2)\"",
		Example:    `{"job_id":"3bbce8","tests":[{"id":"1-arm.py:Arm.test_moves","name":"arm.py:Arm.test_moves","status":"PASS","time_elapsed":0.9}]}`,
	}
}

// Detect looks for the job's id, which may come after a long list.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix)
	switch {
	case s.Has("job_id", "tests"), s.Has("tests[].whiteboard", "tests[].logfile"):
		return report.Certain
	case s.Has("job_id", "debuglog"):
		return report.Likely
	}
	return report.No
}

// Read reads the tests.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	var red, total int64
	repeats := jsonfile.Repeats{}
	f, err := jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		return f.Object(func(name string) error {
			switch name {
			case "tests":
				return f.Objects(func() error { return f.Test(func(t *jsonfile.Test) error { return test(f, t, repeats) }) })
			case "errors", "failures", "interrupt":
				n, err := int64(1), error(nil)
				if !f.Is(jsontext.KindTrue) {
					n, err = f.Count()
				}
				red += n
				return err
			case "total":
				n, err := f.Count()
				total = max(total, n)
				return err
			}
			return nil
		})
	})
	if err == nil && red > 0 && f.Red == 0 {
		f.Damage(f.Offset(), report.KindVerdict, "the job counts %d errors, failures or interrupts, and no test in the list has one", red)
	}
	if err == nil && total > int64(f.Tests) {
		// A job that is interrupted lists what has run and counts the rest as skipped
		// (avocado/core/result.py, _reconcile); only its exit code says so, and this.
		f.Damage(f.Offset(), report.KindPlan, "the job counts %d tests, and its list has %d: it did not run to its end", total, f.Tests)
	}
	return err
}

var words = map[string]report.Status{
	"pass": report.Success, "warn": report.Success,
	"fail": report.Fail, "error": report.Fail, "interrupted": report.Fail, "interrupt": report.Fail,
	"skip": report.Skip, "cancel": report.Skip,
}

// test reads one. A job may run a test several times, each of which Avocado counts as
// a test: only the number that is taken off tells them apart.
func test(f *jsonfile.File, t *jsonfile.Test, repeats jsonfile.Repeats) error {
	var named, id, word string
	var start, began time.Time
	err := f.Object(func(name string) error {
		var err error
		switch name {
		case "name":
			named, err = f.Name("a test's name")
		case "id", "test": // the latter in 2014's versions
			id, err = f.Name("a test's name")
		case "status":
			word, err = f.Str()
			t.Status = f.Status(words, word)
		case "fail_reason":
			err = t.AttachUnless("message", "<unknown>", "None")
		case "whiteboard":
			err = t.AttachUnless(name, "<unknown>", "None")
		case "time_elapsed":
			err = t.Length(time.Second)
		case "time":
			if t.HasDuration {
				return nil
			}
			err = t.Length(time.Second)
		case "actual_time_start":
			start, err = f.Time(time.Second)
		case "time_start", "start":
			began, err = f.Time(time.Second)
		case "tags":
			err = tags(f, t)
		case "logdir", "logfile":
			err = t.ReadProperty(name)
		}
		t.ID = withoutNumber(named)
		if named == "" {
			t.ID = withoutNumber(id)
		}
		return err
	})
	if err == nil && t.ID != "" {
		t.ID = repeats.Unique(t.ID)
	}
	if t.Start = start; start.IsZero() && began.Year() > 2000 { // else it is a clock that began with the machine
		t.Start = began
	}
	if word == "" && err == nil {
		f.Odd(word)
	}
	return err
}

func tags(f *jsonfile.File, t *jsonfile.Test) error {
	if !f.Is(jsontext.KindBeginObject) {
		return f.Strings(t.Tag)
	}
	return f.Map(func(key string) error {
		value := ""
		err := f.Strings(func(v string) { value = v })
		if value != "" {
			key += "=" + value
		}
		t.Tag(f.ID(key))
		return err
	})
}

// withoutNumber takes off the number that Avocado counts its tests by.
func withoutNumber(name string) string {
	digits := strings.TrimLeft(name, "0123456789")
	if rest, ok := strings.CutPrefix(digits, "-"); ok && len(digits) < len(name) {
		return rest
	}
	return name
}
