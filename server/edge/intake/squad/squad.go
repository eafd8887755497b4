// Package squad reads the tests.json of SQUAD: a flat object that gives each test
// a word (squad.readthedocs.io, "Input file formats").
package squad

import (
	"bytes"
	"context"
	"slices"

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
		Format:     "squad",
		Title:      "SQUAD tests.json",
		Recognised: "a flat object whose values are all pass, fail, skip or xfail, or objects with such a result; the last of all formats",
		Naming:     "the member's name",
		Example:    `{"boot":"pass","net/ping":{"result":"fail","log":"no answer"}}`,
	}
}

var words = map[string]report.Status{"pass": report.Success, "fail": report.Fail, "skip": report.Skip, "xfail": report.XFail}

// Detect judges every value of the prefix.
func (Reader) Detect(prefix []byte) report.Confidence {
	text := bytes.TrimLeft(prefix, " \t\r\n")
	if len(text) == 0 || text[0] != '{' {
		return report.No
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadToken(); err != nil {
		return report.No
	}
	some := report.No
	for dec.PeekKind() == jsontext.KindString {
		if _, err := dec.ReadToken(); err != nil {
			return some
		}
		v, err := dec.ReadValue()
		if err != nil {
			return some // where the prefix ends, or the file is broken
		}
		if !fits(v) {
			return report.No
		}
		some = report.Possible
	}
	return some
}

// fits judges a value of the prefix.
func fits(v jsontext.Value) bool {
	switch v.Kind() {
	case jsontext.KindString:
		return slices.ContainsFunc([]string{`"pass"`, `"fail"`, `"skip"`, `"xfail"`}, func(w string) bool { return w == string(v) })
	case jsontext.KindBeginObject:
		s := jsonfile.Look(v, `"result"`)
		return s.Kind("result") == jsontext.KindString
	}
	return false
}

// Read reads the tests, in two passes: a file with one value that is no verdict is
// not of the format, and nothing of it is read.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	stranger := ""
	err := jsonfile.Survey(ctx, in, s, func(f *jsonfile.File) error {
		return f.Map(func(name string) error {
			word, err := verdict(f, nil)
			if _, ok := words[word]; !ok && stranger == "" && err == nil {
				stranger = name
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	if stranger != "" {
		s.Damage(0, report.KindJSON, "the member %s is no verdict, so this is no list of tests as SQUAD has it", report.Quote(stranger))
		return nil
	}
	_, err = jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		return f.Map(func(name string) error {
			return f.Test(func(t *jsonfile.Test) error {
				t.ID = f.ID(name)
				word, err := verdict(f, t)
				t.Status = words[word]
				return err
			})
		})
	})
	return err
}

// verdict reads the word of a test, and puts what stands beside it into t if that
// is not nil.
func verdict(f *jsonfile.File, t *jsonfile.Test) (word string, err error) {
	if f.Kind() != jsontext.KindBeginObject {
		if f.Kind() != jsontext.KindString {
			return "", f.Skip()
		}
		return f.Str()
	}
	err = f.Object(func(name string) error {
		var err error
		switch {
		case name == "result":
			word, err = f.Str()
		case t == nil:
		case name == "log":
			err = t.Attach("stdout")
		default:
			err = t.ReadProperty(name)
		}
		return err
	})
	return word, err
}
