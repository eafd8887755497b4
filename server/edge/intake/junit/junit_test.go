package junit_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/slipway-lab/slipway/server/edge/intake/junit"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// read reads a report and returns its records in their order.
func read(t *testing.T, in string, lim report.Limits) (*reporttest.Result, []report.Record) {
	t.Helper()
	var records []report.Record
	res := reporttest.ReadLimited(t, inOrder{junit.New(), &records}, "a.xml", []byte(in), lim)
	return res, records
}

// inOrder keeps the records that a reader makes, with their texts.
type inOrder struct {
	report.Reader
	records *[]report.Record
}

func (r inOrder) Read(ctx context.Context, in report.Input, s *report.Sink) error {
	keep := report.NewSink(s.Limits, func(rec *report.Record) error {
		c := *rec
		c.Properties = slices.Clone(rec.Properties)
		c.Attachments = slices.Clone(rec.Attachments)
		for i, a := range c.Attachments {
			if a.Data == nil {
				text, err := io.ReadAll(report.NewSpanReader(in, a.Spans))
				if err != nil {
					return err
				}
				c.Attachments[i].Data = text
			}
		}
		*r.records = append(*r.records, c)
		return nil
	})
	if err := r.Reader.Read(ctx, in, keep); err != nil {
		return err
	}
	return r.Reader.Read(ctx, in, s)
}

// described writes records as the tables have them.
func described(records []report.Record) []string {
	var out []string
	for i, s := range brief(records) {
		for _, a := range records[i].Attachments {
			s += fmt.Sprintf(" %s(%s)=%q", a.Name, a.MIME, a.Data)
		}
		out = append(out, s)
	}
	return out
}

func brief(records []report.Record) []string {
	var out []string
	for _, r := range records {
		s := r.ID + " " + r.Status.String()
		if !r.Complete {
			s += "…"
		}
		out = append(out, s)
	}
	return out
}

// TestRead_subunit2junitxml reads what subunit2junitxml wrote.
func TestRead_subunit2junitxml(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../subunit/testdata/12_all_statuses.junit.xml")
	if err != nil {
		t.Fatal(err)
	}
	got, records := read(t, string(data), report.Limits{})
	if got.Report.DamageCount != 0 || got.Outcome() != report.OutcomeFail {
		t.Errorf("got %+v", got.Report)
	}
	if want := (report.Counts{report.Success: 9, report.Fail: 7, report.Skip: 2}); got.Counts() != want {
		t.Errorf("counts %v, want %v", got.Counts(), want)
	}
	for _, r := range records {
		if r.ID == "labsuite.test_statuses.Compute.test_resize_fails" {
			text := string(r.Attachments[0].Data)
			if !strings.HasSuffix(text, "MismatchError: 'ACTIVE' != 'ERROR'\n\n") || r.Duration != 3*time.Millisecond {
				t.Errorf("text %q, duration %v", text, r.Duration)
			}
		}
	}
}

