package sqldump

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// mostWord bounds the words and names that are remembered of a statement.
const mostWord = 1024

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

// blank passes over spaces and comments.
func (r *Reader) blank() error {
	for {
		switch c := r.peek(); {
		case isSpace(c):
			r.read()
		case c == '-' && r.ahead("--"), c == '#' && r.dialect == MySQL:
			r.comment("\n")
		case c == '/' && r.ahead("/*"):
			if !r.comment("*/") {
				return r.over("a comment")
			}
		default:
			return nil
		}
	}
}

// comment passes over a comment up to its end and notes what programs write there. It
// reports false when the file ends first.
func (r *Reader) comment(end string) bool {
	var text []byte
	var last byte
	for {
		c, ok := r.read()
		if !ok {
			r.note(text)
			return end == "\n"
		}
		if len(text) < mostWord {
			text = append(text, c)
		}
		if c == end[len(end)-1] && (len(end) == 1 || last == end[0] && len(text) > 3) {
			r.note(text)
			return true
		}
		last = c
	}
}

// note reads what a comment says of the dump.
func (r *Reader) note(text []byte) {
	comment := string(bytes.TrimSpace(text))
	switch {
	case strings.HasPrefix(comment, "-- MySQL dump"), strings.HasPrefix(comment, "-- MariaDB dump"):
		r.ended.tool = "mysqldump"
	case strings.HasPrefix(comment, "-- PostgreSQL database dump complete"), strings.HasPrefix(comment, "-- Dump completed"):
		r.ended.whole = true
	case strings.HasPrefix(comment, "-- PostgreSQL database dump"):
		r.ended.tool = "pg_dump"
	case strings.HasPrefix(comment, "/*!"):
		body := strings.TrimSpace(strings.TrimLeft(strings.TrimSuffix(comment[3:], "*/"), "0123456789 "))
		if strings.HasPrefix(body, "SET NAMES ") {
			r.names(body[len("SET NAMES "):])
		}
	}
}

// charsets are the names of the encodings that are read: true for those of one byte.
var charsets = map[string]bool{
	"utf8": false, "utf-8": false, "utf8mb3": false, "utf8mb4": false, "unicode": false, "ascii": false, "sql_ascii": false, "binary": false, "default": false,
	"latin1": true, "iso_8859_1": true, "iso88591": true, "win1252": true,
}

// names notes in what encoding the texts are: SET NAMES name, client_encoding = name.
func (r *Reader) names(set string) {
	name, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(set)), " ")
	name = strings.Trim(name, "'\";")
	one, known := charsets[name]
	if r.latin1 = one; !known && r.charset == nil {
		r.charset = &Damage{Line: r.line, Says: fmt.Sprintf("the texts are in %.40s, which is not read here: other characters than those of ASCII are wrong; have the dump written in UTF-8", name)}
	}
}

// word reads a word of letters and digits in upper case; empty for none.
func (r *Reader) word() string {
	var word []byte
	for c := r.peek(); isWord(c); c = r.peek() {
		r.read()
		if len(word) < mostWord {
			word = append(word, c)
		}
	}
	return strings.ToUpper(string(word))
}

// statement reads the beginning of a statement, and all of it unless it brings rows.
func (r *Reader) statement() error {
	if err := r.blank(); err != nil {
		return err
	}
	if r.peek() == 0 {
		if c, ok := r.read(); ok { // a byte of zero
			return r.broken(r.line, "byte 0x%02x where a statement begins", c)
		}
		return r.end()
	}
	line := r.line
	switch word := r.word(); word {
	case "INSERT", "REPLACE":
		return r.insert(line)
	case "COPY":
		return r.copyHead(line)
	case "CREATE":
		return r.create(line)
	case "SET":
		return r.set()
	case "USE":
		return r.use()
	case "DELIMITER":
		return r.delimiter()
	case "BEGIN":
		if r.dialect == SQLite {
			r.ended.tool = "sqlite3"
		}
		return r.skip()
	case "COMMIT":
		r.ended.whole = r.ended.whole || r.dialect == SQLite
		return r.skip()
	case "ROLLBACK":
		if err := r.skip(); err != nil || r.dialect != SQLite {
			return err
		}
		r.ended.whole = true
		return &Damage{Line: line, Table: r.seen, Says: "sqlite3 has met an error and wrote ROLLBACK: the dump is not whole", Lost: true}
	case "":
		c, _ := r.read()
		if c == ';' {
			return nil
		}
		if c == '\\' && r.dialect == PostgreSQL { // \connect, \restrict
			r.connect()
			return nil
		}
		return r.broken(line, "%q where a statement begins", c)
	}
	return r.skip()
}

