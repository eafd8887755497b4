// Package xmltest holds the tests that readers of XML have in common.
package xmltest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

// File reads a file.
func File(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Brief writes tests as "id status", with dots behind those that did not end.
func Brief(r *reporttest.Result) (out []string) {
	for _, t := range r.Tests {
		s := t.ID + " " + t.Status.String()
		if last := t.Records[len(t.Records)-1]; !last.Complete {
			s += "…"
		}
		out = append(out, s)
	}
	return out
}

// Notes writes what the first record of a test has beside its outcome: one
// attachment, property or tag each.
func Notes(t *reporttest.Test) (out []string) {
	if t == nil {
		return nil
	}
	r := t.Records[0]
	for _, a := range r.Attachments {
		out = append(out, fmt.Sprintf("%s: %s", a.Name, a.Data))
	}
	for _, p := range r.Properties {
		out = append(out, p.Name+"="+p.Value)
	}
	for _, tag := range r.Tags {
		out = append(out, "#"+tag)
	}
	if r.HasDuration {
		out = append(out, r.Duration.String())
	}
	for _, at := range []time.Time{r.Start, r.Stop} {
		if !at.IsZero() {
			out = append(out, at.Format(time.RFC3339Nano))
		}
	}
	if r.Suite != "" {
		out = append(out, "in "+r.Suite)
	}
	return out
}

// Story is a file and what it says.
type Story struct {
	In     string
	Want   []string // as Brief has them
	Damage int
}

// Says is the story of a file.
func Says(in string, damage int, want ...string) Story {
	return Story{In: in, Want: want, Damage: damage}
}

// Stories reads files.
func Stories(t *testing.T, reader report.Reader, stories map[string]Story) {
	t.Helper()
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := reporttest.Read(t, reader, "file.xml", []byte(story.In))
			if b := Brief(got); !slices.Equal(b, story.Want) || got.Report.DamageCount != story.Damage {
				t.Errorf("%q, damage %v; want %q, %d", b, got.Report.Damage, story.Want, story.Damage)
			}
		})
	}
}

// Flip shows that a file passes, and that it does not when one of the verdicts
// that the pattern finds is another. The verdict is the first group.
func Flip(t *testing.T, reader report.Reader, data []byte, verdict *regexp.Regexp, red string) {
	t.Helper()
	if got := reporttest.Read(t, reader, "green.xml", data); got.Outcome() != report.OutcomePass {
		t.Fatalf("the file is %s before anything is flipped: %q, %v", got.Outcome(), Brief(got), got.Report.Damage)
	}
	found := verdict.FindAllSubmatchIndex(data, -1)
	if len(found) == 0 {
		t.Fatal("there is no verdict")
	}
	var flipped []byte
	for i, at := range found {
		flipped = slices.Concat(data[:at[2]], []byte(red), data[at[3]:])
		if got := reporttest.Read(t, reader, "red.xml", flipped); got.Outcome() == report.OutcomePass {
			t.Errorf("verdict %d of %d is flipped, and it passes: %q", i, len(found), Brief(got))
		}
	}
	for n := 1; n < len(data); n += max(1, len(data)/500) { // a report that was cut hides none behind it
		if got := reporttest.Read(t, reader, "joined.xml", slices.Concat(data[:n], flipped)); got.Outcome() == report.OutcomePass {
			t.Errorf("a red report behind %d bytes of a green one passes: %q", n, Brief(got))
			return
		}
	}
}

// Encodings shows that a file says the same in other encodings, and with a log in
// front.
func Encodings(t *testing.T, reader report.Reader, data []byte) {
	t.Helper()
	want := Brief(reporttest.Read(t, reader, "a.xml", data))
	bare := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if i := bytes.Index(bare, []byte("?>")); i >= 0 {
		bare = bare[i+2:]
	}
	log := "starting the runner…\n"
	for name, other := range map[string][]byte{
		"a mark": append([]byte("\xef\xbb\xbf"), bare...),
		"utf-16": Wide("\ufeff" + string(bare)),
		"a log":  append([]byte(log), append([]byte("<?xml version='1.0'?>"), bare...)...),
		"latin":  latin(bare),
	} {
		got := reporttest.Read(t, reader, "b.xml", other)
		if name == "latin" { // names may hold what latin-1 has not
			if len(got.Tests) == 0 || got.Report.DamageCount > 0 {
				t.Errorf("%s: %q, %v", name, Brief(got), got.Report.Damage)
			}
			continue
		}
		if b := Brief(got); !slices.Equal(b, want) || got.Report.DamageCount > 0 {
			t.Errorf("%s: %q, damage %v; want %q", name, b, got.Report.Damage, want)
		}
	}
}

