package upload

// jsonScanner checks JSON that comes in pieces and tells where the members of
// the outermost object stand. It holds nothing but the nesting and the token
// that somebody asked for; the decoders at hand keep every token whole in
// memory, and the file may be one string of hundreds of megabytes.
//
// It takes exactly what RFC 8259 does, and besides a byte order mark, and bytes
// that are not UTF-8 in strings: those are the business of whoever reads the file.
type jsonScanner struct {
	members *envelope // is told about members; nil if nobody cares
	object  bool      // only an object will do
	depth   int       // how deep values may nest

	state    jsonState
	mark     int64  // bytes of a byte order mark read
	off      int64  // of the next byte
	stack    []byte // the open '{' and '['
	isKey    bool   // the string being read is a member's name
	literal  string // what must still follow of true, false or null
	hex      int    // digits of a \u escape still to come
	token    []byte // the string or scalar being read, as far as it is kept
	keep     int    // how many bytes of it to keep at most
	fault    string // why this is no JSON; set once, then nothing is read
	faultOff int64
}

type jsonState int

const (
	jsonValue      jsonState = iota // a value must start
	jsonFirstValue                  // a value, or the end of an empty array
	jsonFirstKey                    // a name, or the end of an empty object
	jsonKey                         // a name
	jsonColon                       // ":"
	jsonNext                        // "," or the end of what is open
	jsonString                      // inside a string
	jsonEscape                      // behind a backslash
	jsonHex                         // digits of \u
	jsonLiteral                     // letters of true, false or null

	// Inside a number, behind the part that the name tells. The order matters:
	// see step.
	jsonMinus
	jsonZero
	jsonInt
	jsonPoint
	jsonFraction
	jsonE
	jsonESign
	jsonExponent
)

const byteOrderMark = "\ufeff"

// plain marks the bytes that stand for themselves in a string.
var plain = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return table
}()

// feed reads the next piece.
func (s *jsonScanner) feed(data []byte) {
	for i := 0; i < len(data) && s.fault == ""; {
		if s.state == jsonString {
			n := i
			for n < len(data) && plain[data[n]] {
				n++
			}
			s.keepBytes(data[i:n])
			s.off += int64(n - i)
			if i = n; i == len(data) {
				return
			}
		}
		if s.step(data[i]) {
			i++
			s.off++
		}
	}
}

// finish says that the input is over.
func (s *jsonScanner) finish() {
	if s.inNumber() && s.numberCanEnd() {
		s.end(s.off)
	}
	if s.fault == "" && (s.state != jsonNext || len(s.stack) > 0) {
		s.fail("it ends too early")
	}
}

// step reads one byte. It returns false when the byte only showed that a
// number is over and is to be read again.
func (s *jsonScanner) step(c byte) bool {
	switch {
	case s.inNumber():
		return s.number(c)
	case s.state == jsonString:
		s.inString(c)
	case s.state == jsonEscape:
		s.escape(c)
	case s.state == jsonHex:
		if unhex[c] == notHex {
			s.fail(`a \u escape needs four hexadecimal digits`)
		}
		if s.hex--; s.hex == 0 {
			s.state = jsonString
		}
		s.keepByte(c)
	case s.state == jsonLiteral:
		s.letter(c)
	case c == ' ' || c == '\n' || c == '\r' || c == '\t':
	case s.off == s.mark && s.mark < int64(len(byteOrderMark)) && c == byteOrderMark[s.mark]:
		s.mark++
	default:
		s.structure(c)
	}
	return true
}

// structure reads a byte between values.
func (s *jsonScanner) structure(c byte) {
	switch {
	case s.state == jsonValue, s.state == jsonFirstValue && c != ']':
		s.begin(c)
	case (s.state == jsonKey || s.state == jsonFirstKey) && c == '"':
		s.isKey, s.state = true, jsonString
		s.keepName()
		s.keepByte(c)
	case s.state == jsonColon && c == ':':
		s.state = jsonValue
	case s.state == jsonNext && c == ',' && len(s.stack) > 0:
		if s.state = jsonKey; s.top() == '[' {
			s.state = jsonValue
		}
	case s.state == jsonFirstValue, // c is ']'
		s.state == jsonFirstKey && c == '}',
		s.state == jsonNext && len(s.stack) > 0 && c == s.top()+2: // '{'+2 is '}', '['+2 is ']'
		s.stack = s.stack[:len(s.stack)-1]
		s.end(s.off + 1)
	default:
		s.fail("there is an unexpected character")
	}
}

