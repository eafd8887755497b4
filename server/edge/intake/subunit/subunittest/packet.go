// Package subunittest writes subunit v2 streams for tests and benchmarks. It
// shares no code with the parser, so that one can check the other.
package subunittest

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Event is what one packet says. Fields that are nil or zero are left out; the
// exceptions are named.
type Event struct {
	ID       *string // nil: the packet is about no test; the empty string is an id
	Status   uint16  // 1 exists, 2 inprogress, 3 success, 4 uxsuccess, 5 skip, 6 fail, 7 xfail
	Time     time.Time
	Tags     []string // not nil and empty: the packet takes all tags away
	Route    *string
	FileName *string
	File     []byte
	MIME     string
	EOF      bool
}

// Append adds the packet of e to dst, with all numbers in their shortest form.
// It panics if the packet would be too long.
func Append(dst []byte, e Event) []byte {
	flags := uint16(0x2100) | e.Status // version 2, runnable
	var parts []byte
	if !e.Time.IsZero() {
		flags |= 0x0200
		parts = binary.BigEndian.AppendUint32(parts, uint32(e.Time.Unix()))
		parts = appendNumber(parts, e.Time.Nanosecond())
	}
	if e.ID != nil {
		flags |= 0x0800
		parts = appendText(parts, *e.ID)
	}
	if e.Tags != nil {
		flags |= 0x0080
		parts = appendNumber(parts, len(e.Tags))
		for _, tag := range e.Tags {
			parts = appendText(parts, tag)
		}
	}
	if e.MIME != "" {
		flags |= 0x0020
		parts = appendText(parts, e.MIME)
	}
	if e.FileName != nil {
		flags |= 0x0040
		parts = appendText(parts, *e.FileName)
		parts = appendNumber(parts, len(e.File))
		parts = append(parts, e.File...)
	}
	if e.EOF {
		flags |= 0x0010
	}
	if e.Route != nil {
		flags |= 0x0400
		parts = appendText(parts, *e.Route)
	}
	return AppendRaw(dst, flags, parts)
}

// AppendRaw adds a packet with any flags and parts, right in all other ways.
func AppendRaw(dst []byte, flags uint16, parts []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(append(dst, 0xb3), flags)
	base := 3 + len(parts) + 4
	switch {
	case base <= 62:
		dst = appendNumber(dst, base+1)
	case base <= 16381:
		dst = appendNumber(dst, base+2)
	case base <= 4194300:
		dst = appendNumber(dst, base+3)
	default:
		panic("subunittest: packet too long")
	}
	dst = append(dst, parts...)
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
}

func appendText(dst []byte, text string) []byte {
	return append(appendNumber(dst, len(text)), text...)
}

func appendNumber(dst []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return binary.BigEndian.AppendUint16(dst, uint16(n)|0x4000)
	case n < 1<<22:
		return append(dst, byte(n>>16)|0x80, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)|0xc0000000)
}
