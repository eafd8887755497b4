// Package ctrf reads the Common Test Report Format (ctrf.io, the schema of
// version 0.0 and later), which reporters of many runners write.
package ctrf

import (
	"context"
	"slices"
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
		Format:     "ctrf",
		Title:      "CTRF",
		Recognised: "an object whose results have tool, summary and tests",
		Naming:     "the suites and the name, joined by ' > '; without suite the name",
		Example:    `{"results":{"tool":{"name":"lab"},"summary":{"tests":1,"passed":1,"failed":0},"tests":[{"name":"moves","status":"passed","duration":5}]}}`,
	}
}

// Detect looks for the members of results.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix, `"results"`)
	switch {
	case s.Has("results.tool", "results.summary"), s.Has("results.tool", "results.tests"), s.Has("reportFormat", "results.tests"), s.Has("results.summary.passed", "results.tests"):
		return report.Certain
	case s.Kind("results") == jsontext.KindBeginObject && s.Has("results.tests[].name", "results.tests[].status"):
		return report.Likely
	}
	return report.No
}

// Read reads the tests, and compares them with the summary at the end.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	var failed int64
	f, err := jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		return f.Object(func(name string) error {
			if name != "results" {
				return nil
			}
			return f.Object(func(name string) error {
				switch name {
				case "tool":
					return f.Writer()
				case "tests":
					return f.Objects(func() error { return one(f) })
				case "summary":
					return f.Object(func(name string) error {
						if name != "failed" {
							return nil
						}
						n, err := f.Count()
						failed = max(failed, n)
						return err
					})
				}
				return nil
			})
		})
	})
	if err == nil && failed > int64(f.Red) {
		f.Damage(f.Offset(), report.KindVerdict, "the summary counts %d failed, the list has %d", failed, f.Red)
	}
	return err
}

func one(f *jsonfile.File) error {
	return f.Test(func(t *jsonfile.Test) error {
		r := test{f: f, t: t}
		if err := f.Object(r.member); err != nil {
			r.finish()
			return err
		}
		r.finish()
		return nil
	})
}

// test is an entry that is being read.
type test struct {
	f                 *jsonfile.File
	t                 *jsonfile.Test
	suite             []string
	name, status, raw string
	retries           int64
	flaky             bool
}

func (r *test) member(name string) error {
	var err error
	switch name {
	case "name":
		r.name, err = r.f.Name("a test's name")
	case "suite":
		err = r.f.Strings(func(s string) { r.suite = append(r.suite, s) })
	case "status":
		r.status, err = r.f.Str()
	case "rawStatus":
		r.raw, err = r.f.Str()
	case "duration":
		err = r.t.Length(time.Millisecond)
	case "start":
		r.t.Start, err = r.moment()
	case "stop":
		r.t.Stop, err = r.moment()
	case "message", "stdout", "stderr", "snippet":
		err = r.t.Attach(name)
	case "trace":
		err = r.t.Attach("traceback")
	case "screenshot":
		err = r.t.AttachBase64(name, "image/png")
	case "tags":
		err = r.f.Strings(r.t.Tag)
	case "flaky":
		r.flaky, err = r.f.Bool()
	case "retries":
		r.retries, err = r.f.Count()
	case "retryAttempts":
		err = r.attempts()
	case "labels", "parameters", "steps", "attachments", "extra":
		if r.f.Kind() == jsontext.KindBeginObject || r.f.Kind() == jsontext.KindBeginArray {
			err = r.t.AttachJSON(name)
		}
	case "type", "filePath", "line", "browser", "device", "threadId", "ai":
		err = r.t.ReadProperty(name)
	}
	if (name == "name" || name == "suite") && r.name != "" {
		r.t.ID, r.t.Suite = r.f.ID(strings.Join(append(r.suite, r.name), " > ")), strings.Join(r.suite, " > ")
	}
	return err
}

// moment reads a time in milliseconds. Some writers give seconds.
func (r *test) moment() (time.Time, error) {
	if r.f.Is(jsontext.KindString) {
		return r.f.Time(time.Millisecond)
	}
	n, ok, err := r.f.Number()
	if err != nil || !ok {
		return time.Time{}, err
	}
	if n < 1e11 {
		return jsonfile.Epoch(n, time.Second), nil
	}
	return jsonfile.Epoch(n, time.Millisecond), nil
}

func (r *test) attempts() error {
	n := 0
	return r.f.Objects(func() error {
		n++
		return r.f.Object(func(name string) error {
			switch name {
			case "message", "trace", "stdout", "stderr", "snippet":
				return r.t.Attach(jsonfile.AttemptName(n, name))
			}
			return nil
		})
	})
}

var words = map[string]report.Status{"passed": report.Success, "failed": report.Fail, "skipped": report.Skip, "pending": report.Skip}

// skips are words of other runners that say that a test was not run.
var skips = []string{"todo", "skipped", "pending", "disabled", "ignored"}

func (r *test) finish() {
	switch {
	case r.status != "other":
		r.t.Status = r.f.Status(words, r.status)
	case slices.Contains(skips, strings.ToLower(r.raw)):
		r.t.Status = report.Skip
	default:
		r.t.Status = report.Unknown
	}
	if r.retries > 0 {
		r.t.Attempts = int(min(r.retries, 1e6)) + 1
	}
	r.t.Flaky = r.t.Status == report.Success && (r.flaky || r.retries > 0)
}
