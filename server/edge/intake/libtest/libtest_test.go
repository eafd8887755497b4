package libtest_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/libtest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{ "type": "suite", "event": "started", "test_count": 1 }
{ "type": "test", "event": "started", "name": "tests::moves#" }
{ "type": "test", "name": "tests::moves#", "event": "ok", "exec_time": 0.060682383, "stdout": "gr\u00f6\u00dfer\n" }
{ "type": "suite", "event": "ok", "passed": 1, "failed": 0, "ignored": 0, "measured": 0, "filtered_out": 0, "exec_time": 2.85 }
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, libtest.New(), "../testdata/libtest_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, libtest.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"ok"`, `"failed"`},
		{`"ok"`, `"odd"`},
		{`"failed": 0`, `"failed": 1`},
		{`"event": "ok", "exec_time"`, `"event": "timeout", "exec_time"`},
	}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, libtest.New(), []jsontest.Story{
		{
			Name: `a test that takes long and ends`,
			Text: `{"type":"suite","event":"started","test_count":1}
{"type":"test","event":"timeout","name":"a"}
{"type":"test","event":"ok","name":"a"}
{"type":"suite","event":"ok","passed":1}
`,
			Tests: `a=success`, Outcome: report.OutcomePass,
		},
		{
			Name: `a test that ran out of time`,
			Text: `{"type":"suite","event":"started","test_count":1}
{"type":"test","event":"started","name":"a"}
{"type":"test","event":"timeout","name":"a"}
{"type":"suite","event":"failed","passed":1}
`,
			Tests: `a=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name: `a test that never ended`,
			Text: `{"type":"suite","event":"started","test_count":1}
{"type":"test","event":"started","name":"a"}
{"type":"suite","event":"ok","passed":1}
`,
			Tests: `a=inprogress`, Outcome: report.OutcomeFail,
		},
		{
			Name: `a suite that failed for no test`,
			Text: `{"type":"suite","event":"started","test_count":1}
{"type":"test","event":"ok","name":"a"}
{"type":"suite","event":"failed","passed":1}
`,
			Tests: `a=success; suite=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name: `two suites with what cargo prints`,
			Text: `   Compiling arm v0.1.0
{"type":"suite","event":"started","test_count":1}
{"type":"test","event":"ok","name":"a"}
{"type":"suite","event":"ok","passed":1}

{"type":"suite","event":"started","test_count":1}
{"type":"bench","name":"b","median":12,"deviation":1}
{"type":"suite","event":"ok","passed":1}
`,
			Tests: `a=success; b=success`, Outcome: report.OutcomePass,
		},
		{
			Name: `the second suite has no end`,
			Text: `{"type":"suite","event":"started","test_count":1}
{"type":"test","event":"ok","name":"a"}
{"type":"suite","event":"ok","passed":1}
{"type":"suite","event":"started","test_count":1}
`,
			Tests: `a=success`, Outcome: report.OutcomeIncomplete,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, libtest.New(), "../testdata/libtest_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, libtest.New(), jsontest.Within(``, `{ "type": "test", "event": "started", "name": "tests::moves#" }
{ "type": "test", "name": "tests::moves#", "event": "ok", "exec_time": 0.060682383, "stdout": "gr\u00f6\u00dfer\n" }
`, "", `{"type":"suite","event":"ok","passed":1}`))
}
