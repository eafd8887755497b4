// Package allure reads the results that Allure's adapters write: a file for each
// test, and one for each group of fixtures (allure-java-commons' model,
// allure-python-commons' model2.py).
package allure

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Reader reads the format. The files of a post belong together: attempts of one
// test are files of their own, and fixtures name the tests they are for.
type Reader struct{}

var _ report.Group = Reader{}

// New returns a reader.
func New() report.Reader { return Reader{} }

// Info describes the format.
func (Reader) Info() report.Info {
	return report.Info{
		Format:     "allure",
		Title:      "Allure results",
		Recognised: "objects with uuid and status, one a test; containers of fixtures, globals, the executor and the categories beside them",
		Naming:     "fullName, or name, with the parameters in brackets",
		Example:    `{"uuid":"32-7e","historyId":"d87e","name":"test_turn","fullName":"a.test_arm#test_turn","status":"passed","start":1796002007480,"stop":1796002007490}`,
	}
}

// Detect knows results and containers, and what Allure reads beside them.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix)
	switch {
	case s.Has("uuid", "status") && s.Any("historyId", "fullName", "labels", "testCaseId", "stage", "statusDetails"):
		return report.Certain
	case s.Has("uuid") && s.Any("children", "befores", "afters"):
		return report.Certain
	case s.Has("uuid", "status", "name"), s.Has("uuid", "historyId"), s.Has("uuid", "fullName"):
		return report.Likely
	case s.Has("name", "status") && s.Any("steps[].start", "attachments[].source", "statusDetails.trace"): // the uuid comes after long steps
		return report.Likely
	case s.Kind("attachments") == '[' && s.Kind("errors") == '[' && !s.Any("suites", "tests", "results", "config"): // *-globals.json
		return report.Likely
	case s.Has("[].name", "[].matchedStatuses"), s.Has("name", "type") && s.Any("buildName", "buildOrder", "buildUrl", "reportUrl"):
		return report.Likely // categories.json and executor.json
	}
	return report.No
}

// Read reads a single file.
func (r Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	return r.ReadGroup(ctx, []report.Input{in}, s)
}

// ReadGroup reads the files twice: first for what they have to do with each other.
func (Reader) ReadGroup(ctx context.Context, files []report.Input, s *report.Sink) error {
	g := &group{}
	for i, in := range files {
		s.In(i)
		e := entry{}
		err := jsonfile.Survey(ctx, in, s, func(f *jsonfile.File) error { return e.survey(f) })
		if err != nil {
			return err
		}
		g.entries = append(g.entries, e)
	}
	g.relate()
	for i, in := range files {
		e := &g.entries[i]
		s.In(i)
		f, err := jsonfile.Open(ctx, in, s)
		if err != nil {
			return err
		}
		if err := f.Document(func() error { return g.read(f, e) }); err != nil {
			return err
		}
	}
	return nil
}

// group is a post of files.
type group struct {
	entries []entry // one a file
}

// entry is what a file says about others.
type entry struct {
	kind    kind
	uuid    string
	history string
	id      string
	name    string
	status  report.Status
	order   [3]int64 // start and stop in milliseconds, and the number of the retry
	attempt int64

	children []string
	broken   bool // a fixture is, or there are errors of the run
	tell     bool // its failure is nobody's else
}

type kind int

const (
	other kind = iota
	globals
	result
	container
)

var words = map[string]report.Status{
	"passed": report.Success, "failed": report.Fail, "broken": report.Fail, "skipped": report.Skip, "unknown": report.Unknown,
}

