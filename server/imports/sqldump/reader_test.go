package sqldump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// read is everything in a dump: rows, and what stands in the place of one, each with its
// line.
func read(t testing.TB, in io.Reader, o Options) (all []string) {
	t.Helper()
	r := NewReader(in, o)
	for {
		row, err := r.Next()
		var d *Damage
		switch {
		case errors.Is(err, io.EOF):
			return all
		case errors.As(err, &d):
			all = append(all, fmt.Sprintf("%d! %s", d.Line, d.Says))
		case err != nil:
			t.Fatal(err)
		default:
			all = append(all, fmt.Sprintf("%d %s", row.Line, shown(row)))
		}
	}
}

func shown(row Row) string {
	var b strings.Builder
	b.WriteString(row.Table)
	for i, v := range row.Values {
		switch {
		case v.Null:
			fmt.Fprintf(&b, " %s=NULL", row.Columns[i])
		case v.Binary:
			fmt.Fprintf(&b, " %s=%x", row.Columns[i], v.Text)
		default:
			fmt.Fprintf(&b, " %s=%q", row.Columns[i], v.Text)
		}
	}
	return b.String()
}

const (
	mysqlHead  = "-- MySQL dump 10.13\n/*!40101 SET NAMES utf8 */;\nCREATE TABLE `t` (\n  `a` int(11) DEFAULT ',)',\n  `key` text,\n  PRIMARY KEY (`a`),\n  KEY `k` (`key`(32))\n) ENGINE=InnoDB;\n"
	mysqlTail  = "\n-- Dump completed on 2017-01-01\n"
	pgHead     = "--\n-- PostgreSQL database dump\n--\nSET standard_conforming_strings = on;\n\\restrict abc\nCREATE FUNCTION f() AS $$ BEGIN; COPY ''' $$;\n"
	pgTail     = "\n--\n-- PostgreSQL database dump complete\n--\n"
	sqliteHead = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (\n\ta INTEGER NOT NULL, \n\tkey VARCHAR(255), \n\tPRIMARY KEY (a), \n\tUNIQUE (a, key)\n);\n"
)

