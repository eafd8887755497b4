package terminal

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"
)

// Forms of output.
const (
	Table = "table"
	JSON  = "json"
	YAML  = "yaml"
	CSV   = "csv"
)

// Streams are the process's own, or a test's.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Out prints what a command found.
type Out struct {
	Streams
	Format string
	Fields []string // of the documents, when the caller names them
	Quiet  bool

	Width  int  // of the terminal that standard output is; 0: it is none
	ErrTTY bool // whether standard error is a terminal, for progress
	errors int  // width of that terminal
	Colour bool
}

// New looks at what the streams are.
func New(s Streams, format string) *Out {
	o := &Out{Streams: s, Format: format, Width: width(s.Out), errors: width(s.Err)}
	o.ErrTTY = o.errors > 0
	o.Colour = o.Width > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return o
}

// Line prints a sentence as a line, or as several where a terminal is narrow.
func (o *Out) Line(format string, args ...any) {
	fmt.Fprintln(o.Streams.Out, Wrap(fmt.Sprintf(format, args...), o.Width))
}

// Note prints a sentence to standard error, unless the caller wants quiet.
func (o *Out) Note(format string, args ...any) {
	if !o.Quiet {
		fmt.Fprintln(o.Err, Wrap(fmt.Sprintf(format, args...), o.errors))
	}
}

// Watched is a file that remembers whether everything was written to it, for those
// who print without looking.
type Watched struct {
	f      *os.File
	mu     sync.Mutex
	failed error
}

// Watch watches over a file.
func Watch(f *os.File) *Watched { return &Watched{f: f} }

// Write writes to the file.
func (w *Watched) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.failed == nil {
			w.failed = err
		}
	}
	return n, err
}

// File is the file, for who must know that it is one.
func (w *Watched) File() *os.File { return w.f }

// Fd is the file's, by which a terminal is known.
func (w *Watched) Fd() uintptr { return w.f.Fd() }

// Failed is the first error of a Write, nil for none.
func (w *Watched) Failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// IsTerminal reports whether a person looks at a stream.
func IsTerminal(stream any) bool { return width(stream) > 0 }

// width is that of a terminal, 0 for what is none. COLUMNS wins, as in other
// programs.
func width(w any) int {
	f, ok := w.(interface{ Fd() uintptr })
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if size.Col == 0 {
		const usual = 80
		return usual
	}
	return int(size.Col)
}

// Column is one of a table: its head, and where its value stands in a document,
// such as counts.fail. More than one place means the first that has a value.
type Column struct {
	Head string
	Path string
	Or   string
}

// Rows of documents, as a list is printed.
type Rows struct {
	Items   []json.RawMessage
	Columns []Column
	Empty   string // what to say when there is nothing, with a command that fills it
	More    string // said when the list goes on
}

// List prints documents in the form that was asked for.
func (o *Out) List(rows Rows) error {
	columns, err := o.columns(rows)
	if err != nil {
		return err
	}
	switch o.Format {
	case JSON, YAML:
		items := make([]json.RawMessage, 0, len(rows.Items))
		for _, item := range rows.Items {
			items = append(items, o.only(item))
		}
		err = o.document(items)
	default:
		err = o.cells(rows, columns)
	}
	if err == nil && rows.More != "" {
		o.Note("%s", rows.More)
	}
	return err
}

// One prints one document: a line for each column, or the whole of it in JSON and
// YAML.
func (o *Out) One(item json.RawMessage, columns []Column) error {
	switch o.Format {
	case JSON, YAML:
		return o.document(o.only(item))
	case CSV:
		return o.List(Rows{Items: []json.RawMessage{item}, Columns: columns})
	}
	columns, err := o.columns(Rows{Items: []json.RawMessage{item}, Columns: columns})
	if err != nil {
		return err
	}
	row := cellsOf(item, columns, false)
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i], row[i] = c.Head, Plain(row[i])
	}
	if o.Width > 0 {
		for i := range row {
			row[i] = shortTime(row[i])
		}
		_, err := io.WriteString(o.Streams.Out, card(heads, row, o.Width))
		return err
	}
	for i, cell := range row {
		if cell != "" || len(o.Fields) > 0 {
			fmt.Fprintf(o.Streams.Out, "%s\t%s\n", heads[i], cell)
		}
	}
	return nil
}

// document writes a value as JSON or YAML, with the order of the members that the
// server gave them.
func (o *Out) document(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if o.Format == YAML {
		var node yaml.Node
		if err := yaml.Unmarshal(text, &node); err != nil { // JSON is YAML
			return err
		}
		plainStyle(&node)
		encoder := yaml.NewEncoder(o.Streams.Out)
		encoder.SetIndent(2)
		if err := encoder.Encode(&node); err != nil {
			return err
		}
		return encoder.Close()
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return err
	}
	indented.WriteByte('\n')
	_, err = o.Streams.Out.Write(indented.Bytes())
	return err
}

// plainStyle takes the braces and quotes of JSON away where YAML needs none.
func plainStyle(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		plainStyle(c)
	}
}

