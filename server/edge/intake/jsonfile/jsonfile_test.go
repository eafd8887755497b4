package jsonfile

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

func input(text string) report.Input {
	return report.Input{ReaderAt: strings.NewReader(text), Size: int64(len(text))}
}

// sink collects the ids of records.
func sink(lim report.Limits) (*report.Sink, *[]string) {
	var ids []string
	return report.NewSink(lim, func(r *report.Record) error {
		ids = append(ids, r.ID+"="+r.Status.String())
		return nil
	}), &ids
}

// named reads an array of objects with a name each.
func named(f *File) error {
	return f.Objects(func() error {
		return f.Test(func(t *Test) error {
			t.Status = report.Success
			return f.Object(func(name string) error {
				var err error
				switch name {
				case "name":
					t.ID, err = f.Name("a name")
				case "text":
					err = t.Attach("text")
				}
				return err
			})
		})
	})
}

func TestFile_damage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text, ids, damage string
		offset                  int64
	}{
		{"whole", `[{"name":"a"},{"name":"b"}]`, "a=success b=success", "", 0},
		{"cut between", `[{"name":"a"},`, "a=success", "the JSON ends too early", 13},
		{"cut inside", `[{"name":"a","x":`, "a=unknown", "the JSON ends too early", 16},
		{"empty", ``, "", "the JSON ends too early", 0},
		{"broken", `[{"name":"a"},{"name":"b" "c"}]`, "a=success b=unknown", "not JSON", 26},
		{"more after it", `[{"name":"a"}] [1]`, "a=success", "bytes after the end", 16},
		{"a member twice", `[{"name":"a","name":"b"}]`, "b=success", "the member 'name' appears twice", 19},
		{"an element of another kind", `[1,{"name":"a"},null]`, "a=success", "a number where there should be an object", 1},
		{"no array", `{"name":"a"}`, "", "an object where there should be an array", 0},
		{"without a name", `[{"text":"a"}]`, "", "a test without a name", 0},
		{"too deep", `[` + strings.Repeat(`{"x":[`, 6000), "", "not JSON", -1},
		{"not UTF-8", "[{\"name\":\"a\xff\"}]", "a\ufffd=success", "a name holds characters", 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, ids := sink(report.Limits{})
			if _, err := Read(t.Context(), input(tt.text), s, named); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(*ids, " "); got != tt.ids {
				t.Errorf("tests %q, want %q", got, tt.ids)
			}
			var d report.Damage
			if len(s.Report.Damage) > 0 {
				d = s.Report.Damage[0]
			}
			if !strings.HasPrefix(d.Reason, tt.damage) || tt.damage == "" && d.Reason != "" || tt.offset > 0 && d.Offset != tt.offset {
				t.Errorf("damage %+v, want %q at %d", s.Report.Damage, tt.damage, tt.offset)
			}
		})
	}
}

// broken is a file that cannot be read, which is no fault of what it holds.
type broken struct{ strings.Reader }

var errDisk = errors.New("the disk is gone")

func (*broken) ReadAt(p []byte, at int64) (int, error) {
	if at < 10 {
		return strings.NewReader(`[{"name":"a"},`).ReadAt(p, at)
	}
	return 0, errDisk
}

func TestRead_errors(t *testing.T) {
	t.Parallel()
	s, _ := sink(report.Limits{})
	if _, err := Read(t.Context(), report.Input{ReaderAt: &broken{}, Size: 1 << 20}, s, named); !errors.Is(err, errDisk) {
		t.Errorf("the error of the file is %v, want %v", err, errDisk)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, input(`[]`), s, named); !errors.Is(err, context.Canceled) {
		t.Errorf("the error of the context is %v", err)
	}
	failing := report.NewSink(report.Limits{}, func(*report.Record) error { return errDisk })
	if _, err := Read(t.Context(), input(`[{"name":"a"}]`), failing, named); !errors.Is(err, errDisk) {
		t.Errorf("the error of the sink is %v, want %v", err, errDisk)
	}
}

// endless is a file of one string.
type endless struct{}

func (endless) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		p[i] = 'x'
		if at == 0 && i < len(`[{"text":"`) {
			p[i] = `[{"text":"`[i]
		}
	}
	return len(p), nil
}