func TestReader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, dump string
		want       []string
	}{
		{"nothing", "", nil},
		{"mysqldump", mysqlHead + "LOCK TABLES `t` WRITE;\nINSERT INTO `t` VALUES (1,'it''s \\'a\\' \\\\ \\n b'),(-2,NULL);\nUNLOCK TABLES;" + mysqlTail,
			[]string{`10 t a="1" key="it's 'a' \\ \n b"`, `10 t a="-2" key=NULL`}},
		{"bytes of MySQL", mysqlHead + "INSERT INTO `t` VALUES (0x00ff,_binary 'a\\0'),(X'0A',_utf8mb4 'x');" + mysqlTail,
			[]string{"9 t a=00ff key=6100", `9 t a=0a key="x"`}},
		{"a row a line, as MariaDB writes it", "/*M!999999\\- enable the sandbox mode */ \n" + mysqlHead + "INSERT INTO `t` VALUES\n(1,'a'),\n(2,'b\n(3,'c');" + mysqlTail,
			[]string{`11 t a="1" key="a"`, "12! " + errCutText.Error(), `13 t a="3" key="c"`}},
		{"named columns", "INSERT IGNORE INTO `db`.`t` (`Key`, `a`) VALUES ('x', 1) ON DUPLICATE KEY UPDATE a = 1;", []string{`1 t key="x" a="1"`}},
		{"a line that is cut", mysqlHead + "INSERT INTO `t` VALUES (1,'a'),(2,'b\nINSERT INTO `t` VALUES (3,'c');" + mysqlTail,
			[]string{`9 t a="1" key="a"`, "9! " + errCutText.Error(), `10 t a="3" key="c"`}},
		{"a wrong line", mysqlHead + "INSERT INTO `t` VALUES (1,'a')mysqldump: Got error,(2,'b');\nINSERT INTO `t` VALUES (3,'c');" + mysqlTail,
			[]string{`9 t a="1" key="a"`, "9! 'm' where a row of t begins", `10 t a="3" key="c"`}},
		{"a value too many", mysqlHead + "INSERT INTO `t` VALUES (1,'a',2),(2,'b');" + mysqlTail,
			[]string{"9! the row has 3 values, and the table 2 columns", `9 t a="2" key="b"`}},
		{"a function", mysqlHead + "INSERT INTO `t` VALUES (now(),'a'),(2,'b');" + mysqlTail,
			[]string{"9! the function now is not understood", `9 t a="2" key="b"`}},
		{"half a file", mysqlHead + "INSERT INTO `t` VALUES (1,'a'),(2,'b", []string{`9 t a="1" key="a"`, "9! the file ends within a text of t"}},
		{"a file without its end", mysqlHead + "INSERT INTO `t` VALUES (1,'a');\n",
			[]string{`9 t a="1" key="a"`, "10! the file is cut: it begins as mysqldump writes it, and lacks the line at the end"}},
		{"Latin-1", strings.Replace(mysqlHead, "utf8", "latin1", 1) + "INSERT INTO `t` VALUES (1,'\xe9\x80');" + mysqlTail, []string{`9 t a="1" key="é€"`}},
		{"a trigger", mysqlHead + "DELIMITER ;;\nCREATE TRIGGER x INSERT INTO t VALUES (9,'x');\nEND ;;\nDELIMITER ;\nINSERT INTO `t` VALUES (1,'a');" + mysqlTail, []string{`13 t a="1" key="a"`}},
		{"COPY", pgHead + "COPY public.t (a, \"key\", c) FROM stdin;\n1\tx\\ty\\\\z\\n\\x41\\101\t\\N\n2\t\t'\n\\.\n" + pgTail,
			[]string{`8 t a="1" key="x\ty\\z\nAA" c=NULL`, `9 t a="2" key="" c="'"`}},
		{"COPY with wrong lines", pgHead + "COPY t (a, b) FROM stdin;\n1\n2\tb\tc\n3\td\n\\.\n" + pgTail,
			[]string{"8! the row has 1 values, and the table 2 columns", "9! the row has 3 values, and the table 2 columns", `10 t a="3" b="d"`}},
		{"COPY that is cut", pgHead + "COPY t (a, b) FROM stdin;\n1\tx\n2", []string{`8 t a="1" b="x"`, "9! the file ends within the rows of t"}},
		{"INSERT of PostgreSQL", pgHead + "INSERT INTO public.t (a, b) VALUES ('\\x00ff'::bytea, 'c:\\dir\nINSERT INTO t'), (E'\\n', true);\n" + pgTail,
			[]string{`7 t a="\\x00ff" b="c:\\dir\nINSERT INTO t"`, `8 t a="\n" b="true"`}},
		{"sqlite3", sqliteHead + "INSERT INTO t VALUES(1,replace('a\\nb','\\n',char(10)));\nINSERT INTO \"t\" VALUES(X'00',unistr('\\u0041\\\\'));\nCOMMIT;\n",
			[]string{`9 t a="1" key="a\nb"`, `10 t a=00 key="A\\"`}},
		{"sqlite3 with an error", sqliteHead + "INSERT INTO t VALUES(1,'a');\nROLLBACK; -- due to errors\n",
			[]string{`9 t a="1" key="a"`, "10! sqlite3 has met an error and wrote ROLLBACK: the dump is not whole"}},
		{"sqlite3 that is cut", sqliteHead + "INSERT INTO t VALUES(1,'a');\n", []string{`9 t a="1" key="a"`, "10! the file is cut: it begins as sqlite3 writes it, and lacks the line at the end"}},
		{"columns that nobody said", "-- x\nINSERT INTO `t` VALUES (1);\nINSERT INTO `u` (a) VALUES (2);", []string{"2! the columns of the table t are not known: the dump has no CREATE TABLE of it", `3 u a="2"`}},
		{"too large a row", mysqlHead + "INSERT INTO `t` VALUES (1,'" + strings.Repeat("x", 2000) + "'),(2,'b');" + mysqlTail,
			[]string{"9! the row is larger than 1000 bytes", `9 t a="2" key="b"`}},
		{"UTF-16", "\xff\xfe-\x00-\x00", []string{"1! " + errUTF16.Error()}},
		{"no SQL", "{\"a\": 1}\n", []string{"1! '{' where a statement begins"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, in := range map[string]io.Reader{"whole": strings.NewReader(tt.dump), "by bytes": iotest.OneByteReader(strings.NewReader(tt.dump))} {
				if got := read(t, in, Options{MaxRow: 1000}); !slices.Equal(got, tt.want) {
					t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
				}
			}
		})
	}
}

