package subunit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Work that false packets may cause. Checking a checksum costs as many bytes
// as the false packet claims to have, so a stream full of false starts could
// cost the square of its length. Both budgets are about 16 times the input.
const (
	workFactor = 16
	workFloor  = 64 << 10
	lostFactor = 4
	quickBytes = 1 << 10 // a packet that is worth a check even when the budget is gone
)

// v2reader finds the packets of a v2 stream between any other bytes.
//
// A position is in sync at the start of the input, right after a packet and
// right after a line feed. There a signature byte must be a packet, and if it
// is not one that is damage. Anywhere else it is a packet only if all of it is
// right, and else text. Text is never decoded to find packets, as
// python-subunit does, because half a character before a packet would hide it.
type v2reader struct {
	*sink
	w      *window
	events *eventTable
	watch  v1Watch

	pos    int64
	synced bool
	end    bool // nothing more can be read

	looseWork, syncedWork int64 // budgets left
	looseOff, syncedOff   bool  // damage noted
	lostWork              int64 // budget left to look for packets without their signature

	ev event
}

func newV2reader(s *sink, w *window) *v2reader {
	work := workFactor*w.size + workFloor
	return &v2reader{sink: s, w: w, events: newEventTable(s), synced: true, looseWork: work, syncedWork: work, lostWork: lostFactor*w.size + workFloor}
}

// read reads the whole stream.
func (r *v2reader) read() error {
	r.watch.restart()
	for r.pos < r.w.size && !r.end {
		b, err := r.w.view(r.pos, minHeader+2)
		if err != nil {
			return err
		}
		if b[0] == signature {
			err = r.packet(b)
		} else {
			err = r.skipText(b)
		}
		if err != nil {
			if errors.Is(err, errStop) {
				break
			}
			return err
		}
	}
	r.watch.finish(r.sink)
	return r.events.flush()
}

// skipText passes over b up to the next signature byte.
func (r *v2reader) skipText(b []byte) error {
	if r.synced {
		var err error
		if b, err = r.lostSignature(b); err != nil {
			return err
		}
	}
	if i := bytes.IndexByte(b, signature); i >= 0 {
		b = b[:i]
	}
	r.text(b)
	return nil
}

// lostSignature looks whether the text b is a packet but for its first byte: then it
// was a result, and all that is left of it are bytes that look like output. It returns
// b, which the window may have moved.
func (r *v2reader) lostSignature(b []byte) ([]byte, error) {
	h, fault := readHeader(b)
	if fault != headerFine || int64(h.length) > r.w.size-r.pos || r.lostWork < 0 {
		return b, nil
	}
	r.lostWork -= int64(h.length)
	b, err := r.w.view(r.pos, h.length)
	if err != nil {
		return b, err
	}
	sum := crc32.Update(crc32.ChecksumIEEE([]byte{signature}), crc32.IEEETable, b[1:h.length-crcBytes])
	if sum == binary.BigEndian.Uint32(b[h.length-crcBytes:]) {
		r.damage(r.pos, KindHeader, "a packet of "+itoa(h.length)+" bytes without its signature")
	}
	return b, nil
}

// text counts b as bytes between packets.
func (r *v2reader) text(b []byte) {
	r.noise(b)
	r.watch.write(b, r.pos)
	r.pos += int64(len(b))
	r.synced = b[len(b)-1] == '\n'
}

// passed moves on to the byte after a packet of n bytes.
func (r *v2reader) passed(n int) {
	r.pos += int64(n)
	r.synced = true
	r.watch.restart()
}

// notPacket treats the signature byte b[0] as text. If a packet had to stand
// here that is damage; reason is only called then.
func (r *v2reader) notPacket(b []byte, kind Kind, reason func() string) {
	if r.synced {
		r.damageLazy(r.pos, kind, reason)
	}
	r.text(b[:1])
}

