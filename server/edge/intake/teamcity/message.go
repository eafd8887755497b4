package teamcity

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// message is one service message. Its name belongs to the line.
type message struct {
	name   string
	single string // the value of a message with one value and no names
	attrs  map[string]string
}

var mark = []byte("##teamcity[")

// parseMessage reads what stands in the brackets of a service message. It is false
// for a line that breaks the form: that is not closed, or has a value without its
// quotes. Escapes are TeamCity's: |n |r |' |[ |] || |x |l |p and |0xNNNN.
func parseMessage(text []byte) (message, bool) {
	m := message{attrs: map[string]string{}}
	i := 0
	for i < len(text) && text[i] != ' ' && text[i] != ']' {
		i++
	}
	m.name = string(text[:i])
	for {
		for i < len(text) && text[i] == ' ' {
			i++
		}
		switch {
		case i >= len(text):
			return m, false
		case text[i] == ']':
			return m, m.name != ""
		}
		name := ""
		if text[i] != '\'' {
			equal := bytes.IndexByte(text[i:], '=')
			if equal <= 0 {
				return m, false
			}
			name = strings.TrimSpace(string(text[i : i+equal]))
			i += equal + 1
			for i < len(text) && text[i] == ' ' {
				i++
			}
			if i >= len(text) || text[i] != '\'' {
				return m, false
			}
		}
		value, n, ok := unquote(text[i+1:])
		if !ok {
			return m, false
		}
		i += 1 + n
		if name == "" {
			m.single = value
		} else {
			m.attrs[name] = value
		}
	}
}

var escapes = map[byte]string{
	'n': "\n", 'r': "\r", '\'': "'", '[': "[", ']': "]", '|': "|", 'x': "\u0085", 'l': "\u2028", 'p': "\u2029",
}

// unquote reads a value up to its closing quote, and says how many bytes it took
// with it.
func unquote(text []byte) (value string, n int, ok bool) {
	end := bytes.IndexAny(text, "'|")
	if end >= 0 && text[end] == '\'' {
		return string(text[:end]), end + 1, true
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'':
			return out.String(), i + 1, true
		case c != '|':
			out.WriteByte(c)
		case i+1 >= len(text):
			return "", 0, false
		case text[i+1] == '0' && i+6 < len(text) && text[i+2] == 'x':
			r, err := strconv.ParseUint(string(text[i+3:i+7]), 16, 16)
			if err != nil {
				return "", 0, false
			}
			out.WriteRune(validRune(rune(r)))
			i += 6
		default:
			i++
			plain, known := escapes[text[i]]
			if !known {
				plain = string(text[i : i+1])
			}
			out.WriteString(plain)
		}
	}
	return "", 0, false
}

func validRune(r rune) rune {
	if !utf8.ValidRune(r) || r == 0 {
		return utf8.RuneError
	}
	return r
}
