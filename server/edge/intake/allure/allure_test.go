package allure_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/allure"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"uuid": "32-7e", "historyId": "d87e", "testCaseId": "d87e", "name": "test_turn", "fullName": "a.test_arm#test_turn", "status": "passed", "start": 1796002007480, "stop": 1796002007490,
 "parameters": [{"name": "axis", "value": "'y z'"}, {"name": "tmp", "value": "/tmp/x", "excluded": true}], "labels": [{"name": "tag", "value": "quick"}, {"name": "suite", "value": "arm"}],
 "description": "größer\n", "steps": [{"name": "x", "status": "passed", "attachments": [{"name": "log", "source": "x-attachment.txt", "type": "text/plain"}]}]}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, allure.New(), "../testdata/allure_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, allure.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"status": "passed", "start"`, `"status": "failed", "start"`},
		{`"status": "passed", "start"`, `"status": "broken", "start"`},
		{`"status": "passed", "start"`, `"status": "odd", "start"`},
	}})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, allure.New(), "../testdata/allure_*.json") }