// packet handles a signature byte; b holds it and what follows.
func (r *v2reader) packet(b []byte) error {
	h, fault := readHeader(b)
	switch {
	case fault == headerShort && r.synced:
		r.damage(r.pos, KindTruncated, h.reason(fault))
		r.end = true
		return nil
	case fault == headerShort:
		r.text(b[:1])
		return nil
	case fault != headerFine:
		r.notPacket(b, KindHeader, func() string { return h.reason(fault) })
		return nil
	case int64(h.length) > r.w.size-r.pos:
		return r.beyondEnd(b, h)
	case !r.worthTrying(h.length):
		r.text(b[:1])
		return nil
	}
	b, err := r.w.view(r.pos, h.length)
	if err != nil {
		return err
	}
	if !crcMatches(b[:h.length]) {
		return r.badCRC(b, h.length)
	}
	return r.content(b[:h.length], h)
}

func crcMatches(packet []byte) bool {
	n := len(packet) - crcBytes
	sum := crc32.ChecksumIEEE(packet[:n])
	c := packet[n:]
	return sum == uint32(c[0])<<24|uint32(c[1])<<16|uint32(c[2])<<8|uint32(c[3])
}

// content reads the parts of a packet whose checksum is right.
func (r *v2reader) content(packet []byte, h header) error {
	parts := packet[h.size : h.length-crcBytes]
	fields := fieldReader{b: parts, claim: len(parts)}
	at := r.pos
	if !fields.read(h.flags, &r.ev, r.lim.TagsPerEvent) {
		r.damage(at, KindContent, fields.fault.reason)
		r.passed(h.length)
		return nil
	}
	r.passed(h.length)
	return r.events.add(&r.ev, at, at+int64(h.size))
}

// badCRC handles a packet that is all there but for its checksum. When another
// packet or the end follows its length is believed and it is passed over.
func (r *v2reader) badCRC(b []byte, length int) error {
	if !r.synced {
		r.looseWork -= int64(length)
		r.text(b[:1])
		return nil
	}
	r.syncedWork -= int64(length)
	next := r.pos + int64(length)
	if next < r.w.size {
		var err error
		if b, err = r.w.view(r.pos, length+1); err != nil {
			return err
		}
	}
	r.damage(r.pos, KindCRC, "checksum mismatch")
	if next == r.w.size || b[length] == signature {
		r.passed(length)
	} else {
		r.text(b[:1])
	}
	return nil
}

// beyondEnd handles a packet that claims more bytes than there are. If one of
// its parts runs past the end the input was cut, and nothing more is read: what
// looks like packets would be the inside of an attachment. If all of them are
// there the length is wrong.
func (r *v2reader) beyondEnd(b []byte, h header) error {
	left := r.w.size - r.pos
	claims := func(but string) func() string {
		return func() string {
			return "packet claims " + itoa(h.length) + " bytes, " + itoa(int(left)) + " left" + but
		}
	}
	if !r.synced || r.syncedWork < 0 && left > quickBytes {
		r.notPacket(b, KindHeader, claims(""))
		return nil
	}
	r.syncedWork -= left
	b, err := r.w.view(r.pos, int(left))
	if err != nil {
		return err
	}
	fields := fieldReader{b: b[h.size:], claim: h.length - h.size - crcBytes}
	complete := fields.read(h.flags, &r.ev, r.lim.TagsPerEvent)
	switch {
	case !complete && !fields.fault.past:
		r.notPacket(b, KindHeader, claims(", and "+fields.fault.reason))
	case !complete, len(fields.b)-fields.at < crcBytes:
		r.damage(r.pos, KindTruncated, claims("")())
		r.end = true
	default:
		r.notPacket(b, KindHeader, claims(", but its fields are complete"))
	}
	return nil
}

// worthTrying says no when false packets have used up their budget, and notes
// damage the first time.
func (r *v2reader) worthTrying(length int) bool {
	if r.synced {
		if r.syncedWork >= 0 || length <= quickBytes {
			return true
		}
		if !r.syncedOff {
			r.syncedOff = true
			r.damagef(r.pos, KindNoise, "too many damaged packets; only those up to %d bytes are read from here", quickBytes)
		}
		return false
	}
	if r.looseWork < 0 && !r.looseOff {
		r.looseOff = true
		r.damage(r.pos, KindNoise, "too many false packet starts; only packets in sync are read from here")
	}
	return !r.looseOff
}
