package cucumber_test

import (
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/cucumber"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const goodMessages = `{"meta":{"protocolVersion":"32.2.0","implementation":{"name":"cucumber-js","version":"12.9.0"}}}
{"source":{"data":"Feature: The arm\n","uri":"features/arm.feature"}}
{"gherkinDocument":{"feature":{"name":"The arm"},"uri":"features/arm.feature"}}
{"pickle":{"id":"p1","uri":"features/arm.feature","tags":[{"name":"@arm"}],"name":"moves"}}
{"testRunStarted":{"id":"r"}}
{"testCase":{"id":"c1","pickleId":"p1","testSteps":[{"id":"s"}]}}
{"testCaseStarted":{"attempt":0,"testCaseId":"c1","id":"a1","timestamp":{"seconds":1796001887,"nanos":848000000}}}
{"attachment":{"body":"gr\u00f6\u00dfer","contentEncoding":"IDENTITY","mediaType":"text/plain","testCaseStartedId":"a1"}}
{"testStepFinished":{"testCaseStartedId":"a1","testStepResult":{"duration":{"seconds":0,"nanos":10493538},"status":"FAILED","message":"Error: x\ny"}}}
{"testCaseFinished":{"testCaseStartedId":"a1","willBeRetried":true}}
{"testCaseStarted":{"attempt":1,"testCaseId":"c1","id":"a2","timestamp":{"seconds":1796001888,"nanos":848000000}}}
{"attachment":{"body":"eA==","contentEncoding":"BASE64","mediaType":"text/plain","testCaseStartedId":"a2"}}
{"testStepFinished":{"testCaseStartedId":"a2","testStepResult":{"duration":{"seconds":0,"nanos":10493538},"status":"PASSED"}}}
{"testCaseFinished":{"testCaseStartedId":"a2","willBeRetried":false}}
{"testRunFinished":{"success":true}}
`

func TestMessages_samples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, cucumber.NewMessages(), "../testdata/cucumber_*.ndjson")
}

func TestMessages_good(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, cucumber.NewMessages(), jsontest.Good{Text: goodMessages, Flips: [][2]string{
		{`"PASSED"`, `"FAILED"`}, {`"PASSED"`, `"PENDING"`}, {`"PASSED"`, `"ODD"`}, {`"success":true`, `"success":false`}, {`"success":true`, `"timestamp":{}`}, {`"success":true`, `"success":null`},
		{`{"testRunStarted":{"id":"r"}}`, `{"parseError":{"source":{"uri":"x.feature"},"message":"no"}}`},
		{`{"testRunStarted":{"id":"r"}}`, `{"testRunHookFinished":{"result":{"status":"FAILED","message":"no"}}}`},
	}})
}

// Each run of a file that was put together answers for itself: what another one says of
// its end hides neither that it failed nor that it has none.
func TestMessages_joined(t *testing.T) {
	t.Parallel()
	failed := strings.Replace(goodMessages, `"success":true`, `"success":false`, 1)
	for name, tt := range map[string]struct {
		text string
		want report.Outcome
	}{
		"both passed":                   {goodMessages + goodMessages, report.OutcomePass},
		"the first says failed":         {failed + goodMessages, report.OutcomeIncomplete},
		"the last says failed":          {goodMessages + failed, report.OutcomeIncomplete},
		"red, and one that says failed": {strings.Replace(failed, `"PASSED"`, `"FAILED"`, 1) + failed, report.OutcomeFail},
	} {
		res := reporttest.Read(t, cucumber.NewMessages(), "c.ndjson", []byte(tt.text))
		if res.Outcome() != tt.want || len(res.Tests) != 2 {
			t.Errorf("%s: %s with %d tests, damage %v; want %s", name, res.Outcome(), len(res.Tests), res.Report.Damage, tt.want)
		}
	}
	lines := strings.SplitAfter(goodMessages, "\n")
	for n := 1; n < len(lines)-1; n++ {
		cut := strings.Join(lines[:n], "")
		for name, text := range map[string]string{"in front of": cut + goodMessages, "behind": goodMessages + cut} {
			if got := reporttest.Read(t, cucumber.NewMessages(), "c.ndjson", []byte(text)).Outcome(); got == report.OutcomePass {
				t.Errorf("%d lines of a run %s a whole one are %s", n, name, got)
			}
		}
	}
}

// An element before a scenario, as older formatters write a background, is no test,
// but what failed in it failed the scenario.
func TestRead_background(t *testing.T) {
	t.Parallel()
	const text = `[{"name":"F","elements":[
 {"type":"background","name":"","steps":[{"result":{"status":"failed","error_message":"no power"}}]},
 {"type":"scenario","name":"a","steps":[{"result":{"status":"skipped"}}]},
 {"type":"scenario","name":"b","steps":[{"result":{"status":"passed"}}]}]}]`
	res := reporttest.Read(t, cucumber.New(), "c.json", []byte(text))
	a, b := res.ByID["F > a"], res.ByID["F > b"]
	if len(res.Tests) != 2 || a == nil || a.Status != report.Fail || b == nil || b.Status != report.Success {
		t.Fatalf("the tests are %+v, %+v of %d", a, b, len(res.Tests))
	}
	if !strings.Contains(string(a.Records[0].Attachments[0].Data), "no power") {
		t.Errorf("the scenario has not the background's message: %+v", a.Records[0].Attachments)
	}
}

func FuzzMessages(f *testing.F) {
	jsontest.Fuzz(f, cucumber.NewMessages(), "../testdata/cucumber_*.ndjson")
}

func BenchmarkMessages(b *testing.B) {
	test := `{"pickle":{"id":"p#","uri":"features/arm.feature","tags":[{"name":"@arm"}],"name":"moves"}}
{"testCase":{"id":"c#","pickleId":"p#","testSteps":[{"id":"s"}]}}
{"testCaseStarted":{"attempt":0,"testCaseId":"c#","id":"a#","timestamp":{"seconds":1796001887,"nanos":848000000}}}
{"testStepStarted":{"testCaseStartedId":"a#","testStepId":"ec5a8969-f8ed-40fb-b245-4e148db606a5","timestamp":{"seconds":1796001887,"nanos":848000000}}}
{"testStepFinished":{"testCaseStartedId":"a#","testStepResult":{"duration":{"seconds":0,"nanos":10493538},"status":"PASSED"}}}
{"testCaseFinished":{"testCaseStartedId":"a#","willBeRetried":false}}
`
	jsontest.Bench(b, cucumber.NewMessages(), jsontest.Within(`{"meta":{"protocolVersion":"1"}}`+"\n", test, "", `{"testRunFinished":{"success":true}}`))
}
