package imports

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// MaxDocument is the most bytes of one document. MongoDB keeps up to 16 MiB, which
// become more as text.
const MaxDocument = 64 << 20

// Record is a document of a file, or a place where there is none.
type Record struct {
	Line int64  // where it begins, from 1
	Text []byte // a JSON object by its braces; what is inside was not looked at
	Err  error  // what is there instead
}

// Position is how far a file was read.
type Position struct {
	Offset int64  `json:"offset"`
	Line   int64  `json:"line"`
	Digest string `json:"digest"` // of all bytes before
	List   bool   `json:"list,omitempty"`
}

// Reader divides a file into documents: one a line, one after the other over several
// lines (mongoexport --pretty), or a list (mongoexport --jsonArray, which writes it as
// one line). Damage costs the document in which it is: the next line that begins with a
// brace begins another one. Memory holds one document.
type Reader struct {
	in   io.Reader
	most int

	buf  []byte
	pos  int
	end  error
	hash hash.Hash // of what came before buf
	at   int64     // of buf in the file
	line int64
	list bool

	document []byte
}

const readerBuffer = 256 << 10

// NewReader reads documents of at most so many bytes; 0 is MaxDocument.
func NewReader(in io.Reader, most int) *Reader {
	if most <= 0 {
		most = MaxDocument
	}
	return &Reader{in: in, most: most, hash: sha256.New(), line: 1}
}

// The things that a file can have in the place of a document.
var (
	errCut     = errors.New("the document is cut: another one begins before it ends")
	errCutText = errors.New("the line ends within a text")
	errEnd     = errors.New("the file ends within a document")
	errList    = errors.New("the file is cut: it ends before its list or its compression does")
	errJunk    = errors.New("is no JSON object")
	errLarge   = errors.New("the document is too large")
	errUTF16   = errors.New("the file is UTF-16: convert it to UTF-8, as mongoexport writes it")
)

// fill makes sure that there is a byte, and reports whether there is.
func (r *Reader) fill() bool {
	for r.pos == len(r.buf) && r.end == nil {
		r.hash.Write(r.buf)
		r.at += int64(len(r.buf))
		if cap(r.buf) == 0 {
			r.buf = make([]byte, 0, readerBuffer)
		}
		n, err := r.in.Read(r.buf[:cap(r.buf)])
		r.buf, r.pos, r.end = r.buf[:n], 0, err
	}
	return r.pos < len(r.buf)
}

// Position returns how far the documents go that were read.
func (r *Reader) Position() Position {
	all := sha256.New()
	if c, ok := r.hash.(hash.Cloner); ok {
		if clone, err := c.Clone(); err == nil {
			all = clone
		}
	}
	all.Write(r.buf[:r.pos])
	return Position{Offset: r.at + int64(r.pos), Line: r.line, Digest: hex.EncodeToString(all.Sum(nil)), List: r.list}
}

// Skip goes to a position that a reader of the same file had. It reports whether the
// file is the same up to there; when not, the reader is of no use any more.
func (r *Reader) Skip(to Position) (bool, error) {
	for left := to.Offset; left > 0; {
		if !r.fill() {
			return false, r.failure()
		}
		n := min(left, int64(len(r.buf)-r.pos))
		r.pos += int(n)
		left -= n
	}
	r.line, r.list = max(to.Line, 1), to.List
	return r.Position().Digest == to.Digest, r.failure()
}

// failure is why nothing more can be read, nil for the end of the file, also for one
// that comes too early for its compression.
func (r *Reader) failure() error {
	if errors.Is(r.end, io.EOF) || errors.Is(r.end, io.ErrUnexpectedEOF) {
		return nil
	}
	return r.end
}

// Next returns the next document, which is good until the one after it is asked for,
// or what is there instead. io.EOF is the end; any other error is that of reading.
func (r *Reader) Next() (Record, error) {
	for r.fill() {
		c := r.buf[r.pos]
		switch {
		case r.at+int64(r.pos) == 0 && r.mark():
		case r.at+int64(r.pos) == 0 && (c == 0xff || c == 0xfe):
			r.drain()
			return Record{Line: 1, Err: errUTF16}, r.failure()
		case c == '{':
			return r.object()
		case c == '\n':
			r.line++
			r.pos++
		case c == ' ' || c == '\t' || c == '\r' || c == ',' && r.list:
			r.pos++
		case c == '[' && !r.list:
			r.list = true
			r.pos++
		case c == ']' && r.list:
			r.list = false
			r.pos++
		default:
			line := r.line
			r.junk()
			return Record{Line: line, Err: errJunk}, r.failure()
		}
	}
	if err := r.failure(); err != nil {
		return Record{}, err
	}
	cut := !errors.Is(r.end, io.EOF)
	if r.end = io.EOF; cut || r.list {
		r.list = false
		return Record{Line: r.line, Err: errList}, nil
	}
	return Record{}, io.EOF
}

// mark passes over the mark of UTF-8 at the beginning of a file.
func (r *Reader) mark() bool {
	if !bytes.HasPrefix(r.buf[r.pos:], []byte("\xef\xbb\xbf")) {
		return false
	}
	r.pos += 3
	return true
}

func (r *Reader) drain() {
	for r.fill() {
		r.pos = len(r.buf)
	}
}

// junk passes over the rest of a line, within a list up to the next document.
func (r *Reader) junk() {
	for r.fill() {
		switch c := r.buf[r.pos]; {
		case c == '\n', r.list && (c == '{' || c == ']'):
			return
		}
		r.pos++
	}
}

// object reads from a brace to the one that belongs to it.
func (r *Reader) object() (Record, error) {
	rec := Record{Line: r.line}
	r.document = r.document[:0]
	depth, large := 0, false
	text, escaped, fresh := false, false, false // fresh: a line has just begun
	for r.fill() {
		c := r.buf[r.pos]
		if fresh && c == '{' && !text {
			rec.Err = errCut
			return rec, nil
		}
		if c == '\n' && text {
			rec.Err = errCutText // the next call counts the line
			return rec, nil
		}
		r.pos++
		if large = large || len(r.document) == r.most; !large {
			r.document = append(r.document, c)
		}
		fresh = c == '\n'
		switch {
		case fresh:
			r.line++
		case escaped:
			escaped = false
		case text:
			escaped, text = c == '\\', c != '"'
		case c == '"':
			text = true
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
		if depth == 0 {
			if rec.Text = r.document; large {
				rec.Text, rec.Err = nil, errLarge
			}
			return rec, nil
		}
	}
	rec.Err = errEnd
	r.list = false // it says enough
	return rec, r.failure()
}
