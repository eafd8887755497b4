package playwright_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/playwright"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"config": {"rootDir": "/lab", "workers": 1, "projects": []},
"suites": [{"title": "arm.spec.js", "file": "arm.spec.js", "specs": [
  {"title": "moves#", "ok": true, "tags": ["slow"], "tests": [
   {"timeout": 30000, "annotations": [{"type": "issue", "description": "LAB-42"}], "expectedStatus": "passed", "projectId": "chromium", "projectName": "chromium", "results": [
    {"workerIndex": 0, "status": "failed", "duration": 20, "error": {"message": "Error: \u001b[2mx", "stack": "at arm.js:3"}, "errors": [{"message": "Error: \u001b[2mx"}], "stdout": [], "stderr": [], "retry": 0, "startTime": "2026-11-30T01:25:08.000Z", "attachments": []},
    {"workerIndex": 0, "status": "passed", "duration": 150, "errors": [], "stdout": [{"text": "gripper größer 🤖\n"}, {"buffer": "eA=="}], "stderr": [], "retry": 1, "startTime": "2026-11-30T01:25:08.226Z", "attachments": [{"name": "note", "contentType": "text/plain", "body": "YXR0YWNoZWQ="}]}],
    "status": "flaky"}], "id": "x", "file": "arm.spec.js", "line": 3, "column": 3},
  {"title": "movesb", "ok": true, "tags": ["slow"], "tests": [
   {"timeout": 30000, "annotations": [{"type": "issue", "description": "LAB-42"}], "expectedStatus": "passed", "projectId": "chromium", "projectName": "chromium", "results": [
    {"workerIndex": 0, "status": "failed", "duration": 20, "error": {"message": "Error: \u001b[2mx", "stack": "at arm.js:3"}, "errors": [{"message": "Error: \u001b[2mx"}], "stdout": [], "stderr": [], "retry": 0, "startTime": "2026-11-30T01:25:08.000Z", "attachments": []},
    {"workerIndex": 0, "status": "passed", "duration": 150, "errors": [], "stdout": [{"text": "gripper größer 🤖\n"}, {"buffer": "eA=="}], "stderr": [], "retry": 1, "startTime": "2026-11-30T01:25:08.226Z", "attachments": [{"name": "note", "contentType": "text/plain", "body": "YXR0YWNoZWQ="}]}],
    "status": "expected"}], "id": "x", "file": "arm.spec.js", "line": 3, "column": 3}
]}], "errors": [], "stats": {"expected": 2, "unexpected": 0}}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, playwright.New(), "../testdata/playwright_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, playwright.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"status": "passed"`, `"status": "failed"`},
		{`"status": "passed"`, `"status": "timedOut"`},
		{`"status": "expected"`, `"status": "unexpected"`},
		{`"status": "flaky"`, `"status": "unexpected"`},
		{`"expectedStatus": "passed"`, `"expectedStatus": "failed"`},
		{`"ok": true`, `"ok": false`},
		{`"unexpected": 0`, `"unexpected": 1`},
		{`"errors": [], "stats"`, `"errors": [{"message": "x"}], "stats"`},
	}})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, playwright.New(), "../testdata/playwright_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, playwright.New(), jsontest.Within(`{"config":{"rootDir":"/lab","workers":1},"suites":[{"title":"a.js","file":"a.js","specs":[`, `  {"title": "moves#", "ok": true, "tags": ["slow"], "tests": [
   {"timeout": 30000, "annotations": [{"type": "issue", "description": "LAB-42"}], "expectedStatus": "passed", "projectId": "chromium", "projectName": "chromium", "results": [
    {"workerIndex": 0, "status": "failed", "duration": 20, "error": {"message": "Error: \u001b[2mx", "stack": "at arm.js:3"}, "errors": [{"message": "Error: \u001b[2mx"}], "stdout": [], "stderr": [], "retry": 0, "startTime": "2026-11-30T01:25:08.000Z", "attachments": []},
    {"workerIndex": 0, "status": "passed", "duration": 150, "errors": [], "stdout": [{"text": "gripper größer 🤖\n"}, {"buffer": "eA=="}], "stderr": [], "retry": 1, "startTime": "2026-11-30T01:25:08.226Z", "attachments": [{"name": "note", "contentType": "text/plain", "body": "YXR0YWNoZWQ="}]}],
    "status": "flaky"}], "id": "x", "file": "arm.spec.js", "line": 3, "column": 3}`, ",\n", `]}]}`))
}
