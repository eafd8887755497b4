package frame_test

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

func plain(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }

func TestNumbers(t *testing.T) {
	t.Parallel()

	ten := int64(10)
	for _, tt := range []struct{ got, want string }{
		{frame.Number(12408), "12 408"}, {frame.Number(int32(999)), "999"}, {frame.Number(-1234567), "−1 234 567"}, {frame.Number(&ten), "10"},
		{frame.Number((*int64)(nil)), "–"}, {frame.Number(nullable.NewNullNullable[int64]()), "–"}, {frame.Number(nullable.NewNullableWithValue(int64(1000))), "1 000"},
		{frame.Count(1, "test"), "1 test"}, {frame.Count(0, "test"), "0 tests"}, {frame.Count(2, "opportunity"), "2 opportunities"}, {frame.Count(2, "key"), "2 keys"}, {frame.Count(2, "pass"), "2 passes"},
		{frame.Duration(0.0), "0.0 s"}, {frame.Duration(0.0321), "32 ms"}, {frame.Duration(4.84), "4.8 s"}, {frame.Duration(59.96), "1 min 00 s"}, {frame.Duration(201.2), "3 min 21 s"},
		{frame.Duration(97 * time.Minute), "1 h 37 min"}, {frame.Duration(52 * time.Hour), "2 d 4 h"}, {frame.Duration(-2.0), "−2.0 s"}, {frame.Duration(nil), "–"}, {frame.Duration("x"), "–"},
		{frame.Duration(nullable.NewNullableWithValue(1.0)), "1.0 s"}, {frame.Duration(nullable.NewNullNullable[float64]()), "–"},
		{frame.Size(812), "812 B"}, {frame.Size(2_100_000), "2.1 MB"}, {frame.Size(999_999), "1.0 MB"}, {frame.Size(int64(104_857_600)), "105 MB"},
		{frame.Share(1999, 2000), "99.9 %"}, {frame.Share(999_999, 1_000_000), "99.9 %"}, {frame.Share(1, 1_000_000), "0.1 %"}, {frame.Share(5, 5), "100 %"}, {frame.Share(0, 5), "0 %"}, {frame.Share(0, 0), "–"},
	} {
		if got := plain(tt.got); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestWhen(t *testing.T) {
	t.Parallel()

	at := time.Date(2026, 11, 30, 1, 52, 11, 7, time.FixedZone("x", 3600))
	const want = `<time datetime="2026-11-30T00:52:11Z">2026-11-30 00:52</time>`
	for _, value := range []any{at, &at, nullable.NewNullableWithValue(at), "2026-11-30T00:52:11.500000+00:00"} {
		if got := string(frame.When(value)); got != want {
			t.Errorf("%v: %s, want %s", value, got, want)
		}
	}
	for _, value := range []any{time.Time{}, nil, (*time.Time)(nil), nullable.NewNullNullable[time.Time](), "soon", 5} {
		if got := string(frame.When(value)); got != "–" {
			t.Errorf("%v: %s, want a dash", value, got)
		}
	}
}

// Long names break where a reader would break them, and are text whatever is in them.
func TestBreaking(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]template.HTML{
		"a.b_c": "a.<wbr>b_<wbr>c", "end.": "end.", "日本.語": "日本.<wbr>語", "<b>.x": "&lt;b&gt;.<wbr>x", "": "", "plain": "plain", "a[id-1]": "a[<wbr>id-<wbr>1]",
	} {
		if got := frame.Breaking(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func FuzzBreaking(f *testing.F) {
	f.Add("tempest.api.x[id-1]")
	f.Add("<script>.\"'")
	f.Add("\xff.\xfe")
	f.Fuzz(func(t *testing.T, name string) {
		text := strings.ReplaceAll(string(frame.Breaking(name)), "<wbr>", "")
		if strings.ContainsAny(text, `<>"'`) {
			t.Errorf("%q becomes %q", name, text)
		}
		group, leaf, attrs := frame.SplitName(name)
		if whole := group + leaf + attrs; len(whole) > len(name) {
			t.Errorf("%q is split into more than itself: %q %q %q", name, group, leaf, attrs)
		}
		if name != "" && leaf == "" {
			t.Errorf("%q has no name of its own", name)
		}
	})
}

func TestSplitName(t *testing.T) {
	t.Parallel()

	for name, want := range map[string][3]string{
		"a.b.C.test_d[id-1,smoke]": {"a.b.C", "test_d", "[id-1,smoke]"}, "test": {"", "test", ""}, "tests/x.py::C::test_a[1.5]": {"tests/x.py::C", "test_a", "[1.5]"},
		"a.b (c.D)": {"a", "b ", "(c.D)"}, "": {"", "", ""}, "[odd]": {"", "[odd]", ""}, "ends.": {"", "ends.", ""}, "日本.語": {"日本", "語", ""},
	} {
		group, leaf, attrs := frame.SplitName(name)
		if got := [3]string{group, leaf, attrs}; got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// A word that is none of ours is unknown, and never a pass.
func TestOutcome(t *testing.T) {
	t.Parallel()

	for word, want := range map[any]string{"pass": "pass", "FAIL": "fail", "error": "error", "skip": "skip", "running": "running", "green": "unknown", nil: "unknown", 7: "unknown"} {
		html := string(frame.Outcome(word))
		if !strings.Contains(html, `href="#i-`+want+`"`) || !strings.HasSuffix(html, " "+want+"</span>") {
			t.Errorf("%v: %s, want %s", word, html, want)
		}
	}
}

func TestSetPage(t *testing.T) {
	t.Parallel()

	for ref, want := range map[string]string{
		"run:17": "/ui/runs/17", "run:17/2": "/ui/runs/17?attempt=2", "kernel:mainline/master%2Fx/v6.1": "/ui/kernels/mainline/v6.1?branch=master%2Fx",
		"opportunity:3d5a": "/ui/opportunities/3d5a", "image:1f0c/pc%3F": "/ui/products/1f0c?image=pc%3F", "published:1": "/ui/compare?base=none&head=published:1",
		"javascript:alert(1)": "/ui/compare?base=none&head=javascript:alert%281%29", "": "/ui/compare?base=none&head=",
	} {
		if got := frame.SetPage(ref); got != want {
			t.Errorf("%q: %s, want %s", ref, got, want)
		}
	}
	if got := frame.TestPage("run:17/2", "a.b[x y]&c"); got != "/ui/tests?name=a.b%5Bx+y%5D%26c&set=run:17%2F2" {
		t.Errorf("%s", got)
	}
	if got := fmt.Sprint(frame.SetName("run:17/2"), "|", frame.SetName("kernel:a/b%2Fc/d")); got != "run 17/2|kernel a/b/c/d" {
		t.Errorf("%s", got)
	}
}

// What a known issue asks of a message holds for the next failure too.
func TestIssuePage(t *testing.T) {
	t.Parallel()

	for message, want := range map[string]string{
		"Timed out waiting for server to become VERIFY_RESIZE (196 s)":          "Timed out waiting for server to become VERIFY_RESIZE",
		"SSHTimeout: Connection to 172.24.5.88 via SSH timed out. User: cirros": "via SSH timed out. User: cirros",
		"boom": "boom", "": "", "409": "409", "no route to host": "no route to host", "a 1 b 2 c": "a 1 b 2 c",
		"two  words\tand more 7": "two  words\tand more", "NotFound: Floating IP 172.24.5.113 not found": "NotFound: Floating IP", "日本語のメッセージです 12": "日本語のメッセージです",
	} {
		u, err := url.Parse(frame.IssuePage("a.b", message, "/ui/runs/7"))
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if got := q.Get("message"); got != want || !strings.Contains(message, got) {
			t.Errorf("of %q: %q, want %q", message, got, want)
		}
		if u.Path != "/ui/issues" || u.Fragment != "edit" || q.Get("name") != "a.b" || q.Get("back") != "/ui/runs/7" {
			t.Errorf("of %q: %s", message, u)
		}
	}
}
