package subunit

import (
	"slices"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// entry is a record that is still being built.
type entry struct {
	Record
	key    string
	seq    int            // order of first sight
	byName map[string]int // index of Attachments, once there are many
	held   int64          // estimate of its memory
}

const (
	entryBytes    = 400 // an entry with its map slot
	fewNames      = 16  // attachments that are searched one by one
	keepForReuse  = 32 << 10
	spanBytes     = 16
	tagBytes      = 16
	attachmentMem = 128
)

// builder makes entries, and reuses them once they were delivered.
type builder struct {
	*sink
	names interner
	mimes map[string]string
	free  []*entry
	held  int64 // of all open entries

	droppedAttachments int
}

func newBuilder(s *sink) *builder {
	return &builder{sink: s, names: interner{}, mimes: map[string]string{}}
}

// open makes an entry for a test. It returns errStop when the tests that are
// open take too much memory, or when there are too many.
func (b *builder) open(offset int64) (*entry, error) {
	if err := b.begin(offset); err != nil {
		return nil, err
	}
	var e *entry
	if n := len(b.free); n > 0 {
		e, b.free = b.free[n-1], b.free[:n-1]
	} else {
		e = &entry{}
	}
	return e, b.hold(e, entryBytes, offset)
}

// hold accounts for memory that e takes from now on.
func (b *builder) hold(e *entry, bytes int, offset int64) error {
	e.held += int64(bytes)
	b.held += int64(bytes)
	if b.held <= b.lim.OpenBytes {
		return nil
	}
	b.damagef(offset, KindTruncated, "unfinished tests take more than %d bytes; the rest is not read", b.lim.OpenBytes)
	return errStop
}

// close delivers e and takes it back.
func (b *builder) close(e *entry) error {
	if err := b.deliver(&e.Record); err != nil {
		return err
	}
	b.held -= e.held
	if e.held > keepForReuse {
		return nil
	}
	*e = entry{Record: Record{Tags: e.Tags[:0], Attachments: e.Attachments[:0]}}
	b.free = append(b.free, e)
	return nil
}

// find returns the attachment of that name, or nil.
func (e *entry) find(name []byte) *Attachment {
	if e.byName != nil {
		if i, ok := e.byName[string(name)]; ok {
			return &e.Attachments[i]
		}
		return nil
	}
	for i := range e.Attachments {
		if e.Attachments[i].Name == string(name) {
			return &e.Attachments[i]
		}
	}
	return nil
}

// attach adds an attachment to e, which must not have one of that name. It
// returns nil when e has too many already.
func (b *builder) attach(e *entry, name, mime []byte, offset int64) (*Attachment, error) {
	n := len(e.Attachments)
	if n >= b.lim.TestAttachments {
		b.droppedAttachments++
		return nil, nil
	}
	if n < cap(e.Attachments) {
		e.Attachments = e.Attachments[:n+1]
		e.Attachments[n].Spans = e.Attachments[n].Spans[:0]
	} else {
		e.Attachments = append(e.Attachments, Attachment{})
	}
	a := &e.Attachments[n]
	*a = Attachment{Name: b.names.Text(name), MIME: b.mime(mime), Spans: a.Spans}
	switch {
	case e.byName != nil:
		e.byName[a.Name] = n
	case n == fewNames:
		e.byName = make(map[string]int, 2*fewNames)
		for i := range e.Attachments {
			e.byName[e.Attachments[i].Name] = i
		}
	}
	return a, b.hold(e, attachmentMem+len(name)+len(mime), offset)
}

const defaultMIME = "application/octet-stream"

// mime gives the type of an attachment whose first chunk came with this text.
func (b *builder) mime(raw []byte) string {
	if len(raw) == 0 {
		return defaultMIME
	}
	if known, ok := b.mimes[string(raw)]; ok {
		return known
	}
	text := headerText(string(raw))
	if len(raw) <= report.InternLength && len(b.mimes) < report.InternEntries {
		b.mimes[string(raw)] = text
	}
	return text
}

// span adds a piece of the input to a, up to the limits.
func (b *builder) span(a *Attachment, offset, length int64) (added bool) {
	room := b.lim.AttachmentBytes - a.Size
	a.Size += length
	if a.Truncated || length == 0 {
		return false
	}
	if length > room {
		length, a.Truncated = room, true
		if length <= 0 {
			return false
		}
	}
	if n := len(a.Spans); n > 0 && a.Spans[n-1].Offset+a.Spans[n-1].Length == offset {
		a.Spans[n-1].Length += length
		return false
	}
	if len(a.Spans) >= b.lim.AttachmentSpans {
		a.Truncated = true
		return false
	}
	a.Spans = append(a.Spans, Span{Offset: offset, Length: length})
	return true
}

// dropEmpty removes the attachments without a byte.
func (e *entry) dropEmpty() {
	e.Attachments = slices.DeleteFunc(e.Attachments, func(a Attachment) bool { return a.Size == 0 })
}

// warnDropped says at the end that attachments were left out.
func (b *builder) warnDropped() {
	if b.droppedAttachments > 0 {
		b.warnf("a test has more than %d attachments; the rest is not listed", b.lim.TestAttachments)
	}
}