// begin reads the first byte of a value.
func (s *jsonScanner) begin(c byte) {
	if s.atMember() {
		s.members.begin(s, c)
	}
	s.keepByte(c)
	switch {
	case s.mark%int64(len(byteOrderMark)) != 0:
		s.fail("it starts with half a byte order mark")
	case s.object && len(s.stack) == 0 && c != '{':
		s.fail("it is not an object")
	case c == '{' || c == '[':
		if len(s.stack) == s.depth {
			s.fail("it is nested too deep")
			return
		}
		s.stack = append(s.stack, c)
		if s.state = jsonFirstKey; c == '[' {
			s.state = jsonFirstValue
		}
	case c == '"':
		s.isKey, s.state = false, jsonString
	case c == '-':
		s.state = jsonMinus
	case c == '0':
		s.state = jsonZero
	case '1' <= c && c <= '9':
		s.state = jsonInt
	case c == 't':
		s.literal, s.state = "rue", jsonLiteral
	case c == 'f':
		s.literal, s.state = "alse", jsonLiteral
	case c == 'n':
		s.literal, s.state = "ull", jsonLiteral
	default:
		s.fail("there is an unexpected character where a value must be")
	}
}

// end says that a value ended before the byte at offset.
func (s *jsonScanner) end(offset int64) {
	s.state = jsonNext
	if s.atMember() {
		s.members.end(offset, s.token)
	}
	s.keep, s.token = 0, s.token[:0]
}

func (s *jsonScanner) inString(c byte) {
	s.keepByte(c)
	switch {
	case c == '\\':
		s.state = jsonEscape
	case c != '"':
		s.fail("a string holds a control character")
	case s.isKey:
		s.state = jsonColon
		if s.atMember() {
			s.members.name(s.token)
		}
		s.keep, s.token = 0, s.token[:0]
	default:
		s.end(s.off + 1)
	}
}

func (s *jsonScanner) escape(c byte) {
	s.keepByte(c)
	switch {
	case c == 'u':
		s.hex, s.state = 4, jsonHex
	case escapes[c] != 0:
		s.state = jsonString
	default:
		s.fail("a string holds an unknown escape")
	}
}

func (s *jsonScanner) letter(c byte) {
	if c != s.literal[0] {
		s.fail("a word is not true, false or null")
		return
	}
	s.keepByte(c)
	if s.literal = s.literal[1:]; s.literal == "" {
		s.end(s.off + 1)
	}
}

func (s *jsonScanner) inNumber() bool { return s.state >= jsonMinus }

func (s *jsonScanner) numberCanEnd() bool {
	switch s.state {
	case jsonZero, jsonInt, jsonFraction, jsonExponent:
		return true
	}
	return false
}

// number reads a byte inside or behind a number.
func (s *jsonScanner) number(c byte) bool {
	digit := '0' <= c && c <= '9'
	switch state := s.state; {
	case state == jsonMinus && c == '0':
		s.state = jsonZero
	case state == jsonMinus && digit:
		s.state = jsonInt
	case state == jsonInt && digit, state == jsonFraction && digit, state == jsonExponent && digit:
	case (state == jsonZero || state == jsonInt) && c == '.':
		s.state = jsonPoint
	case state == jsonPoint && digit:
		s.state = jsonFraction
	case s.numberCanEnd() && state != jsonExponent && (c == 'e' || c == 'E'):
		s.state = jsonE
	case state == jsonE && (c == '+' || c == '-'):
		s.state = jsonESign
	case (state == jsonE || state == jsonESign) && digit:
		s.state = jsonExponent
	case s.numberCanEnd():
		s.end(s.off)
		return false
	default:
		s.fail("a number is not valid JSON")
	}
	s.keepByte(c)
	return true
}

// atMember reports whether this is the level of the outermost object's members
// and somebody wants to know.
func (s *jsonScanner) atMember() bool {
	return s.members != nil && len(s.stack) == 1 && s.stack[0] == '{'
}

func (s *jsonScanner) top() byte { return s.stack[len(s.stack)-1] }

// keepName keeps the name of a member of the outermost object.
func (s *jsonScanner) keepName() {
	if s.atMember() {
		s.keep = s.members.nameLimit
	}
}

func (s *jsonScanner) keepByte(c byte) {
	if len(s.token) < s.keep {
		s.token = append(s.token, c)
	}
}

func (s *jsonScanner) keepBytes(p []byte) {
	if room := s.keep - len(s.token); room > 0 {
		s.token = append(s.token, p[:min(room, len(p))]...)
	}
}

func (s *jsonScanner) fail(fault string) {
	if s.fault == "" {
		s.fault, s.faultOff = fault, s.off
	}
}
