package sqldump

// copyHead reads COPY table (columns) FROM stdin; after which rows come, one a line.
func (r *Reader) copyHead(line int64) error {
	if err := r.blank(); err != nil {
		return err
	}
	source, table, columns, err := r.target(line)
	if err != nil {
		return err
	}
	r.table = table
	if err := r.skip(); err != nil {
		return err
	}
	for r.peek() != '\n' && r.peek() != 0 {
		r.read()
	}
	r.read()
	r.open(source, table, columns, true)
	if columns == nil && r.wanted {
		r.wanted = false // its rows are passed over
		return &Damage{Line: line, Table: table, Lost: true, Says: "the columns of the table " + table + " are not known: the dump has no CREATE TABLE of it"}
	}
	return nil
}

// copyRow reads a line of COPY, or the one that ends it.
func (r *Reader) copyRow() (Row, bool, error) {
	line := r.line
	r.beginRow()
	from, isNull := 0, false
	for first := true; ; first = false {
		c, ok := r.read()
		switch {
		case !ok:
			return Row{}, false, r.over("the rows of " + r.table)
		case c == '\n':
			r.value(from, isNull, false)
			return r.finish(line)
		case c == '\r' && r.peek() == '\n':
		case c == '\t':
			r.value(from, isNull, false)
			from, isNull = len(r.arena), false
		case c != '\\':
			r.put(c)
		case first && (r.ahead(".\n") || r.ahead(".\r\n")):
			for c != '\n' {
				c, _ = r.read()
			}
			r.rows = false
			return Row{}, false, nil
		case r.peek() == 'N' && len(r.arena) == from:
			r.read()
			isNull = true
		default:
			r.copyEscaped()
		}
	}
}

// copyEscaped reads what stands behind a backslash: a letter, up to three octal digits, x
// and up to two hexadecimal ones.
func (r *Reader) copyEscaped() {
	c, ok := r.read()
	if !ok {
		return // the next byte says so
	}
	switch c {
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'v':
		c = '\v'
	case 'x':
		if d, ok := digit(r.peek()); ok {
			r.read()
			if low, ok := digit(r.peek()); ok {
				r.read()
				d = d<<4 | low
			}
			c = d
		}
	case '0', '1', '2', '3', '4', '5', '6', '7':
		n := c - '0'
		for range 2 {
			d := r.peek()
			if d < '0' || d > '7' {
				break
			}
			r.read()
			n = n<<3 | (d - '0')
		}
		c = n
	}
	r.put(c)
}
