package subunit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// expectation is a sidecar: what python-subunit computed for a stream.
type expectation struct {
	Protocol   string
	NonSubunit struct {
		Bytes  int64
		SHA256 string
	} `json:"non_subunit"`
	Counts map[string]int
	Worst  map[string]any `json:"per_test_worst_of"`
	Events struct {
		RunFiles map[string]int64 `json:"attachments_without_test_id"`
	}
	TestsDigest      digest  `json:"tests_digest"`
	TestsDigestExact *digest `json:"tests_digest_exact_times"`
	Tests            []expectedTest
	First            []expectedTest `json:"tests_first_20"`
	Last             []expectedTest `json:"tests_last_20"`
	Independent      *struct {
		Digest string `json:"tests_digest_sha256"`
		Tests  []expectedTest
	} `json:"independent_reader"`
	Damage []Damage `json:"damage_seen_by_independent_reader"`
}

type digest struct{ SHA256 string }

type expectedTest struct {
	ID             string
	Route          *string
	Status         string
	Complete       bool
	Tags           []string
	Start, Stop    *string
	Attachments    []expectedAttachment
	LostConnection bool `json:"lost_connection"`
}

type expectedAttachment struct {
	Name   string
	MIME   string
	Size   int64
	SHA256 string
}

// outcomeOf is all that Parse says about one input, in a form to compare.
type outcomeOf struct {
	report  *Report
	records []Record
	noise   []byte
}

// parseAll parses data with a window of the given size and keeps everything.
func parseAll(t testing.TB, data []byte, lim Limits, window int) outcomeOf {
	t.Helper()
	var o outcomeOf
	s := newSink(lim, func(r *Record) error {
		o.records = append(o.records, keep(r))
		return nil
	})
	s.onNoise = func(b []byte) { o.noise = append(o.noise, b...) }
	var err error
	if o.report, err = parse(s, bytes.NewReader(data), int64(len(data)), window); err != nil {
		t.Fatalf("parse: %v", err)
	}
	return o
}

// keep copies a record that is only valid during the callback.
func keep(r *Record) Record {
	c := *r
	c.Tags = slices.Clone(r.Tags)
	c.Attachments = slices.Clone(r.Attachments)
	for i := range c.Attachments {
		c.Attachments[i].Spans = slices.Clone(r.Attachments[i].Spans)
		c.Attachments[i].Data = bytes.Clone(r.Attachments[i].Data)
	}
	return c
}

// content returns the bytes of an attachment.
func content(t testing.TB, data []byte, a Attachment) []byte {
	t.Helper()
	if a.Data != nil {
		return a.Data
	}
	b, err := io.ReadAll(NewSpanReader(bytes.NewReader(data), a.Spans))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readSample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readExpectation(t *testing.T, name string) expectation {
	t.Helper()
	var want expectation
	if err := json.Unmarshal(readSample(t, name+".expected.json"), &want); err != nil {
		t.Fatal(err)
	}
	return want
}

// python rounds a time to microseconds, half to even, as the sidecars have it.
func python(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	micros, nanos := t.UnixMicro(), t.Nanosecond()%1000
	if nanos > 500 || nanos == 500 && micros%2 != 0 {
		micros++
	}
	return time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.000000Z")
}

func exact(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if t.Nanosecond()%1000 != 0 {
		return t.Format("2006-01-02T15:04:05.000000000Z")
	}
	return t.Format("2006-01-02T15:04:05.000000Z")
}

// digestOf is the digest of a sidecar over our records.
func digestOf(records []Record, format func(time.Time) string) string {
	lines := make([]string, 0, len(records))
	for _, r := range records {
		var size int64
		for _, a := range r.Attachments {
			size += a.Size
		}
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\n", r.ID, r.Route, r.Status,
			format(r.Start), format(r.Stop), strings.Join(r.Tags, ","), len(r.Attachments), size))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:])
}

func sampleStreams(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.subunit")
	if err != nil || len(paths) < 15 {
		t.Fatalf("streams in testdata: %d, %v", len(paths), err)
	}
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return paths
}

// TestParse_samples compares every stream with what python-subunit says.
func TestParse_samples(t *testing.T) {
	t.Parallel()
	for _, name := range sampleStreams(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := readSample(t, name)
			want := readExpectation(t, name)
			got := parseAll(t, data, Limits{}, windowStart)
			compareSample(t, data, got, want)
		})
	}
}

