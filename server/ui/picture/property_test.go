package picture

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// draws is how many pictures a property is held against.
const draws = 3000

// anyCount is a number of any size, often none.
func anyCount(r *rand.Rand) int {
	if r.IntN(3) == 0 {
		return 0
	}
	return r.IntN(1 << r.IntN(40))
}

func anyCounts(r *rand.Rand) Counts {
	return Counts{anyCount(r), anyCount(r), anyCount(r), anyCount(r), anyCount(r), anyCount(r), anyCount(r)}
}

func anyOutcomes(r *rand.Rand, n int) []Outcome {
	all := make([]Outcome, n)
	rare := r.IntN(200) + 1
	for i := range all {
		all[i] = Pass
		if r.IntN(rare) == 0 {
			all[i] = append(order[:], NotRun, "another")[r.IntN(9)]
		}
	}
	return all
}

// lastPainted is the last element of a class among those that paint.
func lastPainted(all []element) element {
	for _, e := range slices.Backward(all) {
		if e.name == "rect" || e.name == "path" {
			return e
		}
	}
	return element{}
}

func TestBar_WidthsAddUpAndNothingIsLost(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range draws {
		c := anyCounts(r)
		x := 0.0
		var seen []Outcome
		for _, s := range c.segments() {
			if math.Abs(s.x-x) > 1e-6 {
				t.Fatalf("%v: %s begins at %f, want %f", c, s.outcome, s.x, x)
			}
			if s.width < leastShare-1e-9 {
				t.Fatalf("%v: %s is %f %% wide", c, s.outcome, s.width)
			}
			x += s.width
			seen = append(seen, s.outcome)
		}
		if c.Total() > 0 && math.Abs(x-100) > 1e-6 {
			t.Fatalf("%v: the widths add up to %f", c, x)
		}
		for _, o := range order {
			if (c.Of(o) > 0) != slices.Contains(seen, o) {
				t.Fatalf("%v: %s is drawn: %t", c, o, slices.Contains(seen, o))
			}
		}
		holdBar(t, c)
	}
}

// holdBar looks at the bar as drawn: no part under 0.9 percent, none over another.
func holdBar(t *testing.T, c Counts) {
	t.Helper()
	end := 0.0
	for _, e := range parse(t, Bar{Counts: c, Tall: true}.HTML()) {
		if e.name != "rect" {
			continue
		}
		x, width := e.number(t, "x"), e.number(t, "width")
		if width < leastShare-0.01 || x < end-0.011 || x+width > 100.011 {
			t.Fatalf("%v: %v lies over its neighbour, outside, or is too thin", c, e)
		}
		end = x + width
	}
}

func TestStrip_FailuresAreSeen(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range draws {
		outcomes := anyOutcomes(r, r.IntN(400))
		s := Strip{Outcomes: outcomes}
		all := parse(t, s.HTML())
		failed, broken := slices.Contains(outcomes, Fail), slices.Contains(outcomes, Error)
		if got := shown(all, "kf", "df"); got != failed {
			t.Fatalf("%v: a failing mark is shown: %t", outcomes, got)
		}
		if got := shown(all, "ke", "de"); got != broken && !failed {
			t.Fatalf("%v: an error's mark is shown: %t", outcomes, got)
		}
		if last := lastPainted(all); failed && !last.has("kf") && !last.has("df") {
			t.Fatalf("%v: %v is painted over the failure", outcomes, last)
		}
		if len(outcomes) > cells {
			holdDense(t, s, all)
		}
	}
}

// holdDense checks that each column with a failure has its own mark.
func holdDense(t *testing.T, s Strip, all []element) {
	t.Helper()
	want := 0
	for _, c := range s.buckets() {
		if c.Fail > 0 {
			want++
		}
	}
	got := 0
	for _, e := range all {
		if e.has("df") {
			got = strings.Count(e.attr["d"], "M")
		}
	}
	if got != want || len(s.buckets()) > columns {
		t.Fatalf("%d columns of %d show a failure, want %d", got, len(s.buckets()), want)
	}
}

func shown(all []element, classes ...string) bool {
	return slices.ContainsFunc(all, func(e element) bool {
		return (e.attr["d"] != "" || e.name == "rect") && slices.ContainsFunc(classes, e.has)
	})
}

func TestStrip_BucketsKeepEveryCount(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		var s Strip
		for range r.IntN(700) + 1 {
			s.Buckets = append(s.Buckets, Counts{Fail: r.IntN(3), Error: r.IntN(3), Pass: r.IntN(90)})
		}
		var sum Counts
		for _, c := range s.buckets() {
			sum.addAll(c)
		}
		if sum != s.counts() {
			t.Fatalf("the columns hold %v, want %v", sum, s.counts())
		}
		if (sum.Fail > 0) != shown(parse(t, s.HTML()), "df") {
			t.Fatalf("%v: no failure is shown", s.Buckets)
		}
	}
}

