package remote

import (
	"testing"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/gen/client"
)

// A result is green where the sender says so in one of SPI's words and its file does
// not say otherwise. A word of the lab's own is neither green nor a failure that a
// comparison of the single tests may excuse, even if it is a word for an outcome.
func TestSentOf_verdicts(t *testing.T) {
	t.Parallel()
	same := &client.SetComparison{} // nothing new
	for _, tt := range []struct {
		status, file string // "" for no file
		any, fresh   bool   // whether --fail-on any and new fail
	}{
		{"PASSED", "", false, false},
		{"PASSED", "pass", false, false},
		{"PASSED", "fail", true, false},
		{"PASSED", "incomplete", true, true},
		{"SKIPPED", "", false, false},
		{"SKIPPED", "pass", false, false},
		{"SKIPPED", "fail", true, false},
		{"FAILED", "", true, true},
		{"FAILED", "pass", true, true},
		{"FAILED", "fail", true, false},
		{"ERROR", "pass", true, true},
		{"PASS", "", true, true},
		{"PASS", "fail", true, true},
		{"SKIP", "", true, true},
		{"SKIP", "fail", true, true},
		{"FAIL", "", true, true},
		{"FAIL", "pass", true, true},
		{"BROKEN", "pass", true, true},
	} {
		saved := &client.TestResult{TestStatus: tt.status}
		if tt.file != "" {
			saved.File = nullable.NewNullableWithValue(client.ResultFile{Outcome: client.Outcome(tt.file), Complete: true})
		}
		r := sentOf(saved)
		if err := anyFailure(r); (err != nil) != tt.any {
			t.Errorf("--fail-on any of %s with a file %q: %v, want a failure: %v", tt.status, tt.file, err, tt.any)
		}
		if err := newFailure(r, same); (err != nil) != tt.fresh {
			t.Errorf("--fail-on new of %s with a file %q: %v, want a failure: %v", tt.status, tt.file, err, tt.fresh)
		}
	}
}
