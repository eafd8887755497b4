package nunit_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/nunit"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile/xmltest"
)

const sample = "../testdata/nunit3_arm.xml"

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Sample(t, nunit.New(), sample)
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]report.Confidence{
		"<?xml version='1.0'?>\n<test-run id='2'>": report.Certain, "<test-runs>": report.No, "<TestRun>": report.No, "": report.No,
	} {
		if got := nunit.New().Detect([]byte(text)); got != want {
			t.Errorf("Detect(%q) = %d, want %d", text, got, want)
		}
	}
}

func run(result, content string) string {
	return `<test-run result="` + result + `">` + content + `</test-run>`
}

func suite(name, result, content string) string {
	return `<test-suite type="TestFixture" name="x" fullname="` + name + `" result="` + result + `">` + content + `</test-suite>`
}

func one(name, result string) string {
	return `<test-case name="x" fullname="` + name + `" result="` + result + `"/>`
}

func TestRead(t *testing.T) {
	t.Parallel()
	const own = `<failure><message>no port</message><stack-trace>at Setup</stack-trace></failure>`
	xmltest.Stories(t, nunit.New(), map[string]xmltest.Story{
		"words": xmltest.Says(run("Failed", one("a", "Passed")+one("b", "Warning")+one("c", "Failed")+one("d", "Skipped")+one("e", "Inconclusive")+one("f", "Melted")+`<test-case name="g"/>`), 0,
			"a success", "b success", "c fail", "d skip", "e skip", "f unknown…", "g unknown…"),
		"an error of a suite":             xmltest.Says(run("Failed", suite("Lab", "Failed", suite("Lab.Arm", "Failed", own+one("Lab.Arm.a", "Passed")))), 0, "Lab.Arm.a success", "Lab.Arm fail"),
		"an error that a test carries":    xmltest.Says(run("Failed", suite("Lab", "Failed", own+suite("Lab.Arm", "Failed", one("Lab.Arm.a", "Failed")))), 0, "Lab.Arm.a fail"),
		"an error without a text":         xmltest.Says(run("Failed", suite("Lab", "Failed", one("a", "Passed"))), 0, "a success", "Lab fail"),
		"an error of an assembly":         xmltest.Says(run("Failed", `<test-suite type="Assembly" name="arm.dll" fullname="C:\lab\arm.dll" result="Failed"></test-suite>`), 0, "arm.dll fail"),
		"an assembly on another system":   xmltest.Says(run("Failed", `<test-suite type="Assembly" name="arm.dll" fullname="/home/ci/arm.dll" result="Failed"/>`), 0, "arm.dll fail"),
		"two suites, one of them failed":  xmltest.Says(run("Failed", suite("A", "Failed", one("A.a", "Failed"))+suite("B", "Failed", one("B.b", "Passed"))), 0, "A.a fail", "B.b success", "B fail"),
		"a run that failed":               xmltest.Says(run("Failed", suite("A", "Passed", one("A.a", "Passed"))), 1, "A.a success"),
		"a run that counts a failure":     xmltest.Says(`<test-run result="Passed" failed="1">`+one("a", "Passed")+`</test-run>`, 1, "a success"),
		"a run that counts its failure":   xmltest.Says(`<test-run result="Failed" failed="1">`+one("a", "Failed")+`</test-run>`, 0, "a fail"),
		"a run that failed without tests": xmltest.Says(run("Failed", ""), 1),
		"cut in a test":                   xmltest.Says(`<test-run result="Passed">`+one("a", "Passed")+`<test-case fullname="b" result="Passed"><output>`, 1, "a success", "b unknown…"),
		"cut in a red suite":              xmltest.Says(`<test-run result="Failed"><test-suite fullname="S" result="Failed">`+one("a", "Passed"), 1, "a success", "S fail…"),
		"no full name":                    xmltest.Says(run("Passed", `<test-case name="a" result="Passed"/>`), 0, "a success"),
	})
}

