package subunit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/subunit/subunittest"
)

func ptr[T any](v T) *T { return &v }

// stream joins packets.
func stream(events ...subunittest.Event) []byte {
	var b []byte
	for _, e := range events {
		b = subunittest.Append(b, e)
	}
	return b
}

// about is a status event without a time.
func about(id string, status Status) subunittest.Event {
	return subunittest.Event{ID: &id, Status: uint16(status)}
}

// brief writes records as "id@route status" for comparison.
func brief(records []Record) []string {
	var out []string
	for _, r := range records {
		s := r.ID
		if r.HasRoute {
			s += "@" + r.Route
		}
		s += " " + r.Status.String()
		if !r.Complete {
			s += "…"
		}
		out = append(out, s)
	}
	return out
}

// TestParse_recordLives checks where the records of one test begin and end.
func TestParse_recordLives(t *testing.T) {
	t.Parallel()
	file := func(id, name, content string) subunittest.Event {
		return subunittest.Event{ID: &id, FileName: &name, File: []byte(content)}
	}
	on := func(route string, e subunittest.Event) subunittest.Event {
		e.Route = &route
		return e
	}
	tests := []struct {
		name string
		in   []subunittest.Event
		want []string
	}{
		{"listed and run", []subunittest.Event{about("a", Exists), about("a", InProgress), about("a", Success)}, []string{"a exists", "a success"}},
		{"run twice", []subunittest.Event{about("a", Fail), about("a", InProgress), about("a", Success)}, []string{"a fail", "a success"}},
		{"a file after the end opens a new record", []subunittest.Event{about("a", Success), file("a", "log", "x")}, []string{"a success", "a unknown…"}},
		{"unfinished ones in order of first sight", []subunittest.Event{about("c", InProgress), about("a", InProgress), about("b", Success), file("c", "log", "x")}, []string{"b success", "c inprogress…", "a inprogress…"}},
		{"routes are apart", []subunittest.Event{on("0", about("a", InProgress)), on("1", about("a", InProgress)), on("1", about("a", Fail))}, []string{"a@1 fail", "a@0 inprogress…"}},
		{"an empty route is a route", []subunittest.Event{on("", about("a", InProgress)), about("a", Success)}, []string{"a success", "a@ inprogress…"}},
		{"an empty id is an id", []subunittest.Event{about("", Success)}, []string{" success"}},
		{"a status without a test", []subunittest.Event{{Status: uint16(Fail)}, about("a", Success)}, []string{"a success"}},
		{"a final status that is taken back", []subunittest.Event{about("a", InProgress), about("a", Unknown), about("a", XFail)}, []string{"a xfail"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := parseAll(t, stream(tt.in...), Limits{}, windowStart)
			if !slices.Equal(brief(got.records), tt.want) || got.report.DamageCount != 0 {
				t.Errorf("records %q, damage %v, want %q", brief(got.records), got.report.Damage, tt.want)
			}
		})
	}
}

// TestParse_fields checks what a record takes from its events.
func TestParse_fields(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_400_000_000, 123_456_789)
	log, other := "log", "other"
	in := stream(
		subunittest.Event{ID: ptr("a"), Status: uint16(InProgress), Time: begin, Tags: []string{"z", "gone"}},
		subunittest.Event{ID: ptr("a"), FileName: &log, MIME: "text/ignored"},
		subunittest.Event{ID: ptr("a"), FileName: &log, File: []byte("one "), MIME: `text/plain; charset="utf8"`, EOF: true},
		subunittest.Event{ID: ptr("a"), FileName: &other, File: []byte("x")},
		subunittest.Event{ID: ptr("a"), FileName: &log, File: []byte("two"), MIME: "text/late"},
		subunittest.Event{ID: ptr("a"), Status: uint16(Success), Time: begin.Add(time.Hour), Tags: []string{"b", "a", "b"}},
	)
	got := parseAll(t, in, Limits{}, windowStart)
	if len(got.records) != 1 {
		t.Fatalf("records %q", brief(got.records))
	}
	r := got.records[0]
	if !r.Start.Equal(begin) || !r.Stop.Equal(begin.Add(time.Hour)) || r.Start.Location() != time.UTC {
		t.Errorf("times %v %v", r.Start, r.Stop)
	}
	if !slices.Equal(r.Tags, []string{"a", "b"}) {
		t.Errorf("tags %q, want a and b", r.Tags)
	}
	if len(r.Attachments) != 2 {
		t.Fatalf("attachments %+v", r.Attachments)
	}
	a := r.Attachments[0]
	if a.Name != "log" || a.MIME != `text/plain; charset="utf8"` || string(content(t, in, a)) != "one two" || len(a.Spans) != 2 {
		t.Errorf("attachment %+v", a)
	}
	if b := r.Attachments[1]; b.MIME != defaultMIME || b.Size != 1 {
		t.Errorf("attachment %+v", b)
	}
}

