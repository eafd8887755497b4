package picture

import (
	"cmp"
	"html/template"
	"slices"
	"time"
)

// Timeline shows when the steps of one thing ran, a row for each, the first at the
// top. Above 50 steps a row is all steps of one group, such as a node.
type Timeline struct {
	Steps []Step
	// Now is where what runs ends. It is the last time of all steps when zero.
	Now time.Time
}

// Step is one step. A zero Start has not begun; a zero End has not ended.
type Step struct {
	Name       string
	Group      string
	Link       string
	Outcome    Outcome
	Start, End time.Time
	// Usual is how long it takes as a rule; a step that runs is drawn to there in
	// dashes.
	Usual time.Duration
}

const (
	stepHeight = 22
	barHeight  = 12
	labelWidth = 190
	labelWide  = 27 // letters
	axisWidth  = 500
	axisHeight = 20
	manySteps  = 50
	leastStep  = 2.0
	leastRed   = 4.0
)

// labels is the room that names need, for most are short, and the picture may have to fit
// on a telephone.
func labels(lanes []lane) int {
	most := 0
	for _, l := range lanes {
		most = max(most, wide([]rune(l.text())))
	}
	return min(28+most*6, labelWidth)
}

// text is the name of a row, as it is drawn.
func (l lane) text() string {
	name := l.name
	if l.note != "" && len(l.steps) == 1 {
		name += " " + l.note
	}
	return shorten(name, labelWide)
}

// lane is one row of the picture.
type lane struct {
	name, note string
	link       string
	outcome    Outcome
	steps      []Step
}

// HTML draws the timeline, 700 pixels wide at most.
func (t Timeline) HTML() template.HTML {
	lanes, left := t.lanes()
	axis := t.axis()
	axis.left = labels(lanes)
	rows := len(lanes)
	if left.Total() > 0 {
		rows++
	}
	height := rows*stepHeight + axisHeight
	var d drawing
	d.put(`<svg class="timeline" width="`, whole(axis.left+axisWidth+10), `" height="`, whole(height), `" role="group" aria-label="`)
	d.text(t.label())
	d.put(`">`)
	axis.ticks(&d, rows*stepHeight)
	for i, l := range lanes {
		l.draw(&d, i*stepHeight, axis)
	}
	if left.Total() > 0 {
		d.put(`<text x="20" y="`, whole(len(lanes)*stepHeight+15), `" class="vt">`)
		d.text("and " + left.String() + " more steps")
		d.put(`</text>`)
	}
	d.put(`</svg>`)
	return d.html()
}

// lanes are the rows, and the steps that got none: those of groups without a
// failure or an error, when there are more than 50 groups.
func (t Timeline) lanes() ([]lane, Counts) {
	var left Counts
	if len(t.Steps) <= manySteps {
		lanes := make([]lane, 0, len(t.Steps))
		for _, s := range t.Steps {
			lanes = append(lanes, lane{name: s.Name, note: s.Group, link: s.Link, outcome: s.Outcome.known(), steps: []Step{s}})
		}
		return lanes, left
	}
	var groups []string
	of := map[string][]Step{}
	for _, s := range t.Steps {
		if _, known := of[s.Group]; !known {
			groups = append(groups, s.Group)
		}
		of[s.Group] = append(of[s.Group], s)
	}
	var lanes []lane
	for _, g := range groups {
		c := countSteps(of[g])
		name := g
		if name == "" {
			name = "other steps"
		}
		lanes = append(lanes, lane{name: name, note: c.String(), outcome: c.Worst(), steps: of[g]})
	}
	if len(lanes) <= manySteps {
		return lanes, left
	}
	slices.SortStableFunc(lanes, func(a, b lane) int { return cmp.Compare(rank(a.outcome), rank(b.outcome)) })
	kept := manySteps
	for kept < len(lanes) && rank(lanes[kept].outcome) <= rank(Error) {
		kept++
	}
	for _, l := range lanes[kept:] {
		left.addAll(countSteps(l.steps))
	}
	return lanes[:kept], left
}

func countSteps(steps []Step) Counts {
	var c Counts
	for _, s := range steps {
		c.add(s.Outcome, 1)
	}
	return c
}

// rank is the place of an outcome in the order of attention.
func rank(o Outcome) int {
	for i, one := range [...]Outcome{Fail, Error, Unknown, Running, Waiting, Pass, Skip} {
		if o.known() == one {
			return i
		}
	}
	return len(order)
}

// draw draws one row. Its mark tells the outcome by shape, its bars by colour and
// place; failures are painted last.
func (l lane) draw(d *drawing, y int, a axis) {
	to := link(l.link)
	if to != "" {
		d.put(`<a href="`)
		d.text(to)
		d.put(`">`)
	} else {
		d.put(`<g>`)
	}
	d.put(`<title>`)
	d.text(l.words(a))
	d.put(`</title>`)
	var drawn marks
	drawn.add(l.outcome, 0, 0)
	d.put(`<g transform="translate(0,`, whole(y+4), `) scale(.75)">`)
	drawn.write(d)
	d.put(`</g><text x="20" y="`, whole(y+15), `" class="vt">`)
	d.text(l.text())
	d.put(`</text>`)
	steps := slices.Clone(l.steps)
	slices.SortStableFunc(steps, func(x, y Step) int { return -cmp.Compare(rank(x.Outcome), rank(y.Outcome)) })
	for _, s := range steps {
		a.bar(d, s, y+(stepHeight-barHeight)/2)
	}
	if to != "" {
		d.put(`</a>`)
	} else {
		d.put(`</g>`)
	}
}

