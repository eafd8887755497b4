package junit_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/junit"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile/xmltest"
)

// TestRead_ids checks what a test's id is made of.
func TestRead_ids(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ attributes, want string }{
		{`classname="a.test_arm" name="test_turn"`, "a.test_arm.test_turn"},
		{`name="test_turn"`, "test_turn"},
		{`classname=" " name=" test_turn "`, "test_turn"},
		{`classname="arm lifts" name="arm lifts"`, "arm lifts"},
		{`classname="broken.bats" name=""`, "broken.bats"},
		{`classname="Lab.Arm" name="Lab.Arm.Lifts"`, "Lab.Arm.Lifts"},
		{`classname="Arm" name="Arm#lifts"`, "Arm#lifts"},
		{`classname="Arm" name="Arm::lifts"`, "Arm::lifts"},
		{`classname="arm/a" name="arm/a/lifts"`, "arm/a/lifts"},
		{`classname="Arm" name="Armed"`, "Arm.Armed"},
		{`classname="lifts" name="arm lifts"`, "lifts.arm lifts"}, // only mocha-junit-reporter means the title by it
		{`classname="a&#10;b" name="größe &lt;&amp;&gt; &#x1F916;"`, "a\nb.größe <&> 🤖"},
	} {
		_, records := read(t, "<testsuite><testcase "+tt.attributes+"/></testsuite>", report.Limits{})
		if len(records) != 1 || records[0].ID != tt.want {
			t.Errorf("%s: %q, want %q", tt.attributes, brief(records), tt.want)
		}
	}
	_, records := read(t, `<testsuite name="Arm"><testcase name="" classname=""><failure/></testcase><testcase/></testsuite>`, report.Limits{})
	if want := []string{"Arm fail", " success"}; !slices.Equal(brief(records), want) {
		t.Errorf("googletest outside of a test: %q, want %q", brief(records), want)
	}
	_, records = read(t, `<testsuites name="Mocha Tests"><testsuite><testcase name="arm lifts" classname="lifts"/></testsuite></testsuites>`, report.Limits{})
	if len(records) != 1 || records[0].ID != "arm lifts" {
		t.Errorf("mocha: %q", brief(records))
	}
}

// TestRead_suites checks what tells tests of one id apart.
func TestRead_suites(t *testing.T) {
	t.Parallel()
	_, records := read(t, `<testsuites name="all" hostname="bench"><testsuite name="arm"><testcase name="a"/></testsuite>`+
		`<testsuite name="leg" hostname="webkit"><testsuite name="knee"><testcase name="a"/></testsuite><testcase name="a"/></testsuite><testcase name="a"/></testsuites>`, report.Limits{})
	var got []string
	for _, r := range records {
		got = append(got, r.Suite+"@"+r.Host)
	}
	if want := []string{"arm@bench", "knee@webkit", "leg@webkit", "all@bench"}; !slices.Equal(got, want) {
		t.Errorf("suites %q, want %q", got, want)
	}
	for name, want := range map[string]string{
		"unit_arm.Arm-20261130012224": "unit_arm.Arm", "job-2026-11-30T01.25-3bbce80": "job", "/home/ci/php/tests/": "tests", `C:\lab\tests`: "tests",
		" arm-2 ": "arm-2", "//pkg:test": "//pkg:test", "/": "", "20261130012224": "20261130012224",
	} {
		if _, records := read(t, `<testsuite name="`+name+`"><testcase name="a"/></testsuite>`, report.Limits{}); records[0].Suite != want {
			t.Errorf("suite %q is %q, want %q", name, records[0].Suite, want)
		}
	}
}