// TestParse_cutAnywhere cuts a stream after every byte. What was whole before
// the cut is found, and the cut never goes unnoticed, nor is the inside of a
// packet taken for a stream.
func TestParse_cutAnywhere(t *testing.T) {
	t.Parallel()
	inner := stream(about("inside", Fail))
	name := "copy"
	events := []subunittest.Event{
		about("a", Success),
		{ID: ptr("b"), FileName: &name, File: append([]byte("\n"), inner...), MIME: "application/x-subunit", Time: time.Unix(1, 0)},
		{ID: ptr("b"), Status: uint16(Success), Tags: []string{"t"}, Route: nil},
		about("c", Skip),
	}
	whole := stream(events...)
	ends := map[int]int{0: 0}
	for i := range events {
		ends[len(stream(events[:i+1]...))] = i + 1
	}
	want := parseAll(t, whole, Limits{}, windowStart)
	final := 0
	for n := range whole {
		got := parseAll(t, whole[:n], Limits{}, windowStart)
		packets, atEnd := ends[n]
		if atEnd && n > 0 {
			final = packets
		}
		if n == 1 { // one byte could be anything
			continue
		}
		if atEnd != (got.report.DamageCount == 0) {
			t.Errorf("cut at %d: damage %v", n, got.report.Damage)
		}
		if !atEnd && got.report.Damage[0].Kind != KindTruncated {
			t.Errorf("cut at %d: damage %v, want %s", n, got.report.Damage, KindTruncated)
		}
		for i, r := range got.records {
			if r.Complete && r.ID != want.records[i].ID {
				t.Errorf("cut at %d after %d packets: records %q", n, final, brief(got.records))
			}
			if r.ID == "inside" {
				t.Errorf("cut at %d: found a packet inside an attachment", n)
			}
		}
	}
}

// TestParse_outOfSync checks what happens to packets that follow text.
func TestParse_outOfSync(t *testing.T) {
	t.Parallel()
	good := stream(about("good", Success))
	wrong := slices.Clone(good)
	wrong[len(wrong)-1] ^= 1
	badID := subunittest.AppendRaw(nil, 0x2803, []byte("\x02\xe9\xe9"))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name   string
		in     []byte
		want   []string
		damage []Kind
	}{
		{"right after text", join(good, []byte("text"), good), []string{"good success", "good success"}, nil},
		{"a wrong checksum after text is text", join(good, []byte("text"), wrong, good), []string{"good success", "good success"}, nil},
		{"a wrong checksum after a line feed is damage", join(good, []byte("text\n"), wrong, good), []string{"good success", "good success"}, []Kind{KindCRC}},
		{"a wrong checksum before text", join(good, wrong, []byte("text"), good), []string{"good success", "good success"}, []Kind{KindCRC}},
		{"a right checksum and a bad id after text", join(good, []byte("text"), badID), []string{"good success"}, []Kind{KindContent}},
		{"after a passed-over packet comes another", join(good, badID, wrong, badID), []string{"good success"}, []Kind{KindContent, KindCRC, KindContent}},
		{"text is cut inside a character", join(good, []byte("\xe3\x81"), good), []string{"good success", "good success"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := parseAll(t, tt.in, Limits{}, windowStart)
			var kinds []Kind
			for _, d := range got.report.Damage {
				kinds = append(kinds, d.Kind)
			}
			if !slices.Equal(brief(got.records), tt.want) || !slices.Equal(kinds, tt.damage) {
				t.Errorf("records %q, damage %v, want %q, %v", brief(got.records), got.report.Damage, tt.want, tt.damage)
			}
		})
	}
}

