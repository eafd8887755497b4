package triage

import (
	"fmt"
	"strings"
	"testing"
)

func textOf(t *testing.T, s string) *text {
	t.Helper()
	read, err := readText(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// A large log keeps its two ends with their numbers, and says what it lacks.
func TestReadText_large(t *testing.T) {
	t.Parallel()

	var b strings.Builder
	n := 0
	for b.Len() < wholeLog+3<<20 {
		n++
		fmt.Fprintf(&b, "line %d of a log\n", n)
	}
	log := textOf(t, b.String())
	if !log.Cut || log.Total != n || log.Bytes != int64(b.Len()) {
		t.Errorf("cut %v, %d lines, %d bytes, want %d and %d", log.Cut, log.Total, log.Bytes, n, b.Len())
	}
	for _, l := range log.Lines {
		if want := fmt.Sprintf("line %d of a log", l.N); l.Text != want {
			t.Fatalf("line %d is %q", l.N, l.Text)
		}
	}
	if last := log.Lines[len(log.Lines)-1].N; last != n {
		t.Errorf("the last line is %d, want %d", last, n)
	}
	gaps := 0
	for _, start := range log.parts()[1:] {
		if log.Lines[start].N != log.Lines[start-1].N+1 {
			gaps++
		}
	}
	if gaps != 1 {
		t.Errorf("%d gaps at the beginnings of parts, want 1", gaps)
	}
}

// Parts have at most 2 000 lines and lose none.
func TestText_parts(t *testing.T) {
	t.Parallel()

	log := textOf(t, strings.Repeat("x\n", 4711)+strings.Repeat("y", 200<<10))
	if got := fmt.Sprint(log.parts()); got != "[0 2000 4000]" {
		t.Errorf("parts begin at %s", got)
	}
	if log.Total != 4712 {
		t.Errorf("%d lines", log.Total)
	}
}

// Colours are classes, other sequences vanish, and what a log holds is text.
func TestAnsi(t *testing.T) {
	t.Parallel()

	for in, want := range map[string]string{
		"\x1b[1;31mred <b>\x1b[0m plain": `<span class="a-b a-1">red &lt;b&gt;</span> plain`,
		"\x1b[2K\x1b]0;title\x07x":       "x",
		"\x1b[38;5;200mmany\x1b[39m":     "many",
		"a\x00b\u202ec\xff":              "a␀b\ufffdc\ufffd",
		"夜間\x1b[92mテスト":                  `夜間<span class="a-2">テスト</span>`,
	} {
		var a ansi
		if got := string(a.html(in, "")); got != want {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
	var a ansi
	if got := string(a.html("An ERROR <here>", lower("error <"))); got != "An <mark>ERROR &lt;</mark>here&gt;" {
		t.Errorf("found: %s", got)
	}
}

// Against the last pass only what is new stays, with what is around it.
func TestText_against(t *testing.T) {
	t.Parallel()

	pass := textOf(t, strings.Repeat("12:00:01 request req-1 done\n", 50))
	log := textOf(t, strings.Repeat("13:37:59 request req-9 done\n", 50)+"Timed out\n"+strings.Repeat("14:00:00 request req-77 done\n", 9))
	lines := log.against(pass)
	if len(lines) != 5 || !lines[2].New || lines[2].N != 51 || lines[0].New || lines[0].Gap != 48 {
		t.Errorf("%+v", lines)
	}
}

func TestRerun(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]string{
		"tempest.api.Test.test_a[id-1]": `tempest run --regex '^tempest\.api\.Test\.test_a'`,
		"tests/test_x.py::test_it's[a]": `pytest 'tests/test_x.py::test_it'\''s[a]'`,
		"ltp.syscalls.openat201":        `./runltp -f syscalls -s '^openat201$'`,
		"a\nb":                          "",
	} {
		if got := rerun(name, "junit"); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
