package bodycheck

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// whitespace is what JSON allows between tokens.
const whitespace = " \t\r\n"

// skipSpace returns text without the whitespace at its start.
func skipSpace(text []byte) []byte {
	for len(text) > 0 {
		switch text[0] {
		case ' ', '\t', '\r', '\n':
			text = text[1:]
		default:
			return text
		}
	}
	return text
}

// maxPointer bounds the pointers that are handed out: they hold member names
// chosen by the client.
const maxPointer = 1024

// syntaxViolation turns an error of the JSON reader into a violation. The
// reader's own text is not used, because it quotes the body.
func syntaxViolation(body []byte, err error) Violation {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return Violation{Message: "is not complete JSON"} // io.EOF: nothing where a value belongs
	}
	at := int(syntax.ByteOffset)
	offset := strconv.Itoa(at)
	switch {
	case errors.Is(syntax.Err, jsontext.ErrDuplicateName):
		return Violation{Pointer: cut(syntax.JSONPointer), Message: isNameTwice}
	case errors.Is(syntax.Err, jsontext.ErrNonStringName):
		return Violation{Message: "is not valid JSON: the member name at byte " + offset + " must be in double quotes"}
	case errors.Is(syntax.Err, io.ErrUnexpectedEOF):
		return Violation{Message: "is not complete JSON: it ends at byte " + offset + " in the middle of a value"}
	case badUTF8(body, at):
		return Violation{Message: "is not valid UTF-8 at byte " + offset}
	}
	return Violation{Message: "is not valid JSON: syntax error at byte " + offset + hint(body, at)}
}

func badUTF8(body []byte, at int) bool {
	if at < 0 || at >= len(body) {
		return false
	}
	r, size := utf8.DecodeRune(body[at:])
	return r == utf8.RuneError && size == 1
}

// hint explains the mistakes that people and other languages make most often.
func hint(body []byte, at int) string {
	if at < 0 || at >= len(body) {
		return ""
	}
	switch c := body[at]; {
	case c == 'N' || c == 'I':
		return "; NaN and Infinity are not JSON"
	case c == 'T' || c == 'F':
		return "; true, false and null are in lower case"
	case c == '\'':
		return "; text must be in double quotes"
	case c == '\\':
		return "; invalid escape in a string"
	case c == ',' && bytes.ContainsAny(firstByte(skipSpace(body[at+1:])), "}]"):
		return "; there must be no comma before the closing bracket"
	case c < ' ' && c != '\t' && c != '\r' && c != '\n':
		return "; control characters must be escaped"
	}
	return ""
}

func firstByte(text []byte) []byte { return text[:min(len(text), 1)] }

// cut shortens a pointer to a parent that is not too long.
func cut(p jsontext.Pointer) string {
	for len(p) > maxPointer {
		p = p.Parent()
	}
	return string(p)
}
