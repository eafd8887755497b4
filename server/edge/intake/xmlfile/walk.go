package xmlfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Handler is told of the elements of a file in their order. Each element for which
// Start returns no error also ends, if need be at the end of the file.
type Handler interface {
	// Start is called for the start tag of an element. The element is only valid
	// until Start returns. An error ends the reading; report.ErrStop does so
	// without failing it.
	Start(e *Element) error

	// End is called when an element ends.
	End(e Ended) error
}

// Ended says of an element that it has ended.
type Ended struct {
	Name     string // without its prefix
	Depth    int    // 1 for the outermost element
	Place    int64  // of the end tag in the file
	Complete bool   // there is an end tag
}

// maxFaults is how many faults are stepped over; a step costs as much as some
// hundred bytes that are fine.
const maxFaults = 1 << 18

// utf8Mark may stand at the beginning of a file.
var utf8Mark = []byte{0xef, 0xbb, 0xbf}

var errSyntax = errors.New("not XML")

// walker reads one file.
type walker struct {
	scanner
	sink    *report.Sink
	h       Handler
	kind    Kind
	base    int64 // where the input begins in the file
	size    int64 // of the file, which a place in another encoding could exceed
	recoded bool  // what is read does not stand in the file as it is

	open  []openElement
	names report.Interner
	el    Element
	char  []byte // what an entity stands for

	rooted  bool // an outermost element was seen
	stray   bool // the outermost element at hand is none of ours
	joined  int  // further documents
	notUTF8 bool

	swallowed swallowed // in the section at hand

	controls int64 // characters replaced that XML forbids
	firstAt  int64 // where the first of them stood
}

type openElement struct {
	raw, name string
	text      *Text // that collects, nil without one
}

// Kind says what a file should be.
type Kind struct {
	Title string   // such as "JUnit report"
	Roots []string // names that its outermost element may have

	// Deep is how many times Limits.Depth elements may be nested, 0 for once. A
	// level costs little here.
	Deep int
}

// Walk reads a file and tells h what stands in it. What is wrong with it goes to
// the sink. The error is that of reading the file, of the context, or what h has
// returned.
func Walk(ctx context.Context, in report.Input, s *report.Sink, kind Kind, h Handler) error {
	head := make([]byte, DeclarationBytes)
	n, err := in.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	w := &walker{sink: s, h: h, kind: kind, size: in.Size, names: report.Interner{}}
	head = head[:n]
	if bytes.HasPrefix(head, utf8Mark) {
		w.base, head = int64(len(utf8Mark)), head[len(utf8Mark):]
	}
	raw := io.NewSectionReader(in, w.base, in.Size-w.base)
	text, name, known := UTF8(head, raw)
	if !known {
		w.damage(w.base, "the encoding %s is not known; it is read as UTF-8", report.Quote(name))
	}
	w.recoded = text != io.Reader(raw)
	w.scanner = scanner{ctx: ctx, src: text, buf: make([]byte, min(bufferBytes, max(minBuffer, in.Size+1)))}
	w.el.w = w
	if err := w.walk(); err != nil && !errors.Is(err, report.ErrStop) {
		return err
	}
	w.finish()
	return nil
}

func (w *walker) damage(at int64, format string, args ...any) {
	w.sink.Damage(at, report.KindXML, format, args...)
}

// at is the place in the file of the next byte. Of an encoding other than UTF-8
// it counts the bytes as UTF-8.
func (w *walker) at() int64 { return min(w.base+w.place(), w.size) }

// walk reads the whole input, and then closes what is open.
func (w *walker) walk() error {
	err := w.noise()
	for err == nil && w.more(1) {
		if w.buf[w.r] == '<' {
			err = w.markup()
		} else {
			w.chars(inText)
		}
		if err == nil && w.sink.Report.DamageCount > maxFaults {
			err = w.stop("so many faults that the rest is not read")
		}
	}
	if w.err != nil {
		return w.err
	}
	if err != nil && !errors.Is(err, report.ErrStop) {
		return err
	}
	if err == nil && len(w.open) > 0 {
		w.damage(w.at(), "not XML: it ends too early")
	}
	return errors.Join(err, w.closeTo(0, false))
}

func (w *walker) stop(format string, args ...any) error {
	w.damage(w.at(), format, args...)
	return report.ErrStop
}