// TestParse_boundedWork reads inputs that would take minutes if each false
// packet were checked in full, and finds the good packets around them. If the
// work is not bounded this test runs into the time limit of the test binary.
func TestParse_boundedWork(t *testing.T) {
	t.Parallel()
	first, last := stream(about("first", Success)), stream(about("last", Skip))
	tests := []struct {
		name  string
		unit  []byte
		after string
	}{
		{"false starts on lines of their own", []byte("\n\xb3\x28\x03\x86\x26\x38"), "\n"},
		{"false starts in text", []byte("\xb3\x28\x03\x86\x26\x38"), "\n"},
		{"lengths beyond the end with many tags", []byte("\n\xb3\x20\x83\xbf\xff\xff\xbf\x00\x00"), "\n"},
		{"good packets between", slices.Concat(stream(subunittest.Event{}), []byte("\xb3\x20\x03\x86\x26\x38")), "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := slices.Concat(first, bytes.Repeat(tt.unit, 1_000_000/len(tt.unit)), []byte(tt.after), last)
			got := parseAll(t, in, Limits{}, windowStart)
			if want := []string{"first success", "last skip"}; !slices.Equal(brief(got.records), want) {
				t.Errorf("records %q, want %q", brief(got.records), want)
			}
			if got.report.DamageCount == 0 || len(got.report.Damage) > 100 {
				t.Errorf("damage %d, of which %d are kept", got.report.DamageCount, len(got.report.Damage))
			}
		})
	}
}

// TestDetect_boundedWork is the same for an input without any good packet.
func TestDetect_boundedWork(t *testing.T) {
	t.Parallel()
	in := append([]byte("text"), bytes.Repeat([]byte("\n\xb3\x28\x03\x86\x26\x38\xb3\x28\x03\x86\x26\x38"), 80_000)...)
	if format, err := Detect(bytes.NewReader(in), int64(len(in))); format != FormatUnknown || err != nil {
		t.Errorf("format %s, %v, want %s", format, err, FormatUnknown)
	}
}

// TestParse_v1Warning checks that v1 lines between packets are spoken of.
func TestParse_v1Warning(t *testing.T) {
	t.Parallel()
	v2 := stream(about("a", Success))
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"a v1 file before it", slices.Concat(readSample(t, "14_tempest_like_v1.subunit"), v2), "first at byte 49"},
		{"a v1 test after it", slices.Concat(v2, []byte("test: b\nsuccess: b\n")), "not read: 2, the first at byte 10"},
		{"only other output", slices.Concat(v2, []byte("testing is fun\n test: no\ntests: 5\nerror\n"), v2), ""},
		{"a line that a packet cuts in two", slices.Concat(v2, []byte("te"), v2, []byte("st: b\n")), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(parseAll(t, tt.in, Limits{}, windowStart).report.Warnings, "\n")
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("warnings %q, want %q", got, tt.want)
			}
		})
	}
	if got := parseAll(t, readSample(t, "06_noise_v2.subunit"), Limits{}, windowStart); len(got.report.Warnings) != 1 {
		t.Errorf("06_noise_v2: warnings %q, want one", got.report.Warnings)
	}
}

