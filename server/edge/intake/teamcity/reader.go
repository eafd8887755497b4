// Package teamcity reads the service messages that test runners print for
// TeamCity, as its documentation describes them ("Service Messages"): PHPUnit,
// vstest, jest, mocha, flutter and many more have a reporter for them.
//
// Messages stand at the beginning of lines, between whatever else a build prints.
// What stands between the messages of a test is its output. Messages of several
// processes that share one output are kept apart by their flowId.
package teamcity

import (
	"bytes"
	"context"
	"errors"
	"path"
	"strings"

	"github.com/slipway-lab/slipway/server/edge/intake/lines"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

type format struct{}

// New returns the reader of TeamCity's service messages.
func New() report.Reader { return format{} }

func (format) Info() report.Info {
	return report.Info{
		Format:     report.FormatTeamCity,
		Title:      "TeamCity service messages",
		Recognised: "A line begins with \"##teamcity[\" and the name of a message about tests.",
		Naming:     "The names of the suites that are open, but those that are absolute paths, and of the test, joined by \" > \".",
		Example: "##teamcity[testSuiteStarted name='ArmTest']\n##teamcity[testStarted name='testMoves']\n" +
			"##teamcity[testFinished name='testMoves' duration='3']\n##teamcity[testSuiteFinished name='ArmTest']\n",
	}
}

func (format) Detect(prefix []byte) report.Confidence {
	for text := range bytes.Lines(prefix) {
		rest, ok := bytes.CutPrefix(bytes.TrimLeft(text, " \t"), mark)
		if ok && bytes.HasPrefix(rest, []byte("test")) {
			return report.Certain
		}
	}
	return report.No
}

func (format) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	if wide, err := lines.Wide(in); wide || err != nil {
		if wide {
			s.Damage(0, report.KindMalformed, "the text is in UTF-16, which is not read in this format: send it in UTF-8")
		}
		return err
	}
	r := &reader{in: in, sink: s, flows: map[string]*flow{}}
	err := lines.Each(ctx, in.Reader(), r.line)
	if err == nil {
		err = r.end(in.Size)
	}
	if errors.Is(err, report.ErrStop) {
		return nil // the damage is noted
	}
	return err
}

// reader is one file being read.
type reader struct {
	in    report.Input
	sink  *report.Sink
	flows map[string]*flow
	order []*flow
	open  int64 // bytes of open tests and suites

	latest   *test // whose output stands between the messages
	retries  bool  // a test that comes again is another attempt
	attempts map[string]int64
	expected int64 // tests that the runner announced
	begun    int64
	red      bool
	problem  string // what the build says went wrong
	at       int64  // where it says so
}

// flow is one stream of messages.
type flow struct {
	parent *flow
	suites []suite
	stack  []*test            // open ones in the order of their starts; up to half of them may be done, but not the top
	done   int                // of those in the stack
	named  map[string][]*test // open ones by name
}

type suite struct {
	name string
	at   int64
}

// maxMessage is how long a message may be. What a test printed, or a diff that it
// failed with, is one line.
const maxMessage = 8 << 20

// maxFlows bounds how many streams a file may have.
const maxFlows = 10_000

func (r *reader) line(l lines.Line) error {
	body := bytes.TrimLeft(l.Text, " \t")
	rest, ok := bytes.CutPrefix(body, mark)
	if !ok {
		return r.behind(l)
	}
	if l.Long && l.End-l.At <= maxMessage {
		text := make([]byte, l.End-l.At)
		if n, err := r.in.ReadAt(text, l.At); n < len(text) {
			return err
		}
		_, rest, _ = bytes.Cut(bytes.TrimRight(text, "\r\n"), mark)
	}
	m, whole := parseMessage(rest)
	if !whole {
		what := "a service message breaks its form"
		if l.Long {
			what = "a service message is too long to be read"
		}
		r.sink.Damage(l.At, report.KindMalformed, "%s: %s", what, report.Quote(string(body[:min(len(body), 100)])))
		return nil
	}
	return r.message(l.At, m)
}

// behind takes a line that does not begin with a message. A test that has printed
// something without the end of a line has the message about it behind that.
func (r *reader) behind(l lines.Line) error {
	i := bytes.Index(l.Text, mark)
	if i < 0 || l.Long {
		r.output(l)
		return nil
	}
	m, whole := parseMessage(l.Text[i+len(mark):])
	f := r.flows[m.attrs["flowId"]]
	switch m.name {
	case "testFailed", "testIgnored", "testFinished":
	default:
		whole = false
	}
	if !whole || f == nil || f.find(m.attrs["name"]) == nil {
		r.output(l)
		return nil
	}
	r.output(lines.Line{Text: l.Text[:i], At: l.At, End: l.At + int64(i)})
	return r.message(l.At+int64(i), m)
}