// words are what the pointer tells of a row.
func (l lane) words(a axis) string {
	if len(l.steps) > 1 {
		return l.name + ": " + l.note
	}
	words := l.name
	if l.note != "" {
		words += ", " + l.note
	}
	for _, s := range l.steps {
		words += ": " + s.Outcome.Word() + ", " + a.took(s)
	}
	return words
}

// axis places times between the first and the last.
type axis struct {
	first, last time.Time
	now         time.Time
	left        int // where it begins
}

func (t Timeline) axis() axis {
	var a axis
	extend := func(at time.Time) {
		if at.IsZero() {
			return
		}
		if a.first.IsZero() || at.Before(a.first) {
			a.first = at
		}
		if a.last.IsZero() || at.After(a.last) {
			a.last = at
		}
	}
	for _, s := range t.Steps {
		extend(s.Start)
		extend(s.End)
	}
	a.now = t.Now
	if a.now.IsZero() {
		a.now = a.last
	}
	for _, s := range t.Steps {
		if s.Start.IsZero() || !s.End.IsZero() {
			continue
		}
		extend(a.now)
		if s.Usual > 0 {
			extend(s.Start.Add(s.Usual))
		}
	}
	if !a.last.After(a.first) {
		a.last = a.first.Add(time.Second)
	}
	return a
}

func (a axis) x(at time.Time) float64 {
	share := float64(at.Sub(a.first)) / float64(a.last.Sub(a.first))
	return float64(a.left) + min(max(share, 0), 1)*axisWidth
}

// ticks draws nine lines at most, with the time since the first step.
func (a axis) ticks(d *drawing, height int) {
	span := a.last.Sub(a.first)
	step := roundUp(span / 6)
	for n := range time.Duration(9) {
		at := n * step
		if at > span || at < 0 {
			break
		}
		x := coordinate(a.x(a.first.Add(at)))
		d.path("grid", "M"+x+" 0v"+whole(height))
		class := "vt mid"
		switch {
		case at == 0:
			class = "vt"
		case at+step/3 > span:
			class = "vt end"
		}
		d.put(`<text x="`, x, `" y="`, whole(height+14), `" class="`, class, `">`)
		d.text(Took(at))
		d.put(`</text>`)
	}
}

// bar draws the time of a step. One that has no times has a mark at the axis' edge:
// its end when it is yet to come, its beginning otherwise.
func (a axis) bar(d *drawing, s Step, y int) {
	outcome := s.Outcome.known()
	start, end := s.Start, s.End
	switch {
	case outcome == NotRun || outcome == Waiting && start.IsZero():
		return
	case start.IsZero() && end.IsZero():
		start, end = a.first, a.first
	case start.IsZero():
		start = end
	case end.IsZero():
		end = a.now
	}
	if end.Before(start) {
		end = start
	}
	least := leastStep
	if outcome == Fail || outcome == Error {
		least = leastRed
	}
	x := a.x(start)
	width := max(a.x(end)-x, least)
	d.put(`<rect x="`, coordinate(x), `" y="`, whole(y), `" width="`, coordinate(width), `" height="`, whole(barHeight), `" class="f-`, string(outcome), `"/>`)
	if usual := s.Start.Add(s.Usual); s.End.IsZero() && !s.Start.IsZero() && s.Usual > 0 && usual.After(end) {
		d.put(`<rect x="`, coordinate(x+width), `" y="`, whole(y), `" width="`, coordinate(max(a.x(usual)-x-width, 0)), `" height="`, whole(barHeight), `" class="usual s-`, string(outcome), `"/>`)
	}
}

// took says how long a step took, or why that is not known.
func (a axis) took(s Step) string {
	switch {
	case s.Start.IsZero() && s.End.IsZero() && (s.Outcome == Waiting || s.Outcome == NotRun):
		return "not begun"
	case s.Start.IsZero():
		return "time unknown"
	case s.End.IsZero():
		return Took(a.now.Sub(s.Start)) + " so far"
	}
	return Took(s.End.Sub(s.Start))
}

func (t Timeline) label() string {
	a := t.axis()
	return Number(len(t.Steps)) + " steps in " + Took(a.last.Sub(a.first)) + ": " + countSteps(t.Steps).String()
}

// Table gives each step with its time, in their order.
func (t Timeline) Table() Table {
	a := t.axis()
	table := Table{Head: []string{"Step", "On", "Outcome", "Began", "Took"}, Words: 4}
	for _, s := range t.Steps {
		began := "\u2014"
		if !s.Start.IsZero() {
			began = s.Start.UTC().Format("2006-01-02 15:04:05 UTC")
		}
		table.Rows = append(table.Rows, []string{s.Name, s.Group, s.Outcome.Word(), began, a.took(s)})
	}
	return table
}
