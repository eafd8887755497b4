package xmlfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/xmlfile"
)

// teller writes down what it is told.
type teller struct {
	in    io.ReaderAt
	sink  *report.Sink
	said  []string
	texts map[int]*xmlfile.Text // by depth
	stop  string                // element at which the reading ends
}

func (h *teller) Start(e *xmlfile.Element) error {
	if e.Name == h.stop {
		return report.ErrStop
	}
	said := "<" + e.Name
	e.Attrs(func(name, value string) { said += fmt.Sprintf(" %s=%q", name, value) })
	h.said = append(h.said, said)
	if h.texts[e.Depth] == nil {
		h.texts[e.Depth] = &xmlfile.Text{}
	}
	e.Collect(h.texts[e.Depth])
	return nil
}

func (h *teller) End(e xmlfile.Ended) error {
	t := h.texts[e.Depth]
	said := ">" + e.Name
	if !e.Complete {
		said += "…"
	}
	if !t.Blank() {
		whole, err := io.ReadAll(t.Reader(h.in))
		if err != nil {
			return err
		}
		said += " " + string(whole)
	}
	h.said = append(h.said, said)
	return nil
}

var ab = xmlfile.Kind{Title: "letter", Roots: []string{"a", "b"}}

func walk(t *testing.T, in string, lim report.Limits) (*teller, *report.Report) {
	t.Helper()
	s := report.NewSink(lim, nil)
	h := &teller{in: strings.NewReader(in), sink: s, texts: map[int]*xmlfile.Text{}}
	if err := xmlfile.Walk(t.Context(), report.Input{ReaderAt: strings.NewReader(in), Size: int64(len(in))}, s, ab, h); err != nil {
		t.Fatal(err)
	}
	return h, s.Report
}

func TestWalk(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in     string
		want   string
		damage int
	}{
		"attributes":              {`<a x="1" y = '"' z="a&lt;&#x62;&#10;` + "\r\n" + `"/>`, `<a x="1" y="\"" z="a<b\n\n" >a`, 0},
		"prefixes":                {`<n:a xmlns:n="u" n:x="1"><n:c/></n:a>`, `<a xmlns:n="u" n:x="1" <c >c >a`, 0},
		"a prefix that differs":   {`<n:a></m:a></n:a>`, `<a >a`, 1},
		"text":                    {"<a>x &amp; <c>y</c>z\r\nw</a>", "<a <c >c y >a x & z\nw", 0},
		"sections":                {"<a><![CDATA[<x>&]]]><![CDATA[]]]]><![CDATA[>]]></a>", "<a >a <x>&]]]>", 0},
		"a section in one":        {"<a><c><![CDATA[x<?xml version='1.0'?><a><c/><c><![CDATA[y]]></c></a>", "<a <c >c x<?xml version='1.0'?><a><c/><c><![CDATA[y >a", 1},
		"a section of one root":   {"<a><c><![CDATA[x<a y='1'><c/><c><![CDATA[y[b[1]] ]]></c></a>", "<a <c >c x<a y='1'><c/><c><![CDATA[y[b[1]]  >a", 1},
		"a report in a section":   {"<a><![CDATA[<?xml?><a><![CDATA[y]]]]><![CDATA[></a>]]></a>", "<a >a <?xml?><a><![CDATA[y]]></a>", 0},
		"one that is escaped":     {"<a><![CDATA[<?xml?><a><![CDATA[y]]&gt;</a>]]></a>", "<a >a <?xml?><a><![CDATA[y]]&gt;</a>", 0},
		"one without a section":   {"<a><![CDATA[<?xml?><a>y</a>]]></a>", "<a >a <?xml?><a>y</a>", 0},
		"no report in a section":  {"<a><![CDATA[<html><![CDATA[y]]></a>", "<a >a <html><![CDATA[y", 0},
		"a comment in one":        {"<a><!-- x<?xml version='1.0'?><a><c/><!-- y --></a>", "<a >a", 1},
		"a report in a comment":   {"<a><!-- x<a><c/></a> <!- y --></a>", "<a >a", 0},
		"blank text":              {"<a> \r\n\t<![CDATA[ ]]></a>", "<a >a", 0},
		"instructions":            {"<?xml version='1.0'?><?php ?><a><?x > ?></a><?y?>", "<a >a", 0},
		"comments":                {"<!-- <a> --><a><!-- - -- --- ---></a>", "<a >a", 0},
		"a new line in a tag":     {"<a\n\tx='1'\n/\n><b/></a\n>", "<b >b", 2},
		"a slash in a tag":        {"<a/b>", "", 1},
		"no space between":        {`<a x="1"y="2"/>`, `<a x="1" y="2" >a`, 0},
		"a name that is none":     {`<a><1/><c><-/></c></a>`, `<a <c >c >a`, 2},
		"the same twice":          {`<a x="1" x="2"/>`, `<a x="1" x="2" >a`, 0},
		"a bracket at the end":    {`<a><`, `<a >a…`, 1},
		"an attribute at the end": {`<a><c x="1`, `<a >a…`, 1},
		"a section at the end":    {`<a><![CDATA[x`, `<a >a… x`, 1},
		"an end at the end":       {`<a></a`, `<a >a…`, 1},
		"a doctype":               {`<a><c/><!DOCTYPE x><b/></a>`, `<a <c >c >a…`, 1},
		"half a doctype":          {`<a/><!`, `<a >a`, 1},
		"an entity that is long":  {"<a>&" + strings.Repeat("x", 100) + ";</a>", "<a >a &" + strings.Repeat("x", 100) + ";", 1},
		"numbers":                 {"<a>&#0000000000000000000000000000000000065;&#x1F916;&#99999999999999999999;&#xfffd;&#x110000;&#-1;&#x;</a>", "<a >a A🤖\ufffd\ufffd\ufffd&#-1;&#x;", 2},
		"nothing":                 {"", "", 0},
		"white space":             {" \r\n", "", 0},
	} {
		h, r := walk(t, tt.in, report.Limits{})
		if got := strings.Join(h.said, " "); got != tt.want || r.DamageCount != tt.damage {
			t.Errorf("%s: %s, damage %v\nwant %s, %d", name, got, r.Damage, tt.want, tt.damage)
		}
	}
}

