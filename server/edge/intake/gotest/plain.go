package gotest

import (
	"regexp"
	"slices"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// said is what a plain line says of a package.
type said struct {
	pkg  string
	line []byte
}

var (
	// failLine is what cmd/go before version 1.24 prints as it is, with -json too, of a
	// package that it could not build; what fails the run is in no event then.
	failLine = regexp.MustCompile(`^FAIL[ \t]+([^ \t\[]+)(?:[ \t]+\[(?:build|setup) failed\]|[ \t]+[0-9.]+s)?$`)

	// buildLine begins what the compiler says of a package.
	buildLine = regexp.MustCompile(`^# ([^ \t]+)(?: \[[^\]]*\])?$`)
)

// plain takes a line that is no event.
func (s *stream) plain(line []byte, at int64) {
	if string(line) == "FAIL" {
		s.fails, s.failsAt = true, at
		return
	}
	if m := failLine.FindSubmatch(line); m != nil {
		s.fails, s.failsAt = true, at
		if s.held > s.Limits.OpenBytes {
			s.unsaid++
			return
		}
		s.failed = append(s.failed, said{string(m[1]), slices.Clone(line[:min(len(line), 4096)])})
		s.held += int64(len(line) + openMemory)
		return
	}
	if m := buildLine.FindSubmatch(line); m != nil {
		s.printed = string(m[1])
	}
	if s.printed == "" || s.held > s.Limits.OpenBytes {
		return
	}
	b := s.builds[s.printed]
	if b == nil {
		b = &build{}
		s.builds[s.printed] = b
		s.held += openMemory
	}
	s.held += b.output.add(append(slices.Clone(line), '\n'), int64(len(line)+1), s.Limits.InlineBytes)
}

// told notes that a test says that the package failed.
func (s *stream) told(pkg string) {
	if s.reds == nil {
		s.reds = map[string]bool{}
	}
	s.reds[pkg] = true
}

// finishPlain makes a failed test of each package that only plain lines call
// failed.
func (s *stream) finishPlain() error {
	for _, f := range s.failed {
		if s.reds[f.pkg] {
			continue
		}
		s.told(f.pkg)
		b := s.builds[f.pkg]
		err := s.Failure(s.ID(f.pkg), func(t *jsonfile.Test) {
			t.AttachData("stdout", "", f.line, int64(len(f.line)))
			if b != nil {
				t.AttachData("build-output", "", b.output.bytes, b.output.size)
			}
		})
		if err != nil {
			return err
		}
	}
	if s.unsaid > 0 {
		s.Damage(s.failsAt, report.KindTruncated, "%d lines that say that a package failed are not read", s.unsaid)
	}
	if s.fails && s.Red == 0 {
		s.Damage(s.failsAt, report.KindVerdict, "a line of the file says that the run failed, and no test in it did")
	}
	return nil
}
