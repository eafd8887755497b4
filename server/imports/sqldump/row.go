package sqldump

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// insert reads INSERT INTO table (columns) VALUES, after which rows come.
func (r *Reader) insert(line int64) error {
	for {
		if err := r.blank(); err != nil {
			return err
		}
		word := r.word()
		if word == "INTO" {
			break
		}
		switch word {
		case "IGNORE", "DELAYED", "LOW_PRIORITY", "HIGH_PRIORITY", "OR", "REPLACE", "ABORT", "FAIL", "ROLLBACK":
			continue
		}
		return r.broken(line, "an INSERT without INTO")
	}
	source, table, columns, err := r.target(line)
	if err != nil {
		return err
	}
	r.open(source, table, columns, false)
	for {
		if err := r.blank(); err != nil {
			return err
		}
		switch word := r.word(); word {
		case "OVERRIDING", "SYSTEM", "USER", "VALUE":
			continue
		case "VALUES":
			if columns == nil && r.wanted {
				return r.broken(line, "the columns of the table %s are not known: the dump has no CREATE TABLE of it", table)
			}
			return nil
		}
		return r.broken(line, "an INSERT without VALUES")
	}
}

// target reads a table with its columns, or those that it was made with.
func (r *Reader) target(line int64) (source, table string, columns []string, err error) {
	if table, err = r.name(); err != nil {
		return "", "", nil, err
	}
	source = r.source()
	if table == "" {
		return "", "", nil, r.broken(line, "rows of a table without a name")
	}
	if err := r.blank(); err != nil {
		return "", "", nil, err
	}
	if r.peek() != '(' {
		return source, table, r.known(source, table), nil
	}
	columns, err = r.nameList()
	if errors.Is(err, errList) {
		r.table = table
		err = r.broken(line, "%v", err)
	}
	return source, table, columns, err
}

// open begins to read rows.
func (r *Reader) open(source, table string, columns []string, copied bool) {
	r.table, r.cols, r.copied, r.rows = table, columns, copied, true
	r.wanted = r.options.Wanted(source, table)
	if r.wanted {
		r.seen = table
	}
}

// beginRow makes room for a row.
func (r *Reader) beginRow() {
	if cap(r.arena) > 8<<20 {
		r.arena = nil // one large row must not stay
	}
	r.arena, r.spans, r.large = r.arena[:0], r.spans[:0], false
}

// put adds a byte to the value that is read.
func (r *Reader) put(c byte) {
	if len(r.arena) >= r.options.MaxRow {
		r.large = true
		return
	}
	r.arena = append(r.arena, c)
}

// value ends a value that began at from.
func (r *Reader) value(from int, null, binary bool) {
	if len(r.spans) > mostColumns {
		r.large = true
		return
	}
	r.spans = append(r.spans, span{from, len(r.arena), null, binary})
}

// finish makes a row of what was read. Of a table that nobody wants there is none.
func (r *Reader) finish(line int64) (Row, bool, error) {
	switch {
	case !r.wanted:
		return Row{}, false, nil
	case r.large:
		return Row{}, false, &Damage{Line: line, Table: r.table, Lost: true, Says: fmt.Sprintf("the row is larger than %d bytes", r.options.MaxRow)}
	case len(r.spans) != len(r.cols):
		return Row{}, false, &Damage{Line: line, Table: r.table, Lost: true, Says: fmt.Sprintf("the row has %d values, and the table %d columns", len(r.spans), len(r.cols))}
	}
	r.values = r.values[:0]
	for _, s := range r.spans {
		text := r.arena[s.from:s.to:s.to]
		if r.latin1 && !s.binary {
			text = fromLatin1(text)
		}
		r.values = append(r.values, Value{Null: s.null, Binary: s.binary, Text: text})
	}
	return Row{Line: line, Table: r.table, Columns: r.cols, Values: r.values}, true, nil
}

// windows1252 are the characters that MySQL's latin1 has where Latin-1 has none.
var windows1252 = [32]rune{
	0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f,
	0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178,
}

func fromLatin1(text []byte) []byte {
	plain := true
	for _, c := range text {
		plain = plain && c < 0x80
	}
	if plain {
		return text
	}
	var b bytes.Buffer
	for _, c := range text {
		if c >= 0x80 && c < 0xa0 {
			b.WriteRune(windows1252[c-0x80])
		} else {
			b.WriteRune(rune(c))
		}
	}
	return b.Bytes()
}

