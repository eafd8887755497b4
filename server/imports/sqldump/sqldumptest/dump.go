// Package sqldumptest writes dumps for tests as the programs of three databases write
// them. It shares no code with the reader, so that one can check the other.
package sqldumptest

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Form is how a dump is written.
type Form int

// The forms.
const (
	MySQL          Form = iota // mysqldump
	PostgreSQL                 // pg_dump
	PostgreSQLRows             // pg_dump --inserts
	SQLite                     // sqlite3 .dump
)

// Forms are all of them.
var Forms = []Form{MySQL, PostgreSQL, PostgreSQLRows, SQLite}

// String names the form.
func (f Form) String() string {
	return [...]string{"mysqldump", "pg_dump", "pg_dump --inserts", "sqlite3 .dump"}[f]
}

// Table is a table of a dump. A value is nil, a string, a number or bytes.
type Table struct {
	Name    string
	Columns []string
	Rows    [][]any
}

// Add adds a row.
func (t *Table) Add(values ...any) { t.Rows = append(t.Rows, values) }

// rowsOfInsert is how many rows stand on a line of mysqldump, at most.
const rowsOfInsert = 1000

// Write writes tables in their order.
func Write(f Form, tables ...*Table) string {
	var b strings.Builder
	switch f {
	case MySQL:
		b.WriteString("-- MySQL dump 10.13  Distrib 5.7.20\n\n/*!40101 SET NAMES utf8 */;\n/*!40014 SET FOREIGN_KEY_CHECKS=0 */;\n")
	case SQLite:
		b.WriteString("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n")
	default:
		b.WriteString("--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n")
	}
	for _, t := range tables {
		f.table(&b, t)
	}
	switch f {
	case MySQL:
		b.WriteString("\n-- Dump completed on 2018-01-01  0:00:00\n")
	case SQLite:
		b.WriteString("COMMIT;\n")
	default:
		b.WriteString("--\n-- PostgreSQL database dump complete\n--\n\n")
	}
	return b.String()
}

func (f Form) table(b *strings.Builder, t *Table) {
	quote := map[Form]string{MySQL: "`", SQLite: ""}[f]
	name := map[Form]string{MySQL: "`" + t.Name + "`", SQLite: t.Name}[f]
	if name == "" {
		name = "public." + t.Name
		if t.Name == "user" || t.Name == "group" {
			name = `public."` + t.Name + `"`
		}
	}
	fmt.Fprintf(b, "CREATE TABLE %s (\n", name)
	for i, c := range t.Columns {
		end := ",\n"
		if i == len(t.Columns)-1 {
			end = "\n);\n"
		}
		fmt.Fprintf(b, "  %s%s%s text%s", quote, c, quote, end)
	}
	switch f {
	case MySQL:
		fmt.Fprintf(b, "LOCK TABLES %s WRITE;\n", name)
		for i, row := range t.Rows {
			switch {
			case i%rowsOfInsert == 0:
				fmt.Fprintf(b, "INSERT INTO %s VALUES %s", name, f.tuple(row))
			default:
				b.WriteString("," + f.tuple(row))
			}
			if i%rowsOfInsert == rowsOfInsert-1 || i == len(t.Rows)-1 {
				b.WriteString(";\n")
			}
		}
		b.WriteString("UNLOCK TABLES;\n")
	case PostgreSQL:
		fmt.Fprintf(b, "COPY %s (%s) FROM stdin;\n", name, strings.Join(t.Columns, ", "))
		for _, row := range t.Rows {
			for i, v := range row {
				if i > 0 {
					b.WriteByte('\t')
				}
				b.WriteString(copied(v))
			}
			b.WriteByte('\n')
		}
		b.WriteString("\\.\n\n")
	default:
		for _, row := range t.Rows {
			fmt.Fprintf(b, "INSERT INTO %s VALUES %s;\n", name, f.tuple(row))
		}
	}
}

func (f Form) tuple(row []any) string {
	list := make([]string, len(row))
	for i, v := range row {
		list[i] = f.value(v)
	}
	return "(" + strings.Join(list, ",") + ")"
}

func (f Form) value(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case []byte:
		switch f {
		case MySQL:
			return "0x" + hex.EncodeToString(v)
		case SQLite:
			return "X'" + hex.EncodeToString(v) + "'"
		}
		return `'\x` + hex.EncodeToString(v) + "'"
	case string:
		if f == MySQL {
			return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\x00", `\0`, "\r", `\r`, "\x1a", `\Z`).Replace(v) + "'"
		}
		quoted := "'" + strings.ReplaceAll(v, "'", "''") + "'"
		if f == SQLite && strings.Contains(v, "\n") && !strings.Contains(v, `\`) {
			return "replace(" + strings.ReplaceAll(quoted, "\n", `\n`) + `,'\n',char(10))`
		}
		return quoted
	}
	return fmt.Sprint(v)
}

func copied(v any) string {
	switch v := v.(type) {
	case nil:
		return `\N`
	case []byte:
		return `\\x` + hex.EncodeToString(v)
	case bool:
		return map[bool]string{true: "t", false: "f"}[v]
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(fmt.Sprint(v))
}
