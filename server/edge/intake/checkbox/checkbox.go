// Package checkbox reads the submission.json of Checkbox, Canonical's test runner
// (checkbox-ng/plainbox/impl/exporter/data/checkbox.json).
package checkbox

import (
	"context"
	"hash/maphash"
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
		Format:     "checkbox",
		Title:      "Checkbox submission.json",
		Recognised: "an object whose results have outcome and category_id or full_id, or in older files status, category, io_log and project",
		Naming:     "the job's id; its full_id when the id occurs twice",
		Example:    `{"results":[{"id":"usb/insert","full_id":"lab::usb/insert","outcome":"pass","duration":0.5}]}`,
	}
}

// Detect looks for the members of a result.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix)
	switch {
	case s.Has("results[].outcome") && s.Any("results[].category_id", "results[].full_id"):
		return report.Certain
	case s.Has("results[].status", "results[].category", "results[].io_log", "results[].project"): // older files have no outcome
		return report.Certain
	case s.Has("origin.name", "testplan_id"): // the results come after a list of all packages
		return report.Certain
	}
	return report.No
}

// Read reads the results in two passes: the first finds the ids that occur twice.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	ids, twice := map[uint64]bool{}, map[uint64]bool{}
	seed := maphash.MakeSeed()
	err := jsonfile.Survey(ctx, in, s, func(f *jsonfile.File) error {
		return results(f, func() error {
			return f.Object(func(name string) error {
				if name != "id" {
					return nil
				}
				id, err := f.Name("an id")
				key := maphash.String(seed, id)
				if ids[key] {
					twice[key] = true
				}
				ids[key] = true
				if err != nil {
					return err
				}
				const memory = 40 // of a hash in the maps
				return f.Hold(memory)
			})
		})
	})
	if err != nil {
		return err
	}
	clear(ids)
	_, err = jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		return results(f, func() error {
			return f.Test(func(t *jsonfile.Test) error {
				return job(f, t, func(id string) bool { return twice[maphash.String(seed, id)] })
			})
		})
	})
	return err
}

// results reads the list of jobs; attachments and jobs that were rejected are no
// tests.
func results(f *jsonfile.File, each func() error) error {
	return f.Object(func(name string) error {
		switch name {
		case "results":
			return f.Objects(each)
		case "origin":
			return f.Writer()
		}
		return nil
	})
}

var outcomes = map[string]report.Status{
	"pass": report.Success, "fail": report.Fail, "crash": report.Fail,
	"skip": report.Skip, "not-supported": report.Skip, "not-implemented": report.Skip, "undecided": report.Skip,
	"none": report.Exists, "": report.Exists,
}

func job(f *jsonfile.File, t *jsonfile.Test, repeated func(id string) bool) error {
	var id, fullID, outcome, status string
	err := f.Object(func(name string) error {
		var err error
		switch name {
		case "id":
			id, err = f.Name("an id")
		case "full_id":
			fullID, err = f.Name("an id")
		case "outcome":
			outcome, err = f.Str()
		case "status":
			status, err = f.Str()
		case "duration":
			err = t.Length(time.Second)
		case "io_log":
			err = t.Attach("stdout")
		case "comments":
			err = t.Attach("comments")
		case "skip_reason":
			err = t.Attach("reason")
		case "category":
			t.Suite, err = f.Name("a category")
		case "name", "certification_status", "plugin", "project", "template_id", "type":
			err = t.ReadProperty(name)
		}
		t.ID = id
		if id == "" || fullID != "" && repeated(id) {
			t.ID = fullID
		}
		return err
	})
	if outcome == "" {
		outcome = status
	}
	t.Status = f.Status(outcomes, outcome)
	if status == "fail" { // what the exporter makes of the outcome
		t.Worse(report.Fail)
	}
	return err
}
