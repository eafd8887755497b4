// Package kirk reads the JSON that kirk, the runner of the Linux Test Project,
// writes (libkirk/export.py).
package kirk

import (
	"context"
	"strings"
	"time"

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
		Format:     "ltp",
		Title:      "LTP, the JSON of kirk",
		Recognised: "an object whose results have test_fqn",
		Naming:     "test_fqn",
		Example:    `{"results":[{"test_fqn":"ping6","status":"pass","test":{"log":"","duration":0.3}}]}`,
	}
}

// Detect looks for the member that only this format has.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix, `"results"`)
	switch {
	case s.Has("results[].test_fqn"):
		return report.Certain
	case s.Has("results[].status", "results[].test.command", "results[].test.arguments"): // the name comes after a long log
		return report.Likely
	}
	return report.No
}

// Read reads the results.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	var red int64
	f, err := jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		return f.Object(func(name string) error {
			switch name {
			case "results":
				return f.Objects(func() error { return f.Test(func(t *jsonfile.Test) error { return test(f, t) }) })
			case "stats":
				return f.Object(func(name string) error {
					if name != "failed" && name != "broken" {
						return nil
					}
					n, err := f.Count()
					red += n
					return err
				})
			}
			return nil
		})
	})
	if err == nil && red > 0 && f.Red == 0 {
		f.Damage(f.Offset(), report.KindVerdict, "stats counts %d failed or broken, and no test in the list did fail", red)
	}
	return err
}

var words = map[string]report.Status{
	"pass": report.Success, "fail": report.Fail, "brok": report.Fail, "conf": report.Skip, "warn": report.Fail,
	"skip": report.Skip,

	// As LTP itself prints them; openQA's runners write so what a test's log says.
	"tpass": report.Success, "tfail": report.Fail, "tbrok": report.Fail, "tconf": report.Skip, "twarn": report.Fail,
	"tskip": report.Skip,
}

func test(f *jsonfile.File, t *jsonfile.Test) error {
	said := false
	result := ""
	err := f.Object(func(name string) error {
		var err error
		switch name {
		case "test_fqn":
			t.ID, err = f.Name("a test's name")
		case "status":
			var word string
			word, err = f.Str()
			t.Status, said = f.Status(words, word), true
		case "test":
			result, err = details(f, t)
		}
		return err
	})
	if !said || t.Status == report.Success && words[strings.ToLower(result)] == report.Fail {
		t.Status = f.Status(words, result) // red never hides behind the other word
	}
	return err
}

func details(f *jsonfile.File, t *jsonfile.Test) (result string, err error) {
	err = f.Object(func(name string) error {
		var err error
		switch name {
		case "log":
			err = t.Attach("stdout")
		case "duration":
			err = t.Length(time.Second)
		case "result":
			result, err = f.Str()
		case "command", "arguments", "retval", "failed", "passed", "broken", "skipped", "warnings":
			err = t.ReadProperty(name)
		}
		return err
	})
	return result, err
}
