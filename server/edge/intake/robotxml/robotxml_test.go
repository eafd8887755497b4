package robotxml_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/robotxml"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile/xmltest"
)

const sample = "../testdata/robot_arm.xml"

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Sample(t, robotxml.New(), sample)
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]report.Confidence{
		"<?xml version='1.0'?>\n<robot generator='x'>": report.Certain, "<robots>": report.No, "<testsuite><robot>": report.No, "": report.No,
	} {
		if got := robotxml.New().Detect([]byte(text)); got != want {
			t.Errorf("Detect(%q) = %d, want %d", text, got, want)
		}
	}
}

// robot wraps suites.
func robot(suites string) string { return `<robot generator="Robot 7.0">` + suites + `</robot>` }

func suite(name, status, content string) string {
	return `<suite name="` + name + `">` + content + `<status status="` + status + `"/></suite>`
}

func one(name, status string) string {
	return `<test name="` + name + `"><kw name="Log"><status status="PASS"/></kw><status status="` + status + `" start="2026-11-30T01:13:28.456333" elapsed="0.5"/></test>`
}

// teardown is that of a suite, as Robot 7 writes it.
func teardown(status, message string) string {
	return `<kw name="Clean" type="TEARDOWN"><kw name="Fail"><status status="` + status + `">inner</status></kw><status status="` + status + `">` + message + `</status></kw>`
}

func TestRead(t *testing.T) {
	t.Parallel()
	green := one("a", "PASS") + one("b", "SKIP")
	xmltest.Stories(t, robotxml.New(), map[string]xmltest.Story{
		"words":      xmltest.Says(robot(suite("S", "FAIL", one("a", "PASS")+one("b", "FAIL")+one("c", "SKIP")+one("d", "NOT RUN")+one("e", "MELTED"))), 0, "S.a success", "S.b fail", "S.c skip", "S.d skip", "S.e unknown…"),
		"nested":     xmltest.Says(robot(suite("S", "PASS", suite("T", "PASS", one("a", "PASS"))+one("a", "PASS"))), 0, "S.T.a success", "S.a success"),
		"a teardown": xmltest.Says(robot(suite("S", "FAIL", green+teardown("FAIL", "no"))), 0, "S.a fail", "S.b skip"),
		"a teardown further out": xmltest.Says(robot(suite("S", "FAIL", suite("T", "PASS", green)+suite("U", "PASS", one("c", "PASS"))+teardown("FAIL", "no"))), 0,
			"S.T.a fail", "S.T.b skip", "S.U.c fail"),
		"a teardown of a suite beside it": xmltest.Says(robot(suite("S", "FAIL", suite("T", "FAIL", one("a", "PASS")+teardown("FAIL", "no"))+suite("U", "PASS", one("c", "PASS")))), 0,
			"S.T.a fail", "S.U.c success"),
		"a teardown that passed":         xmltest.Says(robot(suite("S", "PASS", green+teardown("PASS", ""))), 0, "S.a success", "S.b skip"),
		"a teardown with nothing below":  xmltest.Says(robot(suite("S", "FAIL", one("b", "SKIP")+teardown("FAIL", "no"))), 0, "S.b skip", "S fail"),
		"a test's teardown":              xmltest.Says(robot(suite("S", "FAIL", `<test name="a">`+teardown("FAIL", "no")+`<status status="FAIL">no</status></test>`+one("b", "PASS"))), 0, "S.a fail", "S.b success"),
		"a suite that failed by itself":  xmltest.Says(robot(suite("S", "FAIL", suite("T", "FAIL", one("a", "PASS")))), 0, "S.T.a success", "S.T fail"),
		"cut in a test":                  xmltest.Says(`<robot><suite name="S">`+one("a", "PASS")+`<test name="b">`, 1, "S.a success", "S.b unknown…"),
		"cut behind a status":            xmltest.Says(`<robot><suite name="S"><test name="b"><status status="PASS"/>`, 1, "S.b unknown…"),
		"cut before the suite's":         xmltest.Says(`<robot><suite name="S">`+one("a", "PASS"), 1, "S.a success"),
		"statistics are no suites":       xmltest.Says(robot(suite("S", "PASS", one("a", "PASS"))+`<statistics><suite><stat name="S" pass="1">S</stat></suite></statistics>`), 0, "S.a success"),
		"keywords as deep as Robot goes": xmltest.Says(robot(suite("S", "PASS", `<test name="a">`+strings.Repeat(`<for><iter><kw name="k">`, 100)+strings.Repeat("</kw></iter></for>", 100)+`<status status="PASS"/></test>`)), 0, "S.a success"),
		"deeper still":                   xmltest.Says(robot(suite("S", "PASS", `<test name="a">`+strings.Repeat(`<kw>`, 600))), 1, "S.a unknown…"),
	})
}

