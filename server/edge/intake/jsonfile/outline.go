package jsonfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

const (
	outlineText     = 64 // bytes of a string
	outlineElements = 3  // of an array
	outlineMembers  = 64 // of an object that is not the outermost value
	outlineDepth    = shapeDepth + 2
	outlineOpen     = 10_000 // what is open at once; nothing that is read goes so deep
)

// Outline returns a document, or those of a file of lines, with long strings cut
// and without most of long lists, at most most bytes of it. It has the shape of a
// file whose beginning shows nothing of it, because that is one long text or list.
// The file is read once, and no value of it is kept. It is nil for a text in UTF-16.
func Outline(in report.Input, most int) ([]byte, error) {
	r := bufio.NewReaderSize(in.Reader(), 64<<10)
	head, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if _, wide := utf16Order(head); wide {
		return nil, nil
	}
	if bytes.HasPrefix(head, utf8Mark) {
		_, _ = r.Discard(len(utf8Mark))
	}
	o := outline{out: make([]byte, 0, min(int64(most), in.Size))}
	for len(o.out) < most && len(o.open) <= outlineOpen {
		c, err := r.ReadByte()
		if err == nil && c == '"' {
			err = o.text(r)
		}
		if errors.Is(err, io.EOF) {
			return o.out, nil
		}
		if err != nil {
			return nil, err
		}
		if c != '"' {
			o.take(c)
		}
	}
	return o.out, nil
}

type outline struct {
	out  []byte
	open []container
	skip int // the depth whose rest is left out, 0 for none
}

type container struct {
	values int
	most   int
}

// take takes a byte outside of strings.
func (o *outline) take(c byte) {
	switch c {
	case '{', '[':
		most := outlineMembers
		switch {
		case len(o.open) >= outlineDepth:
			most = 0
		case c == '[':
			most = outlineElements
		case len(o.open) == 0:
			most = 1 << 30
		}
		o.put(c)
		o.open = append(o.open, container{most: most})
		if most == 0 && o.skip == 0 {
			o.skip = len(o.open)
		}
		return
	case '}', ']':
		if n := len(o.open); n > 0 {
			if o.skip == n {
				o.skip = 0
			}
			o.open = o.open[:n-1]
		}
	case ',':
		if n := len(o.open); n > 0 {
			l := &o.open[n-1]
			if l.values++; l.values >= l.most && o.skip == 0 {
				o.skip = n
			}
		}
	case ' ', '\t', '\r', '\n':
		if len(o.open) > 0 {
			return
		}
	}
	o.put(c)
}

func (o *outline) put(c byte) {
	if o.skip == 0 {
		o.out = append(o.out, c)
	}
}

// text takes a string behind its first quote.
func (o *outline) text(r *bufio.Reader) error {
	o.put('"')
	kept, cut, slash, digits := 0, false, false, 0
	for {
		c, err := r.ReadByte()
		if err != nil {
			return err
		}
		switch { // an escape is kept as a whole, or not at all
		case slash:
			slash = false
			if c == 'u' {
				digits = 4
			}
		case digits > 0:
			digits--
		case c == '"':
			o.put(c)
			return nil
		default:
			slash, cut = c == '\\', kept >= outlineText
		}
		if !cut {
			o.put(c)
			kept++
		}
	}
}
