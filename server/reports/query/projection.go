package query

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Projection says which fields of a document to return. The zero value returns
// all of them.
//
// A dotted path reaches into objects, and into the objects of a list. As in
// the database of the original, an object that a path leads through stays,
// empty when the path finds nothing in it. Where a field is both wanted and
// left out it is left out; the original's database refused to mix the two.
// Ids and times ({"$oid":…}, {"$date":…}) are values: no path leads into them.
type Projection struct {
	Keep []string // from field: only these, and _id
	Drop []string // from nfield: not these

	root *branch
}

// NewProjection returns the projection that keeps and drops these paths.
func NewProjection(keep, drop []string) Projection {
	p := Projection{Keep: keep, Drop: drop}
	if p.All() {
		return p
	}
	p.root = &branch{}
	for _, path := range keep {
		p.root.grow(path, true)
	}
	for _, path := range drop {
		p.root.grow(path, false)
	}
	if len(keep) > 0 {
		p.root.grow("_id", true)
	}
	return p
}

// All reports whether documents pass unchanged.
func (p Projection) All() bool { return len(p.Keep) == 0 && len(p.Drop) == 0 }

// Keeps reports whether the field of that name, or a part of it, is returned,
// so that the others need not be read at all.
func (p Projection) Keeps(name string) bool {
	if p.All() {
		return true
	}
	b := p.root.children[name]
	if b == nil {
		return len(p.Keep) == 0
	}
	return !b.drop && (len(p.Keep) == 0 || b.keeps)
}

// Nested reports whether some path leads into a field, so that Keeps does not
// say everything and Apply is needed.
func (p Projection) Nested() bool {
	for _, path := range append(p.Keep[:len(p.Keep):len(p.Keep)], p.Drop...) {
		if strings.Contains(path, ".") {
			return true
		}
	}
	return false
}

// Apply appends to dst what is left of the JSON object doc. The order of the
// fields and the bytes of each value stay as they are. It fails only when doc
// is not a JSON object.
func (p Projection) Apply(dst []byte, doc []byte) ([]byte, error) {
	if p.All() {
		return append(dst, doc...), nil
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(doc),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if dec.PeekKind() != '{' {
		return dst, errors.New("project document: not a JSON object")
	}
	out, _, err := p.root.object(dst, dec, len(p.Keep) == 0)
	if err != nil {
		return dst, fmt.Errorf("project document: %w", err)
	}
	return out, nil
}

// branch is a node of the tree of paths.
type branch struct {
	keep, drop bool // a path ends here
	keeps      bool // this one or one below is kept
	children   map[string]*branch
}

func (b *branch) grow(path string, keep bool) {
	at := b
	for name := range strings.SplitSeq(path, ".") {
		at.keeps = at.keeps || keep
		if at.children == nil {
			at.children = map[string]*branch{}
		}
		if at.children[name] == nil {
			at.children[name] = &branch{}
		}
		at = at.children[name]
	}
	at.keep, at.keeps, at.drop = at.keep || keep, at.keeps || keep, at.drop || !keep
}

// object copies the object that dec stands before. kept says whether members
// that no path names are returned. Like value it reports false when the object
// is an id or a time that is not returned.
func (b *branch) object(dst []byte, dec *jsontext.Decoder, kept bool) ([]byte, bool, error) {
	if _, err := dec.ReadToken(); err != nil {
		return dst, false, err
	}
	dst = append(dst, '{')
	first, written := len(dst), true
	for n := 0; dec.PeekKind() == '"'; n++ {
		raw, err := dec.ReadValue()
		if err != nil {
			return dst, false, err
		}
		if n == 0 && isValueName(raw) {
			b, written = &branch{}, kept
		}
		if dst, err = b.member(dst, dec, raw, first, kept); err != nil {
			return dst, false, err
		}
	}
	_, err := dec.ReadToken()
	return append(dst, '}'), written, err
}

// member copies one member whose name has been read; the object it belongs to
// begins at first.
func (b *branch) member(dst []byte, dec *jsontext.Decoder, raw jsontext.Value, first int, kept bool) ([]byte, error) {
	name, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return dst, err
	}
	child := b.children[string(name)]
	if !child.returned(kept) {
		return dst, dec.SkipValue()
	}
	before := len(dst)
	if before > first {
		dst = append(dst, ',')
	}
	dst = append(append(dst, raw...), ':')
	out, written, err := child.value(dst, dec, kept)
	if !written {
		out = dst[:before]
	}
	return out, err
}

// returned reports whether anything of a member may be returned.
func (b *branch) returned(kept bool) bool {
	if b == nil {
		return kept
	}
	return !b.drop && (kept || b.keeps)
}

// value copies one value, and reports false when nothing of it is returned
// because a wanted path leads through something that is no object.
func (b *branch) value(dst []byte, dec *jsontext.Decoder, kept bool) ([]byte, bool, error) {
	kept = kept || b != nil && b.keep
	kind := dec.PeekKind()
	if b == nil || len(b.children) == 0 || kind != '{' && kind != '[' {
		if !kept {
			return dst, false, dec.SkipValue()
		}
		raw, err := dec.ReadValue()
		return append(dst, raw...), true, err
	}
	if kind == '[' {
		out, err := b.list(dst, dec, kept)
		return out, true, err
	}
	return b.object(dst, dec, kept)
}

// list copies the elements of a list, each as value does.
func (b *branch) list(dst []byte, dec *jsontext.Decoder, kept bool) ([]byte, error) {
	if _, err := dec.ReadToken(); err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	first := len(dst)
	for dec.PeekKind() != ']' {
		before := len(dst)
		if before > first {
			dst = append(dst, ',')
		}
		out, written, err := b.value(dst, dec, kept)
		if err != nil {
			return dst, err
		}
		if dst = out; !written {
			dst = dst[:before]
		}
	}
	_, err := dec.ReadToken()
	return append(dst, ']'), err
}

// isValueName reports whether an object that begins with this name, quoted, is
// an id or a time in the notation of the original, {"$oid":…} or {"$date":…}.
func isValueName(raw jsontext.Value) bool {
	return string(raw) == `"$oid"` || string(raw) == `"$date"`
}