func TestRead_notes(t *testing.T) {
	t.Parallel()
	got := reporttest.Read(t, robotxml.New(), "output.xml", []byte(robot(`<suite name="S">`+
		`<test name="a"><kw name="x"><msg level="INFO">hello</msg><msg level="WARN">hot</msg><msg level="FAIL">7 != 5</msg><status status="FAIL">7 != 5</status></kw>`+
		`<tag>slow</tag><tag>arm</tag><status status="FAIL" start="2026-11-30T01:13:28.456333" elapsed="0.5">7 != 5</status></test>`+
		`<test name="b"><tags><tag>old</tag></tags><status status="PASS" starttime="20261130 01:13:28.456" endtime="20261130 01:13:29.000" critical="yes"/></test>`+
		`<test name="c"><status status="SKIP" start="N/A" elapsed="NaN">no arm</status></test>`+
		`<test name="d"><kw><msg level="FAIL">only</msg></kw><status status="FAIL">only</status></test>`+
		`<test name="e"><status status="FAIL">parent suite teardown failed:
cannot unplug</status></test>`+
		`<kw type="teardown"><status status="FAIL"></status></kw><status status="FAIL">Suite teardown failed:
cannot unplug</status></suite><errors><msg level="ERROR">no such file</msg></errors>`)))
	for id, want := range map[string][]string{
		"S.a": {"message: 7 != 5", "message-2: Parent suite teardown failed:\ncannot unplug", "log: WARN: hot\nFAIL: 7 != 5\n", "#arm", "#slow", "500ms", "2026-11-30T01:13:28.456333Z", "in S"},
		"S.b": {"message: Parent suite teardown failed:\ncannot unplug", "#old", "544ms", "2026-11-30T01:13:28.456Z", "2026-11-30T01:13:29Z", "in S"},
		"S.c": {"reason: no arm", "in S"},
		"S.e": {"message: parent suite teardown failed:\ncannot unplug", "in S"},
		"S.d": {"message: only", "message-2: Parent suite teardown failed:\ncannot unplug", "in S"},
	} {
		if notes := xmltest.Notes(got.ByID[id]); !slices.Equal(notes, want) {
			t.Errorf("%s: %q, want %q", id, notes, want)
		}
	}
	if files := got.Report.Attachments; len(files) != 1 || string(files[0].Data) != "ERROR: no such file\n" || len(got.Report.Warnings) != 1 {
		t.Errorf("files %+v, warnings %q", files, got.Report.Warnings)
	}
}

// green is a file that passes.
func green() []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` + robot(suite("Größe", "PASS", one("a", "PASS")+suite("T", "PASS", one("b", "PASS"))+one("c", "PASS")+teardown("PASS", ""))))
}

// TestRead_flipped turns the status of each test, keyword-free, of each suite and of
// the teardown.
func TestRead_flipped(t *testing.T) {
	t.Parallel()
	for _, verdict := range []string{`<status status="(PASS)" start`, `<status status="(PASS)"/></suite>`, `<status status="(PASS)"></status></kw><status`} {
		xmltest.Flip(t, robotxml.New(), green(), regexp.MustCompile(verdict), "FAIL")
	}
	xmltest.Encodings(t, robotxml.New(), green())
}

func TestRead_cut(t *testing.T) {
	t.Parallel()
	reporttest.Cut(t, robotxml.New(), green(), 0)
	reporttest.Cut(t, robotxml.New(), xmltest.File(t, sample), 0)
}

func FuzzRead(f *testing.F) {
	xmltest.Fuzz(f, robotxml.New(), xmltest.File(f, sample), green())
}

func large() []byte {
	return xmltest.Large(`<robot><suite name="S">`, `<test id="t#" name="Test #" line="9">`+strings.Repeat(`<kw name="Log To Console" owner="BuiltIn"><msg time="2026-11-30T01:13:28.474151" level="INFO">gripper open</msg><arg>gripper</arg><doc>Logs the given message.</doc><status status="PASS" start="2026-11-30T01:13:28.457368" elapsed="0.000620"/></kw>`, 3)+
		`<tag>arm</tag><status status="PASS" start="2026-11-30T01:13:28.456333" elapsed="0.129864"/></test>`, `<status status="PASS"/></suite></robot>`, 20_000)
}

func TestRead_memory(t *testing.T) { xmltest.Memory(t, robotxml.New(), large(), 8<<20) }

func BenchmarkRead(b *testing.B) { xmltest.Benchmark(b, robotxml.New(), large()) }