func compareSample(t *testing.T, data []byte, got outcomeOf, want expectation) {
	t.Helper()
	format := Format("subunit-" + want.Protocol)
	if len(data) == 0 {
		format = FormatEmpty
	}
	if got.report.Format != format {
		t.Fatalf("format %s, want %s", got.report.Format, format)
	}
	compareDamage(t, got.report, want.Damage)
	compareRunFiles(t, got.report, want)
	if want.Independent != nil { // python-subunit is wrong here, or rounds
		if d := digestOf(got.records, exact); d != want.Independent.Digest {
			t.Errorf("digest %s, want %s", d, want.Independent.Digest)
		}
		compareTests(t, data, got.records, want.Independent.Tests)
		return
	}
	sum := sha256.Sum256(got.noise)
	if got.report.NoiseBytes != want.NonSubunit.Bytes || hex.EncodeToString(sum[:]) != want.NonSubunit.SHA256 {
		t.Errorf("noise %d bytes, sha %x, want %d, %s", got.report.NoiseBytes, sum, want.NonSubunit.Bytes, want.NonSubunit.SHA256)
	}
	compareCounts(t, got.records, want)
	if want.TestsDigestExact != nil {
		want.TestsDigest = *want.TestsDigestExact
	}
	if d := digestOf(got.records, python); d != want.TestsDigest.SHA256 {
		t.Errorf("digest %s, want %s", d, want.TestsDigest.SHA256)
	}
	if want.Tests != nil {
		compareTests(t, data, got.records, want.Tests)
		return
	}
	compareTests(t, data, got.records[:len(want.First)], want.First)
	compareTests(t, data, got.records[len(got.records)-len(want.Last):], want.Last)
}

func compareDamage(t *testing.T, report *Report, want []Damage) {
	t.Helper()
	if len(report.Damage) == 0 && len(want) == 0 {
		return
	}
	if !reflect.DeepEqual(report.Damage, want) || report.DamageCount != len(want) {
		t.Errorf("damage %v (%d), want %v", report.Damage, report.DamageCount, want)
	}
}

func compareRunFiles(t *testing.T, report *Report, want expectation) {
	t.Helper()
	got := map[string]int64{}
	for _, a := range report.Attachments {
		got[a.Name] += a.Size
	}
	if want.Events.RunFiles != nil && !maps.Equal(got, want.Events.RunFiles) {
		t.Errorf("attachments of the run %v, want %v", got, want.Events.RunFiles)
	}
}

func compareCounts(t *testing.T, records []Record, want expectation) {
	t.Helper()
	var tally Tally
	var perRecord Counts
	attachments, size := 0, int64(0)
	for _, r := range records {
		tally.Add(r.ID, r.Status)
		perRecord[r.Status]++
		attachments += len(r.Attachments)
		for _, a := range r.Attachments {
			size += a.Size
		}
	}
	perTest := tally.Counts()
	got := map[string]int{
		"records": len(records), "distinct_ids": perTest.Tests(), "attachments": attachments, "attachment_bytes": int(size),
	}
	for s, n := range perRecord {
		got[Status(s).String()] = n
		if w := want.Worst[Status(s).String()]; w != float64(perTest[s]) {
			t.Errorf("per test %s: %d, want %v", Status(s), perTest[s], w)
		}
	}
	if !maps.Equal(got, want.Counts) {
		t.Errorf("counts %v, want %v", got, want.Counts)
	}
}

func compareTests(t *testing.T, data []byte, got []Record, want []expectedTest) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		route := ""
		if w.Route != nil {
			route = *w.Route
		}
		if g.ID != w.ID || g.Route != route || g.HasRoute != (w.Route != nil) || g.Status.String() != w.Status {
			t.Errorf("record %d: %q %q %s, want %q %v %s", i, g.ID, g.Route, g.Status, w.ID, w.Route, w.Status)
		}
		if g.Complete != (w.Complete && !w.LostConnection) {
			t.Errorf("record %d %s: complete %v, want %v", i, g.ID, g.Complete, w.Complete)
		}
		if !slices.Equal(g.Tags, w.Tags) {
			t.Errorf("record %d %s: tags %q, want %q", i, g.ID, g.Tags, w.Tags)
		}
		compareTime(t, g.ID, g.Start, w.Start)
		compareTime(t, g.ID, g.Stop, w.Stop)
		if !w.LostConnection {
			compareAttachments(t, data, g, w.Attachments)
		}
	}
}

// compareTime allows the microsecond by which python-subunit is wrong.
func compareTime(t *testing.T, id string, got time.Time, want *string) {
	t.Helper()
	if want == nil {
		if !got.IsZero() {
			t.Errorf("%s: time %v, want none", id, got)
		}
		return
	}
	w, err := time.Parse(time.RFC3339Nano, *want)
	if err != nil {
		t.Fatal(err)
	}
	if d := got.Sub(w); d < -time.Microsecond || d > time.Microsecond {
		t.Errorf("%s: time %v, want %v", id, got, w)
	}
}

func compareAttachments(t *testing.T, data []byte, r Record, want []expectedAttachment) {
	t.Helper()
	byName := map[string]Attachment{}
	for _, a := range r.Attachments {
		byName[a.Name] = a
	}
	if len(byName) != len(want) || len(r.Attachments) != len(want) {
		t.Errorf("%s: %d attachments, want %d", r.ID, len(r.Attachments), len(want))
	}
	for _, w := range want {
		a, ok := byName[w.Name]
		sum := sha256.Sum256(content(t, data, a))
		if !ok || a.Size != w.Size || shortMIME(a.MIME) != w.MIME || hex.EncodeToString(sum[:]) != w.SHA256 {
			t.Errorf("%s: attachment %q %s %d bytes %x, want %s %d %s", r.ID, w.Name, a.MIME, a.Size, sum, w.MIME, w.Size, w.SHA256)
		}
	}
}
