package jsonfile

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Shape is what the beginning of a document shows of its structure: the paths of
// the members, such as "results[].test_fqn", and what kind of value each has.
type Shape struct {
	Root  jsontext.Kind
	paths map[string]jsontext.Kind

	// Noise says that lines that are no JSON stood before it.
	Noise bool
}

const (
	shapeDepth = 7
	shapePaths = 4000
	shapeName  = 64
)

// Look finds the shape of a document. It finds none when one of the words does not
// occur in the prefix at all, which is quick to find out.
func Look(prefix []byte, words ...string) Shape {
	text := bytes.TrimLeft(prefix, " \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return Shape{}
	}
	for _, w := range words {
		if !bytes.Contains(prefix, []byte(w)) {
			return Shape{}
		}
	}
	s := Shape{Root: jsontext.Kind(text[0]), paths: map[string]jsontext.Kind{}}
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	s.walk(dec, "", 0)
	return s
}

// LookLine finds the shape of the first line that is an object and has the words;
// what stands before it is noise, such as the lines that Cargo writes of a build.
func LookLine(prefix []byte, words ...string) Shape {
	for _, w := range words {
		if !bytes.Contains(prefix, []byte(w)) {
			return Shape{}
		}
	}
	noise := false
	for line := range bytes.Lines(prefix) {
		text := bytes.TrimSpace(line)
		if len(text) == 0 {
			continue
		}
		if text[0] != '{' || slices.ContainsFunc(words, func(w string) bool { return !bytes.Contains(text, []byte(w)) }) {
			noise = true
			continue
		}
		s := Look(text)
		s.Noise = noise
		return s
	}
	return Shape{}
}

// walk notes the paths of the next value and reports whether it is all there.
func (s Shape) walk(dec *jsontext.Decoder, path string, depth int) bool {
	kind := dec.PeekKind()
	if depth > 0 && len(s.paths) < shapePaths {
		if _, ok := s.paths[path]; !ok {
			s.paths[path] = kind
		}
	}
	if kind != jsontext.KindBeginObject && kind != jsontext.KindBeginArray || depth >= shapeDepth {
		return dec.SkipValue() == nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return false
	}
	if kind == jsontext.KindBeginArray {
		for dec.PeekKind() != jsontext.KindEndArray {
			if !s.walk(dec, path+"[]", depth+1) {
				return false
			}
		}
	} else {
		for dec.PeekKind() != jsontext.KindEndObject {
			tok, err := dec.ReadToken()
			if err != nil {
				return false
			}
			name := tok.String()
			if len(name) > shapeName {
				name = "?" // nobody looks for it
			}
			if path != "" {
				name = path + "." + name
			}
			if !s.walk(dec, name, depth+1) {
				return false
			}
		}
	}
	_, err := dec.ReadToken()
	return err == nil
}

// Has reports whether there are members at all the paths.
func (s Shape) Has(paths ...string) bool {
	for _, p := range paths {
		if _, ok := s.paths[p]; !ok {
			return false
		}
	}
	return true
}

// Any reports whether there is a member at one of the paths.
func (s Shape) Any(paths ...string) bool {
	for _, p := range paths {
		if _, ok := s.paths[p]; ok {
			return true
		}
	}
	return false
}

// Kind is that of the first value at the path, 0 if there is none.
func (s Shape) Kind(path string) jsontext.Kind { return s.paths[path] }
