package xunitnet_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile/xmltest"
	"github.com/slipway-lab/slipway/server/edge/intake/xunitnet"
)

const sample = "../testdata/xunit_arm.xml"

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Sample(t, xunitnet.New(), sample)
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]report.Confidence{
		"<?xml version='1.0'?>\n<assemblies timestamp='x'>": report.Certain, "<assembly name='a' test-framework='xUnit.net 2'>": report.Certain,
		"<assembly name='a' total='1' passed='1'>": report.Certain, "<assembly xmlns='urn:schemas-microsoft-com:asm.v1'>": report.No, "<testsuite>": report.No, "": report.No,
	} {
		if got := xunitnet.New().Detect([]byte(text)); got != want {
			t.Errorf("Detect(%q) = %d, want %d", text, got, want)
		}
	}
}

func assemblies(attributes, content string) string {
	return `<assemblies><assembly name="C:\lab\arm.dll" ` + attributes + `>` + content + `</assembly></assemblies>`
}

func collection(tests string) string { return `<collection name="c">` + tests + `</collection>` }

func one(name, result string) string {
	return `<test name="` + name + `" time="0.5" result="` + result + `"/>`
}

func TestRead(t *testing.T) {
	t.Parallel()
	xmltest.Stories(t, xunitnet.New(), map[string]xmltest.Story{
		"words": xmltest.Says(assemblies(`failed="1" errors="0"`, collection(one("a", "Pass")+one("b", "Fail")+one("c", "Skip")+one("d", "NotRun")+one("e", "Melted")+`<test name="f"/>`)), 0,
			"a success", "b fail", "c skip", "d skip", "e unknown…", "f unknown…"),
		"an error": xmltest.Says(assemblies(`errors="2"`, `<errors><error type="class-cleanup" name="Lab.Arm"><failure><message>m</message></failure></error><error type="fatal"><failure/></error></errors>`+collection(one("a", "Pass"))), 0,
			"Lab.Arm fail", "fatal fail", "a success"),
		"counted and not there":  xmltest.Says(assemblies(`failed="2"`, collection(one("a", "Pass"))), 1, "a success"),
		"counted and no test":    xmltest.Says(assemblies(`errors="1"`, ""), 1),
		"one assembly is red":    xmltest.Says(`<assemblies><assembly failed="1">`+one("a", "Fail")+`</assembly><assembly failed="1">`+one("b", "Pass")+`</assembly></assemblies>`, 1, "a fail", "b success"),
		"an assembly alone":      xmltest.Says(`<assembly name="a" passed="1">`+collection(one("a", "Pass"))+`</assembly>`, 0, "a success"),
		"version 1, in a class":  xmltest.Says(`<assemblies><assembly><class>`+one("a", "Pass")+`</class></assembly></assemblies>`, 0, "a success"),
		"a class of version 1":   xmltest.Says(`<assembly name="a" passed="1"><class name="Lab.Arm"><failure exception-type="E"><message>m</message><stack-trace>s</stack-trace></failure>`+one("a", "Pass")+`</class></assembly>`, 0, "Lab.Arm fail", "a success"),
		"a class without a name": xmltest.Says(`<assembly name="a" passed="1"><class><failure exception-type="E"/></class></assembly>`, 0, "E fail"),
		"cut in a test":          xmltest.Says(`<assemblies><assembly>`+one("a", "Pass")+`<test name="b" result="Pass"><output>`, 1, "a success", "b unknown…"),
		"cut in an error":        xmltest.Says(`<assemblies><assembly><errors><error name="e"><failure><message>m`, 1, "e fail…"),
		"a name in another name": xmltest.Says(assemblies("", collection(`<test name="a" result="Pass"><failure><test name="b" result="Fail"/></failure></test>`)), 0, "a success"),
	})
}

func TestRead_notes(t *testing.T) {
	t.Parallel()
	got := reporttest.Read(t, xunitnet.New(), "xunit.xml", []byte(assemblies(`failed="1"`, collection(
		`<test name="a(x: &quot;1&quot;)" result="Fail" time="0.11" start-rtf="2026-11-30T01:00:00.0000000+00:00" finish-rtf="2026-11-30T01:00:00.1100000+00:00">`+
			`<traits><trait name="Category" value="lab"/><trait name="Board" value="b1"/></traits><output><![CDATA[größer]]></output>`+
			`<failure exception-type="Xunit.Sdk.EqualException"><message><![CDATA[5 < 7]]></message><stack-trace>at Arm.cs</stack-trace></failure>`+
			`<warnings><warning>hot</warning></warnings><attachments><attachment name="note">plain</attachment><attachment name="plot" media-type="image/png">iVBORw==</attachment></attachments></test>`+
			`<test name="b" type="Lab.Arm" result="Skip" time="NaN"><reason>no arm</reason></test>`))))
	for id, want := range map[string][]string{
		`a(x: "1")`: {"stdout: größer", "message: 5 < 7", "traceback: at Arm.cs", "warning: hot", "note: plain", "plot: \x89PNG", "exception-type=Xunit.Sdk.EqualException", "#Board=b1", "#lab", "110ms", "2026-11-30T01:00:00Z", "2026-11-30T01:00:00.11Z"},
		"b":         {"reason: no arm", "in Lab.Arm"},
	} {
		if notes := xmltest.Notes(got.ByID[id]); !slices.Equal(notes, want) {
			t.Errorf("%s: %q, want %q", id, notes, want)
		}
	}
}

func green() []byte {
	return []byte(`<?xml version="1.0" encoding="utf-8"?>` + assemblies(`passed="3" failed="0" errors="0"`, `<errors/>`+collection(one("größe", "Pass")+one("b", "Pass"))+collection(one("c", "Pass"))))
}

func TestRead_flipped(t *testing.T) {
	t.Parallel()
	xmltest.Flip(t, xunitnet.New(), green(), regexp.MustCompile(`result="(Pass)"`), "Fail")
	xmltest.Flip(t, xunitnet.New(), green(), regexp.MustCompile(`(?:failed|errors)="(0)"`), "1")
	xmltest.Encodings(t, xunitnet.New(), green())
}

func TestRead_cut(t *testing.T) {
	t.Parallel()
	reporttest.Cut(t, xunitnet.New(), green(), 0)
	reporttest.Cut(t, xunitnet.New(), xmltest.File(t, sample), 0)
}

func FuzzRead(f *testing.F) { xmltest.Fuzz(f, xunitnet.New(), xmltest.File(f, sample), green()) }

func large() []byte {
	return xmltest.Large(`<assemblies><assembly><collection>`, `<test name="Lab.Arm.Moves#" type="Lab.Arm" method="Moves" time="0.1100000" result="Pass"><traits><trait name="Category" value="lab" /></traits><output><![CDATA[gripper open größer]]></output></test>`, `</collection></assembly></assemblies>`, 40_000)
}

func TestRead_memory(t *testing.T) { xmltest.Memory(t, xunitnet.New(), large(), 8<<20) }

func BenchmarkRead(b *testing.B) { xmltest.Benchmark(b, xunitnet.New(), large()) }
