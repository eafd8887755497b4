package gotest_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/gotest"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"Time":"2026-11-30T01:17:38.98Z","Action":"start","Package":"lab/arm"}
{"Time":"2026-11-30T01:17:39.57Z","Action":"run","Package":"lab/arm","Test":"TestMoves"}
{"Action":"output","Package":"lab/arm","Test":"TestMoves","Output":"gr\u00f6\u00dfer \ud83e\udd16\n"}
{"Action":"attr","Package":"lab/arm","Test":"TestMoves","Key":"serial","Value":"SN-1"}
{"Action":"pass","Package":"lab/arm","Test":"TestMoves","Elapsed":0.13}
{"Action":"run","Package":"lab/arm","Test":"BenchmarkTurns"}
{"Action":"output","Package":"lab/arm","Test":"BenchmarkTurns","Output":"BenchmarkTurns-8 \t 100 \t 12 ns/op\n"}
{"Action":"pass","Package":"lab/arm","Elapsed":0.8}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, gotest.New(), "../testdata/go_*.jsonl")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, gotest.New(), jsontest.Good{Text: good, Flips: [][2]string{{`"pass"`, `"fail"`}, {`"pass"`, `"else"`}}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		id         string
		status     report.Status
		outcome    report.Outcome
	}{
		{
			name: "a package whose end did not come is damage, and its open test in progress",
			text: `{"Action":"run","Package":"p","Test":"TestA"}`, id: "p.TestA", status: report.InProgress, outcome: report.OutcomeFail,
		},
		{
			name: "a package that failed while a test was open failed in it",
			text: `{"Action":"run","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"fail","Package":"p"}`, id: "p.TestA", status: report.Fail, outcome: report.OutcomeFail,
		},
		{
			name: "a build that failed for no package is a failed test",
			text: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"x"}` + "\n" + `{"ImportPath":"p [p.test]","Action":"build-fail"}`, id: "p", status: report.Fail, outcome: report.OutcomeFail,
		},
		{
			name: "a broken line is damage and the next one is read",
			text: `{"Action":"run","Package":` + "\n" + `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p"}`, id: "p.TestA", status: report.Success, outcome: report.OutcomeIncomplete,
		},
		{
			name: "an end that test2json missed stands in the output",
			text: `{"Action":"run","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"output","Package":"p","Test":"TestA","Output":"no newline--- PASS: TestA (0.25s)\n"}` + "\n" + `{"Action":"pass","Package":"p"}`, id: "p.TestA", status: report.Success, outcome: report.OutcomePass,
		},
		{
			name: "a test without an end in a package that passed is in progress",
			text: `{"Action":"run","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p"}`, id: "p.TestA", status: report.InProgress, outcome: report.OutcomeFail,
		},
		{
			name: "lines of a build between the events are noise",
			text: `{"Action":"pass","Package":"p","Test":"TestA"}` + "\ngo: downloading x\n" + `{"Action":"pass","Package":"p"}`, id: "p.TestA", status: report.Success, outcome: report.OutcomePass,
		},
		{
			name: "a negative length of time is none",
			text: `{"Action":"pass","Package":"p","Test":"TestA","Elapsed":-1}` + "\n" + `{"Action":"pass","Package":"p"}`, id: "p.TestA", status: report.Success, outcome: report.OutcomePass,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := reporttest.Read(t, gotest.New(), "go.jsonl", []byte(tt.text))
			got := res.ByID[tt.id]
			if got == nil || got.Status != tt.status || res.Outcome() != tt.outcome {
				t.Errorf("test %+v, outcome %s, damage %v; want %s and %s", got, res.Outcome(), res.Report.Damage, tt.status, tt.outcome)
			}
		})
	}
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, gotest.New(), "../testdata/go_*.jsonl") }

func BenchmarkRead(b *testing.B) {
	test := `{"Time":"2026-11-30T01:17:39.576249533Z","Action":"run","Package":"lab.example/arm/armtest","Test":"TestMoves#"}
{"Time":"2026-11-30T01:17:39.576310568Z","Action":"output","Package":"lab.example/arm/armtest","Test":"TestMoves#","Output":"=== RUN   TestMoves\n"}
{"Time":"2026-11-30T01:17:39.703007384Z","Action":"output","Package":"lab.example/arm/armtest","Test":"TestMoves#","Output":"gripper open and the arm moves to the left\n"}
{"Time":"2026-11-30T01:17:39.703222711Z","Action":"output","Package":"lab.example/arm/armtest","Test":"TestMoves#","Output":"--- PASS: TestMoves (0.13s)\n"}
{"Time":"2026-11-30T01:17:39.703266062Z","Action":"pass","Package":"lab.example/arm/armtest","Test":"TestMoves#","Elapsed":0.13}
`
	jsontest.Bench(b, gotest.New(), jsontest.Within("", test, "", `{"Action":"pass","Package":"lab.example/arm/armtest","Elapsed":0.8}`+"\n"))
}
