package subunit

import (
	"bytes"
	"errors"
	"io"
	"math"

	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

var (
	gzipMagic = []byte{0x1f, 0x8b, 0x08}
	utf8Mark  = []byte{0xef, 0xbb, 0xbf}
)

// IsGzip reports whether an upload that begins with head, at least three bytes
// of it, is one to call Gunzip for.
func IsGzip(head []byte) bool { return bytes.HasPrefix(head, gzipMagic) }

// Detect finds the format of an input from its bytes. The name and the media
// type that came with an upload are no help: real clients send v1 files, v2
// files and gzip of either under one name and none.
//
// The error is that of reading r.
func Detect(r io.ReaderAt, size int64) (Format, error) {
	d := detector{w: newWindow(r, size, windowStart)}
	return d.format()
}

// detector looks for marks of the formats in the order that decides between
// them.
type detector struct {
	w *window

	looseWork, syncedWork int64 // see v2reader
}

func (d *detector) format() (Format, error) {
	visible, err := d.firstVisible(0)
	if err != nil {
		return "", err
	}
	if visible == d.w.size {
		return FormatEmpty, nil
	}
	head, err := d.w.view(0, minHeader)
	if err != nil {
		return "", err
	}
	if IsGzip(head) {
		return FormatGzip, nil
	}
	damagedV2 := len(head) >= 2 && head[0] == signature && head[1]>>4 == version2
	if isV2, err := d.isV2(); isV2 || damagedV2 || err != nil {
		return FormatV2, err
	}
	if format, err := d.textFormat(); format != "" || err != nil {
		return format, err
	}
	if isV1, err := d.isV1(); isV1 || err != nil {
		return FormatV1, err
	}
	return FormatUnknown, nil
}

// firstVisible returns the place of the first byte from pos on that is no white
// space, or the size of the input.
func (d *detector) firstVisible(pos int64) (int64, error) {
	for pos < d.w.size {
		b, err := d.w.view(pos, 1)
		if err != nil {
			return 0, err
		}
		for i, c := range b {
			if !isSpace(c) {
				return pos + int64(i), nil
			}
		}
		pos += int64(len(b))
	}
	return d.w.size, nil
}

// textFormat recognises JSON and XML by their first character, and returns ""
// for anything else.
func (d *detector) textFormat() (Format, error) {
	head, err := d.w.view(0, xmlfile.DeclarationBytes)
	if err != nil {
		return "", err
	}
	if xmlfile.IsUTF16(head) {
		return FormatJUnit, nil
	}
	pos := int64(0)
	if bytes.HasPrefix(head, utf8Mark) {
		pos = int64(len(utf8Mark))
	}
	if pos, err = d.firstVisible(pos); err != nil || pos == d.w.size {
		return "", err
	}
	b, err := d.w.view(pos, 1)
	if err != nil {
		return "", err
	}
	switch b[0] {
	case '{', '[':
		return FormatJSON, nil
	case '<':
		return FormatJUnit, nil
	}
	return "", nil
}

// isV2 looks for a whole valid packet that is not the content of an attachment
// in a v1 stream: tests of tools like subunit attach packets, and their v1
// files must not be taken for v2.
func (d *detector) isV2() (bool, error) {
	d.looseWork = workFactor*d.w.size + workFloor
	d.syncedWork = d.looseWork
	packet, err := d.findPacket(0)
	if packet < 0 || packet == 0 || err != nil {
		return packet == 0, err
	}
	s := newSink(Limits{Tests: math.MaxInt, OpenBytes: math.MaxInt64}, func(*Record) error { return nil })
	v1 := newV1reader(s, newWindow(d.w.r, d.w.size, cap(d.w.buf)))
	var failed error
	v1.visit = func(start, end int64, chunk bool) error {
		switch {
		case packet < start || !chunk && packet < end:
			return errStop // it stands between the lines
		case packet >= end:
			return nil
		}
		if packet, failed = d.findPacket(end); packet < 0 || failed != nil {
			return errStop
		}
		return nil
	}
	err = v1.read()
	return packet >= 0, errors.Join(err, failed)
}

// findPacket returns the place of the next valid packet from pos on, or -1.
func (d *detector) findPacket(pos int64) (int64, error) {
	last := byte('\n')
	if pos > 0 {
		last = 0
	}
	for pos < d.w.size {
		b, err := d.w.view(pos, minHeader+2)
		if err != nil {
			return -1, err
		}
		i := bytes.IndexByte(b, signature)
		if i < 0 {
			last = b[len(b)-1]
			pos += int64(len(b))
			continue
		}
		if i > 0 {
			last = b[i-1]
			pos += int64(i)
			continue // for a view of the whole header
		}
		if ok, err := d.isPacket(pos, b, last == '\n'); ok || err != nil {
			return pos, err
		}
		last = signature
		pos++
	}
	return -1, nil
}

// isPacket reports whether a valid packet stands at pos, as far as the budgets
// allow to look.
func (d *detector) isPacket(pos int64, b []byte, synced bool) (bool, error) {
	h, fault := readHeader(b)
	if fault != headerFine || int64(h.length) > d.w.size-pos {
		return false, nil
	}
	work := &d.looseWork
	if synced {
		work = &d.syncedWork
	}
	if *work < 0 && (!synced || h.length > quickBytes) {
		return false, nil
	}
	b, err := d.w.view(pos, h.length)
	if err != nil || crcMatches(b[:h.length]) {
		return err == nil, err
	}
	*work -= int64(h.length)
	return false, nil
}

// isV1 looks for a test line with its colon, for an outcome that ends a test
// begun by a line without, or for an error with details that end: all that a run
// leaves of which no class could be set up. Prose begins with such words too, so
// the bare ones alone prove nothing.
func (d *detector) isV1() (bool, error) {
	lines := lineReader{w: d.w}
	var label []byte
	started, details := false, endsNot
	for {
		l, ok, err := lines.next()
		if !ok || err != nil {
			return false, err
		}
		directive := parseDirective(withoutMark(l.text))
		switch {
		case l.long:
		case details != endsNot && string(l.text) == "]":
			return true, nil
		case details == endsWithParts:
			if _, isType := cutContentType(l.text); isType {
				return true, nil
			}
			details = endsNot
		}
		switch {
		case !directive.meaningful():
		case directive.word == wordTest && directive.colon:
			return true, nil
		case l.long:
		case directive.word == wordFailure && directive.colon && !started:
			if _, end := labelOf(directive.argument); end != endsNot {
				details = end
			}
		case directive.word == wordTest && !started:
			label, started = append(label[:0], directive.argument...), true
		case directive.word.outcome() && started && endingFor(directive.argument, label) != endsNot:
			return true, nil
		}
	}
}