// TestRead checks the forms of JUnit reports and what is wrong with
// them.
func TestRead(t *testing.T) {
	t.Parallel()
	const trace = " traceback(text/x-traceback;charset=utf8)="
	const message = " message(text/plain;charset=utf8)="
	const reason = " reason(text/plain;charset=utf8)="
	tests := []struct {
		name   string
		in     string
		want   []string
		damage int
	}{
		{"nested suites", `<?xml version="1.0"?><testsuites><testsuite><testsuite><testcase classname="c" name="a"/></testsuite><testcase name="b"/></testsuite></testsuites>`, []string{"c.a success", "b success"}, 0},
		{"a case alone", ` <testcase name="a" classname=""/>`, []string{"a success"}, 0},
		{"what went wrong", `<testsuite><testcase name="a"><failure>x &lt;&#233;</failure></testcase><testcase name="b"><error message="m"/></testcase><testcase name="c"><skipped/></testcase></testsuite>`,
			[]string{"a fail" + trace + `"x <é"`, "b fail" + message + `"m"`, "c skip"}, 0},
		{"a failure outweighs a skip", `<testsuite><testcase name="a"><failure/><skipped>s</skipped></testcase></testsuite>`, []string{"a fail" + reason + `"s"`}, 0},
		{"two failures", `<testsuite><testcase name="a"><failure>1</failure><error>2</error></testcase></testsuite>`, []string{"a fail" + trace + `"1" traceback-2(text/x-traceback;charset=utf8)="2"`}, 0},
		{"CDATA", `<testsuite><testcase name="a"><failure><![CDATA[a <b> ]] ]]>]<!-- no -->c</failure></testcase></testsuite>`, []string{"a fail" + trace + `"a <b> ]] ]c"`}, 0},
		{"a child of a child is not its own", `<testsuite><testcase name="a"><properties><failure/></properties><system-out>failure</system-out></testcase></testsuite>`, []string{"a success stdout(text/plain;charset=utf8)=\"failure\""}, 0},
		{"namespaces", `<j:testsuite xmlns:j="u"><j:testcase name="a"><j:failure/></j:testcase></j:testsuite>`, []string{"a fail"}, 0},
		{"latin-1", "<?xml version='1.0' encoding='ISO-8859-1'?><testsuite><testcase name='caf\xe9'/></testsuite>", []string{"café success"}, 0},
		{"a mark", "\xef\xbb\xbf<testsuite><testcase name='a'/></testsuite>", []string{"a success"}, 0},

		{"another encoding", "<?xml version='1.0' encoding='EBCDIC'?><testsuite/>", nil, 1},
		{"not UTF-8", "<testsuite><testcase name='a'/><testcase name='caf\xe9'/></testsuite>", []string{"a success", "caf\ufffd success"}, 1},
		{"NUL", "<testsuite><testcase name='a'/><testcase name='&#0;'/></testsuite>", []string{"a success", "\ufffd success"}, 1},
		{"a document type", `<!DOCTYPE testsuite><testsuite><testcase name="a"/></testsuite>`, nil, 1},
		{"an entity", `<testsuite><testcase name="a"><failure>&x;</failure></testcase></testsuite>`, []string{"a fail" + trace + `"&x;"`}, 1},
		{"no JUnit", `<html><testcase name="a"/></html>`, nil, 1},
		{"no XML", `<<<`, nil, 3},
		{"cut inside a case", `<testsuite><testcase name="a"/><testcase name="b">`, []string{"a success", "b unknown…"}, 1},
		{"cut inside a failure", `<testsuite><testcase name="a"/><testcase name="b"><failure>half`, []string{"a success", "b fail…" + trace + `"half"`}, 1},
		{"wrong nesting", `<testsuite><testcase name="a"></testsuite>`, []string{"a unknown…"}, 1},
		{"a second document", `<testsuite><testcase name="a"/></testsuite><testsuite><testcase name="b"/></testsuite>`, []string{"a success", "b success"}, 0}, // a warning
		{"text behind it", `<testsuite><testcase name="a"/></testsuite> x`, []string{"a success"}, 1},
		{"a case in a case", `<testsuite><testcase name="a"><testcase name="b"/></testcase></testsuite>`, []string{"a unknown…", "b success"}, 1},
		{"a bad time", `<testsuite><testcase name="a" time="soon"/><testcase name="b" time="-1"/><testcase name="c" time="NaN"/></testsuite>`, []string{"a success", "b success", "c success"}, 0}, // a warning
		{"too deep", strings.Repeat("<testsuite>", 65), nil, 1},
		{"a long tag", `<testsuite><testcase name="` + strings.Repeat("x", 2<<20) + `"/></testsuite>`, []string{strings.Repeat("x", 64<<10) + " success"}, 1},

		{"a status that says not run", `<testsuite><testcase name="a" status="notrun"/><testcase name="b" status="Disabled"/><testcase name="c" status="skipped"/><testcase name="d" status="ignored"/><testcase name="e" status="run" result="skipped"/><testcase name="f" result="suppressed"/></testsuite>`,
			[]string{"a skip", "b skip", "c skip", "d skip", "e skip", "f skip"}, 0},
		{"a status that says failed", `<testsuite><testcase name="a" status="fail"/><testcase name="b" result="FAILED"/><testcase name="c" status="error"/><testcase name="d" status="errored"/><testcase name="e" status="notrun" result="failure"/></testsuite>`,
			[]string{"a fail", "b fail", "c fail", "d fail", "e fail"}, 0},
		{"a status of igt's", `<testsuite><testcase name="a" status="dmesg-fail"/><testcase name="b" status="incomplete"/><testcase name="c" status="timed out"/><testcase name="d" status="Crash"/><testcase name="e" status="dmesg-warn"/></testsuite>`,
			[]string{"a fail", "b fail", "c fail", "d fail", "e success"}, 0},
		{"a status that says expected", `<testsuite><testcase name="a" status="xfail"/><testcase name="b" result="expected_failure"/><testcase name="c" status="pending"/></testsuite>`,
			[]string{"a xfail", "b xfail", "c skip"}, 0},
		{"a status that says nothing", `<testsuite><testcase name="a" status="unknown"/><testcase name="b" result="Inconclusive"/></testsuite>`, []string{"a unknown", "b unknown"}, 0},
		{"a status that says passed", `<testsuite><testcase name="a" status="run" result="completed"/><testcase name="b" status="passed"/></testsuite>`, []string{"a success", "b success"}, 0},
		{"a child says more than a status", `<testsuite><testcase name="a" status="notrun"><failure/></testcase><testcase name="b" status="failed"><skipped/></testcase></testsuite>`, []string{"a fail", "b skip"}, 0},
		{"cut, and the status says failed", `<testsuite><testcase name="a" status="failed">`, []string{"a fail…"}, 1},

		{"an error of a suite", `<testsuites><testsuite name="s"><testcase name="a"/><error message="m">stack</error><testcase name="b"/><failure message="n"/></testsuite></testsuites>`,
			[]string{"a success", "b success", "s fail" + message + `"m"` + trace + `"stack" message-2(text/plain;charset=utf8)="n"`}, 0},
		{"an error of all suites", `<testsuites name="all"><error/><testsuite name="s"><testcase name="a"/></testsuite></testsuites>`, []string{"a success", "all fail"}, 0},
		{"an error of a suite without a name", `<testsuite><testcase name="a"/><error/></testsuite>`, []string{"a success"}, 1},
		{"an error of a suite that is cut", `<testsuite name="s"><error>half`, []string{"s fail…" + trace + `"half"`}, 1},
		{"an error in another element", `<testsuite name="s"><properties><error/></properties><testcase name="a"/></testsuite>`, []string{"a success"}, 0},
		{"tests of another writing", `<testsuites><testsuite name="s"><tests><test name="a" result="fail"/></tests></testsuite></testsuites>`, nil, 1},
		{"the same in other letters", `<testsuites><TestSuite name="s"><testCase name="a"/></TestSuite></testsuites>`, nil, 1},
		{"no tests but properties", `<testsuites><testsuite name="s"><properties><property name="a"/></properties></testsuite></testsuites>`, nil, 0},
		{"a failure of a step", `<testsuite name="s"><testcase name="a"><steps><step><failure/></step></steps></testcase></testsuite>`, []string{"a success"}, 1},
		{"a failure of what is no test", `<testsuite name="s"><testcase name="a"/><TestCase name="b"><failure/></TestCase></testsuite>`, []string{"a success"}, 1},
		{"elements in an output", `<testsuite name="s"><testcase name="a"><system-out><r><failure/></r></system-out></testcase><system-err><r><error/></r></system-err></testsuite>`, []string{"a success"}, 0},
		{"elements in a failure", `<testsuite name="s"><testcase name="a"><failure><r><error/></r></failure></testcase></testsuite>`, []string{"a fail"}, 0},

		{"counted failures that are not there", `<testsuites errors="0" failures="2"><testsuite name="s"><testcase name="a"/></testsuite></testsuites>`, []string{"a success"}, 1},
		{"counted failures without a test", `<testsuite errors="1"/>`, nil, 1},
		{"counts further inside lie too often", `<testsuites><testsuite name="s" failures="1" tests="7"><testcase name="a"/></testsuite></testsuites>`, []string{"a success"}, 0},
		{"counted failures that are there", `<testsuite failures="7"><testcase name="a"><failure/></testcase></testsuite>`, []string{"a fail"}, 0},

		{"control characters", "<testsuite><testcase name='a'><failure message='\x07'>\x1b[31m&#27;&#x1b;&#55296;\x00</failure></testcase><testcase name='b'/></testsuite>",
			[]string{"a fail" + message + "\"\ufffd\"" + trace + "\"\ufffd[31m\ufffd\ufffd\ufffd\ufffd\"", "b success"}, 0},
		{"control characters in a section", "<testsuite><testcase name='a'><failure><![CDATA[\x1b[0m&#27;\ufffe]]></failure></testcase></testsuite>", []string{"a fail" + trace + "\"\ufffd[0m&#27;\ufffd\""}, 0},
		{"brackets and ampersands that are not escaped", `<testsuite><testcase name="a < b & c"><failure>x ]]> & y && &lt; &;</failure></testcase><testcase name="d"/></testsuite>`,
			[]string{"a < b & c fail" + trace + `"x ]]> & y && < &;"`, "d success"}, 6},
		{"a tag that is none", `<testsuite><testcase name="a"/><testcase name=b/><testcase "c"/>< x><testcase name="d"/></testsuite>`, []string{"a success", "d success"}, 3},
		{"a case whose tag is none and which fails", `<testsuite name="s"><testcase name=a><failure>x</failure></testcase><testcase name="b"/></testsuite>`, []string{"b success", "s fail" + trace + `"x"`}, 2},
		{"an end that is missing", `<testsuite name="s"><testcase name="a"><failure>x</testcase><testcase name="b"></testsuite><testsuite><testcase name="c"/></testsuite>`,
			[]string{"a fail" + trace + `"x"`, "b unknown…", "c success"}, 2},
		{"an end too many", `<testsuite></failure><testcase name="a"/></testsuite></x><testsuite><testcase name="b"/></testsuite>`, []string{"a success", "b success"}, 2},
		{"a foreign document behind it", `<testsuite><testcase name="a"/></testsuite><x><testcase name="b"/></x><testsuite><testcase name="c"/></testsuite>`, []string{"a success", "c success"}, 1},
		{"comments", `<testsuite><!-- a -- b ---><!----><testcase name="a"/><!-- <testcase name="b"/> --></testsuite>`, []string{"a success"}, 0},
		{"a comment that does not end", `<testsuite><testcase name="a"/></testsuite><!-- x`, []string{"a success"}, 1},

		{"utf8 without a dash", "<?xml version='1.0' encoding='utf8'?><testsuite><testcase name='höhe'/></testsuite>", []string{"höhe success"}, 0},
		{"windows-1252", "<?xml version='1.0' encoding='windows-1252'?><testsuite><testcase name='\x80 h\xf6he'/></testsuite>", []string{"€ höhe success"}, 0},
		{"shift_jis", "<?xml version='1.0' encoding='Shift_JIS'?><testsuite><testcase name='\x83e\x83X\x83g'/></testsuite>", []string{"テスト success"}, 0},
		{"utf-16 that is none", "<?xml version='1.0' encoding='UTF-16'?><testsuite><testcase name='höhe'/></testsuite>", []string{"höhe success"}, 0},
		{"utf-16 with a mark", wide("\ufeff<?xml version='1.0' encoding='UTF-16'?><testsuite><testcase name='höhe'/></testsuite>", false), []string{"höhe success"}, 0},
		{"utf-16, the other order, without a mark", wide("<testsuite><testcase name='höhe'/></testsuite>", true), []string{"höhe success"}, 0},
		{"utf-16 that is cut", wide("\ufeff<testsuite><testcase name='a'/><testcase name='b'><failure>", false), []string{"a success", "b fail…"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, records := read(t, tt.in, report.Limits{})
			if d := described(records); !slices.Equal(d, tt.want) || got.Report.DamageCount != tt.damage {
				t.Errorf("records %q, damage %v, want %q, %d", d, got.Report.Damage, tt.want, tt.damage)
			}
			for _, d := range got.Report.Damage {
				if d.Kind != report.KindXML || d.Offset < 0 || d.Offset > int64(len(tt.in)) {
					t.Errorf("damage %+v", d)
				}
			}
		})
	}
}

