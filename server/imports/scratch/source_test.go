package scratch

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-lab/slipway/server/imports"
	"github.com/slipway-lab/slipway/server/imports/sqldump"
	"github.com/slipway-lab/slipway/server/imports/sqldump/sqldumptest"
)

// sourced are dumps with the table t of two databases or schemas, of the same columns in
// another order.
var sourced = map[string]string{
	"mysqldump --databases": "-- MySQL dump 10.13  Distrib 8.0.36\n/*!50503 SET NAMES utf8mb4 */;\n" +
		"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `one`;\n\nUSE `one`;\nCREATE TABLE `t` (\n  `a` int,\n  `b` text\n);\nINSERT INTO `t` VALUES (1,'x');\n" +
		"USE `two`;\nCREATE TABLE `t` (\n  `b` text,\n  `a` int\n);\nINSERT INTO `t` VALUES ('y',2);\n-- Dump completed on 2024-01-01\n",
	"pg_dump of two schemas": "--\n-- PostgreSQL database dump\n--\nCREATE TABLE one.t (a integer, b text);\nCREATE TABLE two.t (b text, a integer);\n" +
		"INSERT INTO one.t VALUES (1, 'x');\nINSERT INTO two.t VALUES ('y', 2);\n--\n-- PostgreSQL database dump complete\n--\n",
	"pg_dumpall": "--\n-- PostgreSQL database cluster dump\n--\n\\connect one\n--\n-- PostgreSQL database dump\n--\nCOPY public.t (a, b) FROM stdin;\n1\tx\n\\.\n--\n-- PostgreSQL database dump complete\n--\n" +
		"\\connect -reuse-previous=on \"dbname='two'\"\n--\n-- PostgreSQL database dump\n--\nCOPY public.t (b, a) FROM stdin;\ny\t2\n\\.\n--\n-- PostgreSQL database dump complete\n--\n",
	"pg_dump of old, by search_path": "--\n-- PostgreSQL database dump\n--\nSET search_path = one, pg_catalog;\nCOPY t (a, b) FROM stdin;\n1\tx\n\\.\n" +
		"SET search_path = two, pg_catalog;\nCOPY t (b, a) FROM stdin;\ny\t2\n\\.\n--\n-- PostgreSQL database dump complete\n--\n",
}

func fileOf(t *testing.T, text string) imports.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, _, err := File(path, "x", func(r io.Reader) io.Reader { return r })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func openingOf(t *testing.T, text, source string) (*Tables, error) {
	t.Helper()
	return Open(t.Context(), fileOf(t, text), wanted, Options{Dir: t.TempDir(), Source: source})
}

// TestOpen_Sources reads dumps of several databases. Rows of two of them are never put
// together: the one would be told with the results of the other.
func TestOpen_Sources(t *testing.T) {
	t.Parallel()
	for name, dump := range sourced {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tables, err := openingOf(t, dump, "")
			if err == nil || !strings.Contains(err.Error(), "--source") || !strings.Contains(err.Error(), "one") || !strings.Contains(err.Error(), "two") {
				t.Fatalf("without a source: %v, %v", tables, err)
			}
			for source, want := range map[string]string{"one": `1 1 "x" true false`, "TWO": `1 2 "y" true false`} {
				tables, err := openingOf(t, dump, source)
				if err != nil {
					t.Fatal(err)
				}
				if got := rowsOf(t, tables); !slices.Equal(got, []string{want}) || !tables.Whole("t") || tables.Report.Refused() != 0 {
					t.Errorf("of %s: %q, %s", source, got, tables.Report.Text())
				}
				if err := tables.Close(); err != nil {
					t.Error(err)
				}
			}
			none, err := openingOf(t, dump, "three")
			if err != nil {
				t.Fatal(err)
			}
			defer none.Close()
			if got := rowsOf(t, none); len(got) != 0 || none.Has("t") {
				t.Errorf("of a source that is not there: %q", got)
			}
		})
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(text), nil))
}

// TestOpen_Forms reads what stands within a compression, and says what is not read.
func TestOpen_Forms(t *testing.T) {
	t.Parallel()
	file := databaseOf(t, dumped(sqldumptest.SQLite))
	for name, dump := range map[string]string{
		"zstd": zipped(t, dumped(sqldumptest.MySQL)), "a SQLite file in gzip": packed(t, file), "a SQLite file in zstd": zipped(t, file),
	} {
		tables, err := opening(t, dump, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := rowsOf(t, tables); len(got) != 2 || !tables.Whole("t") {
			t.Errorf("%s: %q, %s", name, got, tables.Report.Text())
		}
		_ = tables.Close()
	}
	cut, err := opening(t, zipped(t, strings.Repeat(dumped(sqldumptest.MySQL), 50))[:100], 0)
	if err != nil {
		t.Fatal(err)
	}
	defer cut.Close()
	if cut.Report.Refused() == 0 || cut.Whole("t") {
		t.Errorf("half of a zstd file: %s", cut.Report.Text())
	}
	for dump, says := range map[string]string{
		"PGDMP\x01\x0e\x00\x04\x08":              "pg_restore",
		strings.Repeat("x", 257) + "ustar\x0000": "archive of tar",
		"PK\x03\x04":                             "ZIP",
		"BZh91AY":                                "bzip2",
		"\xfd7zXZ\x00\x00":                       "xz",
		packed(t, packed(t, "x")):                "twice",
		"<?xml version=\"1.0\"?>\n<mysqldump>\n</mysqldump>\n": "--xml",
		packed(t, "PGDMP\x01\x0e\x00\x04\x08"):                 "pg_restore",
	} {
		if _, err := opening(t, dump, 0); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("of %.10q it is said %v, want %q", dump, err, says)
		}
	}
}

