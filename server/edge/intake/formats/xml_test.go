package formats_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile/xmltest"
)

// TestDetect_xml shows that each sample in XML is taken for its own format, also
// with a log in front of it, and other XML for a JUnit report that is broken.
func TestDetect_xml(t *testing.T) {
	t.Parallel()
	readers := formats.All()
	detect := func(data []byte) string {
		if r := formats.Detect(readers, data[:min(len(data), report.PrefixBytes)]); r != nil {
			return string(r.Info().Format)
		}
		return ""
	}
	for _, glob := range []string{"../testdata/*.xml", "../testdata/*.trx"} {
		paths, err := filepath.Glob(glob)
		if err != nil || len(paths) == 0 {
			t.Fatal(paths, err)
		}
		for _, path := range paths {
			want, _, _ := strings.Cut(reporttest.Expectation(t, path).Format, "/")
			data := xmltest.File(t, path)
			if got := detect(data); got != want {
				t.Errorf("%s is taken for %q, want %s", filepath.Base(path), got, want)
			}
			logged := append([]byte("starting\n<?xml version='1.0'?>\n"), data...)
			if i := strings.Index(string(data), "?>"); i >= 0 {
				logged = append([]byte("starting\n<?xml version='1.0'?>\n"), data[i+2:]...)
			}
			if got := detect(logged); got != want {
				t.Errorf("%s with a log in front is taken for %q, want %s", filepath.Base(path), got, want)
			}
		}
	}
	for _, text := range []string{"<html>", "<!DOCTYPE html><html>", "<coverage/>", "<"} {
		if got := detect([]byte(text)); got != "junit" {
			t.Errorf("%s is taken for %q", text, got)
		}
	}
}

// TestExamples_xml shows that the examples are what they are said to be.
func TestExamples_xml(t *testing.T) {
	t.Parallel()
	readers := formats.All()
	n := 0
	for _, r := range readers {
		example := r.Info().Example
		if !strings.HasPrefix(example, "<") {
			continue
		}
		n++
		if got := formats.Detect(readers, []byte(example)); got == nil || got.Info().Format != r.Info().Format {
			t.Errorf("the example of %s is taken for another format", r.Info().Format)
		}
		if got := reporttest.Read(t, r, "example.xml", []byte(example)); len(got.Tests) != 1 || got.Outcome() != report.OutcomePass {
			t.Errorf("the example of %s has the outcome %s and %d tests", r.Info().Format, got.Outcome(), len(got.Tests))
		}
	}
	if n < 6 {
		t.Errorf("%d examples", n)
	}
}

// TestWriter_xml shows that the program that wrote a file is told where it says so.
func TestWriter_xml(t *testing.T) {
	t.Parallel()
	readers := formats.All()
	for name, want := range map[string]string{
		"ctest_Test.xml": "ctest-3.25.1", "robot_arm.xml": "Robot 7.5b2.dev1 (Python 3.11.2 on linux)", "nunit3_arm.xml": "NUnit engine 3.17.0.0",
		"xunit_arm.xml": "xUnit.net 2.9.2.0", "mocha_arm.xml": "mocha-junit-reporter", "pytest_arm.xml": "pytest", "gtest_arm.xml": "googletest",
		"vitest_all.xml": "vitest", "jest_arm.xml": "jest-junit", "junit5_switch.xml": "JUnit Platform", "nose2_arm.xml": "nose2", "bats_arm.xml": "",
	} {
		data := xmltest.File(t, "../testdata/"+name)
		r := formats.Detect(readers, data[:min(len(data), report.PrefixBytes)])
		if got := reporttest.Read(t, r, name, data).Report.Writer; got != want {
			t.Errorf("%s was written by %q, want %q", name, got, want)
		}
	}
}