// wide writes text as UTF-16.
func wide(text string, bigEndian bool) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		if bigEndian {
			out = binary.BigEndian.AppendUint16(out, u)
		} else {
			out = binary.LittleEndian.AppendUint16(out, u)
		}
	}
	return string(out)
}

// TestRead_warnings checks what is told without being damage.
func TestRead_warnings(t *testing.T) {
	t.Parallel()
	got, _ := read(t, "<testsuite time='NaN'><testcase name='a' time='NaN'/><testcase name='b' time='-1'><failure>\x1b[0m</failure></testcase></testsuite>", report.Limits{})
	want := []string{
		"1 characters that XML forbids were replaced; the first stands at byte 91",
		"2 tests have a duration that cannot be: it is left out",
	}
	if !slices.Equal(got.Report.Warnings, want) || got.Report.DamageCount != 0 {
		t.Errorf("warnings %q, damage %v, want %q", got.Report.Warnings, got.Report.Damage, want)
	}
}

// TestRead_longTag shows that the message of a failure may be as long as an
// attachment, and that a longer one loses its end and nothing else.
func TestRead_longTag(t *testing.T) {
	t.Parallel()
	for _, n := range []int{3 << 20, 33 << 20} {
		in := "<testsuite><testcase name='a'><failure type='t' message='" + strings.Repeat("é", n/2) + "' x='y'/></testcase><testcase name='b'/></testsuite>"
		got, records := read(t, in, report.Limits{})
		if want := []string{"a fail", "b success"}; !slices.Equal(brief(records), want) || got.Report.DamageCount != 0 {
			t.Fatalf("%d: records %q, damage %v", n, brief(records), got.Report.Damage)
		}
		if a := records[0].Attachments[0]; !a.Truncated || len(a.Data) != 1<<20 || a.Size != int64(n) {
			t.Errorf("%d: %d of %d bytes, truncated %v", n, len(a.Data), a.Size, a.Truncated)
		}
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"0.012": 12 * time.Millisecond, "1,234.5": 1234500 * time.Millisecond, "0,5": 500 * time.Millisecond, "7": 7 * time.Second, "1e-3": time.Millisecond} {
		if got, ok := xmlfile.Seconds(text); !ok || got != want {
			t.Errorf("xmlfile.Seconds(%q) = %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "NaN", "Inf", "1e300", "1,2,3"} {
		if got, ok := xmlfile.Seconds(text); ok {
			t.Errorf("xmlfile.Seconds(%q) = %v, want none", text, got)
		}
	}
}

// TestRead_longTexts shows that texts beyond the limit are cut before
// they reach the decoder, wherever the cut falls, and that nothing else is.
func TestRead_longTexts(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		pad := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
		texts := []string{
			pad + strings.Repeat("&amp;", 30),
			"<![CDATA[" + pad + strings.Repeat("]]", 30) + "<x>]]>",
			"<!--" + pad + strings.Repeat("- ", 30) + "--><!---->",
			"<!--" + pad + "-->" + pad,
			"<?go " + pad + "?>" + pad + strings.Repeat("日本語", 10),
		}
		in := "<testsuite><system-out>" + strings.Join(texts, "") + "</system-out><testcase name='a'>"
		for _, text := range texts {
			in += "<failure>" + text + "</failure>"
		}
		in += "</testcase><testcase name='last > first'/></testsuite>"
		got, records := read(t, in, report.Limits{InlineBytes: 20, AttachmentBytes: 20})
		if want := []string{"a fail", "last > first success"}; !slices.Equal(brief(records), want) || got.Report.DamageCount != 0 {
			t.Fatalf("pad %d: records %q, damage %v", n, brief(records), got.Report.Damage)
		}
		total := 0
		for _, a := range records[0].Attachments {
			if len(a.Spans) == 0 {
				total += len(a.Data)
			} else if len(a.Data) > 20 {
				t.Errorf("pad %d: %d bytes in pieces of the file", n, len(a.Data))
			}
			if a.Truncated != (a.Size > int64(len(a.Data))) {
				t.Errorf("pad %d: %s has %d of %d bytes, truncated %v", n, a.Name, len(a.Data), a.Size, a.Truncated)
			}
		}
		if total > 20 {
			t.Errorf("pad %d: %d bytes copied", n, total)
		}
	}
}
