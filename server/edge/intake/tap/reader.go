package tap

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/lines"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// dialect is TAP or KTAP.
type dialect struct {
	info      report.Info
	kernel    bool
	separator string // between the names of levels
}

// New returns the reader of TAP.
func New() report.Reader {
	return &dialect{separator: " > ", info: report.Info{
		Format:     report.FormatTAP,
		Title:      "TAP 12 to 14",
		Recognised: "The first line that is not blank or a comment is \"TAP version N\", a plan \"1..N\", or a test point of a file that has a plan; or the version stands behind what a tool has printed.",
		Naming:     "The description of the point, levels joined by \" > \"; a repeated name of one level gets \" (2)\".",
		Example:    "TAP version 14\n1..2\nok 1 - arm moves\nnot ok 2 - arm lifts\n  ---\n  message: load is not five\n  ...\n",
	}}
}

// NewKernel returns the reader of KTAP.
func NewKernel() report.Reader {
	return &dialect{kernel: true, separator: ".", info: report.Info{
		Format:     report.FormatKTAP,
		Title:      "KTAP of KUnit and kselftest",
		Recognised: "A line anywhere in the file begins with \"KTAP version\" or \"# selftests:\", also behind what the kernel's log puts before it; there \"TAP version\" too.",
		Naming:     "As in TAP, levels joined by \".\"; what stands behind \" # \" is no name.",
		Example:    "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: netdev\n    1..1\n    ok 1 netdev_probe\nok 1 netdev\n",
	}}
}

func (d *dialect) Info() report.Info { return d.info }

func (d *dialect) Detect(prefix []byte) report.Confidence { return detect(prefix, d.kernel) }

func (d *dialect) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	if wide, err := lines.Wide(in); wide || err != nil {
		if wide {
			s.Damage(0, report.KindMalformed, "the text is in UTF-16, which is not read in this format: send it in UTF-8")
		}
		return err
	}
	r := &reader{dialect: d, sink: s, seed: maphash.MakeSeed()}
	r.names = r.newNames()
	r.begin()
	err := lines.Each(ctx, in.Reader(), r.line)
	if err == nil {
		err = r.end(in.Size)
	}
	if errors.Is(err, report.ErrStop) {
		return nil // the damage is noted
	}
	return err
}

// test is one point, a test or the parent of some.
type test struct {
	at       int64
	number   int64
	numbered bool // by the file
	missing  bool // a parent whose point never came
	failed   bool
	desc     description
	duration time.Duration
	timed    bool
	diag     report.Attachment
	children []*test
	parent   bool   // has a level of its own, be it an empty one
	braced   bool   // a line "{" follows it
	skipped  bool   // that level says 1..0
	why      string // and why
}

// level is one indentation.
type level struct {
	indent int
	at     int64 // where it begins
	tests  []*test
	points int64
	plan   int64 // what is planned, -1 if nothing is
	after  bool  // the plan stands behind points
	why    string
	next   string
	todo   map[int64]bool // the points that the plan expects to fail

	// The numbers of the points: the last one, whether they are out of order, and
	// sums that tell whether each came once.
	last    int64
	mixed   bool
	sum     uint64
	squares uint64
}

// reader is one file being read.
type reader struct {
	*dialect
	sink *report.Sink
	seed maphash.Seed

	levels []*level // the outermost first; there is always one
	names  *names   // of the outermost level, over all documents of the file
	strict bool     // the file says that what is no TAP in it is an error
	any    bool     // something of the document at hand was seen
	held   int64    // bytes of tests whose parent is not known yet
	told   summary  // what the comments of the document say of all of it
	red    bool     // a test of the document failed
	not    bool     // the line before is "not" alone, whose "ok" comes in this one

	spare  *test
	last   *test             // what diagnostics belong to in TAP
	opened *test             // of the line before this one, which may have opened a brace
	before report.Attachment // what they are collected in in KTAP
	block  struct {          // the diagnostic block that is open
		open   bool
		indent int
		at     int64
	}
	rec report.Record
}

// begin starts a document.
func (r *reader) begin() {
	r.levels = []*level{{plan: -1}}
	r.any, r.last, r.opened, r.strict, r.red, r.told = false, nil, nil, false, false, summary{}
}

func (r *reader) top() *level { return r.levels[len(r.levels)-1] }

