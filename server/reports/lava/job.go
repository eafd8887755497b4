package lava

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits bounds what one callback may hold.
type Limits struct {
	Tests int // of all suites together; 0 means 10000
	Lines int // lines of the log that one test keeps; 0 means 1000
}

func (l Limits) tests() int {
	if l.Tests == 0 {
		return 10000
	}
	return l.Tests
}

func (l Limits) lines() int {
	if l.Lines == 0 {
		return 1000
	}
	return l.Lines
}

// Error is a callback that cannot be understood. Its text is meant for who
// posted it.
type Error struct {
	Member  string // of the body
	Message string
}

// Error names the member first.
func (e *Error) Error() string { return e.Member + " " + e.Message }

// Job is a job of LAVA's that has ended.
type Job struct {
	ID       string
	Device   string            // the one of its type that ran the job
	Complete bool              // else it is incomplete: the job itself went wrong
	Meta     map[string]string // what was tested; LAVA's None is no value
	Suites   []Suite           // in the order in which they ran, without LAVA's own
	Log      []Line
	// Warnings names the members and the metadata that mean nothing here, and
	// says what could not be read.
	Warnings []string

	steps  []step // of the suite called lava
	limits Limits
}

// members are the keys of a callback (LAVA_CALLBACK_VALID_KEYS in
// app/models/__init__.py), and those that newer LAVA servers add.
var members = strings.Fields(`actual_device_id definition description end_time error_msg error_type failure_comment health
	health_string id is_pipeline log metadata priority results start_time state state_string status status_string
	submit_time submitter_username token lab_name version boot_log_html`)

// The numbers of LAVA's job states that mean an end with results, from its
// lava_scheduler_app/models.py.
const (
	complete   = "2"
	incomplete = "3"
)

// Parse reads the members of a callback. It returns nil without an error for a
// job that has not ended, or that somebody cancelled: such a job says nothing.
// The error is an *Error.
func Parse(body map[string]json.RawMessage, limits Limits) (*Job, error) {
	job := &Job{ID: textOf(body["id"]), Device: textOf(body["actual_device_id"]), limits: limits}
	for name := range body {
		if !slices.Contains(members, name) {
			job.Warnings = append(job.Warnings, name)
		}
	}
	if slices.Sort(job.Warnings); len(job.Warnings) > 0 {
		job.Warnings = []string{"Found non recognizable keys, they will not be considered: " + strings.Join(job.Warnings, ", ")}
	}
	if err := job.readDefinition(textOf(body["definition"])); err != nil {
		return nil, err
	}
	switch status, word := textOf(body["status"]), strings.ToLower(textOf(body["status_string"])); {
	case status == complete, status == "" && word == "complete":
		job.Complete = true
	case status == incomplete, status == "" && word == "incomplete":
	default:
		return nil, nil
	}
	if err := job.readResults(body["results"]); err != nil {
		return nil, err
	}
	job.readLog(body["log"])
	return job, nil
}

// textOf returns a JSON text, or the digits of a number; anything else is empty.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var number json.Number
	if json.Unmarshal(raw, &number) == nil {
		return number.String()
	}
	return ""
}

func (j *Job) readDefinition(text string) error {
	if text == "" {
		return &Error{"definition", "is missing: it says what was tested"}
	}
	definition, err := parseYAML(text)
	if err != nil {
		return &Error{"definition", "is not YAML, or is too long"}
	}
	j.Meta = map[string]string{}
	any := false
	eachMember(member(definition, "metadata"), func(name string, value *yaml.Node) {
		any = true
		if text := scalarOf(value); text != "" && text != "None" {
			j.Meta[name] = text
		}
	})
	if !any {
		return &Error{"definition", "has no metadata: metadata missing from LAVA job definition"}
	}
	return nil
}

// readResults reads the suites, each a YAML text in an object. Results that are
// missing are none: LAVA leaves them out when the job did not ask for them.
func (j *Job) readResults(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var suites map[string]json.RawMessage
	if err := json.Unmarshal(raw, &suites); err != nil {
		return &Error{"results", "is not an object of test suites"}
	}
	left := j.limits.tests()
	for name, raw := range suites {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			text = string(raw) // a list of its own; JSON is YAML
		}
		list, err := parseYAML(text)
		if list = resolve(list); err != nil || list != nil && list.Kind != yaml.SequenceNode {
			return &Error{"results/" + name, "is not a YAML list of results, or is too long"}
		}
		steps := readSteps(elements(list))
		if left -= len(steps); left < 0 {
			return &Error{"results", fmt.Sprintf("holds more than %d tests", j.limits.tests())}
		}
		if name == "lava" {
			j.steps = steps
			continue
		}
		j.Suites = append(j.Suites, newSuite(name, steps))
	}
	slices.SortFunc(j.Suites, compareSuites)
	return nil
}

// number splits the place of a suite from its name: 0_dmesg.
func number(key string) (n int, name string) {
	digits, name, found := strings.Cut(key, "_")
	n, err := strconv.Atoi(digits)
	if !found || err != nil || name == "" {
		return -1, key
	}
	return n, name
}