// survey reads what relates a file to the others.
func (e *entry) survey(f *jsonfile.File) error {
	if !f.Is(jsontext.KindBeginObject) {
		return f.Skip()
	}
	t := test{File: f}
	err := f.Object(func(name string) error {
		var err error
		switch name {
		case "uuid":
			e.uuid, err = f.Str()
		case "historyId":
			e.history, err = f.Str()
			e.kind = max(e.kind, result)
		case "name":
			t.name, err = f.Name("a test's name")
		case "fullName":
			t.fullName, err = f.Name("a test's name")
			e.kind = max(e.kind, result)
		case "parameters":
			err = f.Objects(t.parameter)
		case "status":
			var word string
			word, err = f.Str()
			t.word = word
			e.kind = max(e.kind, result)
		case "stage":
			t.stage, err = f.Str()
		case "start":
			e.order[0], err = f.Count()
		case "stop":
			e.order[1], err = f.Count()
		case "errors":
			e.kind = max(e.kind, globals)
			err = f.Objects(func() error {
				e.broken = true
				return nil
			})
		case "children":
			e.kind = container
			var full error
			err = f.Strings(func(uuid string) {
				const memory = 32 // of an id beside its text
				if full == nil {
					e.children, full = append(e.children, uuid), f.Hold(memory+len(uuid))
				}
			})
			err = errors.Join(err, full)
		case "befores", "afters":
			e.kind = container
			err = f.Objects(func() error { return e.fixture(f) })
		}
		return err
	})
	e.status = t.status()
	e.id, e.name, e.order[2] = t.id(), cmp.Or(t.name, e.name), t.retry
	return err
}

// fixture finds out whether one is broken, and what it is called.
func (e *entry) fixture(f *jsonfile.File) error {
	name, bad := "", false
	err := f.Object(func(member string) error {
		var err error
		switch member {
		case "name":
			name, err = f.Name("a fixture's name")
		case "status":
			var word string
			word, err = f.Str()
			bad = words[word] == report.Fail
		}
		return err
	})
	if bad && !e.broken {
		e.broken, e.name = true, name
	}
	return err
}

// relate orders the attempts of each test, and finds the containers whose failure
// no test carries.
func (g *group) relate() {
	attempts := map[string][]*entry{}
	failed := map[string]bool{}
	for i := range g.entries {
		e := &g.entries[i]
		if e.kind != result {
			continue
		}
		if e.history != "" {
			attempts[e.history] = append(attempts[e.history], e)
		}
		failed[e.uuid] = failed[e.uuid] || e.status.Failed()
	}
	for _, same := range attempts {
		order(same)
	}
	g.separate()
	told := false
	for i := range g.entries {
		e := &g.entries[i]
		e.tell = e.kind == container && e.broken && !slices.ContainsFunc(e.children, func(uuid string) bool { return failed[uuid] })
		told = told || e.tell
	}
	for i := range g.entries {
		e := &g.entries[i]
		e.tell = e.tell || e.kind == globals && e.broken && !told // they repeat what broke in a fixture
	}
}

// order numbers the attempts of one test: the one that began last is the last. When
// that cannot be told, and they differ, they stay bare repeats, of which the worst
// counts.
func order(same []*entry) {
	if len(same) < 2 {
		return
	}
	slices.SortStableFunc(same, func(a, b *entry) int { return slices.Compare(a.order[:], b.order[:]) })
	last := same[len(same)-1]
	for _, e := range same {
		if e.order[0] == 0 || e.order == last.order && e.status != last.status {
			return
		}
	}
	for i, e := range same {
		e.attempt, e.id = int64(i+1), last.id
	}
}

// separate makes bare repeats of attempts that share their id with another test.
func (g *group) separate() {
	history, shared := map[string]string{}, map[string]bool{}
	for i := range g.entries {
		e := &g.entries[i]
		if e.kind != result {
			continue
		}
		if h, ok := history[e.id]; ok && (h != e.history || h == "") {
			shared[e.id] = true
		}
		history[e.id] = e.history
	}
	for i := range g.entries {
		if e := &g.entries[i]; shared[e.id] {
			e.attempt = 0
		}
	}
}

// read reads a file for its tests.
func (g *group) read(f *jsonfile.File, e *entry) error {
	switch e.kind {
	case result:
		return f.Test(func(t *jsonfile.Test) error {
			t.ID, t.Attempt = e.id, e.attempt
			r := test{File: f, t: t}
			err := f.Object(r.member)
			t.Status = r.status()
			return err
		})
	case globals, container:
		if !e.tell {
			return f.Skip()
		}
		return f.Test(func(t *jsonfile.Test) error {
			t.ID, t.Status = f.ID(cmp.Or(e.name, "globals")), report.Fail
			r := test{File: f, t: t}
			return f.Object(func(name string) error {
				switch name {
				case "befores", "afters":
					return f.Objects(func() error { return f.Object(r.fixture) })
				case "errors":
					return f.Objects(func() error { return f.Object(r.detail) })
				}
				return nil
			})
		})
	}
	return f.Skip()
}