// use reads USE database.
func (r *Reader) use() error {
	name, err := r.name()
	if err != nil {
		return err
	}
	r.database = name
	return r.skip()
}

// connect reads what follows a backslash: \connect database, or
// \connect -reuse-previous=on "dbname='database'".
func (r *Reader) connect() {
	var line []byte
	for c, ok := r.read(); ok && c != '\n'; c, ok = r.read() {
		if len(line) < mostWord {
			line = append(line, c)
		}
	}
	words := strings.Fields(string(line))
	if len(words) < 2 || words[0] != "connect" && words[0] != "c" {
		return
	}
	_, name, found := strings.Cut(words[len(words)-1], "dbname=")
	if !found {
		name = words[len(words)-1]
	}
	r.database, r.schema = strings.ToLower(strings.Trim(name, `"'`)), ""
}

// skip passes over the rest of a statement.
func (r *Reader) skip() error {
	for {
		c, ok := r.read()
		if !ok {
			return r.over("a statement")
		}
		switch {
		case c == ';':
			return nil
		case c == '\'' || c == '"' || c == '`':
			if err := r.passQuoted(c); err != nil {
				return err
			}
		case c == '-' && r.peek() == '-':
			r.comment("\n")
		case c == '/' && r.peek() == '*':
			if !r.comment("*/") {
				return r.over("a comment")
			}
		case c == '$' && r.dialect == PostgreSQL:
			if err := r.passDollars(); err != nil {
				return err
			}
		}
	}
}

// passQuoted passes over a text whose first quote was read.
func (r *Reader) passQuoted(quote byte) error {
	for {
		c, ok := r.read()
		switch {
		case !ok:
			return r.over("a text")
		case c == '\\' && r.escapes && quote != '`':
			r.read()
		case c != quote:
		case r.peek() == quote:
			r.read()
		default:
			return nil
		}
	}
}

// passDollars passes over a text between $tag$ and $tag$, as the bodies of functions are.
func (r *Reader) passDollars() error {
	head, _ := r.in.Peek(64)
	n := 0
	for n < len(head) && isWord(head[n]) && head[n] != '$' {
		n++
	}
	if n == len(head) || head[n] != '$' {
		return nil
	}
	tag := "$" + string(head[:n+1])
	for range n + 1 {
		r.read()
	}
	for {
		if r.ahead(tag) {
			for range len(tag) {
				r.read()
			}
			return nil
		}
		if _, ok := r.read(); !ok {
			return r.over("a text")
		}
	}
}

// delimiter passes over statements that end with something else than a semicolon: the
// bodies of triggers and routines.
func (r *Reader) delimiter() error {
	r.comment("\n")
	for !r.ahead("DELIMITER ;") {
		if _, ok := r.read(); !ok {
			return r.over("a routine")
		}
		for !r.start {
			if _, ok := r.read(); !ok {
				return r.over("a routine")
			}
		}
	}
	r.comment("\n")
	return nil
}

// set reads what a SET says of texts.
func (r *Reader) set() error {
	// A text in it is short, has no semicolon, and no line break.
	head, _ := r.in.Peek(mostWord) // less at the end
	text, _, _ := bytes.Cut(head, []byte(";"))
	text = bytes.Clone(text)
	if err := r.skip(); err != nil {
		return err
	}
	words := strings.Fields(strings.ToLower(strings.NewReplacer("=", " ", ";", " ", "'", " ", `"`, " ").Replace(string(text))))
	words = slices.DeleteFunc(words, func(word string) bool { return word == "to" })
	if len(words) < 2 {
		return nil
	}
	switch value := words[len(words)-1]; words[0] {
	case "standard_conforming_strings":
		r.escapes = value == "off"
	case "names", "client_encoding":
		r.names(words[1])
	case "search_path":
		if r.schema = strings.TrimSuffix(words[1], ","); r.schema == "pg_catalog" {
			r.schema = ""
		}
	}
	return nil
}

