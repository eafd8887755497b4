package picture

import "html/template"

// Picture is what every picture of this package can do.
type Picture interface {
	// HTML draws it.
	HTML() template.HTML
	// Table gives all its numbers in rows.
	Table() Table
}

// Table is the numbers of a picture as text. The first cell of a row names it.
type Table struct {
	Head []string
	Rows [][]string
	// Words is how many columns are words; those after them are numbers.
	Words int
}

// HTML writes the table, for a page that has none of its own for the numbers.
func (t Table) HTML() template.HTML {
	var d drawing
	d.put(`<table class="list numbers"><thead><tr>`)
	for i, name := range t.Head {
		d.put(`<th scope="col"`, t.class(i), `>`)
		d.text(name)
		d.put(`</th>`)
	}
	d.put(`</tr></thead><tbody>`)
	for _, row := range t.Rows {
		d.put(`<tr>`)
		for i, cell := range row {
			if i == 0 {
				d.put(`<th scope="row">`)
				d.text(cell)
				d.put(`</th>`)
				continue
			}
			d.put(`<td`, t.class(i), `>`)
			d.text(cell)
			d.put(`</td>`)
		}
		d.put(`</tr>`)
	}
	d.put(`</tbody></table>`)
	return d.html()
}

// class is the attribute of a cell in a column.
func (t Table) class(column int) string {
	if column < t.Words {
		return ""
	}
	return ` class="n"`
}

// table gives counts as rows, with the share of each.
func (c Counts) table() Table {
	t := Table{Head: []string{"Outcome", "Number", "Share"}, Words: 1}
	total := c.Total()
	for _, o := range order {
		if n := c.Of(o); n > 0 {
			t.Rows = append(t.Rows, []string{string(o), Number(n), Percent(n, total)})
		}
	}
	return t
}