// TestWalk_boundaries shows that nothing depends on where the buffer ends.
func TestWalk_boundaries(t *testing.T) {
	t.Parallel()
	const doc = "<b><!-- c --><c x=\"größe &amp; &#10;\"\ty='<' >text &lt;größe日本🤖\r\n\x1b\xff]]><![CDATA[a]]b]]]></c><?p ?></d></b>"
	want, report0 := walk(t, "<a>"+doc+"</a>", report.Limits{})
	for _, edge := range []int{4 << 10, 64 << 10} {
		for back := range len(doc) + 10 {
			in := "<a>" + strings.Repeat(" ", edge-back) + doc + "</a>"
			got, r := walk(t, in, report.Limits{})
			if !slices.Equal(got.said, want.said) || r.DamageCount != report0.DamageCount || !slices.Equal(r.Warnings, shifted(report0.Warnings, edge-back)) {
				t.Fatalf("%d bytes before %d: %q, damage %v, warnings %q, want %q, %v", back, edge, got.said, r.Damage, r.Warnings, want.said, report0.Damage)
			}
		}
	}
}

// shifted moves the place that the one warning names.
func shifted(warnings []string, by int) []string {
	var count, at int
	const text = "%d characters that XML forbids were replaced; the first stands at byte %d"
	if n, err := fmt.Sscanf(warnings[0], text, &count, &at); n != 2 || err != nil {
		return nil
	}
	return []string{fmt.Sprintf(text, count, at+by)}
}

// TestWalk_slowly shows that nothing depends on how the bytes arrive.
func TestWalk_slowly(t *testing.T) {
	t.Parallel()
	const doc = "<?xml version='1.0' encoding='windows-1252'?><a x='\x80'>h\xf6he &amp; \x1b</a>\n<b>é</b>"
	whole, r0 := walk(t, doc, report.Limits{})
	s := report.NewSink(report.Limits{}, nil)
	slow := &teller{in: strings.NewReader(doc), sink: s, texts: map[int]*xmlfile.Text{}}
	if err := xmlfile.Walk(t.Context(), report.Input{ReaderAt: oneByte{strings.NewReader(doc)}, Size: int64(len(doc))}, s, ab, slow); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(slow.said, whole.said) || s.Report.DamageCount != r0.DamageCount {
		t.Errorf("slowly %q, damage %v, else %q, %v", slow.said, s.Report.Damage, whole.said, r0.Damage)
	}
	if want := []string{`<a x="€"`, ">a höhe & \ufffd", "<b", ">b Ã©"}; !slices.Equal(whole.said, want) {
		t.Errorf("%q, want %q", whole.said, want)
	}
}

