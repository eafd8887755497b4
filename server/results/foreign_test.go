package results_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

// foreign are files of runners whose XML no reader knows, each with a failed test, and
// what the damage names.
var foreign = map[string][2]string{
	"CppUnit": {`<?xml version="1.0" encoding='ISO-8859-1' standalone='yes' ?><TestRun><FailedTests><FailedTest id="1"><Name>Arm::turns</Name>` +
		`<FailureType>Assertion</FailureType></FailedTest></FailedTests><SuccessfulTests/><Statistics><Tests>1</Tests><FailuresTotal>1</FailuresTotal></Statistics></TestRun>`, "FailedTests"},
	"AUnit": {`<?xml version='1.0' encoding='utf-8' ?><TestRun elapsed='6.2E-4'><Statistics><Tests>1</Tests><FailuresTotal>1</FailuresTotal></Statistics>` +
		`<SuccessfulTests/><FailedTests><Test><Name>Arm.Turn</Name></Test></FailedTests></TestRun>`, "Statistics"},
	"NUnit 2":  {`<test-results name="arm.dll" total="1" failures="1"><test-suite><results><test-case name="Arm.Turns" executed="True" success="False"/></results></test-suite></test-results>`, "'test-results', which is NUnit 2's"},
	"TestNG":   {`<testng-results failed="1"><suite><test><class name="Arm"><test-method status="FAIL" name="turns"/></class></test></suite></testng-results>`, "testng-results"},
	"Boost":    {`<TestLog><TestSuite name="arm"><TestCase name="turns"><Error file="a.cpp" line="1">5 != 7</Error></TestCase></TestSuite></TestLog>`, "TestLog"},
	"Qt":       {`<TestCase name="Arm"><TestFunction name="turns"><Incident type="fail" file="a.cpp" line="1"/></TestFunction></TestCase>`, "TestCase"},
	"Catch2":   {`<Catch2TestRun name="arm"><TestCase name="turns"><OverallResult success="false"/></TestCase><OverallResults failures="1"/></Catch2TestRun>`, "Catch2TestRun"},
	"libcheck": {`<testsuites xmlns="http://check.sourceforge.net/ns"><suite><title>arm</title><test result="failure"><id>turns</id></test></suite></testsuites>`, "suite"},
	"a list":   {`<testsuites><testsuite name="arm"><tests><test name="turns" result="fail"/></tests></testsuite></testsuites>`, "tests"},
	"JMeter":   {`<testResults version="1.2"><httpSample t="5" s="false" lb="turn"/></testResults>`, "testResults"},
}

// TestForeign posts files of formats that are not read: alone they are errors that say
// what they are, and beside a file that has passed they are damage.
func TestForeign(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	const green = `<testsuite name="leg"><testcase name="walks"/></testsuite>`
	for name, file := range foreign {
		got := mustSave(t, s.Do("POST", "/v1/post-result", file[0], servertest.With("Content-Type", "application/octet-stream")))
		if got.Outcome != "error" || got.Tests != 0 || !strings.Contains(fmt.Sprint(got.Damage), file[1]) {
			t.Errorf("%s: outcome %s of %d tests, damage %v; want error that names %s", name, got.Outcome, got.Tests, got.Damage, file[1])
		}
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for _, text := range []string{green, file[0]} {
			part, err := form.CreateFormFile("file", "a.xml")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = part.Write([]byte(text))
		}
		_ = form.Close()
		got = mustSave(t, s.Send("POST", "/v1/post-result", &body, servertest.With("Content-Type", form.FormDataContentType())))
		if got.Outcome != "incomplete" || got.Tests != 1 || len(got.Damage) == 0 {
			t.Errorf("%s beside a file that passed: outcome %s of %d tests, damage %v; want incomplete", name, got.Outcome, got.Tests, got.Damage)
		}
	}
}

// TestCommas reads lengths of time as other locales print them.
func TestCommas(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for text, want := range map[string]float64{"0,048": 0.048, "1,234.5": 1234.5, "1.234,5": 1234.5, "12.345": 12.345} {
		got := mustSave(t, s.Do("POST", "/v1/post-result", `<testsuite name="arm"><testcase name="turns" time="`+text+`"/></testsuite>`, servertest.With("Content-Type", "application/octet-stream")))
		var page struct{ Tests []struct{ Duration *float64 } }
		a := s.Do("GET", fmt.Sprintf("/v1/runs/%d/results/current/tests", got.TestID), "", servertest.Admin())
		if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if len(page.Tests) != 1 || page.Tests[0].Duration == nil || *page.Tests[0].Duration != want {
			t.Errorf("%s: %+v, want %v", text, page.Tests, want)
		}
	}
}
