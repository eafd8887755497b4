package allure_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/allure"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
)

func group(t testing.TB, texts ...string) *reporttest.Result {
	t.Helper()
	var files []report.Input
	for i, text := range texts {
		files = append(files, report.Input{ReaderAt: strings.NewReader(text), Size: int64(len(text)), Name: fmt.Sprintf("%d.json", i)})
	}
	return reporttest.ReadGroup(t, allure.New().(report.Group), files)
}

func TestReadGroup_sample(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../testdata/allure_arm/*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no sample: %v", err)
	}
	var texts []string
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if allure.New().Detect(text) > report.No {
			texts = append(texts, string(text))
		}
	}
	e := reporttest.Expectation(t, "../testdata/allure_arm")
	e.Facts = slices.DeleteFunc(e.Facts, func(f reporttest.Fact) bool {
		return strings.HasPrefix(f.Contains, "gripper") || strings.HasPrefix(f.Contains, "warn:")
	})
	res := group(t, texts...)
	e.Check(t, res)
	moves := res.ByID["a.test_arm#test_moves"]
	if moves == nil || !slices.ContainsFunc(moves.Records[0].Attachments, func(a report.Attachment) bool {
		return strings.HasSuffix(a.Member, "-attachment.txt") && a.MIME == "text/plain"
	}) {
		t.Errorf("the test does not name its files: %+v", moves)
	}
}

func result(uuid, history, name, status string, start int) string {
	return fmt.Sprintf(`{"uuid":%q,"historyId":%q,"name":%q,"status":%q,"start":%d,"statusDetails":{"message":"of %s"}}`, uuid, history, name, status, 1796002007000+start, uuid)
}

func TestReadGroup(t *testing.T) {
	t.Parallel()
	const broken = `{"uuid":"c","name":"the lab","children":["1","2"],"befores":[{"name":"power","status":"broken","statusDetails":{"message":"no power"}}]}`
	tests := []struct {
		name    string
		files   []string
		want    string
		flaky   bool
		outcome report.Outcome
	}{
		{"the attempt that began last counts", []string{result("1", "h", "a", "passed", 9), result("2", "h", "a", "failed", 5)}, "a=success", true, report.OutcomePass},
		{"also when it failed", []string{result("1", "h", "a", "passed", 5), result("2", "h", "a", "failed", 9)}, "a=fail", false, report.OutcomeFail},
		{"attempts that began together count by the worst", []string{result("1", "h", "a", "failed", 5), result("2", "h", "a", "passed", 5)}, "a=fail", false, report.OutcomeFail},
		{"tests of one name that are no attempts count by the worst", []string{result("1", "h", "a", "failed", 5), result("2", "i", "a", "passed", 9)}, "a=fail", false, report.OutcomeFail},
		{"so they do beside attempts", []string{result("1", "h", "a", "failed", 5), result("2", "i", "a", "failed", 6), result("3", "i", "a", "passed", 9)}, "a=fail", false, report.OutcomeFail},
		{"a fixture that broke for tests that are fine is a failed test", []string{result("1", "h", "a", "passed", 5), broken}, "a=success; the lab=fail", false, report.OutcomeFail},
		{"a fixture whose failure a test carries is none", []string{result("1", "h", "a", "broken", 5), broken}, "a=fail", false, report.OutcomeFail},
		{"what lies beside the results is no test", []string{result("1", "h", "a", "passed", 5), `[{"name":"x","matchedStatuses":["broken"]}]`, `{"name":"x","type":"jenkins","buildName":"b"}`}, "a=success", false, report.OutcomePass},
		{"errors of the run that no test carries are a failed test", []string{result("1", "h", "a", "passed", 5), `{"attachments":[],"errors":[{"message":"x"}]}`}, "a=success; globals=fail", false, report.OutcomeFail},
		{"and none when a fixture broke", []string{result("1", "h", "a", "passed", 5), broken, `{"attachments":[],"errors":[{"message":"x"}]}`}, "a=success; the lab=fail", false, report.OutcomeFail},
		{"what was never started is skipped", []string{`{"uuid":"1","historyId":"h","name":"a","stage":"pending"}`}, "a=skip", false, report.OutcomeSkip},
		{"an empty file is damage", []string{result("1", "h", "a", "passed", 5), ""}, "a=success", false, report.OutcomeIncomplete},
		{"a file that is cut is damage", []string{result("1", "h", "a", "passed", 5), `{"uuid":"2","status":"passed","name":"b"`}, "a=success; b=unknown", false, report.OutcomeFail},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := group(t, tt.files...)
			var got []string
			flaky := false
			for _, test := range res.Tests {
				got = append(got, test.ID+"="+test.Status.String())
				flaky = flaky || test.Flaky
			}
			if strings.Join(got, "; ") != tt.want || flaky != tt.flaky || res.Outcome() != tt.outcome {
				t.Errorf("%q, flaky %v, outcome %s; want %q, %v, %s; damage %v", got, flaky, res.Outcome(), tt.want, tt.flaky, tt.outcome, res.Report.Damage)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	text := []byte(good)
	b.SetBytes(int64(len(text)) * 1000)
	var files []report.Input
	for range 1000 {
		files = append(files, report.Input{ReaderAt: bytes.NewReader(text), Size: int64(len(text))})
	}
	for b.Loop() {
		s := report.NewSink(report.Limits{}, func(*report.Record) error { return nil })
		if err := allure.New().(report.Group).ReadGroup(b.Context(), files, s); err != nil {
			b.Fatal(err)
		}
	}
}
