package teamcity_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/teamcity"
)

const sample = "../testdata/phpunit_switch.teamcity"

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, teamcity.New(), "../testdata/*.teamcity")
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"##teamcity[testSuiteStarted name='a']\n":            true,
		"building\n  ##teamcity[testStarted name='a']\n":     true,
		"##teamcity[progressMessage 'x']\n":                  false,
		"the mark ##teamcity[testStarted name='a'] inside\n": false,
		"": false,
	} {
		if got := teamcity.New().Detect([]byte(text)) > report.No; got != want {
			t.Errorf("%q is recognised: %v, want %v", text, got, want)
		}
	}
}

// messages writes messages, one a line.
func messages(lines ...string) string {
	var out strings.Builder
	for _, l := range lines {
		if strings.HasPrefix(l, "test") || strings.HasPrefix(l, "flow") || strings.HasPrefix(l, "build") {
			l = "##teamcity[" + l + "]"
		}
		out.WriteString(l + "\n")
	}
	return out.String()
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lines   []string
		tests   string
		damage  string
		outcome report.Outcome
	}{
		"plain":              {[]string{"testStarted name='a'", "testFinished name='a'"}, "a=success", "", "pass"},
		"suites":             {[]string{"testSuiteStarted name='/ci/phpunit.xml'", "testSuiteStarted name='S'", "testStarted name='a'", "testFinished name='a'", "testSuiteFinished name='S'", "testSuiteFinished name='/ci/phpunit.xml'"}, "S > a=success", "", "pass"},
		"escapes":            {[]string{"testStarted name='|'a|' |[b|] || |0x00e4|n'", "testFinished name='|'a|' |[b|] || |0x00e4|n'"}, "'a' [b] | ä=success", "", "pass"},
		"failed and ignored": {[]string{"testStarted name='a'", "testFailed name='a' message='m'", "testIgnored name='a'", "testFinished name='a'"}, "a=fail", "", "fail"},
		"never started":      {[]string{"testFailed name='a'", "testIgnored name='b' message='why'"}, "a=fail; b=skip", "", "fail"},
		"never finished":     {[]string{"testStarted name='a'"}, "a=inprogress", "", "fail"},
		"failed, open":       {[]string{"testStarted name='a'", "testFailed name='a'"}, "a=fail", "", "fail"},
		"open suite":         {[]string{"testSuiteStarted name='S'", "testStarted name='a'", "testFinished name='a'"}, "S > a=success", "unclosed", "incomplete"},
		"no such suite":      {[]string{"testSuiteFinished name='S'"}, "", "malformed", "error"},
		"flows": {[]string{
			"testSuiteStarted name='A' flowId='1'", "testSuiteStarted name='B' flowId='2'", "testStarted name='t' flowId='1'", "testStarted name='t' flowId='2'",
			"testFailed name='t' flowId='2'", "testFinished name='t' flowId='1'", "testFinished name='t' flowId='2'", "testSuiteFinished name='A' flowId='1'", "testSuiteFinished name='B' flowId='2'",
		}, "A > t=success; B > t=fail", "", "fail"},
		"a flow below another": {[]string{
			"testSuiteStarted name='A' flowId='1'", "flowStarted flowId='2' parent='1'", "testStarted name='t' flowId='2'", "testFinished name='t' flowId='2'", "testSuiteFinished name='A' flowId='1'",
		}, "A > t=success", "", "pass"},
		"a ring of flows": {[]string{"flowStarted flowId='2' parent='1'", "flowStarted flowId='1' parent='2'", "testStarted name='t' flowId='2'", "testFinished name='t' flowId='2'"}, "t=success", "", "pass"},
		"again":           {[]string{"testStarted name='a'", "testFailed name='a'", "testFinished name='a'", "testStarted name='a'", "testFinished name='a'"}, "a=fail", "", "fail"},
		"retried":         {[]string{"testRetrySupport enabled='true'", "testStarted name='a'", "testFailed name='a'", "testFinished name='a'", "testStarted name='a'", "testFinished name='a'"}, "a=success", "", "pass"},
		"retried to red":  {[]string{"testRetrySupport enabled='true'", "testStarted name='a'", "testFinished name='a'", "testStarted name='a'", "testFailed name='a'", "testFinished name='a'"}, "a=fail", "", "fail"},
		"too few":         {[]string{"testCount count='2'", "testStarted name='a'", "testFinished name='a'"}, "a=success", "plan", "incomplete"},
		"build problem":   {[]string{"testStarted name='a'", "testFinished name='a'", "buildProblem description='out of memory'"}, "a=success", "verdict", "incomplete"},
		"build status":    {[]string{"testStarted name='a'", "testFinished name='a'", "buildStatus status='FAILURE' text='no'"}, "a=success", "verdict", "incomplete"},
		"broken message":  {[]string{"testStarted name='a'", "testFinished name='a'", "##teamcity[testFailed name='b'"}, "a=success", "malformed", "incomplete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := reporttest.Read(t, teamcity.New(), name, []byte(messages(test.lines...)))
			var tests, damage []string
			for _, r := range res.Tests {
				tests = append(tests, r.ID+"="+r.Status.String())
			}
			for _, d := range res.Report.Damage {
				damage = append(damage, string(d.Kind))
			}
			if got := strings.Join(tests, "; "); got != test.tests {
				t.Errorf("tests %q, want %q", got, test.tests)
			}
			if got := strings.Join(damage, " "); got != test.damage {
				t.Errorf("damage %q, want %q", got, test.damage)
			}
			if got := res.Outcome(); got != test.outcome {
				t.Errorf("outcome %s, want %s", got, test.outcome)
			}
		})
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	text := messages("before", "testStarted name='a' timestamp='2026-11-30T08:00:00.250+0100'", "printed", "testStdErr name='a' out='warned|n'",
		"testMetadata testName='a' name='board' value='b1'", "testFailed name='a' message='no' details='at line 5' expected='1' actual='2'", "testFinished name='a' duration='1500'", "after")
	a := reporttest.Read(t, teamcity.New(), "texts", []byte(text)).ByID["a"].Records[0]
	got := map[string]string{}
	for _, at := range a.Attachments {
		got[at.Name] = string(at.Data)
	}
	for name, want := range map[string]string{"stdout": "printed\n", "stderr": "warned\n", "message": "no", "traceback": "at line 5", "expected": "1", "actual": "2"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if want := time.Date(2026, 11, 30, 7, 0, 0, 250e6, time.UTC); !a.Start.Equal(want) || a.Duration != 1500*time.Millisecond {
		t.Errorf("start %v, duration %v", a.Start, a.Duration)
	}
	if len(a.Properties) != 1 || a.Properties[0] != (report.Property{Name: "board", Value: "b1"}) {
		t.Errorf("properties %v", a.Properties)
	}
}

