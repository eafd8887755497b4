package results_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/servertest"
)

// sampleTest is a test of a sample as the API shows it.
type sampleTest struct {
	N           int
	ID, Status  string
	Start, Stop *time.Time
	Duration    *float64
	Flaky       bool
	Records     int
	Tags        []string
	Properties  []struct{ Name, Value string }
	Attachments []struct{ K int }
	text        string // its entry
	texts       []string
}

// TestSamples posts the files of real runners, each in the way that its
// expectation says, and reads back what is right about them.
func TestSamples(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		dir := filepath.Join("..", "edge", "intake", "testdata")
		list, err := filepath.Glob(filepath.Join(dir, "*.expect.json"))
		if err != nil || len(list) < 80 {
			t.Fatalf("%d samples, %v", len(list), err)
		}
		for _, file := range list {
			path := strings.TrimSuffix(file, ".expect.json")
			t.Run(filepath.Base(path), func(t *testing.T) {
				t.Parallel()
				want := reporttest.Expectation(t, path)
				checkSample(t, s, want, postSample(t, s, path, want))
			})
		}
	})
}

func postSample(t *testing.T, s *servertest.Server, path string, want *reporttest.Expected) whole {
	t.Helper()
	var files []named
	paths := []string{path}
	if len(want.Parts) > 0 {
		paths = nil
		for _, p := range want.Parts {
			paths = append(paths, filepath.Join(path, p))
		}
	}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, named{filepath.Base(p), string(text)})
	}
	if want.Posts != "one_each" {
		return postFiles(t, s, files...)
	}
	var last whole
	run := newRun(t, s, "")
	for _, f := range files {
		body, media := partsForm(t, f)
		last = wholeOf(t, s.Do("POST", "/v1/post-result?add=true&test_id="+run, body, media, servertest.Admin()))
	}
	return last
}

func checkSample(t *testing.T, s *servertest.Server, want *reporttest.Expected, got whole) {
	t.Helper()
	if got.Outcome != want.Outcome && !slices.Contains(want.OutcomeOr, got.Outcome) || got.Format == "unknown" {
		t.Errorf("outcome %s of format %s, want %s or %v", got.Outcome, got.Format, want.Outcome, want.OutcomeOr)
	}
	if got.Tests != want.Tests && !slices.Contains(want.TestsOr, got.Tests) {
		t.Errorf("%d tests, want %d or %v", got.Tests, want.Tests, want.TestsOr)
	}
	if !slices.ContainsFunc(append(want.CountsOr, want.Counts), func(c map[string]int) bool { return sameCounts(c, got.Counts) }) {
		t.Errorf("counts %v, want %v or %v", got.Counts, want.Counts, want.CountsOr)
	}
	if want.Damage != nil && *want.Damage != (len(got.Damage) > 0) {
		t.Errorf("damage %v, want some: %v", got.Damage, *want.Damage)
	}
	base := fmt.Sprintf("/v1/runs/%d/results/%s/tests", got.TestID, got.ResultID)
	tests := map[string]*sampleTest{}
	for _, x := range sampleTests(t, s, base+"?limit=1000") {
		tests[x.ID] = x
	}
	for i, n := range want.Names {
		x := tests[n.ID]
		if x == nil || x.Status != n.Status && !slices.Contains(n.Or, x.Status) {
			t.Errorf("test %q is %+v, want %s or %v", n.ID, x, n.Status, n.Or)
		}
		if i == 0 {
			found := sampleTests(t, s, base+"?limit=1000&q="+url.QueryEscape(n.ID))
			if !slices.ContainsFunc(found, func(x *sampleTest) bool { return x.ID == n.ID }) {
				t.Errorf("%q is not found by q", n.ID)
			}
		}
	}
	for _, f := range want.Facts {
		if x := tests[f.Test]; x == nil || !x.holds(t, s, base, f) {
			t.Errorf("fact %+v does not hold of %+v", f, x)
		}
	}
}

func sameCounts(want, got map[string]int) bool {
	for status, n := range got {
		if want[status] != n {
			return false
		}
	}
	return true
}

func sampleTests(t *testing.T, s *servertest.Server, path string) (list []*sampleTest) {
	t.Helper()
	for number := 1; ; number++ {
		var page struct {
			Tests      []json.RawMessage
			Pagination struct {
				TotalPages int `json:"total_pages"`
			}
		}
		if a := s.Do("GET", fmt.Sprintf("%s&page=%d", path, number), "", servertest.Admin()); json.Unmarshal(a.Body, &page) != nil || a.Status != 200 {
			t.Fatalf("GET %s: %d %s", path, a.Status, a.Body)
		}
		for _, raw := range page.Tests {
			x := &sampleTest{text: string(raw)}
			if err := json.Unmarshal(raw, x); err != nil {
				t.Fatal(err)
			}
			list = append(list, x)
		}
		if number >= page.Pagination.TotalPages {
			return list
		}
	}
}

func (x *sampleTest) holds(t *testing.T, s *servertest.Server, base string, f reporttest.Fact) bool {
	switch f.Kind {
	case "text":
		for _, p := range x.Properties {
			if strings.Contains(p.Name+"="+p.Value, f.Contains) {
				return true
			}
		}
		if x.texts == nil {
			for _, a := range x.Attachments {
				x.texts = append(x.texts, string(s.Do("GET", fmt.Sprintf("%s/%d/attachments/%d", base, x.N, a.K), "", servertest.Admin()).Body))
			}
		}
		return strings.Contains(x.text, f.Contains) || slices.ContainsFunc(x.texts, func(text string) bool { return strings.Contains(text, f.Contains) })
	case "duration":
		return x.Duration != nil && math.Abs(*x.Duration-f.Seconds) <= max(0.0015, f.Tolerance)
	case "start":
		want, err := time.Parse("2006-01-02T15:04:05.999999999", strings.TrimSuffix(f.Value, "Z"))
		return err == nil && x.Start != nil && x.Start.Sub(want).Abs() <= 1500*time.Microsecond
	case "flaky":
		return x.Flaky || x.Records > 1
	case "tag":
		return slices.ContainsFunc(x.Tags, func(tag string) bool { return strings.Contains(tag, f.Tag) })
	}
	t.Errorf("fact of kind %q", f.Kind)
	return false
}
