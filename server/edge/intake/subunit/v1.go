package subunit

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// v1reader reads the lines of a v1 stream. At most one test is open at a time,
// whatever number of workers wrote the stream: their output was serialised
// before.
type v1reader struct {
	*builder
	lines lineReader

	clock time.Time // of the last time line; zero before the first
	tags  v1Tags

	current *entry // the test in progress
	label   []byte // its label as it was written
	inner   innerTests

	endless int64 // details that begin before this place do not end
	ended   int64 // details that begin before this place end, since others did
	bare    int   // error and failure lines without a test and without details
	bareAt  int64 // where the first of them stands

	red     bool   // a test failed
	suite   string // the first line that says that a suite failed
	suiteAt int64

	// visit, if set, is told of each line that is about to be read and of each
	// chunk of an attachment, and may end the reading with errStop.
	visit func(start, end int64, chunk bool) error
}

func newV1reader(s *sink, w *window) *v1reader {
	return &v1reader{builder: newBuilder(s), lines: lineReader{w: w}, tags: newV1Tags(w.size)}
}

// read reads the whole stream.
func (r *v1reader) read() error {
	for {
		l, ok, err := r.lines.next()
		if err == nil && ok {
			err = r.line(l)
		}
		if errors.Is(err, errStop) {
			break
		}
		if err != nil {
			return err
		}
		if !ok {
			break
		}
	}
	if r.current != nil {
		if err := r.lose("test"); err != nil {
			return err
		}
	}
	r.warnDropped()
	r.warnBare()
	if r.suite != "" && !r.red {
		r.damage(r.suiteAt, report.KindVerdict, "a line says that a suite failed, and no test in the stream did: "+quote(r.suite))
	}
	return nil
}

// line obeys one line outside of details.
func (r *v1reader) line(l line) error {
	if r.visit != nil {
		if err := r.visit(l.start, l.end, false); err != nil {
			return err
		}
	}
	d := parseDirective(withoutMark(l.text))
	if l.long {
		r.longLine(l, d)
		return nil
	}
	if !d.meaningful() {
		r.failedSuite(l)
		r.output(l)
		return nil
	}
	used, err := r.obey(l, d)
	if !used {
		r.output(l)
	}
	return err
}

// obey acts on a directive. It reports false when the line means nothing here
// and is ordinary output.
func (r *v1reader) obey(l line, d directive) (bool, error) {
	switch {
	case d.word == wordTest:
		if r.current != nil {
			r.inner.begin(d)
			return false, nil
		}
		return true, r.start(l, d.argument)
	case d.word == wordTags:
		r.changeTags(l, d.argument)
	case d.word == wordTime:
		r.setClock(l, d.argument)
	case d.word == wordProgress:
		if !isProgress(bytes.TrimSpace(d.argument)) {
			r.damage(l.start, KindV1Progress, "bad progress")
		}
	case r.current == nil && d.word == wordFailure:
		return r.alone(l, d)
	case r.current == nil:
		if d.word == wordUXSuccess {
			r.noteBare(l)
		}
		return false, nil // an outcome without a test is no result
	default:
		used, err := r.outcome(d)
		if used || err != nil {
			return used, err
		}
		r.output(l)
		return true, r.innerOutcome(l.start, d)
	}
	return true, nil
}

// innerOutcome looks at an outcome line that is not about the test in progress, and so
// its output: a failed test inside of it, or an error with details of its own.
func (r *v1reader) innerOutcome(start int64, d directive) error {
	failed := r.inner.fails(d)
	if _, end := labelOf(d.argument); !failed && d.word == wordFailure && d.colon && end != endsNot {
		var err error
		if failed, err = r.closes(); err != nil {
			return err
		}
	}
	if failed {
		r.damage(start, KindNoise, "a failed test inside of test "+quote(r.current.ID)+" is read as its output")
	}
	return nil
}

