// Package jsontest holds the readers of JSON against what all of them owe: files
// that are cut, flipped, encoded oddly or hostile never pass for what they are not.
package jsontest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

// Good is a file of a format that passes, and what makes it fail: each of the
// pairs in Flips is replaced at one place after another.
type Good struct {
	Text  string
	Flips [][2]string
}

// Check runs all that holds for every reader: the file passes; flipped, cut or
// followed by more it does not; in another encoding it reads the same.
func Check(t *testing.T, reader report.Reader, g Good) {
	t.Helper()
	data := []byte(g.Text)
	if reader.Detect(data) == report.No {
		t.Error("the format is not recognised")
	}
	good := reporttest.Read(t, reader, "good.json", data)
	if got := good.Outcome(); got != report.OutcomePass || len(good.Report.Warnings) > 0 {
		t.Fatalf("the outcome of the good file is %s, damage %v, warnings %q", got, good.Report.Damage, good.Report.Warnings)
	}
	reporttest.Cut(t, reader, data, 0)
	flip(t, reader, g)
	encodings(t, reader, good, data)
	hostile(t, reader, data)
}

// Story is a file and what it says: tests as "id=status", joined by "; ", a flaky
// one with a "*" behind.
type Story struct {
	Name, Text, Tests string
	Outcome           report.Outcome
}

// Tell reads each story.
func Tell(t *testing.T, reader report.Reader, stories []Story) {
	t.Helper()
	for _, s := range stories {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			if reader.Detect([]byte(s.Text)) == report.No {
				t.Error("the format is not recognised")
			}
			res := reporttest.Read(t, reader, "story.json", []byte(s.Text))
			var tests []string
			for _, test := range res.Tests {
				text := test.ID + "=" + test.Status.String()
				if test.Flaky {
					text += "*"
				}
				tests = append(tests, text)
			}
			if got := strings.Join(tests, "; "); got != s.Tests || res.Outcome() != s.Outcome {
				t.Errorf("tests %q, outcome %s; want %q, %s; damage %v, warnings %q", got, res.Outcome(), s.Tests, s.Outcome, res.Report.Damage, res.Report.Warnings)
			}
		})
	}
}

func flip(t *testing.T, reader report.Reader, g Good) {
	t.Helper()
	for _, pair := range g.Flips {
		if !strings.Contains(g.Text, pair[0]) {
			t.Errorf("the good file does not hold %s", pair[0])
		}
		for from := 0; ; {
			i := strings.Index(g.Text[from:], pair[0])
			if i < 0 {
				break
			}
			at := from + i
			flipped := g.Text[:at] + pair[1] + g.Text[at+len(pair[0]):]
			res := reporttest.Read(t, reader, "good.json", []byte(flipped))
			if got := res.Outcome(); got == report.OutcomePass || got == report.OutcomeSkip || got == report.OutcomeEmpty {
				t.Errorf("with %s for %s at %d the outcome is %s", pair[1], pair[0], at, got)
			}
			from = at + len(pair[0])
		}
	}
}

func encodings(t *testing.T, reader report.Reader, good *reporttest.Result, data []byte) {
	t.Helper()
	for name, text := range map[string][]byte{
		"byte order mark":   append([]byte("\xef\xbb\xbf"), data...),
		"UTF-16, with mark": utf16Text("\ufeff"+string(data), false),
		"UTF-16":            utf16Text(string(data), true),
		"CR LF":             bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")),
	} {
		res := reporttest.Read(t, reader, "good.json", text)
		if res.Outcome() != good.Outcome() || len(res.Tests) != len(good.Tests) {
			t.Errorf("%s: outcome %s with %d tests, want %s with %d; damage %v", name, res.Outcome(), len(res.Tests), good.Outcome(), len(good.Tests), res.Report.Damage)
			continue
		}
		for i, got := range res.Tests {
			want := good.Tests[i]
			if got.ID != want.ID || texts(got) != texts(want) {
				t.Errorf("%s: test %q with %q, want %q with %q", name, got.ID, texts(got), want.ID, texts(want))
			}
		}
	}
}

