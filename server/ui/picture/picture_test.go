package picture

import (
	"encoding/xml"
	"flag"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var began = time.Date(2026, 11, 29, 5, 12, 0, 0, time.UTC)

// outcomesOf reads a line of letters, as people draw strips.
func outcomesOf(letters string) []Outcome {
	words := map[rune]Outcome{'p': Pass, 'f': Fail, 'e': Error, 's': Skip, 'u': Unknown, 'r': Running, 'w': Waiting, '-': NotRun}
	var all []Outcome
	for _, r := range letters {
		all = append(all, words[r])
	}
	return all
}

func cellsOf(letters, link string) []Cell {
	var all []Cell
	for i, o := range outcomesOf(letters) {
		all = append(all, Cell{Outcome: o, Link: link + strconv.Itoa(i)})
	}
	return all
}

// examples are the pictures of the golden files; the other tests walk them too.
func examples() map[string]Picture {
	versions := []Column{{Name: "v6.11", Link: "/ui/kernels/mainline/v6.11"}, {Name: "v6.12-rc1"}, {Name: "v6.12-rc1-88-g3106ac6516baf"}, {Name: "次期版<b>"}}
	many := make([]Outcome, 2000)
	for i := range many {
		many[i] = Pass
		if i%97 == 0 {
			many[i] = Error
		}
	}
	many[1234] = Fail
	var points, dense []Point
	for i, o := range outcomesOf("ppppppppsppppfff") {
		points = append(points, Point{Name: "v" + strconv.Itoa(i), Took: time.Duration(41+i) * time.Second, Outcome: o})
	}
	points = append(points, Point{Name: "never ended", Took: -1, Outcome: Error}, Point{Name: "waits", Took: -1, Outcome: Waiting})
	for i, o := range many {
		dense = append(dense, Point{Name: strconv.Itoa(i), Took: time.Duration(i%7+1) * time.Second, Outcome: o})
	}
	return map[string]Picture{
		"bar":            Bar{Counts: Counts{Fail: 9, Error: 1, Skip: 11, Pass: 100}},
		"bar-tall":       Bar{Counts: Counts{Fail: 9, Error: 1, Skip: 11, Pass: 100}, Tall: true},
		"bar-one-of-all": Bar{Counts: Counts{Fail: 1, Pass: 1_000_000}, Tall: true},
		"bar-every":      Bar{Counts: Counts{1, 2, 3, 4, 5, 6, 7}, Tall: true},
		"bar-none":       Bar{},
		"strip-1":        Strip{Outcomes: outcomesOf("f")},
		"strip-17":       Strip{Outcomes: outcomesOf("ppppfppps-peuppwf"), Names: []string{"run 1"}},
		"strip-50":       Strip{Outcomes: outcomesOf(strings.Repeat("pppppfperp", 5)), Label: "last 50 on <x1>"},
		"strip-2000":     Strip{Outcomes: many},
		"strip-buckets":  Strip{Buckets: []Counts{{Pass: 10}, {Fail: 1, Pass: 9}, {Fail: 5, Error: 5}, {Skip: 2}, {}, {Error: 1, Pass: 99}}, Names: []string{"12:00"}},
		"strip-none":     Strip{},
		"matrix": Matrix{Of: "Device", Columns: versions, Rows: []Row{
			{Name: "rk3399-gru-kevin", Note: "arm64 · lab-alder", Link: "/ui/history?name=a&device=b", Cells: cellsOf("pppf", "/ui/tests?n=")},
			{Name: `<script>alert("x")</script>`, Link: "javascript:alert(1)", Cells: cellsOf("sue", "//elsewhere.example/")},
			{Name: "試験機", Cells: []Cell{{Outcome: Running, Note: "since 12:00"}, {Outcome: Waiting}, {Outcome: "odd"}}},
		}},
		"spark":             Spark{Values: []int{0, 0, 0, 1, 0, 2, 0, 12408}, Per: "per hour, last 8 hours", Outcome: Fail},
		"spark-quiet":       Spark{Values: []int{0, 0, 0}, Per: "per hour", Outcome: Fail},
		"durations":         Durations{Points: points, Column: 22},
		"durations-2000":    Durations{Points: dense},
		"durations-none":    Durations{},
		"timeline":          task(),
		"timeline-by-group": nodes(80, 3),
		"timeline-none":     Timeline{},
	}
}

func task() Timeline {
	at := func(minutes int) time.Time { return began.Add(time.Duration(minutes) * time.Minute) }
	return Timeline{Now: at(28), Steps: []Step{
		{Name: "verify_site", Outcome: Pass, Start: at(0), End: at(2), Link: "/ui/tasks/1"},
		{Name: "prepare_node", Group: "cab23-r720-16", Outcome: Fail, Start: at(2), End: at(14)},
		{Name: "prepare_node", Group: "cab23-r720-17", Outcome: Pass, Start: at(2), End: at(11)},
		{Name: "deploy_node", Group: "ノード17", Outcome: Running, Start: at(11), Usual: 25 * time.Minute},
		{Name: "deploy_node", Group: "cab23-r720-18", Outcome: Waiting},
		{Name: "relabel", Group: "cab23-r720-19", Outcome: Error},
	}}
}

// nodes is a task over many nodes, of which the last one failed in its last step.
func nodes(n, steps int) Timeline {
	var t Timeline
	for step := range steps {
		for node := range n {
			start := began.Add(time.Duration(step*10+node) * time.Minute)
			t.Steps = append(t.Steps, Step{Name: "step " + strconv.Itoa(step), Group: "node-" + strconv.Itoa(node), Outcome: Pass, Start: start, End: start.Add(9 * time.Minute)})
		}
	}
	t.Steps[len(t.Steps)-1].Outcome = Fail
	return t
}

// element is a start tag of a picture.
type element struct {
	name string
	attr map[string]string
}

// has tells whether the element carries a class.
func (e element) has(class string) bool {
	return slices.Contains(strings.Fields(e.attr["class"]), class)
}

func (e element) number(t *testing.T, name string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.TrimSuffix(e.attr[name], "%"), 64)
	if err != nil {
		t.Fatalf("attribute %s of %v is no number: %v", name, e, err)
	}
	return n
}

