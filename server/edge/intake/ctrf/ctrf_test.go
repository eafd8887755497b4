package ctrf_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/ctrf"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
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

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, ctrf.New(), "../testdata/*ctrf*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, ctrf.New(), jsontest.Within(`{"results":{"tool":{"name":"x"},"tests":[`, ` {"name": "moves#", "status": "passed", "duration": 1250, "start": 1796000000000, "stop": 1796000001250, "suite": ["arm", "joint"], "stdout": ["gripper größer 🤖", "x"],
  "tags": ["quick"], "filePath": "src/arm.c", "retries": 0, "message": "a message\nof lines"}`, ",\n", `]}}`))
}
