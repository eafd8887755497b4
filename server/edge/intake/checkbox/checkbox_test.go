package checkbox_test

import (
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/checkbox"
	"github.com/slipway-lab/slipway/server/edge/intake/jsonfile/jsontest"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

const good = `{"title": "run", "testplan_id": "x",
"results": [
 {
  "id": "usb/insert-a", "full_id": "com.canonical.certification::usb/insert-a", "name": "USB 3.0 insertion", "certification_status": "blocker",
  "category": "USB", "category_id": "com.canonical.plainbox::usb", "status": "pass", "outcome": "pass", "skip_reason": "", "comments": "cable swapped",
  "io_log": "Bus 001 Device 002: ID 0951:1666 Kingston größer ✓\n", "type": "test", "project": "certification", "duration": 0.51, "plugin": "shell", "template_id": null
 },
 {
  "id": "usb/insert-b", "full_id": "com.canonical.certification::usb/insert-b", "name": "USB 3.0 insertion", "certification_status": "blocker",
  "category": "USB", "category_id": "com.canonical.plainbox::usb", "status": "skip", "outcome": "skip", "skip_reason": "", "comments": "cable swapped",
  "io_log": "Bus 001 Device 002: ID 0951:1666 Kingston größer ✓\n", "type": "test", "project": "certification", "duration": 0.51, "plugin": "shell", "template_id": null
 }
],
"rejected-jobs": []}
`

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, checkbox.New(), "../testdata/checkbox_*.json")
}

func TestGood(t *testing.T) {
	t.Parallel()
	jsontest.Check(t, checkbox.New(), jsontest.Good{Text: good, Flips: [][2]string{
		{`"outcome": "pass"`, `"outcome": "fail"`},
		{`"outcome": "pass"`, `"outcome": "crash"`},
		{`"outcome": "pass"`, `"outcome": "odd"`},
		{`"status": "pass"`, `"status": "fail"`},
	}})
}

func TestRead(t *testing.T) {
	t.Parallel()
	jsontest.Tell(t, checkbox.New(), []jsontest.Story{
		{
			Name:  `an id that occurs twice gives way to the full one`,
			Text:  `{"testplan_id":"p","origin":{"name":"Checkbox"},"results":[{"id":"a","full_id":"x::a","outcome":"pass"},{"id":"a","full_id":"y::a","outcome":"fail"},{"id":"b","full_id":"x::b","outcome":"pass"}]}`,
			Tests: `x::a=success; y::a=fail; b=success`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `older files have a status and no outcome`,
			Text:  `{"packages":[],"results":[{"id":"a","name":"A","certification_status":"unspecified","category":"x::a","status":"fail","comments":null,"io_log":"no","type":"test","project":"certification"},{"id":"b","category":"x::a","status":"pass","comments":null,"io_log":"","type":"test","project":"certification"},{"id":"c","category":"x::a","status":"skip","comments":null,"io_log":"","type":"test","project":"certification"}],"kernel":"4.4"}`,
			Tests: `a=fail; b=success; c=skip`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `none is only listed`,
			Text:  `{"testplan_id":"p","origin":{"name":"Checkbox"},"results":[{"id":"a","full_id":"x::a","outcome":"none"},{"id":"b","full_id":"x::b","outcome":null}]}`,
			Tests: `a=exists; b=exists`, Outcome: report.OutcomeEmpty,
		},
		{
			Name:  `what the exporter made of the outcome counts too`,
			Text:  `{"testplan_id":"p","origin":{"name":"Checkbox"},"results":[{"id":"a","full_id":"x::a","outcome":"pass","status":"fail"}]}`,
			Tests: `a=fail`, Outcome: report.OutcomeFail,
		},
		{
			Name:  `a word that nobody knows`,
			Text:  `{"testplan_id":"p","origin":{"name":"Checkbox"},"results":[{"id":"a","full_id":"x::a","outcome":"exploded"}]}`,
			Tests: `a=unknown`, Outcome: report.OutcomeFail,
		},
	})
}

func FuzzRead(f *testing.F) { jsontest.Fuzz(f, checkbox.New(), "../testdata/checkbox_*.json") }

func BenchmarkRead(b *testing.B) {
	jsontest.Bench(b, checkbox.New(), jsontest.Within(`{"results":[`, ` {
  "id": "usb/insert-#", "full_id": "com.canonical.certification::usb/insert-#", "name": "USB 3.0 insertion", "certification_status": "blocker",
  "category": "USB", "category_id": "com.canonical.plainbox::usb", "status": "pass", "outcome": "pass", "skip_reason": "", "comments": "cable swapped",
  "io_log": "Bus 001 Device 002: ID 0951:1666 Kingston größer ✓\n", "type": "test", "project": "certification", "duration": 0.51, "plugin": "shell", "template_id": null
 }`, ",\n", `]}`))
}
