package intake

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// beginsLikeReport reports whether a file begins as results do: such a file may hold
// a failure, so it is damage when it cannot be read.
func beginsLikeReport(prefix []byte) bool {
	text := bytes.TrimLeft(prefix, " \t\r\n")
	switch {
	case len(text) == 0:
		return false
	case text[0] == '<':
		return !isPage(text)
	case text[0] == '{' || text[0] == '[':
		return beginsAsJSON(text)
	}
	return beginsAsTAP.Match(text)
}

// hidesReport reports whether a file that nobody reads has results behind what a
// tool has printed before them: a point of TAP that failed, or a document in JSON.
// It is damage as well.
func hidesReport(readers []report.Reader, in report.Input, prefix []byte) (bool, error) {
	h := hidden{readers: readers}
	if h.in(prefix) || in.Size <= int64(len(prefix)) || bytes.IndexByte(prefix, 0) >= 0 { // such as a film
		return h.found, nil
	}
	err := formats.Pieces(in, func(lines []byte) bool { return !h.in(lines) })
	return h.found, err
}

// hidden looks for results in a file, piece by piece.
type hidden struct {
	readers   []report.Reader
	documents int // that were looked at
	found     bool
}

// in looks at some lines.
func (h *hidden) in(text []byte) bool {
	const most = 20 // documents that are looked at in one piece, and ten times as many of a file
	last := min(h.documents+most, 10*most)
	for at := 0; at < len(text) && !h.found; {
		line, _, _ := bytes.Cut(text[at:], []byte("\n"))
		switch {
		case failedPoint.Match(line):
			h.found = true
		case h.documents < last && beginsDocument(line):
			h.documents++
			h.found = formats.Likely(h.readers, text[at:])
		}
		at += len(line) + 1
	}
	return h.found
}

// beginsDocument reports whether a line can be the first one of a document in JSON, and
// is none that begins with a word or a time in brackets.
func beginsDocument(line []byte) bool {
	if len(line) == 0 || line[0] != '{' && line[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(line[1:], " \t\r")
	return len(rest) == 0 || bytes.IndexByte([]byte("{[\"}]"), rest[0]) >= 0
}

var failedPoint = regexp.MustCompile(`^not ok( \d+\b| -|\s*$)`)

var beginsAsTAP = regexp.MustCompile(`^(TAP version \d|1\.\.\d|(not )?ok \d)`)

// beginsAsJSON reports whether nothing in the beginning of a file contradicts that
// it is JSON, one value or one on each line.
func beginsAsJSON(prefix []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(prefix), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for tokens := 0; ; tokens++ {
		if _, err := d.ReadToken(); err != nil {
			return tokens > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
		}
	}
}

// isPage reports whether a file is a page or a drawing, which begin with a tag and
// are no results.
func isPage(prefix []byte) bool { return page.Match(prefix) }

var page = regexp.MustCompile(`(?is)^\s*(<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(!doctype\s+(html|svg)|html|head|body|svg)\b`)