// output takes a line that is no message.
func (r *reader) output(l lines.Line) {
	t := r.latest
	if t == nil || len(bytes.TrimSpace(l.Text)) == 0 && t.stdout.Size == 0 {
		if len(l.Text) > 0 {
			r.sink.Noise(l.End - l.At)
		}
		return
	}
	t.stdout.add(l.At, l.End, r.sink.Limits)
}

func (r *reader) flow(id string) (*flow, bool) {
	if f := r.flows[id]; f != nil {
		return f, true
	}
	if len(r.flows) >= maxFlows {
		return nil, false
	}
	f := &flow{named: map[string][]*test{}}
	r.flows[id] = f
	r.order = append(r.order, f)
	return f, true
}

func (r *reader) message(at int64, m message) error {
	f, ok := r.flow(m.attrs["flowId"])
	if !ok {
		r.sink.Damage(at, report.KindTruncated, "more than %d flows; the rest is not read", maxFlows)
		return errors.Join(r.end(at), report.ErrStop)
	}
	switch m.name {
	case "flowStarted":
		if id := m.attrs["parent"]; id != "" && id != m.attrs["flowId"] {
			if parent, ok := r.flow(id); ok && !parent.descends(f) {
				f.parent = parent
			}
		}
	case "testSuiteStarted":
		return r.suiteStarted(at, f, m)
	case "testSuiteFinished":
		return r.suiteFinished(at, f, m)
	case "testStarted":
		return r.started(at, f, m)
	case "testFinished":
		return r.finished(at, f, m)
	case "testFailed":
		return r.failed(at, f, m)
	case "testIgnored":
		return r.ignored(at, f, m)
	case "testStdOut", "testStdErr", "testMetadata":
		r.detail(f, m)
	case "testCount":
		r.expect(m.attrs["count"])
	case "testRetrySupport":
		r.retries = m.attrs["enabled"] == "true"
	case "buildProblem":
		r.verdict(at, m.attrs["description"])
	case "buildStatus":
		if status := m.attrs["status"]; status == "FAILURE" || status == "ERROR" {
			r.verdict(at, m.attrs["text"])
		}
	}
	return nil
}

func (r *reader) verdict(at int64, text string) {
	if r.problem == "" {
		r.at = at
		if r.problem = text; text == "" {
			r.problem = "a build problem"
		}
	}
}

func (r *reader) suiteStarted(at int64, f *flow, m message) error {
	if len(f.suites) >= r.sink.Limits.Depth {
		r.sink.Damage(at, report.KindMalformed, "suites nested deeper than %d", r.sink.Limits.Depth)
		return errors.Join(r.end(at), report.ErrStop)
	}
	f.suites = append(f.suites, suite{m.attrs["name"], at})
	return nil
}

// suiteFinished closes a suite, and with it those inside it that were never
// closed.
func (r *reader) suiteFinished(at int64, f *flow, m message) error {
	name := m.attrs["name"]
	for i := len(f.suites) - 1; i >= 0; i-- {
		if f.suites[i].name != name {
			continue
		}
		for _, open := range f.suites[i+1:] {
			r.unclosed(open)
		}
		f.suites = f.suites[:i]
		return nil
	}
	r.sink.Damage(at, report.KindMalformed, "the suite %s ends and never began", report.Quote(name))
	return nil
}

func (r *reader) unclosed(s suite) {
	r.sink.Damage(s.at, report.KindUnclosed, "the suite %s never finished", report.Quote(s.name))
}

// path joins the suites that are open and a test's name.
func (f *flow) path(name string) string {
	var parts []string
	for g := f; g != nil; g = g.parent {
		var own []string
		for _, s := range g.suites {
			if s.name != "" && !absolute(s.name) {
				own = append(own, strings.TrimSpace(s.name))
			}
		}
		parts = append(own, parts...)
	}
	return strings.Join(append(parts, strings.TrimSpace(name)), " > ")
}

// descends reports whether f is other or stands below it.
func (f *flow) descends(other *flow) bool {
	for g := f; g != nil; g = g.parent {
		if g == other {
			return true
		}
	}
	return false
}

// absolute reports whether a suite is named by a place on the runner's machine, as
// PHPUnit names its outermost one by its configuration file.
func absolute(name string) bool {
	return path.IsAbs(name) || len(name) > 2 && name[1] == ':' && (name[2] == '\\' || name[2] == '/')
}
