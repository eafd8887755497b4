package trx_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/trx"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile/xmltest"
)

const sample = "../testdata/arm.trx"

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Sample(t, trx.New(), sample)
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]report.Confidence{
		"\xef\xbb\xbf<?xml version='1.0'?>\n<TestRun id='x' xmlns='y'>": report.Certain, "<TestRunner>": report.No, "<test-run>": report.No, "": report.No,
	} {
		if got := trx.New().Detect([]byte(text)); got != want {
			t.Errorf("Detect(%q) = %d, want %d", text, got, want)
		}
	}
}

const (
	summary     = `<ResultSummary outcome="Completed"/>`
	definitions = `<TestDefinitions><UnitTest id="A1"><TestCategory><TestCategoryItem TestCategory="slow"/><TestCategoryItem TestCategory="arm"/></TestCategory>` +
		`<TestMethod className="Lab.Arm" name="x"/></UnitTest><UnitTest id="a2"><TestMethod className="Lab.Leg, Lab, Version=1.2.3.4, Culture=neutral" name="y"/></UnitTest></TestDefinitions>`
)

func run(results, more string) string {
	return `<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>` + results + `</Results>` + definitions + more + `</TestRun>`
}

func one(id, name, outcome string) string {
	return `<UnitTestResult testId="` + id + `" testName="` + name + `" outcome="` + outcome + `"/>`
}

func TestRead(t *testing.T) {
	t.Parallel()
	var words string
	for _, word := range []string{"Passed", "PassedButRunAborted", "Warning", "Completed", "Failed", "Error", "Timeout", "Aborted", "Disconnected", "NotRunnable", "NotExecuted", "Inconclusive", "Pending", "InProgress", "Melted", ""} {
		words += one("?", word, word)
	}
	xmltest.Stories(t, trx.New(), map[string]xmltest.Story{
		"words": xmltest.Says(run(words, summary), 0, "Passed success", "PassedButRunAborted success", "Warning success", "Completed success",
			"Failed fail", "Error fail", "Timeout fail", "Aborted fail", "Disconnected fail", "NotRunnable fail", "NotExecuted skip", "Inconclusive skip", "Pending skip",
			"InProgress inprogress…", "Melted unknown…", " unknown…"),
		"names": xmltest.Says(run(one("a1", "Turns", "Passed")+one("A2", "Walks", "Passed")+one("a1", "Lab.Arm.Lifts", "Passed")+one("a3", "Lost", "Passed"), summary), 0,
			"Lab.Arm.Turns success", "Lab.Leg.Walks success", "Lab.Arm.Lifts success", "Lost success"),
		"rows": xmltest.Says(run(`<UnitTestResult testId="a1" testName="Axis" outcome="Failed"><Output><StdOut>p</StdOut></Output><InnerResults>`+one("a1", "Axis (x)", "Passed")+one("a1", "Axis (y)", "Failed")+`</InnerResults></UnitTestResult>`, summary), 0,
			"Lab.Arm.Axis (x) success", "Lab.Arm.Axis (y) fail", "Lab.Arm.Axis fail"),
		"no outcome":                xmltest.Says(run(`<UnitTestResult testId="a1" testName="a"/>`, `<ResultSummary outcome="Completed"/>`), 0, "Lab.Arm.a fail"), // Error is the default that is left out
		"CppUnit":                   xmltest.Says(`<TestRun><FailedTests><FailedTest id="3"><Name>Arm::turns</Name></FailedTest></FailedTests><SuccessfulTests/><Statistics/></TestRun>`, 1),
		"of a later schema":         xmltest.Says(run(one("a1", "a", "Passed"), summary+`<Benches/>`), 0, "Lab.Arm.a success"),
		"a run of nothing":          xmltest.Says(`<TestRun><Times/><ResultSummary outcome="Completed"/></TestRun>`, 0),
		"an aborted run":            xmltest.Says(run(one("a1", "a", "Passed"), `<ResultSummary outcome="Aborted"/>`), 1, "Lab.Arm.a success"),
		"a failed run":              xmltest.Says(run(one("a1", "a", "Passed"), `<ResultSummary outcome="Failed"/>`), 1, "Lab.Arm.a success"),
		"an error of the run":       xmltest.Says(run(one("a1", "a", "Passed"), `<ResultSummary outcome="Completed"><RunInfos><RunInfo outcome="Error"><Text>host crashed</Text></RunInfo></RunInfos></ResultSummary>`), 1, "Lab.Arm.a success"),
		"a warning of the run":      xmltest.Says(run(one("a1", "a", "Passed"), `<ResultSummary outcome="Completed"><RunInfos><RunInfo outcome="Warning"><Text>x</Text></RunInfo></RunInfos></ResultSummary>`), 0, "Lab.Arm.a success"),
		"an error that a test says": xmltest.Says(run(one("a1", "a", "Failed"), `<ResultSummary outcome="Failed"><RunInfos><RunInfo outcome="Error"><Text>[FAIL]</Text></RunInfo></RunInfos></ResultSummary>`), 0, "Lab.Arm.a fail"),
		"nothing but an error":      xmltest.Says(run("", `<ResultSummary outcome="Failed"><RunInfos><RunInfo outcome="Error"><Text>x</Text></RunInfo></RunInfos></ResultSummary>`), 1),
		"cut in a test":             xmltest.Says(`<TestRun><Results>`+one("a1", "a", "Passed")+`<UnitTestResult testName="b" outcome="Passed"><Output>`, 1, "a success", "b unknown…"),
		"cut in a red test":         xmltest.Says(`<TestRun><Results><UnitTestResult testName="b" outcome="Failed"><Output>`, 1, "b fail…"),
	})
}

