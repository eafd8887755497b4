package subunit

import "bytes"

// line is one line of the input.
type line struct {
	start, end int64  // end is behind the line feed, or the end of the input
	text       []byte // without the line feed; valid until the window moves
	ended      bool   // there is a line feed
	long       bool   // too long to be held; text is nothing but its beginning
}

// lineReader reads the input line by line.
type lineReader struct {
	w   *window
	pos int64
}

// next reads the line at pos, or reports false at the end of the input.
func (r *lineReader) next() (line, bool, error) {
	if r.pos >= r.w.size {
		return line{}, false, nil
	}
	l := line{start: r.pos}
	searched, want := 0, 1
	for {
		b, err := r.w.view(r.pos, want)
		if err != nil {
			return line{}, false, err
		}
		b = b[:min(len(b), maxPiece)] // whatever the window happens to hold
		if i := bytes.IndexByte(b[searched:], '\n'); i >= 0 {
			l.text, l.ended = b[:searched+i], true
			l.end = l.start + int64(len(l.text)) + 1
			break
		}
		searched = len(b)
		if l.start+int64(searched) == r.w.size {
			l.text, l.end = b, r.w.size
			break
		}
		if searched == maxPiece {
			l.text, l.long = bytes.Clone(b[:longestWord]), true
			if l.end, l.ended, err = r.findEnd(l.start + maxPiece); err != nil {
				return line{}, false, err
			}
			break
		}
		want = min(2*searched+longestWord, maxPiece)
	}
	r.pos = l.end
	return l, true, nil
}

// findEnd returns the place behind the next line feed from pos on.
func (r *lineReader) findEnd(pos int64) (int64, bool, error) {
	for pos < r.w.size {
		b, err := r.w.view(pos, 1)
		if err != nil {
			return 0, false, err
		}
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			return pos + int64(i) + 1, true, nil
		}
		pos += int64(len(b))
	}
	return pos, false, nil
}

// size is the number of bytes of the line with its line feed.
func (l line) size() int64 { return l.end - l.start }
