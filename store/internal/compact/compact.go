// Package compact writes and reads what the compact columns and the cursors are
// made of: bytes, varints, and texts with their length in front.
package compact

import "encoding/binary"

// AppendText adds a text with its length in front.
func AppendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Reader takes bytes apart again. After the first thing that does not fit, it has
// failed and everything reads as zero. It never returns more than it was given,
// so hostile lengths cost nothing.
type Reader struct {
	data []byte
	bad  bool
}

// NewReader returns a Reader of data, which must not change while it is read.
func NewReader(data []byte) *Reader { return &Reader{data: data} }

// Fail makes the Reader fail, for callers who find that something does not fit.
func (r *Reader) Fail() { r.data, r.bad = nil, true }

// Failed reports whether something did not fit.
func (r *Reader) Failed() bool { return r.bad }

// Empty reports whether everything was read.
func (r *Reader) Empty() bool { return len(r.data) == 0 }

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if len(r.data) == 0 {
		r.Fail()
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

// Uvarint reads a number without a sign.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

// Varint reads a number with a sign.
func (r *Reader) Varint() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

// Size reads a number that may not be negative as an int64.
func (r *Reader) Size() int64 {
	v := r.Uvarint()
	if v > 1<<63-1 {
		r.Fail()
		return 0
	}
	return int64(v)
}

// Count reads how many things follow, each of at least one byte.
func (r *Reader) Count() int {
	n := r.Uvarint()
	if n > uint64(len(r.data)) {
		r.Fail()
		return 0
	}
	return int(n)
}

// Bytes returns a part of the input, not a copy.
func (r *Reader) Bytes() []byte {
	n := r.Count()
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

// Text reads a text.
func (r *Reader) Text() string { return string(r.Bytes()) }
