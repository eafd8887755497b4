package lava

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Line is one line of a job's log.
type Line struct {
	At    time.Time
	Level string // target is what the board said
	Text  string
}

// maxLog is how many lines of a log are looked at. A job that runs for hours
// writes some ten thousand.
const maxLog = 200_000

// readLog reads the log, a YAML list. LAVA writes each entry on a line of its
// own, so they are read one by one, which takes little memory, and what cannot be
// read costs one line. Most lines are JSON, which reads faster.
func (j *Job) readLog(raw json.RawMessage) {
	entries := strings.SplitSeq("\n"+textOf(raw), "\n- ")
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil { // a list of its own
		entries = func(yield func(string) bool) {
			for _, entry := range list {
				if !yield(string(entry)) {
					return
				}
			}
		}
	}
	bad := 0
	for entry := range entries {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		if len(j.Log) == maxLog {
			j.Warnings = append(j.Warnings, fmt.Sprintf("log: only the first %d lines are kept", maxLog))
			break
		}
		line, ok := parseLine(entry)
		if !ok {
			bad++
		}
		j.Log = append(j.Log, line) // also a bad one: the numbers of the lines count
	}
	if bad > 0 {
		j.Warnings = append(j.Warnings, "log: some lines could not be read")
	}
}

func parseLine(entry string) (Line, bool) {
	var plain struct{ Dt, Lvl, Msg string }
	if json.Unmarshal([]byte(entry), &plain) != nil {
		n, err := parseYAML(entry)
		if err != nil || resolve(n) == nil || n.Kind != yaml.MappingNode {
			return Line{}, false
		}
		msg := resolve(member(n, "msg"))
		plain.Dt, plain.Lvl, plain.Msg = scalarOf(member(n, "dt")), scalarOf(member(n, "lvl")), scalarOf(msg)
		if msg != nil && msg.Kind != yaml.ScalarNode {
			plain.Msg = flow(msg)
		}
	}
	return Line{At: parseTime(plain.Dt), Level: clean(plain.Lvl), Text: clean(plain.Msg)}, true
}

// flow writes a message that is an object on one line: what the steps of LAVA
// note for each other.
func flow(n *yaml.Node) string {
	var parts []string
	eachMember(n, func(key string, value *yaml.Node) { parts = append(parts, key+": "+scalarOf(value)) })
	for _, e := range elements(n) {
		parts = append(parts, scalarOf(e))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// parseTime reads the times of LAVA's log, which are UTC and say so or not. What
// is no time is zero.
func parseTime(text string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// WriteLog writes what the board and the steps said, as text.
func (j *Job) WriteLog(w io.Writer) error {
	for _, l := range j.spoken() {
		if _, err := io.WriteString(w, l.Text+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// spoken are the lines that are not for LAVA's own eyes.
func (j *Job) spoken() []Line {
	return slices.DeleteFunc(slices.Clone(j.Log), func(l Line) bool { return l.Level == "results" || l.Level == "debug" })
}

var page = template.Must(template.New("log").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{{.Title}}</title><style>
pre { line-height: 1.3; } .target { color: #000; } .info, .feedback, .input { color: #555; } .warning { color: #950; } .error, .exception { color: #b00; }
</style></head>
<body><h1>{{.Title}}</h1>{{with .Job.ErrorMessage}}<p class="error">{{.}}</p>{{end}}
<pre>{{range $i, $line := .Lines}}<span id="L{{$i}}" class="{{$line.Level}}">{{$line.Text}}</span>
{{end}}</pre></body></html>
`))

// WriteHTML writes what WriteLog does, as a page whose lines can be linked to.
func (j *Job) WriteHTML(w io.Writer, title string) error {
	return page.Execute(w, map[string]any{"Title": title, "Job": j, "Lines": j.spoken()})
}

var (
	loginEnds = regexp.MustCompile(`^end:.*login-action`)
	received  = regexp.MustCompile(`^Received signal: <TESTCASE> TEST_CASE_ID=([^\s>]+)`)
)

// fragments returns, for each test of each suite in their order, the lines of
// the log that belong to it: from where the one before ended, for the first from
// where the login ended, to its own end. Only what the board said counts, without
// the signals that are meant for LAVA.
func (j *Job) fragments() map[*Test][]Line {
	var tests []*Test
	for i := range j.Suites {
		for k := range j.Suites[i].Tests {
			if t := &j.Suites[i].Tests[k]; t.end >= 0 && t.end < len(j.Log) {
				tests = append(tests, t)
			}
		}
	}
	slices.SortStableFunc(tests, func(a, b *Test) int { return a.end - b.end })
	start := max(0, slices.IndexFunc(j.Log, func(l Line) bool { return loginEnds.MatchString(l.Text) }))
	found := make(map[*Test][]Line, len(tests))
	for _, t := range tests {
		end := j.signalled(start, t.end)
		for i := start; i < end && len(found[t]) < j.limits.lines(); i++ {
			if l := j.Log[i]; l.Level == "target" && !strings.HasPrefix(l.Text, "<LAVA_") {
				found[t] = append(found[t], l)
			}
		}
		start = max(start, end+1)
	}
	return found
}

// signalled moves the end of a test up to the line in which the board said that
// it was over: LAVA counts up to where it noticed.
func (j *Job) signalled(start, end int) int {
	m := received.FindStringSubmatch(j.Log[end].Text)
	if m == nil {
		return end
	}
	for i := end - 1; i >= start; i-- {
		if strings.HasPrefix(j.Log[i].Text, "<LAVA_SIGNAL_TESTCASE TEST_CASE_ID="+m[1]) {
			return i
		}
	}
	return end
}
