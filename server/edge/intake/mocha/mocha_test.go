package mocha_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/mocha"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"stats": {"suites": 1, "tests": 2, "passes": 1, "pending": 1, "failures": 0, "start": "2026-11-30T01:21:33.056Z"},
"tests": [
  {"title": "moves#", "fullTitle": "arm moves#", "file": "/home/ci/lab-wrk/js/mocha/arm.js", "duration": 117, "currentRetry": 1, "speed": "fast", "err": {}},
{"fullTitle": "arm sleeps", "err": {}}
],
"pending": [{"fullTitle": "arm sleeps"}],
"failures": [],
"passes": [
  {"title": "moves#", "fullTitle": "arm moves#", "file": "/home/ci/lab-wrk/js/mocha/arm.js", "duration": 117, "currentRetry": 1, "speed": "fast", "err": {}}
]}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, mocha.New(), "../testdata/mocha_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, mocha.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"failures": 0`, `"failures": 1`},
		{`"failures": []`, `"failures": [  {"title": "moves#", "fullTitle": "arm moves#", "file": "/home/ci/lab-wrk/js/mocha/arm.js", "duration": 117, "currentRetry": 1, "speed": "fast", "err": {}}]`},
		{`"failures": []`, `"failures": [{"fullTitle": "a hook"}]`},
		{`  {"title": "moves#", "fullTitle": "arm moves#", "file": "/home/ci/lab-wrk/js/mocha/arm.js", "duration": 117, "currentRetry": 1, "speed": "fast", "err": {}},
`, `  {"title": "moves#", "fullTitle": "arm moves#", "file": "/home/ci/lab-wrk/js/mocha/arm.js", "duration": 117, "currentRetry": 1, "speed": "fast", "err": {"message": "x"}},
`},
		{`"pending": [{"fullTitle": "arm sleeps"}]`, `"pending": []`},
	}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, mocha.New(), []jsontest.Story{
		{
			Name:  `a hook stands in failures only`,
			Text:  `{"stats":{"passes":1,"failures":1},"tests":[{"fullTitle":"a","err":{}}],"pending":[],"failures":[{"fullTitle":"hook","err":{"message":"x"}}],"passes":[{"fullTitle":"a"}]}`,
			Tests: `a=success; hook=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `retried until it passed`,
			Text:  `{"stats":{"passes":1,"failures":0},"tests":[{"fullTitle":"a","currentRetry":1,"err":{}}],"pending":[],"failures":[],"passes":[{"fullTitle":"a"}]}`,
			Tests: `a=success*`, Outcome: report.OutcomePass,
		},
		{
			Name:  `skipped`,
			Text:  `{"stats":{"passes":1,"failures":0},"tests":[{"fullTitle":"a","err":{}}],"pending":[{"fullTitle":"a"}],"failures":[],"passes":[]}`,
			Tests: `a=skip`, Outcome: report.OutcomeSkip,
		},
		{
			Name:  `in none of the lists`,
			Text:  `{"stats":{"passes":1,"failures":0},"tests":[{"fullTitle":"a","err":{}}],"pending":[],"failures":[],"passes":[{"fullTitle":"b"}]}`,
			Tests: `a=unknown`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `counted as failed and not there`,
			Text:  `{"stats":{"passes":1,"failures":1},"tests":[{"fullTitle":"a","err":{}}],"pending":[],"failures":[],"passes":[{"fullTitle":"a"}]}`,
			Tests: `a=success`, Outcome: report.OutcomeIncomplete,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, mocha.New(), "../testdata/mocha_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, mocha.New(), jsontest.Within(`{"stats":{"passes":5,"failures":0},"tests":[`, `  {"title": "moves#", "fullTitle": "arm moves#", "file": "/home/ci/lab-wrk/js/mocha/arm.js", "duration": 117, "currentRetry": 1, "speed": "fast", "err": {}}`, ",\n", `]}`))
}