// innerTests watches for whole tests inside the test in progress. They are output of
// that test: a test may print another run. But a stream that broke off inside a
// test, with the next one behind it, looks the same, and there the output is results.
type innerTests struct {
	label []byte // of the last one that began
	open  bool   // it has not ended
	begun int
}

// begin takes a test line inside the test in progress. Prose begins with the word
// without its colon.
func (t *innerTests) begin(d directive) {
	if d.colon {
		t.label, t.open = append(t.label[:0], d.argument...), true
		t.begun++
	}
}

// fails takes an outcome line that is not about the test in progress, and reports
// whether it ends an inner test that did not pass.
func (t *innerTests) fails(d directive) bool {
	if !t.open || endingFor(d.argument, t.label) == endsNot {
		return false
	}
	t.open = false
	return d.word.status().Failed()
}

// reset begins the next test.
func (t *innerTests) reset() { t.open, t.begun = false, 0 }

// output counts a line that is no directive.
func (r *v1reader) output(l line) {
	r.report.NoiseBytes += l.size()
	if r.onNoise != nil {
		r.onNoise(l.text)
		if l.ended {
			r.onNoise([]byte{'\n'})
		}
	}
}

// longLine handles a line that does not fit into memory. It cannot be compared
// with a label, so it is output, and damage if it meant to be a directive.
func (r *v1reader) longLine(l line, d directive) {
	if d.word == wordTest || d.word.outcome() {
		r.damagef(l.start, KindV1Label, "line longer than %d bytes", maxPiece)
	}
	r.output(l)
}

// alone takes an error that belongs to no test. With details it is that of a
// class or module whose set-up, tear-down or import failed: python's writers have
// no test line for those (_ErrorHolder in unittest/suite.py), and python's reader
// loses them. Without, it is a line of a log.
func (r *v1reader) alone(l line, d directive) (bool, error) {
	label, end := labelOf(d.argument)
	if end == endsNot {
		if label, end = labelOf(bytes.TrimSuffix(d.argument, []byte{'\r'})); end != endsNot {
			text, _ := repair(string(label))
			r.damage(l.start, KindV1Details, "the details of error "+quote(text)+" begin on a line that ends with a carriage return, and are not read")
		} else {
			r.noteBare(l)
		}
		return false, nil
	}
	label = bytes.Clone(label)
	if end == endsWithText {
		l.text = bytes.Clone(l.text) // looking ahead moves the window
		closed, err := r.closes()
		if err != nil {
			return false, err
		}
		if !closed {
			text, _ := repair(string(label))
			r.damage(l.start, KindV1Details, "the details of error "+quote(text)+" do not end")
			r.output(l)
			return true, nil
		}
	}
	if err := r.start(l, label); err != nil {
		return true, err
	}
	r.current.Status = Fail
	if end == endsWithText {
		return true, r.simpleDetails(d.word)
	}
	return true, r.multipartDetails(d.word)
}

// closes reports whether the details that begin here end, before a whole test
// goes by: a line of a log that looks like the beginning of details must not
// swallow what follows it. What was found to be open is not looked at again, and
// what is closed is read next, so that each byte is looked at twice at most.
func (r *v1reader) closes() (bool, error) {
	if r.lines.pos < max(r.endless, r.ended) {
		return r.lines.pos < r.ended, nil
	}
	ahead := lineReader{w: r.lines.w, pos: r.lines.pos}
	var label []byte
	started := false
	for {
		l, ok, err := ahead.next()
		if err != nil {
			return false, err
		}
		d := directive{}
		if ok && !l.long {
			d = parseDirective(l.text)
		}
		switch {
		case ok && string(l.text) == "]":
			r.ended = ahead.pos
			return true, nil
		case !ok || started && d.word.outcome() && endingFor(d.argument, label) != endsNot:
			r.endless = ahead.pos
			return false, nil
		case d.word == wordTest && d.colon && d.meaningful():
			label, started = append(label[:0], d.argument...), true
		}
	}
}

// noteBare counts a line that tells of a failure and is no result.
func (r *v1reader) noteBare(l line) {
	if r.bare == 0 {
		r.bareAt = l.start
	}
	r.bare++
}

