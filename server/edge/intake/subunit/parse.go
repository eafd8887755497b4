package subunit

import (
	"context"
	"io"

	"github.com/slipway-lab/slipway/server/edge/intake/junit"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Parse reads an upload of size bytes and calls emit for each record, in the
// order in which the tests end; tests that never end come last, in order of
// first sight. A record is only valid until emit returns.
//
// Whatever the bytes are, the report says what they were taken for and what
// was wrong with them. The error is that of reading r, or what emit returned,
// which ends the reading; the report is nil then.
func Parse(r io.ReaderAt, size int64, lim Limits, emit func(*Record) error) (*Report, error) {
	return parse(newSink(lim, emit), r, size, windowStart)
}

// parse is Parse with the size of the window left open.
func parse(s *sink, r io.ReaderAt, size int64, start int) (*Report, error) {
	d := detector{w: newWindow(r, size, start)}
	format, err := d.format()
	if err != nil {
		return nil, err
	}
	if format == FormatGzip {
		format = FormatUnknown // the one layer that may be there is off by now
	}
	s.report.Format = format
	w := newWindow(r, size, start)
	switch format {
	case FormatV2:
		err = newV2reader(s, w).read()
	case FormatV1:
		err = newV1reader(s, w).read()
	case FormatJSON:
		err = newJSONreader(s, w).read()
	case FormatJUnit:
		err = junit.New().Read(context.Background(), report.Input{ReaderAt: r, Size: size}, s.Sink)
	default:
		s.report.NoiseBytes = size
	}
	if err != nil {
		return nil, err
	}
	s.Finish()
	return s.report, nil
}
