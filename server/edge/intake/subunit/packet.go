package subunit

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// A v2 packet is signature, flags, length, the parts that the flags announce
// in the order of the constants below, and a CRC-32.
const (
	signature   = 0xb3
	minHeader   = 4 // signature, flags, first byte of the length
	frameBytes  = 7 // signature, flags and CRC, that is all but the length and the parts
	crcBytes    = 4
	packetLimit = 1 << 22 // the length has at most 22 bits
	maxNanos    = 999_999_999

	flagTime     = 0x0200
	flagID       = 0x0800
	flagTags     = 0x0080
	flagMIME     = 0x0020
	flagFile     = 0x0040
	flagRoute    = 0x0400
	flagReserved = 0x0008
	statusMask   = 0x0007
	versionShift = 12
	version2     = 2
)

// header is what stands before the parts of a packet.
type header struct {
	flags  uint16
	length int // of the whole packet
	size   int // of the header itself
}

// headerFault says why bytes cannot be the header of a packet.
type headerFault uint8

const (
	headerFine headerFault = iota
	headerShort
	headerVersion
	headerReserved
	headerLongLength
	headerSmallLength
)

// readHeader reads the first bytes of a packet; b starts at the signature. The
// fault is headerShort when b ends before the header does.
func readHeader(b []byte) (header, headerFault) {
	if len(b) < minHeader {
		return header{}, headerShort
	}
	h := header{flags: binary.BigEndian.Uint16(b[1:])}
	if h.flags>>versionShift != version2 {
		return h, headerVersion
	}
	if h.flags&flagReserved != 0 {
		return h, headerReserved
	}
	extra := int(b[3] >> 6)
	if extra == 3 {
		return h, headerLongLength
	}
	h.size = minHeader + extra
	if len(b) < h.size {
		return h, headerShort
	}
	h.length = int(b[3] & 0x3f)
	for _, c := range b[minHeader:h.size] {
		h.length = h.length<<8 | int(c)
	}
	if h.length < h.size+crcBytes {
		return h, headerSmallLength
	}
	return h, headerFine
}

// reason puts a fault of the header into words.
func (h header) reason(f headerFault) string {
	switch f {
	case headerShort:
		return "truncated header"
	case headerVersion:
		return "version " + itoa(int(h.flags>>versionShift)) + " is not 2"
	case headerReserved:
		return "reserved flag bit set"
	case headerLongLength:
		return "4-byte length"
	case headerSmallLength:
		return "length " + itoa(h.length) + " smaller than the packet frame"
	}
	return ""
}

// event is the content of one packet. Its byte slices point into the window.
type event struct {
	status Status
	flags  uint16

	seconds, nanos uint32
	id, route      []byte
	tags           [][]byte
	tagsDropped    bool
	mime, name     []byte
	fileAt         int // offset of the file's bytes within the parts
	fileLen        int
}

func (ev *event) has(flag uint16) bool { return ev.flags&flag != 0 }

// fault says why the parts of a packet cannot be read.
type fault struct {
	reason string
	past   bool // a part runs past the end of the bytes at hand
}

// fieldReader walks over the parts of a packet.
type fieldReader struct {
	b     []byte
	at    int
	claim int // bytes that the parts may take by the packet's length
	fault fault
}

func (r *fieldReader) fail(reason string, past bool) bool {
	r.fault = fault{reason: reason, past: past}
	return false
}

// number reads a number of one to four bytes, the first two bits of which say
// how many follow.
func (r *fieldReader) number(what string) (int, bool) {
	if r.at >= len(r.b) {
		return 0, r.fail(what+" runs past the end of the packet", true)
	}
	first := r.b[r.at]
	end := r.at + 1 + int(first>>6)
	if end > len(r.b) {
		return 0, r.fail(what+" runs past the end of the packet", true)
	}
	value := int(first & 0x3f)
	for _, c := range r.b[r.at+1 : end] {
		value = value<<8 | int(c)
	}
	r.at = end
	return value, true
}

// text reads a string: its length, then UTF-8 without NUL.
func (r *fieldReader) text(what string) ([]byte, bool) {
	var n int
	if at := r.at; at < len(r.b) && r.b[at] < 0x40 {
		n, r.at = int(r.b[at]), at+1
	} else {
		var ok bool
		if n, ok = r.number(what + " length"); !ok {
			return nil, false
		}
	}
	if n > len(r.b)-r.at {
		return nil, r.fail(what+" runs past the end of the packet", true)
	}
	text := r.b[r.at : r.at+n]
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, r.fail("NUL in "+what, false)
	}
	if !utf8.Valid(text) {
		return nil, r.fail(what+" is not UTF-8", false)
	}
	r.at += n
	return text, true
}

// read fills e with the parts that flags announce. At most maxTags tags are
// kept.
func (r *fieldReader) read(flags uint16, e *event, maxTags int) bool {
	*e = event{flags: flags, status: Status(flags & statusMask), tags: e.tags[:0]}
	var ok bool
	if flags&flagTime != 0 && !r.time(e) {
		return false
	}
	if flags&flagID != 0 {
		if e.id, ok = r.text("test id"); !ok {
			return false
		}
	}
	if flags&flagTags != 0 && !r.tags(e, maxTags) {
		return false
	}
	if flags&flagMIME != 0 {
		if e.mime, ok = r.text("MIME type"); !ok {
			return false
		}
	}
	if flags&flagFile != 0 && !r.file(e) {
		return false
	}
	if flags&flagRoute != 0 {
		if e.route, ok = r.text("route code"); !ok {
			return false
		}
	}
	return true
}

func (r *fieldReader) time(e *event) bool {
	if len(r.b)-r.at < 4 {
		return r.fail("timestamp runs past the end of the packet", true)
	}
	e.seconds = binary.BigEndian.Uint32(r.b[r.at:])
	r.at += 4
	nanos, ok := r.number("timestamp")
	if !ok {
		return false
	}
	if nanos > maxNanos {
		return r.fail("nanoseconds out of range", false)
	}
	e.nanos = uint32(nanos)
	return true
}

func (r *fieldReader) tags(e *event, maxTags int) bool {
	count, ok := r.number("tag count")
	if !ok {
		return false
	}
	if count > r.claim-r.at {
		return r.fail("tag count larger than the packet", false)
	}
	for range count {
		tag, ok := r.text("tag")
		if !ok {
			return false
		}
		if len(e.tags) < maxTags {
			e.tags = append(e.tags, tag)
		} else {
			e.tagsDropped = true
		}
	}
	return true
}

func (r *fieldReader) file(e *event) bool {
	var ok bool
	if e.name, ok = r.text("file name"); !ok {
		return false
	}
	if e.fileLen, ok = r.number("file length"); !ok {
		return false
	}
	if e.fileLen > len(r.b)-r.at {
		return r.fail("file content runs past the end of the packet", true)
	}
	e.fileAt = r.at
	r.at += e.fileLen
	return true
}
