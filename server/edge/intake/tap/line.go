package tap

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// kind is what a line is.
type kind int

const (
	other kind = iota
	blank
	version
	plan
	point
	bail
	comment
	subtest // a comment that names what comes
	block   // the beginning of a diagnostic block
)

// parsed is one line. Its slices belong to the scanner.
type parsed struct {
	kind   kind
	indent int
	ok     bool    // of a point
	number int64   // of a point; of a plan how many points it promises
	has    bool    // a point has a number, be it 0, which none should have
	todo   []int64 // the points that a plan expects to fail
	rest   []byte  // what follows: name and directive, reason, or the name of a subtest
}

// nested is how far a point behind "# " is taken to be indented; kselftest marks
// what a test program prints itself so.
const nested = 4

// parse says what a line is. kernel is for KTAP.
func parse(text []byte, kernel bool) parsed {
	text = withoutColour(text)
	if kernel {
		text = withoutPrefix(text)
	}
	body := trimSpaces(text)
	p := parsed{indent: width(text[:len(text)-len(body)])}
	if len(body) == 0 {
		return p.as(blank, nil)
	}
	if kernel && bytes.HasPrefix(body, []byte("# ")) {
		if inner, deeper, ok := behindMarks(body); ok {
			p.indent += deeper
			return structure(p, inner)
		}
	}
	return structure(p, body)
}

// width is how far white space indents; KUnit has written tabs, where others have
// four spaces.
func width(space []byte) int { return len(space) + (nested-1)*bytes.Count(space, []byte("\t")) }

var colour = regexp.MustCompile(`\x1b\[[0-9;:?]*[A-Za-z]`)

// withoutColour takes colours and other orders to a terminal off a line that begins
// with one.
func withoutColour(text []byte) []byte {
	if body := trimSpaces(text); len(body) == 0 || body[0] != 0x1b {
		return text
	}
	return colour.ReplaceAll(text, nil)
}

func (p parsed) as(k kind, rest []byte) parsed {
	p.kind, p.rest = k, rest
	return p
}

// behindMarks takes "# " off a line in which a point, a plan or a version stands
// behind it.
func behindMarks(body []byte) (inner []byte, indent int, ok bool) {
	for bytes.HasPrefix(body, []byte("# ")) {
		rest := body[2:]
		body = bytes.TrimLeft(rest, " ")
		indent += nested + len(rest) - len(body)
	}
	if len(body) == 0 {
		return nil, 0, false
	}
	switch structure(parsed{}, body).kind {
	case point, plan, version:
		return body, indent, true
	}
	return nil, 0, false
}

// structure tells the kinds apart by the beginning of the line.
func structure(p parsed, body []byte) parsed {
	switch body[0] {
	case 'o', 'n':
		return asPoint(p, body)
	case '#':
		return asComment(p, body)
	case 'T', 't', 'K':
		if isVersion(body) {
			return p.as(version, nil)
		}
	case 'B', 'b':
		const word = "Bail out!" // TAP 14: in any case
		if len(body) >= len(word) && bytes.EqualFold(body[:len(word)], []byte(word)) {
			return p.as(bail, bytes.TrimSpace(body[len(word):]))
		}
	case '-':
		if string(bytes.TrimRight(body, " \t")) == "---" {
			return p.as(block, nil)
		}
	default:
		return asPlan(p, body)
	}
	return p
}

// anyVersion is how TAP::Parser and node's tap-parser take the version: in any case.
var anyVersion = regexp.MustCompile(`^(?i:TAP\s+version\s+\d+)\s*$`)

func isVersion(body []byte) bool {
	if bytes.HasPrefix(body, []byte("TAP version ")) || bytes.HasPrefix(body, []byte("KTAP version ")) {
		return true
	}
	return len(body) > 4 && isSpace(body[3]) && anyVersion.Match(body)
}

// todoList is what Perl's Test.pm puts behind its plan: the numbers of the points that
// are expected to fail.
var todoList = regexp.MustCompile(`^todo(?:\s+\d+)+\s*;?`)

func asPoint(p parsed, body []byte) parsed {
	rest, not := body, false
	if after, ok := bytes.CutPrefix(body, []byte("not ")); ok {
		rest, not = bytes.TrimLeft(after, " "), true
	}
	rest, ok := bytes.CutPrefix(rest, []byte("ok"))
	if !ok || len(rest) > 0 && isWord(rest[0]) {
		return p
	}
	p.ok = !not
	rest = bytes.TrimSpace(rest)
	if digits := digitsOf(rest); digits > 0 && (digits == len(rest) || isSpace(rest[digits])) {
		p.number, p.has = number(rest[:digits]), true
		rest = trimSpaces(rest[digits:])
	}
	if len(rest) > 0 && rest[0] == '-' && (len(rest) == 1 || isSpace(rest[1])) {
		rest = trimSpaces(rest[1:])
	}
	return p.as(point, rest)
}

