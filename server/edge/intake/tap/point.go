package tap

import (
	"bytes"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/lines"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// point takes a test point: what is deeper than it are its subtests.
func (r *reader) point(l lines.Line, p parsed) error {
	if top := r.levels[0]; p.indent == 0 && top.after && len(r.levels) == 1 { // behind its plan a report is over
		if err := r.restart(l.At); err != nil {
			return err
		}
	}
	r.any = true
	r.told.point()
	t := r.newTest()
	*t = test{at: l.At, number: p.number, numbered: p.has, failed: !p.ok, desc: describe(p.rest, r.kernel)}
	if t.desc.word == "TIMEOUT" || t.desc.word == "ERROR" {
		t.failed = true
	}
	t.name(r.kernel)
	for len(r.levels) > 1 && r.top().indent > p.indent {
		r.close(t, p.indent)
	}
	lv := r.top()
	if lv.indent < p.indent {
		if lv = r.push(p.indent, l.At); lv == nil {
			return report.ErrStop
		}
	}
	if t.desc.name == "" && !r.kernel {
		t.desc.name = lv.next
	}
	if !r.kernel {
		lv.next = ""
	}
	lv.count(t)
	if r.kernel {
		t.diag, r.before = r.before, report.Attachment{}
	} else {
		r.last, r.opened = t, t
	}
	return r.add(lv, t)
}

// newTest returns a test to fill in, the last one that was handed on if it can be
// used again.
func (r *reader) newTest() *test {
	if t := r.spare; t != nil && t != r.last {
		r.spare = nil
		return t
	}
	return new(test)
}

// add puts a test into its level. Of the outermost level only the last test is
// kept, because what follows may still belong to it.
func (r *reader) add(lv *level, t *test) error {
	if lv == r.levels[0] {
		if err := r.flush(); err != nil {
			return err
		}
	}
	lv.tests = append(lv.tests, t)
	const size = 256 // of a test beside its texts
	r.held += int64(size + len(t.desc.name) + len(t.desc.reason))
	if r.held > r.sink.Limits.OpenBytes {
		r.sink.Damage(t.at, report.KindTruncated, "the subtests of one test take more than %d bytes of memory; the rest is not read", r.sink.Limits.OpenBytes)
		if err := r.end(t.at); err != nil {
			return err
		}
		return report.ErrStop
	}
	return nil
}

// close takes the deepest level for the subtests of t, whose indentation is given,
// or of a test between the two whose point is missing.
func (r *reader) close(t *test, indent int) {
	lv := r.top()
	r.levels = r.levels[:len(r.levels)-1]
	r.checkPlan(lv)
	if outer := r.top(); outer.indent > indent {
		r.orphan(outer, lv)
		return
	}
	t.adopt(lv)
}

func (t *test) adopt(lv *level) {
	t.children, t.parent = lv.tests, true
	t.skipped, t.why = lv.plan == 0 && lv.points == 0, lv.why
}

// brace takes the lines "{" and "}" in which Perl's Test2 and node-tap put the subtests
// of the point before them, and reports whether the line was one.
func (r *reader) brace(l lines.Line, p parsed) bool {
	body := string(bytes.TrimSpace(l.Text))
	if body != "{" && body != "}" {
		return false
	}
	for i, lv := range r.levels {
		n := len(lv.tests)
		if lv.indent != p.indent || n == 0 {
			continue
		}
		t := lv.tests[n-1]
		if t.parent {
			return false
		}
		if body == "{" {
			t.braced = i == len(r.levels)-1
			if t.braced {
				r.opened = t
			}
			return t.braced
		}
		if !t.unbrace(r.kernel) {
			return false
		}
		for r.top() != lv {
			r.close(t, p.indent)
		}
		r.last = t
		return true
	}
	return false
}

// unbrace takes the brace off what a point says, and reports whether it has one or
// one follows it.
func (t *test) unbrace(kernel bool) bool {
	text := &t.desc.name
	if t.desc.word != "" {
		text = &t.desc.reason
	}
	rest, ok := strings.CutSuffix(*text, "{")
	if ok = ok && (rest == "" || strings.HasSuffix(rest, " ")); ok && !t.braced {
		*text = strings.TrimSpace(rest)
		t.name(kernel)
	}
	return ok || t.braced
}

// orphan keeps subtests whose parent's point never came.
func (r *reader) orphan(outer, lv *level) {
	if len(lv.tests) == 0 && lv.plan <= 0 {
		return
	}
	name := outer.next
	if r.kernel {
		name = lv.next
	}
	r.sink.Damage(lv.at, report.KindUnclosed, "the subtests of %s end without the line of their parent", report.Quote(name))
	t := &test{at: lv.at, missing: true, desc: description{name: name}}
	t.adopt(lv)
	outer.tests = append(outer.tests, t)
}

// count compares the point's number with its place.
func (lv *level) count(t *test) {
	lv.points++
	if !t.numbered {
		t.number = lv.last + 1
	}
	if t.desc.word == "" && lv.todo[t.number] {
		t.desc.word = "TODO"
	}
	n := uint64(t.number)
	lv.mixed = lv.mixed || t.number != lv.points
	lv.last, lv.sum, lv.squares = t.number, lv.sum+n, lv.squares+n*n
}

// whole reports whether each number of the plan came once, in whatever order.
func (lv *level) whole() bool {
	var sum, squares uint64
	for n := uint64(1); n <= uint64(lv.points); n++ {
		sum, squares = sum+n, squares+n*n
	}
	return lv.sum == sum && lv.squares == squares
}

// checkPlan compares a level with its plan. Points may come in any order, but
// each that was planned must come.
func (r *reader) checkPlan(lv *level) {
	switch {
	case lv.plan < 0 && lv == r.levels[0]:
		r.sink.Damage(lv.at, report.KindPlan, "there is no plan, so that nobody knows how many tests there should be")
	case lv.plan >= 0 && lv.points != lv.plan:
		r.sink.Damage(lv.at, report.KindPlan, "%d of %d planned tests came", lv.points, lv.plan)
	case lv.plan >= 0 && lv.mixed && !lv.whole():
		r.sink.Damage(lv.at, report.KindPlan, "%d tests came as planned, but not one of each number", lv.points)
	case lv.mixed:
		r.sink.Warn("the points of a level are not numbered in their order")
	}
}

// name takes the time off that node-tap and KUnit write behind the name, as it is
// another one in each run.
func (t *test) name(kernel bool) {
	text := t.desc.name
	if kernel {
		text = "# " + t.desc.reason
	}
	if strings.IndexByte(text, '#') < 0 { // hardly any has one, and this is sooner known
		return
	}
	i := strings.LastIndex(text, "# time=")
	if i < 0 || i > 0 && text[i-1] != ' ' {
		return
	}
	value := text[i+len("# time="):]
	unit := time.Second
	if v, ok := strings.CutSuffix(value, "ms"); ok {
		value, unit = v, time.Millisecond
	} else if value, ok = strings.CutSuffix(value, "s"); !ok {
		return
	}
	length, ok := report.ParseDuration(value, unit)
	if !ok {
		return
	}
	t.duration, t.timed = length, true
	if kernel {
		t.desc.reason = strings.TrimSpace(t.desc.reason[:max(i-len("# "), 0)])
	} else {
		t.desc.name = strings.TrimSpace(text[:i])
	}
}

// text takes a line that is no part of the structure: diagnostics of the point
// before it in TAP, of the one after it in KTAP, or noise.
func (r *reader) text(l lines.Line, p parsed) {
	switch {
	case r.kernel && bytes.HasPrefix(p.rest, []byte("# selftests: ")):
		if lv := r.levelAt(p.indent+nested, l.At); lv != nil {
			lv.next = string(bytes.TrimSpace(p.rest[len("# "):]))
		}
	case r.kernel && (p.kind == comment || p.indent > 0):
		r.attach(&r.before, l.At, l.End)
	case !r.kernel && r.last != nil && (p.kind == comment || p.kind == blank && r.last.diag.Size > 0 || p.kind != blank && p.indent > 0):
		r.attach(&r.last.diag, l.At, l.End)
	case p.kind != comment:
		r.sink.Noise(l.End - l.At)
	}
}

// attach adds a piece of the file to a test's diagnostics.
func (r *reader) attach(a *report.Attachment, at, end int64) {
	lim := r.sink.Limits
	length := end - at
	a.Size += length
	if room := lim.AttachmentBytes - (a.Size - length); length > room {
		length, a.Truncated = max(room, 0), true
	}
	if length == 0 {
		return
	}
	if n := len(a.Spans); n > 0 && a.Spans[n-1].Offset+a.Spans[n-1].Length == at {
		a.Spans[n-1].Length += length
		return
	}
	if len(a.Spans) >= lim.AttachmentSpans {
		a.Truncated = true
		return
	}
	a.Spans = append(a.Spans, report.Span{Offset: at, Length: length})
	r.held += 16
}

// inBlock takes a line of the diagnostic block that is open, and reports false
// when the block is over without having been closed: what stands further out
// than the block is never hidden in it.
func (r *reader) inBlock(l lines.Line, p parsed) bool {
	if p.kind != blank && p.indent < r.block.indent {
		r.block.open = false
		r.sink.Damage(r.block.at, report.KindMalformed, "a diagnostic block does not end")
		return false
	}
	body := bytes.TrimSpace(l.Text)
	if p.indent == r.block.indent && string(body) == "..." {
		r.block.open = false
		return true
	}
	if value, ok := bytes.CutPrefix(body, []byte("duration_ms:")); ok && p.indent == r.block.indent {
		length, ok := report.ParseDuration(strings.Trim(string(value), ` '"`), time.Millisecond)
		if !ok {
			r.sink.BadDuration()
		}
		r.last.duration, r.last.timed = length, ok
	}
	r.attach(&r.last.diag, l.At, l.End)
	return true
}