// tuple reads a row of VALUES, or the end of the statement.
func (r *Reader) tuple() (Row, bool, error) {
	if err := r.blank(); err != nil {
		return Row{}, false, err
	}
	line := r.line
	c, ok := r.read()
	switch {
	case !ok:
		return Row{}, false, r.over("the rows of " + r.table)
	case c == ';':
		r.rows = false
		return Row{}, false, nil
	case c == ',':
		return Row{}, false, nil
	case c == 'O' || c == 'o': // ON DUPLICATE KEY UPDATE …, ON CONFLICT …
		r.rows = false
		return Row{}, false, r.skip()
	case c != '(':
		return Row{}, false, r.broken(line, "%q where a row of %s begins", c, r.table)
	}
	r.beginRow()
	for odd := ""; ; {
		if err := r.blank(); err != nil {
			return Row{}, false, err
		}
		from := len(r.arena)
		kind, err := r.expression(0)
		var strange *strangeError
		if errors.As(err, &strange) {
			odd, err = strange.says, nil
		}
		if err != nil {
			return Row{}, false, r.lexical(line, err)
		}
		r.value(from, kind == null, kind == binary)
		if err := r.blank(); err != nil {
			return Row{}, false, err
		}
		switch c, ok := r.read(); {
		case !ok:
			return Row{}, false, r.over("a row of " + r.table)
		case c == ',':
		case c == ')':
			if odd != "" && r.wanted {
				return Row{}, false, &Damage{Line: line, Table: r.table, Says: odd, Lost: true}
			}
			return r.finish(line)
		default:
			return Row{}, false, r.broken(line, "%q within a row of %s", c, r.table)
		}
	}
}

// lexical turns an error within a value into damage.
func (r *Reader) lexical(line int64, err error) error {
	var d *Damage
	if errors.As(err, &d) || r.failure() != nil {
		return err
	}
	return r.broken(line, "%v", err)
}

// kind is what a value is.
type kind int

const (
	text kind = iota
	binary
	null
)

// strangeError is a value that was passed over and that is not understood. The rest of the
// row can still be read.
type strangeError struct{ says string }

func (e *strangeError) Error() string { return e.says }

// The errors of a value with which a line ends.
var (
	errCutText = errors.New("the line ends within a text")
	errValue   = errors.New("a value that cannot be read")
)

// deepest bounds how deep calls stand in calls.
const deepest = 8

// expression reads one value into the arena.
func (r *Reader) expression(depth int) (kind, error) {
	switch c := r.peek(); {
	case c == '\'':
		return text, r.quoted('\'', r.escapes)
	case c == '"' && r.dialect == MySQL:
		return text, r.quoted('"', true)
	case c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9':
		return r.number()
	case isWord(c):
		return r.named(depth)
	}
	return text, errValue
}

// number reads a number as it stands, or 0x… as bytes.
func (r *Reader) number() (kind, error) {
	if r.ahead("0x") || r.ahead("0X") {
		r.read()
		r.read()
		return binary, r.hex()
	}
	for c := r.peek(); isWord(c) || c == '.' || c == '+' || c == '-'; c = r.peek() {
		r.read()
		r.put(c)
	}
	return text, r.cast()
}

// cast passes over ::type.
func (r *Reader) cast() error {
	if r.dialect != PostgreSQL || !r.ahead("::") {
		return nil
	}
	for c := r.peek(); isWord(c) || c == ':' || c == ' ' || c == '[' || c == ']' || c == '.' || c == '"'; c = r.peek() {
		r.read()
	}
	return nil
}

// hex reads digits up to something else.
func (r *Reader) hex() error {
	var high byte
	for n := 0; ; n++ {
		d, ok := digit(r.peek())
		if !ok {
			if n%2 != 0 {
				return &strangeError{"a value of an odd number of hexadecimal digits"}
			}
			return nil
		}
		r.read()
		if n%2 == 0 {
			high = d
		} else {
			r.put(high<<4 | d)
		}
	}
}

func digit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// named reads a value that begins with a word: NULL, x'00', _binary 'text', E'text',
// replace('a\nb','\n',char(10)).
func (r *Reader) named(depth int) (kind, error) {
	word := r.word()
	switch next := r.peek(); {
	case next == '\'' && word == "X":
		return r.hexText()
	case next == '\'' && word == "B" && r.dialect == MySQL:
		return r.bits()
	case next == '\'' && word == "E":
		return text, r.quoted('\'', true)
	case next == '\'' && (word == "N" || word == "U"):
		return text, r.quoted('\'', r.escapes)
	case next == '(':
		return r.call(word, depth)
	}
	switch word {
	case "NULL":
		return null, r.cast()
	case "TRUE", "FALSE":
		for _, c := range []byte(strings.ToLower(word)) {
			r.put(c)
		}
		return text, nil
	}
	if word[0] == '_' && r.dialect == MySQL { // a character set
		if err := r.blank(); err != nil {
			return text, err
		}
		k, err := r.expression(depth + 1)
		if word == "_BINARY" && k == text {
			k = binary
		}
		return k, err
	}
	return text, &strangeError{fmt.Sprintf("the value %.40s is not understood", word)}
}

// bits reads b'101', which are as few bytes as hold it.
func (r *Reader) bits() (kind, error) {
	r.read() // the quote
	var digits []byte
	for c := r.peek(); (c == '0' || c == '1') && len(digits) < 64; c = r.peek() {
		r.read()
		digits = append(digits, c-'0')
	}
	if c, _ := r.read(); c != '\'' {
		return binary, errValue
	}
	var b byte
	for i, d := range digits {
		if b = b<<1 | d; (len(digits)-1-i)%8 == 0 {
			r.put(b)
			b = 0
		}
	}
	return binary, nil
}