// parse reads a picture strictly and refuses what the pages' policy would.
func parse(t *testing.T, picture template.HTML) []element {
	t.Helper()
	reader := xml.NewDecoder(strings.NewReader("<all>" + string(picture) + "</all>"))
	var all []element
	for {
		token, err := reader.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("not well formed: %v\n%s", err, picture)
		}
		tag, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		e := element{name: tag.Name.Local, attr: map[string]string{}}
		for _, a := range tag.Attr {
			name := strings.ToLower(a.Name.Local)
			if name == "style" || strings.HasPrefix(name, "on") {
				t.Fatalf("attribute %s in %s", name, picture)
			}
			if name == "href" && link(a.Value) == "" {
				t.Fatalf("a link to %q in %s", a.Value, picture)
			}
			e.attr[name] = a.Value
		}
		if !slices.Contains([]string{"all", "svg", "title", "g", "a", "path", "rect", "text", "table", "thead", "tbody", "tr", "th", "td", "span"}, e.name) {
			t.Fatalf("element %s in %s", e.name, picture)
		}
		all = append(all, e)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, picture := range examples() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			numbers := picture.Table()
			numbers.Rows = numbers.Rows[:min(len(numbers.Rows), 60)]
			drawn, table := picture.HTML(), numbers.HTML()
			parse(t, drawn)
			parse(t, table)
			got := string(drawn) + "\n" + string(table) + "\n"
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs from %s; got:\n%s", name, file, got)
			}
			if again := picture.HTML(); again != drawn {
				t.Errorf("a second drawing differs:\n%s", again)
			}
		})
	}
}

// Every class of a picture is one of the style sheets'.
func TestClasses(t *testing.T) {
	t.Parallel()
	for name, picture := range examples() {
		for _, e := range parse(t, picture.HTML()) {
			for _, class := range strings.Fields(e.attr["class"]) {
				if !strings.Contains(Style+palette, "."+class) {
					t.Errorf("%s: no rule for the class %s", name, class)
				}
			}
		}
	}
}

