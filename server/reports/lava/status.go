package lava

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// What a job's status can be. A job that is running, or is still to run, says
// nothing yet.
const (
	complete   = "complete"
	incomplete = "incomplete"
	canceled   = "canceled"
	unknown    = "unknown"
	running    = "running"
)

// The numbers that LAVA has for the status of a job, which stands for state and
// health together, and for its health (lava_scheduler_app/models.py and
// lava_common). A job that is being cancelled will not run on.
var (
	statusNumbers = map[string]string{"0": running, "1": running, "2": complete, "3": incomplete, "4": canceled, "5": canceled}
	healthNumbers = map[string]string{"1": complete, "2": incomplete, "3": canceled}
	statusWords   = map[string]string{
		"submitted": running, "scheduling": running, "scheduled": running, "running": running, "complete": complete, "incomplete": incomplete,
		"canceled": canceled, "cancelled": canceled, "canceling": canceled, "cancelling": canceled,
	}
)

// statusOf is how a job ended. Older servers send the status alone, newer ones state
// and health as well. Where they differ, what is no success counts.
func statusOf(body map[string]json.RawMessage) string {
	word := func(name string) string { return statusWords[strings.ToLower(strings.TrimSpace(textOf(body[name])))] }
	said := []string{
		statusNumbers[strings.TrimSpace(textOf(body["status"]))], word("status_string"),
		healthNumbers[strings.TrimSpace(textOf(body["health"]))], word("health_string"), word("state_string"),
	}
	said = slices.DeleteFunc(said, func(s string) bool { return s == "" })
	if len(said) == 0 {
		return unknown
	}
	for _, s := range said {
		if s != complete && (s != running || s == said[0]) {
			return s
		}
	}
	return said[0]
}

// readErrors finds out why a job broke off: LAVA says it of the step called job,
// newer servers beside the status, and some actions of themselves.
func (j *Job) readErrors(body map[string]json.RawMessage) {
	var own, other step
	if s := j.step("job"); s != nil {
		own = *s
	}
	if j.Status != complete {
		for i := range slices.Backward(j.steps) {
			if s := &j.steps[i]; s.errorType != "" && resultOf(s.result) != pass {
				other = *s
				break
			}
		}
	}
	j.ErrorType = cmp.Or(own.errorType, notNone(textOf(body["error_type"])), other.errorType)
	j.ErrorMessage = cmp.Or(own.errorMessage, notNone(textOf(body["error_msg"])), other.errorMessage, notNone(textOf(body["failure_comment"])))
}

// notNone takes Python's None for no text.
func notNone(text string) string {
	if text = strings.TrimSpace(text); text == "None" {
		return ""
	}
	return text
}

// blamed are the types of errors that are no fault of what was tested, without the
// word error that some servers put behind.
var blamed = []string{"infrastructure", "bug", "lavabug", "configuration", "canceled", "cancelled", "jobcanceled", "connectionclosed"}

// failed is the result of what failed with a type of error: ERROR when the lab, its
// software or somebody at it is to blame, else FAIL.
func failed(errorType string) string {
	word := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(errorType)), "error")
	if slices.Contains(blamed, strings.TrimSpace(word)) {
		return errored
	}
	return fail
}

// panicked reports whether the kernel went down before the job was over.
func (j *Job) panicked() bool {
	if isPanic(j.ErrorMessage) {
		return true
	}
	s := j.login()
	return s != nil && slices.ContainsFunc(messages(s.extra), isPanic)
}

func isPanic(message string) bool { return strings.Contains(strings.ToLower(message), "kernel panic") }

// outcome is what became of the job itself, beside its tests: PASS, or how it broke
// off. A job without any result never did what it was for.
func (j *Job) outcome() string {
	own := pass
	if s := j.step("job"); s != nil {
		own = resultOf(s.result)
	}
	switch {
	case j.panicked():
		return fail
	case j.ErrorType != "":
		return failed(j.ErrorType)
	case j.Status == canceled:
		return errored
	case own == fail:
		return fail
	case j.Status != complete, own != pass, j.blind, len(j.Suites) == 0 && j.login() == nil:
		return errored
	}
	return pass
}

// bootOutcome is outcome for a report that knows of a boot only: as in the original a
// job that ended well booted, whatever results LAVA sent along, and one that is
// incomplete did not.
func (j *Job) bootOutcome() string {
	result, login := j.outcome(), j.login()
	switch {
	case result == errored && j.ErrorType == "" && j.Status == incomplete:
		return fail
	case result == errored && j.Status == complete && len(j.steps)+len(j.Suites) == 0 && !j.blind:
		return pass
	case result == pass && login != nil && resultOf(login.result) == fail:
		return fail
	}
	return result
}