func TestRead_oneLongLine(t *testing.T) {
	t.Parallel()
	lim := report.Limits{AttachmentBytes: 1 << 20}
	in := report.Input{ReaderAt: endless{}, Size: 64 << 20}
	s, _ := sink(lim)
	if _, err := Read(t.Context(), in, s, named); err != nil || s.Report.DamageCount != 1 {
		t.Errorf("error %v, damage %v", err, s.Report.Damage)
	}
	s, _ = sink(lim)
	f, err := Open(t.Context(), in, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Lines(func() error { return nil }, nil); err != nil || s.Report.DamageCount != 1 {
		t.Errorf("as lines: error %v, damage %v", err, s.Report.Damage)
	}
}

func TestFile_limits(t *testing.T) {
	t.Parallel()
	long := `[{"name":"` + strings.Repeat("n", 70_000) + `","text":"` + strings.Repeat(`\n`, 3000) + `"}` + strings.Repeat(`,{"name":"b"}`, 10) + `]`
	var cut report.Attachment
	s := report.NewSink(report.Limits{Tests: 5, InlineBytes: 1000}, func(r *report.Record) error {
		if len(r.Attachments) > 0 {
			cut = r.Attachments[0]
		}
		return nil
	})
	if _, err := Read(t.Context(), input(long), s, named); err != nil {
		t.Fatal(err)
	}
	if s.Report.Records != 5 || s.Report.DamageCount != 2 {
		t.Errorf("%d records, damage %v; want 5, and the long name and the many tests", s.Report.Records, s.Report.Damage)
	}
	if !cut.Truncated || cut.Size != 3000 || len(cut.Data) != 1000 {
		t.Errorf("the long text is kept as %d bytes of %d, truncated %v", len(cut.Data), cut.Size, cut.Truncated)
	}
	s, _ = sink(report.Limits{})
	many := `[{"name":"a"` + strings.Repeat(`,"x":1`, 3) + strings.Repeat(`,"y":1`, 20_000) + `}]`
	if _, err := Read(t.Context(), input(many), s, named); err != nil || s.Report.DamageCount < 20_000 {
		t.Errorf("error %v, %d findings for a member that appears 20000 times", err, s.Report.DamageCount)
	}
}

// What Python writes for numbers that JSON has not is no damage.
func TestRead_notNumbers(t *testing.T) {
	t.Parallel()
	for pad := range 40 {
		text := `[{"name":"NaN a\\","x":NaN,"y":[-Infinity,Infinity,-1],"text":"-Infinity \"NaN"},` + strings.Repeat(" ", 64<<10-80+pad) + `{"name":"b","text":NaN},{"name":"c","x":-Infinity}]`
		var kept string
		s := report.NewSink(report.Limits{}, func(r *report.Record) error {
			for _, a := range r.Attachments {
				kept += r.ID + ":" + string(a.Data) + ";"
			}
			return nil
		})
		if _, err := Read(t.Context(), input(text), s, named); err != nil || s.Report.DamageCount > 0 || s.Report.Records != 3 {
			t.Fatalf("pad %d: error %v, %d records, damage %v", pad, err, s.Report.Records, s.Report.Damage)
		}
		if kept != `NaN a\:-Infinity "NaN;` {
			t.Errorf("pad %d: the texts are %q", pad, kept)
		}
	}
}

func TestFile_Lines_notNumbers(t *testing.T) {
	t.Parallel()
	const text = `{"name":"a \"NaN"}` + "\ndon\"t be NaN\n{\"name\":\"NaN\",\"x\":NaN}\n{\"name\":\"broken\n{\"name\":\"is NaN\"}\n"
	s, _ := sink(report.Limits{})
	f, err := Open(t.Context(), input(text), s)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	err = f.Lines(func() error {
		return f.Object(func(member string) error {
			if member != "name" {
				return nil
			}
			name, err := f.Name("a name")
			names = append(names, name)
			return err
		})
	}, nil)
	if got := strings.Join(names, "|"); err != nil || s.Report.DamageCount != 1 || got != `a "NaN|NaN||is NaN` {
		t.Errorf("names %q, error %v, damage %v", got, err, s.Report.Damage)
	}
}

// many is a document of very many tests.
type many struct{ size int64 }

const oneOfMany = `{"name":"arm lifts","text":"a line\nand another","x":[1,2,3]},`

func (m many) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		switch pos := at + int64(i); {
		case pos >= m.size:
			return i, io.EOF
		case pos == 0:
			p[i] = '['
		default:
			p[i] = oneOfMany[(pos-1)%int64(len(oneOfMany))]
		}
	}
	return len(p), nil
}

