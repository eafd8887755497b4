package formats_test

import (
	"os"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/formats"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

// Every sample in JSON is told to be of its own format, by each of its beginnings
// that is long enough to tell.
func TestDetect_json(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]report.Format{
		"allure_one_passed.json": "allure",
		"avocado_arm.json":       "avocado",
		"checkbox_green.json":    "checkbox",
		"checkbox_usb.json":      "checkbox",
		"ctrf_full.json":         "ctrf",
		"cucumber_arm.json":      "cucumber",
		"cucumber_arm.ndjson":    "cucumber-messages",
		"go_arm.jsonl":           "go-test",
		"go_clean.jsonl":         "go-test",
		"gtest_arm.json":         "gtest",
		"jest_all.ctrf.json":     "ctrf",
		"jest_all.json":          "jest",
		"jest_arm.json":          "jest",
		"jest_flaky.json":        "jest",
		"jest_switch.json":       "jest",
		"kirk_arm.json":          "ltp",
		"libtest_arm.json":       "libtest",
		"mocha_arm.json":         "mocha",
		"playwright_arm.json":    "playwright",
		"pytest_arm.json":        "pytest-json-report",
		"robot_arm.json":         "robot-json",
		"squad_boot.json":        "squad",
		"vitest_all.json":        "jest",
	} {
		text, err := os.ReadFile("../testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		got := formats.Detect(formats.All(), text[:min(len(text), report.PrefixBytes)])
		if got == nil || got.Info().Format != want {
			t.Errorf("%s is %v, want %s", file, got, want)
		}
	}
}

// A test knows its suite, whatever the format calls that.
func TestRead_suites(t *testing.T) {
	t.Parallel()
	for file, want := range map[string][2]string{
		"allure_one_passed.json": {"a.test_arm.TestJoint#test_turn", "test_arm"},
		"checkbox_usb.json":      {"usb/insert", "USB"},
		"ctrf_full.json":         {"arm > joint > waits", "arm > joint"},
		"cucumber_arm.json":      {"The arm > lifts", "The arm"},
		"cucumber_arm.ndjson":    {"The arm > lifts", "The arm"},
		"go_arm.jsonl":           {"lab.example/arm/armtest.TestLifts", "lab.example/arm/armtest"},
		"gtest_arm.json":         {"Arm.Lifts", "Arm"},
		"jest_arm.json":          {"arm lifts", "arm.test.js"},
		"playwright_arm.json":    {"[webkit] arm.spec.js › arm › lifts", "arm.spec.js"},
		"pytest_arm.json":        {"a/test_arm.py::test_lifts", "a/test_arm.py"},
		"robot_arm.json":         {"Arm.Lifts", "Arm"},
	} {
		text, err := os.ReadFile("../testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		res := reporttest.Read(t, formats.Detect(formats.All(), text[:min(len(text), report.PrefixBytes)]), file, text)
		if got := res.ByID[want[0]]; got == nil || got.Records[0].Suite != want[1] {
			t.Errorf("%s: the test %q is %+v, want the suite %q", file, want[0], got, want[1])
		}
	}
}

// The example of each format in JSON is of the format.
func TestDetect_examples(t *testing.T) {
	t.Parallel()
	for _, r := range formats.All() {
		info := r.Info()
		if !strings.HasPrefix(info.Example, "{") && !strings.HasPrefix(info.Example, "[") {
			continue
		}
		if info.Title == "" || info.Recognised == "" || info.Naming == "" {
			t.Errorf("%s does not describe itself: %+v", info.Format, info)
		}
		got := formats.Detect(formats.All(), []byte(info.Example))
		if got == nil || got.Info().Format != info.Format {
			t.Errorf("the example of %s is taken for %v", info.Format, got)
		}
	}
}

// What fits no shape is nobody's, or RefStack's, whose reader says what is wrong.
func TestDetect_strangers(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an empty object":        `{}`,
		"an empty array":         `[]`,
		"an array of verdicts":   `[{"name":"a","status":"passed"}]`,
		"verdicts under results": `{"results":[{"name":"a","status":"fail"}]}`,
		"an API's answer":        `{"id":1,"status":"ok","message":"pass"}`,
		"almost SQUAD":           `{"boot":"pass","kernel":"6.8"}`,
		"a nested list":          strings.Repeat("[", 5000),
	} {
		if got := formats.Detect(formats.All(), []byte(text)); got != nil && got.Info().Format != report.FormatJSON {
			t.Errorf("%s is taken for %s", name, got.Info().Format)
		}
	}
}