// warnBare says at the end that there were errors which may have been meant as
// results.
func (r *v1reader) warnBare() {
	if r.bare > 0 {
		r.warnf("%d lines begin with error, failure or uxsuccess, outside of a test and without details, and are no results; the first stands at byte %d", r.bare, r.bareAt)
	}
}

// suiteFailures begin the lines in which Samba's runner says of a whole suite how it
// ended (selftest/Subunit.pm). Such a suite may have died behind its last good test.
var suiteFailures = [][]byte{[]byte("testsuite-failure: "), []byte("testsuite-error: "), []byte("testsuite-uxsuccess: ")}

// failedSuite takes a line that is no directive, outside of a test.
func (r *v1reader) failedSuite(l line) {
	if r.current != nil || r.suite != "" || !bytes.HasPrefix(l.text, []byte("testsuite-")) {
		return
	}
	for _, p := range suiteFailures {
		if bytes.HasPrefix(l.text, p) {
			text, _ := repair(string(l.text[:min(len(l.text), 200)]))
			r.suite, r.suiteAt = text, l.start
		}
	}
}

// start begins a test.
func (r *v1reader) start(l line, label []byte) error {
	e, err := r.open(l.start)
	if err != nil {
		return err
	}
	text, bad := repair(string(label))
	if bad {
		r.damage(l.start, KindV1Label, "label is not UTF-8")
	}
	text, was := cut(text, r.lim.IDBytes)
	if was {
		r.damagef(l.start, KindV1Label, "label longer than %d bytes is cut", r.lim.IDBytes)
	}
	e.ID, e.Start, e.Status = text, r.clock, InProgress
	r.current = e
	r.label = append(r.label[:0], label...)
	r.inner.reset()
	return r.hold(e, len(label), l.start)
}

// outcome ends the test in progress if the line is about it.
func (r *v1reader) outcome(d directive) (bool, error) {
	end := endingFor(d.argument, r.label)
	if end == endsNot {
		return false, nil
	}
	r.current.Status = d.word.status()
	switch end {
	case endsWithText:
		return true, r.simpleDetails(d.word)
	case endsWithParts:
		return true, r.multipartDetails(d.word)
	}
	return true, r.finish(true)
}

// finish delivers the test in progress.
func (r *v1reader) finish(complete bool) error {
	e := r.current
	r.current = nil
	e.Complete = complete
	r.red = r.red || e.Status.Failed() || !complete
	e.Stop = r.clock
	if r.tags.pay() {
		e.Tags = r.tags.appendTo(e.Tags[:0])
	} else {
		r.overspent(r.lines.pos)
	}
	r.tags.endTest()
	e.dropEmpty()
	return r.close(e)
}

// lose ends the test in progress at the end of the input. As in python-subunit
// it has failed, whatever its outcome line had said.
func (r *v1reader) lose(where string) error {
	r.damage(r.lines.w.size, KindV1Truncated, "lost connection during "+where+" "+quote(r.current.ID))
	if r.inner.begun > 0 {
		r.warnf("%d lines inside of test %s, which did not end, begin a test and were read as its output", r.inner.begun, quote(r.current.ID))
	}
	return r.fail()
}

// fail delivers the test in progress as failed and incomplete.
func (r *v1reader) fail() error {
	r.current.Status = Fail
	return r.finish(false)
}

func (r *v1reader) setClock(l line, argument []byte) {
	t, ok := parseTime(string(bytes.TrimSpace(argument)))
	if !ok {
		r.damage(l.start, KindV1Time, "bad time")
		return
	}
	r.clock = t
}

// isProgress accepts what a progress line may say; it is not used for
// anything.
func isProgress(argument []byte) bool {
	text := string(argument)
	if text == "push" || text == "pop" {
		return true
	}
	_, err := strconv.Atoi(text)
	return err == nil || errors.Is(err, strconv.ErrRange)
}
