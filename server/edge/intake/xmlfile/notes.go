package xmlfile

import (
	"bytes"
	"hash/maphash"
	"slices"
	"strconv"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// MIME types of attachments, as the readers of other formats have them.
const (
	PlainText = "text/plain;charset=utf8"
	Traceback = "text/x-traceback;charset=utf8"
)

// Notes gathers the attachments and properties of one record. The zero Notes has
// none and room for none; see
// Begin.
type Notes struct {
	Attachments []report.Attachment
	Properties  []report.Property

	sink   *report.Sink
	room   int            // bytes of text that may still be copied
	names  map[string]int // of attachments; how often each came
	said   []uint64       // hashes of what AddOnce has added
	warned bool
}

// Begin empties the notes for a new record. The one before must be with the sink
// by then.
func (n *Notes) Begin(s *report.Sink) {
	clear(n.Attachments)
	clear(n.names)
	*n = Notes{
		Attachments: n.Attachments[:0], Properties: n.Properties[:0],
		sink: s, room: s.Limits.InlineBytes, names: n.names, said: n.said[:0], warned: n.warned,
	}
}

// Into puts the notes into a record.
func (n *Notes) Into(r *report.Record) {
	r.Attachments, r.Properties = n.Attachments, n.Properties
}

// Add makes an attachment of a text unless that is blank, and says whether it is
// one. A name that is there already gets a number.
func (n *Notes) Add(name, mime string, t *Text) bool {
	if t.Blank() {
		return false
	}
	if n.full() {
		return true
	}
	a := report.Attachment{MIME: mime, Size: t.size}
	if t.copied {
		a.Data = n.copyOf(t.data)
		a.Truncated = int64(len(a.Data)) < t.size
	} else {
		a.Spans = append([]report.Span(nil), t.spans...)
		a.Truncated = t.held < t.size
	}
	a.Name = n.unique(name)
	n.Attachments = append(n.Attachments, a)
	return true
}

// AddString makes an attachment of a text, of which lost bytes are missing at its
// end, unless it is empty.
func (n *Notes) AddString(name, mime, text string, lost int64) {
	if text == "" {
		return
	}
	if n.full() {
		return
	}
	size := int64(len(text)) + lost
	data := n.copyOf([]byte(text))
	n.Attachments = append(n.Attachments, report.Attachment{
		Name: n.unique(name), MIME: mime, Size: size, Data: data, Truncated: int64(len(data)) < size,
	})
}

// AddFile makes an attachment of bytes that were decoded and are no longer those
// of the file. name and mime come from the file.
func (n *Notes) AddFile(name, mime string, data []byte, size int64) {
	if size == 0 {
		return
	}
	if n.full() {
		return
	}
	kept := bytes.Clone(data[:min(n.room, len(data))])
	if kept == nil {
		kept = []byte{}
	}
	n.room -= len(kept)
	n.Attachments = append(n.Attachments, report.Attachment{
		Name: n.unique(name), MIME: mime, Size: size, Data: kept, Truncated: int64(len(kept)) < size,
	})
}

// copyOf returns as much of a text as there is room for, and never nil.
func (n *Notes) copyOf(text []byte) []byte {
	short, _ := report.Cut(text, n.room)
	n.room -= len(short)
	return append(make([]byte, 0, len(short)), short...)
}

// full reports whether there is no room for a further attachment.
func (n *Notes) full() bool {
	if len(n.Attachments) < n.sink.Limits.TestAttachments {
		return false
	}
	if !n.warned {
		n.warned = true
		n.sink.Warn("a test has more than %d attachments; the rest is not listed", n.sink.Limits.TestAttachments)
	}
	return true
}

// Property keeps a value that the file gives the test by name, as far as there is
// room.
func (n *Notes) Property(name, value string) {
	if name == "" && value == "" {
		return
	}
	room := min(n.room, n.sink.Limits.IDBytes)
	if len(name)+len(value) > room || len(n.Properties) >= n.sink.Limits.TestAttachments {
		if !n.warned {
			n.warned = true
			n.sink.Warn("a test has too many properties, or too long ones; the rest is left out")
		}
		return
	}
	n.room -= len(name) + len(value)
	n.Properties = append(n.Properties, report.Property{Name: name, Value: value})
}

// unique returns the name, with a number behind it when it was there before.
func (n *Notes) unique(name string) string {
	if n.names == nil {
		n.names = map[string]int{}
	}
	first := name
	for {
		n.names[first]++
		count := n.names[first]
		if count == 1 {
			return first
		}
		name = first + "-" + strconv.Itoa(count)
		if _, there := n.names[name]; !there {
			n.names[name] = 1
			return name
		}
	}
}

// AddOnce is Add for a text that may be there already under that name.
func (n *Notes) AddOnce(name, mime string, t *Text) {
	sum := maphash.Bytes(seed, t.data)
	if slices.Contains(n.said, sum) {
		return
	}
	if n.Add(name, mime, t) && len(n.said) < maxSaid {
		n.said = append(n.said, sum)
	}
}

// maxSaid is how many texts AddOnce compares with.
const maxSaid = 32

var seed = maphash.MakeSeed()
