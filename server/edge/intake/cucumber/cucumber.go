// Package cucumber reads the JSON of Cucumber's json formatters (cucumber-js,
// cucumber-jvm, cucumber-ruby, behave), and in messages.go Cucumber's messages.
package cucumber

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Reader reads the format.
type Reader struct{}

// New returns a reader of the json formatters' files.
func New() report.Reader { return Reader{} }

// Info describes the format.
func (Reader) Info() report.Info {
	return report.Info{
		Format:     "cucumber",
		Title:      "Cucumber, JSON",
		Recognised: "an array of features that have elements",
		Naming:     "the feature's name, ' > ' and the scenario's; a repeated one gets ' (2)'",
		Example:    `[{"name":"The arm","uri":"arm.feature","elements":[{"type":"scenario","name":"moves","steps":[{"name":"it moves","result":{"status":"passed","duration":10493538}}]}]}]`,
	}
}

// Detect looks for the list of scenarios.
func (Reader) Detect(prefix []byte) report.Confidence {
	s := jsonfile.Look(prefix, `"elements"`)
	switch {
	case s.Has("[].elements") && s.Any("[].elements[].steps", "[].elements[].type", "[].elements[].keyword", "[].keyword", "[].uri"):
		return report.Certain
	case s.Has("[].elements"):
		return report.Possible
	}
	return report.No
}

// Read reads the scenarios in two passes: the first finds the features' names,
// which mostly come after their scenarios.
func (Reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	r := &reader{repeats: jsonfile.Repeats{}}
	err := jsonfile.Survey(ctx, in, s, func(f *jsonfile.File) error {
		return f.Objects(func() error {
			const memory = 40 // of a name beside its text
			if err := f.Hold(memory); err != nil {
				return err
			}
			r.features = append(r.features, "")
			return f.Object(func(name string) error {
				var err error
				if name == "name" {
					var feature string
					feature, err = f.Name("a feature's name")
					r.features[len(r.features)-1] = feature
					err = errors.Join(err, f.Hold(len(feature)))
				}
				return err
			})
		})
	})
	if err != nil {
		return err
	}
	_, err = jsonfile.Read(ctx, in, s, func(f *jsonfile.File) error {
		r.File = f
		return f.Objects(r.feature)
	})
	return err
}

type reader struct {
	*jsonfile.File
	features []string
	number   int
	repeats  jsonfile.Repeats
	before   background
}

// background is a background as older formatters write it: an element of its own
// before each scenario. What failed in it is the scenario's failure.
type background struct {
	failed      bool
	attachments []report.Attachment
}

func (r *reader) feature() error {
	feature := ""
	if r.number < len(r.features) {
		feature = r.features[r.number]
	}
	r.number++
	r.before = background{}
	own, red := "", r.Red
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "elements":
			err = r.Objects(func() error { return r.element(feature) })
		case "status": // behave's, which counts the hooks of the feature as well
			if r.Is(jsontext.KindString) {
				own, err = r.Str()
			}
		}
		return err
	})
	if err != nil || !r.before.failed && (r.Red > red || !failing(own)) {
		return err
	}
	return r.Failure(r.ID(feature), func(t *jsonfile.Test) { t.Attachments = append(t.Attachments, r.before.attachments...) })
}

// element reads a scenario, or a background.
func (r *reader) element(feature string) error {
	t := r.NewTest()
	sc := scenario{File: r.File, t: t}
	var kind, title, own string
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "type":
			kind, err = r.Str()
		case "name":
			title, err = r.Name("a scenario's name")
		case "status": // behave's
			own, err = r.Str()
		case "start_timestamp":
			t.Start, err = r.Time(time.Second)
		case "steps", "before", "after":
			err = r.Objects(sc.step)
		case "tags":
			err = sc.tags()
		}
		return err
	})
	t.Status = sc.verdict(own)
	if kind == "background" && err == nil {
		r.before = background{failed: t.Status.Failed(), attachments: slices.Clone(t.Attachments)}
		r.Drop(t)
		return nil
	}
	if r.before.failed {
		t.Status = report.Fail
		t.Attachments = append(t.Attachments, r.before.attachments...)
	}
	r.before = background{}
	if sc.timed {
		t.Seconds(sc.seconds)
	}
	t.ID, t.Suite = r.repeats.Unique(r.ID(feature+" > "+title)), feature
	switch {
	case err == nil:
		return r.Emit(t)
	case title == "":
		return err
	}
	return r.Broken(t, err)
}
