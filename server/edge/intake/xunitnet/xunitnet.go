// Package xunitnet reads the result files of xUnit.net, version 2 and 3.
package xunitnet

import (
	"bytes"
	"context"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// Format is the name of the format.
const Format report.Format = "xunit.net"

var roots = []string{"assemblies", "assembly"}

// New returns the reader.
func New() report.Reader { return reader{} }

type reader struct{}

func (reader) Info() report.Info {
	return report.Info{
		Format:     Format,
		Title:      "xUnit.net v2+ XML",
		Recognised: "An outermost element assemblies, or assembly with the number of its tests.",
		Naming:     "The name of the test; an error of an assembly is a test of the error's name, or else of its type.",
		Example:    `<assemblies><assembly name="arm.dll" total="1"><collection><test name="Lab.Arm.Turns" result="Pass" time="0.5"/></collection></assembly></assemblies>`,
	}
}

// Detect is sure of the plural. .NET has other files whose outermost element is an
// assembly, such as manifests.
func (reader) Detect(prefix []byte) report.Confidence {
	text, sure := xmlfile.Detect(prefix, roots...)
	if tag, _, _ := bytes.Cut(text, []byte(">")); bytes.HasPrefix(tag, []byte("<assembly")) && !bytes.Contains(tag, []byte("test-framework=")) && !bytes.Contains(tag, []byte(" passed=")) {
		return report.No
	}
	return sure
}

func (reader) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	p := &pass{sink: s, decoder: xmlfile.NewDecoder(in, s)}
	return xmlfile.Walk(ctx, in, s, xmlfile.Kind{Title: "xUnit.net file", Roots: roots}, p)
}
