package results

import "testing"

func TestTestStatus(t *testing.T) {
	t.Parallel()
	for n, word := range []string{"unknown", "exists", "inprogress", "success", "uxsuccess", "skip", "fail", "xfail"} {
		status, ok := ParseTestStatus(word)
		if !ok || int(status) != n || status.String() != word {
			t.Errorf("ParseTestStatus(%q) = %d %q, %v; want %d", word, status, status, ok, n)
		}
	}
	if status, ok := ParseTestStatus("Fail"); ok || status != TestUnknown {
		t.Errorf("ParseTestStatus(Fail) = %s, %v; want unknown, false", status, ok)
	}
	if got := TestStatus(200).String(); got != "unknown" {
		t.Errorf("status 200 is %q, want unknown", got)
	}
}
