package bodycheck

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// mixed checks an object or array against a mixture. Where only one branch can
// take values of this type it is read in passing; otherwise it is captured and
// read again for each branch.
func (w *walker) mixed(m *mixture, mask kindSet) bool {
	if n := m.sole(mask); n != nil {
		return w.value(n)
	}
	raw, ok := w.capture()
	if !ok {
		return false
	}
	for _, part := range m.parts {
		if !w.reread(part, raw) {
			return false
		}
	}
	if m.not != nil && w.accepts(m.not, raw) && !w.fail(excluded) {
		return false
	}
	if m.oneOf != nil && !w.choose(m.oneOf, mask, raw) {
		return false
	}
	return m.anyOf == nil || w.choose(m.anyOf, mask, raw)
}

func (w *walker) choose(c *choice, mask kindSet, raw []byte) bool {
	if c.discriminator != nil && mask == kindObject {
		return w.discriminate(c, raw)
	}
	return w.match(c, c.branches, mask, raw)
}

// match finds out how many of the branches accept raw.
func (w *walker) match(c *choice, branches []*node, mask kindSet, raw []byte) bool {
	candidates, matches := 0, 0
	var last *node
	for _, branch := range branches {
		if branch.kinds&mask == 0 {
			continue
		}
		candidates, last = candidates+1, branch
		if w.accepts(branch, raw) {
			if !c.exactlyOne {
				return true
			}
			matches++
		}
		if w.run.fatal != nil {
			return false
		}
	}
	switch {
	case matches == 1:
		return true
	case matches > 1:
		return w.fail(ambiguous)
	case candidates == 1:
		return w.reread(last, raw) // for what it has to complain about
	default:
		return w.fail(c.noMatch)
	}
}

// discriminate lets one member of the object choose the branch.
func (w *walker) discriminate(c *choice, raw []byte) bool {
	d := c.discriminator
	kind, text := w.find(raw, d.property)
	switch {
	case w.run.fatal != nil:
		return false
	case kind == jsontext.KindInvalid:
		return w.failMember(d.property, IsRequired)
	case kind != jsontext.KindString:
		return w.failMember(d.property, notString)
	case d.branches == nil:
		return w.match(c, c.branches, kindObject, raw)
	}
	branches, ok := d.branches[string(text)]
	switch {
	case !ok:
		return w.failMember(d.property, d.unknown)
	case len(branches) == 1:
		return w.reread(branches[0], raw)
	}
	return w.match(c, branches, kindObject, raw)
}

// find returns the kind of a member of the object raw and, for a string, its
// text. The kind is invalid when there is no such member.
func (w *walker) find(raw []byte, name string) (kind jsontext.Kind, text []byte) {
	sub := w.again(raw, true)
	defer w.done(sub)
	if !sub.open() {
		return jsontext.KindInvalid, nil
	}
	for sub.decoder.PeekKind() == jsontext.KindString {
		given, err := sub.decoder.ReadValue()
		if err != nil {
			return jsontext.KindInvalid, nil
		}
		if string(sub.unquote(given)) != name {
			if sub.decoder.SkipValue() != nil {
				return jsontext.KindInvalid, nil
			}
			continue
		}
		kind = sub.decoder.PeekKind()
		if kind == jsontext.KindString {
			value, _ := sub.decoder.ReadValue()
			w.scratch = append(w.scratch[:0], sub.unquote(value)...)
		}
		return kind, w.scratch
	}
	return jsontext.KindInvalid, nil
}

// accepts decides quietly whether raw, read before by w, satisfies n.
func (w *walker) accepts(n *node, raw []byte) bool {
	sub := w.again(raw, true)
	defer w.done(sub)
	return sub.value(n)
}

// reread checks raw against n and reports what is wrong.
func (w *walker) reread(n *node, raw []byte) bool {
	sub := w.again(raw, w.quiet)
	defer w.done(sub)
	return sub.value(n)
}

// again returns a walker for raw, the value that w read last.
func (w *walker) again(raw []byte, quiet bool) *walker {
	sub := newWalker(raw, onceRead...)
	sub.parent, sub.quiet, sub.run = w, quiet, w.run
	return sub
}

// done releases a walker made by again and pays for what it has read.
func (w *walker) done(sub *walker) {
	w.run.workLeft -= sub.offset()
	sub.release()
	if w.run.workLeft < 0 {
		w.abort(Violation{Message: tooMuchWork})
	}
}

// memberNames returns the names in an object that is known to be valid JSON.
func memberNames(object []byte) map[string]bool {
	names := map[string]bool{}
	w := newWalker(object, onceRead...)
	defer w.release()
	if _, err := w.decoder.ReadToken(); err != nil {
		return names
	}
	for w.decoder.PeekKind() == jsontext.KindString {
		name, err := w.decoder.ReadValue()
		if err != nil {
			break
		}
		names[string(w.unquote(name))] = true
		if w.decoder.SkipValue() != nil {
			break
		}
	}
	return names
}

func sortedNames(members map[string]*member) []string {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