// texts joins the attachments of a test.
func texts(t *reporttest.Test) string {
	var b strings.Builder
	for _, r := range t.Records {
		for _, a := range r.Attachments {
			b.WriteString(a.Name + "=" + string(a.Data) + ";")
		}
	}
	return b.String()
}

func utf16Text(s string, bigEndian bool) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if bigEndian {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return b
}

// hostile changes a good file so that it is none any more.
func hostile(t *testing.T, reader report.Reader, data []byte) {
	t.Helper()
	for name, text := range map[string][]byte{
		"more after the end": append(bytes.TrimRight(data, "\n"), " {\"a\":"...),
		"deep nesting":       bytes.Replace(data, []byte("{"), []byte(`{"deep":`+strings.Repeat("[", 20000)), 1),
		"a comma too much":   bytes.Replace(data, []byte(","), []byte(",,"), 1),
	} {
		if got := reporttest.Read(t, reader, "good.json", text).Outcome(); got == report.OutcomePass {
			t.Errorf("%s: the outcome is %s", name, got)
		}
	}
	small := report.Limits{Tests: 1, IDBytes: 8, TagsPerEvent: 1, AttachmentBytes: 64, InlineBytes: 4, TestAttachments: 1, OpenBytes: 100, Depth: 2, TokenBytes: 64, Damage: 2}
	if got := reporttest.ReadLimited(t, reader, "good.json", data, small).Outcome(); got == report.OutcomePass {
		t.Errorf("under small limits the outcome is %s", got)
	}
}

// Fuzz reads anything: no panic, no error, and what is green is Complete.
func Fuzz(f *testing.F, reader report.Reader, globs ...string) {
	f.Helper()
	for _, glob := range globs {
		paths, err := filepath.Glob(glob)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seed matches %s: %v", glob, err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, ".expect.json") {
				continue
			}
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data[:min(len(data), 16<<10)])
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		reader.Detect(data[:min(len(data), report.PrefixBytes)])
		lim := report.Limits{Tests: 100, InlineBytes: 1000, IDBytes: 200}
		res := reporttest.ReadLimited(t, reader, "fuzz.json", data, lim)
		if len(res.Report.Damage) > 100 || res.Report.Records > 1000 {
			t.Errorf("%d findings and %d records of %d bytes", len(res.Report.Damage), res.Report.Records, len(data))
		}
	})
}

// Bench reads size bytes that repeat makes of n repeats of a format's tests.
func Bench(b *testing.B, reader report.Reader, repeat func(n int) []byte) {
	b.Helper()
	one := len(repeat(2)) - len(repeat(1))
	data := repeat(8 << 20 / one)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	rounds, before := 0, cpuTime()
	for b.Loop() {
		rounds++
		records := 0
		s := report.NewSink(report.Limits{}, func(*report.Record) error { records++; return nil })
		in := report.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}
		if err := reader.Read(context.Background(), in, s); err != nil {
			b.Fatal(err)
		}
		if records < 2 || s.Report.DamageCount > 0 {
			b.Fatalf("%d records, damage %v", records, s.Report.Damage)
		}
	}
	if used := cpuTime() - before; used > 0 {
		b.ReportMetric(float64(rounds)*float64(len(data))/1e6/used.Seconds(), "MB/cpu-s")
	}
}

// cpuTime is what the process has used so far, which a busy machine does not change
// as it does the time on the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Within makes a document that has n times the text of one test between head and
// tail; hashes in it become numbers.
func Within(head, test, separator, tail string) func(n int) []byte {
	return func(n int) []byte {
		var b bytes.Buffer
		b.WriteString(head)
		for i := range n {
			if i > 0 {
				b.WriteString(separator)
			}
			b.WriteString(strings.ReplaceAll(test, "#", string('a'+rune(i%26))+strings.Repeat("x", i/26%50)))
		}
		b.WriteString(tail)
		return b.Bytes()
	}
}
