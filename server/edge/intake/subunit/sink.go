package subunit

import "github.com/slipway-lab/slipway/server/edge/intake/report"

// sink is where all formats put what they find.
type sink struct {
	*report.Sink
	lim    Limits
	report *Report

	onNoise func([]byte) // for tests
}

func newSink(lim Limits, emit func(*Record) error) *sink {
	s := report.NewSink(lim, emit)
	return &sink{Sink: s, lim: s.Limits, report: s.Report}
}

func (s *sink) damage(offset int64, kind Kind, reason string) {
	s.report.Add(Damage{Offset: offset, Kind: kind, Reason: reason})
}

// damageLazy is damage with a reason that is only made if it will be kept: an
// input can hold millions of faults.
func (s *sink) damageLazy(offset int64, kind Kind, reason func() string) {
	if len(s.report.Damage) < s.lim.Damage {
		s.damage(offset, kind, reason())
		return
	}
	s.report.DamageCount++
}

func (s *sink) damagef(offset int64, kind Kind, format string, args ...any) {
	s.Damage(offset, kind, format, args...)
}

func (s *sink) warnf(format string, args ...any) { s.Warn(format, args...) }

// badDuration counts a length of time that is none.
func (s *sink) badDuration() { s.BadDuration() }

func (s *sink) noise(b []byte) {
	s.Noise(int64(len(b)))
	if s.onNoise != nil {
		s.onNoise(b)
	}
}

func (s *sink) begin(offset int64) error { return s.Begin(offset) }

func (s *sink) deliver(r *Record) error { return s.Test(r) }

// text makes storable text of raw bytes from an escaped format.
func (s *sink) text(raw string, offset int64, kind Kind, what string) string {
	return s.Text(raw, offset, kind, what)
}
