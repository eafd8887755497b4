package subunit

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// TestParse_junitSample reads what subunit2junitxml wrote.
func TestParse_junitSample(t *testing.T) {
	t.Parallel()
	got := readUpload(t, readSample(t, "12_all_statuses.junit.xml"), Limits{})
	if got.report.Format != FormatJUnit || got.report.DamageCount != 0 || got.outcome != OutcomeFail {
		t.Errorf("got %s", got)
	}
	if want := (Counts{Success: 9, Fail: 7, Skip: 2}); got.counts != want {
		t.Errorf("counts %v, want %v", got.counts, want)
	}
	for _, r := range got.records {
		if r.ID == "labsuite.test_statuses.Compute.test_resize_fails" {
			text := string(r.Attachments[0].Data)
			if !strings.HasSuffix(text, "MismatchError: 'ACTIVE' != 'ERROR'\n\n") || r.Duration != 3*time.Millisecond {
				t.Errorf("text %q, duration %v", text, r.Duration)
			}
		}
	}
}

// TestParse_junit checks the forms of JUnit reports and what is wrong with
// them.
func TestParse_junit(t *testing.T) {
	t.Parallel()
	const trace = " traceback(text/x-traceback;charset=utf8)="
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
			[]string{"a fail" + trace + `"x <é"`, "b fail" + trace + `"m"`, "c skip"}, 0},
		{"a failure outweighs a skip", `<testsuite><testcase name="a"><failure/><skipped>s</skipped></testcase></testsuite>`, []string{"a fail" + reason + `"s"`}, 0},
		{"two failures", `<testsuite><testcase name="a"><failure>1</failure><error>2</error></testcase></testsuite>`, []string{"a fail" + trace + `"1" traceback-2(text/x-traceback;charset=utf8)="2"`}, 0},
		{"CDATA", `<testsuite><testcase name="a"><failure><![CDATA[a <b> ]] ]]>]<!-- no -->c</failure></testcase></testsuite>`, []string{"a fail" + trace + `"a <b> ]] ]c"`}, 0},
		{"a child of a child is not its own", `<testsuite><testcase name="a"><properties><failure/></properties><system-out>failure</system-out></testcase></testsuite>`, []string{"a success"}, 0},
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
		{"a second document", `<testsuite><testcase name="a"/></testsuite><testsuite><testcase name="b"/></testsuite>`, []string{"a success", "b success"}, 1},
		{"text behind it", `<testsuite><testcase name="a"/></testsuite> x`, []string{"a success"}, 1},
		{"a case in a case", `<testsuite><testcase name="a"><testcase name="b"/></testcase></testsuite>`, []string{"a unknown…", "b success"}, 1},
		{"a bad time", `<testsuite><testcase name="a" time="soon"/><testcase name="b" time="-1"/><testcase name="c" time="NaN"/></testsuite>`, []string{"a success", "b success", "c success"}, 0}, // a warning
		{"too deep", strings.Repeat("<testsuite>", 65), nil, 1},
		{"a long tag", `<testsuite><testcase name="` + strings.Repeat("x", 2<<20) + `"/></testsuite>`, []string{strings.Repeat("x", 64<<10) + " success"}, 1},

		{"a status that says not run", `<testsuite><testcase name="a" status="notrun"/><testcase name="b" status="Disabled"/><testcase name="c" status="skipped"/><testcase name="d" status="ignored"/><testcase name="e" status="run" result="skipped"/><testcase name="f" result="suppressed"/></testsuite>`,
			[]string{"a skip", "b skip", "c skip", "d skip", "e skip", "f skip"}, 0},
		{"a status that says failed", `<testsuite><testcase name="a" status="fail"/><testcase name="b" result="FAILED"/><testcase name="c" status="error"/><testcase name="d" status="errored"/><testcase name="e" status="notrun" result="failure"/></testsuite>`,
			[]string{"a fail", "b fail", "c fail", "d fail", "e fail"}, 0},
		{"a status that says passed", `<testsuite><testcase name="a" status="run" result="completed"/><testcase name="b" status="passed"/></testsuite>`, []string{"a success", "b success"}, 0},
		{"a child says more than a status", `<testsuite><testcase name="a" status="notrun"><failure/></testcase><testcase name="b" status="failed"><skipped/></testcase></testsuite>`, []string{"a fail", "b skip"}, 0},
		{"cut, and the status says failed", `<testsuite><testcase name="a" status="failed">`, []string{"a fail…"}, 1},

		{"an error of a suite", `<testsuites><testsuite name="s"><testcase name="a"/><error message="m">stack</error><testcase name="b"/><failure message="n"/></testsuite></testsuites>`,
			[]string{"a success", "b success", "s fail" + trace + `"stack" traceback-2(text/x-traceback;charset=utf8)="n"`}, 0},
		{"an error of all suites", `<testsuites name="all"><error/><testsuite name="s"><testcase name="a"/></testsuite></testsuites>`, []string{"a success", "all fail"}, 0},
		{"an error of a suite without a name", `<testsuite><testcase name="a"/><error/></testsuite>`, []string{"a success"}, 1},
		{"an error of a suite that is cut", `<testsuite name="s"><error>half`, []string{"s fail…" + trace + `"half"`}, 1},
		{"an error in another element", `<testsuite name="s"><properties><error/></properties><testcase name="a"/></testsuite>`, []string{"a success"}, 0},

		{"counted failures that are not there", `<testsuites errors="0" failures="2"><testsuite name="s"><testcase name="a"/></testsuite></testsuites>`, []string{"a success"}, 1},
		{"counted failures without a test", `<testsuite errors="1"/>`, nil, 1},
		{"counts further inside lie too often", `<testsuites><testsuite name="s" failures="1" tests="7"><testcase name="a"/></testsuite></testsuites>`, []string{"a success"}, 0},
		{"counted failures that are there", `<testsuite failures="7"><testcase name="a"><failure/></testcase></testsuite>`, []string{"a fail"}, 0},

		{"control characters", "<testsuite><testcase name='a'><failure message='\x07'>\x1b[31m&#27;&#x1b;&#55296;\x00</failure></testcase><testcase name='b'/></testsuite>",
			[]string{"a fail" + trace + "\"\ufffd[31m\ufffd\ufffd\ufffd\ufffd\"", "b success"}, 0},
		{"control characters in a section", "<testsuite><testcase name='a'><failure><![CDATA[\x1b[0m&#27;\ufffe]]></failure></testcase></testsuite>", []string{"a fail" + trace + "\"\ufffd[0m&#27;\ufffd\""}, 0},
		{"brackets and ampersands that are not escaped", `<testsuite><testcase name="a < b & c"><failure>x ]]> & y && &lt; &;</failure></testcase><testcase name="d"/></testsuite>`,
			[]string{"a < b & c fail" + trace + `"x ]]> & y && < &;"`, "d success"}, 6},
		{"a tag that is none", `<testsuite><testcase name="a"/><testcase name=b/><testcase "c"/>< x><testcase name="d"/></testsuite>`, []string{"a success", "d success"}, 3},
		{"a case whose tag is none and which fails", `<testsuite name="s"><testcase name=a><failure>x</failure></testcase><testcase name="b"/></testsuite>`, []string{"b success", "s fail" + trace + `"x"`}, 2},
		{"an end that is missing", `<testsuite name="s"><testcase name="a"><failure>x</testcase><testcase name="b"></testsuite><testsuite><testcase name="c"/></testsuite>`,
			[]string{"a fail" + trace + `"x"`, "b unknown…", "c success"}, 3},
		{"an end too many", `<testsuite></failure><testcase name="a"/></testsuite></x><testsuite><testcase name="b"/></testsuite>`, []string{"a success", "b success"}, 3},
		{"a foreign document behind it", `<testsuite><testcase name="a"/></testsuite><x><testcase name="b"/></x><testsuite><testcase name="c"/></testsuite>`, []string{"a success", "c success"}, 2},
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
			got := parseAll(t, []byte(tt.in), Limits{}, windowStart)
			if got.report.Format != FormatJUnit {
				t.Fatalf("format %s", got.report.Format)
			}
			if d := described(t, nil, got.records); !slices.Equal(d, tt.want) || got.report.DamageCount != tt.damage {
				t.Errorf("records %q, damage %v, want %q, %d", d, got.report.Damage, tt.want, tt.damage)
			}
			for _, d := range got.report.Damage {
				if d.Kind != KindXML || d.Offset < 0 || d.Offset > int64(len(tt.in)) {
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

// TestParse_junitWarnings checks what is told without being damage.
func TestParse_junitWarnings(t *testing.T) {
	t.Parallel()
	got := parseAll(t, []byte("<testsuite time='NaN'><testcase name='a' time='NaN'/><testcase name='b' time='-1'><failure>\x1b[0m</failure></testcase></testsuite>"), Limits{}, windowStart)
	want := []string{
		"1 characters that XML forbids were replaced; the first stands at byte 91",
		"2 tests have a duration that cannot be: it is left out",
	}
	if !slices.Equal(got.report.Warnings, want) || got.report.DamageCount != 0 {
		t.Errorf("warnings %q, damage %v, want %q", got.report.Warnings, got.report.Damage, want)
	}
}

// TestParse_junitLongTag shows that the message of a failure may be as long as an
// attachment, and that a longer one loses its end and nothing else.
func TestParse_junitLongTag(t *testing.T) {
	t.Parallel()
	for _, n := range []int{3 << 20, 33 << 20} {
		in := "<testsuite><testcase name='a'><failure type='t' message='" + strings.Repeat("é", n/2) + "' x='y'/></testcase><testcase name='b'/></testsuite>"
		got := parseAll(t, []byte(in), Limits{}, windowStart)
		if want := []string{"a fail", "b success"}; !slices.Equal(brief(got.records), want) || got.report.DamageCount != 0 {
			t.Fatalf("%d: records %q, damage %v", n, brief(got.records), got.report.Damage)
		}
		if a := got.records[0].Attachments[0]; !a.Truncated || len(a.Data) != 1<<20 || a.Size != int64(n) {
			t.Errorf("%d: %d of %d bytes, truncated %v", n, len(a.Data), a.Size, a.Truncated)
		}
	}
}

func TestParseSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"0.012": 12 * time.Millisecond, "1,234.5": 1234500 * time.Millisecond, "0,5": 500 * time.Millisecond, "7": 7 * time.Second, "1e-3": time.Millisecond} {
		if got, ok := parseSeconds(text); !ok || got != want {
			t.Errorf("parseSeconds(%q) = %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "NaN", "Inf", "1e300", "1,2,3"} {
		if got, ok := parseSeconds(text); ok {
			t.Errorf("parseSeconds(%q) = %v, want none", text, got)
		}
	}
}

// TestParse_junitLongTexts shows that texts beyond the limit are cut before
// they reach the decoder, wherever the cut falls, and that nothing else is.
func TestParse_junitLongTexts(t *testing.T) {
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
		got := parseAll(t, []byte(in), Limits{InlineBytes: 20}, windowStart)
		if want := []string{"a fail", "last > first success"}; !slices.Equal(brief(got.records), want) || got.report.DamageCount != 0 {
			t.Fatalf("pad %d: records %q, damage %v", n, brief(got.records), got.report.Damage)
		}
		total := 0
		for _, a := range got.records[0].Attachments {
			total += len(a.Data)
			if a.Truncated != (a.Size > int64(len(a.Data))) {
				t.Errorf("pad %d: %s has %d of %d bytes, truncated %v", n, a.Name, len(a.Data), a.Size, a.Truncated)
			}
		}
		if total > 20 {
			t.Errorf("pad %d: %d bytes kept", n, total)
		}
	}
}
