package picture

// mark draws an outcome in a square of 18 pixels, as the data of two paths: its
// shape, and what is drawn upon it or in its place. Shapes differ, not colours only:
// a failure is a square with a cross, an error a triangle, a pass a small disc.
type mark struct {
	shape, shapeClass string
	sign, signClass   string
}

// markOf is the mark whose square begins at x and y.
func markOf(o Outcome, x, y float64) mark {
	at := func(dx, dy float64) string { return "M" + coordinate(x+dx) + " " + coordinate(y+dy) }
	circle := func(r float64) string {
		c, w := coordinate(r), coordinate(2*r)
		return at(9-r, 9) + "a" + c + " " + c + " 0 1 0 " + w + " 0a" + c + " " + c + " 0 1 0 -" + w + " 0z"
	}
	switch o.known() {
	case Fail:
		return mark{at(0, 0) + "h18v18h-18z", "f-fail", at(5, 5) + "l8 8" + at(13, 5) + "l-8 8", "on-fail stroke"}
	case Error:
		return mark{at(9, 0) + "l9 17h-18z", "f-error", at(9, 6) + "v5" + at(9, 14) + "v.1", "on-error stroke"}
	case Unknown:
		return mark{shape: circle(5), shapeClass: "hollow dash s-unknown"}
	case Skip:
		return mark{shape: at(4, 7.5) + "h10v3h-10z", shapeClass: "f-skip"}
	case Pass:
		return mark{shape: circle(4), shapeClass: "f-pass"}
	case Running:
		return mark{circle(6), "hollow s-running", at(7, 5.8) + "v6.4l5.4-3.2z", "f-running"}
	case Waiting:
		return mark{circle(6), "hollow s-waiting", at(9, 5.5) + "v3.5l2.4 1.4", "stroke thin s-waiting"}
	}
	return mark{shape: at(8, 8) + "h2v2h-2z", shapeClass: "f-line"}
}

// marks collects the marks of one picture, so that each outcome is one path, and
// writes failures last, over all others.
type marks struct {
	of map[Outcome]mark
}

func (m *marks) add(o Outcome, x, y float64) {
	if m.of == nil {
		m.of = map[Outcome]mark{}
	}
	o = o.known()
	one := markOf(o, x, y)
	all := m.of[o]
	all.shape, all.shapeClass = all.shape+one.shape, one.shapeClass
	all.sign, all.signClass = all.sign+one.sign, one.signClass
	m.of[o] = all
}

// write draws them. They let the pointer through to what lies below, so that links
// may lie there.
func (m *marks) write(d *drawing) {
	if len(m.of) == 0 {
		return
	}
	d.put(`<g pointer-events="none">`)
	for _, o := range [...]Outcome{NotRun, Waiting, Running, Pass, Skip, Unknown, Error, Fail} {
		one := m.of[o]
		d.path(one.shapeClass, one.shape)
		d.path(one.signClass, one.sign)
	}
	d.put(`</g>`)
}
