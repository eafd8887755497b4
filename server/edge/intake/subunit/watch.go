package subunit

import "bytes"

// v1Watch looks for v1 lines in the text between v2 packets. A runner that
// joins files of both versions produces them, and python-subunit then shows
// fewer tests than were run without a word.
type v1Watch struct {
	line  []byte // the beginning of the current line
	at    int64  // where that line begins
	done  bool   // the current line needs no more bytes
	lines int    // v1 lines seen
	first int64
}

const watchBytes = 16 // longer than any directive word with its colon

// restart begins a new line after a packet.
func (v *v1Watch) restart() {
	v.check()
	v.line, v.done = v.line[:0], false
}

// write takes text that stands at pos.
func (v *v1Watch) write(b []byte, pos int64) {
	for len(b) > 0 {
		if !v.done {
			if len(v.line) == 0 {
				v.at = pos
			}
			n := min(watchBytes-len(v.line), len(b))
			if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
				v.line = append(v.line, b[:i]...)
				v.restart()
				b, pos = b[i+1:], pos+int64(i)+1
				continue
			}
			v.line = append(v.line, b[:n]...)
			v.done = len(v.line) == watchBytes
			b, pos = b[n:], pos+int64(n)
			continue
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return
		}
		v.restart()
		b, pos = b[i+1:], pos+int64(i)+1
	}
}

// check counts the current line if it is a v1 line about a test. Only words
// with their colon count here, because prose begins with the bare ones.
func (v *v1Watch) check() {
	if len(v.line) == 0 {
		return
	}
	d := parseDirective(v.line)
	if !d.colon || !d.argued || (d.word != wordTest && !d.word.outcome()) {
		return
	}
	if v.lines == 0 {
		v.first = v.at
	}
	v.lines++
}

// finish reports what was seen.
func (v *v1Watch) finish(s *sink) {
	v.restart()
	if v.lines > 0 {
		s.warnf("lines of subunit v1 stand between the packets and were not read: %d, the first at byte %d", v.lines, v.first)
	}
}
