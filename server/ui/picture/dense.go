package picture

import (
	"html/template"
	"strings"
)

const (
	columns     = 200 // the most columns of a dense strip
	columnStep  = 3
	denseHeight = 40
	leastHigh   = 3 // pixels of a failure or an error in a column, however many share it
)

// buckets gives the counts of each column: at most 200, of neighbours that are as
// many in each as they can.
func (s Strip) buckets() []Counts {
	n := len(s.Outcomes)
	if len(s.Buckets) > 0 {
		n = len(s.Buckets)
	}
	shared := make([]Counts, min(n, columns))
	for i := range n {
		into := &shared[i*len(shared)/n]
		if len(s.Buckets) > 0 {
			into.addAll(s.Buckets[i])
		} else {
			into.add(s.Outcomes[i], 1)
		}
	}
	return shared
}

// dense draws columns: failures stand on the ground, errors hang from above, each
// as high as its share and never so low that it is not seen. Where both would meet,
// the failure has the room. Behind them is the colour of a pass where one passed.
func (s Strip) dense() template.HTML {
	var failed, broken, other strings.Builder
	shared := s.buckets()
	for i, c := range shared {
		x := whole(i*columnStep + 1)
		red := high(c.Of(Fail), c.Total(), denseHeight)
		if red > 0 {
			failed.WriteString("M" + x + " " + whole(denseHeight) + "v-" + whole(red))
		}
		if violet := high(c.Of(Error), c.Total(), denseHeight-red); violet > 0 {
			broken.WriteString("M" + x + " 0v" + whole(violet))
		}
		if c.Total() > c.Of(Pass)+c.Of(Fail)+c.Of(Error) && c.Of(Pass) == 0 {
			other.WriteString("M" + x + " 19v2")
		}
	}
	var d drawing
	d.open("strip dense", whole(len(shared)*columnStep), whole(denseHeight), s.label())
	d.path("dp", passed(shared))
	d.path("do", other.String())
	d.path("de", broken.String())
	d.path("df", failed.String())
	d.put(`</svg>`)
	return d.html()
}

// high is the height of n of total in a column that has room left.
func high(n, total, room int) int {
	if n <= 0 || total <= 0 || room <= 0 {
		return 0
	}
	return min(max(int(float64(n)/float64(total)*denseHeight+0.5), leastHigh), room)
}

// passed draws one rectangle for each streak of columns in which something passed.
func passed(shared []Counts) string {
	var rectangles strings.Builder
	for from := 0; from < len(shared); from++ {
		to := from
		for to < len(shared) && shared[to].Of(Pass) > 0 {
			to++
		}
		if to > from {
			width := whole((to - from) * columnStep)
			rectangles.WriteString("M" + whole(from*columnStep) + " 0h" + width + "v40h-" + width + "z")
			from = to
		}
	}
	return rectangles.String()
}
