package terminal

import (
	"strings"
	"unicode/utf8"
)

// The narrowest that a column is made, and what stands between two.
const (
	narrowest = 10
	gap       = 2
)

// Layout sets rows as a table of at most width characters. What does not fit is
// continued on the next line, so that nothing is cut; where even that leaves no
// room, each row becomes a paragraph of its own.
func Layout(heads []string, rows [][]string, width int, colour bool) string {
	widths := naturalWidths(heads, rows)
	if !shrink(widths, width) || torn(rows, widths) {
		return paragraphs(heads, rows, width)
	}
	var b strings.Builder
	b.WriteString(styled(line(heads, widths), colour))
	for _, row := range rows {
		b.WriteString(wrapped(row, widths))
	}
	return b.String()
}

func naturalWidths(heads []string, rows [][]string) []int {
	widths := make([]int, len(heads))
	for i, h := range heads {
		widths[i] = utf8.RuneCountInString(h)
	}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// shrink takes from the widest columns until all fit, and reports whether they do.
func shrink(widths []int, width int) bool {
	total := gap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for total > width {
		widest := 0
		for i, w := range widths {
			if w >= widths[widest] { // of equals the last, names stand first
				widest = i
			}
		}
		if widths[widest] <= narrowest {
			return false
		}
		widths[widest]--
		total--
	}
	return true
}

// torn reports whether a cell would be broken in the middle of a word: an id is there
// to be copied whole, and only names of dots and slashes may be broken at these.
func torn(rows [][]string, widths []int) bool {
	for _, row := range rows {
		for i, cell := range row {
			if utf8.RuneCountInString(cell) > widths[i] && !strings.ContainsAny(cell, " ./") {
				return true
			}
		}
	}
	return false
}

func line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+gap))
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

func styled(head string, colour bool) string {
	if !colour {
		return head
	}
	return "\x1b[1m" + strings.TrimSuffix(head, "\n") + "\x1b[0m\n"
}

// wrapped is a row of as many lines as its longest cell needs.
func wrapped(row []string, widths []int) string {
	parts := make([][]string, len(row))
	lines := 1
	for i, cell := range row {
		parts[i] = fold(cell, widths[i])
		lines = max(lines, len(parts[i]))
	}
	var b strings.Builder
	for n := range lines {
		cells := make([]string, len(row))
		for i, p := range parts {
			if n < len(p) {
				cells[i] = p[n]
			}
		}
		b.WriteString(line(cells, widths))
	}
	return b.String()
}

// fold breaks a text behind a space where there is one, else behind a dot, slash or hyphen.
func fold(s string, width int) []string {
	runes := []rune(s)
	var parts []string
	for len(runes) > width {
		at := breakAt(runes, width, " ")
		if at == 0 {
			at = breakAt(runes, width, "./-_:,")
		}
		if at == 0 {
			at = width
		}
		parts = append(parts, strings.TrimRight(string(runes[:at]), " "))
		runes = runes[at:]
	}
	return append(parts, string(runes))
}

// breakAt is behind the last of some letters in a line, 0 for none.
func breakAt(runes []rune, width int, letters string) int {
	for i := width; i > 0; i-- {
		if strings.ContainsRune(letters, runes[i-1]) {
			return i
		}
	}
	return 0
}

// Wrap breaks prose between its words; a word that is longer than a line, such as an
// address, stays whole. A width of 0 leaves the text as it is.
func Wrap(s string, width int) string {
	if width == 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	indent := s[:len(s)-len(strings.TrimLeft(s, " "))]
	var b strings.Builder
	n := 0
	for i, word := range strings.Fields(s) {
		size := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			b.WriteString(indent)
			n = len(indent)
		case n+1+size > width:
			b.WriteString("\n" + indent)
			n = len(indent)
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += size
	}
	return b.String()
}

// paragraphs sets each row as lines of head and value.
func paragraphs(heads []string, rows [][]string, width int) string {
	cards := make([]string, 0, len(rows))
	for _, row := range rows {
		cards = append(cards, card(heads, row, width))
	}
	return strings.Join(cards, "\n")
}

// card sets one row as a line for each value that there is. A word that does not fit
// behind its head, such as an id, has a line of its own, to be copied whole.
func card(heads, row []string, width int) string {
	head := 0
	for _, h := range heads {
		head = max(head, utf8.RuneCountInString(h))
	}
	room := max(width-head-gap, narrowest)
	var b strings.Builder
	for i, cell := range row {
		if cell == "" {
			continue
		}
		if n := utf8.RuneCountInString(cell); n > room && n <= width && !strings.Contains(cell, " ") {
			b.WriteString(heads[i] + "\n" + strings.Repeat(" ", min(gap, width-n)) + cell + "\n")
			continue
		}
		name := heads[i]
		for _, part := range fold(cell, room) {
			b.WriteString(line([]string{name, part}, []int{head, room}))
			name = ""
		}
	}
	return b.String()
}