func TestFlipAndCut(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	green := bytes.Join(without(lines, "testFailed"), nil)
	if got := reporttest.Read(t, teamcity.New(), "green", green).Outcome(); got != report.OutcomePass {
		t.Fatalf("without failures the outcome is %s", got)
	}
	reporttest.Cut(t, teamcity.New(), green, 0)
	for i, l := range lines {
		name, ok := bytes.CutPrefix(l, []byte("##teamcity[testFinished name='"))
		if !ok {
			continue
		}
		name, _, _ = bytes.Cut(name, []byte("'"))
		red := bytes.Join(without(lines[:i], "testFailed"), nil)
		red = append(red, fmt.Sprintf("##teamcity[testFailed name='%s' flowId='3149']\n", name)...)
		red = append(red, bytes.Join(without(lines[i:], "testFailed"), nil)...)
		if got := reporttest.Read(t, teamcity.New(), "red", red).Outcome(); got != report.OutcomeFail {
			t.Errorf("with %s failed the outcome is %s", name, got)
		}
	}
}

func without(lines [][]byte, word string) (kept [][]byte) {
	for _, l := range lines {
		if !bytes.Contains(l, []byte(word)) {
			kept = append(kept, l)
		}
	}
	return kept
}

func TestManyOpen(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&text, "##teamcity[testStarted name='t%d']\n", i)
	}
	for i := range 50_000 {
		fmt.Fprintf(&text, "##teamcity[testFinished name='t%d']\n", i)
	}
	res := reporttest.Read(t, teamcity.New(), "open", []byte(text.String()))
	if got := res.Counts()[report.Success]; got != 50_000 {
		t.Errorf("%d tests passed", got)
	}
	res = reporttest.ReadLimited(t, teamcity.New(), "limit", []byte(text.String()), report.Limits{OpenBytes: 100_000})
	if got := res.Outcome(); got != report.OutcomeFail || res.Report.Damage[0].Kind != report.KindTruncated {
		t.Errorf("over the limit the outcome is %s, damage %v", got, res.Report.Damage)
	}
}

func FuzzRead(f *testing.F) {
	data, err := os.ReadFile(sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("##teamcity[testStarted name='|0xd800|']\n##teamcity[a'b'='c']\n##teamcity['x' flowId]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		teamcity.New().Detect(data)
		reporttest.Read(t, teamcity.New(), "fuzz", data)
	})
}

func BenchmarkRead(b *testing.B) {
	sample, err := os.ReadFile(sample)
	if err != nil {
		b.Fatal(err)
	}
	data := bytes.Repeat(sample, 1000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		s := report.NewSink(report.Limits{}, func(*report.Record) error { return nil })
		if err := teamcity.New().Read(b.Context(), report.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}, s); err != nil {
			b.Fatal(err)
		}
	}
}
