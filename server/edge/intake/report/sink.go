package report

import (
	"errors"
	"fmt"
)

// ErrStop ends the reading of a file early without failing it. Whoever returns
// it has noted the damage.
var ErrStop = errors.New("nothing more is read")

// Sink is where all readers put what they find. It is used by one goroutine.
type Sink struct {
	Limits Limits
	Report *Report
	emit   func(*Record) error

	begun, listed int   // records begun; those of them that turned out to be Exists
	beganAt       int64 // where the last one began
	idBytes       int64 // of all records, with their suites and tags: a short file can give every test a long path or many tags

	held         int64 // bytes; see Hold
	badDurations int   // of tests

	file int // see In
}

// NewSink returns a sink that hands each record to emit.
func NewSink(lim Limits, emit func(*Record) error) *Sink {
	lim = lim.WithDefaults()
	return &Sink{Limits: lim, emit: emit, Report: &Report{Scope: ScopeAll, keep: lim.Damage}}
}

// In says from which of its files, counted from 0, a Group takes what it hands on
// from now on: the spans of a record lie in that file.
func (s *Sink) In(file int) { s.file = file }

// File returns what In was told last.
func (s *Sink) File() int { return s.file }

// Damage notes what could not be read at a place of the file. The reason is
// only made if it will be kept: a file can hold millions of faults.
func (s *Sink) Damage(offset int64, kind Kind, format string, args ...any) {
	if len(s.Report.Damage) >= s.Report.keep {
		s.Report.DamageCount++
		return
	}
	reason := format
	if len(args) > 0 {
		reason = fmt.Sprintf(format, args...)
	}
	reason, _ = Repair(reason)
	reason, _ = Cut(reason, 400)
	s.Report.Add(Damage{Offset: offset, Kind: kind, Reason: reason, File: s.file})
}

// Hold counts bytes of memory that a reader takes until its end for what it must know
// of a file beside its tests, such as the names of suites. Beyond Limits.OpenBytes it
// notes damage and returns ErrStop: a short file can name very many of them.
func (s *Sink) Hold(offset int64, bytes int) error {
	if s.held += int64(bytes); s.held <= s.Limits.OpenBytes {
		return nil
	}
	s.Damage(offset, KindTruncated, "what must be remembered of the file takes more than %d bytes; the rest is not read", s.Limits.OpenBytes)
	return ErrStop
}

// Warn notes an oddity that changes no outcome. As many are kept as damage.
func (s *Sink) Warn(format string, args ...any) {
	if len(s.Report.Warnings) >= s.Report.keep {
		return
	}
	text, _ := Repair(fmt.Sprintf(format, args...))
	text, _ = Cut(text, 400)
	s.Report.Warnings = append(s.Report.Warnings, text)
}

// BadDuration counts a length of time that is none. The test has none then, and
// its outcome stays what it is.
func (s *Sink) BadDuration() { s.badDurations++ }

// Noise counts bytes that are not part of the format.
func (s *Sink) Noise(bytes int64) { s.Report.NoiseBytes += bytes }

// Begin is called before a record is made, with its place in the file, and
// returns ErrStop when there are too many.
func (s *Sink) Begin(offset int64) error {
	if s.begun-s.listed >= s.Limits.Tests {
		return s.tooMany(offset)
	}
	s.begun++
	s.beganAt = offset
	return nil
}

func (s *Sink) tooMany(offset int64) error {
	s.Damage(offset, KindTruncated, "more than %d tests; the rest is not read", s.Limits.Tests)
	return ErrStop
}

// Test hands on a finished record for which Begin was called. The record belongs
// to the reader again when Test returns. A run that lists its tests first has
// two records for each, so listed ones have a limit of their own.
func (s *Sink) Test(r *Record) error {
	if r.Status == Exists {
		if s.listed >= s.Limits.Tests {
			return s.tooMany(s.beganAt)
		}
		s.listed++
	}
	s.idBytes += int64(len(r.ID) + len(r.Suite))
	for _, tag := range r.Tags {
		s.idBytes += int64(len(tag)) + 1
	}
	if s.idBytes > s.Limits.IDTotal {
		s.Damage(s.beganAt, KindTruncated, "the ids, suites and tags of the tests are longer than %d bytes together; the rest is not read", s.Limits.IDTotal)
		return ErrStop
	}
	s.Report.Records++
	if !r.Complete {
		s.Report.Unfinished++
	}
	return s.emit(r)
}

// Text makes storable text of what a file calls what, such as a name: it notes
// damage when the text has to be repaired or cut.
func (s *Sink) Text(raw string, offset int64, kind Kind, what string) string {
	text, bad := Repair(raw)
	if bad {
		s.Damage(offset, kind, "%s holds characters that are not text", what)
	}
	if short, was := Cut(text, s.Limits.IDBytes); was {
		s.Damage(offset, kind, "%s longer than %d bytes is cut", what, s.Limits.IDBytes)
		return short
	}
	return text
}

// Finish says at the end of a file what was only counted.
func (s *Sink) Finish() {
	if s.badDurations > 0 {
		s.Warn("%d tests have a duration that cannot be: it is left out", s.badDurations)
		s.badDurations = 0
	}
}
