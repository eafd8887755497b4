package reporttest

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Expected is what is right about a sample; see README.md beside the samples.
type Expected struct {
	Format    string           `json:"format"`
	Tests     int              `json:"tests"`
	TestsOr   []int            `json:"tests_or"`
	Counts    map[string]int   `json:"counts"`
	CountsOr  []map[string]int `json:"counts_or"`
	Outcome   string           `json:"outcome"`
	OutcomeOr []string         `json:"outcome_or"`
	Damage    *bool            `json:"damage"`
	Parts     []string         `json:"parts"`
	Posts     string           `json:"posts"`
	Names     []ExpectedName   `json:"names"`
	Facts     []Fact           `json:"facts"`
}

// ExpectedName is a test id that must be there.
type ExpectedName struct {
	ID     string   `json:"id"`
	Status string   `json:"status"`
	Or     []string `json:"or"`
}

// Fact is something that must be readable of a test.
type Fact struct {
	Test      string  `json:"test"`
	Kind      string  `json:"kind"` // text, duration, start, flaky, tag
	Contains  string  `json:"contains"`
	Seconds   float64 `json:"seconds"`
	Tolerance float64 `json:"tolerance"`
	Value     string  `json:"value"`
	Tag       string  `json:"tag"`
}

// Expectation reads what is right about the sample at path.
func Expectation(t testing.TB, path string) *Expected {
	t.Helper()
	text, err := os.ReadFile(path + ".expect.json")
	if err != nil {
		t.Fatal(err)
	}
	var e Expected
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &e
}

// Samples compares the reader with the samples that match the glob, each in a
// subtest. No sample is a failure.
func Samples(t *testing.T, reader report.Reader, glob string) {
	t.Helper()
	matches, err := filepath.Glob(glob)
	if err != nil {
		t.Fatal(err)
	}
	matches = slices.DeleteFunc(matches, func(p string) bool { return strings.HasSuffix(p, ".expect.json") })
	if len(matches) == 0 {
		t.Fatalf("no sample matches %s", glob)
	}
	for _, path := range matches {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			Sample(t, reader, path)
		})
	}
}

// Sample compares the reader with one sample of a single file.
func Sample(t *testing.T, reader report.Reader, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if c := reader.Detect(data[:min(len(data), report.PrefixBytes)]); c == report.No {
		t.Error("the format is not recognised")
	}
	Expectation(t, path).Check(t, Read(t, reader, filepath.Base(path), data))
}

// Check compares a result with what is right.
func (e *Expected) Check(t *testing.T, r *Result) {
	t.Helper()
	if got := string(r.Outcome()); got != e.Outcome && !slices.Contains(e.OutcomeOr, got) {
		t.Errorf("outcome %s, want %s or %v", got, e.Outcome, e.OutcomeOr)
	}
	if n := len(r.Tests); n != e.Tests && !slices.Contains(e.TestsOr, n) {
		t.Errorf("%d tests, want %d or %v", n, e.Tests, e.TestsOr)
	}
	if !slices.ContainsFunc(append(e.CountsOr, e.Counts), func(c map[string]int) bool { return sameCounts(c, r.Counts()) }) {
		t.Errorf("counts %v, want %v or %v", r.Counts(), e.Counts, e.CountsOr)
	}
	if e.Damage != nil && *e.Damage != (r.Report.DamageCount > 0) {
		t.Errorf("damage %v, want some: %v", r.Report.Damage, *e.Damage)
	}
	for _, n := range e.Names {
		got := r.ByID[n.ID]
		switch {
		case got == nil:
			t.Errorf("no test %q; there are %q", n.ID, someIDs(r))
		case got.Status.String() != n.Status && !slices.Contains(n.Or, got.Status.String()):
			t.Errorf("%q is %s, want %s or %v", n.ID, got.Status, n.Status, n.Or)
		}
	}
	for _, f := range e.Facts {
		if got := r.ByID[f.Test]; got == nil {
			t.Errorf("no test %q for a fact", f.Test)
		} else if !f.holds(got) {
			t.Errorf("fact %+v does not hold; the test is %+v", f, got)
		}
	}
}

func sameCounts(want map[string]int, got report.Counts) bool {
	sum := 0
	for word, n := range want {
		s, ok := report.ParseStatus(word)
		if !ok || got[s] != n {
			return false
		}
		sum += n
	}
	return got.Tests() == sum
}

func someIDs(r *Result) (ids []string) {
	for _, t := range r.Tests[:min(len(r.Tests), 12)] {
		ids = append(ids, t.ID)
	}
	return ids
}

func (f Fact) holds(t *Test) bool {
	return slices.ContainsFunc(t.Records, func(r report.Record) bool {
		switch f.Kind {
		case "text":
			return slices.ContainsFunc(r.Attachments, func(a report.Attachment) bool { return bytes.Contains(a.Data, []byte(f.Contains)) }) ||
				slices.ContainsFunc(r.Properties, func(p report.Property) bool { return strings.Contains(p.Name+"="+p.Value, f.Contains) })
		case "duration":
			got := r.Duration
			if !r.HasDuration {
				got = r.Stop.Sub(r.Start)
			}
			return (r.HasDuration || !r.Start.IsZero() && !r.Stop.IsZero()) && math.Abs(got.Seconds()-f.Seconds) <= max(0.0015, f.Tolerance)
		case "start":
			want, err := parseTime(f.Value)
			return err == nil && r.Start.Sub(want).Abs() <= 1500*time.Microsecond
		case "flaky":
			return t.Flaky || len(t.Records) > 1 || r.Attempts > 1
		case "tag":
			return slices.ContainsFunc(r.Tags, func(tag string) bool { return strings.Contains(tag, f.Tag) })
		}
		return false
	})
}

func parseTime(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	return time.Parse("2006-01-02T15:04:05.999999999", text)
}
