// Package mocha reads the report of Mocha's json reporter
// (mocha/lib/reporters/json.js).
package mocha

import (
	"context"
	"hash/maphash"
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
		Format:     "mocha",
		Title:      "Mocha, JSON",
		Recognised: "an object with stats, tests, passes and failures",
		Naming:     "fullTitle",
		Example:    `{"stats":{"tests":1,"passes":1,"failures":0},"tests":[{"title":"moves","fullTitle":"arm moves","duration":117,"err":{}}],"pending":[],"failures":[],"passes":[{"fullTitle":"arm moves"}]}`,
	}
}

// Detect looks for the counts of stats, which stand first, or for the lists.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix)
	switch {
	case s.Has("stats.passes", "stats.failures", "tests"), s.Has("stats", "failures", "passes", "tests"), s.Has("tests[].fullTitle", "tests[].err"):
		return report.Certain
	case s.Any("failures[].fullTitle"):
		return report.Likely
	}
	return report.No
}

// lists are the titles that stand in each of the lists.
type lists struct {
	seed  maphash.Seed
	names map[string]map[uint64]bool
}

func (l *lists) holds(list, title string) bool {
	return l.names[list][maphash.String(l.seed, title)]
}

// Read reads the tests in two passes. The first finds the titles of each list: the
// lists other than tests have the verdicts, and failures has hooks besides.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	l := &lists{seed: maphash.MakeSeed(), names: map[string]map[uint64]bool{}}
	if err := jsonfile.Survey(ctx, in, s, l.survey); err != nil {
		return err
	}
	var failures int64
	f, err := jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		return f.Object(func(name string) error {
			switch name {
			case "stats":
				return f.Object(func(name string) error {
					var err error
					if name == "failures" {
						failures, err = f.Count()
					}
					return err
				})
			case "tests", "failures":
				return f.Objects(func() error { return l.entry(f, name) })
			}
			return nil
		})
	})
	if err == nil && failures > 0 && f.Red == 0 {
		f.Damage(f.Offset(), report.KindVerdict, "stats counts %d failures, and no test in the lists did fail", failures)
	}
	return err
}

func (l *lists) survey(f *jsonfile.File) error {
	return f.Object(func(list string) error {
		switch list {
		case "tests", "passes", "pending", "failures":
		default:
			return nil
		}
		if l.names[list] == nil {
			l.names[list] = map[uint64]bool{}
		}
		return f.Objects(func() error {
			return f.Object(func(name string) error {
				if name != "fullTitle" {
					return nil
				}
				title, err := f.Name("a test's name")
				if err != nil {
					return err
				}
				l.names[list][maphash.String(l.seed, title)] = true
				const memory = 40 // of a hash in the map
				return f.Hold(memory)
			})
		})
	})
}

// entry reads an entry of tests, or one of failures that is no test.
func (l *lists) entry(f *jsonfile.File, list string) error {
	t := f.NewTest()
	title, failed, retry := "", false, int64(0)
	err := f.Object(func(name string) error {
		var err error
		switch name {
		case "fullTitle":
			t.ID, err = f.Name("a test's name")
		case "title":
			title, err = f.Name("a test's name")
		case "duration":
			err = t.Length(time.Millisecond)
		case "currentRetry":
			retry, err = f.Count()
		case "speed":
			err = t.ReadProperty(name)
		case "err":
			failed, err = failure(f, t)
		}
		return err
	})
	if t.ID == "" {
		t.ID = title
	}
	if list == "failures" && (t.ID == "" || l.holds("tests", t.ID)) {
		f.Drop(t)
		return err
	}
	if retry > 0 {
		t.Attempts = int(min(retry, 1e6)) + 1
	}
	switch {
	case failed || list == "failures" || l.holds("failures", t.ID):
		t.Status = report.Fail
	case l.holds("pending", t.ID):
		t.Status = report.Skip
	case l.holds("passes", t.ID):
		t.Status, t.Flaky = report.Success, retry > 0
	default:
		f.Warn("the test %s stands in none of the lists of verdicts", report.Quote(t.ID))
		t.Status = report.Unknown
	}
	if err != nil {
		return f.Broken(t, err)
	}
	return f.Emit(t)
}

// failure reads what a test threw; an empty object is nothing.
func failure(f *jsonfile.File, t *jsonfile.Test) (some bool, err error) {
	if f.Kind() != jsontext.KindBeginObject {
		some = f.Kind() == jsontext.KindString
		return some, t.Attach("message")
	}
	err = f.Object(func(name string) error {
		some = true
		switch name {
		case "message", "actual", "expected":
			return t.Attach(name)
		case "stack":
			return t.Attach("traceback")
		}
		return nil
	})
	return some, err
}
