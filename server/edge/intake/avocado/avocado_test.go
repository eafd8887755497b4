package avocado_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/avocado"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"cancel": 0, "errors": 0, "failures": 0, "interrupt": 0, "job_id": "3bb", "tests": [
 {"actual_time_end": 1796001928.07, "actual_time_start": 1796001926.99, "fail_reason": "<unknown>", "id": "1-arm.py:Arm.test_moves#", "logdir": "/x",
  "logfile": "/x/debug.log", "name": "arm.py:Arm.test_moves#", "status": "PASS", "tags": {"arm": ["x"]}, "time_elapsed": 0.99, "time_end": 3566.9, "time_start": 3565.9, "whiteboard": "größer"}
], "total": 1}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, avocado.New(), "../testdata/avocado_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, avocado.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"status": "PASS"`, `"status": "FAIL"`},
		{`"status": "PASS"`, `"status": "INTERRUPTED"`},
		{`"interrupt": 0`, `"interrupt": 1`},
		{`"interrupt": 0`, `"interrupt": true`},
		{`"errors": 0`, `"errors": 2`},
		{`"total": 1`, `"total": 2`},
	}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, avocado.New(), []jsontest.Story{
		{
			Name:  `older files have the number in the name, and other members`,
			Text:  `{"job_id":"x","tests":[{"id":"1-a.py:A.b","status":"PASS","time":1.5,"start":1405000000.5,"fail_reason":"None"},{"name":"2-x","status":"WARN"}]}`,
			Tests: `a.py:A.b=success; x=success`, Outcome: report.OutcomePass,
		},
		{
			Name:  `what was interrupted has failed`,
			Text:  `{"job_id":"x","tests":[{"name":"a","status":"INTERRUPTED"},{"name":"b","status":"CANCEL"}]}`,
			Tests: `a=fail; b=skip`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `a test that runs three times is three tests`,
			Text:  `{"job_id":"x","tests":[{"name":"1-a","status":"PASS"},{"name":"2-a","status":"FAIL"},{"name":"3-a (2)","status":"PASS"},{"name":"4-a","status":"CANCEL"}]}`,
			Tests: `a=success; a (2)=fail; a (2) (2)=success; a (3)=skip`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `an interrupted job without a red test is damage`,
			Text:  `{"job_id":"x","interrupt":1,"tests":[{"name":"a","status":"PASS"}]}`,
			Tests: `a=success`, Outcome: report.OutcomeIncomplete,
		},
		{
			Name:  `a job that was interrupted between two tests counts more than it lists`,
			Text:  `{"job_id":"x","interrupt":0,"pass":1,"skip":2,"total":3,"tests":[{"name":"a","status":"PASS"}]}`,
			Tests: `a=success`, Outcome: report.OutcomeIncomplete,
		},
		{
			Name:  `a total is no more than a count`,
			Text:  `{"job_id":"x","total":2,"tests":[{"name":"a","status":"PASS"},{"name":"b","status":"SKIP"}]}`,
			Tests: `a=success; b=skip`, Outcome: report.OutcomePass,
		},
		{
			Name:  `a name that only begins with a digit stays`,
			Text:  `{"job_id":"x","tests":[{"name":"3d.py","status":"PASS"}]}`,
			Tests: `3d.py=success`, Outcome: report.OutcomePass,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, avocado.New(), "../testdata/avocado_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, avocado.New(), jsontest.Within(`{"job_id":"1","tests":[`, ` {"actual_time_end": 1796001928.07, "actual_time_start": 1796001926.99, "fail_reason": "<unknown>", "id": "1-arm.py:Arm.test_moves#", "logdir": "/x",
  "logfile": "/x/debug.log", "name": "arm.py:Arm.test_moves#", "status": "PASS", "tags": {"arm": ["x"]}, "time_elapsed": 0.99, "time_end": 3566.9, "time_start": 3565.9, "whiteboard": "größer"}`, ",\n", `]}`))
}
