package allure

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// test is a result that is being read; in the survey it has no t.
type test struct {
	*jsonfile.File
	t              *jsonfile.Test
	name, fullName string
	parameters     []string
	retry          int64
	word, stage    string
}

func (r *test) id() string {
	id := cmp.Or(r.fullName, r.name)
	if id != "" && len(r.parameters) > 0 {
		id += " [" + strings.Join(r.parameters, ", ") + "]"
	}
	return r.ID(id)
}

// status is that of the word. A test that was never started has none, such as a
// todo of vitest.
func (r *test) status() report.Status {
	switch {
	case r.word == "" && r.stage == "pending":
		return report.Skip
	case r.word == "" && (r.stage == "running" || r.stage == "scheduled"):
		return report.InProgress
	}
	return r.Status(words, r.word)
}

func (r *test) parameter() error {
	name, value, excluded := "", "", false
	err := r.Object(func(member string) error {
		var err error
		switch member {
		case "name":
			name, err = r.Name("a parameter")
		case "value":
			value, err = r.Name("a parameter")
		case "excluded":
			excluded, err = r.Bool()
		}
		return err
	})
	if excluded && name == "Retry" { // allure-js numbers them so
		r.retry, _ = strconv.ParseInt(value, 10, 64)
	}
	if !excluded {
		r.parameters = append(r.parameters, name+"="+value)
	}
	return err
}

func (r *test) member(name string) error {
	switch name {
	case "status":
		var err error
		r.word, err = r.Str()
		return err
	case "stage":
		var err error
		r.stage, err = r.Str()
		return err
	case "start":
		start, err := r.Time(time.Millisecond)
		r.t.Start = start
		return err
	case "stop":
		stop, err := r.Time(time.Millisecond)
		r.t.Stop = stop
		return err
	case "labels":
		return r.Objects(r.label)
	case "description":
		return r.t.Attach(name)
	case "statusDetails", "attachments", "steps":
		return r.fixture(name)
	}
	return nil
}

func (r *test) label() error {
	name, value := "", ""
	err := r.Object(func(member string) error {
		var err error
		switch member {
		case "name":
			name, err = r.Name("a label")
		case "value":
			value, err = r.Name("a label")
		}
		return err
	})
	switch name {
	case "tag":
		r.t.Tag(value)
	case "framework":
		r.WrittenBy(value)
	case "suite":
		r.t.Suite = value
	default:
		r.t.Property(name, value)
	}
	return err
}

// fixture reads the members that fixtures and steps have too.
func (r *test) fixture(name string) error {
	switch {
	case r.Deep():
	case name == "statusDetails" && r.Is(jsontext.KindBeginObject):
		return r.Object(r.detail)
	case name == "attachments":
		return r.Objects(r.attachment)
	case name == "steps":
		return r.Objects(func() error {
			return r.Object(func(name string) error {
				if name == "statusDetails" { // the test's own repeat them
					return nil
				}
				return r.fixture(name)
			})
		})
	}
	return nil
}

// detail reads a member of what says why something failed.
func (r *test) detail(name string) error {
	switch name {
	case "message":
		return r.t.Attach(name)
	case "trace":
		return r.t.Attach("traceback")
	case "flaky":
		marked, err := r.Bool()
		if marked {
			r.t.Tag("flaky")
		}
		return err
	}
	return nil
}

// attachment reads the name of a file of the same post.
func (r *test) attachment() error {
	var name, mime, source string
	err := r.Object(func(member string) error {
		var err error
		switch member {
		case "name":
			name, err = r.Name("an attachment's name")
		case "type":
			mime, err = r.Name("a media type")
		case "source":
			source, err = r.Name("a file's name")
		}
		return err
	})
	if source != "" {
		r.t.AttachMember(cmp.Or(name, source), mime, source)
	}
	return err
}
