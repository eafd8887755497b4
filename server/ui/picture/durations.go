package picture

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"
)

// Durations shows how long something took over time, the newest at the right: a
// disc where it passed, a square where it failed, lines at nothing, half, the
// longest and the median. Above 240 points it is a band from the shortest to the
// longest of each column, with a square where one failed.
type Durations struct {
	Points []Point
	// Column is the width of a point, such as 22 to stand below a matrix; 0 makes
	// the picture 440 pixels wide.
	Column int
}

// Point is one duration. One below zero was not measured: it stands on the ground
// when it failed, and nowhere else.
type Point struct {
	Name    string
	Took    time.Duration
	Outcome Outcome
	Link    string
}

const (
	durationsWidth  = 440
	durationsHeight = 64
	ground          = 58 // the line of nothing
	top             = 12 // the line of the longest
	manyPoints      = 240
)

// HTML draws the durations, 64 pixels high.
func (p Durations) HTML() template.HTML {
	width := float64(durationsWidth)
	step := width / float64(max(len(p.Points), 1))
	if len(p.Points) <= manyPoints {
		step = min(step, cellSide)
	}
	if p.Column > 0 {
		step = float64(p.Column)
		width = step * float64(len(p.Points))
	}
	longest := roundUp(p.longest())
	y := func(took time.Duration) float64 {
		return ground - min(float64(took)/float64(longest), 1)*(ground-top)
	}
	var d drawing
	d.open("dur", coordinate(max(width, 120)), whole(durationsHeight), p.label())
	p.lines(&d, max(width, 120), longest, y)
	if len(p.Points) > manyPoints {
		p.band(&d, width, y)
	} else {
		p.points(&d, step, y)
	}
	d.put(`</svg>`)
	return d.html()
}

// lines draws the lines and what they mean.
func (p Durations) lines(d *drawing, width float64, longest time.Duration, y func(time.Duration) float64) {
	for _, at := range [...]time.Duration{0, longest / 2, longest} {
		d.path("grid", "M0 "+coordinate(y(at))+"H"+coordinate(width))
		d.put(`<text x="`, coordinate(width-2), `" y="`, coordinate(y(at)-2), `" class="vt end">`)
		d.text(Took(at))
		d.put(`</text>`)
	}
	if median, ok := p.median(); ok {
		d.path("median", "M0 "+coordinate(y(median))+"H"+coordinate(width))
	}
}

// points draws a mark for each.
func (p Durations) points(d *drawing, step float64, y func(time.Duration) float64) {
	var failed, broken, passed, other strings.Builder
	for i, point := range p.Points {
		x, at := (float64(i)+0.5)*step, float64(ground)
		if point.Took >= 0 {
			at = y(point.Took)
		}
		switch outcome := point.Outcome.known(); {
		case outcome == Fail:
			failed.WriteString("M" + coordinate(x-4) + " " + coordinate(at-4) + "h8v8h-8z")
		case outcome == Error:
			broken.WriteString("M" + coordinate(x) + " " + coordinate(at-4.5) + "l4.5 8.5h-9z")
		case point.Took < 0 || outcome == NotRun:
		case outcome == Pass:
			passed.WriteString("M" + coordinate(x-3.5) + " " + coordinate(at) + "a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z")
		default:
			other.WriteString("M" + coordinate(x-3) + " " + coordinate(at-1) + "h6v2h-6z")
		}
	}
	d.path("f-pass", passed.String())
	d.path("f-skip", other.String())
	d.path("f-error", broken.String())
	d.path("f-fail", failed.String())
}

// band draws columns of two pixels.
func (p Durations) band(d *drawing, width float64, y func(time.Duration) float64) {
	n := max(int(width/2), 1)
	type column struct {
		low, high      time.Duration
		measured       bool
		failed, broken time.Duration // the longest, -1 for none
	}
	all := make([]column, n)
	for i := range all {
		all[i].failed, all[i].broken = math.MinInt64, math.MinInt64
	}
	for i, point := range p.Points {
		c := &all[i*n/len(p.Points)]
		switch point.Outcome.known() {
		case Fail:
			c.failed = max(c.failed, point.Took)
		case Error:
			c.broken = max(c.broken, point.Took)
		case Pass:
			if point.Took < 0 {
				continue
			}
			if !c.measured || point.Took < c.low {
				c.low = point.Took
			}
			c.high = max(c.high, point.Took)
			c.measured = true
		}
	}
	square := func(i int, took time.Duration, shape string) string {
		if took == math.MinInt64 {
			return ""
		}
		return "M" + coordinate(float64(i*2)-1) + " " + coordinate(y(max(took, 0))-2) + shape
	}
	var band, failed, broken strings.Builder
	for i, c := range all {
		if c.measured {
			top, bottom := y(c.high), y(c.low)
			band.WriteString("M" + whole(i*2) + " " + coordinate(top) + "h2v" + coordinate(max(bottom-top, 1)) + "h-2z")
		}
		failed.WriteString(square(i, c.failed, "h4v4h-4z"))
		broken.WriteString(square(i, c.broken, "h4l-2 4z"))
	}
	d.path("band", band.String())
	d.path("f-error", broken.String())
	d.path("f-fail", failed.String())
}

// measured are the durations that were, the shortest first.
func (p Durations) measured() []time.Duration {
	var took []time.Duration
	for _, point := range p.Points {
		if point.Took >= 0 && point.Outcome != NotRun {
			took = append(took, point.Took)
		}
	}
	slices.SortFunc(took, cmp.Compare[time.Duration])
	return took
}

func (p Durations) median() (time.Duration, bool) {
	took := p.measured()
	if len(took) == 0 {
		return 0, false
	}
	return took[len(took)/2], true
}

func (p Durations) longest() time.Duration {
	took := p.measured()
	if len(took) == 0 {
		return time.Second
	}
	return took[len(took)-1]
}

func (p Durations) label() string {
	var counts Counts
	for _, point := range p.Points {
		counts.add(point.Outcome, 1)
	}
	took := p.measured()
	if len(took) == 0 {
		return "durations: none measured; " + counts.String()
	}
	return "durations: shortest " + Took(took[0]) + ", median " + Took(took[len(took)/2]) + ", longest " + Took(took[len(took)-1]) + "; " + counts.String()
}

// Table gives each duration, the newest first.
func (p Durations) Table() Table {
	t := Table{Head: []string{"Of", "Outcome", "Took"}, Words: 2}
	for i := len(p.Points) - 1; i >= 0; i-- {
		point := p.Points[i]
		took := "\u2014"
		if point.Took >= 0 {
			took = Took(point.Took)
		}
		t.Rows = append(t.Rows, []string{point.Name, point.Outcome.Word(), took})
	}
	return t
}

// roundUp is the next duration that reads well on an axis, never zero.
func roundUp(d time.Duration) time.Duration {
	for unit := time.Millisecond; ; unit *= 10 {
		for _, times := range [...]time.Duration{1, 2, 5} {
			if d <= unit*times || unit > math.MaxInt64/50 {
				return readable(max(unit*times, 1), d)
			}
		}
	}
}

// readable prefers minutes and hours to their decimal neighbours.
func readable(up, d time.Duration) time.Duration {
	for _, nice := range [...]time.Duration{
		30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 6 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour,
	} {
		if d > 20*time.Second && d <= nice {
			return nice
		}
	}
	return up
}
