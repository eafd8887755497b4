package kirk_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/kirk"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"results": [
 {"test_fqn": "moves#", "status": "pass", "test": {"command": "sh", "arguments": ["-c"], "log": "gripper gr\u00f6\u00dfer\n", "retval": ["0"],
  "duration": 0.2623100280761719, "failed": 0, "passed": 1, "broken": 0, "skipped": 0, "warnings": 0, "result": "pass"}}
],
"stats": {"runtime": 1, "passed": 1, "failed": 0, "broken": 0}}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, kirk.New(), "../testdata/kirk_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, kirk.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"status": "pass"`, `"status": "brok"`},
		{`"status": "pass"`, `"status": "odd"`},
		{`"broken": 0}}`, `"broken": 1}}`},
	}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, kirk.New(), []jsontest.Story{
		{
			Name:  `broken, warned and not configured`,
			Text:  `{"results":[{"test_fqn":"a","status":"brok"},{"test_fqn":"b","status":"warn"},{"test_fqn":"c","status":"conf"}]}`,
			Tests: `a=fail; b=fail; c=skip`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `the result of the test counts where there is no status`,
			Text:  `{"results":[{"test_fqn":"a","test":{"result":"fail"}}]}`,
			Tests: `a=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `LTP's own words beside the status`,
			Text:  `{"results":[{"test_fqn":"a","status":"pass","test":{"result":"TFAIL"}},{"test_fqn":"b","status":"pass","test":{"result":"TBROK"}},{"test_fqn":"c","test":{"result":"TCONF"}},{"test_fqn":"d","status":"pass","test":{"result":"TPASS"}}]}`,
			Tests: `a=fail; b=fail; c=skip; d=success`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `stats that disagree are damage`,
			Text:  `{"stats":{"failed":0,"broken":3},"results":[{"test_fqn":"a","status":"pass"}]}`,
			Tests: `a=success`, Outcome: report.OutcomeIncomplete,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, kirk.New(), "../testdata/kirk_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, kirk.New(), jsontest.Within(`{"results":[`, ` {"test_fqn": "moves#", "status": "pass", "test": {"command": "sh", "arguments": ["-c"], "log": "gripper gr\u00f6\u00dfer\n", "retval": ["0"],
  "duration": 0.2623100280761719, "failed": 0, "passed": 1, "broken": 0, "skipped": 0, "warnings": 0, "result": "pass"}}`, ",\n", `],"stats":{"failed":0}}`))
}