// line takes one line.
func (r *reader) line(l lines.Line) error {
	p := parse(l.Text, r.kernel)
	if r.block.open && r.inBlock(l, p) {
		return nil
	}
	if !l.Ended && (p.kind == point || p.kind == plan) {
		r.sink.Damage(l.At, report.KindTruncated, "the last line does not end: it may have been cut")
	}
	if r.not && p.kind == point {
		p.ok = false
	}
	r.not = p.kind == other && !r.kernel && string(bytes.TrimSpace(l.Text)) == "not"
	if p.kind != blank && p.kind != version && p.kind != plan && p.kind != point {
		r.opened = nil
	}
	switch p.kind {
	case version:
		if p.indent == 0 && r.any {
			return r.restart(l.At)
		}
	case plan:
		return r.plan(l, p)
	case point:
		return r.point(l, p)
	case bail:
		r.any = true
		r.sink.Damage(l.At, report.KindAborted, "Bail out! %s", report.Quote(string(p.rest)))
	case subtest:
		r.announce(l, p)
	case block:
		if !r.kernel && r.last != nil {
			r.block.open, r.block.indent, r.block.at = true, p.indent, l.At
			return nil
		}
		r.text(l, p)
	default:
		if p.kind == other && !r.kernel {
			if r.brace(l, p) {
				return nil
			}
			r.stray(l)
			r.told.tool(l.Text, l.At)
		}
		if p.kind == comment && p.indent == 0 && !r.kernel {
			r.told.add(l.Text, l.At)
		}
		r.text(l, p)
	}
	return nil
}

// stray takes a line that is no TAP: a pragma, or one that is an error where the
// pragma "+strict" of TAP 13 and 14 says so.
func (r *reader) stray(l lines.Line) {
	body := bytes.TrimSpace(l.Text)
	if rest, ok := bytes.CutPrefix(body, []byte("pragma ")); ok {
		for _, word := range bytes.FieldsFunc(rest, func(c rune) bool { return c == ' ' || c == ',' }) {
			switch string(word) {
			case "+strict":
				r.strict = true
			case "-strict":
				r.strict = false
			}
		}
		return
	}
	if r.strict {
		r.sink.Damage(l.At, report.KindMalformed, "a line that is no TAP, in a file that says it is strict: %s", report.Quote(string(body[:min(len(body), 100)])))
	}
}

// restart ends a document and begins the next one in the same file.
func (r *reader) restart(at int64) error {
	if err := r.end(at); err != nil {
		return err
	}
	r.begin()
	return nil
}

// announce takes a line that names what comes: in TAP the next point of its
// level, in KTAP the level that it stands in.
func (r *reader) announce(l lines.Line, p parsed) {
	if lv := r.levelAt(p.indent, l.At); lv != nil {
		lv.next = string(p.rest)
	}
	r.last = nil
}

// levelAt returns the level of an indentation, a new one if it is deeper than all
// there are, and nil when no more can be opened.
func (r *reader) levelAt(indent int, at int64) *level {
	for _, lv := range r.levels {
		if lv.indent >= indent && lv != r.levels[0] || lv.indent == indent {
			return lv
		}
	}
	return r.push(indent, at)
}

func (r *reader) push(indent int, at int64) *level {
	if len(r.levels) > r.sink.Limits.Depth {
		r.sink.Damage(at, report.KindMalformed, "subtests nested deeper than %d levels", r.sink.Limits.Depth)
		return nil
	}
	lv := &level{indent: indent, plan: -1, at: at}
	r.levels = append(r.levels, lv)
	return lv
}

// plan takes a plan. A second one on the outermost level, behind points that met
// theirs, belongs to the next report of a file that was put together.
func (r *reader) plan(l lines.Line, p parsed) error {
	if p.indent == 0 && r.levels[0].plan >= 0 && len(r.levels) == 1 && !r.levels[0].after && r.levels[0].points == r.levels[0].plan {
		if err := r.restart(l.At); err != nil {
			return err
		}
	}
	r.any, r.opened = true, nil
	lv := r.levelAt(p.indent, l.At)
	if lv == nil {
		return report.ErrStop
	}
	if lv.plan >= 0 {
		r.sink.Damage(l.At, report.KindPlan, "a second plan, of %d tests, where %d were planned", p.number, lv.plan)
		return nil
	}
	lv.plan, lv.after = p.number, lv.points > 0
	for _, n := range p.todo {
		if lv.todo == nil {
			lv.todo = map[int64]bool{}
		}
		lv.todo[n] = true
	}
	if word, reason := directive(p.rest, "SKIP"); word != "" {
		lv.why = reason
	}
	r.last = nil
	return nil
}
