// Package robotxml reads the output.xml of Robot Framework.
package robotxml

import (
	"context"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// Format is the name of the format.
const Format report.Format = "robot-xml"

// kind allows for keywords in loops in keywords; Robot itself allows 100 levels of
// keywords.
var kind = xmlfile.Kind{Title: "Robot output", Roots: []string{"robot"}, Deep: 8}

// New returns the reader.
func New() report.Reader { return reader{} }

type reader struct{}

func (reader) Info() report.Info {
	return report.Info{
		Format:     Format,
		Title:      "Robot Framework output.xml",
		Recognised: "An outermost element robot.",
		Naming:     "The names of the suites and of the test, joined by dots, as Robot's longname.",
		Example:    `<robot generator="Robot 7.0"><suite name="Arm"><test name="Turns"><status status="PASS" elapsed="0.5"/></test><status status="PASS"/></suite></robot>`,
	}
}

func (reader) Detect(prefix []byte) report.Confidence {
	_, sure := xmlfile.Detect(prefix, "robot")
	return sure
}

// Read reads the file twice: that the teardown of a suite has failed, which fails
// all its tests, stands behind them.
func (reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	first := survey{failed: map[int]string{}}
	mute := report.NewSink(s.Limits, nil)
	if err := xmlfile.Walk(ctx, in, mute, kind, &first); err != nil {
		return err
	}
	p := &pass{sink: s, failed: first.failed}
	if err := xmlfile.Walk(ctx, in, s, kind, p); err != nil {
		return err
	}
	p.finish()
	return nil
}
