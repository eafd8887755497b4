package subunit

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	packet := string(stream(about("a", Success)))
	badPacket := packet[:len(packet)-1] + "?"
	tests := []struct {
		name string
		in   string
		want Format
	}{
		{"nothing", "", FormatEmpty},
		{"white space", " \r\n\t\n", FormatEmpty},
		{"only a mark", "\xef\xbb\xbf", FormatUnknown},
		{"gzip", "\x1f\x8b\x08", FormatGzip},
		{"half a gzip magic", "\x1f\x8b", FormatUnknown},
		{"a packet", packet, FormatV2},
		{"a packet after a lot of text", strings.Repeat("make[1]: leaving\n", 50_000) + "x" + packet, FormatV2},
		{"a packet in JSON", "{" + packet, FormatV2},
		{"a damaged packet at the start", badPacket, FormatV2},
		{"a damaged packet later", "text\n" + badPacket, FormatUnknown},
		{"two bytes of a packet", "\xb3\x2b", FormatV2},
		{"a superscript three", "\xb3 \n", FormatV2}, // version 2 is a space: "in doubt damaged" is the rule
		{"another version", "\xb3\x1b\x01\x10", FormatUnknown},
		{"an object", "\n {", FormatJSON},
		{"an array after a mark", "\xef\xbb\xbf\n[", FormatJSON},
		{"XML", "\r\n<", FormatJUnit},
		{"a test line", "x\ntest: a\n", FormatV1},
		{"a testing line without its end", "testing: a", FormatV1},
		{"a test line without colon", "test a\n", FormatUnknown},
		{"a test without colon that is closed", "test a\nx\nsuccess a\n", FormatV1},
		{"a test without colon that is closed with details", "test a\nfailure: a [\n", FormatV1},
		{"an outcome without a test", "success: a\nfailure: b\n", FormatUnknown},
		{"an outcome of another test", "test a\nsuccess: b\n", FormatUnknown},
		{"a test line that is indented", " test: a\n", FormatUnknown},
		{"a test line without a label", "test:\n", FormatUnknown},
		{"times and tags only", "time: 2014-08-15 10:34:49Z\ntags: a\n", FormatUnknown},
		{"v1 and then v2", "test: a\nsuccess: a\n" + packet, FormatV2},
		{"v1 with details and then v2", "test: a\nsuccess: a [ multipart\nContent-Type: a/b\nn\n1\r\nx0\r\n]\n" + packet, FormatV2},
		{"v1 cut short and then v2", "test: a\nfailure: a [\nTrace\n" + packet, FormatV2},
		{"v1 with a packet in an attachment", "test: a\nsuccess: a [ multipart\nContent-Type: a/b\nn\nA\r\n" + packet + "0\r\n]\n", FormatV1},
		{"v1 with packets in attachments and between them", "test: a\nsuccess: a [ multipart\nContent-Type: a/b\nn\nA\r\n" + packet + "0\r\n]\n" + packet, FormatV2},
		{"v1 cut inside an attachment with packets", "test: a\nsuccess: a [ multipart\nContent-Type: a/b\nn\nFFF\r\n" + packet + packet, FormatV1},
		{"prose", "Dear test team,\nsuccess is near.\n", FormatUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Detect(strings.NewReader(tt.in), int64(len(tt.in)))
			if got != tt.want || err != nil {
				t.Errorf("Detect = %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

// TestParse_unknown shows that what is no result is counted and never read.
func TestParse_unknown(t *testing.T) {
	t.Parallel()
	for _, in := range [][]byte{[]byte("nothing of note"), gzipped(t, "test: a\nsuccess: a\n")} {
		got := parseAll(t, in, Limits{}, windowStart)
		if got.report.Format != FormatUnknown || got.report.NoiseBytes != int64(len(in)) || len(got.records) != 0 {
			t.Errorf("%q: %+v", in, got.report)
		}
	}
}

// TestParse_concatenated shows that streams put one behind the other are one
// stream, as runners that join their files expect.
func TestParse_concatenated(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"01_all_statuses_v2.subunit", "03_all_statuses_v1.subunit"} {
		data := readSample(t, name)
		once := parseAll(t, data, Limits{}, windowStart)
		twice := parseAll(t, bytes.Repeat(data, 2), Limits{}, windowStart)
		want := slices.DeleteFunc(append(brief(once.records), brief(once.records)...), func(s string) bool { return strings.HasSuffix(s, "…") })
		got := slices.DeleteFunc(brief(twice.records), func(s string) bool { return strings.HasSuffix(s, "…") })
		if name == "03_all_statuses_v1.subunit" && (!slices.Equal(got, want) || twice.report.DamageCount != 0) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if len(twice.records) < 2*len(once.records)-1 {
			t.Errorf("%s: %d records, want twice %d", name, len(twice.records), len(once.records))
		}
	}
}
