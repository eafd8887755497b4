// Package lines reads text of lines for the formats that are made of them.
package lines

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
)

// MaxBytes is how much of one line is kept; what is longer is passed over up to
// the end of the line.
const MaxBytes = 128 << 10

// Line is one line of a file. Text belongs to the scanner until the next one.
type Line struct {
	Text []byte // without the end of the line, "\n" or "\r\n", and without a byte order mark before it

	// At and End are the places in the file where the line begins and where the
	// next one does.
	At, End int64

	Ended bool // false for a last line without an end
	Long  bool // Text is only the beginning of it
}

// utf8Mark begins a file of some writers, hence a line of files that were put together.
var utf8Mark = []byte("\ufeff")

// Scanner reads one line after another. It takes memory for one of them.
type Scanner struct {
	r  *bufio.Reader
	at int64
}

// New returns a scanner over r.
func New(r io.Reader) *Scanner { return &Scanner{r: bufio.NewReaderSize(r, MaxBytes)} }

// Next returns the next line, and io.EOF after the last one. Other errors are
// those of reading.
func (s *Scanner) Next() (Line, error) {
	text, err := s.r.ReadSlice('\n')
	l := Line{Text: text, At: s.at}
	s.at += int64(len(text))
	if errors.Is(err, bufio.ErrBufferFull) {
		l.Long = true
		l.Text = bytes.Clone(text)
		for errors.Is(err, bufio.ErrBufferFull) {
			text, err = s.r.ReadSlice('\n')
			s.at += int64(len(text))
		}
		l.Ended = len(text) > 0 && text[len(text)-1] == '\n'
	}
	l.End = s.at
	if err != nil && (err != io.EOF || l.End == l.At) {
		return Line{}, err
	}
	if n := len(l.Text); !l.Long && n > 0 && l.Text[n-1] == '\n' {
		l.Text, l.Ended = l.Text[:n-1], true
	}
	l.Text = bytes.TrimPrefix(bytes.TrimSuffix(l.Text, []byte("\r")), utf8Mark)
	return l, nil
}

// Each calls visit for each line of r, until it returns an error, the context ends or
// the lines do.
func Each(ctx context.Context, r io.Reader, visit func(Line) error) error {
	scan := New(r)
	const patience = 4096 // lines between two looks at the context
	for n := 0; ; n++ {
		if n%patience == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		l, err := scan.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = visit(l)
		}
		if err != nil {
			return err
		}
	}
}

// Wide reports whether a text is in UTF-16, as Windows PowerShell writes what it is
// told to keep. Scanner reads no such text.
func Wide(r io.ReaderAt) (bool, error) {
	var head [2]byte
	n, err := r.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return n == 2 && (head == [2]byte{0xff, 0xfe} || head == [2]byte{0xfe, 0xff} || head[0] == 0 != (head[1] == 0)), nil
}
