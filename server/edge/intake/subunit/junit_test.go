package subunit

import (
	"slices"
	"strings"
	"testing"
	"time"
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
		{"not UTF-8", "<testsuite><testcase name='a'/><testcase name='caf\xe9'/></testsuite>", []string{"a success"}, 1},
		{"NUL", "<testsuite><testcase name='a'/><testcase name='&#0;'/></testsuite>", []string{"a success"}, 1},
		{"a document type", `<!DOCTYPE testsuite><testsuite><testcase name="a"/></testsuite>`, nil, 1},
		{"an entity", `<testsuite><testcase name="a"><failure>&x;</failure></testcase></testsuite>`, []string{"a fail…"}, 1},
		{"no JUnit", `<html><testcase name="a"/></html>`, nil, 1},
		{"no XML", `<<<`, nil, 1},
		{"cut inside a case", `<testsuite><testcase name="a"/><testcase name="b">`, []string{"a success", "b unknown…"}, 1},
		{"cut inside a failure", `<testsuite><testcase name="a"/><testcase name="b"><failure>half`, []string{"a success", "b fail…" + trace + `"half"`}, 1},
		{"wrong nesting", `<testsuite><testcase name="a"></testsuite>`, []string{"a unknown…"}, 1},
		{"a second document", `<testsuite><testcase name="a"/></testsuite><testsuite><testcase name="b"/></testsuite>`, []string{"a success"}, 1},
		{"text behind it", `<testsuite><testcase name="a"/></testsuite> x`, []string{"a success"}, 1},
		{"a case in a case", `<testsuite><testcase name="a"><testcase name="b"/></testcase></testsuite>`, []string{"a success"}, 1},
		{"a bad time", `<testsuite><testcase name="a" time="soon"/><testcase name="b" time="-1"/><testcase name="c" time="NaN"/></testsuite>`, []string{"a success", "b success", "c success"}, 3},
		{"too deep", strings.Repeat("<testsuite>", 65), nil, 1},
		{"a long tag", `<testsuite><testcase name="` + strings.Repeat("x", 2<<20) + `"/></testsuite>`, nil, 1},
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
