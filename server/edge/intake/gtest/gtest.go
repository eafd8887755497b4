// Package gtest reads the JSON of GoogleTest (--gtest_output=json, googletest's
// docs/advanced.md).
package gtest

import (
	"cmp"
	"context"
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
		Format:     "gtest",
		Title:      "GoogleTest, JSON",
		Recognised: "an object whose testsuites have a list testsuite",
		Naming:     "classname, a dot and the name",
		Example:    `{"tests":1,"failures":0,"name":"AllTests","testsuites":[{"name":"Arm","testsuite":[{"name":"Moves","status":"RUN","result":"COMPLETED","time":"0.11s","classname":"Arm"}]}]}`,
	}
}

// Detect looks for the lists.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix, `"testsuites"`)
	switch {
	case s.Has("testsuites[].testsuite"), s.Has("testsuites", "failures", "disabled", "name"):
		return report.Certain
	}
	return report.No
}

// Read reads the tests.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	var red int64
	f, err := jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		return f.Object(func(name string) error {
			switch name {
			case "testsuites":
				return f.Objects(func() error { return suite(f) })
			case "failures", "errors":
				n, err := f.Count()
				red += n
				return err
			}
			return nil
		})
	})
	if err == nil && red > 0 && f.Red == 0 {
		f.Damage(f.Offset(), report.KindVerdict, "the file counts %d failures and errors, and no test in it has one", red)
	}
	return err
}

func suite(f *jsonfile.File) error {
	suiteName, red := "", f.Red
	var failures int64
	at := f.Offset()
	err := f.Object(func(name string) error {
		var err error
		switch name {
		case "name":
			suiteName, err = f.Name("a suite's name")
		case "failures", "errors":
			var n int64
			n, err = f.Count()
			failures += n
		case "testsuite":
			err = f.Objects(func() error { return f.Test(func(t *jsonfile.Test) error { return test(f, t, suiteName) }) })
		}
		return err
	})
	if err == nil && failures > 0 && f.Red == red {
		f.Damage(at, report.KindVerdict, "the suite %s counts %d failures and errors, and no test in it has one", report.Quote(suiteName), failures)
	}
	return err
}

func test(f *jsonfile.File, t *jsonfile.Test, suiteName string) error {
	var class, name, status, result string
	failed := false
	err := f.Object(func(member string) error {
		var err error
		switch member {
		case "name":
			name, err = f.Name("a test's name")
		case "classname":
			class, err = f.Name("a test's name")
		case "status":
			status, err = f.Str()
		case "result":
			result, err = f.Str()
		case "time":
			err = t.Length(time.Second)
		case "timestamp":
			t.Start, err = f.Time(time.Second)
		case "failures":
			err = f.Objects(func() error {
				failed = true
				return f.Object(func(member string) error {
					if member == "failure" {
						return t.Attach("message")
					}
					return nil
				})
			})
		case "skipped":
			err = reasons(f, t)
		case "line":
		default:
			err = t.ReadProperty(member)
		}
		t.ID, t.Suite = id(f, class, name, suiteName), cmp.Or(suiteName, class)
		return err
	})
	if t.Status = verdict(f, failed, status, result); t.Status == report.Success && status == "" && result == "" {
		t.Status = report.Exists // --gtest_list_tests writes the same shape, and runs nothing
	}
	return err
}

// reasons reads why a test was skipped.
func reasons(f *jsonfile.File, t *jsonfile.Test) error {
	if !f.Is(jsontext.KindBeginArray) {
		return t.Attach("reason")
	}
	return f.Objects(func() error {
		return f.Object(func(member string) error {
			if member == "message" {
				return t.Attach("reason")
			}
			return nil
		})
	})
}

// id joins the names that are there; a failure outside of tests has none but that
// of its suite (UnitTestImpl::RecordProperty's NonTestSuiteFailure).
func id(f *jsonfile.File, class, name, suiteName string) string {
	switch {
	case class == "" && name == "", class == "" && suiteName == "":
		return suiteName + name
	case class == "":
		class = suiteName
	case name == "":
		return class
	}
	return f.ID(class, ".", name)
}

func verdict(f *jsonfile.File, failed bool, status, result string) report.Status {
	switch {
	case failed:
		return report.Fail
	case result == "SKIPPED", result == "SUPPRESSED", status == "NOTRUN":
		return report.Skip
	case (result == "COMPLETED" || result == "") && (status == "RUN" || status == ""):
		return report.Success
	}
	if result != "COMPLETED" {
		status = result
	}
	f.Odd(status)
	return report.Unknown
}
