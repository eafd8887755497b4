package junit_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/junit"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

// samples are the paths of all JUnit files among the samples.
func samples(t testing.TB) (paths []string) {
	t.Helper()
	all, err := filepath.Glob("../testdata/*.xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if strings.HasPrefix(reporttest.Expectation(t, path).Format, "junit/") {
			paths = append(paths, path)
		}
	}
	if len(paths) < 25 {
		t.Fatalf("%d samples", len(paths))
	}
	return paths
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSamples(t *testing.T) {
	t.Parallel()
	for _, path := range samples(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			reporttest.Sample(t, apart{junit.New()}, path)
		})
	}
}

// apart tells tests of one id apart as the intake does with a whole post.
type apart struct{ report.Reader }

func (r apart) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	first := map[string][2]string{}
	suites, hosts := map[string]bool{}, map[string]bool{}
	if err := r.Reader.Read(ctx, in, report.NewSink(s.Limits, func(rec *report.Record) error {
		before, ok := first[rec.ID]
		if !ok {
			first[rec.ID] = [2]string{rec.Suite, rec.Host}
			return nil
		}
		suites[rec.ID] = suites[rec.ID] || before[0] != rec.Suite
		hosts[rec.ID] = hosts[rec.ID] || before[1] != rec.Host
		return nil
	})); err != nil {
		return err
	}
	again := report.NewSink(s.Limits, func(rec *report.Record) error {
		switch {
		case suites[rec.ID]:
			rec.ID = rec.Suite + "." + rec.ID
		case hosts[rec.ID]:
			rec.ID = "[" + rec.Host + "] " + rec.ID
		}
		return s.Test(rec)
	})
	err := r.Reader.Read(ctx, in, again)
	records := s.Report.Records
	*s.Report = *again.Report
	s.Report.Format, s.Report.Records = junit.New().Info().Format, records
	return err
}

// TestRead_cut shows that no file that was cut is green.
func TestRead_cut(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pytest_green.xml", "gtest_noboard.xml", "jest_flaky.xml", "xmlrunner_switch.xml"} {
		data := sample(t, name)
		reporttest.Cut(t, junit.New(), data, 0)
		reporttest.Cut(t, junit.New(), green(data), 0)
	}
}

var reds = regexp.MustCompile(`(?s)<(failure|error|skipped)\b.*?(/>|</(failure|error|skipped)>)|\b(failures|errors|failure)="[^"]*"`)

// green takes all that is not green out of a report.
func green(data []byte) []byte { return reds.ReplaceAll(data, nil) }

// TestRead_flipped shows that one failure makes a green file red, whatever its
// form.
func TestRead_flipped(t *testing.T) {
	t.Parallel()
	for _, path := range samples(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data = green(data)
		if got := reporttest.Read(t, junit.New(), path, data).Outcome(); got != report.OutcomePass {
			continue // there is nothing green in it
		}
		cases := regexp.MustCompile(`<testcase\b("[^"]*"|'[^']*'|[^"'>])*>`).FindAllIndex(data, -1)
		step := max(1, len(cases)/20)
		for i := 0; i < len(cases); i += step {
			for _, form := range []string{`<failure message="m">x</failure>`, `<error/>`, `<rerunFailure/>`} {
				if got := reporttest.Read(t, junit.New(), path, flipped(data, cases[i], form)).Outcome(); got == report.OutcomePass {
					t.Errorf("%s: %s in case %d of %d passes", filepath.Base(path), form, i, len(cases))
				}
			}
		}
	}
}

// flipped puts an element into the case whose start tag stands at a place.
func flipped(data []byte, at []int, form string) []byte {
	out := bytes.Clone(data[:at[1]])
	if out[len(out)-2] == '/' {
		out = append(append(out[:len(out)-2], ">"+form...), "</testcase>"...)
	} else {
		out = append(out, form...)
	}
	return append(out, data[at[1]:]...)
}
