package upload

import (
	"io"
)

// formChunk is how much of a form is read at a time. Larger is not faster.
const formChunk = 64 << 10

// stops says which bytes of a form are more than themselves.
type stops [256]bool

var (
	noStops    = stops{'%': true, '+': true}                        // a piece already cut out
	nameStops  = stops{'%': true, '+': true, '&': true, '=': true}  // a name
	valueStops = stops{'%': true, '+': true, '&': true, '=': false} // a value may hold "="
	unhex      = hexValues()
)

// notHex marks the bytes in unhex that are no hexadecimal digit.
const notHex = 0xff

func hexValues() (table [256]byte) {
	for i := range table {
		table[i] = notHex
	}
	for i, c := range "0123456789abcdef" {
		table[c] = byte(i)
	}
	for i, c := range "ABCDEF" {
		table[c] = byte(i + 10)
	}
	return table
}

// unescape decodes src into dst until a separator, and returns how much it
// wrote and read and whether it stands at the separator. Decoding never makes
// text longer, so dst may be the same memory as src, or memory before it.
// Unless this is the end of the input, an escape that may go on behind src is
// left unread: at most two bytes.
func unescape(dst, src []byte, special *stops, final bool) (w, r int, at bool) {
	for r < len(src) {
		c := src[r]
		if !special[c] {
			dst[w] = c
			w++
			r++
			continue
		}
		switch c {
		case '+':
			c = ' '
			r++
		case '%':
			if len(src)-r < 3 {
				if !final {
					return w, r, false
				}
				r++
				break
			}
			high, low := unhex[src[r+1]], unhex[src[r+2]]
			if high|low == notHex { // no digit has its high bits set, so only notHex can give this
				r++
				break
			}
			c = high<<4 | low
			r += 3
		default:
			return w, r, true
		}
		dst[w] = c
		w++
	}
	return w, r, false
}

// formParser reads an application/x-www-form-urlencoded body piece by piece.
type formParser struct {
	*reader
	name    []byte // of the current field, decoded
	inValue bool   // "=" of the current field was seen
	what    role
	field   string // the option's own spelling of name, when it has one
	value   []byte // of the current field, if that is a known text field
}

// form reads the body as a form.
func (r *reader) form() error {
	p := &formParser{reader: r}
	buf := make([]byte, r.bufSize())
	for kept, final := 0, false; !final; {
		n, err := io.ReadAtLeast(r.in, buf[kept:], 1)
		if final = err == io.EOF; err != nil && !final {
			return err
		}
		data := buf[:kept+n]
		used, err := p.consume(data, final)
		if err != nil {
			return err
		}
		kept = copy(buf, data[used:])
	}
	return nil
}

// consume decodes a piece and returns how much of it is done with. The bytes
// of the file are gathered at the front of data itself, so that a file that
// comes as many short fields is still written in large pieces.
func (p *formParser) consume(data []byte, final bool) (used int, err error) {
	gathered := 0
	for at := true; at && used < len(data); {
		var n, w int
		special, dst := &nameStops, used
		if p.inValue {
			special = &valueStops
			if p.what == roleFile {
				dst = gathered
			}
		}
		w, n, at = unescape(data[dst:], data[used:], special, final)
		used += n
		if err = p.take(data[dst : dst+w]); err != nil {
			return used, err
		}
		if p.inValue && p.what == roleFile {
			gathered += w
		}
		if at {
			err = p.separator(data[used])
			used++
		}
		if err != nil {
			return used, err
		}
	}
	if final {
		if err := p.separator('&'); err != nil {
			return used, err
		}
	}
	_, err = p.sink.Write(data[:gathered])
	return used, err
}

// take adds decoded bytes to the current name or text.
func (p *formParser) take(decoded []byte) error {
	switch {
	case !p.inValue:
		p.name = append(p.name, decoded...)
		if len(p.name) > p.opts.Limits.Name {
			return tooLarge("", "the form has a field name of more than %d bytes", p.opts.Limits.Name)
		}
	case p.what == roleText:
		p.value = append(p.value, decoded...)
		return p.checkText(p.field, len(p.value))
	}
	return nil
}

// separator ends the current name at "=" and the current field at "&".
func (p *formParser) separator(c byte) error {
	if !p.inValue {
		if c == '&' && len(p.name) == 0 {
			return nil // nothing between two "&"
		}
		p.what, p.field = p.opts.role(p.name)
		if p.what != roleFile {
			if err := p.countField(); err != nil {
				return err
			}
		}
		if p.inValue = true; c == '=' {
			return nil
		}
	}
	var err error
	switch p.what {
	case roleFile:
		p.file.given = true
	case roleText:
		err = p.text(p.field, p.value, inForm)
	}
	p.name, p.value, p.inValue = p.name[:0], p.value[:0], false
	return err
}
