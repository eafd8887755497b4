package jsonfile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// notNumbers are the words that Python's json module writes for what JSON has no
// number for (json.dumps, allow_nan). They are longest first where one holds
// another.
var notNumbers = [][]byte{[]byte("-Infinity"), []byte("Infinity"), []byte("NaN")}

// longestWord is the length of the longest of them.
const longestWord = len("-Infinity")

// mentions reports whether one of the words occurs anywhere in the file, which is
// quicker to find out than where.
func mentions(ctx context.Context, in report.Input) (bool, error) {
	buf := make([]byte, min(max(in.Size, 512), 64<<10))
	kept := 0 // of the end of what came before
	r := in.Reader()
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, err := r.Read(buf[kept:])
		b := buf[:kept+n]
		if bytes.Contains(b, notNumbers[1]) || bytes.Contains(b, notNumbers[2]) {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept = copy(buf, b[max(0, len(b)-longestWord):])
	}
}

// literals makes an empty string and spaces of each such word, outside of strings,
// so that all places stay what they are.
type literals struct {
	r        *bufio.Reader
	inString bool
	escaped  bool
	rest     []byte // of a word whose beginning was handed out
}

func (l *literals) Read(p []byte) (int, error) {
	if len(l.rest) > 0 {
		n := copy(p, l.rest)
		l.rest = l.rest[n:]
		_, err := l.r.Discard(n)
		return n, err
	}
	n, err := l.r.Read(p)
	for i := 0; i < n; i++ {
		switch c := p[i]; {
		case c == '\n': // which no string holds; a line of noise must not turn all that follows around
			l.inString, l.escaped = false, false
		case l.escaped:
			l.escaped = false
		case l.inString:
			l.escaped, l.inString = c == '\\', c != '"'
		case c == '"':
			l.inString = true
		case c == 'N' || c == 'I' || c == '-':
			i += l.replace(p[i:n]) - 1
		}
	}
	return n, err
}

// replace looks for a word at the beginning of b and what comes after it, and
// returns how many bytes of b are done with.
func (l *literals) replace(b []byte) int {
	text := b
	if len(b) < longestWord {
		more, _ := l.r.Peek(longestWord - len(b))
		text = append(bytes.Clone(b), more...)
	}
	for _, word := range notNumbers {
		if !bytes.HasPrefix(text, word) {
			continue
		}
		blank := bytes.Repeat([]byte(" "), len(word))
		blank[0], blank[1] = '"', '"'
		n := copy(b, blank)
		l.rest = blank[n:]
		return n
	}
	return 1
}
