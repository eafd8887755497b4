package cucumber_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/cucumber"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `[{"description": "", "elements": [
  {"description": "", "id": "the-arm;moves", "keyword": "Scenario", "line": 6, "name": "moves#", "steps": [
   {"arguments": [], "keyword": "Given ", "line": 4, "name": "power is on", "match": {"location": "features/steps/s.js:5"}, "result": {"status": "passed", "duration": 10493538}, "embeddings": [{"data": "Z3Jpcg==", "mime_type": "text/plain"}]},
   {"arguments": [], "keyword": "When ", "line": 7, "name": "it moves", "match": {"location": "features/steps/s.js:6"}, "result": {"status": "passed", "duration": 34902175}, "output": ["größer\n"]}],
   "tags": [{"name": "@arm", "line": 1}], "type": "scenario"},
  {"description": "", "id": "the-arm;moves", "keyword": "Scenario", "line": 6, "name": "moves#", "steps": [
   {"arguments": [], "keyword": "Given ", "line": 4, "name": "power is on", "match": {"location": "features/steps/s.js:5"}, "result": {"status": "passed", "duration": 10493538}, "embeddings": [{"data": "Z3Jpcg==", "mime_type": "text/plain"}]},
   {"arguments": [], "keyword": "When ", "line": 7, "name": "it moves", "match": {"location": "features/steps/s.js:6"}, "result": {"status": "passed", "duration": 34902175}, "output": ["größer\n"]}],
   "tags": [{"name": "@arm", "line": 1}], "type": "scenario"}
], "id": "the-arm", "line": 2, "keyword": "Feature", "name": "The arm", "tags": [], "uri": "features/arm.feature"}]
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, cucumber.New(), "../testdata/cucumber_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, cucumber.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"status": "passed"`, `"status": "failed"`},
		{`"status": "passed"`, `"status": "undefined"`},
		{`"status": "passed"`, `"status": "odd"`},
	}})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, cucumber.New(), "../testdata/cucumber_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, cucumber.New(), jsontest.Within(`[{"elements":[`, `  {"description": "", "id": "the-arm;moves", "keyword": "Scenario", "line": 6, "name": "moves#", "steps": [
   {"arguments": [], "keyword": "Given ", "line": 4, "name": "power is on", "match": {"location": "features/steps/s.js:5"}, "result": {"status": "passed", "duration": 10493538}, "embeddings": [{"data": "Z3Jpcg==", "mime_type": "text/plain"}]},
   {"arguments": [], "keyword": "When ", "line": 7, "name": "it moves", "match": {"location": "features/steps/s.js:6"}, "result": {"status": "passed", "duration": 34902175}, "output": ["größer\n"]}],
   "tags": [{"name": "@arm", "line": 1}], "type": "scenario"}`, ",\n", `],"name":"The arm","keyword":"Feature","uri":"x"}]`))
}
