package cucumber

import (
	"math"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// words are the results of a step. All but passed and skipped fail a scenario:
// being strict is what Cucumber does unless it is told otherwise.
var words = map[string]report.Status{
	"passed": report.Success, "skipped": report.Skip, "untested": report.Skip,
	"failed": report.Fail, "undefined": report.Fail, "ambiguous": report.Fail, "pending": report.Fail,
	"error": report.Fail, "hook_error": report.Fail, "cleanup_error": report.Fail, "unknown": report.Unknown,
}

// failing reports whether a feature that says so of itself has failed.
func failing(word string) bool { return words[word] == report.Fail }

// order is which of the results of its steps decides over a scenario.
var order = []report.Status{report.Success, report.Skip, report.Unknown, report.Fail}

// tally is the worst of the steps.
type tally struct {
	status report.Status
	some   bool
}

func (w *tally) add(status report.Status) {
	if !w.some || slices.Index(order, status) > slices.Index(order, w.status) {
		w.status = status
	}
	w.some = true
}

// verdict is that of a scenario; one without steps had nothing to do.
func (w *tally) verdict() report.Status {
	if !w.some {
		return report.Skip
	}
	return w.status
}

// scenario is an element that is being read.
type scenario struct {
	*jsonfile.File
	t       *jsonfile.Test
	steps   tally
	missing bool // a step has no result
	seconds float64
	timed   bool
}

// verdict is that of the scenario; own is the word of its own that behave gives.
func (s *scenario) verdict(own string) report.Status {
	if s.missing && own == "" {
		s.steps.add(report.Skip)
	}
	if own != "" {
		s.steps.add(s.Status(words, own))
	}
	return s.steps.verdict()
}

func (s *scenario) step() error {
	has := false
	err := s.Object(func(name string) error {
		switch name {
		case "result":
			if s.Is(jsontext.KindBeginObject) {
				has = true
				return s.result()
			}
		case "embeddings":
			return s.Objects(s.embedding)
		case "before", "after": // hooks around the step
			if s.Is(jsontext.KindBeginArray) {
				return s.Objects(s.step)
			}
		case "output":
			return s.t.Attach("stdout")
		}
		return nil
	})
	s.missing = s.missing || !has
	return err
}

func (s *scenario) result() error {
	word := ""
	err := s.Object(func(name string) error {
		var err error
		switch name {
		case "status":
			word, err = s.Str()
		case "duration":
			err = s.duration()
		case "error_message":
			err = s.t.Attach("message")
		}
		return err
	})
	s.steps.add(s.Status(words, word))
	return err
}

// duration adds that of a step: nanoseconds, or with behave seconds.
func (s *scenario) duration() error {
	n, ok, err := s.Length()
	switch {
	case !ok:
	case n != math.Trunc(n):
		s.seconds, s.timed = s.seconds+n, true
	default:
		s.seconds, s.timed = s.seconds+n/1e9, true
	}
	return err
}

func (s *scenario) embedding() error {
	title, mime := "", ""
	number := len(s.t.Attachments)
	err := s.Object(func(name string) error {
		var err error
		switch name {
		case "data":
			err = s.t.AttachBase64("embedding", "")
		case "mime_type":
			mime, err = s.Name("a media type")
		case "name":
			title, err = s.Name("an embedding's name")
		case "media":
			err = s.Object(func(name string) error {
				var err error
				if name == "type" {
					mime, err = s.Name("a media type")
				}
				return err
			})
		}
		return err
	})
	if number < len(s.t.Attachments) {
		s.t.Call(number, title, mime)
	}
	return err
}

// tags reads the tags, which are objects, or with behave strings.
func (s *scenario) tags() error {
	return s.Array(func() error {
		if s.Is(jsontext.KindString) {
			return s.Strings(s.t.Tag)
		}
		return s.Object(func(name string) error {
			if name == "name" {
				return s.Strings(s.t.Tag)
			}
			return nil
		})
	})
}
