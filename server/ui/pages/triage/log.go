package triage

import (
	"bufio"
	"bytes"
	"errors"
	"html/template"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

const (
	partLines  = 2000
	partBytes  = 110 << 10 // of text; with its marks a part is at most twice as much
	wholeLog   = 10 << 20  // of larger logs only both ends are shown
	endOfLog   = 1 << 20   // of each of them
	longLine   = 4 << 10   // of which the rest is in the download
	around     = 25        // lines of an excerpt
	shortLog   = 60        // lines up to which an excerpt is all of it
	mostHits   = 200       // lines with what is searched for that are named
	longestAsk = 200       // bytes of what is searched for
)

// text is a log in lines. Of a large one the middle is missing.
type text struct {
	Lines []line
	Total int   // lines, the missing ones too
	Bytes int64 // of the whole
	Cut   bool
	Torn  bool // the API broke off: what follows is not known
}

// line is one line of a log with its number, from 1.
type line struct {
	N    int
	Text string
}

// readText reads a log. It holds at most its two ends when it is large.
func readText(from io.Reader) (*text, error) {
	t := &text{}
	head, err := io.ReadAll(io.LimitReader(from, wholeLog+1))
	t.Bytes = int64(len(head))
	if err != nil {
		t.Torn = true
	}
	if len(head) <= wholeLog {
		t.Lines = split(head, 1)
		t.Total = len(t.Lines)
		return t, torn(err)
	}
	t.Cut = true
	number := bytes.Count(head, []byte("\n"))
	tail := append([]byte{}, head[len(head)-endOfLog:]...)
	first := bytes.LastIndexByte(head[:endOfLog], '\n') + 1
	if first == 0 {
		first = endOfLog
	}
	t.Lines = split(head[:first], 1)
	r := bufio.NewReaderSize(from, 64<<10)
	buffer := make([]byte, 64<<10)
	for err == nil {
		var n int
		n, err = r.Read(buffer)
		t.Bytes += int64(n)
		number += bytes.Count(buffer[:n], []byte("\n"))
		tail = append(tail, buffer[:n]...)
		if len(tail) > 4*endOfLog {
			tail = append(tail[:0], tail[len(tail)-endOfLog:]...)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Torn = true
	} else {
		err = nil
	}
	tail = tail[max(0, len(tail)-endOfLog):]
	if i := bytes.IndexByte(tail, '\n'); i >= 0 {
		tail = tail[i+1:]
	}
	last := split(tail, 1)
	t.Total = number
	if n := len(tail); n > 0 && tail[n-1] != '\n' {
		t.Total++
	}
	for i := range last {
		last[i].N += t.Total - len(last)
	}
	t.Lines = append(t.Lines, last...)
	return t, torn(err)
}

// torn is nil for a log that broke off: what is there is shown, and that it is not all.
func torn(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func split(b []byte, first int) []line {
	var lines []line
	for raw := range bytes.Lines(b) {
		lines = append(lines, line{first + len(lines), strings.TrimRight(string(raw), "\r\n")})
	}
	return lines
}

// wrong is where a log most likely says what went wrong.
var wrong = regexp.MustCompile(`Traceback \(most recent call last\)|\b(?:ERROR|FAIL|FAILED|FATAL|CRITICAL)\b|^E   |panic:|Kernel panic|\bBUG: |\bOops\b|\w(?:Error|Exception|Timeout)\b|Segmentation fault|✕`)

// firstWrong is the index of the first such line, -1 without one.
func (t *text) firstWrong() int {
	for i, l := range t.Lines {
		if wrong.MatchString(l.Text) {
			return i
		}
	}
	return -1
}

// hits are the indexes of the lines that hold what is searched for.
func (t *text) hits(find string) []int {
	if find == "" {
		return nil
	}
	var list []int
	find = lower(find)
	for i, l := range t.Lines {
		if strings.Contains(lower(l.Text), find) {
			list = append(list, i)
		}
	}
	return list
}

// lower folds the letters of ASCII, which keeps every byte at its place.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// parts are the indexes at which the parts of a log begin.
func (t *text) parts() []int {
	starts, lines, size := []int{0}, 0, 0
	for i, l := range t.Lines {
		n := min(len(l.Text), longLine) + 1
		gap := i > 0 && t.Lines[i-1].N+1 != l.N
		if i > 0 && (lines == partLines || size+n > partBytes || gap) {
			starts, lines, size = append(starts, i), 0, 0
		}
		lines, size = lines+1, size+n
	}
	return starts
}

// shownLine is a line as HTML.
type shownLine struct {
	N     int
	HTML  template.HTML
	Hit   bool // it has what is searched for
	Wrong bool // the first that says what went wrong
	New   bool // the last pass has none like it
	Gap   int  // so many lines before it are not shown
}

// show writes lines from one index to another.
func (t *text) show(from, to int, find string, wrongAt int) []shownLine {
	var list []shownLine
	var style ansi
	find = lower(find)
	for i := from; i < to; i++ {
		l := t.Lines[i]
		s := shownLine{N: l.N, HTML: style.html(l.Text, find), Wrong: i == wrongAt}
		s.Hit = find != "" && strings.Contains(lower(l.Text), find)
		if i > from {
			s.Gap = l.N - t.Lines[i-1].N - 1
		}
		list = append(list, s)
	}
	return list
}

// excerpt is what a page shows of a log before somebody opens it: the lines around its
// first failure, or its end when a failing test has none, or all of a short one.
func (t *text) excerpt(failed bool) []shownLine {
	at, n := t.firstWrong(), len(t.Lines)
	from, to := 0, n
	switch {
	case n <= shortLog:
	case at >= 0:
		from = max(0, at-around/3)
		to = min(n, from+around)
	case failed:
		from = n - around
	default:
		to = around
	}
	size := 0
	for i := from; i < to; i++ {
		if size += min(len(t.Lines[i].Text), longLine); size > partBytes/8 && i > from {
			to = i
		}
	}
	return t.show(from, to, "", at)
}

// ansi is the style that a terminal would have at some place of a log. Only colours
// and weight are kept, as classes; all other sequences are left out.
type ansi struct{ bold, underline, colour string }

var sequence = regexp.MustCompile(`\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_]|[ -/][0-~])`)

// html writes a line. It is as safe as its escaping: everything but the spans is text.
func (a *ansi) html(s, find string) template.HTML {
	var b strings.Builder
	cut := 0
	if len(s) > longLine {
		end := longLine
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		cut, s = len(s)-end, s[:end]
	}
	at := 0
	for _, m := range sequence.FindAllStringIndex(s, -1) {
		a.run(&b, s[at:m[0]], find)
		a.take(s[m[0]:m[1]])
		at = m[1]
	}
	a.run(&b, s[at:], find)
	if cut > 0 {
		b.WriteString(`<span class="a-cut"> … ` + frame.Number(cut) + ` more bytes are in the download</span>`)
	}
	return template.HTML(b.String())
}

// take changes the style as a sequence says.
func (a *ansi) take(sequence string) {
	if !strings.HasPrefix(sequence, "\x1b[") || !strings.HasSuffix(sequence, "m") {
		return
	}
	codes := strings.Split(sequence[2:len(sequence)-1], ";")
	for i := 0; i < len(codes); i++ {
		n, _ := strconv.Atoi(codes[i]) // none is 0
		switch {
		case n == 0:
			*a = ansi{}
		case n == 1:
			a.bold = "a-b "
		case n == 4:
			a.underline = "a-u "
		case n == 22:
			a.bold = ""
		case n == 24:
			a.underline = ""
		case n == 38 || n == 48: // a colour of many, which has no class
			if i+1 < len(codes) && codes[i+1] == "5" {
				i += 2
			} else {
				i += 4
			}
		case n >= 30 && n <= 37:
			a.colour = "a-" + strconv.Itoa(n-30) + " "
		case n == 39:
			a.colour = ""
		case n >= 90 && n <= 97:
			a.colour = "a-" + strconv.Itoa(n-90) + " "
		}
	}
}

func (a *ansi) run(b *strings.Builder, s, find string) {
	if s == "" {
		return
	}
	class := strings.TrimSpace(a.bold + a.underline + a.colour)
	if class != "" {
		b.WriteString(`<span class="` + class + `">`)
	}
	if find == "" {
		writeText(b, s)
	} else {
		folded := lower(s)
		for {
			i := strings.Index(folded, find)
			if i < 0 {
				break
			}
			writeText(b, s[:i])
			b.WriteString("<mark>")
			writeText(b, s[i:i+len(find)])
			b.WriteString("</mark>")
			s, folded = s[i+len(find):], folded[i+len(find):]
		}
		writeText(b, s)
	}
	if class != "" {
		b.WriteString("</span>")
	}
}

// writeText escapes text, and makes visible what would turn the line around or is no
// letter.
func writeText(b *strings.Builder, s string) {
	for _, r := range s {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '"':
			b.WriteString("&#34;")
		case r == '\'':
			b.WriteString("&#39;")
		case r == '\t':
			b.WriteByte('\t')
		case r < ' ':
			b.WriteRune(r + 0x2400)
		case r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f:
			b.WriteString("\ufffd")
		default:
			b.WriteRune(r)
		}
	}
}

// against marks the lines of a log that the log of the last pass has none like, where
// words with digits are all the same, and leaves out the others but a few around them.
func (t *text) against(pass *text) []shownLine {
	const beside = 2
	like := make(map[string]bool, len(pass.Lines))
	for _, l := range pass.Lines {
		like[blanked(l.Text)] = true
	}
	keep := make([]bool, len(t.Lines))
	fresh := make([]bool, len(t.Lines))
	for i, l := range t.Lines {
		if like[blanked(l.Text)] {
			continue
		}
		fresh[i] = true
		for j := max(0, i-beside); j <= min(len(keep)-1, i+beside); j++ {
			keep[j] = true
		}
	}
	var list []shownLine
	var style ansi
	last, size := 0, 0
	for i, l := range t.Lines {
		if !keep[i] {
			continue
		}
		if size += min(len(l.Text), longLine) + 1; len(list) == partLines || size > partBytes {
			break
		}
		list = append(list, shownLine{N: l.N, HTML: style.html(l.Text, ""), New: fresh[i], Gap: l.N - last - 1})
		last = l.N
	}
	return list
}

// blanked is a line in which each word that has a digit is the same: numbers, times,
// addresses, ids.
func blanked(s string) string {
	if len(s) > longLine {
		s = s[:longLine]
	}
	var b strings.Builder
	word, digit := 0, false
	flush := func(end int) {
		switch {
		case digit:
			b.WriteByte('#')
		default:
			b.WriteString(s[word:end])
		}
		digit = false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			digit = true
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= utf8.RuneSelf:
		default:
			flush(i)
			b.WriteByte(c)
			word = i + 1
		}
	}
	flush(len(s))
	return b.String()
}
