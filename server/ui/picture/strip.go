package picture

import (
	"html/template"
	"strconv"
)

// Strip shows the outcomes of one thing over time, the newest at the right. Up to
// 60 are a cell each; more share columns, see dense.go.
type Strip struct {
	// Outcomes are the oldest first. NotRun leaves a gap.
	Outcomes []Outcome
	// Names say of what each outcome is, such as a version, for the table. They may
	// be fewer.
	Names []string
	// Buckets are used instead of Outcomes by who has counts only, the oldest first.
	Buckets []Counts
	// Label comes before the numbers in the name of the picture; "last 17" by default.
	Label string
}

const (
	cells     = 60 // the most outcomes that are a cell each
	cellStep  = 8
	cellWidth = 6
)

// HTML draws the strip, 18 pixels high, or 40 when outcomes share columns.
func (s Strip) HTML() template.HTML {
	if len(s.Buckets) > 0 || len(s.Outcomes) > cells {
		return s.dense()
	}
	var d drawing
	d.open("strip", whole(max(len(s.Outcomes)*cellStep-(cellStep-cellWidth), 0)), "18", s.label())
	paths := s.paths()
	for i := len(stripClasses) - 1; i >= 0; i-- { // failures last, over all others
		c := stripClasses[i]
		d.path(c.class, paths[c.outcome])
	}
	d.put(`</svg>`)
	return d.html()
}

// stripClasses are the classes of the paths, the worst first.
var stripClasses = [...]struct {
	outcome Outcome
	class   string
}{{Fail, "kf"}, {Error, "ke"}, {Unknown, "ku"}, {Skip, "ks"}, {Pass, "kp"}, {Running, "kr"}, {Waiting, "kw"}}

// paths draws each streak of equal outcomes as one line, which the style sheet
// breaks into cells by its pattern of dashes: 160 bytes a strip, not one element
// for each cell.
func (s Strip) paths() map[Outcome]string {
	paths := map[Outcome][]byte{}
	for from := 0; from < len(s.Outcomes); {
		outcome := s.Outcomes[from].known()
		to := from + 1
		for to < len(s.Outcomes) && s.Outcomes[to].known() == outcome {
			to++
		}
		for _, y := range heights(outcome) {
			p := append(paths[outcome], 'M')
			p = strconv.AppendInt(p, int64(from*cellStep), 10)
			p = append(p, y...)
			p = append(p, 'h')
			paths[outcome] = strconv.AppendInt(p, int64((to-from)*cellStep-(cellStep-cellWidth)), 10)
		}
		from = to
	}
	drawn := make(map[Outcome]string, len(paths))
	for outcome, p := range paths {
		drawn[outcome] = string(p)
	}
	return drawn
}

// heights are where the lines of an outcome run. Its shape is told by them and by
// the width of the class: a failure is full height, an error is cut in two, what
// runs is two thin lines, what waits is one below.
func heights(o Outcome) []string {
	switch o {
	case NotRun:
		return nil
	case Error:
		return []string{" 3.5", " 14.5"}
	case Running:
		return []string{" 6", " 12"}
	case Waiting:
		return []string{" 14"}
	}
	return []string{" 9"}
}

func (s Strip) counts() Counts {
	c := Count(s.Outcomes)
	if len(s.Buckets) > 0 {
		c = Counts{}
		for _, b := range s.Buckets {
			c.addAll(b)
		}
	}
	return c
}

func (s Strip) label() string {
	c := s.counts()
	if s.Label != "" {
		return s.Label + ": " + c.String()
	}
	n := len(s.Outcomes)
	if len(s.Buckets) > 0 {
		n = c.Total()
	}
	return "last " + Number(n) + ": " + c.String()
}

// Table gives each outcome with its name, the newest first; buckets give their
// counts.
func (s Strip) Table() Table {
	name := func(i int) string {
		if i < len(s.Names) {
			return s.Names[i]
		}
		return Number(i + 1)
	}
	if len(s.Buckets) > 0 {
		t := Table{Head: []string{"From"}, Words: 1}
		for _, o := range order {
			t.Head = append(t.Head, string(o))
		}
		for i := len(s.Buckets) - 1; i >= 0; i-- {
			row := []string{name(i)}
			for _, o := range order {
				row = append(row, Number(s.Buckets[i].Of(o)))
			}
			t.Rows = append(t.Rows, row)
		}
		return t
	}
	t := Table{Head: []string{"Of", "Outcome"}, Words: 2}
	for i := len(s.Outcomes) - 1; i >= 0; i-- {
		t.Rows = append(t.Rows, []string{name(i), s.Outcomes[i].Word()})
	}
	return t
}
