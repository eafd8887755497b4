package subunit

import "bytes"

// v1Watch looks for v1 lines in the text between v2 packets. A runner that
// joins files of both versions produces them, and python-subunit then shows
// fewer tests than were run without a word. A whole test that failed is damage: a
// result must not pass beside it.
type v1Watch struct {
	line  []byte // the beginning of the current line
	at    int64  // where that line begins
	done  bool   // the current line needs no more bytes
	lines int    // v1 lines seen
	first int64

	test   innerTests // the last test that began
	failed int        // tests that did not pass
	bad    int64      // where the first of these ends
}

const (
	watchBytes = 16  // longer than any directive word with its colon
	watchLabel = 512 // of a line that is a directive
	// watchArgument is by how much of their labels lines are told apart.
	watchArgument = watchLabel - watchBytes
)

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
			n := min(v.wants()-len(v.line), len(b))
			if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
				v.line = append(v.line, b[:i]...)
				v.restart()
				b, pos = b[i+1:], pos+int64(i)+1
				continue
			}
			v.line = append(v.line, b[:n]...)
			v.done = len(v.line) == v.wants()
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

// wants is how much of the current line is looked at.
func (v *v1Watch) wants() int {
	if len(v.line) >= watchBytes && aboutTest(parseDirective(v.line)) {
		return watchLabel
	}
	return watchBytes
}

// aboutTest reports whether a line is a v1 line about a test.
func aboutTest(d directive) bool {
	return d.colon && d.argued && (d.word == wordTest || d.word.outcome())
}

// check counts the current line if it is a v1 line about a test. Only words
// with their colon count here, because prose begins with the bare ones.
func (v *v1Watch) check() {
	if len(v.line) == 0 {
		return
	}
	d := parseDirective(v.line)
	if !aboutTest(d) {
		return
	}
	if v.lines == 0 {
		v.first = v.at
	}
	v.lines++
	d.argument = d.argument[:min(len(d.argument), watchArgument)]
	switch {
	case d.word == wordTest:
		v.test.begin(d)
	case v.test.fails(d):
		if v.failed == 0 {
			v.bad = v.at
		}
		v.failed++
	}
}

// finish reports what was seen.
func (v *v1Watch) finish(s *sink) {
	v.restart()
	if v.lines > 0 {
		s.warnf("lines of subunit v1 stand between the packets and were not read: %d, the first at byte %d", v.lines, v.first)
	}
	if v.failed > 0 {
		s.damagef(v.bad, KindNoise, "%d failed tests of subunit v1 stand between the packets and were not read", v.failed)
	}
}
