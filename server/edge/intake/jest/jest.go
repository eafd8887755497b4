// Package jest reads the results of `jest --json` (packages/jest-test-result) and
// of vitest's json reporter, which has the same shape.
package jest

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Reader reads the format. The same name in two test files is two tests, so the
// records carry their file's base name as Suite.
type Reader struct{}

var _ report.Collider = Reader{}

// New returns a reader.
func New() report.Reader { return Reader{} }

// Info describes the format.
func (Reader) Info() report.Info {
	return report.Info{
		Format:     "jest",
		Title:      "Jest or vitest, JSON",
		Recognised: "an object with testResults and numTotalTests",
		Naming:     "fullName; where two files have the same one, the file's base name and ' > ' in front",
		Example:    `{"numTotalTests":1,"success":true,"testResults":[{"name":"/lab/arm.test.js","status":"passed","assertionResults":[{"fullName":"arm moves","status":"passed","duration":24}]}]}`,
	}
}

// Collides says that ids may be those of other files' tests.
func (Reader) Collides() {}

// Separator stands between the file and the name of a test.
func (Reader) Separator() string { return " > " }

// Detect looks for the list and one of the counts.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix)
	switch {
	case s.Has("testResults", "numTotalTests"), s.Has("testResults[].assertionResults"), s.Has("testResults[].testResults"):
		return report.Certain
	case s.Has("numTotalTests", "numFailedTests"):
		return report.Likely
	}
	return report.No
}

// Read reads the tests in two passes: the first finds the names of the files,
// which come after their tests.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	var files []string
	err := jsonfile.Survey(ctx, in, s, func(f *jsonfile.File) error {
		return f.Object(func(name string) error {
			if name != "testResults" {
				return nil
			}
			return f.Objects(func() error {
				const memory = 40 // of a name beside its text
				if err := f.Hold(memory); err != nil {
					return err
				}
				files = append(files, "")
				return f.Object(func(name string) error {
					if name != "name" && name != "testFilePath" {
						return nil
					}
					file, err := f.Name("a file's name")
					files[len(files)-1] = path.Base(strings.ReplaceAll(file, `\`, "/"))
					return errors.Join(err, f.Hold(len(file)))
				})
			})
		})
	})
	if err != nil {
		return err
	}
	r := &reader{files: files}
	f, err := jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		r.File = f
		return f.Object(r.member)
	})
	if err == nil && r.failed != "" && f.Red == 0 {
		f.Damage(f.Offset(), report.KindVerdict, "the member %s says that the run failed, and no test in the list did", r.failed)
	}
	return err
}

type reader struct {
	*jsonfile.File
	files  []string
	number int
	failed string // a member that says that the run did
}

func (r *reader) member(name string) error {
	switch name {
	case "testResults":
		return r.Objects(r.file)
	case "success":
		if r.Is(jsontext.KindFalse) {
			r.failed = name
		}
	case "wasInterrupted":
		if r.Is(jsontext.KindTrue) {
			r.failed = name
		}
	case "numFailedTests", "numRuntimeErrorTestSuites":
		n, err := r.Count()
		if n > 0 {
			r.failed = name
		}
		return err
	}
	return nil
}

// file reads the results of one test file. One that failed and has no test that
// did is a failed test itself, with its message.
func (r *reader) file() error {
	base := ""
	if r.number < len(r.files) {
		base = r.files[r.number]
	}
	r.number++
	red, status := r.Red, ""
	own := r.NewTest()
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "assertionResults", "testResults": // the latter in the results that jest gives its reporters
			err = r.Objects(func() error { return r.test(base) })
		case "status":
			status, err = r.Str()
		case "message", "failureMessage":
			err = own.Attach("message")
		case "testExecError":
			if r.Is(jsontext.KindBeginObject) {
				status = "failed"
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if status != "failed" || r.Red > red {
		r.Drop(own)
		return nil
	}
	own.ID, own.Status, own.Suite = base, report.Fail, base
	return r.Emit(own)
}

var words = map[string]report.Status{
	"passed": report.Success, "failed": report.Fail,
	"pending": report.Skip, "skipped": report.Skip, "disabled": report.Skip, "todo": report.Skip,
}

func (r *reader) test(base string) error {
	return r.Test(func(t *jsonfile.Test) error {
		t.Suite = base
		var word, title string
		var titles []string
		var invocations int64
		reasons := 0
		err := r.Object(func(name string) error {
			var err error
			switch name {
			case "fullName":
				t.ID, err = r.Name("a test's name")
			case "title":
				title, err = r.Name("a test's name")
			case "ancestorTitles":
				err = r.Strings(func(s string) { titles = append(titles, s) })
			case "status":
				word, err = r.Str()
			case "duration":
				err = t.Length(time.Millisecond)
			case "startAt", "startTime":
				t.Start, err = r.Time(time.Millisecond)
			case "failureMessages":
				err = t.Attach("message")
			case "retryReasons":
				if r.Is(jsontext.KindBeginArray) {
					err = r.Array(func() error {
						reasons++
						return t.Attach(jsonfile.AttemptName(reasons, "message"))
					})
				}
			case "invocations":
				invocations, err = r.Count()
			case "tags":
				err = r.Strings(t.Tag)
			}
			return err
		})
		if t.ID == "" && title != "" {
			t.ID = r.ID(strings.Join(append(titles, title), " "))
		}
		t.Status = r.File.Status(words, word)
		t.Attempts = max(int(min(invocations, 1e6)), min(reasons, 1)+reasons)
		if t.Status == report.Success && t.Attempts < 2 && len(t.Attachments) > 0 { // vitest says no more of an attempt that failed
			t.Attempts = 2
			t.Rename(0, 1)
		}
		t.Flaky = t.Status == report.Success && t.Attempts > 1
		return err
	})
}
