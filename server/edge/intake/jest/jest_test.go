package jest_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/jest"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"numFailedTests": 0, "numTotalTests": 1, "success": true, "testResults": [{"assertionResults": [
  {"ancestorTitles": ["arm"], "duration": 138, "failureDetails": [], "failureMessages": [], "fullName": "arm moves#", "invocations": 1, "location": null, "numPassingAsserts": 0, "retryReasons": [], "status": "passed", "title": "moves#"}
], "endTime": 1796001306580, "message": "a\nb", "name": "/lab/arm.test.js", "startTime": 1796001301436, "status": "passed", "summary": ""}], "wasInterrupted": false}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, jest.New(), "../testdata/jest_arm.json")
	reporttest.Samples(t, jest.New(), "../testdata/jest_flaky.json")
	reporttest.Samples(t, jest.New(), "../testdata/jest_switch.json")
	reporttest.Samples(t, jest.New(), "../testdata/vitest_all.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, jest.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"status": "passed"`, `"status": "failed"`},
		{`"success": true`, `"success": false`},
		{`"numFailedTests": 0`, `"numFailedTests": 1`},
		{`"wasInterrupted": false`, `"wasInterrupted": true`},
	}})
}

// The tests of several files carry their file, so that those of one name can be told
// apart; a file that could not be run is a failed test.
func TestRead_files(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../testdata/jest_all.json")
	if err != nil {
		t.Fatal(err)
	}
	res := reporttest.Read(t, jest.New(), "jest_all.json", text)
	records := res.Report.Records
	if records != 28 {
		t.Errorf("%d records, want 28", records)
	}
	twice := res.ByID["switch vlan tags"]
	if twice == nil || len(twice.Records) != 2 || twice.Records[0].Suite == twice.Records[1].Suite {
		t.Errorf("the test of two files is %+v", twice)
	}
	broken := res.ByID["nothing.test.js"]
	if broken == nil || broken.Status != report.Fail || !bytes.Contains(broken.Records[0].Attachments[0].Data, []byte("must contain at least one test")) {
		t.Errorf("the file without tests is %+v", broken)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, jest.New(), []jsontest.Story{
		{
			Name:  `retried until it passed`,
			Text:  `{"numTotalTests":1,"testResults":[{"assertionResults":[{"fullName":"a","status":"passed","invocations":3,"retryReasons":["x","y"]}],"status":"passed","message":"m","name":"/x/a.test.js"}]}`,
			Tests: `a=success*`, Outcome: report.OutcomePass,
		},
		{
			Name:  `passed with a failure before, as vitest says it`,
			Text:  `{"numTotalTests":1,"testResults":[{"assertionResults":[{"fullName":"a","status":"passed","failureMessages":["x"]}],"status":"passed","name":"/x/a.test.js"}]}`,
			Tests: `a=success*`, Outcome: report.OutcomePass,
		},
		{
			Name:  `retried and failed`,
			Text:  `{"numTotalTests":1,"testResults":[{"assertionResults":[{"fullName":"a","status":"failed","invocations":3}],"status":"failed","message":"m","name":"/x/a.test.js"}]}`,
			Tests: `a=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `a file that failed by itself`,
			Text:  `{"numTotalTests":1,"testResults":[{"assertionResults":[{"fullName":"a","status":"passed"}],"status":"failed","message":"m","name":"/x/a.test.js"}]}`,
			Tests: `a=success; a.test.js=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `a run that failed for no test`,
			Text:  `{"numTotalTests":1,"success":false,"testResults":[{"assertionResults":[{"fullName":"a","status":"passed"}],"status":"passed","message":"m","name":"/x/a.test.js"}]}`,
			Tests: `a=success`, Outcome: report.OutcomeIncomplete,
		},
		{
			Name:  `without a full name`,
			Text:  `{"numTotalTests":1,"testResults":[{"assertionResults":[{"ancestorTitles":["x","y"],"title":"a","status":"todo"}],"status":"passed","message":"m","name":"/x/a.test.js"}]}`,
			Tests: `x y a=skip`, Outcome: report.OutcomeSkip,
		},
		{
			Name:  `the results of jest's own reporters`,
			Text:  `{"numTotalTests":1,"numFailedTests":0,"testResults":[{"testFilePath":"/x/b.js","testResults":[{"fullName":"a","status":"pending"}],"testExecError":{"message":"x"}}]}`,
			Tests: `a=skip; b.js=fail`, Outcome: report.OutcomeFail,
		},
	})
}

func FuzzRead(f *testing.F) {
	jsontest.Fuzz(f, jest.New(), "../testdata/jest_arm.json", "../testdata/jest_flaky.json", "../testdata/jest_switch.json", "../testdata/vitest_all.json")
}

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, jest.New(), jsontest.Within(`{"numTotalTests":5,"testResults":[{"assertionResults":[`, `  {"ancestorTitles": ["arm"], "duration": 138, "failureDetails": [], "failureMessages": [], "fullName": "arm moves#", "invocations": 1, "location": null, "numPassingAsserts": 0, "retryReasons": [], "status": "passed", "title": "moves#"}`, ",\n", `],"name":"/lab/a.test.js","status":"passed"}]}`))
}