// TestParse_v2Limits checks each limit just above and at its value.
func TestParse_v2Limits(t *testing.T) {
	t.Parallel()
	many := func(n int, status Status) []byte {
		var b []byte
		for i := range n {
			b = subunittest.Append(b, about(fmt.Sprint("t", i), status))
		}
		return b
	}
	chunks := func(n int, size int) []byte {
		var b []byte
		for range n {
			b = subunittest.Append(b, subunittest.Event{ID: ptr("a"), FileName: ptr("log"), File: make([]byte, size)})
		}
		return append(b, stream(about("a", Success))...)
	}
	names := func(n int, id *string) []byte {
		var b []byte
		for i := range n {
			b = subunittest.Append(b, subunittest.Event{ID: id, FileName: ptr(fmt.Sprint("f", i)), File: []byte("x")})
		}
		return b
	}
	tests := []struct {
		name  string
		in    []byte
		lim   Limits
		check func(o outcomeOf) bool
	}{
		{"as many tests as allowed", slices.Concat(many(5, Exists), many(5, Success)), Limits{Tests: 5}, func(o outcomeOf) bool { return len(o.records) == 10 && o.report.DamageCount == 0 }},
		{"one test more", many(6, Success), Limits{Tests: 5}, func(o outcomeOf) bool {
			return len(o.records) == 5 && o.report.Damage[0].Kind == KindTruncated
		}},
		{"one listed test more", many(6, Exists), Limits{Tests: 5}, func(o outcomeOf) bool { return len(o.records) == 5 && o.report.DamageCount == 1 }},
		{"open tests take too much", many(100, InProgress), Limits{OpenBytes: 10_000}, func(o outcomeOf) bool {
			return len(o.records) < 100 && len(o.records) > 10 && o.report.DamageCount == 1
		}},
		{"closed tests take nothing", slices.Concat(many(100, Success), chunks(100, 10)), Limits{OpenBytes: 10_000}, func(o outcomeOf) bool { return o.report.DamageCount == 0 }},
		{"an attachment at the limit", chunks(3, 100), Limits{AttachmentBytes: 300}, func(o outcomeOf) bool {
			a := o.records[0].Attachments[0]
			return a.Size == 300 && !a.Truncated && len(a.Spans) == 3
		}},
		{"an attachment above the limit", chunks(3, 100), Limits{AttachmentBytes: 250}, func(o outcomeOf) bool {
			a := o.records[0].Attachments[0]
			return a.Size == 300 && a.Truncated && len(a.Spans) == 3 && a.Spans[2].Length == 50
		}},
		{"an attachment in too many pieces", chunks(3, 100), Limits{AttachmentSpans: 2}, func(o outcomeOf) bool {
			a := o.records[0].Attachments[0]
			return a.Size == 300 && a.Truncated && len(a.Spans) == 2
		}},
		{"too many attachments of a test", names(40, ptr("a")), Limits{TestAttachments: 30}, func(o outcomeOf) bool {
			return len(o.records[0].Attachments) == 30 && len(o.report.Warnings) == 1 && o.report.DamageCount == 0
		}},
		{"attachments of the run", names(40, nil), Limits{RunAttachments: 30}, func(o outcomeOf) bool {
			return len(o.report.Attachments) == 30 && len(o.report.Warnings) == 1 && len(o.records) == 0
		}},
		{"too many tags", stream(subunittest.Event{ID: ptr("a"), Status: uint16(Success), Tags: []string{"a", "b", "c"}}), Limits{TagsPerEvent: 2}, func(o outcomeOf) bool {
			return slices.Equal(o.records[0].Tags, []string{"a", "b"}) && o.report.Damage[0].Kind == KindContent && o.records[0].Status == Success
		}},
		{"long names are cut between characters", stream(subunittest.Event{ID: ptr("ééé"), Status: uint16(Success), Tags: []string{"ttttttt"}, Route: ptr("rrrrrr")}), Limits{IDBytes: 5}, func(o outcomeOf) bool {
			r := o.records[0]
			return r.ID == "éé" && r.Route == "rrrrr" && r.Tags[0] == "ttttt" && o.report.DamageCount == 3
		}},
		{"damage is counted", bytes.Repeat([]byte("\xb3\x10\x00\x00\n"), 50), Limits{Damage: 7}, func(o outcomeOf) bool {
			return len(o.report.Damage) == 7 && o.report.DamageCount == 50
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := append(slices.Clone(tt.in), stream(subunittest.Event{})...) // so that all of them are v2
			if got := parseAll(t, in, tt.lim, windowStart); !tt.check(got) {
				t.Errorf("%d records, report %+v", len(got.records), got.report)
			}
		})
	}
}

// TestParse_longestPacket reads a packet of the greatest length there is.
func TestParse_longestPacket(t *testing.T) {
	t.Parallel()
	body := make([]byte, 4_194_300-7-1-1-1-1-4)
	in := stream(subunittest.Event{ID: ptr("a"), FileName: ptr("f"), File: body}, about("a", Success))
	if n := binary.BigEndian.Uint32(in[2:]) & 0x3fffff; n < 4_194_280 {
		t.Fatalf("the packet has only %d bytes", n)
	}
	got := parseAll(t, in, Limits{}, windowStart)
	if got.report.DamageCount != 0 || len(got.records) != 1 || got.records[0].Attachments[0].Size != int64(len(body)) {
		t.Errorf("report %+v", got.report)
	}
}

// TestParse_tempestLike checks our own generator against the parser.
func TestParse_tempestLike(t *testing.T) {
	t.Parallel()
	var in bytes.Buffer
	if err := subunittest.WriteTempestLike(&in, 500, 4, 7); err != nil {
		t.Fatal(err)
	}
	got := parseAll(t, in.Bytes(), Limits{}, windowStart)
	var tally Tally
	for _, r := range got.records {
		tally.Add(r.ID, r.Status)
	}
	counts := tally.Counts()
	if got.report.DamageCount != 0 || got.report.NoiseBytes != 0 || len(got.records) != 501 || counts[InProgress] != 1 || counts.Tests() != 501 {
		t.Errorf("report %+v, counts %v", got.report, counts)
	}
}
