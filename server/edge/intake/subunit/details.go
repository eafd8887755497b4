package subunit

import (
	"bytes"
	"errors"
	"strconv"
)

const contentType = "Content-Type:"

// detailName says under which name and type simple details appear; these are
// python-subunit's (python/subunit/details.py).
func detailName(w word) (name, mime string) {
	switch w {
	case wordSkip:
		return "reason", "text/plain"
	case wordSuccess:
		return "message", "text/plain"
	}
	return "traceback", "text/x-traceback;charset=utf8"
}

// reportOf names a part of the stream in the reason of a cut.
func reportOf(w word) string {
	names := [...]string{
		wordSuccess: "success", wordFailure: "failure", wordSkip: "skip", wordXFail: "xfail", wordUXSuccess: "uxsuccess",
	}
	return names[w] + " report of test"
}

// simpleDetails reads lines up to a closing bracket. A line that begins with
// space and bracket was quoted and loses the space, so the text is made of
// pieces.
func (r *v1reader) simpleDetails(w word) error {
	name, mime := detailName(w)
	a, err := r.attach(r.current, []byte(name), []byte(mime), r.lines.pos)
	if err != nil {
		return err
	}
	green := !r.current.Status.Failed()
	r.inner.reset()
	for {
		l, ok, err := r.lines.next()
		if err != nil {
			return err
		}
		if !ok {
			return r.lose(reportOf(w))
		}
		if string(l.text) == "]" {
			return r.finish(true)
		}
		if green && !l.long {
			r.innerLine(l)
		}
		start := l.start
		if bytes.HasPrefix(l.text, []byte(" ]")) {
			start++
		}
		if err := r.piece(a, start, l.end-start); err != nil {
			return err
		}
	}
}

// innerLine looks at a line of the details of a test that did not fail. Details that
// broke off reach to the end of those of a later test, which must not be a failed one.
func (r *v1reader) innerLine(l line) {
	d := parseDirective(withoutMark(l.text))
	switch {
	case !d.meaningful():
	case d.word == wordTest:
		r.inner.begin(d)
	case d.word.outcome() && r.inner.fails(d):
		r.damage(l.start, KindV1Details, "a failed test inside of the details of test "+quote(r.current.ID)+" is read as a part of them")
	}
}

// piece adds a part of the input to an attachment of the test in progress.
func (r *v1reader) piece(a *Attachment, offset, length int64) error {
	if r.span(a, offset, length) {
		return r.hold(r.current, spanBytes, offset)
	}
	return nil
}

// multipartDetails reads parts up to a closing bracket. Each part has a line
// with its type, a line with its name, and chunks that may hold any bytes.
func (r *v1reader) multipartDetails(w word) error {
	for {
		l, ok, err := r.lines.next()
		if err != nil {
			return err
		}
		if !ok {
			return r.lose(reportOf(w))
		}
		if string(l.text) == "]" {
			return r.finish(true)
		}
		value, isType := cutContentType(l.text)
		if !isType || l.long {
			if !l.ended {
				return r.lose(reportOf(w))
			}
			return r.brokenDetails(l.start, l.start, "no Content-Type where a part must begin")
		}
		mime := bytes.Clone(value)
		part := l.start
		l, ok, err = r.lines.next()
		if err != nil {
			return err
		}
		if !ok || !l.ended {
			return r.lose(reportOf(w))
		}
		a, err := r.part(part, l, mime)
		if err != nil {
			return err
		}
		state, err := r.chunks(a, part)
		if err != nil || state != chunksDone {
			return err
		}
	}
}

// cutContentType returns the type in the first line of a part.
func cutContentType(text []byte) ([]byte, bool) {
	n := len(contentType)
	if len(text) <= n || !bytes.EqualFold(text[:n], []byte(contentType)) {
		return nil, false
	}
	return bytes.TrimSpace(text[n:]), true
}

// brokenDetails closes the test with the outcome that its line gave it and goes
// on reading at resume.
func (r *v1reader) brokenDetails(offset, resume int64, reason string) error {
	r.damage(offset, KindV1Details, reason)
	r.lines.pos = resume
	return r.finish(true)
}

// part makes the attachment that a part is about. The last of several parts
// with one name wins.
func (r *v1reader) part(offset int64, l line, mime []byte) (*Attachment, error) {
	name, bad := repair(string(l.text))
	name, was := cut(name, r.lim.IDBytes)
	mimeText, badType := repair(string(mime))
	if bad || was || badType {
		r.damage(offset, KindV1Details, "name or type of a part is not UTF-8, or too long")
	}
	if a := r.current.find([]byte(name)); a != nil {
		*a = Attachment{Name: a.Name, MIME: r.mime([]byte(mimeText)), Spans: a.Spans[:0]}
		return a, nil
	}
	return r.attach(r.current, []byte(name), []byte(mimeText), offset)
}

// chunkState says where reading goes on after chunks.
type chunkState uint8

const (
	chunksDone   chunkState = iota // with the next part
	chunksBroken                   // the test is closed
)

const (
	chunkDigits = 20      // longer sizes are too large whatever they say
	chunkLimit  = 1 << 31 // the largest size of a chunk
)

// chunks reads the chunks of one part: hexadecimal size, CR LF, that many
// bytes, and so on until a size of 0. The attachment may be nil.
func (r *v1reader) chunks(a *Attachment, part int64) (chunkState, error) {
	for {
		at := r.lines.pos
		b, err := r.lines.w.view(at, chunkDigits+2)
		if err != nil {
			return chunksBroken, err
		}
		size, n, ok := chunkSize(b)
		switch {
		case !ok && n == len(b):
			return chunksBroken, r.cutChunk(part)
		case !ok:
			return chunksBroken, r.brokenDetails(part, at, "bad or short chunk")
		case size > chunkLimit:
			r.damage(part, KindTruncated, "a chunk claims more than 2 GiB")
			return chunksBroken, r.fail()
		}
		body := at + int64(n)
		left := r.lines.w.size - body
		if a != nil {
			if err := r.piece(a, body, min(size, left)); err != nil {
				return chunksBroken, err
			}
		}
		if r.visit != nil {
			if err := r.visit(body, body+min(size, left), true); err != nil {
				return chunksBroken, err
			}
		}
		if size > left {
			return chunksBroken, r.cutChunk(part)
		}
		r.lines.pos = body + size
		if size == 0 {
			return chunksDone, nil
		}
	}
}

// cutChunk handles a chunk that the end of the input cuts off. Nothing after it
// is read: the bytes belong to the attachment.
func (r *v1reader) cutChunk(part int64) error {
	r.damage(part, KindTruncated, "bad or short chunk")
	r.lines.pos = r.lines.w.size
	return r.fail()
}

// chunkSize reads the first line of a chunk and returns its size and how many
// bytes the line takes. A size that is far too large is returned as one above
// chunkLimit. If the line is bad, n tells how much of b can be its beginning.
func chunkSize(b []byte) (size int64, n int, ok bool) {
	for n < len(b) && n < chunkDigits && isHex(b[n]) {
		n++
	}
	if n == chunkDigits {
		return chunkLimit + 1, n, true
	}
	value, err := strconv.ParseUint(string(b[:n]), 16, 32)
	if errors.Is(err, strconv.ErrRange) {
		value = chunkLimit + 1
	}
	line := "\r\n"[:min(2, len(b)-n)]
	if n == 0 && len(b) > 0 || !bytes.HasPrefix(b[n:], []byte(line)) {
		return 0, 0, false
	}
	return int64(value), n + len(line), len(line) == 2
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
