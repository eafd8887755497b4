package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what a run of the program found.
type report struct {
	Date    time.Time `json:"date"`
	Commit  string    `json:"commit"`
	Against string    `json:"against,omitempty"`
	Note    string    `json:"note,omitempty"`
	Short   bool      `json:"short"`
	Runs    int       `json:"runs"`
	Machine machine   `json:"machine"`
	Figures []*figure `json:"figures"`

	scenario, subject string
}

// machine says where the figures are from.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	System string `json:"system"`
	Load   string `json:"load"` // before the first scenario
	Go     string `json:"go"`
}

// figure is one measured thing of one subject.
type figure struct {
	Scenario string    `json:"scenario"`
	Metric   string    `json:"metric"`
	Unit     string    `json:"unit"`
	Subject  string    `json:"subject"`
	Median   float64   `json:"median"`
	Least    float64   `json:"least"`
	Most     float64   `json:"most"`
	Values   []float64 `json:"values"`
}

func newReport(ctx context.Context, set settings) report {
	return report{
		Date: time.Now().UTC().Truncate(time.Second), Commit: commitOf(ctx, "HEAD"), Against: set.against, Note: set.note, Short: set.short, Runs: set.runs,
		Machine: machine{
			CPU: lineOf("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: lineOf("/proc/meminfo", "MemTotal"),
			System: firstLine("/proc/sys/kernel/osrelease"), Load: firstLine("/proc/loadavg"), Go: runtime.Version(),
		},
	}
}

// commitOf is the short name of a commit, empty where git does not know.
func commitOf(ctx context.Context, ref string) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", ref).Output()
	if err != nil {
		return ""
	}
	name := strings.TrimSpace(string(out))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "-uno").Output(); err == nil && len(changed) > 0 && ref == "HEAD" {
		name += " and changes"
	}
	return name
}

func firstLine(file string) string {
	text, _ := os.ReadFile(file)
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// lineOf returns the value of a line "name: value".
func lineOf(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (r *report) now(scenario, subject string) { r.scenario, r.subject = scenario, subject }

// add notes a value of what is being measured.
func (r *report) add(metric, unit string, value float64) {
	i := slices.IndexFunc(r.Figures, func(f *figure) bool {
		return f.Scenario == r.scenario && f.Subject == r.subject && f.Metric == metric
	})
	if i < 0 {
		i = len(r.Figures)
		r.Figures = append(r.Figures, &figure{Scenario: r.scenario, Metric: metric, Unit: unit, Subject: r.subject})
	}
	f := r.Figures[i]
	f.Values = append(f.Values, value)
	f.Least, f.Most = slices.Min(f.Values), slices.Max(f.Values)
	f.Median = median(f.Values)
}

// median is the one in the middle, or between the two there.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func (r *report) save(name string) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return err
	}
	return os.WriteFile(name, text.Bytes(), 0o644)
}

// print writes the figures, those of one metric together. The ratio is that to the
// server of this tree.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "commit %s, %s, %d cores, load %s\n", r.Commit, r.Machine.CPU, r.Machine.Cores, r.Machine.Load)
	if r.Note != "" {
		fmt.Fprintln(w, r.Note)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "scenario\tmetric\tsubject\tmedian\tleast\tmost\tunit\ttimes ours")
	seen := map[string]bool{}
	for _, first := range r.Figures {
		key := first.Scenario + "/" + first.Metric
		if seen[key] {
			continue
		}
		seen[key] = true
		for _, f := range r.Figures {
			if f.Scenario == first.Scenario && f.Metric == first.Metric {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Scenario, f.Metric, f.Subject, short(f.Median), short(f.Least), short(f.Most), f.Unit, r.ratio(f))
			}
		}
	}
	_ = table.Flush()
}

// ratio is the figure in times of ours, empty for our own.
func (r *report) ratio(f *figure) string {
	i := slices.IndexFunc(r.Figures, func(o *figure) bool {
		return o.Scenario == f.Scenario && o.Metric == f.Metric && o.Subject == ourName
	})
	if i < 0 || f.Subject == ourName || r.Figures[i].Median == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", f.Median/r.Figures[i].Median)
}

func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
