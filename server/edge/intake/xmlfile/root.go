package xmlfile

import (
	"bytes"
	"slices"
)

// Root looks in the beginning of a file for its outermost element, behind a
// declaration, comments and lines of output that are no part of it. It returns
// the name without its prefix, and the text from the element on; both are empty
// when there is none.
func Root(prefix []byte, roots []string) (name string, text []byte) {
	rest := bytes.TrimLeft(prefix, " \t\n\v\f\r")
	if len(rest) > 0 && rest[0] != '<' {
		rest = pastNoise(rest, roots)
	}
	for len(rest) > 0 {
		var end string
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			end = "-->"
		case bytes.HasPrefix(rest, []byte("<?")):
			end = "?>"
		case rest[0] != '<' || len(rest) > 1 && rest[1] == '!':
			return "", nil
		default:
			i := 1
			for i < len(rest) && rest[i] > ' ' && !nameEnds[rest[i]] {
				i++
			}
			return local(string(rest[1:i])), rest
		}
		i := bytes.Index(rest, []byte(end))
		if i < 0 {
			return "", nil
		}
		rest = bytes.TrimLeft(rest[i+len(end):], " \t\n\v\f\r")
	}
	return "", nil
}

// pastNoise returns the text from where a document begins.
func pastNoise(text []byte, roots []string) []byte {
	for {
		i := bytes.IndexByte(text, '<')
		if i < 0 {
			return nil
		}
		if text = text[i:]; begins(text, roots) {
			return text
		}
		text = text[1:]
	}
}

// HasRoot reports whether the outermost element of a file that begins with prefix
// is one of roots, and returns the text from it on.
func HasRoot(prefix []byte, roots ...string) ([]byte, bool) {
	name, text := Root(prefix, roots)
	return text, name != "" && slices.Contains(roots, name)
}