func latin(text []byte) []byte {
	out := []byte("<?xml version='1.0' encoding='ISO-8859-1'?>")
	for _, r := range string(text) {
		if r > 0xff {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return out
}

// Wide writes text as UTF-16.
func Wide(text string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

// Fuzz holds a reader to what must be true of any input.
func Fuzz(f *testing.F, reader report.Reader, seeds ...[]byte) {
	for _, seed := range seeds {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, tight bool) {
		var lim report.Limits
		if tight {
			lim = report.Limits{Tests: 20, IDBytes: 10, TagsPerEvent: 2, AttachmentBytes: 30, AttachmentSpans: 2, InlineBytes: 20, TestAttachments: 3, RunAttachments: 2, Depth: 6, Damage: 4, DecompressedBytes: 50}
		}
		got := reporttest.ReadLimited(t, reader, "fuzz", data, lim)
		Check(t, got, int64(len(data)), lim.WithDefaults())
	})
}

// Check holds a result to the limits.
func Check(t testing.TB, got *reporttest.Result, size int64, lim report.Limits) {
	t.Helper()
	for _, d := range got.Report.Damage {
		if d.Offset < 0 || d.Offset > size || d.Kind == "" || len(d.Reason) > 400 {
			t.Errorf("damage %+v in %d bytes", d, size)
		}
	}
	for _, test := range got.Tests {
		if repaired, bad := report.Repair(test.ID); bad || len(test.ID) > lim.IDBytes {
			t.Errorf("the id %q is no text of at most %d bytes", repaired, lim.IDBytes)
		}
		for _, r := range test.Records {
			check(t, &r, lim)
		}
	}
}

func check(t testing.TB, r *report.Record, lim report.Limits) {
	t.Helper()
	if r.Complete && !r.Status.Final() {
		t.Errorf("%q is complete and %s", r.ID, r.Status)
	}
	names := map[string]bool{}
	for _, a := range r.Attachments {
		if names[a.Name] || a.Size <= 0 || a.MIME == "" {
			t.Errorf("attachment %q of %d bytes, %s, twice: %v", a.Name, a.Size, a.MIME, names[a.Name])
		}
		names[a.Name] = true
		if a.Truncated != (int64(len(a.Data)) < a.Size) {
			t.Errorf("attachment %q of %d bytes with %d of them, truncated %v", a.Name, a.Size, len(a.Data), a.Truncated)
		}
	}
	if len(r.Tags) > lim.TagsPerEvent || len(r.Attachments) > lim.TestAttachments {
		t.Errorf("%d tags, %d attachments", len(r.Tags), len(r.Attachments))
	}
	for i := 1; i < len(r.Tags); i++ {
		if r.Tags[i-1] >= r.Tags[i] {
			t.Errorf("tags %q are not sorted", r.Tags)
		}
	}
}

// Large writes a file of many tests: count times the middle, in which # stands
// for the number.
func Large(head, middle, tail string, count int) []byte {
	var out bytes.Buffer
	out.WriteString(head)
	for i := range count {
		out.WriteString(strings.ReplaceAll(middle, "#", fmt.Sprint(i)))
	}
	out.WriteString(tail)
	return out.Bytes()
}

// Memory reads a file and shows that what is held while reading stays far below
// its size.
func Memory(t *testing.T, reader report.Reader, data []byte, most int64) {
	t.Helper()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	highest, n := uint64(0), 0
	s := report.NewSink(report.Limits{}, func(*report.Record) error {
		if n++; n%20_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapInuse)
		}
		return nil
	})
	if err := reader.Read(t.Context(), report.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}, s); err != nil {
		t.Fatal(err)
	}
	if grown := int64(highest) - int64(before.HeapInuse); n < 20_000 || grown > most {
		t.Errorf("%d bytes of memory for %d tests in %d bytes, want at most %d", grown, n, len(data), most)
	}
}

// Benchmark measures a reader.
func Benchmark(b *testing.B, reader report.Reader, data []byte) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s := report.NewSink(report.Limits{}, func(*report.Record) error { return nil })
		if err := reader.Read(b.Context(), report.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}, s); err != nil {
			b.Fatal(err)
		}
	}
}
