package design

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"

	"go.yaml.in/yaml/v3"
)

// Most of the time that a design takes goes into parsing YAML. A line that begins
// with three hyphens starts a document wherever it stands, so a stream is cut
// there and its pieces are parsed side by side.

// pieceSize is worth a goroutine.
const pieceSize = 32 << 10

// piece is a part of a stream with whole documents.
type piece struct {
	text   []byte
	before int // lines before it
}

// pieces cuts a stream into parts of at least that size. A stream with
// directives, which belong to the document behind them, stays whole.
func pieces(text []byte, size int) []piece {
	if len(text) < 2*size || text[0] == '%' || bytes.Contains(text, []byte("\n%")) {
		return []piece{{text: text}}
	}
	var list []piece
	before := 0
	for len(text) > size {
		at := marker(text[size:])
		if at < 0 {
			break
		}
		at += size
		list = append(list, piece{text[:at], before})
		before += bytes.Count(text[:at], []byte("\n"))
		text = text[at:]
	}
	return append(list, piece{text, before})
}

// marker finds a line that starts a document. It answers -1 when there is none.
func marker(text []byte) int {
	for at := 0; ; {
		i := bytes.Index(text[at:], []byte("\n---"))
		if i < 0 {
			return -1
		}
		at += i + 1
		if rest := text[at+3:]; len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0 {
			return at
		}
	}
}

// eachDocument visits the documents in their order and says how many lines stand
// before the piece that they were parsed in. Its own errors are *SyntaxError.
func eachDocument(text []byte, size int, visit func(doc *yaml.Node, before int) error) error {
	list := pieces(text, size)
	if len(list) == 1 {
		return list[0].decode(func(doc *yaml.Node) error { return visit(doc, 0) })
	}
	stop := make(chan struct{})
	defer close(stop)
	take := parsed(list, stop)
	for i, p := range list {
		docs, err := take(i)
		for _, doc := range docs {
			if err := visit(doc, p.before); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parsed parses the pieces on all processors, a few of them ahead of the one that
// is taken next. It ends early when stop is closed.
func parsed(list []piece, stop <-chan struct{}) func(i int) ([]*yaml.Node, error) {
	type result struct {
		docs []*yaml.Node
		err  error
	}
	results := make([]chan result, len(list))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	workers := min(runtime.GOMAXPROCS(0), len(list))
	ahead := make(chan struct{}, 2*workers)
	var next atomic.Int64
	for range workers {
		go func() {
			for {
				select {
				case ahead <- struct{}{}:
				case <-stop:
					return
				}
				i := int(next.Add(1)) - 1
				if i >= len(list) {
					return
				}
				var r result
				r.err = list[i].decode(func(doc *yaml.Node) error {
					r.docs = append(r.docs, doc)
					return nil
				})
				results[i] <- r
			}
		}()
	}
	return func(i int) ([]*yaml.Node, error) {
		r := <-results[i]
		<-ahead
		return r.docs, r.err
	}
}

// decode visits the documents of one piece.
func (p piece) decode(visit func(*yaml.Node) error) error {
	dec := yaml.NewDecoder(bytes.NewReader(p.text))
	for {
		doc, err := decodeOne(dec)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return p.syntaxError(err)
		}
		if err := visit(doc); err != nil {
			return err
		}
	}
}

// errUnreadable takes the place of a panic.
var errUnreadable = errors.New("not readable")

// decodeOne turns a panic into an error: yaml.v3 panics on a few malformed inputs,
// and the text comes from outside.
func decodeOne(dec *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errUnreadable
		}
	}()
	doc = new(yaml.Node)
	return doc, dec.Decode(doc)
}

// syntaxError takes the line out of the parser's text: "yaml: line 3: reason".
func (p piece) syntaxError(err error) *SyntaxError {
	if errors.Is(err, errUnreadable) {
		return &SyntaxError{0, "not readable as YAML"}
	}
	reason := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, found := strings.CutPrefix(reason, "line "); found {
		if number, text, found := strings.Cut(rest, ": "); found {
			if line, err := strconv.Atoi(number); err == nil {
				return &SyntaxError{p.before + line, "not YAML: " + text}
			}
		}
	}
	return &SyntaxError{0, "not YAML: " + reason}
}