// TestRead_statuses checks what makes a status that the tables of faults do not.
func TestRead_statuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in       string
		want     string
		attempts int
		flaky    bool
	}{
		{`<skipped type="pytest.xfail" message="m"/>`, "a xfail reason(text/plain;charset=utf8)=\"m\"", 0, false},
		{`<skipped type="XFAIL"/>`, "a xfail reason(text/plain;charset=utf8)=\"XFAIL\"", 0, false},
		{`<skipped type="pytest.skip" message="no arm">x.py:18: no arm</skipped>`, "a skip reason(text/plain;charset=utf8)=\"no arm\" reason-2(text/plain;charset=utf8)=\"x.py:18: no arm\"", 0, false},
		{`<skipped message="no arm"><![CDATA[no arm]]></skipped>`, "a skip reason(text/plain;charset=utf8)=\"no arm\"", 0, false},
		{`<skipped type="todo"/><failure/>`, "a xfail reason(text/plain;charset=utf8)=\"todo\"", 0, false},
		{`<failure/><skipped type="skip"/>`, "a fail reason(text/plain;charset=utf8)=\"skip\"", 0, false},
		{`<flakyFailure message="m"><stackTrace>s</stackTrace><system-out>o</system-out></flakyFailure><flakyError/>`,
			"a success stdout(text/plain;charset=utf8)=\"o\" message(text/plain;charset=utf8)=\"m\" traceback(text/x-traceback;charset=utf8)=\"s\"", 3, true},
		{`<failure message="1">t</failure><rerunFailure message="2"><stackTrace>u</stackTrace></rerunFailure>`,
			"a fail message(text/plain;charset=utf8)=\"1\" traceback(text/x-traceback;charset=utf8)=\"t\" message-2(text/plain;charset=utf8)=\"2\" traceback-2(text/x-traceback;charset=utf8)=\"u\"", 2, true},
		{`<ignored/>`, "a skip", 0, false},
		{`<Failure message="m"/>`, "a fail message(text/plain;charset=utf8)=\"m\"", 0, false},
		{`<failures><failure message="m"/><failure message="n"/></failures>`, "a fail message(text/plain;charset=utf8)=\"m\" message-2(text/plain;charset=utf8)=\"n\"", 0, false},
		{`<errors/><failures></failures>`, "a success", 0, false},
		{`<warning>w</warning>`, "a success warning(text/plain;charset=utf8)=\"w\"", 0, false},
		{`<rerunError/>`, "a fail", 2, true},
		{`<failure type="T" message="same">same</failure>`, "a fail traceback(text/x-traceback;charset=utf8)=\"same\"", 0, false},
		{`<failure type="T"/>`, "a fail message(text/plain;charset=utf8)=\"T\"", 0, false},
		{`<system-out>o</system-out><system-err><![CDATA[e]]></system-err><system-out/>`, "a success stdout(text/plain;charset=utf8)=\"o\" stderr(text/plain;charset=utf8)=\"e\"", 0, false},
	} {
		got, records := read(t, `<testsuite name="s"><testcase name="a">`+tt.in+`</testcase></testsuite>`, report.Limits{})
		d := described(records)
		if len(d) != 1 || d[0] != tt.want || got.Report.DamageCount != 0 || records[0].Attempts != tt.attempts || records[0].Flaky != tt.flaky {
			t.Errorf("%s:\n%q, %+v\nwant %q", tt.in, d, got.Report.Damage, tt.want)
		}
	}
}

// TestRead_properties checks what a test has beside its outcome.
func TestRead_properties(t *testing.T) {
	t.Parallel()
	got, records := read(t, `<testsuite name="s"><properties><property name="of the suite" value="x"/></properties><system-err>from all</system-err>`+
		`<testcase name="a" serial="SN-1" time="1,234.5" timestamp="2026-11-30T01:25:06.560"><properties><property name="p" value="q"/><property name="r">
 text </property></properties></testcase><testcase name="b" time="-0.000000" timestamp="1970-01-01T00:00:00"/></testsuite>`, report.Limits{})
	a, b := records[0], records[1]
	if want := []report.Property{{Name: "serial", Value: "SN-1"}, {Name: "p", Value: "q"}, {Name: "r", Value: "text"}}; !slices.Equal(a.Properties, want) {
		t.Errorf("properties %v, want %v", a.Properties, want)
	}
	if start := time.Date(2026, 11, 30, 1, 25, 6, 560e6, time.UTC); !a.Start.Equal(start) || a.Duration != 1234500*time.Millisecond {
		t.Errorf("start %v, duration %v", a.Start, a.Duration)
	}
	if !b.Start.IsZero() || !b.HasDuration || b.Duration != 0 || len(b.Properties) != 0 || len(got.Report.Warnings) != 0 {
		t.Errorf("start %v, duration %v %v, properties %v, warnings %v", b.Start, b.HasDuration, b.Duration, b.Properties, got.Report.Warnings)
	}
	if files := got.Report.Attachments; len(files) != 1 || files[0].Name != "s: stderr" {
		t.Errorf("files of the run %+v", files)
	}
}

