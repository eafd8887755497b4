package subunit

import "unicode/utf8"

// jsonCheck looks at JSON before anything is decoded, for what would make
// decoding expensive: deep nesting and huge tokens. It does not look at the
// grammar.
type jsonCheck struct {
	*sink
	depth    int
	run      int // bytes of the current token, or of the white space around it
	inString bool
	escaped  bool
	notUTF8  bool
}

// passes reads the input from pos on and reports false, after noting damage,
// if it must not be decoded.
func (c *jsonCheck) passes(w *window, pos int64) (bool, error) {
	for pos < w.size {
		b, err := w.view(pos, utf8.UTFMax)
		if err != nil {
			return false, err
		}
		if pos+int64(len(b)) < w.size {
			b = wholeRunes(b)
		}
		fault, reason := c.scan(b)
		if !c.notUTF8 && !utf8.Valid(b) {
			if at := firstInvalid(b); at < fault {
				c.notUTF8 = true
				c.damage(pos+int64(at), KindJSON, "text that is not UTF-8")
			}
		}
		if reason != "" {
			c.damage(pos+int64(fault), KindJSON, reason)
			return false, nil
		}
		pos += int64(len(b))
	}
	return true, nil
}

// scan looks at b and returns where it stopped and why, or the end of b.
func (c *jsonCheck) scan(b []byte) (int, string) {
	for i, ch := range b {
		if reason := c.step(ch); reason != "" {
			return i, reason
		}
	}
	return len(b), ""
}

func (c *jsonCheck) step(ch byte) (reason string) {
	c.run++
	if c.run > c.lim.TokenBytes {
		return "a value longer than " + itoa(c.lim.TokenBytes) + " bytes"
	}
	if c.inString {
		switch {
		case c.escaped:
			c.escaped = false
		case ch == '\\':
			c.escaped = true
		case ch == '"':
			c.inString, c.run = false, 0
		}
		return ""
	}
	switch ch {
	case '"':
		c.inString, c.run = true, 0
	case '{', '[':
		c.run = 0
		if c.depth++; c.depth > c.lim.Depth {
			return "nested deeper than " + itoa(c.lim.Depth)
		}
	case '}', ']':
		c.run = 0
		c.depth = max(0, c.depth-1)
	case ',', ':':
		c.run = 0
	}
	return ""
}

// wholeRunes leaves out a character at the end of b that is not all there.
func wholeRunes(b []byte) []byte {
	for n := len(b) - 1; n > 0 && n > len(b)-utf8.UTFMax; n-- {
		if utf8.RuneStart(b[n]) {
			if !utf8.FullRune(b[n:]) {
				return b[:n]
			}
			break
		}
	}
	return b
}

func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}