// finish says at the end what was only counted.
func (w *walker) finish() {
	if w.joined > 0 {
		w.sink.Warn("%d further documents stand behind the first", w.joined)
	}
	if w.controls > 0 {
		w.sink.Warn("%d characters that XML forbids were replaced; the first stands at byte %d", w.controls, w.firstAt)
	}
}

// noise passes over what stands before the document, such as the output of the
// runner that has written it.
func (w *walker) noise() error {
	w.space()
	if !w.more(1) || w.buf[w.r] == '<' {
		return nil
	}
	for w.find('<') {
		w.more(maxName)
		if begins(w.buf[w.r:w.w], w.kind.Roots) {
			w.sink.Noise(w.place())
			return nil
		}
		w.r++
	}
	if w.err != nil {
		return w.err
	}
	w.sink.Noise(w.place())
	return w.stop("no %s: there is no XML in it", w.kind.Title)
}

// begins reports whether text begins with an XML declaration or one of the
// elements.
func begins(text []byte, elements []string) bool {
	if bytes.HasPrefix(text, []byte("<?xml")) {
		return true
	}
	return slices.ContainsFunc(elements, func(name string) bool {
		n := 1 + len(name)
		return len(text) > n && string(text[1:n]) == name && nameEnds[text[n]]
	})
}

// broken turns a fault of the markup into damage and goes on at the next bracket.
func (w *walker) broken(fault error) error {
	if w.err != nil {
		return w.err
	}
	if !w.more(1) && len(w.open) > 0 {
		return nil // the end of the input is damage of its own
	}
	w.damage(w.at(), "%s", fault.Error())
	w.find('<')
	return w.err
}

func syntax(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errSyntax}, args...)...)
}

// started opens an element whose start tag was read.
func (w *walker) started(raw string) error {
	if most := w.sink.Limits.Depth * max(1, w.kind.Deep); len(w.open) >= most {
		return w.stop("nested deeper than %d", most)
	}
	e := &w.el
	e.Name, e.Depth = local(raw), len(w.open)+1
	if e.Depth == 1 {
		if err := w.startRoot(); err != nil {
			return err
		}
	}
	w.open = append(w.open, openElement{raw: raw, name: e.Name})
	if w.stray {
		return nil
	}
	err := w.h.Start(e)
	if err != nil {
		w.open = w.open[:e.Depth-1]
	}
	return err
}

// startRoot begins a document.
func (w *walker) startRoot() error {
	known := slices.Contains(w.kind.Roots, w.el.Name)
	switch {
	case !w.rooted && !known:
		return w.stop("no %s: the outermost element is %s%s", w.kind.Title, report.Quote(w.el.Name), unread[w.el.Name])
	case w.rooted && known:
		w.joined++
	case w.rooted:
		w.damage(w.el.Place, "bytes after the end of the XML document")
	}
	w.rooted, w.stray = true, !known
	return nil
}

// ended closes the element of that name, and those inside it that were not
// closed.
func (w *walker) ended(raw string, at int64) error {
	depth := len(w.open)
	for depth > 0 && w.open[depth-1].raw != raw {
		depth--
	}
	if depth == 0 {
		w.damage(at, "not XML: an end tag </%s> that ends nothing", short(raw))
		return nil
	}
	if depth < len(w.open) {
		w.damage(at, "not XML: an element <%s> that </%s> ends", short(w.open[len(w.open)-1].raw), short(raw))
		if err := w.closeTo(depth, false); err != nil {
			return err
		}
	}
	return w.closeAt(depth-1, true, at)
}

// closeTo closes elements until only depth of them are open; complete says that
// their end tags were there.
func (w *walker) closeTo(depth int, complete bool) error {
	return w.closeAt(depth, complete, w.at())
}

func (w *walker) closeAt(depth int, complete bool, at int64) error {
	for len(w.open) > depth {
		n := len(w.open)
		e := Ended{Name: w.open[n-1].name, Depth: n, Place: at, Complete: complete}
		w.open[n-1].text = nil
		if !w.stray {
			if err := w.h.End(e); err != nil {
				return err
			}
		}
		w.open = w.open[:n-1]
		if n == 1 {
			w.stray = false
		}
	}
	return nil
}

// local is a name without its prefix.
func local(raw string) string {
	for i := len(raw) - 2; i > 0; i-- {
		if raw[i] == ':' {
			return raw[i+1:]
		}
	}
	return raw
}

func short(name string) string {
	name, _ = report.Cut(name, 80)
	return name
}
