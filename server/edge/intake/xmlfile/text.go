package xmlfile

import (
	"bytes"
	"io"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Text is the text of an element while it is being read, see Element.Collect. The
// zero Text is empty.
type Text struct {
	lim    report.Limits
	size   int64
	data   []byte // the beginning of it
	spans  []report.Span
	held   int64 // bytes in spans
	copied bool  // it does not stand in the file as it is
	inked  bool  // there is more than white space in it
}

func (t *Text) reset(lim report.Limits) {
	*t = Text{lim: lim, data: t.data[:0], spans: t.spans[:0]}
}

// Reset empties the text.
func (t *Text) Reset() { t.reset(t.lim) }

// Blank reports whether there is nothing but white space.
func (t *Text) Blank() bool { return !t.inked }

// String returns the text, without its end if that is very long.
func (t *Text) String() string { return string(t.data) }

// Reader reads the text as far as it is kept. in is the file that it stands in.
func (t *Text) Reader(in io.ReaderAt) io.Reader {
	if t.copied {
		return bytes.NewReader(t.data)
	}
	return report.NewSpanReader(in, t.spans)
}

func (t *Text) add(piece []byte, at int64, verbatim bool) {
	t.size += int64(len(piece))
	t.inked = t.inked || !blank(piece)
	if room := t.lim.InlineBytes - len(t.data); room > 0 {
		t.data = append(t.data, piece[:min(room, len(piece))]...)
	}
	if !verbatim {
		t.copied = true
	}
	if t.copied {
		return
	}
	n := min(int64(len(piece)), t.lim.AttachmentBytes-t.held)
	if n <= 0 {
		return
	}
	last := len(t.spans) - 1
	switch {
	case last >= 0 && t.spans[last].Offset+t.spans[last].Length == at:
		t.spans[last].Length += n
	case len(t.spans) >= t.lim.AttachmentSpans:
		return
	default:
		t.spans = append(t.spans, report.Span{Offset: at, Length: n})
	}
	t.held += n
}