func TestReader_Wanted(t *testing.T) {
	t.Parallel()
	dump := mysqlHead + "INSERT INTO `t` VALUES (1,'a');INSERT INTO `unknown` VALUES (1,2,3);" + mysqlTail
	if got := read(t, strings.NewReader(dump), Options{Wanted: func(_, table string) bool { return table == "x" }}); got != nil {
		t.Errorf("%q", got)
	}
}

// TestReader_Failing tells a disk that fails from a file that ends.
func TestReader_Failing(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk has failed")
	r := NewReader(io.MultiReader(strings.NewReader(mysqlHead+"INSERT INTO `t` VALUES (1,'"), iotest.ErrReader(broken)), Options{})
	if _, err := r.Next(); !errors.Is(err, broken) {
		t.Errorf("Next: %v", err)
	}
}

// endless is a text that does not end for a long time.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	e.left -= n
	return int(n), nil
}

// TestReader_OneLine reads a line of a gigabyte in the memory of one row.
func TestReader_OneLine(t *testing.T) {
	t.Parallel()
	size := int64(256 << 20)
	if testing.Short() {
		size = 64 << 20
	}
	r := NewReader(io.MultiReader(strings.NewReader(mysqlHead+"INSERT INTO `t` VALUES (1,'"), &endless{size}, strings.NewReader("'),(2,'b');"+mysqlTail)), Options{MaxRow: 1 << 20})
	_, err := r.Next()
	var d *Damage
	if !errors.As(err, &d) || d.Line != 9 || !d.Lost {
		t.Fatalf("Next: %v", err)
	}
	if cap(r.arena) > 4<<20 {
		t.Errorf("it kept %d bytes of a row, and may keep 1 MiB", cap(r.arena))
	}
	if row, err := r.Next(); err != nil || shown(row) != `t a="2" key="b"` {
		t.Errorf("Next: %v, %v", shown(row), err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapSys > 192<<20 {
		t.Errorf("the heap has %d bytes", m.HeapSys)
	}
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		mysqlHead + "INSERT INTO `t` VALUES (1,'a\\n'),(0x00,NULL);" + mysqlTail, pgHead + "COPY t (a) FROM stdin;\n\\x41\\N\n\\.\n" + pgTail,
		sqliteHead + "INSERT INTO t VALUES(1,replace('a','b',char(10)));COMMIT;", "INSERT INTO t (a) VALUES (replace(replace('a','',''),'a','aaaa'))",
		"\xff\xfe", "COPY t FROM stdin;\n", "$a$ x $a$;'", "DELIMITER ;;\nx", "/*", "--", "CREATE TABLE (", "INSERT INTO t (a) VALUES (_a _b _c _d 'x')",
	} {
		f.Add([]byte(seed), uint16(100))
	}
	f.Fuzz(func(t *testing.T, dump []byte, most uint16) {
		for _, d := range []Dialect{MySQL, PostgreSQL, SQLite} {
			r := NewReader(bytes.NewReader(dump), Options{Dialect: d, MaxRow: int(most) + 1})
			lines := int64(bytes.Count(dump, []byte("\n")) + 1)
			for steps := 0; ; steps++ {
				row, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				var damage *Damage
				line := row.Line
				if errors.As(err, &damage) {
					line = damage.Line
				} else if err != nil {
					t.Fatal(err)
				} else if len(row.Values) != len(row.Columns) {
					t.Fatalf("%d values of %d columns", len(row.Values), len(row.Columns))
				}
				if line < 1 || line > lines || steps > 2*len(dump)+10 {
					t.Fatalf("line %d of %d, step %d", line, lines, steps)
				}
				if n := len(r.arena); n > int(most)+1+64 {
					t.Fatalf("%d bytes of a row of at most %d", n, int(most)+1)
				}
			}
		}
	})
}

// BenchmarkReader reads rows as mysqldump writes them.
func BenchmarkReader(b *testing.B) {
	var dump bytes.Buffer
	dump.WriteString(mysqlHead)
	const rows = 100_000
	for i := range rows {
		if i%1000 == 0 {
			dump.WriteString(";\nINSERT INTO `t` VALUES ")
		} else {
			dump.WriteByte(',')
		}
		fmt.Fprintf(&dump, "(%d,'tempest.api.compute.servers.test_servers.ServersTest.test_create_%d')", i, i)
	}
	dump.WriteString(";" + mysqlTail)
	b.SetBytes(int64(dump.Len()))
	for b.Loop() {
		r := NewReader(bytes.NewReader(dump.Bytes()), Options{})
		n := 0
		for {
			_, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != rows {
			b.Fatalf("%d rows", n)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
