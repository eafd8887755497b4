package engine

import "strings"

// Outcome is what became of a test, in one word for every source.
type Outcome uint8

// The outcomes. Absent is that of a test that a set does not have. Error is never
// Fail: the lab, not the software, stood in the way.
const (
	Absent Outcome = iota
	Pass
	Skip
	Unknown
	Error
	Fail
)

var outcomeWords = [...]string{Absent: "", Pass: "pass", Skip: "skip", Unknown: "unknown", Error: "error", Fail: "fail"}

// String is the word of the document; empty for Absent.
func (o Outcome) String() string { return outcomeWords[o] }

// Letter is the outcome in a strip of outcomes.
func (o Outcome) Letter() string { return o.String()[:min(1, len(o.String()))] }

// Verdict reports whether the outcome says something about the software.
func (o Outcome) Verdict() bool { return o == Pass || o == Fail }

// Failed reports whether a known issue may explain the outcome.
func (o Outcome) Failed() bool { return o == Fail || o == Error }

// WorseThan says which of two tests counts that have fallen together: fail, error,
// unknown, skip, pass.
func (o Outcome) WorseThan(other Outcome) bool { return o > other }

// Source is who reported a test.
type Source string

// The sources, as /v1/test-results names them.
const (
	FromRun         Source = "run"
	FromPublished   Source = "published"
	FromCase        Source = "case"
	FromBoot        Source = "boot"
	FromOpportunity Source = "opportunity"
)

// Sources are all of them.
func Sources() []Source {
	return []Source{FromRun, FromPublished, FromCase, FromBoot, FromOpportunity}
}

// OfFile is the outcome of a test of a result file, by subunit's word.
func OfFile(status string) Outcome {
	switch status {
	case "success", "xfail":
		return Pass
	case "fail", "uxsuccess":
		return Fail
	case "inprogress", "unknown":
		return Error // it began and gave no verdict
	case "skip":
		return Skip
	}
	return Unknown // exists
}

// OfCase is the outcome of a KernelCI test case, whose words may be written in any
// case.
func OfCase(status string) Outcome {
	switch strings.ToUpper(status) {
	case "PASS":
		return Pass
	case "FAIL":
		return Fail
	case "ERROR":
		return Error
	case "SKIP":
		return Skip
	}
	return Unknown
}

// OfBoot is the outcome of a KernelCI boot.
func OfBoot(status string) Outcome {
	switch strings.ToUpper(status) {
	case "PASS":
		return Pass
	case "FAIL":
		return Fail
	case "OFFLINE":
		return Error
	case "UNTRIED":
		return Skip
	}
	return Unknown
}

// OfOpportunity is the outcome of a test opportunity by the status that its agent
// reported. A result that the server made itself is an error whatever it says.
func OfOpportunity(status string, synthetic bool) Outcome {
	if synthetic {
		return Error
	}
	switch strings.ToUpper(status) {
	case "PASSED":
		return Pass
	case "FAILED":
		return Fail
	case "ERROR":
		return Error
	case "SKIPPED":
		return Skip
	}
	return Unknown
}