// TestWalk_encodings shows which names of encodings are known.
func TestWalk_encodings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text, want string
		damage           int
	}{
		{"latin-1", "h\xf6he", "höhe", 0},
		{"LATIN_1", "h\xf6he", "höhe", 0},
		{"iso_8859_15", "5 \xa4", "5 €", 0},
		{"utf_8", "höhe", "höhe", 0},
		{"utf_8_sig", "höhe", "höhe", 0},
		{"", "höhe", "höhe", 0},
		{"cp850", "h\x94he", "höhe", 0},
		{"IBM437", "h\x94he", "höhe", 0},
		{"UTF-16", "höhe", "höhe", 0},
		{"utf-32", "höhe", "höhe", 1},
		{"IBM037", "höhe", "höhe", 0}, // in EBCDIC the declaration would be none
		{"x-bench", "höhe", "höhe", 1},
	} {
		got, r := walk(t, "<?xml version='1.0' encoding='"+tt.name+"'?><b>"+tt.text+"</b>", report.Limits{})
		if want := []string{"<b", ">b " + tt.want}; !slices.Equal(got.said, want) || r.DamageCount != tt.damage {
			t.Errorf("%s: %q, damage %v, want %q", tt.name, got.said, r.Damage, want)
		}
	}
}

// TestSeconds shows which comma is the one before the fraction.
func TestSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1.5": 1500 * time.Millisecond, " 1,5 ": 1500 * time.Millisecond, "0,048": 48 * time.Millisecond, "1,234": 1234 * time.Millisecond,
		"1,234.5": 1234500 * time.Millisecond, "1.234,5": 1234500 * time.Millisecond, "1,234,567.5": 1234567500 * time.Millisecond,
		"1.234.567,5": 1234567500 * time.Millisecond, ",5": 500 * time.Millisecond, "3": 3 * time.Second,
	} {
		if got, ok := xmlfile.Seconds(text); got != want || !ok {
			t.Errorf("%q is %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", ",", "1,2.3,4.5", "1,2,3", "1.2.3", "soon", "-1", "-1,5", "NaN", "1e300"} {
		if got, ok := xmlfile.Seconds(text); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// oneByte gives what is read behind the declaration byte by byte.
type oneByte struct{ r io.ReaderAt }

func (o oneByte) ReadAt(p []byte, off int64) (int, error) {
	if len(p) == xmlfile.DeclarationBytes && off == 0 {
		return o.r.ReadAt(p, off)
	}
	n, err := o.r.ReadAt(p[:min(1, len(p))], off)
	if n == 1 && len(p) > 1 {
		return n, nil
	}
	return n, err
}

var errDisk = errors.New("no disk")

type broken struct{ at int64 }

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off >= b.at {
		return 0, errDisk
	}
	return copy(p, bytes.Repeat([]byte("<a> "), 1+len(p)/4)[off%4:]), nil
}

// TestWalk_errors shows which errors end the reading, and that nothing is told
// of what the file would have held.
func TestWalk_errors(t *testing.T) {
	t.Parallel()
	read := func(ctx context.Context, in io.ReaderAt, size int64, h xmlfile.Handler) (*report.Report, error) {
		s := report.NewSink(report.Limits{Depth: 1 << 30}, nil)
		err := xmlfile.Walk(ctx, report.Input{ReaderAt: in, Size: size}, s, ab, h)
		return s.Report, err
	}
	for _, at := range []int64{0, 100_000} {
		if r, err := read(t.Context(), broken{at}, 1<<20, &teller{texts: map[int]*xmlfile.Text{}}); !errors.Is(err, errDisk) || r.DamageCount != 0 {
			t.Errorf("a disk that breaks at %d: %v, damage %v", at, err, r.Damage)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := read(ctx, broken{1 << 40}, 1<<30, &teller{texts: map[int]*xmlfile.Text{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is over: %v", err)
	}
	const in = "<a><c><stop/></c></a>"
	h := &teller{in: strings.NewReader(in), stop: "stop", texts: map[int]*xmlfile.Text{}}
	if r, err := read(t.Context(), strings.NewReader(in), int64(len(in)), h); err != nil || r.DamageCount != 0 || !slices.Equal(h.said, []string{"<a", "<c", ">c…", ">a…"}) {
		t.Errorf("a handler that stops: %v, %q", err, h.said)
	}
}

// TestWalk_costs shows that what is hostile takes no longer than what is long.
func TestWalk_costs(t *testing.T) {
	t.Parallel()
	const n = 1 << 18
	for name, in := range map[string]string{
		"brackets":        "<a>" + strings.Repeat("<", n),
		"ampersands":      "<a>" + strings.Repeat("&", n),
		"ends":            "<a>" + strings.Repeat("</x>", n/4),
		"no end":          strings.Repeat("<a>", 60) + strings.Repeat("</x>", n/4),
		"quotes":          "<a " + strings.Repeat("\"", n),
		"attributes":      "<a " + strings.Repeat("b='' ", n/5) + "/>",
		"brackets inside": "<a x='" + strings.Repeat("<", n) + "'/>",
		"a name":          "<a" + strings.Repeat("x", n) + "/>",
		"comments":        "<a>" + strings.Repeat("<!---->", n/7),
		"half a comment":  "<a>" + strings.Repeat("<!--", n/4),
		"half a section":  "<a>" + strings.Repeat("<![CDATA[]]", n/11),
		"noise":           strings.Repeat("x<", n/2),
		"documents":       strings.Repeat("<a/>", n/4),
		"foreign":         "<a/>" + strings.Repeat("<c/>", n/4),
		"controls":        "<a>" + strings.Repeat("\x01", n) + "</a>",
		"line ends":       "<a>" + strings.Repeat("\r", n) + "</a>",
		"not UTF-8":       "<a>" + strings.Repeat("\xff", n) + "</a>",
		"dashes":          "<a><!--" + strings.Repeat("-", n),
	} {
		began := time.Now()
		_, r := walk(t, in, report.Limits{})
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: %v", name, took)
		}
		if len(r.Damage) > 100 || len(r.Warnings) > 100 {
			t.Errorf("%s: %d findings kept", name, len(r.Damage))
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-30T01:25:06.560":            "2026-11-30T01:25:06.56Z",
		"2026-11-30T01:25:06Z":               "2026-11-30T01:25:06Z",
		"2026-11-30T01:25:06.123456789+0200": "2026-11-29T23:25:06.123456789Z",
		"2026-11-30 01:25:06.5 +0000":        "2026-11-30T01:25:06.5Z",
		"2026-11-30 01:25:06Z":               "2026-11-30T01:25:06Z",
		"2026-11-30 01:25:06":                "2026-11-30T01:25:06Z",
		" 2026-11-30T01:25:06+01:00 ":        "2026-11-30T00:25:06Z",
		"20261130 01:13:28.456":              "2026-11-30T01:13:28.456Z",
		"1970-01-01T00:00:00.000":            "",
		"0001-01-01T00:00:00Z":               "",
		"2026-02-30T00:00:00Z":               "",
		"N/A":                                "",
		"":                                   "",
		"11/30/2026 01:00:00 AM":             "",
	} {
		got := ""
		if at := xmlfile.Time(text); !at.IsZero() {
			got = at.Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("Time(%q) = %s, want %s", text, got, want)
		}
	}
}

func FuzzWalk(f *testing.F) {
	f.Add("<a x='1'>t<!-- c --><![CDATA[d]]>&lt;</a>")
	f.Add("x<a>\x1b\xff<b y=\"<&\r\n\"></c></a><?p")
	f.Fuzz(func(t *testing.T, in string) {
		h, r := walk(t, in, report.Limits{Depth: 8})
		open := 0
		for _, said := range h.said {
			if said[0] == '<' {
				open++
			} else if open--; open < 0 {
				t.Fatalf("more ends than starts: %q", h.said)
			}
		}
		if open != 0 {
			t.Errorf("%d elements do not end: %q", open, h.said)
		}
		for _, d := range r.Damage {
			if d.Offset < 0 || d.Offset > int64(len(in)) {
				t.Errorf("damage %+v in %d bytes", d, len(in))
			}
		}
	})
}
