package picture

import (
	"html/template"
	"regexp"
	"strings"
)

// Matrix shows the outcomes of several things, such as devices, over several
// columns, such as versions, the newest at the right. A page shows 20 to 40 columns
// of more.
type Matrix struct {
	Columns []Column
	Rows    []Row
	// Of names what a row is, for the head of the first column: "Device".
	Of string
}

// Column is one column of a matrix.
type Column struct {
	Name string
	Link string
}

// Row is one row of a matrix. Cells are as many as there are columns; those it
// lacks were not run.
type Row struct {
	Name  string
	Note  string // what stands below the name, such as the lab
	Link  string
	Cells []Cell
}

// Cell is one outcome of a row. Note is added to what its pointer tells.
type Cell struct {
	Outcome Outcome
	Link    string
	Note    string
}

const (
	cellSide   = 22
	headHeight = 78
	headWide   = 14   // letters of a column's name
	manyCells  = 1000 // above it a pass is no link
)

// HTML draws the matrix as a table: a row's name, its cells as one picture, and how
// many of its verdicts passed. A page that wants other columns composes Head and
// Row itself.
func (m Matrix) HTML() template.HTML {
	var d drawing
	d.put(`<table class="matrix"><thead><tr><th scope="col">`)
	d.text(m.Of)
	d.put(`</th><th scope="col" class="mc">`, string(m.Head()), `<span class="vh">`)
	d.text(m.columnsNamed())
	d.put(`</span></th><th scope="col" class="num">Passed</th></tr></thead><tbody>`)
	for i, row := range m.Rows {
		d.put(`<tr><th scope="row">`)
		d.linked(row.Link, row.Name, "")
		if row.Note != "" {
			d.put(`<span class="pre">`)
			d.text(row.Note)
			d.put(`</span>`)
		}
		d.put(`</th><td class="mc">`, string(m.Row(i)), `</td><td class="num">`, row.passed(), `</td></tr>`)
	}
	d.put(`</tbody></table>`)
	return d.html()
}

// linked writes a name, as a link when there is an address that may be one.
func (d *drawing) linked(address, name, attributes string) {
	if to := link(address); to != "" {
		d.put(`<a href="`)
		d.text(to)
		d.put(`"`, attributes, `>`)
		d.text(name)
		d.put(`</a>`)
		return
	}
	d.text(name)
}

// described is a name by git describe. Beside the number of commits, which a reader can
// compare, the hash says nothing.
var described = regexp.MustCompile(`^(.+-[0-9]+)-g[0-9a-f]{7,40}$`)

// Head draws the columns' names, turned. They are for the eye: who listens hears
// them in the table.
func (m Matrix) Head() template.HTML {
	var d drawing
	d.put(`<svg class="mh" width="`, whole(cellSide*len(m.Columns)), `" height="`, whole(headHeight), `" aria-hidden="true">`)
	for i, c := range m.Columns {
		d.put(`<text transform="translate(`, whole(i*cellSide+12), `,74) rotate(-55)" class="vt">`)
		d.text(shorten(described.ReplaceAllString(c.Name, "$1"), headWide))
		d.put(`</text>`)
	}
	d.put(`</svg>`)
	return d.html()
}

// Row draws the cells of row n. A cell that leads somewhere is a link that the
// pointer finds and the tab key passes over: the keyboard has the row's name and the
// table. It panics when there is no such row.
func (m Matrix) Row(n int) template.HTML {
	row := m.Rows[n]
	var d drawing
	d.put(`<svg width="`, whole(cellSide*len(m.Columns)), `" height="`, whole(cellSide), `" role="group" aria-label="`)
	d.text(row.Name + ": " + m.rowNumbers(row))
	d.put(`">`)
	var drawn marks
	for i := range m.Columns {
		cell := row.cell(i)
		m.target(&d, row, i, cell)
		drawn.add(cell.Outcome, float64(i*cellSide+2), 2)
	}
	drawn.write(&d)
	d.put(`</svg>`)
	return d.html()
}

// target is the place of a cell that the pointer meets.
func (m Matrix) target(d *drawing, row Row, column int, cell Cell) {
	many := len(m.Columns)*len(m.Rows) > manyCells
	if many && (cell.Outcome.known() == Pass || cell.Outcome == NotRun) {
		return
	}
	to := link(cell.Link)
	if to != "" {
		d.put(`<a href="`)
		d.text(to)
		d.put(`" tabindex="-1">`)
	} else {
		d.put(`<g>`)
	}
	d.put(`<title>`)
	d.text(m.Columns[column].Name + ", " + row.Name + ": " + cell.words())
	d.put(`</title><path class="hit" d="M`, whole(column*cellSide), ` 0h22v22h-22z"/>`)
	if to != "" {
		d.put(`</a>`)
	} else {
		d.put(`</g>`)
	}
}

func (r Row) cell(i int) Cell {
	if i < len(r.Cells) {
		return r.Cells[i]
	}
	return Cell{}
}

func (c Cell) words() string {
	if c.Note != "" {
		return c.Outcome.Word() + ", " + c.Note
	}
	return c.Outcome.Word()
}

// counts counts a row's cells that have a column.
func (m Matrix) counts(row Row) Counts {
	var c Counts
	for i := range m.Columns {
		c.add(row.cell(i).Outcome, 1)
	}
	return c
}

func (m Matrix) rowNumbers(row Row) string {
	return m.counts(row).String() + " of " + Number(len(m.Columns))
}

// passed says how many of the verdicts of a row are a pass. An error and a skip are
// no verdict.
func (r Row) passed() string {
	var c Counts
	for _, cell := range r.Cells {
		c.add(cell.Outcome, 1)
	}
	return Number(c.Pass) + " of " + Number(c.Pass+c.Fail)
}

func (m Matrix) columnsNamed() string {
	names := make([]string, 0, len(m.Columns))
	for _, c := range m.Columns {
		names = append(names, c.Name)
	}
	return "oldest left: " + strings.Join(names, ", ")
}

// Table gives the outcome of each row in each column.
func (m Matrix) Table() Table {
	t := Table{Head: []string{m.Of}, Words: len(m.Columns) + 1}
	for _, c := range m.Columns {
		t.Head = append(t.Head, c.Name)
	}
	for _, row := range m.Rows {
		cells := []string{row.Name}
		if row.Note != "" {
			cells[0] += ", " + row.Note
		}
		for i := range m.Columns {
			cells = append(cells, row.cell(i).words())
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}
