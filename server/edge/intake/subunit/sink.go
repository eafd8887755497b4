package subunit

import (
	"errors"
	"fmt"
)

// errStop ends the reading of an input early without failing Parse. Whoever
// returns it has noted the damage.
var errStop = errors.New("subunit: nothing more is read")

// sink is where all formats put what they find.
type sink struct {
	lim    Limits
	report *Report
	emit   func(*Record) error

	begun, listed int   // records begun; those of them that turned out to be Exists
	beganAt       int64 // where the last one began

	badDurations int // of tests

	onNoise func([]byte) // for tests
}

func newSink(lim Limits, emit func(*Record) error) *sink {
	lim = lim.withDefaults()
	return &sink{lim: lim, emit: emit, report: &Report{Scope: ScopeAll, keep: lim.Damage}}
}

func (s *sink) damage(offset int64, kind Kind, reason string) {
	s.report.add(Damage{Offset: offset, Kind: kind, Reason: reason})
}

// damageLazy is damage with a reason that is only made if it will be kept: an
// input can hold millions of faults.
func (s *sink) damageLazy(offset int64, kind Kind, reason func() string) {
	if len(s.report.Damage) < s.report.keep {
		s.damage(offset, kind, reason())
		return
	}
	s.report.DamageCount++
}

func (s *sink) damagef(offset int64, kind Kind, format string, args ...any) {
	s.damageLazy(offset, kind, func() string { return fmt.Sprintf(format, args...) })
}

func (s *sink) warnf(format string, args ...any) {
	s.report.Warnings = append(s.report.Warnings, fmt.Sprintf(format, args...))
}

// badDuration counts a length of time that is none. The test has none then, and
// its outcome stays what it is.
func (s *sink) badDuration() { s.badDurations++ }

// warnDurations says at the end that durations were left out.
func (s *sink) warnDurations() {
	if s.badDurations > 0 {
		s.warnf("%d tests have a duration that cannot be: it is left out", s.badDurations)
	}
}

func (s *sink) noise(b []byte) {
	s.report.NoiseBytes += int64(len(b))
	if s.onNoise != nil {
		s.onNoise(b)
	}
}

// begin is called before a record is made and stops the reading when there are
// too many.
func (s *sink) begin(offset int64) error {
	if s.begun-s.listed >= s.lim.Tests {
		return s.tooMany(offset)
	}
	s.begun++
	s.beganAt = offset
	return nil
}

func (s *sink) tooMany(offset int64) error {
	s.damagef(offset, KindTruncated, "more than %d tests; the rest is not read", s.lim.Tests)
	return errStop
}

// deliver hands a finished record to the callback. A run that lists its tests
// first has two records for each, so listed ones have a limit of their own.
func (s *sink) deliver(r *Record) error {
	if r.Status == Exists {
		if s.listed >= s.lim.Tests {
			return s.tooMany(s.beganAt)
		}
		s.listed++
	}
	s.report.Records++
	if !r.Complete {
		s.report.Unfinished++
	}
	return s.emit(r)
}

// text makes storable text of raw bytes from an escaped format, noting damage
// of the given kind when it has to be changed.
func (s *sink) text(raw string, offset int64, kind Kind, what string) string {
	text, bad := repair(raw)
	if bad {
		s.damage(offset, kind, what+" holds characters that are not text")
	}
	if short, was := cut(text, s.lim.IDBytes); was {
		s.damagef(offset, kind, "%s longer than %d bytes is cut", what, s.lim.IDBytes)
		return short
	}
	return text
}
