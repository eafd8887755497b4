// Package playwright reads the report of Playwright Test's json reporter
// (packages/playwright/src/reporters/json.ts).
package playwright

import (
	"context"
	"errors"
	"path"
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
		Format:     "playwright",
		Title:      "Playwright Test, JSON",
		Recognised: "an object with config and suites, whose suites have specs",
		Naming:     "the project in brackets, the file, the suites' titles and the title, joined by ' › '",
		Example:    `{"config":{"rootDir":"/lab"},"suites":[{"title":"arm.spec.js","file":"arm.spec.js","specs":[{"title":"moves","ok":true,"tests":[{"projectName":"chromium","expectedStatus":"passed","status":"expected","results":[{"status":"passed","duration":150}]}]}]}]}`,
	}
}

// Detect looks for suites with specs, which stand behind a long config.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix)
	switch {
	case s.Any("suites[].specs", "suites[].suites[].specs"), s.Has("config.rootDir", "config.projects"), s.Has("config", "suites", "stats.expected"):
		return report.Certain
	case s.Has("config.rootDir", "config.workers"):
		return report.Likely
	}
	return report.No
}

// Read reads the tests. When it meets a title that stands after the list it is for,
// as in a file with sorted members, it looks all such titles up first.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	r := &reader{look: func(late map[int]node) error {
		return jsonfile.Survey(ctx, in, s, func(f *jsonfile.File) error {
			return (&reader{File: f, late: late, survey: true}).document()
		})
	}}
	f, err := jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		r.File = f
		return r.document()
	})
	if err == nil && r.unexpected > 0 && f.Red == 0 {
		f.Damage(f.Offset(), report.KindVerdict, "stats counts %d unexpected, and no test in the list is", r.unexpected)
	}
	return err
}

// node is what a suite or a spec is called.
type node struct {
	title, file string
}

type reader struct {
	*jsonfile.File
	survey     bool
	look       func(late map[int]node) error
	late       map[int]node // of the suites and specs by number, where it comes after their lists; nil until it is looked up
	nodes      int
	rootDir    string
	unexpected int64
}

func (r *reader) document() error {
	return r.Object(func(name string) error {
		switch name {
		case "config":
			return r.Object(func(name string) error {
				var err error
				switch name {
				case "rootDir":
					r.rootDir, err = r.Str()
				case "version":
					var version string
					if version, err = r.Name("a version"); version != "" {
						r.WrittenBy("Playwright " + version)
					}
				}
				return err
			})
		case "suites":
			return r.Objects(func() error { return r.suite(nil, "") })
		case "errors":
			if r.survey {
				return nil
			}
			return r.Objects(r.failure)
		case "stats":
			return r.Object(func(name string) error {
				var err error
				if name == "unexpected" {
					r.unexpected, err = r.Count()
				}
				return err
			})
		}
		return nil
	})
}

// named reads a suite or spec: list is called for the members that are lists, with
// what the node is called.
func (r *reader) named(list func(member string, n node) error) error {
	number := r.nodes
	r.nodes++
	n := r.late[number]
	inLists, lateTitle := false, false
	err := r.Object(func(name string) error {
		var err error
		isList := name == "specs" || name == "suites" || name == "tests"
		if isList && n.title == "" && r.late == nil {
			r.late = map[int]node{}
			if err := r.look(r.late); err != nil {
				return err
			}
			n = r.late[number]
		}
		switch name {
		case "title":
			n.title, err = r.Name("a title")
			lateTitle = lateTitle || inLists
		case "file":
			n.file, err = r.Name("a file's name")
			lateTitle = lateTitle || inLists
		default:
			inLists = inLists || isList
			err = list(name, n)
		}
		return err
	})
	if r.survey && lateTitle {
		r.late[number] = n
		const memory = 100 // of a node in the map, beside its texts
		err = errors.Join(err, r.Hold(memory+len(n.title)+len(n.file)))
	}
	return err
}

// suite reads a suite; above are the titles of those it stands in, but for the
// outermost, which is the file.
func (r *reader) suite(above []string, file string) error {
	outermost := above == nil
	return r.named(func(member string, n node) error {
		if n.file != "" {
			file = n.file
		} else if outermost {
			file = n.title
		}
		titles := make([]string, 0, len(above)+1)
		titles = append(titles, above...)
		if !outermost {
			titles = append(titles, n.title)
		}
		switch member {
		case "suites":
			return r.Objects(func() error { return r.suite(titles, file) })
		case "specs":
			return r.Objects(func() error { return r.spec(titles, file) })
		}
		return nil
	})
}