func TestRead_notes(t *testing.T) {
	t.Parallel()
	got := reporttest.Read(t, nunit.New(), "TestResult.xml", []byte(run("Failed", `<test-suite type="TestFixture" fullname="S" result="Failed">`+
		`<properties><property name="Category" value="lab"/><property name="Author" value="x"/></properties>`+
		`<test-case fullname="a" result="Failed" label="Error" duration="0.110" start-time="2026-11-30 01:00:01Z" end-time="2026-11-30T01:00:01.110Z">`+
		`<properties><property name="Category" value="slow"/><property name="Board" value="b1"/></properties>`+
		`<failure><message><![CDATA[5 < 7]]></message><stack-trace>at Arm.cs</stack-trace></failure><output><![CDATA[größer]]></output>`+
		`<assertions><assertion result="Failed"><message>5 &lt; 7</message><stack-trace>at Arm.cs</stack-trace></assertion><assertion result="Failed"><message>second</message></assertion></assertions>`+
		`<attachments><attachment><filePath>plot.png</filePath><description>d</description></attachment></attachments></test-case>`+
		`<test-case fullname="b" result="Skipped" duration="-1"><reason><message>no arm</message></reason></test-case>`+
		`<test-case fullname="c" result="Warning"><reason><message>hot</message></reason></test-case></test-suite>`)))
	for id, want := range map[string][]string{
		"a": {"message: 5 < 7", "traceback: at Arm.cs", "stdout: größer", "message-2: second", "label=Error", "Board=b1", "file=plot.png", "#lab", "#slow", "110ms", "2026-11-30T01:00:01Z", "2026-11-30T01:00:01.11Z", "in S"},
		"b": {"reason: no arm", "#lab", "in S"},
		"c": {"message: hot", "#lab", "in S"},
	} {
		if notes := xmltest.Notes(got.ByID[id]); !slices.Equal(notes, want) {
			t.Errorf("%s: %q, want %q", id, notes, want)
		}
	}
}

func green() []byte {
	return []byte(`<?xml version="1.0" encoding="utf-8"?>` + run("Passed", suite("Lab", "Passed", suite("Lab.Arm", "Passed", one("Lab.Arm.größe", "Passed")+one("Lab.Arm.b", "Passed"))+suite("Lab.Leg", "Passed", one("Lab.Leg.c", "Passed")))))
}

// TestRead_flipped turns the result of each test, of each suite and of the run.
func TestRead_flipped(t *testing.T) {
	t.Parallel()
	xmltest.Flip(t, nunit.New(), green(), regexp.MustCompile(`result="(Passed)"`), "Failed")
	xmltest.Encodings(t, nunit.New(), green())
}

func TestRead_cut(t *testing.T) {
	t.Parallel()
	reporttest.Cut(t, nunit.New(), green(), 0)
	reporttest.Cut(t, nunit.New(), xmltest.File(t, sample), 0)
}

func FuzzRead(f *testing.F) { xmltest.Fuzz(f, nunit.New(), xmltest.File(f, sample), green()) }

func large() []byte {
	return xmltest.Large(`<test-run result="Passed"><test-suite fullname="S" result="Passed">`, `<test-case id="0-#" name="Moves #" fullname="Lab.Arm.Moves #" methodname="Moves" classname="Lab.Arm" runstate="Runnable" seed="1" result="Passed" start-time="2026-11-30T01:00:01.000Z" end-time="2026-11-30T01:00:01.110Z" duration="0.110" asserts="1"><output><![CDATA[gripper open größer
]]></output></test-case>`, `</test-suite></test-run>`, 40_000)
}

func TestRead_memory(t *testing.T) { xmltest.Memory(t, nunit.New(), large(), 8<<20) }

func BenchmarkRead(b *testing.B) { xmltest.Benchmark(b, nunit.New(), large()) }