// TestRead_tries shows that failed attempts explain what the report counts, where
// their tests have passed at last and they are as many, and nothing else.
func TestRead_tries(t *testing.T) {
	t.Parallel()
	const flaky = `<testcase name="a"><flakyFailure/><flakyError/></testcase>`
	for in, damage := range map[string]int64{
		`<testsuite name="s" tests="3" failures="1" errors="1">` + flaky + `</testsuite>`:                                             0,
		`<testsuite name="s" tests="3" failures="3">` + flaky + `</testsuite>`:                                                        1,
		`<testsuite name="s" tests="3" failures="1">` + flaky + `</testsuite>`:                                                        1,
		`<testsuite name="s"><testcase name="a"><step><Failure/></step></testcase></testsuite>`:                                       1,
		`<testsuite name="s" failures="2"><testcase name="a"><flakyFailure/><flakyFailure/><skipped/></testcase></testsuite>`:         1,
		`<testsuite name="s" failures="2">` + flaky + `</testsuite><testsuite name="t" failures="2"><testcase name="b"/></testsuite>`: 1,
	} {
		if got, _ := read(t, in, report.Limits{}); int64(got.Report.DamageCount) != damage {
			t.Errorf("%s: damage %+v, want %d", in, got.Report.Damage, damage)
		}
	}
}

// TestRead_suiteErrors shows that an error of a suite that a test of it has too is
// no further test.
func TestRead_suiteErrors(t *testing.T) {
	t.Parallel()
	const broken = `<failure message="no rack">trace</failure>`
	for name, tt := range map[string]struct {
		in   string
		want []string
	}{
		"carried by a test":         {`<testsuite name="s"><testcase name="a">` + broken + `</testcase>` + broken + `</testsuite>`, []string{"a fail"}},
		"the suite says it first":   {`<testsuite name="s">` + broken + `<testcase name="a">` + broken + `</testcase></testsuite>`, []string{"a fail"}},
		"carried by one further in": {`<testsuite name="s"><testsuite name="t"><testcase name="a">` + broken + `</testcase></testsuite>` + broken + `</testsuite>`, []string{"a fail"}},
		"another failure":           {`<testsuite name="s"><testcase name="a"><failure/></testcase>` + broken + `</testsuite>`, []string{"a fail", "s fail"}},
		"one of two":                {`<testsuite name="s"><testcase name="a">` + broken + `</testcase>` + broken + `<error/></testsuite>`, []string{"a fail", "s fail"}},
		"another suite":             {`<testsuites><testsuite name="s"><testcase name="a">` + broken + `</testcase></testsuite><testsuite name="t">` + broken + `</testsuite></testsuites>`, []string{"a fail", "t fail"}},
	} {
		if _, records := read(t, tt.in, report.Limits{}); !slices.Equal(brief(records), tt.want) {
			t.Errorf("%s: %q, want %q", name, brief(records), tt.want)
		}
	}
}

// TestRead_documents checks what may stand before and behind a document.
func TestRead_documents(t *testing.T) {
	t.Parallel()
	const doc = `<testsuite name="s"><testcase name="a"/></testsuite>`
	for name, tt := range map[string]struct {
		in      string
		noise   int64
		outcome report.Outcome
	}{
		"a log":                 {"Running…\nx < y && z\n<?xml version='1.0'?>" + doc, 22, report.OutcomePass},
		"a log, no declaration": {"[INFO] <arm>\n" + doc, 13, report.OutcomePass},
		"joined":                {"<?xml version='1.0'?>" + doc + "\n\xef\xbb\xbf<?xml version='1.0'?>\n" + doc, 0, report.OutcomePass},
		"joined and red":        {doc + `<testsuite failures="1"/>`, 0, report.OutcomeIncomplete},
		"text behind it":        {doc + "done\n", 0, report.OutcomeIncomplete},
		"another document":      {doc + "<coverage/>", 0, report.OutcomeIncomplete},
		"nothing of ours":       {"a < b", 5, report.OutcomeError},
		"only a declaration":    {"<?xml version='1.0'?>", 0, report.OutcomeEmpty},
		"XML 1.1":               {"<?xml version='1.1'?>" + doc, 0, report.OutcomePass},
	} {
		got := reporttest.Read(t, junit.New(), "a.xml", []byte(tt.in))
		if got.Outcome() != tt.outcome || got.Report.NoiseBytes != tt.noise {
			t.Errorf("%s: %s, %d bytes of noise, damage %v; want %s, %d", name, got.Outcome(), got.Report.NoiseBytes, got.Report.Damage, tt.outcome, tt.noise)
		}
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]report.Confidence{
		"<testsuites/>": report.Certain, "\xef\xbb\xbf\n<?xml version='1.0'?><!-- a <b> -->\n<j:testsuite>": report.Certain, "<testcase ": report.Certain,
		"log\n<?xml version='1.0'?>\n<testsuites>": report.Possible + 20, "[INFO] x\n <testsuite>": report.Possible + 20, "log <testsuite>": report.Possible + 10,
		`{"stdout":"<?xml version='1.0'?><testsuite/>"}`: report.No, `[1,"<testsuite/>"]`: report.No, "<robot>": report.Possible, "<": report.Possible, "<!DOCTYPE x><testsuite>": report.Possible,
		"": report.No, "{}": report.No, "a < b": report.No,
	} {
		if got := junit.New().Detect([]byte(text)); got != want {
			t.Errorf("Detect(%q) = %d, want %d", text, got, want)
		}
	}
}

