package tap

import (
	"fmt"
	"hash/maphash"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// end ends a document at a place of the file.
func (r *reader) end(at int64) error {
	if r.block.open {
		r.block.open = false
		r.sink.Damage(r.block.at, report.KindTruncated, "a diagnostic block does not end")
	}
	if t := r.opened; t != nil && t.unbrace(r.kernel) {
		r.sink.Damage(t.at, report.KindUnclosed, "the subtests of %s, which a brace opens, do not come", report.Quote(t.desc.name))
	}
	for len(r.levels) > 1 {
		lv := r.top()
		r.levels = r.levels[:len(r.levels)-1]
		r.checkPlan(lv)
		r.orphan(r.top(), lv)
	}
	r.checkPlan(r.levels[0])
	r.before = report.Attachment{}
	if err := r.flush(); err != nil {
		return err
	}
	r.checkSummary()
	return nil
}

// flush hands on what is complete of the outermost level.
func (r *reader) flush() error {
	lv := r.levels[0]
	for _, t := range lv.tests {
		if _, err := r.emit(t, "", r.names); err != nil {
			return err
		}
		if t.children == nil {
			r.spare = t
		}
	}
	lv.tests, r.held = lv.tests[:0], 0
	return nil
}

// emit hands on a test, or the tests below a parent, and reports whether one of
// them failed. A parent is a test itself only when it failed and none of them
// did, or when it has none.
func (r *reader) emit(t *test, path string, siblings *names) (failed bool, err error) {
	name := t.desc.name
	if name == "" {
		name = fmt.Sprintf("test %d", t.number)
	}
	id := path + siblings.unique(name)
	if len(t.children) > 0 || t.missing {
		below := r.newNames()
		for _, child := range t.children {
			red, err := r.emit(child, id+r.separator, below)
			if err != nil {
				return false, err
			}
			failed = failed || red
		}
		if t.missing || failed || t.status() != report.Fail {
			return failed, nil
		}
	}
	return t.status() == report.Fail, r.record(t, id)
}

func (r *reader) record(t *test, id string) error {
	if err := r.sink.Begin(t.at); err != nil {
		return err
	}
	r.red = r.red || t.status() == report.Fail
	rec := &r.rec
	*rec = report.Record{
		ID:       r.sink.Text(id, t.at, report.KindContent, "the name of a test"),
		Status:   t.status(),
		Complete: true,
		Duration: t.duration, HasDuration: t.timed,
		Attachments: rec.Attachments[:0],
	}
	reason := t.desc.reason
	if reason == "" && rec.Status == report.Skip {
		reason = t.why
	}
	if reason != "" {
		reason, _ = report.Repair(reason)
		rec.Attachments = append(rec.Attachments, report.Attachment{Name: "reason", MIME: textPlain, Size: int64(len(reason)), Data: []byte(reason)})
	}
	if t.diag.Size > 0 {
		t.diag.Name, t.diag.MIME = "diagnostic", textPlain
		rec.Attachments = append(rec.Attachments, t.diag)
	}
	return r.sink.Test(rec)
}

const textPlain = "text/plain;charset=utf8"

// status is what a point says. A level that was skipped as a whole makes a skip
// of a parent that did not fail.
func (t *test) status() report.Status {
	switch {
	case t.desc.word == "SKIP":
		return report.Skip
	case t.desc.word == "XFAIL", t.desc.word == "TODO" && t.failed:
		return report.XFail
	case t.failed:
		return report.Fail
	case t.skipped:
		return report.Skip
	}
	return report.Success
}

// names are those of one level. A name that comes again is another test.
type names struct {
	seed maphash.Seed
	seen map[uint64]int
}

func (r *reader) newNames() *names { return &names{r.seed, map[uint64]int{}} }

// unique returns the name, or the name with " (2)", " (3)", … when the level has
// one of that name.
func (n *names) unique(name string) string {
	key := maphash.String(n.seed, name)
	times := n.seen[key]
	if times == 0 {
		n.seen[key] = 1
		return name
	}
	for {
		times++
		other := fmt.Sprintf("%s (%d)", name, times)
		if second := maphash.String(n.seed, other); n.seen[second] == 0 {
			n.seen[key], n.seen[second] = times, 1
			return other
		}
	}
}