func TestMatrix_FailuresAreSeen(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		m := Matrix{Of: "Device"}
		for range r.IntN(45) {
			m.Columns = append(m.Columns, Column{Name: "v"})
		}
		for range r.IntN(40) {
			row := Row{Name: "d"}
			for _, o := range anyOutcomes(r, r.IntN(len(m.Columns)+1)) {
				row.Cells = append(row.Cells, Cell{Outcome: o})
			}
			m.Rows = append(m.Rows, row)
		}
		for i, row := range m.Rows {
			all := parse(t, m.Row(i))
			failed := slices.ContainsFunc(row.Cells, func(c Cell) bool { return c.Outcome == Fail })
			if shown(all, "f-fail") != failed {
				t.Fatalf("row %v: a failure is shown: %t", row, !failed)
			}
			if failed && !lastPainted(all).has("on-fail") {
				t.Fatalf("row %v: something is painted over the failure", row)
			}
			if c := m.counts(row); c.Fail > 0 && row.passed() == Number(c.Pass)+" of "+Number(c.Pass) {
				t.Fatalf("row %v says that all passed", row)
			}
		}
	}
}

func TestDurations_FailuresAreSeen(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	for range 500 {
		var p Durations
		outcomes := anyOutcomes(r, r.IntN(600))
		for _, o := range outcomes {
			took := time.Duration(r.Int64N(1 << (1 + r.IntN(60))))
			if r.IntN(4) == 0 {
				took = -1
			}
			p.Points = append(p.Points, Point{Outcome: o, Took: took})
		}
		all := parse(t, p.HTML())
		if failed := slices.Contains(outcomes, Fail); shown(all, "f-fail") != failed || failed && !lastPainted(all).has("f-fail") {
			t.Fatalf("%v: shown: %t", outcomes, shown(all, "f-fail"))
		}
	}
}

func TestTimeline_FailuresAreSeen(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	for range 500 {
		line := Timeline{}
		outcomes := anyOutcomes(r, r.IntN(150))
		groups := r.IntN(120) + 1
		for i, o := range outcomes {
			s := Step{Name: "s", Group: string(rune('a' + i%groups)), Outcome: o, Usual: time.Duration(r.Int64())}
			if r.IntN(3) > 0 {
				s.Start = began.Add(time.Duration(r.Int64N(1 << 50)))
			}
			if r.IntN(3) > 0 {
				s.End = began.Add(time.Duration(r.Int64N(1 << 50)))
			}
			line.Steps = append(line.Steps, s)
		}
		all := parse(t, line.HTML())
		bars := 0
		for _, e := range all {
			if e.name == "rect" && e.has("f-fail") {
				bars++
				if e.number(t, "width") < leastRed {
					t.Fatalf("a failed step is %v wide", e.number(t, "width"))
				}
			}
		}
		if want := Count(outcomes).Fail; bars != want {
			t.Fatalf("%d failed steps are drawn, want %d", bars, want)
		}
	}
}

func TestPercent_AllMeansAll(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(13, 14))
	for range draws {
		total := r.IntN(1<<r.IntN(62)) + 1
		part := r.IntN(total + 1)
		if r.IntN(2) == 0 {
			part = max(total-1, 0)
		}
		got := Percent(part, total)
		if (got == "100"+space+"%") != (part == total) || (got == "0"+space+"%") != (part == 0) {
			t.Fatalf("%d of %d are %s", part, total, got)
		}
	}
}

// FuzzEscaping puts any text into every place of every picture that takes one.
func FuzzEscaping(f *testing.F) {
	for _, seed := range []string{
		`<script>alert(1)</script>`, `" onload="alert(1)`, `'><img src=x onerror=x>`, "試験<b>", "a\x00b\x1bc", "\xff\xfe", "\u202eevil\u2066", "]]>", "&lt;&amp;&#0;", "javascript:alert(1)", "//x", "\ufffe", strings.Repeat("長", 300), `</svg><style>*{}</style>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		step := Step{Name: s, Group: s, Link: s, Outcome: Outcome(s), Start: began}
		for _, p := range []Picture{
			Bar{Counts: Counts{Fail: 1}, Tall: true},
			Strip{Outcomes: []Outcome{Outcome(s), Fail}, Names: []string{s}, Label: s},
			Strip{Buckets: []Counts{{Fail: 1}}, Names: []string{s}, Label: s},
			Matrix{Of: s, Columns: []Column{{Name: s, Link: s}}, Rows: []Row{{Name: s, Note: s, Link: s, Cells: []Cell{{Outcome: Outcome(s), Link: s, Note: s}}}}},
			Spark{Values: []int{len(s)}, Per: s, Outcome: Outcome(s)},
			Durations{Points: []Point{{Name: s, Link: s, Outcome: Outcome(s)}}},
			Timeline{Steps: []Step{step}},
			Timeline{Steps: slices.Repeat([]Step{step}, 60)},
		} {
			parse(t, p.HTML())
			parse(t, p.Table().HTML())
		}
	})
}