// name reads a name, quoted or not, and returns its last part: of public.tasks, tasks.
// The part before it is the qualifier.
func (r *Reader) name() (string, error) {
	r.qualifier = ""
	for {
		if err := r.blank(); err != nil {
			return "", err
		}
		var name []byte
		switch c := r.peek(); {
		case c == '`' || c == '"' || c == '[' && r.dialect == SQLite:
			r.read()
			end := c
			if c == '[' {
				end = ']'
			}
			for {
				c, ok := r.read()
				if !ok {
					return "", r.over("a name")
				}
				if c == end {
					if r.peek() != end {
						break
					}
					r.read()
				}
				if len(name) < mostWord {
					name = append(name, c)
				}
			}
		case isWord(c):
			name = []byte(r.word())
		default:
			return "", nil
		}
		if r.peek() != '.' {
			return fold(name), nil
		}
		r.qualifier = fold(name)
		r.read()
	}
}

// nameList reads (a, b, c).
func (r *Reader) nameList() ([]string, error) {
	r.read() // the bracket
	var list []string
	for {
		name, err := r.name()
		if err != nil {
			return nil, err
		}
		if name == "" || len(list) >= mostColumns {
			return nil, errList
		}
		list = append(list, name)
		if err := r.blank(); err != nil {
			return nil, err
		}
		switch c, _ := r.read(); c {
		case ',':
		case ')':
			return list, nil
		default:
			return nil, errList
		}
	}
}

var errList = fmt.Errorf("a list of columns that is none, or has more than %d", mostColumns)

// create notes the columns that a table is made with.
func (r *Reader) create(line int64) error {
	for {
		if err := r.blank(); err != nil {
			return err
		}
		word := r.word()
		if word == "TABLE" {
			break
		}
		switch word {
		case "TEMPORARY", "UNLOGGED", "GLOBAL", "LOCAL", "FOREIGN":
			continue
		}
		return r.skip()
	}
	if err := r.blank(); err != nil {
		return err
	}
	for _, word := range []string{"IF ", "NOT ", "EXISTS "} {
		if head, _ := r.in.Peek(len(word)); strings.EqualFold(string(head), word) {
			r.word()
			if err := r.blank(); err != nil {
				return err
			}
		}
	}
	table, err := r.name()
	source := r.source()
	if err == nil {
		err = r.blank()
	}
	if err != nil {
		return err
	}
	r.options.Made(source, table)
	if r.peek() != '(' || len(r.tables) >= mostTables {
		return r.skip()
	}
	r.read()
	columns, err := r.columns(line)
	if err != nil {
		return err
	}
	r.tables[source+"."+table] = columns
	return r.skip()
}

// constraints are the words with which those parts of a table begin that are no columns.
// MySQL quotes the names of columns, so that a bare KEY is an index there; the others
// know no index in a table, and have it as a name.
var constraints = map[string]bool{
	"PRIMARY": true, "UNIQUE": true, "CONSTRAINT": true, "FOREIGN": true, "CHECK": true, "EXCLUDE": true, "LIKE": true, "PERIOD": true,
}

var mysqlConstraints = map[string]bool{"KEY": true, "INDEX": true, "FULLTEXT": true, "SPATIAL": true}

// columns reads the columns of a table, up to the bracket that closes them.
func (r *Reader) columns(line int64) ([]string, error) {
	var list []string
	for {
		if err := r.blank(); err != nil {
			return nil, err
		}
		bare := isWord(r.peek())
		name, err := r.name()
		if err != nil {
			return nil, err
		}
		upper := strings.ToUpper(name)
		if name == "" {
			return nil, r.broken(line, "a table whose columns cannot be read")
		}
		if !bare || !constraints[upper] && (r.dialect != MySQL || !mysqlConstraints[upper]) {
			list = append(list, name)
		}
		if len(list) > mostColumns {
			return nil, r.broken(line, "a table with more than %d columns", mostColumns)
		}
		last, err := r.item()
		if err != nil || last {
			return list, err
		}
	}
}

// item passes over the rest of a part of a table, and reports whether it is the last.
func (r *Reader) item() (last bool, err error) {
	for depth := 0; ; {
		c, ok := r.read()
		if !ok {
			return false, r.over("a table")
		}
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return true, nil
			}
		case ',':
			if depth == 0 {
				return false, nil
			}
		case '\'', '"', '`':
			if err := r.passQuoted(c); err != nil {
				return false, err
			}
		case '-':
			if r.peek() == '-' {
				r.comment("\n")
			}
		case '/':
			if r.peek() == '*' && !r.comment("*/") {
				return false, r.over("a comment")
			}
		}
	}
}
