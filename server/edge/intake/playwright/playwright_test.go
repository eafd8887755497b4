package playwright_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/playwright"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
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

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, playwright.New(), []jsontest.Story{
		{
			Name:  `without a project`,
			Text:  `{"config":{"rootDir":"/lab"},"suites":[{"title":"a.js","file":"a.js","specs":[{"title":"t","ok":true,"tests":[{"status":"expected","expectedStatus":"passed","results":[{"status":"passed"}]}]}]}]}`,
			Tests: `a.js › t=success`, Outcome: report.OutcomePass,
		},
		{
			Name:  `passed although failure was expected`,
			Text:  `{"config":{"rootDir":"/lab"},"suites":[{"title":"a.js","file":"a.js","specs":[{"title":"t","ok":true,"tests":[{"status":"unexpected","expectedStatus":"failed","projectName":"p","results":[{"status":"passed"}]}]}]}]}`,
			Tests: `[p] a.js › t=uxsuccess`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `failed as expected`,
			Text:  `{"config":{"rootDir":"/lab"},"suites":[{"title":"a.js","file":"a.js","specs":[{"title":"t","ok":true,"tests":[{"status":"expected","expectedStatus":"failed","results":[{"status":"failed"}]}]}]}]}`,
			Tests: `a.js › t=xfail`, Outcome: report.OutcomePass,
		},
		{
			Name:  `the last attempt passed`,
			Text:  `{"config":{"rootDir":"/lab"},"suites":[{"title":"a.js","file":"a.js","specs":[{"title":"t","ok":true,"tests":[{"status":"flaky","expectedStatus":"passed","results":[{"status":"failed","error":{"message":"x"}},{"status":"passed"}]}]}]}]}`,
			Tests: `a.js › t=success*`, Outcome: report.OutcomePass,
		},
		{
			Name:  `interrupted`,
			Text:  `{"config":{"rootDir":"/lab"},"suites":[{"title":"a.js","file":"a.js","specs":[{"title":"t","ok":true,"tests":[{"status":"skipped","expectedStatus":"passed","results":[{"status":"interrupted"}]}]}]}]}`,
			Tests: `a.js › t=inprogress`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `an error of the run is a failed test of its file`,
			Text:  `{"config":{"rootDir":"/lab"},"suites":[{"title":"a.js","file":"a.js","specs":[{"title":"t","ok":true,"tests":[{"status":"expected","expectedStatus":"passed","results":[{"status":"passed"}]}]}]}],"errors":[{"message":"x","location":{"file":"/lab/e2e/b.spec.js"}},{"message":"y"}]}`,
			Tests: `a.js › t=success; e2e/b.spec.js=fail; errors=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `members in the order of the alphabet`,
			Text:  `{"config":{"rootDir":"/lab"},"stats":{"unexpected":0},"suites":[{"specs":[{"tests":[{"projectName":"p","results":[{"status":"passed"}],"status":"expected"}],"title":"t"}],"suites":[{"specs":[{"tests":[{"status":"skipped"}],"title":"u"}],"title":"in"}],"title":"a.js"}]}`,
			Tests: `[p] a.js › t=success; a.js › in › u=skip`, Outcome: report.OutcomePass,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, playwright.New(), "../testdata/playwright_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, playwright.New(), jsontest.Within(`{"config":{"rootDir":"/lab","workers":1},"suites":[{"title":"a.js","file":"a.js","specs":[`, `  {"title": "moves#", "ok": true, "tags": ["slow"], "tests": [
   {"timeout": 30000, "annotations": [{"type": "issue", "description": "LAB-42"}], "expectedStatus": "passed", "projectId": "chromium", "projectName": "chromium", "results": [
    {"workerIndex": 0, "status": "failed", "duration": 20, "error": {"message": "Error: \u001b[2mx", "stack": "at arm.js:3"}, "errors": [{"message": "Error: \u001b[2mx"}], "stdout": [], "stderr": [], "retry": 0, "startTime": "2026-11-30T01:25:08.000Z", "attachments": []},
    {"workerIndex": 0, "status": "passed", "duration": 150, "errors": [], "stdout": [{"text": "gripper größer 🤖\n"}, {"buffer": "eA=="}], "stderr": [], "retry": 1, "startTime": "2026-11-30T01:25:08.226Z", "attachments": [{"name": "note", "contentType": "text/plain", "body": "YXR0YWNoZWQ="}]}],
    "status": "flaky"}], "id": "x", "file": "arm.spec.js", "line": 3, "column": 3}`, ",\n", `]}]}`))
}
