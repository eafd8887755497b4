package subunit

import "bytes"

// word is the first word of a v1 line.
type word uint8

const (
	wordNone word = iota
	wordTest
	wordSuccess
	wordFailure
	wordSkip
	wordXFail
	wordUXSuccess
	wordTags
	wordTime
	wordProgress
)

// outcome reports whether the word ends a test.
func (w word) outcome() bool { return w >= wordSuccess && w <= wordUXSuccess }

func (w word) status() Status {
	return [...]Status{
		wordSuccess: Success, wordFailure: Fail, wordSkip: Skip, wordXFail: XFail, wordUXSuccess: UXSuccess,
	}[w]
}

func wordOf(b []byte) word {
	switch string(b) {
	case "test", "testing":
		return wordTest
	case "success", "successful":
		return wordSuccess
	case "failure", "error":
		return wordFailure
	case "skip":
		return wordSkip
	case "xfail":
		return wordXFail
	case "uxsuccess":
		return wordUXSuccess
	case "tags":
		return wordTags
	case "time":
		return wordTime
	case "progress":
		return wordProgress
	}
	return wordNone
}

// directive is a v1 line taken apart.
type directive struct {
	word     word
	colon    bool // the word had a colon
	argued   bool // something stands behind the word, if only the space
	argument []byte
}

const longestWord = 32 // with many colons

// parseDirective splits a line, given without its line feed. Like
// python-subunit it wants the word at the very beginning, strips any number of
// colons from it, and skips one character of white space behind it.
func parseDirective(line []byte) directive {
	if len(line) == 0 || line[0] < 'e' || line[0] > 'x' {
		return directive{}
	}
	end := 0
	for end < len(line) && end < longestWord && !isSpace(line[end]) {
		end++
	}
	name := bytes.TrimRight(line[:end], ":")
	d := directive{word: wordOf(name), colon: len(name) < end}
	if d.word == wordNone {
		return directive{}
	}
	if end < len(line) && isSpace(line[end]) {
		d.argued = true
		d.argument = line[end+1:]
	}
	return d
}

// withoutMark leaves out the mark with which some editors and shells begin a file of
// UTF-8. It hides the first line of the file, also when files are joined.
func withoutMark(line []byte) []byte { return bytes.TrimPrefix(line, utf8Mark) }

// meaningful reports whether the line is a directive at all. A label may be
// empty if the colon shows that the line means it; the other words need an
// argument.
func (d directive) meaningful() bool {
	switch {
	case d.word == wordNone || !d.argued:
		return false
	case d.word == wordTest || d.word.outcome():
		return len(d.argument) > 0 || d.colon
	default:
		return len(bytes.TrimSpace(d.argument)) > 0
	}
}

// isSpace is the white space of Python's bytes.split.
func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

const (
	bracketSuffix   = " ["
	multipartSuffix = " [ multipart"
)

// ending is how an outcome line fits the test in progress.
type ending uint8

const (
	endsNot ending = iota // the line is ordinary output
	endsPlain
	endsWithText  // details follow, up to a bracket
	endsWithParts // multipart details follow
)

// endingFor compares an outcome's argument with the label of the test in
// progress.
func endingFor(argument, label []byte) ending {
	rest, ok := bytes.CutPrefix(argument, label)
	if !ok {
		return endsNot
	}
	switch string(rest) {
	case "":
		return endsPlain
	case bracketSuffix:
		return endsWithText
	case multipartSuffix:
		return endsWithParts
	}
	return endsNot
}

// labelOf parts the argument of an error that belongs to no test into its label
// and what follows it. Without details, or without a label, it is endsNot.
func labelOf(argument []byte) ([]byte, ending) {
	for _, form := range []struct {
		suffix string
		end    ending
	}{{multipartSuffix, endsWithParts}, {bracketSuffix, endsWithText}} {
		if label, ok := bytes.CutSuffix(argument, []byte(form.suffix)); ok && len(bytes.TrimSpace(label)) > 0 {
			return label, form.end
		}
	}
	return nil, endsNot
}