// The memory does not grow with the file.
func TestRead_memory(t *testing.T) {
	m := many{size: 24 << 20}
	var before, after runtime.MemStats
	peak := uint64(0)
	records := 0
	s := report.NewSink(report.Limits{}, func(*report.Record) error {
		if records++; records%20_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			peak = max(peak, after.HeapAlloc)
		}
		return nil
	})
	runtime.GC()
	runtime.ReadMemStats(&before)
	if _, err := Read(t.Context(), report.Input{ReaderAt: m, Size: m.size}, s, named); err != nil || records < 300_000 {
		t.Fatalf("error %v, %d records", err, records)
	}
	if grown := int64(peak) - int64(before.HeapAlloc); grown > 2<<20 {
		t.Errorf("the heap grew by %d bytes over %d records", grown, records)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-30T01:25:08.226Z":       "2026-11-30T01:25:08.226Z",
		"2026-11-30 01:25:17.791785":     "2026-11-30T01:25:17.791785Z",
		"2026-11-30T01:25:08+02:00":      "2026-11-29T23:25:08Z",
		"2026-11-30T01:25:08.226+0200":   "2026-11-29T23:25:08.226Z",
		"1970-01-01T00:00:00Z":           "0001-01-01T00:00:00Z",
		"yesterday":                      "0001-01-01T00:00:00Z",
		"":                               "0001-01-01T00:00:00Z",
		"2026-11-30T01:32:20.384100":     "2026-11-30T01:32:20.3841Z",
		"99999-11-30T01:32:20.384100":    "0001-01-01T00:00:00Z",
		"2026-11-30T01:17:39.576249533Z": "2026-11-30T01:17:39.576249533Z",
	} {
		if got := ParseTime(text).Format(time.RFC3339Nano); got != want {
			t.Errorf("ParseTime(%q) = %s, want %s", text, got, want)
		}
	}
	if got := Epoch(1796002007480, time.Millisecond).Format(time.RFC3339Nano); got != "2026-11-30T01:26:47.48Z" {
		t.Errorf("the time in milliseconds is %s", got)
	}
	for _, n := range []float64{-1, 0, 1e300} {
		if got := Epoch(n, time.Second); !got.IsZero() {
			t.Errorf("Epoch(%g) = %s, want none", n, got)
		}
	}
}

func FuzzUnescape(f *testing.F) {
	f.Add(`a\n\t\r\b\f\"\\\/b`, 100)
	f.Add(`\ud83e\udd16\u00f6\ud800x\udc00`, 5)
	f.Add(`größer`, 4)
	f.Fuzz(func(t *testing.T, inner string, most int) {
		var want string
		if json.Unmarshal([]byte(`"`+inner+`"`), &want) != nil || strings.ToValidUTF8(inner, "") != inner {
			unescape(nil, []byte(inner), most) // must only not panic
			return
		}
		got, size := unescape(nil, []byte(inner), most)
		if size != int64(len(want)) || string(got) != want[:min(len(want), max(0, most))] {
			t.Errorf("unescape(%q, %d) = %q of %d, want %q", inner, most, got, size, want)
		}
	})
}

// FuzzDocument reads anything with the walker itself.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{`[{"name":"a","text":["x",1]}]`, `{"a":{"b":[1,2,{"c":null}]}}`, "{\"a\":1}\n{\"b\":2}\nnoise\n", `[{"name":"a","x":NaN},-Infinity]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, _ := sink(report.Limits{TokenBytes: 100, AttachmentBytes: 200})
		if _, err := Read(t.Context(), input(text), s, named); err != nil {
			t.Errorf("reading failed: %v", err)
		}
		l, err := Open(t.Context(), input(text), s)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Lines(func() error { return l.Object(func(string) error { return nil }) }, nil); err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("reading lines failed: %v", err)
		}
		Look([]byte(text))
		LookLine([]byte(text))
	})
}
