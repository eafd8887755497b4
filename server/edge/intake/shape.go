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
func hidesReport(readers []report.Reader, prefix []byte) bool {
	const most = 20 // lines that may begin a document
	documents := 0
	for at := 0; at < len(prefix); {
		line, _, _ := bytes.Cut(prefix[at:], []byte("\n"))
		switch {
		case failedPoint.Match(line):
			return true
		case documents < most && len(line) > 0 && (line[0] == '{' || line[0] == '['):
			documents++
			if formats.Likely(readers, prefix[at:]) {
				return true
			}
		}
		at += len(line) + 1
	}
	return false
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
