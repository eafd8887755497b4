package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
)

// maxMessage is how many characters a message has at most.
const maxMessage = 300

// Message is what a failure says in one line: of a Python traceback the last line
// that is not indented, else the first line that is not blank. It is empty when
// the text is blank.
func Message(text string) string {
	var first, last string
	traceback := false
	for line := range strings.Lines(text) {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if line == "" {
			continue
		}
		if first == "" {
			first = strings.TrimSpace(line)
		}
		if strings.HasPrefix(strings.TrimSpace(line), "Traceback (most recent call last)") {
			traceback = true
		}
		if line[0] != ' ' && line[0] != '\t' {
			last = line
		}
	}
	if traceback && last != "" {
		first = last
	}
	return shorten(first)
}

func shorten(line string) string {
	n := 0
	for i := range line {
		if n++; n > maxMessage {
			return line[:i]
		}
	}
	return line
}

// changing is what differs between two failures of the same cause: quoted paths,
// UUIDs, times, addresses, hexadecimal and other numbers.
var changing = regexp.MustCompile(strings.Join([]string{
	`'[^']*[/\\][^']*'`, `"[^"]*[/\\][^"]*"`, "`[^`]*[/\\\\][^`]*`",
	`[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`,
	`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?`, `\d{1,2}:\d\d:\d\d([.,]\d+)?`,
	`\d{1,3}(\.\d{1,3}){3}(:\d+)?`, `\b([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b`, `\[?\b[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f]{0,4}){2,7}\b\]?(:\d+)?`,
	`\b0[xX][0-9A-Fa-f]+`, `\b[0-9]+([.,][0-9]+)*\b`, `\b[0-9A-Fa-f]*[0-9][0-9A-Fa-f]*\b`, `\b[0-9A-Fa-f]{8,}\b`, `[0-9]+([.,][0-9]+)*`,
}, "|"))

// MessageKey is the same for messages that differ only in what changes from
// failure to failure, such as numbers and addresses.
func MessageKey(message string) string {
	sum := sha256.Sum256([]byte(changing.ReplaceAllLiteralString(message, "#")))
	return hex.EncodeToString(sum[:8])
}
