package subunit

import (
	"cmp"
	"slices"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// eventTable turns v2 events into records. Its state is the records that are
// open, by test id and route, and the attachments of the run.
type eventTable struct {
	*builder
	entries map[string]*entry
	seq     int
	key     []byte

	run        map[string]int // index in Report.Attachments by route and name
	runEntry   entry          // stands for the run where memory is accounted
	runDropped int
}

func newEventTable(s *sink) *eventTable {
	return &eventTable{builder: newBuilder(s), entries: map[string]*entry{}, run: map[string]int{}}
}

// makeKey joins a route with a test id or a file name. None of them can hold a
// NUL. The key ends with the id, so that both texts of a record can be parts of
// the key's one allocation.
func (t *eventTable) makeKey(ev *event, last []byte) []byte {
	key := t.key[:0]
	if ev.has(flagRoute) {
		key = append(key, 'r')
	}
	key = append(key, ev.route...)
	key = append(key, 0)
	t.key = append(key, last...)
	return t.key
}

// add applies one packet, which stands at offset and whose parts begin at
// parts. A file comes before the status, and a final status closes the record.
func (t *eventTable) add(ev *event, offset, parts int64) error {
	t.clip(ev, offset)
	if !ev.has(flagID) {
		return t.addToRun(ev, offset, parts) // a status without a test means nothing
	}
	e, known, err := t.entry(ev, offset)
	if err != nil {
		return err
	}
	if ev.fileLen > 0 {
		if err := t.addFile(e, ev, offset, parts); err != nil {
			return err
		}
	}
	if ev.has(flagTags) {
		if err := t.setTags(e, ev, offset); err != nil {
			return err
		}
	}
	if ev.status != Unknown {
		e.Status = ev.status
	}
	if !ev.status.Final() {
		return nil
	}
	e.Complete = true
	e.Stop = ev.time()
	if known {
		delete(t.entries, e.key)
	}
	return t.close(e)
}

// clip cuts over-long names.
func (t *eventTable) clip(ev *event, offset int64) {
	for _, field := range []*[]byte{&ev.id, &ev.route, &ev.name, &ev.mime} {
		if len(*field) <= t.lim.IDBytes {
			continue
		}
		*field, _ = cut(*field, t.lim.IDBytes)
		t.damagef(offset, KindContent, "a name longer than %d bytes is cut", t.lim.IDBytes)
	}
	if ev.tagsDropped {
		t.damagef(offset, KindContent, "more than %d tags; the rest is dropped", t.lim.TagsPerEvent)
	}
}

func (ev *event) time() time.Time {
	if !ev.has(flagTime) {
		return time.Time{}
	}
	return time.Unix(int64(ev.seconds), int64(ev.nanos)).UTC()
}

// entry returns the open record of the event's test and route, or opens one. It
// reports whether the record is in the table: one that is opened and closed by
// the same event, as each listed test is, never gets there.
func (t *eventTable) entry(ev *event, offset int64) (e *entry, known bool, err error) {
	key := t.makeKey(ev, ev.id)
	if e, ok := t.entries[string(key)]; ok {
		return e, true, nil
	}
	if e, err = t.open(offset); err != nil {
		return nil, false, err
	}
	e.key = string(key)
	e.ID = e.key[len(e.key)-len(ev.id):]
	if e.HasRoute = ev.has(flagRoute); e.HasRoute {
		e.Route = e.key[1 : 1+len(ev.route)]
	}
	e.seq = t.seq
	t.seq++
	e.Start = ev.time()
	known = !ev.status.Final()
	if known {
		t.entries[e.key] = e
	}
	return e, known, t.hold(e, len(key), offset)
}

func (t *eventTable) addFile(e *entry, ev *event, offset, parts int64) error {
	a := e.find(ev.name)
	if a == nil {
		var err error
		if a, err = t.attach(e, ev.name, ev.mime, offset); a == nil || err != nil {
			return err
		}
	}
	if t.span(a, parts+int64(ev.fileAt), int64(ev.fileLen)) {
		return t.hold(e, spanBytes, offset)
	}
	return nil
}

// setTags replaces the tags of e.
func (t *eventTable) setTags(e *entry, ev *event, offset int64) error {
	before := cap(e.Tags)
	e.Tags = e.Tags[:0]
	long := 0
	for _, tag := range ev.tags {
		short, was := cut(tag, t.lim.IDBytes)
		if was {
			t.damagef(offset, KindContent, "a tag longer than %d bytes is cut", t.lim.IDBytes)
		}
		if len(tag) > report.InternLength {
			long += len(short)
		}
		e.Tags = append(e.Tags, t.names.Text(short))
	}
	if len(e.Tags) > 1 {
		slices.Sort(e.Tags)
		e.Tags = slices.Compact(e.Tags)
	}
	return t.hold(e, tagBytes*(cap(e.Tags)-before)+long, offset)
}

// addToRun takes a file that belongs to no test.
func (t *eventTable) addToRun(ev *event, offset, parts int64) error {
	if ev.fileLen == 0 {
		return nil
	}
	key := t.makeKey(ev, ev.name)
	i, ok := t.run[string(key)]
	if !ok {
		if i = len(t.report.Attachments); i >= t.lim.RunAttachments {
			t.runDropped++
			return nil
		}
		t.run[string(key)] = i
		t.report.Attachments = append(t.report.Attachments, RunAttachment{
			Route: string(ev.route), HasRoute: ev.has(flagRoute),
			Attachment: Attachment{Name: string(ev.name), MIME: t.mime(ev.mime)},
		})
	}
	if t.span(&t.report.Attachments[i].Attachment, parts+int64(ev.fileAt), int64(ev.fileLen)) {
		return t.hold(&t.runEntry, spanBytes, offset)
	}
	return nil
}

// flush delivers the records that never ended, in order of first sight. What
// was the last event of such a record is not its end, so Stop stays unknown.
func (t *eventTable) flush() error {
	left := make([]*entry, 0, len(t.entries))
	for _, e := range t.entries {
		left = append(left, e)
	}
	slices.SortFunc(left, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
	for _, e := range left {
		if err := t.close(e); err != nil {
			return err
		}
	}
	t.warnDropped()
	if t.runDropped > 0 {
		t.warnf("more than %d attachments belong to no test; the rest is not listed", t.lim.RunAttachments)
	}
	return nil
}
