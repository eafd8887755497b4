// Package nunit reads the result files of NUnit 3 and later.
package nunit

import (
	"context"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// Format is the name of the format.
const Format report.Format = "nunit3"

// New returns the reader.
func New() report.Reader { return reader{} }

type reader struct{}

func (reader) Info() report.Info {
	return report.Info{
		Format:     Format,
		Title:      "NUnit 3 XML",
		Recognised: "An outermost element test-run.",
		Naming:     "fullname; an error of a suite itself is a test of the suite's fullname.",
		Example:    `<test-run result="Passed"><test-suite result="Passed"><test-case fullname="Lab.Arm.Turns" result="Passed" duration="0.5"/></test-suite></test-run>`,
	}
}

func (reader) Detect(prefix []byte) report.Confidence {
	_, sure := xmlfile.Detect(prefix, "test-run")
	return sure
}

func (reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	return xmlfile.Walk(ctx, in, s, xmlfile.Kind{Title: "NUnit file", Roots: []string{"test-run"}}, &pass{sink: s})
}
