package engine_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server/analysis/engine"
)

func TestParseRef(t *testing.T) {
	t.Parallel()
	const id = "1f0c3a52-7d4e-4b39-9c06-0b6a3c1d2e4f"
	for text, want := range map[string]string{
		"run:17": "run:17", "run:017": "run:17", "run:17/2": "run:17/2",
		"published:" + strings.ToUpper(id): "published:" + id,
		"group:54B9A1C2D3E4F5061728394A":   "group:54b9a1c2d3e4f5061728394a",
		"kernel:next/for-next/v6.0-rc1":    "kernel:next/for-next/v6.0-rc1",
		"kernel:next/a%2Fb/v%206 %26":      "kernel:next/a%2Fb/v%206%20%26",
		"kernel:next//v6":                  "kernel:next//v6",
		"opportunity:" + id:                "opportunity:" + id,
		"image:" + id + "/a%2Fb:c":         "image:" + id + "/a%2Fb%3Ac",
		"none":                             "none", "previous": "previous",
	} {
		r, err := engine.ParseRef(text)
		if err != nil || r.String() != want {
			t.Errorf("ParseRef(%q) = %s, %v; want %s", text, r, err, want)
		}
	}
	for _, text := range []string{
		"", "run", "run:", "run:x", "run:-1", "run:1/", "run:1/0", "run:1/2/3", "run:1234567890123456789", "published:1", "group:abc", "kernel:a/b", "kernel:/b/c",
		"kernel:a/b/", "kernel:a/b/c/d", "kernel:a/%/c", "kernel:a/%00/c", "kernel:a/%ff/c", "image:" + id, "image:" + id + "/", "image:x/y", "opportunity:", "none:",
		"previous:1", "Run:1", "set:1",
	} {
		if r, err := engine.ParseRef(text); err == nil || !strings.Contains(err.Error(), "must be") {
			t.Errorf("ParseRef(%q) = %v, %v; want an error that says what is allowed", text, r, err)
		}
	}
}

func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{"run:17/2", "kernel:a%2F/b/c", "image:1f0c3a52-7d4e-4b39-9c06-0b6a3c1d2e4f/x", "none", "kernel:%//"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := engine.ParseRef(text)
		if err != nil {
			return
		}
		again, err := engine.ParseRef(r.String())
		if err != nil || again.String() != r.String() {
			t.Errorf("%q is printed as %q, which is read as %q, %v", text, r, again, err)
		}
	})
}

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		glob    string
		yes, no []string
	}{
		{"", []string{""}, []string{"a"}},
		{"*", []string{"", "a", "a.b"}, nil},
		{"a.b", []string{"a.b"}, []string{"axb", "a.b.c", ""}},
		{"a.*", []string{"a.", "a.b"}, []string{"a", "xa.b"}},
		{"*.t?", []string{"s1.net.t0", ".tx", "a.t\u30c6"}, []string{"s1.net.t10", "t1", "a.t"}},
		{"a*b*c", []string{"abc", "a-b-c", "abbcc"}, []string{"acb", "ab", "abcd"}},
		{"a*a", []string{"aa", "aba"}, []string{"a"}},
		{"*?b?*", []string{"abc", "xxabcyy"}, []string{"bc", "ab"}},
		{"??", []string{"ab", "\u30c6\u30b9"}, []string{"a", "abc"}},
		{"[a]\\*", []string{"[a]\\", "[a]\\x"}, []string{"a\\"}},
		{"*a?c*d", []string{"zabcyd", "aacabcd"}, []string{"abcdx"}},
	} {
		g := engine.ParseGlob(tt.glob)
		for _, name := range tt.yes {
			if !g.Match(name) {
				t.Errorf("%q does not match %q", tt.glob, name)
			}
		}
		for _, name := range tt.no {
			if g.Match(name) {
				t.Errorf("%q matches %q", tt.glob, name)
			}
		}
	}
}

// A long pattern on a long name takes no time that grows with both.
func TestGlob_Linear(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("a", 1<<16)
	for _, glob := range []string{
		strings.Repeat("*a", 499) + "b", "*" + strings.Repeat("a", 990) + "b*", "*" + strings.Repeat("a?", 490) + "b*", strings.Repeat("a?*", 330) + "b",
	} {
		started := time.Now()
		if engine.ParseGlob(glob).Match(name) {
			t.Errorf("%.20q matches", glob)
		}
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("%.20q took %s", glob, took)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("*.t?", "s1.net.t0")
	f.Add("a**?b", "aab")
	f.Add("?*?", "\xff\u30c6")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if strings.ToValidUTF8(glob, "") != glob || strings.ToValidUTF8(name, "") != name || len(glob) > 200 {
			return // regexp reads what is no UTF-8 in another way
		}
		var b strings.Builder
		b.WriteString(`(?s)\A`)
		for _, r := range glob {
			switch r {
			case '*':
				b.WriteString(".*")
			case '?':
				b.WriteString(".")
			default:
				b.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		if got, want := engine.ParseGlob(glob).Match(name), regexp.MustCompile(b.String()+`\z`).MatchString(name); got != want {
			t.Errorf("%q on %q: %v, want %v", glob, name, got, want)
		}
	})
}

func TestMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"blank lines", "\n  \n\t\n", ""},
		{"the first line that is not blank", "\n  no route to host \nmore", "no route to host"},
		{"a traceback's last line", "Traceback (most recent call last):\n  File \"x.py\", line 3, in f\n    g()\nValueError: no\n", "ValueError: no"},
		{"a traceback behind a message", "setup failed\nTraceback (most recent call last):\n  File \"x.py\"\nKeyError: 'a'\n", "KeyError: 'a'"},
		{"a traceback that was cut", "Traceback (most recent call last):\n  File \"x.py\"\n    g()", "Traceback (most recent call last):"},
		{"a long line", strings.Repeat("\u30c6", 400), strings.Repeat("\u30c6", 300)},
	} {
		if got := engine.Message(tt.text); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestMessageKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, a, b string
		same       bool
	}{
		{"numbers", "timed out after 60 s", "timed out after 120.5 s", true},
		{"hexadecimal numbers", "at 0xdeadbeef in f", "at 0x1234 in f", true},
		{"digests", "blob 9f86d081884c7d65 is gone", "blob 60303ae22b998861 is gone", true},
		{"UUIDs", "server 1f0c3a52-7d4e-4b39-9c06-0b6a3c1d2e4f failed", "server 3d5a9b52-8c43-4e0c-a0c3-5a3f0c9e7b11 failed", true},
		{"addresses", "no route to 10.0.0.1:22", "no route to 192.168.100.200:8080", true},
		{"IPv6", "no route to fe80::1", "no route to 2001:db8::ff00:42:8329", true},
		{"times", "at 2026-01-02T03:04:05Z", "at 2026-12-31 23:59:59.123+01:00", true},
		{"quoted paths", "cannot open '/tmp/a b/c'", "cannot open '/var/x'", true},
		{"other words", "no route to host", "connection refused", false},
		{"quoted words", "KeyError: 'a'", "KeyError: 'zebra'", false},
	} {
		if got := engine.MessageKey(tt.a) == engine.MessageKey(tt.b); got != tt.same {
			t.Errorf("%s: %q and %q have one key: %v, want %v", tt.name, tt.a, tt.b, got, tt.same)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("Traceback (most recent call last):\n  File\nE: 1")
	f.Add("'/a\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		m := engine.Message(text)
		if strings.ContainsRune(m, '\n') || len([]rune(m)) > 300 {
			t.Errorf("%q", m)
		}
		engine.MessageKey(m)
	})
}
