package bodycheck

import (
	"bytes"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// walker reads one JSON text against a node. The methods that read return
// whether to go on: false after a fatal error, after the last violation that
// is wanted, and, for a quiet walker, after the first.
type walker struct {
	decoder jsontext.Decoder
	source  bytes.Buffer // in, as the decoder wants it
	in      []byte

	// A walker that reads a part of the body again knows the walker that read
	// it first, which stands right after that part.
	parent *walker

	quiet  bool // only decide, report nothing
	opaque bool // inside a value that is passed on as it came

	scratch []byte // an unquoted string
	unique  uniqueItems

	run *run
	own run
}

// run is what all walkers of one check share.
type run struct {
	options    *Options
	violations []Violation
	fatal      *Violation
	workLeft   int
}

var walkers = sync.Pool{New: func() any { return new(walker) }}

// tooLargeToKeep is the size of body from which a walker is not reused, so that
// one large body does not pin memory.
const tooLargeToKeep = 1 << 20

// onceRead is how a text is read again: its names were compared the first time.
var onceRead = []jsontext.Options{jsontext.AllowDuplicateNames(true)}

func newWalker(in []byte, how ...jsontext.Options) *walker {
	w := walkers.Get().(*walker)
	w.in = in
	w.source = *bytes.NewBuffer(in)
	w.decoder.Reset(&w.source, how...)
	return w
}

func (w *walker) release() {
	if len(w.in) > tooLargeToKeep {
		return
	}
	w.in, w.source = nil, bytes.Buffer{}
	w.parent, w.quiet, w.opaque = nil, false, false
	w.run, w.own = nil, run{}
	w.unique.reset()
	walkers.Put(w)
}

// value reads the next value and checks it against n.
func (w *walker) value(n *node) bool {
	if n.opaque && !w.opaque {
		w.opaque = true
		defer func() { w.opaque = false }()
	}
	kind := w.decoder.PeekKind()
	switch kind {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		return w.container(n, admits(kind))
	}
	raw, err := w.decoder.ReadValue()
	if err != nil {
		return w.syntax(err)
	}
	s := scalar{kind: kind, raw: raw}
	switch kind {
	case jsontext.KindNull:
		if n.nullable {
			return true
		}
		return w.fail(isNull)
	case jsontext.KindString:
		s.text = w.unquote(raw)
	case jsontext.KindNumber:
		if !w.opaque && !finite(raw) {
			return w.fail(notFinite)
		}
	}
	if f := n.fault(s); f != "" {
		return w.fail(f)
	}
	return true
}

func (w *walker) container(n *node, mask kindSet) bool {
	switch {
	case n.mix != nil && n.kinds&mask != 0:
		return w.mixed(n.mix, mask)
	case n.enum != nil:
		raw, ok := w.capture()
		if !ok {
			return false
		}
		if !n.enum.holdsContainer(raw) {
			return w.fail(n.enum.message)
		}
		return true
	case n.kinds&mask == 0:
		return w.skim() && w.fail(n.wrongType)
	case mask == kindObject && n.object != nil:
		return w.object(n.object)
	case mask == kindArray && n.array != nil:
		return w.array(n.array)
	}
	return w.skim()
}

func (w *walker) object(r *objectRule) bool {
	if !w.open() {
		return false
	}
	start := w.offset() - 1
	count, required := 0, 0
	for w.decoder.PeekKind() != jsontext.KindEndObject {
		if !w.member(r, &required) {
			return false
		}
		count++
	}
	if !w.close() {
		return false
	}
	// jsontext refuses duplicate names, so counting the required members is
	// enough to know that none is missing.
	if required < r.required && !w.missing(r, start) {
		return false
	}
	if count < r.min && !w.fail(r.tooFew) {
		return false
	}
	return r.max < 0 || count <= r.max || w.fail(r.tooMany)
}

func (w *walker) member(r *objectRule, required *int) bool {
	name, err := w.decoder.ReadValue()
	if err != nil {
		return w.syntax(err)
	}
	text := w.unquote(name)
	m := r.members[string(text)]
	if m != nil && m.required {
		*required++
	}
	switch {
	case m != nil && m.node != nil:
		// kin-openapi lets null pass here: clients echo what they were sent.
		if m.readOnly && w.decoder.PeekKind() != jsontext.KindNull && !w.fail(isReadOnly) {
			return false
		}
		return w.value(m.node)
	case r.closed:
		return !w.quiet && w.fail(Unknown("member", string(text), r.known)) && w.skim()
	case r.others != nil:
		return w.value(r.others)
	}
	return w.skim()
}

// missing reports the required members that the object just read does not
// have. It reads the object's names again, which happens only for invalid
// bodies and so at most once for each violation.
func (w *walker) missing(r *objectRule, start int) bool {
	if w.quiet {
		return false
	}
	given := memberNames(w.in[start:w.offset()])
	for _, name := range sortedNames(r.members) {
		if r.members[name].required && !given[name] && !w.failMember(name, IsRequired) {
			return false
		}
	}
	return true
}

func (w *walker) array(r *arrayRule) bool {
	if !w.open() {
		return false
	}
	count, mark := 0, w.unique.mark()
	for w.decoder.PeekKind() != jsontext.KindEndArray {
		start := w.offset()
		if r.item != nil && !w.value(r.item) || r.item == nil && !w.skim() {
			return false
		}
		if r.unique {
			w.unique.add(w.in[start:w.offset()], count)
		}
		count++
	}
	if !w.close() {
		return false
	}
	if r.unique {
		if i := w.unique.repeated(mark); i >= 0 && !w.failMember(strconv.Itoa(i), isRepeated) {
			return false
		}
	}
	if count < r.min && !w.fail(r.tooFew) {
		return false
	}
	return r.max < 0 || count <= r.max || w.fail(r.tooMany)
}

// skim reads a value that no schema describes. Nesting and, unless the value is
// passed on as it came, numbers are still limited, because whoever decodes the
// body later cannot take everything.
func (w *walker) skim() bool {
	outside := w.decoder.StackDepth()
	for {
		switch kind := w.decoder.PeekKind(); kind {
		case jsontext.KindBeginObject, jsontext.KindBeginArray:
			if !w.open() {
				return false
			}
		case jsontext.KindEndObject, jsontext.KindEndArray:
			if !w.close() {
				return false
			}
		default:
			raw, err := w.decoder.ReadValue()
			if err != nil {
				return w.syntax(err)
			}
			if kind == jsontext.KindNumber && !w.opaque && !finite(raw) && !w.fail(notFinite) {
				return false
			}
		}
		if w.decoder.StackDepth() == outside {
			return true
		}
	}
}

// capture skims a value and returns its text.
func (w *walker) capture() (raw []byte, ok bool) {
	start := w.offset()
	if !w.skim() {
		return nil, false
	}
	return bytes.TrimLeft(w.in[start:w.offset()], ":,"+whitespace), true
}

// open reads the start of an object or array.
func (w *walker) open() bool {
	if _, err := w.decoder.ReadToken(); err != nil {
		return w.syntax(err)
	}
	if limit := w.run.options.MaxDepth; w.decoder.StackDepth() > limit {
		return w.abort(Violation{Pointer: cut(w.pointer()), Message: tooDeepMessage(limit)})
	}
	return true
}

// close reads the end of an object or array.
func (w *walker) close() bool {
	if _, err := w.decoder.ReadToken(); err != nil {
		return w.syntax(err)
	}
	return true
}

// end checks that nothing but whitespace follows the value.
func (w *walker) end() {
	rest := skipSpace(w.in[w.offset():])
	if len(rest) > 0 {
		at := strconv.Itoa(len(w.in) - len(rest))
		w.abort(Violation{Message: "must end after one JSON value, but more follows at byte " + at})
	}
}

func (w *walker) offset() int { return int(w.decoder.InputOffset()) }

// unquote returns the text of a JSON string. It is valid until the next call.
func (w *walker) unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	w.scratch, _ = jsontext.AppendUnquote(w.scratch[:0], raw) // the decoder has accepted it
	return w.scratch
}

// pointer leads to the value, or the start of the object or array, that was
// read last.
func (w *walker) pointer() jsontext.Pointer {
	here := w.decoder.StackPointer()
	if w.parent != nil {
		return w.parent.pointer() + here
	}
	return here
}

// fail reports a violation at the value read last.
func (w *walker) fail(message string) bool {
	if w.quiet {
		return false
	}
	return w.report(cut(w.pointer()), message)
}

// failMember reports a violation at a member or item of the value read last.
func (w *walker) failMember(name, message string) bool {
	if w.quiet {
		return false
	}
	return w.report(cut(w.pointer().AppendToken(name)), message)
}

func (w *walker) report(pointer, message string) bool {
	w.run.violations = append(w.run.violations, Violation{Pointer: pointer, Message: message})
	return w.run.fatal == nil && len(w.run.violations) < w.run.options.MaxViolations
}

// syntax ends the check because the body is not JSON.
func (w *walker) syntax(err error) bool {
	return w.abort(syntaxViolation(w.in, err))
}

func (w *walker) abort(v Violation) bool {
	if w.run.fatal == nil {
		w.run.fatal = &v
	}
	return false
}
