// Package ctest reads the Test.xml that CTest writes for CDash (ctest -T Test).
package ctest

import (
	"bytes"
	"context"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// Format is the name of the format.
const Format report.Format = "ctest-xml"

// New returns the reader.
func New() report.Reader { return reader{} }

type reader struct{}

func (reader) Info() report.Info {
	return report.Info{
		Format:     Format,
		Title:      "CTest Test.xml",
		Recognised: "An outermost element Site, with an element Testing in it.",
		Naming:     "The Name of the test, without its directory.",
		Example:    `<Site><Testing><Test Status="passed"><Name>arm_lifts</Name><FullName>./arm_lifts</FullName></Test></Testing></Site>`,
	}
}

// Detect is sure when it sees the tests. CTest writes other files of the same
// outermost element, such as Build.xml, which hold none.
func (reader) Detect(prefix []byte) report.Confidence {
	text, sure := xmlfile.Detect(prefix, "Site")
	if sure == report.Certain && !bytes.Contains(text, []byte("<Testing")) {
		return report.Likely
	}
	return sure
}

func (reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	p := &pass{sink: s, decoder: xmlfile.NewDecoder(in, s)}
	return xmlfile.Walk(ctx, in, s, xmlfile.Kind{Title: "CTest file", Roots: []string{"Site"}}, p)
}
