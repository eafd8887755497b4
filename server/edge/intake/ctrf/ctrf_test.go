package ctrf_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/ctrf"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"reportFormat": "CTRF", "results": {"tool": {"name": "lab"}, "summary": {"tests": 1, "passed": 1, "failed": 0}, "tests": [
 {"name": "moves#", "status": "passed", "duration": 1250, "start": 1796000000000, "stop": 1796000001250, "suite": ["arm", "joint"], "stdout": ["gripper größer 🤖", "x"],
  "tags": ["quick"], "filePath": "src/arm.c", "retries": 0, "message": "a message\nof lines"}
]}}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, ctrf.New(), "../testdata/*ctrf*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, ctrf.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"status": "passed"`, `"status": "failed"`},
		{`"status": "passed"`, `"status": "other"`},
		{`"failed": 0`, `"failed": 1`},
		{`"status": "passed"`, `"status": "passed", "status": "failed"`},
	}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, ctrf.New(), []jsontest.Story{
		{
			Name:  `other is a skip by the runner's own word`,
			Text:  `{"results":{"tool":{"name":"x"},"tests":[{"name":"a","status":"other","rawStatus":"todo"},{"name":"b","status":"other","rawStatus":"blocked"}]}}`,
			Tests: `a=skip; b=unknown`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `retries of a test that passed make it flaky`,
			Text:  `{"results":{"tool":{"name":"x"},"tests":[{"name":"a","status":"passed","retries":2},{"name":"b","status":"failed","retries":2,"flaky":true}]}}`,
			Tests: `a=success*; b=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `suites are a text or a list`,
			Text:  `{"results":{"tool":{"name":"x"},"tests":[{"suite":["x","y"],"name":"a","status":"passed"},{"name":"a","suite":"x > z","status":"passed"}]}}`,
			Tests: `x > y > a=success; x > z > a=success`, Outcome: report.OutcomePass,
		},
		{
			Name:  `a summary with more failures is damage`,
			Text:  `{"results":{"summary":{"failed":2},"tool":{"name":"x"},"tests":[{"name":"a","status":"failed"}]}}`,
			Tests: `a=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `the list may stand before all else`,
			Text:  `{"results":{"tests":[{"status":"passed","name":"a","suite":"s"}],"summary":{"passed":0,"failed":1}}}`,
			Tests: `s > a=success`, Outcome: report.OutcomeIncomplete,
		},
		{
			Name:  `nothing was run`,
			Text:  `{"results":{"tool":{"name":"x"},"tests":[]}}`,
			Tests: ``, Outcome: report.OutcomeEmpty,
		},
		{
			Name:  `a test without a status is unknown`,
			Text:  `{"results":{"tool":{"name":"x"},"tests":[{"name":"a"}]}}`,
			Tests: `a=unknown`, Outcome: report.OutcomeFail,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, ctrf.New(), "../testdata/*ctrf*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, ctrf.New(), jsontest.Within(`{"results":{"tool":{"name":"x"},"tests":[`, ` {"name": "moves#", "status": "passed", "duration": 1250, "start": 1796000000000, "stop": 1796000001250, "suite": ["arm", "joint"], "stdout": ["gripper größer 🤖", "x"],
  "tags": ["quick"], "filePath": "src/arm.c", "retries": 0, "message": "a message\nof lines"}`, ",\n", `]}}`))
}