func (r *reader) spec(above []string, file string) error {
	var tags []string
	red, notOK := r.Red, false
	at := r.Offset()
	err := r.named(func(member string, n node) error {
		switch member {
		case "ok":
			notOK = r.Is(jsontext.KindFalse)
		case "tags":
			var err error
			tags, err = r.Shared(tags)
			return err
		case "tests":
			if r.survey {
				return nil
			}
			if n.file != "" {
				file = n.file
			}
			name := strings.Join(append(append([]string{file}, above...), n.title), " › ")
			return r.Objects(func() error { return r.test(name, file, tags) })
		}
		return nil
	})
	if err == nil && notOK && r.Red == red && !r.survey {
		r.Damage(at, report.KindVerdict, "a spec is not ok, and none of its tests failed")
	}
	return err
}

// failure reads an error that belongs to no test, such as that of a file that
// cannot be loaded.
func (r *reader) failure() error {
	return r.Test(func(t *jsonfile.Test) error {
		t.ID, t.Status = "errors", report.Fail
		return r.Object(func(name string) error {
			if name != "location" {
				return r.errorText(t, name)
			}
			return r.Object(func(name string) error {
				if name != "file" {
					return nil
				}
				file, err := r.Name("a file's name")
				if short, ok := strings.CutPrefix(file, r.rootDir+"/"); ok {
					file = short
				} else {
					file = path.Base(strings.ReplaceAll(file, `\`, "/"))
				}
				t.ID = r.ID(file)
				return err
			})
		})
	})
}

// errorText attaches the texts of an error.
func (r *reader) errorText(t *jsonfile.Test, name string) error {
	switch name {
	case "message", "snippet":
		return t.Attach(name)
	case "stack":
		return t.Attach("traceback")
	case "value": // of what was thrown and is no Error
		return t.Attach("message")
	}
	return nil
}

// test reads a spec's test in one project.
func (r *reader) test(name, file string, tags []string) error {
	return r.Test(func(t *jsonfile.Test) error {
		t.ID, t.Suite = r.ID(name), file
		for _, tag := range tags {
			t.Tag(tag)
		}
		v := verdict{}
		err := r.Object(func(member string) error {
			var err error
			switch member {
			case "projectName":
				var project string
				if project, err = r.Name("a project"); project != "" {
					t.ID = r.ID("[" + project + "] " + name)
				}
			case "expectedStatus":
				v.expected, err = r.Str()
			case "status":
				v.status, err = r.Str()
			case "annotations":
				err = r.Objects(func() error { return r.annotation(t) })
			case "results":
				first := 0
				err = r.Objects(func() error {
					if t.Attempts > 0 {
						t.Rename(first, t.Attempts)
					}
					first = len(t.Attachments)
					t.Attempts++
					var err error
					v.last, err = r.result(t)
					return err
				})
			}
			return err
		})
		t.Status, t.Flaky = v.decide(r.File)
		return err
	})
}

// verdict is what a test says about itself.
type verdict struct {
	status, expected, last string
}

// decide follows Playwright's own outcome, and its last result where that is worse.
func (v verdict) decide(f *jsonfile.File) (status report.Status, flaky bool) {
	lastPassed := v.last == "passed" || v.last == "skipped" || v.last == ""
	switch v.status {
	case "skipped": // also what was interrupted before it had a result
		if v.last == "interrupted" {
			return report.InProgress, false
		}
		if !lastPassed && v.last != v.expected {
			return report.Fail, false
		}
		return report.Skip, false
	case "flaky": // one attempt ended as expected; it must be the last one
		switch {
		case v.expected == "failed" && v.last == "passed":
			return report.UXSuccess, false
		case v.expected == "failed" && v.last == "failed":
			return report.XFail, true
		case !lastPassed:
			return report.Fail, false
		}
		return report.Success, true
	case "unexpected":
		if v.expected == "failed" && v.last == "passed" {
			return report.UXSuccess, false
		}
		return report.Fail, false
	case "expected":
		switch {
		case v.expected == "failed" && v.last == "passed":
			return report.UXSuccess, false
		case v.expected == "failed":
			return report.XFail, false
		case !lastPassed && v.last != v.expected:
			return report.Fail, false
		}
		return report.Success, false
	}
	f.Odd(v.status)
	return report.Unknown, false
}

func (r *reader) annotation(t *jsonfile.Test) error {
	var kind, text string
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "type":
			kind, err = r.Name("an annotation")
		case "description":
			text, err = r.Name("an annotation")
		}
		return err
	})
	if text == "" {
		t.Tag(kind)
	}
	t.Property(kind, text)
	return err
}
