// Package trx reads the TRX files that Visual Studio's test platform writes
// (dotnet test --logger trx, vstest.console).
package trx

import (
	"context"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// Format is the name of the format.
const Format report.Format = "trx"

var kind = xmlfile.Kind{Title: "TRX file", Roots: []string{"TestRun"}}

// New returns the reader.
func New() report.Reader { return reader{} }

type reader struct{}

func (reader) Info() report.Info {
	return report.Info{
		Format:     Format,
		Title:      "TRX (Visual Studio, dotnet test)",
		Recognised: "An outermost element TestRun.",
		Naming:     "className of the test's definition, a dot and testName; testName alone when it begins with the className.",
		Example: `<TestRun><Results><UnitTestResult testId="1" testName="Turns" outcome="Passed" duration="00:00:00.5"/></Results>` +
			`<TestDefinitions><UnitTest id="1"><TestMethod className="Lab.Arm"/></UnitTest></TestDefinitions></TestRun>`,
	}
}

func (reader) Detect(prefix []byte) report.Confidence {
	_, sure := xmlfile.Detect(prefix, "TestRun")
	return sure
}

// Read reads the file twice: the definitions of the tests, with their classes,
// stand behind the results.
func (reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	known := newDefinitions(s.Limits)
	mute := report.NewSink(s.Limits, nil)
	if err := xmlfile.Walk(ctx, in, mute, kind, known); err != nil {
		return err
	}
	if known.full {
		s.Damage(0, report.KindTruncated, "so many definitions of tests that not all of them are read")
	}
	return xmlfile.Walk(ctx, in, s, kind, &pass{sink: s, known: known})
}
