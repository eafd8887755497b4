package lava

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

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
	ID     string
	Device string            // the one of its type that ran the job
	Status string            // complete, incomplete, canceled; unknown when LAVA does not say
	Meta   map[string]string // what was tested; LAVA's None is no value
	Suites []Suite           // in the order in which they ran, without LAVA's own
	Log    []Line
	Start  time.Time
	End    time.Time
	// ErrorType is LAVA's word for whose fault it is that the job broke off, and
	// ErrorMessage says more; empty when it did not.
	ErrorType, ErrorMessage string
	// Warnings names the members and the metadata that mean nothing here, and
	// says what could not be read.
	Warnings []string

	steps   []step // of the suite called lava
	blind   bool   // the suite called lava could not be read
	leftOut tally  // of the tests beyond the limit
	limits  Limits
}

// members are the keys of a callback (LAVA_CALLBACK_VALID_KEYS in
// app/models/__init__.py), and those that newer LAVA servers add.
var members = strings.Fields(`actual_device_id definition description end_time error_msg error_type failure_comment health
	health_string id is_pipeline log metadata priority results start_time state state_string status status_string
	submit_time submitter_username token lab_name version boot_log_html`)

// Parse reads the members of a callback. It returns nil without an error for a
// job that has not ended: it says nothing yet. Results that cannot be read are no
// error either; they become results that are no pass. The error is an *Error.
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
	if job.Status = statusOf(body); job.Status == running {
		return nil, nil
	}
	job.Start, job.End = parseTime(textOf(body["start_time"])), parseTime(textOf(body["end_time"]))
	job.readResults(body["results"])
	job.readErrors(body)
	job.readLog(body["log"])
	return job, nil
}

// textOf returns a JSON text, or the digits of a number; anything else is empty.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return clean(text)
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
