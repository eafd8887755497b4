package results_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/slipway-lab/slipway/server/servertest"
)

// wide is a text as Windows PowerShell writes it.
func wide(text string) string {
	out := []byte{0xff, 0xfe}
	for _, c := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, c)
	}
	return string(out)
}

// manyFails is what go prints of packages that could not be built.
func manyFails(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "FAIL\tq%d [build failed]\n", i)
	}
	return b.String()
}

// What a file says of a failure beside its tests is never lost, whatever is green
// in it.
func TestPostResult_RedBesideTheTests(t *testing.T) {
	t.Parallel()
	const (
		goGreen       = `{"Action":"start","Package":"p"}` + "\n" + `{"Action":"run","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n"
		rustGreen     = `{"type":"suite","event":"started","test_count":1}` + "\n" + `{"type":"test","event":"ok","name":"d"}` + "\n" + `{"type":"suite","event":"ok","passed":1,"failed":0}` + "\n"
		cucumberGreen = `{"meta":{"protocolVersion":"32.2.0"}}` + "\n" + `{"pickle":{"id":"1","uri":"a","name":"b"}}` + "\n" + `{"testCase":{"id":"2","pickleId":"1"}}` + "\n" + `{"testCaseStarted":{"id":"3","testCaseId":"2","attempt":0}}` + "\n" + `{"testStepFinished":{"testCaseStartedId":"3","testStepResult":{"status":"PASSED"}}}` + "\n" + `{"testCaseFinished":{"testCaseStartedId":"3","willBeRetried":false}}` + "\n" + `{"testRunFinished":{"success":true}}` + "\n"

		ctest    = `<Site><Testing><Test Status="passed"><Name>a</Name><FullName>./a</FullName></Test></Testing></Site>`
		trx      = `<TestRun><Results><UnitTestResult testName="a" outcome="Passed"/></Results>%s</TestRun>`
		teamcity = "##teamcity[testStarted name='g']\nout%s\n##teamcity[testFinished name='g']\n"
	)
	for name, want := range map[string]struct {
		files   []named
		outcome string
		fail    int
	}{
		"go before 1.24 that could not build": {[]named{{"", goGreen + "FAIL\tq [build failed]\n"}}, "fail", 1},
		"go, set up":                          {[]named{{"", goGreen + "FAIL\tq [setup failed]\nFAIL\n"}}, "fail", 1},
		"go, all of it":                       {[]named{{"", goGreen + "FAIL\n"}}, "incomplete", 0},
		"go, many packages":                   {[]named{{"", goGreen + manyFails(3000)}}, "fail", 3000},
		"go, said twice":                      {[]named{{"", "# p\n" + strings.ReplaceAll(goGreen, "pass", "fail") + "FAIL\tp [build failed]\n"}}, "fail", 1},
		"cargo":                               {[]named{{"", rustGreen + "error: test failed, to rerun pass `--lib`\n"}}, "incomplete", 0},
		"ctest's build":                       {[]named{{"Build.xml", `<Site><Build><Error><Text>no</Text></Error></Build></Site>`}, {"Test.xml", ctest}}, "fail", 1},
		"ctest's configuration":               {[]named{{"Configure.xml", `<Site><Configure><ConfigureStatus>1</ConfigureStatus></Configure></Site>`}, {"Test.xml", ctest}}, "fail", 1},
		"ctest's memory check":                {[]named{{"Test.xml", ctest}, {"DynamicAnalysis.xml", strings.ReplaceAll(strings.Replace(ctest, "passed", "failed", 1), "Testing", "DynamicAnalysis")}}, "fail", 1},
		"trx, error":                          {[]named{{"", fmt.Sprintf(trx, `<ResultSummary outcome="Error"/>`)}}, "incomplete", 0},
		"trx, time":                           {[]named{{"", fmt.Sprintf(trx, `<ResultSummary outcome="Timeout"/>`)}}, "incomplete", 0},
		"trx, counters":                       {[]named{{"", fmt.Sprintf(trx, `<ResultSummary outcome="Completed"><Counters total="2" failed="1"/></ResultSummary>`)}}, "incomplete", 0},
		"robot's statistics":                  {[]named{{"", `<robot><suite name="S"><test name="A"><status status="PASS"/></test><status status="PASS"/></suite><statistics><total><stat pass="1" fail="1">All Tests</stat></total></statistics></robot>`}}, "incomplete", 0},
		"teamcity, behind output":             {[]named{{"", fmt.Sprintf(teamcity, "##teamcity[testFailed name='g' message='m']")}}, "fail", 1},
		"teamcity, a long message":            {[]named{{"", fmt.Sprintf(teamcity, "\n##teamcity[testFailed name='g' message='m' details='"+strings.Repeat("|n- 5", 50_000)+"' flowId='']")}}, "fail", 1},
		"teamcity, a long output":             {[]named{{"", fmt.Sprintf(teamcity, "\n##teamcity[testStdOut name='g' out='"+strings.Repeat("|n- 5", 50_000)+"']")}}, "pass", 0},
		"squad, a long log":                   {[]named{{"", `{"boot":{"log":"` + strings.Repeat(`no answer\n`, 20_000) + `","result":"fail"},"net":"pass"}`}}, "fail", 1},
		"npm's lines before TAP":              {[]named{{"", "\n> arm@1.0.0 test\n> tape test.js\n\nTAP version 13\n# arm\nnot ok 1 lifts\n\n1..1\n"}}, "fail", 1},
		"npm's lines before JSON":             {[]named{{"a.tap", greenTAP}, {"b.json", "\n> arm@1.0.0 test\n> mocha -R json\n\n{\n \"stats\": {\"passes\": 0, \"failures\": 1},\n \"tests\": [{\"fullTitle\": \"a\", \"err\": {\"message\": \"x\"}}]\n}\n"}}, "incomplete", 0},
		"points behind a word":                {[]named{{"a.tap", greenTAP}, {"b.tap", "starting\n1..2\nok 1\nnot ok 2\n"}}, "incomplete", 0},
		"a page about TAP":                    {[]named{{"a.tap", greenTAP}, {"README.md", "What a report is:\n\n```\nTAP version 13\n1..1\nok 1\n```\n"}}, "pass", 0},
		"cargo's own lines":                   {[]named{{"", `{"reason":"compiler-artifact","message":{"a":1}}` + "\n" + `{"reason":"build-finished","success":true}` + "\n" + strings.ReplaceAll(rustGreen, `"ok"`, `"failed"`)}}, "fail", 1},
		"cargo's build, in JSON":              {[]named{{"", rustGreen + `{"reason":"build-finished","success":false}` + "\n"}}, "incomplete", 0},
		"npm's lines behind TAP":              {[]named{{"", greenTAP + "\nnpm ERR! Test failed.  See above for more details.\n"}}, "incomplete", 0},
		"make's lines within TAP":             {[]named{{"", "1..2\nok 1 - a\nmake: *** [Makefile:2: arm] Error 1\nok 2 - arm is not made\n"}}, "pass", 0},
		"teamcity, of another test":           {[]named{{"", fmt.Sprintf(teamcity, "##teamcity[testFailed name='h' message='m']")}}, "pass", 0},
		"tap, bails out":                      {[]named{{"", "TAP version 14\n1..1\nok 1 - a\nbail out! no board\n"}}, "incomplete", 0},
		"tap, strict":                         {[]named{{"", "TAP version 14\npragma +strict\n1..1\nok 1 - a\nnot okay\n"}}, "incomplete", 0},
		"tap, not strict":                     {[]named{{"", "TAP version 14\npragma +strict\npragma -strict\n1..1\nok 1 - a\nnot okay\n"}}, "pass", 0},
		"tap, tabs":                           {[]named{{"", "TAP version 13\n1..1\n\t1..2\n\tok 1 - a\n\tnot ok 2 - b\nok 1 - s\n"}}, "fail", 1},
		"ktap, tabs":                          {[]named{{"", "KTAP version 1\n1..1\n\t# Subtest: s\n\t1..2\n\tok 1 - a\n\tnot ok 2 - b\nok 1 - s\n"}}, "fail", 1},
		"tap, behind a mark":                  {[]named{{"", "\ufeffnot ok 1 - a\nok 2 - b\n1..2\n"}}, "fail", 1},
		"tap, in colours":                     {[]named{{"", "\x1b[1mTAP version 13\x1b[0m\n\x1b[32mok 1 - a\x1b[0m\n\x1b[31mnot ok\x1b[39m 2 - b\n1..2\n"}}, "fail", 1},
		"tap, in braces":                      {[]named{{"", "1..2\nok 1 - s {\n    not ok 1 - a\n    1..1\n}\nok 2 - t\n"}}, "fail", 1},
		"tap, dies at the end":                {[]named{{"", "ok 1 - a\n1..1\n# Looks like your test exited with 255 just after 1.\n"}}, "incomplete", 0},
		"tap, dies, and says why":             {[]named{{"", "not ok 1 - a\n1..1\n# Looks like you failed 1 test of 1.\n"}}, "fail", 1},
		"tap, counts":                         {[]named{{"", "TAP version 13\nok 1 - a\n1..1\n# tests 1\n# pass  0\n# fail  1\n"}}, "incomplete", 0},
		"tap, counts none":                    {[]named{{"", "TAP version 13\n# fail 1 of two\nok 1 - a\n1..1\n# tests 1\n# pass 1\n# fail 0\n"}}, "pass", 0},
		"behave, a feature's hook":            {[]named{{"", `[{"name":"F","status":"failed","elements":[{"type":"scenario","name":"S","status":"passed","steps":[{"name":"x","result":{"status":"passed"}}]}]}]`}}, "fail", 1},
		"behave, a scenario":                  {[]named{{"", `[{"name":"F","status":"failed","elements":[{"type":"scenario","name":"S","status":"cleanup_error","steps":[{"name":"x","result":{"status":"passed"}}]}]}]`}}, "fail", 1},
		"kirk, two words":                     {[]named{{"", `{"results":[{"test_fqn":"a","status":"pass","test":{"result":"fail"}}],"stats":{}}`}}, "fail", 1},
		"bazel, interrupted":                  {[]named{{"", `<testsuite name="s"><testcase name="a" classname="c" status="run" result="interrupted"/></testsuite>`}}, "fail", 1},
		"phpunit 9 warns":                     {[]named{{"", `<testsuite name="W"><testcase name="t" classname="W"><warning type="PHPUnit\Framework\Warning">No tests found</warning></testcase></testsuite>`}}, "fail", 1},
		"libcheck's own XML":                  {[]named{{"a.tap", greenTAP}, {"b.xml", `<testsuites xmlns="http://check.sourceforge.net/ns"><datetime>x</datetime><suite><title>S</title><test result="failure"><id>a</id></test></suite></testsuites>`}}, "incomplete", 0},
		"behave, not run":                     {[]named{{"", `<testsuite name="s"><testcase name="a" classname="c" status="untested"/></testsuite>`}}, "skip", 0},
		"behave, no step":                     {[]named{{"", `<testsuite name="s"><testcase name="a" classname="c" status="undefined"/></testsuite>`}}, "fail", 0},
		"a list with verdicts":                {[]named{{"", `{"results":[{"name":"a","type":"failure"},{"name":"b","type":"success"}]}`}}, "error", 0},
		"a list with booleans":                {[]named{{"", `{"results":[{"name":"a","green":false}]}`}}, "error", 0},
		"a list with verdicts inside":         {[]named{{"", `{"results":[{"name":"g","cases":[{"name":"a","result":"fail"}]}]}`}}, "error", 0},
		"a list that counts":                  {[]named{{"", `{"results":[{"name":"g","failcount":1}]}`}}, "error", 0},
		"a list with labels":                  {[]named{{"", `{"results":[{"name":"g","uuid":null,"labels":["slow"],"at":{"line":3}}],"stats":{"failures":0},"exitcode":0}`}}, "pass", 0},
		"passes, and a summary":               {[]named{{"", `{"results":[{"name":"g"}],"summary":{"failed":1,"passed":1}}`}}, "incomplete", 0},
		"passes, and stats":                   {[]named{{"", `{"results":[{"name":"g"}],"stats":{"failures":1}}`}}, "incomplete", 0},
		"passes, and a count":                 {[]named{{"", `{"results":[{"name":"g"}],"numFailedTests":1}`}}, "incomplete", 0},
		"passes, and an exit code":            {[]named{{"", `{"results":[{"name":"g"}],"exitcode":-11}`}}, "incomplete", 0},
		"our own list, and a summary":         {[]named{{"", `{"tests":[{"id":"g","status":"success"}],"summary":{"failed":1}}`}}, "incomplete", 0},
		"googletest's list, JSON":             {[]named{{"", `{"tests":1,"name":"AllTests","testsuites":[{"name":"A","tests":1,"testsuite":[{"name":"a","file":"x","line":1}]}]}`}}, "empty", 0},
		"googletest's list, XML":              {[]named{{"", `<testsuites tests="1" name="AllTests"><testsuite name="A" tests="1"><testcase name="a" file="x" line="1"/></testsuite></testsuites>`}}, "empty", 0},
		"junit, behind one that was cut":      {[]named{{"", `<testsuite name="a"><testcase name="a"><system-out><![CDATA[starting` + "\n" + `<testsuite name="b"><testcase name="b"><failure/></testcase><testcase name="c"><system-out><![CDATA[x]]></system-out></testcase></testsuite>` + "\n"}}, "incomplete", 0},
		"cucumber, behind a run that failed":  {[]named{{"", `{"meta":{"protocolVersion":"32.2.0"}}` + "\n" + `{"testRunFinished":{"success":false}}` + "\n" + cucumberGreen}}, "incomplete", 0},
		"UTF-16, TeamCity":                    {[]named{{"a.tap", greenTAP}, {"b.log", wide("##teamcity[testStarted name='g']\n##teamcity[testFailed name='g']\n##teamcity[testFinished name='g']\n")}}, "incomplete", 0},
		"UTF-16, TAP":                         {[]named{{"a.tap", greenTAP}, {"b.tap", wide(redTAP)}}, "incomplete", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := servertest.New(t)
			got := postFiles(t, s, want.files...)
			if got.Outcome != want.outcome || got.Counts["fail"] != want.fail || want.outcome == "incomplete" && got.DamageCount == 0 {
				t.Errorf("outcome %q, counts %v, damage %v; want %q with %d failed", got.Outcome, got.Counts, got.Damage, want.outcome, want.fail)
			}
		})
	}
}

// A report is found behind however much of what a kernel or a build has printed
// before it.
func TestPostResult_BehindALog(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	kernel := strings.Repeat("[    1.000000] some driver says hello\n", 4000)
	build := strings.Repeat("compiling the arm\n", 8000)
	for name, file := range map[string]string{
		"ktap":     kernel + "[   31.1] KTAP version 1\n[   31.1] 1..1\n[   31.4] not ok 1 s\n",
		"level":    strings.ReplaceAll(kernel, "[ ", "<6>[ ") + "<6>[   31.1] KTAP version 1\n<6>[   31.1] 1..1\n<6>[   31.4] not ok 1 s\n",
		"teamcity": build + "##teamcity[testStarted name='s']\n##teamcity[testFailed name='s']\n##teamcity[testFinished name='s']\n",
		"go":       build + `{"Action":"start","Package":"p"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n",
		"junit":    build + "<?xml version='1.0'?>\n<testsuite name='s'><testcase name='a'><failure/></testcase></testsuite>\n",
		"tap":      build + "TAP version 13\n1..1\nnot ok 1 - s\n",
		"maven":    strings.ReplaceAll(build, "compiling", "[INFO] compiling") + "<?xml version='1.0'?>\n<testsuite name='s'><testcase name='a'><failure/></testcase></testsuite>\n",
		"nunit":    build + "<?xml version='1.0'?>\n<test-run result='Failed'><test-case fullname='a' result='Failed'/></test-run>\n",
		"trx":      build + "<?xml version='1.0'?>\n<TestRun><Results><UnitTestResult testName='a' outcome='Failed'/></Results></TestRun>\n",
		"xunit":    build + "<?xml version='1.0'?>\n<assemblies><assembly><collection><test name='a' result='Fail'/></collection></assembly></assemblies>\n",
		"robot":    build + "<?xml version='1.0'?>\n<robot><suite name='S'><test name='a'><status status='FAIL'/></test><status status='FAIL'/></suite></robot>\n",
		"ctest":    build + "<?xml version='1.0'?>\n<Site><Testing><Test Status='failed'><Name>a</Name><FullName>./a</FullName></Test></Testing></Site>\n",
		"blank":    strings.Repeat("\n", 150_000) + "1..1\nnot ok 1 - s\n",
		"spaces":   strings.Repeat(" ", 70_000) + `{"tests":[{"id":"a","status":"fail"}]}`,
		"libtest":  build + `{"type":"suite","event":"started","test_count":1}` + "\n" + `{"type":"test","event":"failed","name":"a"}` + "\n" + `{"type":"suite","event":"failed"}` + "\n",
	} {
		if got := postFiles(t, s, named{"a.tap", greenTAP}, named{"log", file}); got.Outcome != "fail" || got.Tests != 3 {
			t.Errorf("%s beside green: %q with %d tests, damage %v, warnings %q; want fail with 3", name, got.Outcome, got.Tests, got.Damage, got.Warnings)
		}
		if got := postBytes(t, s, file); got.Outcome != "fail" || got.Tests != 1 {
			t.Errorf("%s: %q with %d tests, damage %v; want fail with 1", name, got.Outcome, got.Tests, got.Damage)
		}
	}
	for name, file := range map[string]string{
		"points":       build + "1..2\nok 1 - a\nnot ok 2 - b\n",
		"jest":         build + "{\n  \"numTotalTests\": 1,\n  \"testResults\": [{\"name\": \"a\", \"assertionResults\": [{\"fullName\": \"x\", \"status\": \"failed\"}]}]}\n",
		"maven's jest": strings.ReplaceAll(build, "compiling", "[INFO] compiling") + "{\"numTotalTests\": 1, \"testResults\": [{\"name\": \"a\", \"assertionResults\": [{\"fullName\": \"x\", \"status\": \"failed\"}]}]}\n",
		"zeros":        strings.Repeat("\x00", 600) + `{"tests":[{"id":"a","status":"fail"}]}`,
	} {
		if got := postFiles(t, s, named{"a.tap", greenTAP}, named{"log", file}); got.Outcome != "incomplete" || got.Tests != 2 {
			t.Errorf("%s beside green: %q with %d tests, damage %v, warnings %q; want incomplete with 2", name, got.Outcome, got.Tests, got.Damage, got.Warnings)
		}
	}
	for name, file := range map[string]string{"kernel": kernel, "build": build, "a word": build + "it said KTAP version 1, \"Action\" too\n"} {
		if got := postFiles(t, s, named{"a.tap", greenTAP}, named{"log", file}); got.Outcome != "pass" || got.Tests != 2 {
			t.Errorf("%s without a report: %q with %d tests, damage %v; want pass with 2", name, got.Outcome, got.Tests, got.Damage)
		}
	}
}

// A report that is packed a second time is not read, and never passed over: it may
// hold a failure. What is packed and holds no report is no damage.
func TestPostResult_PackedTwice(t *testing.T) {
	t.Parallel()
	red := named{"b.tap", redTAP}
	trace := zipOf(t, named{"test.trace", `{"version":8,"type":"context-options"}` + "\n"}, named{"resources/a.png", picture})
	for name, want := range map[string]struct{ file, outcome string }{
		"zip":           {zipOf(t, red), "incomplete"},
		"tar":           {tarOf(t, red), "incomplete"},
		"gzip":          {gzipOf(t, redTAP), "incomplete"},
		"zstd":          {zstdOf(t, redTAP), "incomplete"},
		"xz":            {xzOf(t, redTAP), "incomplete"},
		"tar.xz":        {xzOf(t, tarOf(t, named{"README", readme}, red)), "incomplete"},
		"xz logs":       {xzOf(t, tarOf(t, named{"README", readme})), "pass"},
		"tar.gz":        {gzipOf(t, tarOf(t, named{"README", readme}, red)), "incomplete"},
		"tar.zst":       {zstdOf(t, tarOf(t, red)), "incomplete"},
		"trace":         {trace, "pass"},
		"logs":          {gzipOf(t, tarOf(t, named{"README", readme})), "pass"},
		"a broken zip":  {"PK\x03\x04 and no more", "pass"},
		"a broken gzip": {"\x1f\x8b\x08 and no more", "pass"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := servertest.New(t)
			for _, archive := range []string{zipOf(t, named{"a.tap", greenTAP}, named{"x.bin", want.file}), tarOf(t, named{"a.tap", greenTAP}, named{"x.bin", want.file})} {
				got := postBytes(t, s, archive)
				if got.Outcome != want.outcome || got.Tests != 2 {
					t.Errorf("outcome %q with %d tests, damage %v, warnings %q; want %q with 2", got.Outcome, got.Tests, got.Damage, got.Warnings, want.outcome)
				}
			}
		})
	}
}

// Of zips that were put together the last one is read, and what stands before it or
// behind it may hold a failure.
func TestPostResult_ZipsTogether(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	green, red := zipOf(t, named{"a.tap", greenTAP}), zipOf(t, named{"b.tap", redTAP}, named{"c.tap", greenTAP})
	for name, want := range map[string]struct{ file, outcome string }{
		"red in front":    {red + green, "incomplete"},
		"red behind":      {green + red, "fail"},
		"a report behind": {green + redTAP, "incomplete"},
		"zeros behind":    {green + strings.Repeat("\x00", 600) + "\r\n", "pass"},
		"one":             {green, "pass"},
	} {
		if got := postBytes(t, s, want.file); got.Outcome != want.outcome {
			t.Errorf("%s: outcome %q, damage %v; want %q", name, got.Outcome, got.Damage, want.outcome)
		}
	}
}

// One file packed with xz is read as if it were not; whatever is wrong with its packing is
// damage, and other packings are named when nothing else was posted.
func TestPostResult_Xz(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	green, red := xzOf(t, greenTAP), xzOf(t, redTAP)
	flipped := []byte(green)
	flipped[len(flipped)-40] ^= 1 // in the check of the block, or before it
	for name, want := range map[string]struct {
		file, outcome string
		tests         int
	}{
		"green":         {green, "pass", 2},
		"red":           {red, "fail", 2},
		"cut":           {green[:len(green)-5], "incomplete", 2},
		"flipped":       {string(flipped), "incomplete", 2},
		"two streams":   {xzOf(t, "1..2\nok 1 - a\n") + xzOf(t, "not ok 2 - b\n"), "fail", 2},
		"padding":       {green + "\x00\x00\x00\x00", "pass", 2},
		"bytes behind":  {green + redTAP, "incomplete", 2},
		"nothing in it": {xzOf(t, ""), "empty", 0},
	} {
		got := postBytes(t, s, want.file)
		if got.Outcome != want.outcome && (want.tests > 0 || got.Outcome == "pass") || got.Tests != want.tests && name != "flipped" || !got.Compressed {
			t.Errorf("%s: %q with %d tests, damage %v; want %q with %d", name, got.Outcome, got.Tests, got.Damage, want.outcome, want.tests)
		}
		if several := postFiles(t, s, named{"a.tap", greenTAP}, named{"b.bin", want.file}); several.Outcome == "pass" && want.outcome != "pass" {
			t.Errorf("%s beside green: %q", name, several.Outcome)
		}
	}
	for magic, name := range map[string]string{"7z\xbc\xaf\x27\x1c\x00": "7-Zip", "Rar!\x1a\x07\x01\x00": "RAR", "BZh91AY&SY": "bzip2"} {
		got := postBytes(t, s, magic+"and more")
		if got.Outcome != "error" || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], name) || !strings.Contains(got.Warnings[0], "xz") {
			t.Errorf("%s: %q, warnings %q", name, got.Outcome, got.Warnings)
		}
	}
}
