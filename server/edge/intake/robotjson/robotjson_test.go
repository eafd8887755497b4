package robotjson_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/robotjson"
)

const good = `{"generator":"Robot 7.5", "rpa":false, "suite":{"id":"s1", "suites":[{"tests":[
{
"id":"s1-t1", "body":[{"body":[{"type":"MESSAGE","message":"gripper","level":"WARN","timestamp":"2026-11-30T01:32:20.385075"}],"name":"Log","owner":"BuiltIn","args":["\\x1b[32m"],"doc":"Logs.","status":"PASS","start_time":"2026-11-30T01:32:20.384852","elapsed_time":0.000280}],
"name":"Moves#", "tags":["arm","quick"], "lineno":9, "status":"PASS", "start_time":"2026-11-30T01:32:20.383273", "elapsed_time":0.113068}
], "name":"Joint", "status":"PASS", "teardown":{"name":"Free","status":"PASS"}}], "name":"Arm", "status":"PASS"},
"statistics":{"total":{"label":"All Tests","pass":1,"fail":0,"skip":0}},"errors":[]}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, robotjson.New(), "../testdata/robot_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, robotjson.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"status":"PASS", "start_time"`, `"status":"FAIL", "start_time"`},
		{`"name":"Free","status":"PASS"`, `"name":"Free","status":"FAIL"`},
		{`"fail":0`, `"fail":1`},
		{`"name":"Arm", "status":"PASS"`, `"name":"Arm", "status":"FAIL"`},
		{`"name":"Arm", "status":"PASS"`, `"name":"Arm", "status":"PASS","teardown":{"status":"FAIL","message":"x"}`},
	}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, robotjson.New(), []jsontest.Story{
		{
			Name:  `a suite's teardown fails what passed in it`,
			Text:  `{"generator":"Robot 7.3","rpa":false,"suite":{"name":"S","status":"FAIL","tests":[{"name":"a","status":"PASS"},{"name":"b","status":"SKIP"}],"teardown":{"status":"FAIL","message":"x"}}}`,
			Tests: `S.a=fail; S.b=skip`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `so does that of an outer suite`,
			Text:  `{"generator":"Robot 7.3","rpa":false,"suite":{"suites":[{"name":"T","tests":[{"name":"a","status":"PASS"}]}],"name":"S","teardown":{"status":"FAIL"}}}`,
			Tests: `S.T.a=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `not run`,
			Text:  `{"generator":"Robot 7.3","rpa":false,"suite":{"name":"S","status":"PASS","tests":[{"name":"a","status":"NOT RUN"}]}}`,
			Tests: `S.a=skip`, Outcome: report.OutcomeSkip,
		},
		{
			Name:  `a suite that failed for no test`,
			Text:  `{"generator":"Robot 7.3","rpa":false,"suite":{"name":"S","status":"FAIL","tests":[{"name":"a","status":"PASS"}]}}`,
			Tests: `S.a=success`, Outcome: report.OutcomeIncomplete,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, robotjson.New(), "../testdata/robot_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, robotjson.New(), jsontest.Within(`{"rpa":false,"suite":{"tests":[`, `{
"id":"s1-t1", "body":[{"body":[{"type":"MESSAGE","message":"gripper","level":"WARN","timestamp":"2026-11-30T01:32:20.385075"}],"name":"Log","owner":"BuiltIn","args":["\\x1b[32m"],"doc":"Logs.","status":"PASS","start_time":"2026-11-30T01:32:20.384852","elapsed_time":0.000280}],
"name":"Moves#", "tags":["arm","quick"], "lineno":9, "status":"PASS", "start_time":"2026-11-30T01:32:20.383273", "elapsed_time":0.113068}`, ",\n", `],"name":"Arm"}}`))
}
