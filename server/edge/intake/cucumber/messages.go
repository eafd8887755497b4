package cucumber

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Messages reads Cucumber's messages (cucumber/messages, messages.md).
type Messages struct{}

// NewMessages returns a reader of the message formatter's files.
func NewMessages() report.Reader { return Messages{} }

// Info describes the format.
func (Messages) Info() report.Info {
	return report.Info{
		Format:     "cucumber-messages",
		Title:      "Cucumber, messages",
		Recognised: "a JSON object on each line, the first with the member meta",
		Naming:     "the feature's name, ' > ' and the scenario's; a repeated one gets ' (2)'",
		Example: `{"meta":{"protocolVersion":"32.2.0"}}` + "\n" + `{"gherkinDocument":{"uri":"arm.feature","feature":{"name":"The arm"}}}` + "\n" +
			`{"pickle":{"id":"1","uri":"arm.feature","name":"moves"}}` + "\n" + `{"testCase":{"id":"2","pickleId":"1"}}` + "\n" +
			`{"testCaseStarted":{"id":"3","testCaseId":"2","attempt":0}}` + "\n" + `{"testStepFinished":{"testCaseStartedId":"3","testStepResult":{"status":"PASSED"}}}` + "\n" +
			`{"testCaseFinished":{"testCaseStartedId":"3","willBeRetried":false}}` + "\n" + `{"testRunFinished":{"success":true}}` + "\n",
	}
}

// Detect looks at the first object.
func (Messages) Detect(prefix []byte) report.Confidence {
	s := jsonfile.LookLine(prefix, `"meta"`)
	switch {
	case s.Has("meta.protocolVersion"):
		return report.Certain
	case s.Kind("meta") == jsontext.KindBeginObject && s.Any("meta.implementation", "meta.runtime"):
		return report.Likely
	}
	return report.No
}

// Read reads the messages.
func (Messages) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	f, err := jsonfile.Open(ctx, in, s)
	if err != nil {
		return err
	}
	r := &messages{
		File: f, features: map[string]string{}, pickles: map[string]pickle{}, cases: map[string]string{},
		open: map[string]*attempt{}, repeats: jsonfile.Repeats{},
	}
	if err := f.Lines(func() error { return f.Object(r.message) }, nil); err != nil {
		return err
	}
	r.begun = true // also without a meta
	return f.Stopped(r.finish())
}

// messages is what the messages so far have said. It grows with the scenarios, not
// with what happened in them.
type messages struct {
	*jsonfile.File
	features map[string]string // names by uri
	pickles  map[string]pickle // by id
	cases    map[string]string // pickles' ids by those of their test cases
	open     map[string]*attempt
	repeats  jsonfile.Repeats
	held     int64
	red      int  // tests that failed and are not retried
	begun    bool // a run, of which a file may have several
	ended    bool
	failed   bool // the run says that it did
}

// pickle is a scenario.
type pickle struct {
	id, feature string
	tags        []string
}

// attempt is a run of a scenario that has not ended.
type attempt struct {
	*jsonfile.Test
	number  int64
	again   bool // it is retried
	steps   tally
	seconds float64
	held    int64 // what it takes of the memory, about
}

func (r *messages) message(name string) error {
	if !r.Is(jsontext.KindBeginObject) {
		return nil
	}
	if r.held > r.Limits.OpenBytes {
		r.Damage(r.Offset(), report.KindTruncated, "the open scenarios take more than %d bytes; the rest is not read", r.Limits.OpenBytes)
		return report.ErrStop
	}
	switch name {
	case "meta":
		if err := r.finish(); err != nil {
			return err
		}
		r.begun = true
		return r.Object(func(name string) error {
			if name == "implementation" {
				return r.Writer()
			}
			return nil
		})
	case "gherkinDocument":
		return r.document()
	case "pickle":
		return r.pickle()
	case "testCase":
		return r.testCase()
	case "testCaseStarted":
		return r.started()
	case "attachment":
		return r.attachment()
	case "testStepFinished":
		return r.step()
	case "testCaseFinished":
		return r.finished()
	case "testRunHookFinished":
		return r.hook()
	case "parseError":
		return r.parseError()
	case "testRunFinished":
		r.ended, r.failed = true, true // the writers of before version 13 leave out what is false
		return r.Object(func(name string) error {
			if name == "success" {
				r.failed = !r.Is(jsontext.KindTrue)
			}
			return nil
		})
	}
	return nil
}