func asPlan(p parsed, body []byte) parsed {
	rest, ok := bytes.CutPrefix(body, []byte("1.."))
	digits := digitsOf(rest)
	if !ok || digits == 0 {
		return p
	}
	p.number = number(rest[:digits])
	rest = bytes.TrimSpace(rest[digits:])
	if list := todoList.Find(rest); list != nil {
		for _, n := range bytes.Fields(bytes.Trim(list, "todo;")) {
			p.todo = append(p.todo, number(n))
		}
		rest = bytes.TrimSpace(rest[len(list):])
	}
	if len(rest) > 0 && rest[0] != '#' {
		return p
	}
	return p.as(plan, bytes.TrimSpace(bytes.TrimLeft(rest, "#")))
}

func asComment(p parsed, body []byte) parsed {
	if rest, ok := bytes.CutPrefix(body, []byte("# Subtest:")); ok {
		return p.as(subtest, bytes.TrimSpace(rest))
	}
	return p.as(comment, body)
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' }

// trimSpaces takes spaces and tabs off the beginning. bytes.TrimLeft takes a tenth of
// the time of a file of points to learn what a space is.
func trimSpaces(text []byte) []byte {
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	return text
}

func digitsOf(text []byte) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}

// number reads digits; what is too long for a number is a very large one.
func number(digits []byte) int64 {
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return 1<<62 - 1
	}
	return n
}

// description is what stands behind the number of a point.
type description struct {
	name   string
	word   string // the directive in capitals, empty without one
	reason string // of the directive, or what else KTAP has there
}

// describe takes name and directive apart. In TAP only SKIP and TODO are
// directives, any other " # …" belongs to the name; in KTAP nothing from there on
// does.
func describe(rest []byte, kernel bool) description {
	if kernel {
		return describeKernel(string(rest))
	}
	for i := bytes.IndexByte(rest, '#'); i >= 0; {
		if (i == 0 || isSpace(rest[i-1])) && !escaped(rest, i) {
			if word, reason := directive(rest[i+1:], "SKIP", "TODO"); word != "" {
				return description{unescape(rest[:i]), word, reason}
			}
		}
		next := bytes.IndexByte(rest[i+1:], '#')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return description{name: unescape(rest)}
}

func describeKernel(rest string) description {
	name, tail, ok := strings.Cut(" "+rest, " #")
	if ok && tail != "" && !isSpace(tail[0]) { // "#1" is part of a name
		if i := strings.Index(tail, " # "); i >= 0 {
			name, tail = name+" #"+tail[:i], tail[i+3:]
		} else {
			name, tail, ok = name+" #"+tail, "", false
		}
	}
	d := description{name: strings.TrimSpace(name)}
	if !ok {
		return d
	}
	if d.word, d.reason = directive([]byte(tail), "SKIP", "TODO", "XFAIL", "TIMEOUT", "ERROR"); d.word == "" || d.word == "TIMEOUT" || d.word == "ERROR" {
		d.reason = strings.TrimSpace(tail)
	}
	return d
}

// escaped reports whether an odd number of backslashes stands before a place.
func escaped(text []byte, at int) bool {
	n := 0
	for at > n && text[at-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// unescape undoes TAP's two escapes.
func unescape(text []byte) string {
	text = bytes.TrimSpace(text)
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	return strings.NewReplacer(`\\`, `\`, `\#`, `#`).Replace(string(text))
}

// directive finds one of the words at the beginning of the text, in any case.
func directive(text []byte, words ...string) (word, reason string) {
	text = bytes.TrimSpace(text)
	for _, w := range words {
		if len(text) < len(w) || !strings.EqualFold(string(text[:len(w)]), w) {
			continue
		}
		rest := text[len(w):]
		if w == "SKIP" && len(rest) >= 3 && strings.EqualFold(string(rest[:3]), "PED") { // "skipped: …"
			rest = rest[3:]
		}
		if len(rest) == 0 || !isWord(rest[0]) {
			return w, string(bytes.TrimLeft(rest, ": \t"))
		}
	}
	return "", ""
}
