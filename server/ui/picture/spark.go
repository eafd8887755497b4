package picture

import (
	"html/template"
	"strings"
)

// Spark shows numbers over equal times as small bars, the newest at the right.
type Spark struct {
	Values []int
	// Per says what a number counts: "per hour, last 24 hours".
	Per string
	// Outcome gives the bars its colour; NotRun a quiet one.
	Outcome Outcome
}

const (
	sparkStep   = 3
	sparkHeight = 20
)

// HTML draws the sparkline. A number that is not nothing is at least two pixels
// high; nothing is a line on the ground, in no outcome's colour.
func (s Spark) HTML() template.HTML {
	highest := s.highest()
	var bars, ground strings.Builder
	for i, v := range s.Values {
		x := whole(i * sparkStep)
		if v <= 0 {
			ground.WriteString("M" + x + " 19h2v1h-2z")
			continue
		}
		h := max(int(float64(v)/float64(highest)*sparkHeight+0.5), 2)
		bars.WriteString("M" + x + " 20v-" + whole(h) + "h2v" + whole(h) + "z")
	}
	var d drawing
	d.open("spark", whole(len(s.Values)*sparkStep), whole(sparkHeight), s.label())
	d.put(`<title>`)
	d.text(s.Per + "; highest " + Number(highest))
	d.put(`</title>`)
	class := "sp"
	if s.Outcome != NotRun {
		class = "f-" + string(s.Outcome.known())
	}
	d.path("f-line", ground.String())
	d.path(class, bars.String())
	d.put(`</svg>`)
	return d.html()
}

func (s Spark) highest() int {
	highest := 0
	for _, v := range s.Values {
		highest = max(highest, v)
	}
	return highest
}

// label names all numbers; who listens should not hear twenty zeros one by one.
func (s Spark) label() string {
	var parts []string
	for from := 0; from < len(s.Values); {
		to := from + 1
		for to < len(s.Values) && s.Values[to] == s.Values[from] {
			to++
		}
		part := Number(s.Values[from])
		if to-from > 1 {
			part = Number(to-from) + " times " + part
		}
		parts = append(parts, part)
		from = to
	}
	if parts == nil {
		parts = []string{"none"}
	}
	return s.Per + ", oldest first: " + strings.Join(parts, ", ")
}

// Table gives each number, the newest first.
func (s Spark) Table() Table {
	t := Table{Head: []string{"Ago", "Number"}, Words: 1}
	for i := len(s.Values) - 1; i >= 0; i-- {
		t.Rows = append(t.Rows, []string{Number(len(s.Values) - 1 - i), Number(s.Values[i])})
	}
	return t
}
