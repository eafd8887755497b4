package picture

import (
	"html/template"
	"strconv"
)

// Bar shows counts as one bar, the worst at the left edge. It is as wide as its
// place. A tall one has the numbers inside, where they fit.
type Bar struct {
	Counts Counts
	Tall   bool
}

// What a bar grants, in percent of its width. A failure and an error are granted
// more than the rest, so that they are seen in the 64 pixels that a bar has on a
// telephone.
const (
	leastShare    = 0.9
	leastRedShare = 2.0
	gap           = 0.25
	labelShare    = 5.0
	letterShare   = 2.3 // of a digit in a bar of 330 pixels
)

// segment is the part of a bar that an outcome has.
type segment struct {
	outcome  Outcome
	n        int
	x, width float64
}

// segments shares the width, 100 percent, among the outcomes. Each has at least
// what it is granted; what that takes is taken from the widest, which has enough
// of it: seven outcomes are granted under nine percent together.
func (c Counts) segments() []segment {
	total := float64(c.Total())
	var all []segment
	widest, over := 0, -100.0
	for _, o := range order {
		n := c.Of(o)
		if n == 0 {
			continue
		}
		least := leastShare
		if o == Fail || o == Error {
			least = leastRedShare
		}
		s := segment{outcome: o, n: n, width: max(float64(n)/total*100, least)}
		over += s.width
		all = append(all, s)
		if s.width > all[widest].width {
			widest = len(all) - 1
		}
	}
	if all == nil {
		return nil
	}
	all[widest].width -= over
	x := 0.0
	for i := range all {
		all[i].x = x
		x += all[i].width
	}
	return all
}

// HTML draws the bar, 10 pixels high or 20.
func (b Bar) HTML() template.HTML {
	height := "10"
	if b.Tall {
		height = "20"
	}
	var d drawing
	label := b.Counts.String()
	d.open("bar", "100%", height, label)
	d.put(`<title>`)
	d.text(label)
	d.put(`</title>`)
	for _, s := range b.Counts.segments() {
		width := s.width
		if width >= 2*leastRedShare {
			width -= gap
		}
		d.put(`<rect x="`, coordinate(s.x), `%" y="0" width="`, coordinate(width), `%" height="`, height, `" class="f-`, string(s.outcome), `"/>`)
		if text := Number(s.n); b.Tall && s.width >= max(labelShare, letterShare*float64(wide([]rune(text))+1)) {
			d.put(`<text x="`, coordinate(s.x+s.width/2), `%" y="14.5" class="bt on-`, string(s.outcome), `">`, text, `</text>`)
		}
	}
	d.put(`</svg>`)
	return d.html()
}

// Table gives the number and the share of each outcome.
func (b Bar) Table() Table { return b.Counts.table() }

// whole writes a whole number of pixels.
func whole(n int) string { return strconv.Itoa(n) }