func (r *messages) document() error {
	uri, feature := "", ""
	err := r.Object(func(name string) error {
		var err error
		switch {
		case name == "uri":
			uri, err = r.Name("a feature's uri")
		case name == "feature" && r.Is(jsontext.KindBeginObject):
			err = r.Object(func(name string) error {
				var err error
				if name == "name" {
					feature, err = r.Name("a feature's name")
				}
				return err
			})
		}
		return err
	})
	r.features[uri] = feature
	return errors.Join(err, r.Hold(mapMemory+len(uri)+len(feature)))
}

func (r *messages) pickle() error {
	var id, uri, title string
	var p pickle
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "id":
			id, err = r.Str()
		case "uri":
			uri, err = r.Name("a feature's uri")
		case "name":
			title, err = r.Name("a scenario's name")
		case "tags":
			err = r.Objects(func() error {
				return r.Object(func(name string) error {
					var err error
					if name == "name" {
						p.tags, err = r.Shared(p.tags)
					}
					return err
				})
			})
		}
		return err
	})
	feature, ok := r.features[uri]
	if !ok {
		feature = uri
	}
	p.id, p.feature = r.repeats.Unique(r.ID(feature+" > "+title)), feature
	r.pickles[id] = p
	size := 2*mapMemory + len(id) + len(p.id)
	for _, tag := range p.tags {
		size += len(tag)
	}
	return errors.Join(err, r.Hold(size))
}

func (r *messages) testCase() error {
	var id, pickle string
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "id":
			id, err = r.Str()
		case "pickleId":
			pickle, err = r.Str()
		}
		return err
	})
	r.cases[id] = pickle
	return errors.Join(err, r.Hold(mapMemory+len(id)+len(pickle)))
}

func (r *messages) started() error {
	t := r.NewTest()
	a := &attempt{Test: t}
	var id, testCase string
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "id":
			id, err = r.Str()
		case "testCaseId":
			testCase, err = r.Str()
		case "attempt":
			a.number, err = r.Count()
		case "timestamp":
			t.Start, err = r.timestamp()
		}
		return err
	})
	if err != nil {
		return err
	}
	p, ok := r.pickles[r.cases[testCase]]
	if !ok {
		r.Damage(r.Offset(), report.KindMalformed, "the test case %s is of no scenario", report.Quote(testCase))
		p.id = testCase
	}
	t.ID, t.Suite, t.Status = p.id, p.feature, report.InProgress
	for _, tag := range p.tags {
		t.Tag(tag)
	}
	if _, ok := r.open[id]; ok {
		r.Damage(r.Offset(), report.KindMalformed, "the attempt %s begins twice", report.Quote(id))
		return nil
	}
	r.open[id] = a
	r.hold(a, openMemory)
	return nil
}

const (
	openMemory = 1000 // about what an open scenario takes
	mapMemory  = 100  // about what a place in a map takes beside its texts
)

// timestamp reads a time as protocol buffers have it.
func (r *messages) timestamp() (time.Time, error) {
	seconds, err := r.length()
	return jsonfile.Epoch(seconds*1e6, time.Microsecond), err
}

// length reads seconds and nanos.
func (r *messages) length() (seconds float64, err error) {
	err = r.Object(func(name string) error {
		n, _, err := r.Number()
		switch name {
		case "seconds":
			seconds += n
		case "nanos":
			seconds += n / 1e9
		}
		return err
	})
	return seconds, err
}