func (r *Reader) hexText() (kind, error) {
	r.read() // the quote
	err := r.hex()
	if c, _ := r.read(); c != '\'' {
		return binary, errValue
	}
	return binary, err
}

// quoted reads a text in quotes.
func (r *Reader) quoted(quote byte, escapes bool) error {
	r.read()
	for {
		r.plain(quote)
		c, ok := r.read()
		switch {
		case !ok:
			return r.over("a text of " + r.table)
		case c == '\n' && r.dialect == MySQL:
			return errCutText // mysqldump writes \n
		case c == '\\' && escapes:
			if err := r.escaped(); err != nil {
				return err
			}
		case c != quote:
			r.put(c)
		case r.peek() == quote:
			r.read()
			r.put(c)
		default:
			return r.cast()
		}
	}
}

// plain reads what is buffered of a text up to a byte that may mean something.
func (r *Reader) plain(quote byte) {
	head, _ := r.in.Peek(r.in.Buffered()) // which is there
	n := 0
	for n < len(head) && head[n] != quote && head[n] != '\\' && head[n] != '\n' {
		n++
	}
	if n == 0 {
		return
	}
	room := max(0, r.options.MaxRow-len(r.arena))
	r.large = r.large || n > room
	r.arena = append(r.arena, head[:min(n, room)]...)
	_, _ = r.in.Discard(n) // it was peeked
	r.start = false
}

// escaped reads what stands behind a backslash in a text.
func (r *Reader) escaped() error {
	c, ok := r.read()
	if !ok {
		return r.over("a text of " + r.table)
	}
	switch c {
	case 'n':
		c = '\n'
	case 't':
		c = '\t'
	case 'r':
		c = '\r'
	case 'b':
		c = '\b'
	case '0':
		if r.dialect == MySQL {
			c = 0
		}
	case 'Z':
		if r.dialect == MySQL {
			c = 26
		}
	case '%', '_':
		if r.dialect == MySQL { // both stay, as MySQL's manual says of texts
			r.put('\\')
		}
	}
	r.put(c)
	return nil
}

// call reads a function that sqlite3 writes for texts with control characters.
func (r *Reader) call(name string, depth int) (kind, error) {
	if depth >= deepest {
		return text, errValue
	}
	r.read() // the bracket
	from := len(r.arena)
	var args []span
	var odd error
	if err := r.blank(); err != nil {
		return text, err
	}
	more := r.peek() != ')'
	if !more {
		r.read()
	}
	for more {
		if err := r.blank(); err != nil {
			return text, err
		}
		at := len(r.arena)
		k, err := r.expression(depth + 1)
		var strange *strangeError
		if errors.As(err, &strange) {
			odd, err = err, nil
		}
		if err != nil {
			return text, err
		}
		args = append(args, span{at, len(r.arena), k == null, k == binary})
		if err := r.blank(); err != nil {
			return text, err
		}
		switch c, _ := r.read(); {
		case c == ')':
			more = false
		case c != ',' || len(args) > 64:
			return text, errValue
		}
	}
	if odd != nil {
		return text, odd
	}
	return text, r.apply(name, from, args)
}

// apply puts what a function makes of its arguments in their place.
func (r *Reader) apply(name string, from int, args []span) error {
	arg := func(i int) []byte { return r.arena[args[i].from:args[i].to] }
	var made []byte
	switch {
	case r.large:
		return nil
	case name == "REPLACE" && len(args) == 3 && len(arg(1)) > 0:
		n := bytes.Count(arg(0), arg(1))
		if len(arg(0))+n*len(arg(2)) > r.options.MaxRow {
			r.large = true
			return nil
		}
		made = bytes.ReplaceAll(arg(0), arg(1), arg(2))
	case name == "CHAR" && len(args) > 0:
		for i := range args {
			n := 0
			if _, err := fmt.Sscanf(string(arg(i)), "%d", &n); err != nil {
				return &strangeError{"a char() of something that is no number"}
			}
			made = append(made, string(rune(n))...)
		}
	case name == "UNISTR" && len(args) == 1:
		made = unistr(arg(0))
	default:
		return &strangeError{fmt.Sprintf("the function %.40s is not understood", strings.ToLower(name))}
	}
	r.arena = append(r.arena[:from], made...)
	return nil
}

// unistr does what sqlite3's function does: two backslashes are one, and \u with four
// hexadecimal digits, or \U with eight, is a character.
func unistr(in []byte) []byte {
	var out []byte
	for i := 0; i < len(in); i++ {
		if in[i] != '\\' || i+1 == len(in) {
			out = append(out, in[i])
			continue
		}
		digits := 0
		switch in[i+1] {
		case '\\':
			out = append(out, '\\')
			i++
			continue
		case 'u':
			digits = 4
		case 'U':
			digits = 8
		case '+':
			digits = 6
		}
		n, ok := rune(0), digits > 0 && i+2+digits <= len(in)
		for k := 0; ok && k < digits; k++ {
			var d byte
			d, ok = digit(in[i+2+k])
			n = n<<4 | rune(d)
		}
		if !ok {
			out = append(out, in[i])
			continue
		}
		out = append(out, string(n)...)
		i += 1 + digits
	}
	return out
}
