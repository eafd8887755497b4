package subunit

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/slipway-lab/slipway/server/edge/intake/subunit/subunittest"
)

// FuzzParse holds the parser to what must be true of any input.
func FuzzParse(f *testing.F) {
	for _, data := range allSamples(f) {
		if len(data) < 30_000 { // longer ones make the fuzzer slow
			f.Add(data, false)
			f.Add(data, true)
		}
	}
	for _, write := range writers {
		data := write(drawn{tests: 3, failed: 1, junk: []byte("\x1b&x; <b> é\xff\n]")})
		f.Add(data, false)
		f.Add(data, true)
	}
	f.Fuzz(checkInput)
}

// FuzzParse_packets does the same to streams of packets whose checksums are
// right, which mutations of whole streams hardly ever hit.
func FuzzParse_packets(f *testing.F) {
	f.Add([]byte("\x28\x03\x02\x01a\x29\x02\x02\x01a\x2a\x83\x0d\x00\x00\x00\x01\x05\x01a\x02\x01x\x01y"), false)
	f.Add([]byte("\x28\x40\x08\x01a\x01f\x03xyz\x2c\x43\x0a\x01a\x01f\x01z\x03r/0"), true)
	f.Add([]byte("\x00\x00\x14[[[[[[0000000000\xf2"), true)
	f.Fuzz(func(t *testing.T, program []byte, tight bool) {
		var data []byte
		for len(program) >= 3 {
			flags := uint16(program[0])<<8 | uint16(program[1])
			n := min(int(program[2]), len(program)-3)
			parts := program[3 : 3+n]
			program = program[3+n:]
			if flags>>versionShift == version2 && flags&flagReserved == 0 {
				data = subunittest.AppendRaw(data, flags, parts)
			} else {
				data = append(data, parts...)
			}
		}
		checkInput(t, data, tight)
	})
}

// checkInput parses data and holds what comes out to the rules.
func checkInput(t *testing.T, data []byte, tight bool) {
	var lim Limits
	if tight {
		lim = Limits{
			Tests: 20, IDBytes: 10, TagsPerEvent: 3, AttachmentBytes: 30, AttachmentSpans: 2, InlineBytes: 20,
			TestAttachments: 3, RunAttachments: 2, OpenBytes: 4000, Depth: 5, TokenBytes: 50, Damage: 4,
		}
	}
	got := parseAll(t, data, lim, windowStart)
	lim = lim.WithDefaults()
	checkReport(t, data, lim, got)
	for i := range got.records {
		checkRecord(t, data, lim, &got.records[i])
	}
	if again := parseAll(t, data, lim, 16); !reflect.DeepEqual(got, again) {
		t.Errorf("read again with a small window: %+v, first: %+v", again.report, got.report)
	}
}

func checkReport(t *testing.T, data []byte, lim Limits, got outcomeOf) {
	t.Helper()
	r := got.report
	if r.Records != len(got.records) || r.Records > len(data) || r.Records > 2*lim.Tests {
		t.Errorf("%d records, %d counted, of %d bytes", len(got.records), r.Records, len(data))
	}
	if r.NoiseBytes < 0 || r.NoiseBytes > int64(len(data)) {
		t.Errorf("%d bytes of noise in %d", r.NoiseBytes, len(data))
	}
	if len(r.Damage) > lim.Damage || len(r.Damage) > r.DamageCount || len(r.Attachments) > lim.RunAttachments {
		t.Errorf("report above its limits: %+v", r)
	}
	for _, d := range r.Damage {
		if d.Offset < 0 || d.Offset > int64(len(data)) || d.Kind == "" || !isText(d.Reason) || len(d.Reason) > 400 {
			t.Errorf("damage %+v in %d bytes", d, len(data))
		}
	}
	for _, a := range r.Attachments {
		checkAttachment(t, data, lim, a.Attachment)
	}
	var tally Tally
	for _, rec := range got.records {
		tally.Add(rec.ID, rec.Status)
	}
	if o := tally.Counts().Outcome(r.Format, r.DamageCount); o == OutcomePass && !r.Complete() {
		t.Errorf("a pass with %d findings and %d unfinished tests", r.DamageCount, r.Unfinished)
	}
}

func checkRecord(t *testing.T, data []byte, lim Limits, r *Record) {
	t.Helper()
	if r.Complete && !r.Status.Final() {
		t.Errorf("%q is complete and %s", r.ID, r.Status)
	}
	for _, text := range append(slices.Clone(r.Tags), r.ID, r.Route) {
		if !isText(text) || len(text) > lim.IDBytes {
			t.Errorf("%q is no text of at most %d bytes", text, lim.IDBytes)
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
	for _, at := range []time.Time{r.Start, r.Stop} {
		if _, err := at.MarshalJSON(); err != nil {
			t.Errorf("time %v: %v", at, err)
		}
	}
	names := map[string]bool{}
	for _, a := range r.Attachments {
		if names[a.Name] {
			t.Errorf("two attachments %q", a.Name)
		}
		names[a.Name] = true
		checkAttachment(t, data, lim, a)
	}
}

func checkAttachment(t *testing.T, data []byte, lim Limits, a Attachment) {
	t.Helper()
	if !isText(a.Name) || !isText(a.MIME) || a.MIME == "" || a.Size <= 0 {
		t.Errorf("attachment %+v", a)
	}
	held := int64(len(a.Data))
	end := int64(-1)
	for _, s := range a.Spans {
		if s.Length <= 0 || s.Offset <= end || s.Offset+s.Length > int64(len(data)) {
			t.Errorf("pieces %v of %d bytes", a.Spans, len(data))
		}
		end = s.Offset + s.Length
		held += s.Length
	}
	if held > lim.AttachmentBytes && a.Data == nil || len(a.Spans) > lim.AttachmentSpans || len(a.Data) > lim.InlineBytes {
		t.Errorf("attachment above its limits: %d bytes in %d pieces", held, len(a.Spans))
	}
	if a.Truncated != (held < a.Size) {
		t.Errorf("attachment of %d bytes with %d held, truncated %v", a.Size, held, a.Truncated)
	}
}

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// FuzzGunzip shows that no more comes out than allowed, and that damage and
// content do not depend on how the input arrives.
func FuzzGunzip(f *testing.F) {
	for _, name := range []string{"11_all_statuses_v2.subunit.gz", "hostile/49_gzip_cut.bin", "hostile/51_gzip_of_gzip.bin"} {
		f.Add(readSample(f, name), int64(1000))
	}
	f.Fuzz(func(t *testing.T, data []byte, limit int64) {
		limit = min(limit, 1<<20)
		var first, second bytes.Buffer
		n, damage, err := Gunzip(&first, bytes.NewReader(data), limit)
		if err != nil || n != int64(first.Len()) || n > max(0, limit) {
			t.Fatalf("Gunzip = %d, %v, %v", n, damage, err)
		}
		_, again, err := Gunzip(&second, io.MultiReader(bytes.NewReader(data[:len(data)/2]), bytes.NewReader(data[len(data)/2:])), limit)
		if err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) || (damage == nil) != (again == nil) {
			t.Errorf("in two halves: %v, %v, first %v", again, err, damage)
		}
	})
}