// FuzzRead holds the reader to what must be true of any input.
func FuzzRead(f *testing.F) {
	var seeds [][]byte
	for _, path := range samples(f) {
		if data := sample(f, path[len("../testdata/"):]); len(data) < 30_000 {
			seeds = append(seeds, data)
		}
	}
	seeds = append(seeds, []byte("x <<testsuite name='s'><error>]]&#27;&x;\xff</error><testcase name=\"<&\r\n\"><failure><![CDATA[a]]></failure>"))
	xmltest.Fuzz(f, junit.New(), seeds...)
}

// lot is a report of n tests as a reader, which takes no memory.
type lot struct {
	one  []byte
	n    int64
	tail []byte
}

func newLot(one string, n int64) *lot { return &lot{[]byte(one), n, []byte("</testsuite>")} }

func (l *lot) size() int64 {
	return int64(len("<testsuite >")) + l.n*int64(len(l.one)) + int64(len(l.tail))
}

func (l *lot) ReadAt(p []byte, off int64) (int, error) {
	const head = "<testsuite >"
	n := 0
	for n < len(p) && off < l.size() {
		var from []byte
		switch body := off - int64(len(head)); {
		case body < 0:
			from = []byte(head)[off:]
		case body < l.n*int64(len(l.one)):
			from = l.one[body%int64(len(l.one)):]
		default:
			from = l.tail[body-l.n*int64(len(l.one)):]
		}
		k := copy(p[n:], from)
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// TestRead_memory reads a report of many tests, one of a long text and one of a
// long line, and shows that memory does not grow with them.
func TestRead_memory(t *testing.T) {
	const size = 24 << 20
	const one = `<testcase classname="lab.Arm" name="lifts" time="0.012"><failure message="too heavy">at Arm.java:42` + "\n" + `</failure><system-out>5 kg</system-out></testcase>`
	for name, in := range map[string]*lot{
		"tests":    newLot(one, size/int64(len(one))),
		"a text":   {[]byte(strings.Repeat("gripper open &lt; ", 64)), size / (64 * 18), []byte("</testsuite>")},
		"one line": {[]byte(`<testcase name="` + strings.Repeat("x", 1000)), size / 1016, []byte(`"/></testsuite>`)},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		highest := uint64(0)
		n := 0
		s := report.NewSink(report.Limits{}, func(*report.Record) error {
			if n++; n%50_000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&after)
				highest = max(highest, after.HeapInuse)
			}
			return nil
		})
		if err := junit.New().Read(t.Context(), report.Input{ReaderAt: in, Size: in.size()}, s); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		highest = max(highest, after.HeapInuse)
		if grown := int64(highest) - int64(before.HeapInuse); grown > 12<<20 {
			t.Errorf("%s: %d MiB of memory for %d MiB", name, grown>>20, in.size()>>20)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	var big bytes.Buffer
	big.WriteString("<testsuites><testsuite name='s'>")
	for i := range 20_000 {
		fmt.Fprintf(&big, `<testcase classname="lab.arm.Joint" name="test_turn[%d]" time="0.012" timestamp="2026-11-30T01:25:06"/>`, i)
		if i%10 == 0 {
			fmt.Fprintf(&big, `<testcase classname="lab.arm.Joint" name="test_lift[%d]" time="1.5"><failure message="7 != 5 &lt;kg&gt;">%s</failure><system-out>%[2]s</system-out></testcase>`, i, strings.Repeat("  File \"/lab/arm.py\", line 7, in test_lift &lt;x&gt;\n", 20))
		}
	}
	big.WriteString("</testsuite></testsuites>")
	for name, data := range map[string][]byte{"big": big.Bytes(), "pytest": sample(b, "pytest_big.xml"), "junit5": sample(b, "junit5_switch.xml")} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				s := report.NewSink(report.Limits{}, func(*report.Record) error { return nil })
				if err := junit.New().Read(b.Context(), report.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
