package gtest_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/gtest"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"tests": 1, "failures": 0, "disabled": 0, "errors": 0, "timestamp": "2026-11-30T01:25:06Z", "time": "0.11s", "name": "AllTests", "testsuites": [{"name": "Arm", "tests": 1, "failures": 0, "testsuite": [
  {"name": "Moves#", "file": "/tmp/gtest/arm.cc", "line": 5, "status": "RUN", "result": "COMPLETED", "timestamp": "2026-11-30T01:25:06Z", "time": "0.11s", "classname": "Arm", "serial": "SN-1"}
]}]}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, gtest.New(), "../testdata/gtest_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, gtest.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"result": "COMPLETED"`, `"result": "FAILED"`},
		{`"failures": 0`, `"failures": 1`},
		{`"classname": "Arm"`, `"failures": [{"failure": "x"}], "classname": "Arm"`},
		{`"errors": 0`, `"errors": 1`},
	}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, gtest.New(), []jsontest.Story{
		{
			Name:  `disabled, skipped and filtered`,
			Text:  `{"testsuites":[{"name":"S","testsuite":[{"name":"a","classname":"S","status":"NOTRUN","result":"SUPPRESSED"},{"name":"b","classname":"S","status":"RUN","result":"SKIPPED","skipped":[{"message":"no arm"}]}]}]}`,
			Tests: `S.a=skip; S.b=skip`, Outcome: report.OutcomeSkip,
		},
		{
			Name:  `a failure outside of tests`,
			Text:  `{"testsuites":[{"name":"S","testsuite":[{"name":"","classname":"","status":"RUN","result":"COMPLETED","failures":[{"failure":"x"}]}]}]}`,
			Tests: `S=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `counts that disagree`,
			Text:  `{"testsuites":[{"name":"S","testsuite":[{"name":"a","classname":"S","status":"RUN","result":"COMPLETED"}]}],"failures":1}`,
			Tests: `S.a=success`, Outcome: report.OutcomeIncomplete,
		},
		{
			Name:  `older files have no result`,
			Text:  `{"testsuites":[{"name":"S","testsuite":[{"name":"a","classname":"S","status":"RUN","time":"0s"}]}]}`,
			Tests: `S.a=success`, Outcome: report.OutcomePass,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, gtest.New(), "../testdata/gtest_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, gtest.New(), jsontest.Within(`{"name":"x","testsuites":[{"name":"Arm","testsuite":[`, `  {"name": "Moves#", "file": "/tmp/gtest/arm.cc", "line": 5, "status": "RUN", "result": "COMPLETED", "timestamp": "2026-11-30T01:25:06Z", "time": "0.11s", "classname": "Arm", "serial": "SN-1"}`, ",\n", `]}]}`))
}
