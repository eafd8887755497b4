package pytest_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/pytest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"created": 1796001736.3431613, "duration": 0.84, "exitcode": 0, "root": "/lab", "summary": {"passed": 1}, "collectors": [{"nodeid": "", "outcome": "passed", "result": []}],
"tests": [
  {"nodeid": "a/test_arm.py::test_moves#", "lineno": 4, "outcome": "passed", "keywords": ["test_moves", "a/test_arm.py", "py"], "setup": {"duration": 0.0003125809998891782, "outcome": "passed"},
   "call": {"duration": 0.12169618099960644, "outcome": "passed", "stdout": "gripper open — größer ✓ 🤖\n", "stderr": "warn: motor hot\n"}, "teardown": {"duration": 0.0003805289998126682, "outcome": "passed"}, "user_properties": [{"serial": "SN-1"}]}
]}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, pytest.New(), "../testdata/pytest_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, pytest.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"outcome": "passed"`, `"outcome": "failed"`},
		{`"exitcode": 0`, `"exitcode": 1`},
		{`"exitcode": 0`, `"exitcode": 5`},
	}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, pytest.New(), []jsontest.Story{
		{
			Name:  `words`,
			Text:  `{"exitcode":1,"tests":[{"nodeid":"a","outcome":"xpassed"},{"nodeid":"b","outcome":"xfailed"},{"nodeid":"c","outcome":"error"},{"nodeid":"d","outcome":"skipped"}]}`,
			Tests: `a=success; b=xfail; c=fail; d=skip`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `run again`,
			Text:  `{"exitcode":0,"tests":[{"nodeid":"a","outcome":"rerun","call":{"outcome":"passed"}},{"nodeid":"b","outcome":"rerun","call":{"outcome":"failed"}}]}`,
			Tests: `a=success*; b=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `nothing was collected`,
			Text:  `{"exitcode":5,"root":"/x","summary":{},"tests":[]}`,
			Tests: ``, Outcome: report.OutcomeEmpty,
		},
		{
			Name:  `the run was interrupted`,
			Text:  `{"tests":[{"nodeid":"a","outcome":"passed"}],"exitcode":2}`,
			Tests: `a=success`, Outcome: report.OutcomeIncomplete,
		},
		{
			Name:  `a file that cannot be loaded`,
			Text:  `{"exitcode":2,"collectors":[{"nodeid":"","outcome":"passed"},{"nodeid":"x.py","outcome":"failed","longrepr":"ImportError"}]}`,
			Tests: `x.py=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `a length of time that is no number, as Python writes it`,
			Text:  `{"exitcode":0,"tests":[{"nodeid":"a","outcome":"passed","call":{"outcome":"passed","duration":NaN}}]}`,
			Tests: `a=success`, Outcome: report.OutcomePass,
		},
		{
			Name:  `a phase failed`,
			Text:  `{"exitcode":0,"tests":[{"nodeid":"a","outcome":"passed","teardown":{"outcome":"failed"}}]}`,
			Tests: `a=fail`, Outcome: report.OutcomeFail,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, pytest.New(), "../testdata/pytest_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, pytest.New(), jsontest.Within(`{"exitcode":0,"tests":[`, `  {"nodeid": "a/test_arm.py::test_moves#", "lineno": 4, "outcome": "passed", "keywords": ["test_moves", "a/test_arm.py", "py"], "setup": {"duration": 0.0003125809998891782, "outcome": "passed"},
   "call": {"duration": 0.12169618099960644, "outcome": "passed", "stdout": "gripper open — größer ✓ 🤖\n", "stderr": "warn: motor hot\n"}, "teardown": {"duration": 0.0003805289998126682, "outcome": "passed"}, "user_properties": [{"serial": "SN-1"}]}`, ",\n", `]}`))
}
