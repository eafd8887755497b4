package ctest_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/ctest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile/xmltest"
)

const sample = "../testdata/ctest_Test.xml"

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Sample(t, ctest.New(), sample)
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]report.Confidence{
		`<?xml version="1.0"?><Site BuildName="x"><Testing>`: report.Certain, `<Site><Build>`: report.Likely, `<testsuite><Site><Testing>`: report.No, "": report.No,
	} {
		if got := ctest.New().Detect([]byte(text)); got != want {
			t.Errorf("Detect(%q) = %d, want %d", text, got, want)
		}
	}
}

// site wraps tests.
func site(tests string) string { return "<Site><Testing>" + tests + "</Testing></Site>" }

// one writes a test.
func one(name, status, results string) string {
	return `<Test Status="` + status + `"><Name>` + name + `</Name><Path>.</Path><FullName>./` + name + `</FullName><Results>` + results + `</Results></Test>`
}

func completion(text string) string {
	return `<NamedMeasurement type="text/string" name="Completion Status"><Value>` + text + `</Value></NamedMeasurement>`
}

func TestRead(t *testing.T) {
	t.Parallel()
	xmltest.Stories(t, ctest.New(), map[string]xmltest.Story{
		"words": xmltest.Says(site(one("a", "passed", "")+one("b", "failed", "")+one("c", "notrun", completion("SKIP_RETURN_CODE=77"))+one("d", "notrun", completion("Disabled"))+
			one("e", "notrun", completion("Fixture dependency failed"))+one("f", "notrun", "")+one("g", "melted", "")+one("h", "", "")), 0, "a success", "b fail", "c skip", "d skip", "e fail", "f fail", "g unknown…", "h unknown…"),
		"listed":                xmltest.Says(site("<TestList><Test>./a</Test><Test>./sub/b</Test><Test>./x/y/c</Test><Test>./a</Test></TestList>"+one("a", "passed", "")), 0, "a success", "sub/b exists", "x/y/c exists"),
		"listed in directories": xmltest.Says(site(`<TestList><Test>./a</Test><Test>./sub/b/c</Test><Test>./sub/d</Test></TestList><Test Status="passed"><Name>d</Name><Path>./sub</Path><FullName>./sub/d</FullName></Test>`), 0, "d success", "a exists", "b/c exists"),
		"cut in a test":         xmltest.Says("<Site><Testing>"+one("a", "passed", "")+`<Test Status="passed"><Name>b</Name>`, 1, "a success", "b unknown…"),
		"cut in a red test":     xmltest.Says("<Site><Testing>"+`<Test Status="failed"><Name>b</Name>`, 1, "b fail…"),
		"cut before a test":     xmltest.Says("<Site><Testing><TestList><Test>./a</Test><Test>./b</Test></TestList>"+one("a", "passed", ""), 1, "a success", "b exists"),
		"another file of it":    xmltest.Says(`<Site BuildName="x"><Build><Error><Text>no</Text></Error><Error><Text>nor this</Text></Error></Build></Site>`, 0, "Build fail"),
		"a build that is fine":  xmltest.Says(`<Site><Build><Warning><Text>hm</Text></Warning><Failure type="Warning"/></Build></Site>`, 0),
		"a build's launcher":    xmltest.Says(`<Site><Build><Failure type="Error"><Result><StdErr>no</StdErr></Result></Failure></Build></Site>`, 0, "Build fail"),
		"configured":            xmltest.Says(`<Site><Configure><Log>x</Log><ConfigureStatus>0</ConfigureStatus></Configure></Site>`, 0),
		"not configured":        xmltest.Says(`<Site><Configure><Log>x</Log><ConfigureStatus>1</ConfigureStatus></Configure></Site>`, 0, "Configure fail"),
		"memory checked":        xmltest.Says(`<Site><DynamicAnalysis Checker="Valgrind"><TestList><Test>./a</Test><Test>./b</Test></TestList>`+one("a", "failed", `<Defect type="Memory Leak">2</Defect>`)+`</DynamicAnalysis></Site>`, 0, "a fail", "b exists"),
		"the same name":         xmltest.Says(site(one("a", "failed", "")+one("a", "passed", "")), 0, "a fail"),
	})
}