// palette are the classes that the pages' style sheet has for every use.
const palette = ".f-pass .f-fail .f-error .f-skip .f-unknown .f-running .f-waiting .f-line .sp .stroke .thin .hollow .dash .on-pass .on-fail .on-error " +
	".s-skip .s-unknown .s-running .s-waiting .bar .spark .dur .matrix .mh .mc .num .pre .vh"

func TestStrip_Size(t *testing.T) {
	t.Parallel()
	usual := string(Strip{Outcomes: outcomesOf("pppppppppppppppff")}.HTML())
	if len(usual) > 165 {
		t.Errorf("a strip of two streaks has %d bytes, want about 160: %s", len(usual), usual)
	}
	var worst Strip
	for i := range 10_000 {
		worst.Outcomes = append(worst.Outcomes, order[i%len(order)])
	}
	if n := len(worst.HTML()); n > 8_000 {
		t.Errorf("the strip of 10 000 outcomes has %d bytes", n)
	}
}

func TestMatrix_ManyCells(t *testing.T) {
	t.Parallel()
	var m Matrix
	for i := range 40 {
		m.Columns = append(m.Columns, Column{Name: "v" + strconv.Itoa(i)})
	}
	for i := range 50 {
		m.Rows = append(m.Rows, Row{Name: "device " + strconv.Itoa(i), Cells: cellsOf(strings.Repeat("p", 39)+"f", "/ui/x")})
	}
	drawn := m.HTML()
	links := 0
	for _, e := range parse(t, drawn) {
		if e.name != "a" {
			continue
		}
		links++
		if e.attr["tabindex"] != "-1" {
			t.Fatalf("a cell is a tab stop: %v", e)
		}
	}
	if links != 50 {
		t.Errorf("%d links, want one for each failure, 50", links)
	}
	if len(drawn) > 100_000 {
		t.Errorf("2 000 cells have %d bytes", len(drawn))
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ got, want string }{
		{Number(0), "0"}, {Number(999), "999"}, {Number(12408), "12 408"}, {Number(1234567), "1 234 567"}, {Number(-1000), "−1 000"},
		{Percent(1, 1), "100 %"}, {Percent(1999, 2000), "99.9 %"}, {Percent(99_999_999, 100_000_000), "99.9 %"}, {Percent(1, 1_000_000), "<0.1 %"},
		{Percent(0, 5), "0 %"}, {Percent(0, 0), "—"}, {Percent(1, 2), "50 %"}, {Percent(2, 3), "66.6 %"},
		{Took(0), "0 s"}, {Took(1), "<1 ms"}, {Took(48 * time.Millisecond), "48 ms"}, {Took(4800 * time.Millisecond), "4.8 s"},
		{Took(59949 * time.Millisecond), "59.9 s"}, {Took(59950 * time.Millisecond), "1 min"}, {Took(201 * time.Second), "3 min 21 s"},
		{Took(time.Hour - time.Millisecond), "1 h"}, {Took(97 * time.Minute), "1 h 37 min"}, {Took(52 * time.Hour), "2 d 4 h"}, {Took(-4 * time.Second), "−4 s"},
		{shorten("prepare_node cab23-r720-16", 12), "prep…r720-16"}, {shorten("short", 12), "short"}, {shorten("日本語の長い名前です", 11), "日…名前です"},
	} {
		if got := strings.ReplaceAll(row.got, space, " "); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"/ui/runs/1": true, "?after=x": true, "#L12": true, "https://lab.example/x": true, "HTTP://lab.example": true,
		"": false, "//elsewhere.example": false, "javascript:alert(1)": false, "JaVaScript:x": false, "data:text/html,x": false, "/\\elsewhere": false, "\t//x": false, "runs/1": false, "/\nx": false,
	} {
		if got := link(address) != ""; got != want {
			t.Errorf("link(%q) led somewhere: %t, want %t", address, got, want)
		}
	}
}

func ExampleStrip() {
	fmt.Println(Strip{Outcomes: []Outcome{Pass, Pass, Pass, Fail}}.HTML())
	// Output: <svg class="strip" width="30" height="18" role="img" aria-label="last 4: 1 fail, 3 pass"><path class="kp" d="M0 9h22"/><path class="kf" d="M24 9h6"/></svg>
}
