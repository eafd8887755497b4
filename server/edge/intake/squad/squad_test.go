package squad_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/squad"
)

const good = `{"boot": "pass", "usb/remove": "skip",
"net/ping größe": {"result": "pass", "log": "64 bytes\nok"}, "net/known": "xfail"}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, squad.New(), "../testdata/squad_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, squad.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"pass"`, `"fail"`},
		{`"pass"`, `"else"`},
		{`"pass"`, `7`},
		{`"xfail"`, `["xfail"]`},
	}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, squad.New(), []jsontest.Story{
		{
			Name:  `words and objects`,
			Text:  `{"a":"pass","b":{"result":"fail"},"c":{"result":"xfail","log":"x"}}`,
			Tests: `a=success; b=fail; c=xfail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `one value that does not fit, late`,
			Text:  `{"a":"pass","b":"pass","b":"pass","b":"pass","b":"pass","b":"pass","z":{"result":"maybe"}}`,
			Tests: ``, Outcome: report.OutcomeError,
		},
		{
			Name:  `a name that comes twice counts by the worst`,
			Text:  `{"a":"fail","a":"pass"}`,
			Tests: `a=fail`, Outcome: report.OutcomeFail,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, squad.New(), "../testdata/squad_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, squad.New(), jsontest.Within(`{`, ` "a/b/c/test_of_things#": {"result": "pass", "log": "64 bytes from 10.0.0.1", "measurement": 5}`, ",\n", `,"z":"pass"}`))
}