// attachment reads a file of a step. The attempt it belongs to stands beside it, in
// any order, so it is put together apart.
func (r *messages) attachment() error {
	var id, mime, title string
	encoded := false
	var body []byte
	size := int64(0)
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "testCaseStartedId":
			id, err = r.Str()
		case "mediaType":
			mime, err = r.Name("a media type")
		case "fileName":
			title, err = r.Name("a file's name")
		case "contentEncoding":
			var word string
			word, err = r.Str()
			encoded = strings.EqualFold(word, "BASE64")
		case "body":
			body, size, err = r.Append(nil, r.Limits.InlineBytes*4/3+4)
		}
		return err
	})
	a := r.open[id]
	if err != nil || a == nil {
		return err
	}
	if title == "" {
		title = "attachment"
	}
	r.hold(a, len(body))
	if encoded {
		a.AttachDecoded(title, mime, body, size)
	} else {
		a.AttachData(title, mime, body, size)
	}
	return nil
}

func (r *messages) step() error {
	var id, word, message string
	seconds := 0.0
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "testCaseStartedId":
			id, err = r.Str()
		case "testStepResult":
			var again bool
			word, message, seconds, again, err = r.result()
			if a := r.open[id]; a != nil {
				a.again = a.again || again
			}
		}
		return err
	})
	a := r.open[id]
	if err != nil || a == nil {
		return err
	}
	a.steps.add(r.Status(words, strings.ToLower(word)))
	a.seconds += max(0, seconds)
	r.hold(a, len(message))
	a.AttachText("message", message)
	return nil
}

// hold counts what an open attempt takes.
func (r *messages) hold(a *attempt, bytes int) {
	a.held += int64(bytes)
	r.held += int64(bytes)
}

// result reads what became of a step. Until version 16 the last one of an attempt
// said whether there is another.
func (r *messages) result() (word, message string, seconds float64, again bool, err error) {
	err = r.Object(func(name string) error {
		var err error
		switch name {
		case "status":
			word, err = r.Str()
		case "message":
			message, err = r.Long()
		case "duration":
			seconds, err = r.length()
		case "willBeRetried":
			again, err = r.Bool()
		}
		return err
	})
	return word, message, seconds, again, err
}

func (r *messages) finished() error {
	id, again := "", false
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "testCaseStartedId":
			id, err = r.Str()
		case "willBeRetried":
			again, err = r.Bool()
		}
		return err
	})
	a := r.open[id]
	if err != nil || a == nil {
		return err
	}
	again = again || a.again
	delete(r.open, id)
	r.held -= a.held
	a.Status = a.steps.verdict()
	a.Seconds(a.seconds)
	if again || a.number > 0 {
		a.Attempt = a.number + 1
	}
	if !again && a.Status.Failed() {
		r.red++
	}
	return r.Emit(a.Test)
}

// hook reads the end of a hook around the run, which is no test.
func (r *messages) hook() error {
	return r.Object(func(name string) error {
		if name != "result" {
			return nil
		}
		word, message, _, _, err := r.result()
		if err != nil || words[strings.ToLower(word)] != report.Fail {
			return err
		}
		r.red++
		return r.Failure("hook", func(t *jsonfile.Test) { t.AttachText("message", message) })
	})
}

// parseError reads that a feature could not be: its scenarios are not there.
func (r *messages) parseError() error {
	uri, message := "features", ""
	err := r.Object(func(name string) error {
		var err error
		switch name {
		case "message":
			message, err = r.Long()
		case "source":
			err = r.Object(func(name string) error {
				var err error
				if name == "uri" {
					uri, err = r.Name("a feature's uri")
				}
				return err
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	r.red++
	return r.Failure(r.ID(uri), func(t *jsonfile.Test) { t.AttachText("message", message) })
}

// finish says what the end of a run says: that of the file, or the beginning of another
// run.
func (r *messages) finish() error {
	if !r.begun {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(r.open)) {
		r.red++
		if err := r.Emit(r.open[id].Test); err != nil {
			return err
		}
	}
	clear(r.open)
	r.held = 0
	switch {
	case !r.ended:
		r.Damage(r.Offset(), report.KindUnclosed, "the run has no end")
	case r.failed && r.red == 0:
		r.Damage(r.Offset(), report.KindVerdict, "the run says that it failed, and no scenario did")
	}
	r.ended, r.failed, r.red = false, false, 0
	return nil
}
