package formats_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

// What a reader remembers of a file beside its tests is bounded: a short piece of the
// file may stand for much more memory. What is not read then is damage.
func TestRead_remembersNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	const pieces = 10_000
	many := func(piece string) string { // with # for another text in each
		var b strings.Builder
		for i := range pieces {
			b.WriteString(strings.ReplaceAll(piece, "#", strconv.Itoa(i)))
		}
		return b.String()
	}
	for format, text := range map[string]string{
		"allure":            `{"uuid":"1","name":"a","children":[` + many(`"#",`) + `"1"]}`,
		"checkbox":          `{"results":[` + many(`{"id":"#"},`) + `{}]}`,
		"cucumber":          `[` + many(`{},`) + `{"elements":[]}]`,
		"cucumber-messages": `{"meta":{"protocolVersion":"32.2.0"}}` + "\n" + many(`{"pickle":{"id":"#"}}`+"\n") + `{"testRunFinished":{"success":true}}` + "\n",
		"jest":              `{"numTotalTests":1,"testResults":[` + many(`{},`) + `{}]}`,
		"mocha":             `{"stats":{"passes":1,"failures":0},"tests":[],"passes":[` + many(`{"fullTitle":"#"},`) + `{}]}`,
		"playwright":        `{"config":{"rootDir":"/"},"suites":[` + many(`{"specs":[],"title":"a"},`) + `{"specs":[]}]}`,
		"robot-json":        `{"generator":"Robot 7","rpa":false,"suite":{"name":"a","suites":[` + many(`{},`) + `{}]}}`,
	} {
		truncated := func(d report.Damage) bool { return d.Kind == report.KindTruncated }
		r := formats.ByName(formats.All(), format)
		whole := reporttest.Read(t, r, "a", []byte(text))
		if slices.ContainsFunc(whole.Report.Damage, truncated) {
			t.Errorf("%s: damage %v, want none that says that it is not read to its end", format, whole.Report.Damage)
		}
		cut := reporttest.ReadLimited(t, r, "a", []byte(text), report.Limits{OpenBytes: 100 << 10})
		if !slices.ContainsFunc(cut.Report.Damage, truncated) || cut.Outcome() == report.OutcomePass {
			t.Errorf("%s within 100 KiB: damage %v and outcome %s, want damage that says so", format, cut.Report.Damage, cut.Outcome())
		}
	}
}
