package formats

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// late are the formats that may begin anywhere in a log, behind however much of what
// a kernel or a build printed before: their readers pass over what is not theirs.
var late = []report.Format{report.FormatKTAP, report.FormatTeamCity, report.FormatJUnit, "go-test", "libtest", "cucumber-messages"}

// marks stand in the line with which one of them begins.
var marks = [][]byte{
	[]byte("KTAP version "), []byte("# selftests: "), []byte("##teamcity[test"), []byte("<testsuite"),
	[]byte(`"Action"`), []byte(`"event"`), []byte(`"meta"`),
}

// overlap is how much of a piece is looked at with the next one again, so that no
// line is cut in both.
const overlap = 8 << 10

// lateOver is less than what a document on lines of its own behind a log is worth.
const lateOver = report.Possible + 10

// kernelLine begins a line of a kernel's log.
var kernelLine = regexp.MustCompile(`^(<\d{1,3}>)?\[ *\d+\.\d+\]`)

// findLate looks for the beginning of a report behind the first bytes of a file that
// begins as a log does. It is nil when there is none.
func findLate(readers []report.Reader, in report.Input, prefix []byte) (report.Reader, error) {
	text := bytes.TrimLeft(prefix, " \t\r\n")
	if in.Size <= int64(len(prefix)) || len(text) == 0 || slices.Contains([]byte("{[<"), text[0]) && !kernelLine.Match(text) || bytes.IndexByte(text, 0) >= 0 {
		return nil, nil
	}
	piece := make([]byte, report.PrefixBytes)
	for at := int64(report.PrefixBytes - overlap); at < in.Size; at += report.PrefixBytes - overlap {
		n, err := in.ReadAt(piece, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		_, lines, _ := bytes.Cut(piece[:n], []byte("\n"))
		if !slices.ContainsFunc(marks, func(m []byte) bool { return bytes.Contains(lines, m) }) {
			continue
		}
		for _, r := range readers {
			if slices.Contains(late, r.Info().Format) && r.Detect(lines) > lateOver {
				return r, nil
			}
		}
	}
	return nil, nil
}
