package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLayout fits any table into any terminal and cuts nothing.
func TestLayout(t *testing.T) {
	t.Parallel()
	heads := []string{"STATUS", "TEST", "MESSAGE"}
	rows := [][]string{
		{"fail", "tempest.api.compute.servers.test_create_server.ServersTestJSON.test_verify_server_details", "timed out after 300 s"},
		{"ok", "a", strings.Repeat("ü", 200)},
	}
	for _, width := range []int{20, 40, 80, 300} {
		text := Layout(heads, rows, width, false)
		for _, line := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("in %d columns a line has %d: %q", width, n, line)
			}
		}
		squeeze := strings.NewReplacer(" ", "", "\n", "")
		if got, want := strings.Count(text, "ü"), 200; got != want {
			t.Errorf("in %d columns %d of %d letters are left", width, got, want)
		}
		if width >= 300 && !strings.Contains(squeeze.Replace(text), squeeze.Replace(rows[0][1])) {
			t.Errorf("the name is not whole in %d columns", width)
		}
	}
}

// TestOut_manyRows sets 10 000 rows in 40 columns.
func TestOut_manyRows(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := &Out{Streams: Streams{Out: &out, Err: &out}, Format: Table, Width: 40}
	rows := Rows{Columns: []Column{{Head: "N", Path: "n"}, {Head: "NAME", Path: "name"}}}
	for i := range 10_000 {
		rows.Items = append(rows.Items, json.RawMessage(fmt.Sprintf(`{"n":%d,"name":"a.rather.long.name.of.a.test.that.does.not.fit.%d"}`, i, i)))
	}
	if err := o.List(rows); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "a.rather"); n != 10_000 {
		t.Errorf("%d rows", n)
	}
}

// TestPlain keeps names of tests from steering the terminal.
func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain ü": "plain ü", "a\x1b[31mb": `a\x1b[31mb`, "two\nlines": "two lines", "\u202eback": `\u202eback`,
	} {
		if got := Plain(in); got != want {
			t.Errorf("Plain(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestNearest names the word that was meant, and none for another word.
func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"upload", "results", "tests"}
	for in, want := range map[string]string{"uplaod": "upload", "result": "results", "test": "tests", "xyzzy": ""} {
		if got := Nearest(in, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}