// columns are those of the caller's fields, or the command's. A field that no
// document has is a typing error.
func (o *Out) columns(rows Rows) ([]Column, error) {
	if len(o.Fields) == 0 {
		return rows.Columns, nil
	}
	known := map[string]bool{}
	for _, c := range rows.Columns {
		known[c.Path] = true
	}
	for _, item := range rows.Items {
		var m map[string]json.RawMessage
		if json.Unmarshal(item, &m) == nil {
			for k := range m {
				known[k] = true
			}
		}
	}
	var columns []Column
	for _, f := range o.Fields {
		top, _, _ := strings.Cut(f, ".")
		if !known[f] && !known[top] && len(rows.Items) > 0 {
			names := make([]string, 0, len(known))
			for k := range known {
				names = append(names, k)
			}
			slices.Sort(names)
			return nil, Usage("there is no field %q%s; there are %s", f, DidYouMean(f, names), strings.Join(names, ", "))
		}
		columns = append(columns, Column{Head: strings.ToUpper(f), Path: f})
	}
	return columns, nil
}

// only leaves the caller's fields of a document.
func (o *Out) only(item json.RawMessage) json.RawMessage {
	if len(o.Fields) == 0 {
		return item
	}
	kept := map[string]any{}
	v := decode(item)
	for _, f := range o.Fields {
		kept[f] = lookup(v, f)
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return item
	}
	return text
}

// cells prints a table, tab-separated lines or CSV.
func (o *Out) cells(rows Rows, columns []Column) error {
	if o.Format == CSV {
		w := csv.NewWriter(o.Streams.Out)
		head := make([]string, len(columns))
		for i, c := range columns {
			head[i] = c.Path
		}
		_ = w.Write(head) // Error below tells
		for _, item := range rows.Items {
			_ = w.Write(cellsOf(item, columns, true))
		}
		w.Flush()
		return w.Error()
	}
	if o.Width == 0 {
		var text bytes.Buffer
		for _, item := range rows.Items {
			row := cellsOf(item, columns, false)
			for i := range row {
				row[i] = Plain(row[i])
			}
			text.WriteString(strings.Join(row, "\t") + "\n")
		}
		_, err := o.Streams.Out.Write(text.Bytes())
		return err
	}
	if len(rows.Items) == 0 {
		if rows.Empty != "" {
			o.Note("%s", rows.Empty)
		}
		return nil
	}
	all := make([][]string, 0, len(rows.Items))
	for _, item := range rows.Items {
		row := cellsOf(item, columns, false)
		for i := range row {
			row[i] = shortTime(Plain(row[i]))
		}
		all = append(all, row)
	}
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = c.Head
	}
	if len(o.Fields) == 0 {
		heads, all = withoutEmpty(heads, all)
	}
	_, err := io.WriteString(o.Streams.Out, Layout(heads, all, o.Width, o.Colour))
	return err
}

// withoutEmpty leaves out columns in which no row has anything.
func withoutEmpty(heads []string, rows [][]string) ([]string, [][]string) {
	var kept []int
	for i := range heads {
		if slices.ContainsFunc(rows, func(row []string) bool { return row[i] != "" }) {
			kept = append(kept, i)
		}
	}
	only := func(row []string) []string {
		cells := make([]string, len(kept))
		for i, k := range kept {
			cells[i] = row[k]
		}
		return cells
	}
	for n := range rows {
		rows[n] = only(rows[n])
	}
	return only(heads), rows
}

// shortTime leaves the fraction out of a time, for people; programs get it whole.
func shortTime(s string) string {
	const shortest, longest = len("2006-01-02T15:04:05Z"), len("2006-01-02T15:04:05.000000000+00:00")
	if len(s) < shortest || len(s) > longest || s[10] != 'T' {
		return s
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func cellsOf(item json.RawMessage, columns []Column, asStored bool) []string {
	v := decode(item)
	row := make([]string, len(columns))
	for i, c := range columns {
		value := lookup(v, c.Path)
		if !asStored {
			value = milliseconds(c.Path, value)
		}
		row[i] = text(value)
		if row[i] == "" && c.Or != "" {
			row[i] = text(lookup(v, c.Or))
		}
	}
	return row
}

// milliseconds reads what stands in KernelCI's documents under $date: a time, or in
// the member time how long something took, in seconds.
func milliseconds(path string, v any) any {
	n, is := v.(json.Number)
	name, dated := strings.CutSuffix(path, ".$date")
	if !is || !dated {
		return v
	}
	ms, err := n.Int64()
	if err != nil {
		return v
	}
	if name == "time" {
		return strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64)
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}

func decode(item json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(item))
	d.UseNumber()
	var v any
	_ = d.Decode(&v) // the server's own JSON
	return v
}

// lookup follows a path of names; a number is the place in a list.
func lookup(v any, path string) any {
	for _, name := range strings.Split(path, ".") {
		switch t := v.(type) {
		case map[string]any:
			v = t[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(t) {
				return nil
			}
			v = t[i]
		default:
			return nil
		}
	}
	return v
}

// text is a value in a cell.
func text(v any) string {
	switch t := v.(type) {
	case nil:
		return ""
	case string:
		return t
	case json.Number:
		return t.String()
	case bool:
		return strconv.FormatBool(t)
	case []any:
		parts := make([]string, len(t))
		for i, e := range t {
			parts[i] = text(e)
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		b, _ := json.Marshal(t) // it came from JSON
		return string(b)
	}
	return fmt.Sprint(v)
}

// Plain makes a text safe for a terminal and one line long: what steers a terminal
// is written out, because names of tests come from anywhere.
func Plain(s string) string {
	clean := true
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case !unicode.IsPrint(r):
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
