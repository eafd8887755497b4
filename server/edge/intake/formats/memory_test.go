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

// Tags that stand once in a file and belong to very many tests, as those of a suite do,
// count for each of them: a short file would else become rows without end.
func TestRead_tagsOfManyTests(t *testing.T) {
	t.Parallel()
	const tests, tags = 1000, 100
	var categories, items, words strings.Builder
	for i := range tags {
		categories.WriteString(`<property name="Category" value="tag` + strconv.Itoa(i) + `"/>`)
		items.WriteString(`<TestCategoryItem TestCategory="tag` + strconv.Itoa(i) + `"/>`)
		words.WriteString(" tag" + strconv.Itoa(i))
	}
	many := func(piece string) string {
		var b strings.Builder
		for i := range tests {
			b.WriteString(strings.ReplaceAll(piece, "#", strconv.Itoa(i)))
		}
		return b.String()
	}
	for format, text := range map[string]string{
		"nunit3": `<test-run result="Passed"><test-suite name="s"><properties>` + categories.String() + `</properties>` +
			many(`<test-case fullname="#" result="Passed"/>`) + `</test-suite></test-run>`,
		"trx": `<TestRun><TestDefinitions><UnitTest id="1"><TestCategory>` + items.String() + `</TestCategory></UnitTest></TestDefinitions><Results>` +
			many(`<UnitTestResult testId="1" testName="#" outcome="Passed"/>`) + `</Results></TestRun>`,
		"subunit-v1": "tags:" + words.String() + "\n" + many("test: #\nsuccess: #\n"),
	} {
		r := formats.ByName(formats.All(), format)
		if r == nil {
			t.Errorf("there is no format %s", format)
			continue
		}
		whole := reporttest.Read(t, r, "a", []byte(text))
		if n := len(whole.Tests); n != tests || whole.Outcome() != report.OutcomePass || len(whole.Tests[tests-1].Records[0].Tags) != tags {
			t.Errorf("%s: %d tests, outcome %s, damage %v; want %d tests with %d tags each", format, n, whole.Outcome(), whole.Report.Damage, tests, tags)
		}
		cut := reporttest.ReadLimited(t, r, "a", []byte(text), report.Limits{IDTotal: 64 << 10})
		if n := len(cut.Tests); n >= tests/2 || cut.Outcome() == report.OutcomePass {
			t.Errorf("%s: %d tests within 64 KiB of ids and tags, outcome %s; want damage after some", format, n, cut.Outcome())
		}
	}
}

// What a file calls its writer is a short text, wherever it says so.
func TestRead_longWriter(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	for format, text := range map[string]string{
		"allure":     `{"uuid":"1","name":"a","status":"passed","labels":[{"name":"framework","value":"` + long + `"}]}`,
		"ctrf":       `{"results":{"tool":{"name":"` + long + `"},"summary":{"failed":0},"tests":[{"name":"a","status":"passed"}]}}`,
		"playwright": `{"config":{"rootDir":"/","version":"` + long + `"},"suites":[]}`,
		"nunit3":     `<test-run result="Passed" engine-version="` + long + `"><test-case fullname="a" result="Passed"/></test-run>`,
	} {
		res := reporttest.Read(t, formats.ByName(formats.All(), format), "a", []byte(text))
		if n := len(res.Report.Writer); n == 0 || n > 200 {
			t.Errorf("%s: the writer has %d bytes, want 1 to 200", format, n)
		}
	}
}