func packed(text string) string {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

func TestRead_notes(t *testing.T) {
	t.Parallel()
	in := site(one("a", "failed", `<NamedMeasurement type="text/string" name="Exit Code"><Value>SEGFAULT</Value></NamedMeasurement>`+
		`<NamedMeasurement type="numeric/double" name="Execution Time"><Value>1.5</Value></NamedMeasurement>`+
		`<NamedMeasurement type="numeric/double" name="volts"><Value>11.9</Value></NamedMeasurement>`+
		`<NamedMeasurement type="image/png" name="plot" encoding="base64"><Value>`+base64.StdEncoding.EncodeToString([]byte("\x89PNG"))+`</Value></NamedMeasurement>`+
		`<NamedMeasurement type="file" name="a" filename="log.txt" encoding="base64" compression="tar/gzip"><Value>H4sI</Value></NamedMeasurement>`+
		`<Measurement><Value encoding="base64" compression="gzip">`+packed("größer\n")+`====</Value></Measurement></Results><Labels><Label>slow</Label><Label>power</Label></Labels><Results>`) +
		one("b", "notrun", completion("Disabled")+`<Measurement><Value>Disabled</Value></Measurement>`) +
		strings.Replace(one("c", "passed", `<Measurement><Value encoding="base64">!!</Value></Measurement>`), "<Path>.<", "<Path>./sub<", 1))
	got := reporttest.Read(t, ctest.New(), "Test.xml", []byte(in))
	for id, want := range map[string][]string{
		"a": {"plot: \x89PNG", "log.txt.tar.gz: \x1f\x8b\x08", "stdout: größer\n", "message: SEGFAULT", "Exit Code=SEGFAULT", "volts=11.9", "#power", "#slow", "1.5s"},
		"b": {"reason: Disabled", "Completion Status=Disabled"},
		"c": {"stdout: !!", "in ./sub"},
	} {
		if notes := xmltest.Notes(got.ByID[id]); !slices.Equal(notes, want) {
			t.Errorf("%s: %q, want %q", id, notes, want)
		}
	}
	if len(got.Report.Warnings) != 1 {
		t.Errorf("warnings %q", got.Report.Warnings)
	}
}

// TestRead_bomb shows that short texts cannot stand for more than an upload may
// hold.
func TestRead_bomb(t *testing.T) {
	t.Parallel()
	bomb := one("a", "passed", `<Measurement><Value encoding="base64" compression="gzip">`+packed(strings.Repeat("0", 4<<20))+`</Value></Measurement>`)
	got := reporttest.ReadLimited(t, ctest.New(), "Test.xml", []byte(site(strings.Repeat(bomb, 10))), report.Limits{DecompressedBytes: 3 << 20})
	total := 0
	for _, r := range got.ByID["a"].Records {
		for _, a := range r.Attachments {
			total += len(a.Data)
			if !a.Truncated {
				t.Error("an attachment is whole")
			}
		}
	}
	if total != 3<<20 || len(got.ByID["a"].Records) != 10 {
		t.Errorf("%d bytes in %d records", total, len(got.ByID["a"].Records))
	}
}

// green is the sample without what is not green.
func green(t testing.TB) []byte {
	tests := regexp.MustCompile(`(?s)\t*<Test Status="(failed|notrun)">.*?</Test>\n`)
	return tests.ReplaceAll(xmltest.File(t, sample), nil)
}

func TestRead_flipped(t *testing.T) {
	t.Parallel()
	xmltest.Flip(t, ctest.New(), green(t), regexp.MustCompile(`Status="(passed)"`), "failed")
	xmltest.Flip(t, ctest.New(), green(t), regexp.MustCompile(`Status="(passed)"`), "notrun")
	xmltest.Encodings(t, ctest.New(), green(t))
}

func TestRead_cut(t *testing.T) {
	t.Parallel()
	reporttest.Cut(t, ctest.New(), green(t), 0)
	reporttest.Cut(t, ctest.New(), xmltest.File(t, sample), 0)
}

func FuzzRead(f *testing.F) { xmltest.Fuzz(f, ctest.New(), xmltest.File(f, sample)) }

func large() []byte {
	return xmltest.Large("<Site><Testing>", one("t#", "passed", `<NamedMeasurement type="numeric/double" name="Execution Time"><Value>0.5</Value></NamedMeasurement>`+
		completion("Completed")+`<Measurement><Value>`+strings.Repeat("all is well\n", 20)+`</Value></Measurement>`), "</Testing></Site>", 40_000)
}

func TestRead_memory(t *testing.T) { xmltest.Memory(t, ctest.New(), large(), 8<<20) }

func BenchmarkRead(b *testing.B) { xmltest.Benchmark(b, ctest.New(), large()) }
