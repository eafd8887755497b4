package engine

import (
	"slices"
	"strings"
)

// Line is the line of a set: its cloud, job or product. What it has not is nil.
type Line struct {
	CloudID   *int64
	Job       *string
	ProductID *string
}

// Issue is a known issue that is open. They are tried in their order, so that the
// oldest comes first.
type Issue struct {
	ID    string
	Title string
	URL   *string

	Name    *Glob
	Message string             // a part of the failure's text; empty: any
	Context map[string]*string // nil value: the field has none
	Sources []Source           // none: any
	Line    Line               // what is nil is any
}

// fitsLine reports whether the issue may explain tests of the line.
func (i *Issue) fitsLine(line Line) bool {
	return fits(i.Line.CloudID, line.CloudID) && fits(i.Line.Job, line.Job) && fits(i.Line.ProductID, line.ProductID)
}

func fits[T comparable](wanted, is *T) bool {
	return wanted == nil || is != nil && *wanted == *is
}

// OfLine are the issues that may explain tests of a line: a part of issues.
func OfLine(issues []Issue, line Line) []Issue {
	n := 0
	for n < len(issues) && issues[n].fitsLine(line) {
		n++
	}
	if n == len(issues) {
		return issues // as is usual
	}
	some := slices.Clone(issues[:n])
	for i := n + 1; i < len(issues); i++ {
		if issues[i].fitsLine(line) {
			some = append(some, issues[i])
		}
	}
	return some
}

// Explain returns the first issue that fits a test whose outcome is fail or error,
// nil when none does. fields are those of its context, text is what it says.
func Explain(issues []Issue, t *Test, fields []string, text string) *Issue {
	for n := range issues {
		if i := &issues[n]; i.Fits(t, fields) && strings.Contains(text, i.Message) {
			return i
		}
	}
	return nil
}

// NeedsText reports whether what the test says decides which issue explains it.
func NeedsText(issues []Issue, t *Test, fields []string) bool {
	for n := range issues {
		if i := &issues[n]; i.Fits(t, fields) {
			return i.Message != ""
		}
	}
	return false
}

// Fits reports whether the issue may explain a test, but for its line and for what
// the test says.
func (i *Issue) Fits(t *Test, fields []string) bool {
	if !t.Outcome.Failed() || len(i.Sources) > 0 && !slices.Contains(i.Sources, t.Source) {
		return false
	}
	for field, wanted := range i.Context {
		is := ""
		if n := slices.Index(fields, field); n >= 0 {
			is = t.Context[n]
		}
		if is != Value(wanted) {
			return false
		}
	}
	return i.Name.Match(t.Name)
}
