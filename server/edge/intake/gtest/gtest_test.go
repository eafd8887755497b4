package gtest_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/gtest"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
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

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, gtest.New(), "../testdata/gtest_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, gtest.New(), jsontest.Within(`{"name":"x","testsuites":[{"name":"Arm","testsuite":[`, `  {"name": "Moves#", "file": "/tmp/gtest/arm.cc", "line": 5, "status": "RUN", "result": "COMPLETED", "timestamp": "2026-11-30T01:25:06Z", "time": "0.11s", "classname": "Arm", "serial": "SN-1"}`, ",\n", `]}]}`))
}