func TestRead_notes(t *testing.T) {
	t.Parallel()
	got := reporttest.Read(t, trx.New(), "a.trx", []byte(run(
		`<UnitTestResult testId="a1" testName="a" outcome="Failed" duration="1.01:02:03.5000000" startTime="2026-11-30T01:00:00.0000000+01:00" endTime="2026-11-30T01:00:05.5000000+01:00">`+
			`<Output><StdOut>7 kg</StdOut><StdErr>hot</StdErr><DebugTrace>d</DebugTrace><ErrorInfo><Message>5 &lt; 7</Message><StackTrace>at Arm.cs</StackTrace></ErrorInfo><TextMessages><Message>m</Message></TextMessages></Output>`+
			`<ResultFiles><ResultFile path="BENCH\plot.png"/></ResultFiles></UnitTestResult>`+
			`<UnitTestResult testId="a2" testName="b" outcome="NotExecuted" duration="soon"><Output><ErrorInfo><Message>no arm</Message></ErrorInfo></Output></UnitTestResult>`,
		`<ResultSummary outcome="Failed"><Output><StdOut>from all</StdOut></Output></ResultSummary>`)))
	for id, want := range map[string][]string{
		"Lab.Arm.a": {"stdout: 7 kg", "stderr: hot", "debug: d", "message: 5 < 7", "traceback: at Arm.cs", "message-2: m", `file=BENCH\plot.png`, "#arm", "#slow", "25h2m3.5s", "2026-11-30T00:00:00Z", "2026-11-30T00:00:05.5Z", "in Lab.Arm"},
		"Lab.Leg.b": {"reason: no arm", "in Lab.Leg"},
	} {
		if notes := xmltest.Notes(got.ByID[id]); !slices.Equal(notes, want) {
			t.Errorf("%s: %q, want %q", id, notes, want)
		}
	}
	if files := got.Report.Attachments; len(files) != 1 || files[0].Name != "stdout" || len(got.Report.Warnings) != 1 {
		t.Errorf("files %+v, warnings %q", files, got.Report.Warnings)
	}
}

func green() []byte {
	return []byte(`<?xml version="1.0" encoding="utf-8"?>` + run(one("a1", "a größe", "Passed")+`<UnitTestResult testId="a1" testName="Axis" outcome="Passed"><InnerResults>`+one("a1", "Axis (x)", "Passed")+`</InnerResults></UnitTestResult>`+one("a2", "b", "Passed"), summary))
}

func TestRead_flipped(t *testing.T) {
	t.Parallel()
	for _, red := range []string{"Failed", "Timeout", "Aborted"} {
		xmltest.Flip(t, trx.New(), green(), regexp.MustCompile(`outcome="(Passed)"`), red)
	}
	xmltest.Flip(t, trx.New(), green(), regexp.MustCompile(`outcome="(Completed)"`), "Failed")
	xmltest.Encodings(t, trx.New(), green())
}

func TestRead_cut(t *testing.T) {
	t.Parallel()
	reporttest.Cut(t, trx.New(), green(), 0)
	reporttest.Cut(t, trx.New(), xmltest.File(t, sample), 0)
}

func FuzzRead(f *testing.F) { xmltest.Fuzz(f, trx.New(), xmltest.File(f, sample), green()) }

func large() []byte {
	return xmltest.Large(`<TestRun><Results>`, `<UnitTestResult executionId="d1b7f3a0-0000-4000-8000-#" testId="d1b7f3a0-0000-4000-8000-#" testName="Moves #" computerName="BENCH" duration="00:00:00.1100000" startTime="2026-11-30T01:00:00.0000000+00:00" endTime="2026-11-30T01:00:00.5000000+00:00" testType="13cdc9d9-ddb5-4fa4-a97d-d965ccfc6d4b" outcome="Passed" testListId="8c84fa94-04c1-424b-9868-57a2d4851a1d"><Output><StdOut>gripper open größer</StdOut></Output></UnitTestResult>`,
		`</Results></TestRun>`, 40_000)
}

func TestRead_memory(t *testing.T) { xmltest.Memory(t, trx.New(), large(), 8<<20) }

func BenchmarkRead(b *testing.B) { xmltest.Benchmark(b, trx.New(), large()) }