// TestOpen_Rest cuts a dump within a table. The tables that would have come behind it are
// not whole, and those before it are.
func TestOpen_Rest(t *testing.T) {
	t.Parallel()
	u := &sqldumptest.Table{Name: "before", Columns: []string{"a"}, Rows: [][]any{{1}}}
	first := &sqldumptest.Table{Name: "first", Columns: []string{"a"}, Rows: [][]any{{1}, {2}}}
	last := &sqldumptest.Table{Name: "t", Columns: []string{"a"}, Rows: [][]any{{"the-last"}}}
	list := []Table{{Name: "before", Columns: []string{"a"}}, {Name: "first", Columns: []string{"a"}}, {Name: "t", Columns: []string{"a"}}}
	for _, form := range sqldumptest.Forms {
		whole := sqldumptest.Write(form, u, first, last)
		cut := whole[:strings.Index(whole, "the-last")]
		cut = cut[:strings.LastIndex(cut, "CREATE TABLE")+10]
		tables, err := Open(t.Context(), fileOf(t, cut), list, Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if !tables.Whole("before") || tables.Whole("t") || tables.GapNear("t", 0, 0, 0) == nil || tables.Report.Refused() != 1 {
			t.Errorf("%s: before %v, t %v: %s", form, tables.Whole("before"), tables.Whole("t"), tables.Report.Text())
		}
		_ = tables.Close()
	}
}

// TestOpen_Charset tells of an encoding that is not read, and reads latin1.
func TestOpen_Charset(t *testing.T) {
	t.Parallel()
	for set, refused := range map[string]int64{
		"/*!40101 SET NAMES gbk */;": 1, "/*!50503 SET NAMES utf8mb4 */;": 0, "SET NAMES 'utf8' COLLATE 'utf8_bin';": 0, "/*!40101 SET NAMES latin1 */;": 0, "SET NAMES cp1251;": 1,
	} {
		tables, err := openingOf(t, set+"\nCREATE TABLE `t` (`a` int, `b` text, `c` bit(9));\nINSERT INTO `t` VALUES (1,'x',b'100000001');\n", "")
		if err != nil {
			t.Fatal(err)
		}
		if got := rowsOf(t, tables); !slices.Equal(got, []string{`1 1 "x" true false`}) || tables.Report.Refused() != refused {
			t.Errorf("%s: %q, %s", set, got, tables.Report.Text())
		}
		_ = tables.Close()
	}
	tables, err := Open(t.Context(), fileOf(t, "SET client_encoding = 'LATIN9';\nSET client_encoding TO 'UTF8';\nCOPY t (a, b) FROM stdin;\n1\tx\n\\.\n"), wanted, Options{Dialect: sqldump.PostgreSQL})
	if err != nil {
		t.Fatal(err)
	}
	defer tables.Close()
	if got := rowsOf(t, tables); len(got) != 1 || tables.Report.Refused() != 1 || !strings.Contains(tables.Report.Text(), "latin9") {
		t.Errorf("%q, %s", got, tables.Report.Text())
	}
	latin, err := openingOf(t, "SET client_encoding = 'LATIN1';\nSET standard_conforming_strings = on;\nCOPY public.t (a, b) FROM stdin;\n1\tcaf\xe9\n\\.\n", "")
	if err != nil {
		t.Fatal(err)
	}
	defer latin.Close()
	if got := rowsOf(t, latin); !slices.Equal(got, []string{`1 1 "café" true false`}) || latin.Report.Refused() != 0 {
		t.Errorf("of LATIN1: %q, %s", got, latin.Report.Text())
	}
}

func TestTables_Bytes(t *testing.T) {
	t.Parallel()
	pg, my := &Tables{Dialect: sqldump.PostgreSQL}, &Tables{Dialect: sqldump.MySQL}
	for text, want := range map[string]string{`\x00ff41`: "\x00\xffA", `\000\377A\\b`: "\x00\xffA\\b", `A`: "A", `\9`: `\9`, `\777`: `\777`, `\`: `\`, "": ""} {
		if got := pg.Bytes([]byte(text)); string(got) != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		if got := my.Bytes([]byte(text)); string(got) != text {
			t.Errorf("of MySQL, %q is %q", text, got)
		}
	}
}
