package imports

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Count is what became of the things of one kind.
type Count struct {
	Taken   int64 `json:"taken"`
	There   int64 `json:"there"`    // they were there already
	LeftOut int64 `json:"left_out"` // by a rule, such as a token that has expired
	Refused int64 `json:"refused"`  // they could not be taken
}

// Finding is something that was not taken, or not as it was.
type Finding struct {
	File   string `json:"file"`
	Line   int64  `json:"line,omitempty"`
	Kind   string `json:"kind"`
	ID     string `json:"id,omitempty"`
	Says   string `json:"says"`
	Refuse bool   `json:"refused,omitempty"`
}

// Report is what an import did, of one file or of all.
type Report struct {
	Kinds map[string]Count `json:"kinds"`
	// Reasons counts all findings by what they say.
	Reasons map[string]int64 `json:"reasons,omitempty"`
	// Findings are the first of them.
	Findings []Finding `json:"findings,omitempty"`
}

// The bounds of a report. A dump can have something wrong on every line, and the report is
// written with each part.
const (
	maxFindings = 200
	maxReasons  = 500
	maxSays     = 300
)

// Copy is a report that can be added to without changing r.
func (r *Report) Copy() *Report {
	return &Report{Kinds: maps.Clone(r.Kinds), Reasons: maps.Clone(r.Reasons), Findings: slices.Clip(r.Findings)}
}

func (r *Report) count(kind string, add func(*Count)) {
	if r.Kinds == nil {
		r.Kinds = map[string]Count{}
	}
	c := r.Kinds[kind]
	add(&c)
	r.Kinds[kind] = c
}

// Taken counts one that was taken.
func (r *Report) Taken(kind string) { r.count(kind, func(c *Count) { c.Taken++ }) }

// There counts one that was there already.
func (r *Report) There(kind string) { r.count(kind, func(c *Count) { c.There++ }) }

// Refuse counts one that could not be taken, and says why.
func (r *Report) Refuse(f Finding) {
	r.count(f.Kind, func(c *Count) { c.Refused++ })
	f.Refuse = true
	r.Note(f)
}

// LeaveOut counts one that a rule leaves out, and says which.
func (r *Report) LeaveOut(f Finding) {
	r.count(f.Kind, func(c *Count) { c.LeftOut++ })
	r.Note(f)
}

// Note says what is not as it was with something that was taken.
func (r *Report) Note(f Finding) {
	if len(f.Says) > maxSays {
		f.Says = strings.ToValidUTF8(f.Says[:maxSays], "") + "…"
	}
	if r.Reasons == nil {
		r.Reasons = map[string]int64{}
	}
	reason := f.Kind + ": " + f.Says
	if _, known := r.Reasons[reason]; !known && len(r.Reasons) >= maxReasons {
		reason = "other reasons"
	}
	r.Reasons[reason]++
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, f)
	}
}

// Add adds the report of another file.
func (r *Report) Add(other *Report) {
	for kind, c := range other.Kinds {
		r.count(kind, func(sum *Count) {
			sum.Taken, sum.There = sum.Taken+c.Taken, sum.There+c.There
			sum.LeftOut, sum.Refused = sum.LeftOut+c.LeftOut, sum.Refused+c.Refused
		})
	}
	for reason, n := range other.Reasons {
		if r.Reasons == nil {
			r.Reasons = map[string]int64{}
		}
		r.Reasons[reason] += n
	}
	room := max(0, maxFindings-len(r.Findings))
	r.Findings = append(r.Findings, other.Findings[:min(room, len(other.Findings))]...)
}

// Refused is how many could not be taken.
func (r *Report) Refused() (n int64) {
	for _, c := range r.Kinds {
		n += c.Refused
	}
	return n
}

// shownFindings is how many findings the text names; the JSON has more.
const shownFindings = 20

// Text is the report for people.
func (r *Report) Text() string {
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		c := r.Kinds[kind]
		fmt.Fprintf(&b, "%-12s %d taken, %d there already, %d left out, %d refused\n", kind, c.Taken, c.There, c.LeftOut, c.Refused)
	}
	if len(r.Reasons) > 0 {
		b.WriteString("Not taken, or not as it was:\n")
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		fmt.Fprintf(&b, "%8d  %s\n", r.Reasons[reason], reason)
	}
	shown := 0
	for _, f := range r.Findings {
		if !f.Refuse {
			continue
		}
		if shown++; shown > shownFindings {
			b.WriteString("More are refused; --report FILE has the first 200.\n")
			break
		}
		fmt.Fprintf(&b, "refused: %s:%d: %s %s: %s\n", f.File, f.Line, f.Kind, f.ID, f.Says)
	}
	return b.String()
}
