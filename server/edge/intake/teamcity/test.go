package teamcity

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// test is one that has started.
type test struct {
	at    int64
	flow  *flow
	name  string
	id    string
	start time.Time

	status   report.Status // InProgress until a word about it
	texts    []report.Attachment
	room     int // bytes of text that may still be kept
	stdout   output
	metadata []report.Property
	bytes    int64
	done     bool
}

// output is what stands between the messages of a test.
type output struct {
	report.Attachment
}

func (o *output) add(at, end int64, lim report.Limits) {
	length := end - at
	if room := lim.AttachmentBytes - o.Size; length > room {
		length, o.Truncated = max(room, 0), true
	}
	o.Size += end - at
	if n := len(o.Spans); n > 0 && o.Spans[n-1].Offset+o.Spans[n-1].Length == at {
		o.Spans[n-1].Length += length
	} else if length > 0 && n < lim.AttachmentSpans {
		o.Spans = append(o.Spans, report.Span{Offset: at, Length: length})
	} else if length > 0 {
		o.Truncated = true
	}
}

const textPlain = "text/plain;charset=utf8"

// text gives the test a text, as much of it as there is room for.
func (t *test) text(name, mime, text string, lim report.Limits) {
	if text == "" {
		return
	}
	if len(t.texts) >= lim.TestAttachments {
		return
	}
	text, _ = report.Repair(text)
	a := report.Attachment{Name: name, MIME: mime, Size: int64(len(text))}
	text, a.Truncated = report.Cut(text, t.room)
	t.room -= len(text)
	a.Data = []byte(text)
	t.texts = append(t.texts, a)
}

func (r *reader) started(at int64, f *flow, m message) error {
	if err := r.sink.Begin(at); err != nil {
		return err
	}
	r.begun++
	t := &test{at: at, flow: f, name: m.attrs["name"], status: report.InProgress, room: r.sink.Limits.InlineBytes}
	t.id = r.sink.Text(f.path(t.name), at, report.KindContent, "the name of a test")
	t.start, _ = timestamp(m.attrs["timestamp"])
	t.bytes = int64(512 + 2*len(t.id))
	f.stack, f.named[t.name] = append(f.stack, t), append(f.named[t.name], t)
	r.latest = t
	if r.open += t.bytes; r.open > r.sink.Limits.OpenBytes {
		r.sink.Damage(at, report.KindTruncated, "tests that never finish take more than %d bytes of memory; the rest is not read", r.sink.Limits.OpenBytes)
		if err := r.end(at); err != nil {
			return err
		}
		return report.ErrStop
	}
	return nil
}

