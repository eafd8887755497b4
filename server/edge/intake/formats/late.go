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
var late = []report.Format{
	report.FormatKTAP, report.FormatTAP, report.FormatTeamCity, report.FormatJUnit, "go-test", "libtest", "cucumber-messages",
	"nunit3", "trx", "xunit.net", "robot-xml", "ctest-xml",
}

// marks stand in the line with which one of them begins.
var marks = [][]byte{
	[]byte("TAP version "), []byte("# selftests: "), []byte("##teamcity[test"), []byte("<testsuite"),
	[]byte("<test-run"), []byte("<TestRun"), []byte("<assembl"), []byte("<robot"), []byte("<Site"),
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
	if in.Size <= int64(len(prefix)) || len(text) == 0 || beginsOther(text) || bytes.IndexByte(text, 0) >= 0 {
		return nil, nil
	}
	var found report.Reader
	err := Pieces(in, func(lines []byte) bool {
		if !slices.ContainsFunc(marks, func(m []byte) bool { return bytes.Contains(lines, m) }) {
			return true
		}
		for _, r := range readers {
			least := lateOver + 1
			if r.Info().Format == report.FormatTAP {
				least = report.Possible // it is no surer of its version behind a log
			}
			if slices.Contains(late, r.Info().Format) && r.Detect(lines) >= least {
				found = r
				return false
			}
		}
		return true
	})
	return found, err
}

// beginsOther reports whether a file begins as a document of XML or JSON, and so not as
// a log, of which the lines may begin with a word or a time in brackets.
func beginsOther(text []byte) bool {
	switch {
	case text[0] == '[':
		rest := bytes.TrimLeft(text[1:], " \t\r\n")
		return !kernelLine.Match(text) && (len(rest) == 0 || bytes.IndexByte([]byte("{[\"]"), rest[0]) >= 0)
	case text[0] == '<':
		return !kernelLine.Match(text)
	}
	return text[0] == '{'
}

// Pieces calls f for one piece of a file after another, from what Prefix shows on, each
// without the first line that is not whole, until f returns false.
func Pieces(in report.Input, f func(lines []byte) bool) error {
	piece := make([]byte, report.PrefixBytes)
	for at := int64(report.PrefixBytes - overlap); at < in.Size; at += report.PrefixBytes - overlap {
		n, err := in.ReadAt(piece, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, lines, _ := bytes.Cut(piece[:n], []byte("\n")); !f(lines) {
			break
		}
	}
	return nil
}
