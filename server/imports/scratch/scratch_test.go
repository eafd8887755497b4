package scratch

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/imports/sqldump/sqldumptest"
)

var wanted = []Table{
	{Name: "t", Columns: []string{"a", "b", "absent"}, Needed: []string{"a"}, Indexes: []string{"a"}},
	{Name: "left", LeftOut: "by a rule"},
}

// dumped is a dump of two rows that are wanted, one that a rule leaves out, and one of a
// table that nobody knows.
func dumped(form sqldumptest.Form) string {
	return sqldumptest.Write(form,
		&sqldumptest.Table{Name: "t", Columns: []string{"b", "a"}, Rows: [][]any{{"x", 1}, {nil, strings.Repeat("y", 300)}}},
		&sqldumptest.Table{Name: "left", Columns: []string{"a"}, Rows: [][]any{{1}}},
		&sqldumptest.Table{Name: "unknown", Columns: []string{"a"}, Rows: [][]any{{1}}},
	)
}

func opening(t *testing.T, text string, most int) (*Tables, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, size, err := File(path, "x", func(r io.Reader) io.Reader { return r })
	if err != nil || size != int64(len(text)) {
		t.Fatalf("File: %d bytes, %v", size, err)
	}
	dir := t.TempDir()
	tables, err := Open(t.Context(), f, wanted, Options{Dir: dir, MaxRow: most})
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%s is left in the directory", left[0].Name())
	}
	return tables, err
}

func rowsOf(t *testing.T, tables *Tables) (all []string) {
	t.Helper()
	err := tables.Each(t.Context(), "SELECT seq, a, b, absent FROM t ORDER BY seq", nil, func(scan Scan) error {
		var seq int64
		var a, b, absent sql.NullString
		err := scan(&seq, &a, &b, &absent)
		all = append(all, fmt.Sprintf("%d %.3s %q %v %v", seq, a.String, b.String, b.Valid, absent.Valid))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// databaseOf makes a SQLite file of a dump.
func databaseOf(t *testing.T, dump string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), strings.ReplaceAll(dump, " left ", ` "left" `)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dumps := map[string]string{"compressed": packed(t, dumped(sqldumptest.MySQL)), "a SQLite file": databaseOf(t, dumped(sqldumptest.SQLite))}
	for _, form := range sqldumptest.Forms {
		dumps[form.String()] = dumped(form)
	}
	for name, dump := range dumps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tables, err := opening(t, dump, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer tables.Close()
			if got, want := rowsOf(t, tables), []string{`1 1 "x" true false`, `2 yyy "" false false`}; !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			if !tables.Whole("t") || tables.Report.Refused() != 0 || tables.Report.Kinds["left"].LeftOut != 1 || !strings.Contains(tables.Report.Text(), "the table unknown has no place here") {
				t.Errorf("the report is %s", tables.Report.Text())
			}
			small, err := opening(t, dump, 100)
			if err != nil {
				t.Fatal(err)
			}
			defer small.Close()
			if got := rowsOf(t, small); len(got) != 1 || small.Whole("t") || small.GapNear("t", 1, 1, 0) == nil || small.GapNear("t", 5, 9, 1) != nil {
				t.Errorf("of rows of at most 100 bytes: %q, %s", got, small.Report.Text())
			}
		})
	}
}

func TestOpen_Damaged(t *testing.T) {
	t.Parallel()
	whole := dumped(sqldumptest.MySQL)
	file := databaseOf(t, dumped(sqldumptest.SQLite))
	for name, dump := range map[string]string{
		"half of a compressed file": packed(t, whole)[:150],
		"half of a SQLite file":     file[:len(file)/2],
		"a SQLite file of nothing":  "SQLite format 3\x00" + strings.Repeat("\x00", 5000),
		"without a needed column":   strings.ReplaceAll(whole, "`a`", "`c`"),
		"UTF-16":                    "\xff\xfe" + whole,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tables, err := opening(t, dump, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer tables.Close()
			if tables.Report.Refused() == 0 || tables.Whole("t") {
				t.Errorf("%q, %s", rowsOf(t, tables), tables.Report.Text())
			}
		})
	}
	if _, _, err := File(t.TempDir(), "x", nil); err == nil {
		t.Error("a directory is taken for a dump")
	}
}