// timestamp reads the time of a message; TeamCity's zones have no colon.
func timestamp(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05.999-0700", time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1970 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// find returns the open test of a name, of several the newest, or nil.
func (f *flow) find(name string) *test {
	same := f.named[name]
	if len(same) == 0 {
		return nil
	}
	return same[len(same)-1]
}

// remove takes a test that has ended out of the open ones. It is the newest of its
// name, as find has it, but at the end of the file, when nobody asks for names any more.
func (f *flow) remove(t *test) {
	t.done = true
	if same := f.named[t.name]; len(same) > 1 {
		f.named[t.name] = slices.Delete(same, len(same)-1, len(same))
	} else {
		delete(f.named, t.name)
	}
	f.done++
	for n := len(f.stack); n > 0 && f.stack[n-1].done; n-- {
		f.stack = slices.Delete(f.stack, n-1, n)
		f.done--
	}
	if f.done > len(f.stack)/2 { // of tests that overlap there may always be an open one on top
		f.stack = slices.DeleteFunc(f.stack, func(t *test) bool { return t.done })
		f.done = 0
	}
}

// ofMessage returns the test that a message is about. One that never started
// starts with it: some reporters say only that a test failed or was ignored.
func (r *reader) ofMessage(at int64, f *flow, m message) (t *test, late bool, err error) {
	if t = f.find(m.attrs["name"]); t != nil {
		return t, false, nil
	}
	if err := r.started(at, f, m); err != nil {
		return nil, false, err
	}
	return f.find(m.attrs["name"]), true, nil
}

func (r *reader) failed(at int64, f *flow, m message) error {
	t, late, err := r.ofMessage(at, f, m)
	if err != nil {
		return err
	}
	t.status = report.Fail
	lim := r.sink.Limits
	t.text("message", textPlain, m.attrs["message"], lim)
	t.text("traceback", "text/x-traceback;charset=utf8", strings.TrimRight(m.attrs["details"], " \n"), lim)
	if expected, ok := m.attrs["expected"]; ok {
		t.text("expected", textPlain, expected, lim)
	}
	if actual, ok := m.attrs["actual"]; ok {
		t.text("actual", textPlain, actual, lim)
	}
	if late {
		return r.finish(t, time.Time{}, "")
	}
	return nil
}

func (r *reader) ignored(at int64, f *flow, m message) error {
	t, late, err := r.ofMessage(at, f, m)
	if err != nil {
		return err
	}
	if t.status != report.Fail {
		t.status = report.Skip
	}
	t.text("reason", textPlain, m.attrs["message"], r.sink.Limits)
	if late {
		return r.finish(t, time.Time{}, "")
	}
	return nil
}

func (r *reader) detail(f *flow, m message) {
	t := f.find(m.attrs["name"])
	if m.name == "testMetadata" {
		if t = f.find(m.attrs["testName"]); t != nil && len(t.metadata) < 1000 {
			t.metadata = append(t.metadata, report.Property{Name: m.attrs["name"], Value: m.attrs["value"]})
		}
		return
	}
	if t == nil {
		return
	}
	name := "stdout"
	if m.name == "testStdErr" {
		name = "stderr"
	}
	t.text(name, textPlain, m.attrs["out"], r.sink.Limits)
}

func (r *reader) finished(at int64, f *flow, m message) error {
	t := f.find(m.attrs["name"])
	if t == nil {
		r.sink.Damage(at, report.KindMalformed, "the test %s ends and never began", report.Quote(m.attrs["name"]))
		return nil
	}
	if t.status == report.InProgress {
		t.status = report.Success
	}
	stop, _ := timestamp(m.attrs["timestamp"])
	return r.finish(t, stop, m.attrs["duration"])
}

// finish hands on a test that has ended, or that the file leaves open.
func (r *reader) finish(t *test, stop time.Time, duration string) error {
	t.flow.remove(t)
	r.open -= t.bytes
	if r.latest == t {
		r.latest = nil
		if n := len(t.flow.stack); n > 0 {
			r.latest = t.flow.stack[n-1]
		}
	}
	rec := report.Record{ID: t.id, Status: t.status, Complete: t.status != report.InProgress, Start: t.start, Attachments: t.texts, Properties: t.metadata}
	if duration != "" {
		if rec.Duration, rec.HasDuration = report.ParseDuration(duration, time.Millisecond); !rec.HasDuration {
			r.sink.BadDuration()
		}
	} else if !t.start.IsZero() && stop.After(t.start) {
		rec.Stop = stop
	}
	if rec.HasDuration && !rec.Start.IsZero() {
		rec.Stop = rec.Start.Add(rec.Duration)
	}
	if t.stdout.Size > 0 {
		t.stdout.Name, t.stdout.MIME = "stdout", textPlain
		rec.Attachments = append(rec.Attachments, t.stdout.Attachment)
	}
	if r.retries {
		rec.Attempt = r.attempt(t.id)
	}
	r.red = r.red || rec.Status.Failed()
	return r.sink.Test(&rec)
}

// attempt numbers the tries of a test.
func (r *reader) attempt(id string) int64 {
	if r.attempts == nil {
		r.attempts = map[string]int64{}
	}
	r.attempts[id]++
	return r.attempts[id]
}

func (r *reader) expect(count string) {
	if n, err := strconv.ParseInt(count, 10, 64); err == nil && n > 0 {
		r.expected += n
	}
}

// end settles what is open at the end of the file.
func (r *reader) end(at int64) error {
	for _, f := range r.order {
		stack := f.stack
		f.stack, f.named, f.done = nil, map[string][]*test{}, 0
		for _, t := range stack {
			if t.done {
				continue
			}
			if t.status != report.Fail {
				t.status = report.InProgress
			}
			if err := r.finish(t, time.Time{}, ""); err != nil {
				return err
			}
		}
		for _, s := range f.suites {
			r.unclosed(s)
		}
		f.suites = nil
	}
	if r.begun < r.expected {
		r.sink.Damage(at, report.KindPlan, "%d of %d announced tests came", r.begun, r.expected)
	}
	if r.problem != "" && !r.red {
		r.sink.Damage(r.at, report.KindVerdict, "the build says that it failed, and no test did: %s", report.Quote(r.problem))
	}
	return nil
}
