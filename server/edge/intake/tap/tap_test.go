package tap_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
	"github.com/slipway-lab/slipway/server/edge/intake/report/reporttest"
	"github.com/slipway-lab/slipway/server/edge/intake/tap"
)

func TestSamples(t *testing.T) {
	t.Parallel()
	reporttest.Samples(t, tap.New(), "../testdata/*.tap")
	reporttest.Samples(t, tap.NewKernel(), "../testdata/*.ktap")
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text      string
		tap, ktap bool
	}{
		"version":             {"TAP version 13\n", true, false},
		"plan first":          {"\n# hello\n1..2\nok 1\nok 2\n", true, false},
		"plan last":           {"ok 1\nok 2\n1..2\n", true, false},
		"no plan":             {"ok 1\nok then, we begin\n", false, false},
		"a log":               {"ok it works\nand so on\n1..2\n", true, false}, // nothing tells it apart
		"prose":               {"okay\n1..2\n", false, false},
		"plan is not a plan":  {"1..2 bottles\n", false, false},
		"version in any case": {"TAP Version 13\nok 1\n1..1\n", true, false},
		"prose on a version":  {"tap version 13 is old\nok 1\n1..1\n", false, false},
		"a pragma first":      {"pragma +strict\n1..1\nok 1\n", true, false},
		"Test.pm's plan":      {"1..3 todo 3 2;\nok 1\n", true, false},
		"nothing":             {"", false, false},
		"kernel log":          {"[    0.000000] Linux version 6.1\n[    1.234567] KTAP version 1\n", false, true},
		"kernel log, caller":  {"<6>[    1.234567][    T1] KTAP version 1\n", false, true},
		"KUnit before 6.1":    {"[    0.500000] TAP version 14\n[    0.500000] 1..1\n", false, true},
		"dmesg -T":            {"[Mon Nov 30 10:00:00 2026] usb 1-1: new device\n[Mon Nov  2 10:00:00 2026] KTAP version 1\n", false, true},
		"dmesg -x":            {"kern  :info  : [    1.234567] KTAP version 1\n", false, true},
		"dmesg, ISO times":    {"2026-11-30T10:00:00,123456+00:00 KTAP version 1\n", false, true},
		"journal":             {"Nov 30 10:00:00 board kernel: KTAP version 1\n", false, true},
		"journal, ISO times":  {"2026-11-30T10:00:00+0000 board kernel: [    1.234567] KTAP version 1\n", false, true},
		"prose about KTAP":    {"Our KTAP version 1\n", false, false},
		"kselftest":           {"TAP version 13\n1..1\n# selftests: net: tls\n", true, true},
		"long, plan unseen":   {strings.Repeat("ok 1 a\n", 20000), true, false},
		"long log without it": {"ok\n" + strings.Repeat("some line\n", 20000), false, false},
	} {
		prefix := []byte(test.text)[:min(len(test.text), report.PrefixBytes)]
		isTAP, isKTAP := tap.New().Detect(prefix), tap.NewKernel().Detect(prefix)
		if (isTAP > report.No) != test.tap || (isKTAP > report.No) != test.ktap {
			t.Errorf("%s: TAP %d, KTAP %d; want %v, %v", name, isTAP, isKTAP, test.tap, test.ktap)
		}
		if test.ktap && isKTAP <= isTAP {
			t.Errorf("%s: TAP (%d) is as sure as KTAP (%d)", name, isTAP, isKTAP)
		}
	}
}

// TestProbe: KTAP may begin late, behind what a kernel says or what make does.
func TestProbe(t *testing.T) {
	t.Parallel()

	log := strings.Repeat("[    0.100000] usb 1-1: new high-speed USB device number 2\n", 2000)
	for name, test := range map[string]struct {
		text string
		want bool
	}{
		"a kernel's log":   {log + "[    9.000000] KTAP version 1\n", true},
		"before 6.1":       {log + "[    9.000000] TAP version 14\n", true},
		"make":             {strings.Repeat("gcc -O2 -c tls.c\n", 5000) + "TAP version 13\n1..1\n# selftests: net: tls\n", true},
		"a log without it": {log, false},
		"JSON":             {`[` + strings.Repeat("1,\n", 30000) + "\n# selftests: net: tls\n1]", false},
		"XML":              {"<testsuite>" + strings.Repeat("<testcase name='a'/>\n", 4000) + "\nKTAP version 1\n", false},
		"TAP":              {"TAP version 13\n" + strings.Repeat("ok\n", 30000) + "\n# selftests: net: tls\n", false},
		"binary":           {"\x00" + log + "KTAP version 1\n", false},
	} {
		in := report.Input{ReaderAt: strings.NewReader(test.text), Size: int64(len(test.text))}
		got, err := tap.NewKernel().(report.Prober).Probe(in)
		if err != nil || (got > report.No) != test.want {
			t.Errorf("%s: %d, error %v, want %t", name, got, err, test.want)
		}
		if got, err := tap.New().(report.Prober).Probe(in); got != report.No || err != nil {
			t.Errorf("%s: TAP itself says %d, error %v", name, got, err)
		}
	}
}

// story is a report and what it says: tests as "id=status", damage by kind.
type story struct {
	text    string
	tests   string
	damage  string
	outcome report.Outcome
}

func check(t *testing.T, reader report.Reader, stories map[string]story) {
	t.Helper()
	for name, s := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := reporttest.Read(t, reader, name, []byte(s.text))
			var tests, damage []string
			for _, test := range res.Tests {
				tests = append(tests, test.ID+"="+test.Status.String())
			}
			for _, d := range res.Report.Damage {
				damage = append(damage, string(d.Kind))
			}
			if got := strings.Join(tests, "; "); got != s.tests {
				t.Errorf("tests %q, want %q", got, s.tests)
			}
			if got := strings.Join(damage, " "); got != s.damage {
				t.Errorf("damage %q, want %q: %v", got, s.damage, res.Report.Damage)
			}
			if got := res.Outcome(); got != s.outcome {
				t.Errorf("outcome %s, want %s", got, s.outcome)
			}
		})
	}
}

func TestTAP(t *testing.T) {
	t.Parallel()
	check(t, tap.New(), map[string]story{
		"all words":         {"1..6\nok 1 - a\nnot ok 2 - b\nok 3 c # SKIP why\nnot ok 4 d # skip\nnot ok 5 e # TODO\nok 6 f # todo later\n", "a=success; b=fail; c=skip; d=skip; e=xfail; f=success", "", "fail"},
		"names":             {"1..5\nok 1 - a \\# b\nok 2 c \\\\# skip\nok 3 d # other\nok\nok - - f\n", "a # b=success; c \\# skip=success; d # other=success; test 4=success; - f=success", "", "pass"},
		"a skipped word":    {"1..2\nok 1 a # skipped: no arm\nnot ok 2 b # skipping is wrong\n", "a=skip; b # skipping is wrong=fail", "", "fail"},
		"an escaped mark":   {"1..1\nnot ok 1 a \\# SKIP b\n", "a # SKIP b=fail", "", "fail"},
		"twice":             {"1..4\nok 1 a\nok 2 a (2)\nok 3 a\nnot ok 4 a\n", "a=success; a (2)=success; a (3)=success; a (4)=fail", "", "fail"},
		"time":              {"1..1\nok 1 a # time=12.5ms\n", "a=success", "", "pass"},
		"too few":           {"1..3\nok 1 a\nok 2 b\n", "a=success; b=success", "plan", "incomplete"},
		"too many":          {"1..1\nok 1 a\nok 2 b\n", "a=success; b=success", "plan", "incomplete"},
		"one twice":         {"1..3\nok 1 a\nok 2 b\nok 2 c\n", "a=success; b=success; c=success", "plan", "incomplete"},
		"another order":     {"1..3\nok 3 a\nok 1 b\nok 2 c\n", "a=success; b=success; c=success", "", "pass"},
		"no plan":           {"TAP version 13\nok 1 a\n", "a=success", "plan", "incomplete"},
		"only a version":    {"TAP version 14\n", "", "plan", "error"},
		"skip all":          {"1..0 # SKIP no board\n", "", "", "empty"},
		"bail out":          {"1..1\nok 1 a\nBail out! smoke\n", "a=success", "aborted", "incomplete"},
		"put together":      {"1..1\nok 1 a\n1..2\nok 1 b\nok 2 a\n", "a=success; b=success; a (2)=success", "", "pass"},
		"put together last": {"ok 1 a\n1..1\nok 1 b\nok 2 a\n1..2\n", "a=success; b=success; a (2)=success", "", "pass"},
		"with versions":     {"TAP version 13\n1..1\nok 1 a\nTAP version 13\n1..2\nok 1 b\n", "a=success; b=success", "plan", "incomplete"},
		"children":          {"1..1\n    1..2\n    ok 1 a\n    not ok 2 b\nnot ok 1 top\n", "top > a=success; top > b=fail", "", "fail"},
		"red parent":        {"1..1\n    1..1\n    ok 1 a\nnot ok 1 top\n", "top > a=success; top=fail", "", "fail"},
		"two deep":          {"1..1\n  1..1\n    ok 1 a\n    1..1\n  ok 1 mid\nok 1 top\n", "top > mid > a=success", "", "pass"},
		"same parents":      {"1..2\n    ok 1 a\nok 1 top\n    not ok 1 a\nnot ok 2 top\n", "top > a=success; top (2) > a=fail", "", "fail"},
		"no parent":         {"# Subtest: top\n    ok 1 a\n    1..1\n", "top > a=success", "unclosed plan", "incomplete"},
		"child plan":        {"1..1\n    1..2\n    ok 1 a\nok 1 top\n", "top > a=success", "plan", "incomplete"},
		"jumped":            {"1..1\n        ok 1 a\n    # x\n    ok 1 b\nok 1 top\n", "top > b > a=success", "", "pass"},
		"orphan inside":     {"1..1\n    ok 1 b\n        not ok 1 a\nok 1 top\n", "top > b=success; top > test 0 > a=fail", "unclosed", "fail"},
		"a whole skip":      {"1..1\n    1..0 # SKIP no joint\nok 1 top\n", "top=skip", "", "skip"},
		"red is no skip":    {"1..1\n    1..0 # SKIP no joint\nnot ok 1 top\n", "top=fail", "", "fail"},
		"block":             {"1..2\nok 1 a\n  ---\n  not ok 7 no\n  ...\nok 2 b\n", "a=success; b=success", "", "pass"},
		"open block":        {"1..2\nok 1 a\n  ---\n  x: y\nnot ok 2 b\n", "a=success; b=fail", "malformed", "fail"},
		"cut block":         {"1..1\nok 1 a\n  ---\n  x: y\n", "a=success", "truncated", "incomplete"},
		"cut point":         {"1..1\nok 1 a", "a=success", "truncated", "incomplete"},
		"braces":            {"1..3\nok 1 - s {\n    ok 1 - a\n    not ok 2 - b {\n        1..1\n        ok 1 - c\n    }\n    1..2\n}\n\nok 2 - t # SKIP no {\n    1..0\n}\nnot ok 3 - u { # time=2ms\n    ok 1 - d\n    1..1\n}\n", "s > a=success; s > b > c=success; s > b=fail; t=skip; u > d=success; u=fail", "", "fail"},
		"braces behind":     {"1..2\nok 1 - s # time=4ms\n  ---\n  x: y\n  ...\n{\n    ok 1 - a\n    1..1\n}\nok 2 - s {\n}\n", "s > a=success; s (2)=success", "", "pass"},
		"braces, cut":       {"1..1\nok 1 - s {\n    ok 1 - a\n", "s {=success; test 0 > a=success", "unclosed", "incomplete"},
		"a brace, cut":      {"1..1\nok 1 - s # time=5ms {\n  ", "s=success", "unclosed", "incomplete"},
		"braces, all cut":   {"1..1\nok 1 - s\n{\n", "s=success", "unclosed", "incomplete"},
		"a brace, joined":   {"1..1\nok 1 - s {\nTAP version 14\n1..1\nok 1 - t\n", "s=success; t=success", "unclosed", "incomplete"},
		"a brace at an end": {"ok 1 - s {\n1..1\n", "s {=success", "", "pass"},
		"a brace is a name": {"1..2\nok 1 - s {\n    ok 1 - a\n    1..1\nok 2 - t\n}\n", "s {=success; t > a=success", "", "pass"},
		"tabs":              {"1..1\n\t1..1\n\t\t1..1\n\t    not ok 1 - a\n\tok 1 - s\nok 1 - t\n", "t > s > a=fail", "", "fail"},
		"colours":           {"\x1b[1;32mok 1\x1b[0m - a \x1b[K\n    \x1b[31mnot ok 1 - b\x1b[0m\n\x1b[2K\x1b[?25hnot ok 2 - c\x1b[0m\n1..2\n", "a=success; c > b=fail", "", "fail"},
		"number zero":       {"1..3\nok 1 a\nok 0 b\nok 3 c\n", "a=success; b=success; c=success", "plan", "incomplete"},
		"not before":        {"1..3\nnot \nok 1 a\nok 2 b\n  not\n  ok 3 c\nok 3 d\n", "a=fail; b=success; d > c=fail", "", "fail"},
		"not, and no point": {"1..1\nnot\nmuch\nok 1 a\n", "a=success", "", "pass"},
		"version, any case": {"tap  version 13\n1..1\nok 1 a\nTap Version 14\n1..1\nnot ok 1 b\n", "a=success; b=fail", "", "fail"},
		"Test.pm's todo":    {"1..4 todo 4 2;\nnot ok 1 a\nnot ok 2 b\nok 3 c\nok 4 d\n", "a=fail; b=xfail; c=success; d=success", "", "fail"},
		"todo, with notes":  {"1..2 todo 1; # x\nnot ok\nok\n", "test 1=xfail; test 2=success", "", "pass"},
		"plan, other words": {"TAP version 13\n1..1 todo x\nok 1 a\n", "a=success", "plan", "incomplete"},
		"kernel's totals":   {"TAP version 13\n1..1\nok 1 a\n# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:2\n", "a=success", "verdict", "incomplete"},
		"good totals":       {"TAP version 13\n1..1\nok 1 a\n# PASSED: 1 / 1 tests passed.\n# Totals: pass:10 fail:0 xfail:1 xpass:0 skip:0 error:0\n", "a=success", "", "pass"},
		"kernel's harness":  {"TAP version 13\n1..1\nok 1 a\n# FAILED: 0 / 1 tests passed.\n", "a=success", "verdict", "incomplete"},
		"windows":           {"1..1\r\nok 1 a\r\n", "a=success", "", "pass"},
	})
}

func TestKTAP(t *testing.T) {
	t.Parallel()
	check(t, tap.NewKernel(), map[string]story{
		"words":       {"KTAP version 1\n1..5\nok 1 a # SKIP x\nnot ok 2 b # TIMEOUT 45 seconds\nok 3 c # ERROR y\nok 4 d # XFAIL\nok 5 e # exit=0\n", "a=skip; b=fail; c=fail; d=xfail; e=success", "", "fail"},
		"a number":    {"KTAP version 1\n1..1\nok 1 case #1 # time=1s\n", "case #1=success", "", "pass"},
		"log":         {"[    0.1] x\n[    1.100000] KTAP version 1\n[    1.200000] 1..1\n[    1.300000] usb 1-1: new\n[    1.400000] ok 1 a\n", "a=success", "", "pass"},
		"dmesg -T":    {"[Mon Nov 30 10:00:00 2026] x\n[Mon Nov 30 10:00:01 2026] KTAP version 1\n[Mon Nov 30 10:00:01 2026] 1..1\n[Mon Nov 30 10:00:01 2026]     # Subtest: s\n[Mon Nov 30 10:00:01 2026]     1..1\n[Mon Nov 30 10:00:01 2026]     not ok 1 a\n[Mon Nov 30 10:00:01 2026] not ok 1 s\n", "s.a=fail", "", "fail"},
		"dmesg -x":    {"kern  :info  : [    1.1] KTAP version 1\nkern  :info  : [    1.1] 1..1\nuser  :notice: [    1.2] hello\nkern  :warn  : [    1.3] not ok 1 a\n", "a=fail", "", "fail"},
		"journal":     {"Nov 30 10:00:00 board kernel: KTAP version 1\nNov 30 10:00:00 board kernel: 1..2\nNov 30 10:00:00 board kernel: ok 1 a\nNov  1 10:00:00 board kernel: not ok 2 b\n", "a=success; b=fail", "", "fail"},
		"ISO times":   {"2026-11-30T10:00:00,123456+00:00 KTAP version 1\n2026-11-30T10:00:00,123456+00:00 1..1\n2026-11-30T10:00:00,123457+00:00 not ok 1 a\n", "a=fail", "", "fail"},
		"before 6.1":  {"[    0.5] TAP version 14\n[    0.5] 1..1\n[    0.5]     # Subtest: sysctl\n[    0.5]     1..2\n[    0.6]     # a: EXPECTATION FAILED at x.c:4\n[    0.6]     not ok 1 - a\n[    0.6]     ok 2 - b\n[    0.7] not ok 1 - sysctl\n", "sysctl.a=fail; sysctl.b=success", "", "fail"},
		"never ended": {"KTAP version 1\n1..2\n    KTAP version 1\n    # Subtest: netdev\n    1..2\n    ok 1 probe\n", "netdev.probe=success", "plan unclosed plan", "incomplete"},
		"no cases":    {"KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: netdev\n    1..0\nnot ok 1 netdev\n", "netdev=fail", "", "fail"},
		"two reports": {"KTAP version 1\n1..1\nok 1 a\nKTAP version 1\n1..1\nnot ok 1 b\n", "a=success; b=fail", "", "fail"},
		"kselftest":   {"TAP version 13\n1..1\n# selftests: net: tls\n# # ok 1 deep\n# ok 1 x\nok 1 selftests: net: tls\n", "selftests: net: tls.x.deep=success", "", "pass"},
	})
}

// TestFlip turns each point that passed into one that failed.
func TestFlip(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"perl_good.tap", "node_allgood.tap"} {
		data, err := os.ReadFile(filepath.Join("../testdata", path))
		if err != nil {
			t.Fatal(err)
		}
		if got := reporttest.Read(t, tap.New(), path, data).Outcome(); got != report.OutcomePass {
			t.Fatalf("%s is %s before anything is flipped", path, got)
		}
		for _, at := range regexp.MustCompile(`(?m)^ *(ok)`).FindAllSubmatchIndex(data, -1) {
			flipped := append(append(bytes.Clone(data[:at[2]]), "not "...), data[at[2]:]...)
			if got := reporttest.Read(t, tap.New(), path, flipped).Outcome(); got != report.OutcomeFail {
				t.Errorf("%s with a failure at byte %d is %s, want %s", path, at[2], got, report.OutcomeFail)
			}
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"tap14_spec.tap", "node_arm.tap", "perl_good.tap"} {
		data, err := os.ReadFile(filepath.Join("../testdata", path))
		if err != nil {
			t.Fatal(err)
		}
		reporttest.Cut(t, tap.New(), data, 0)
	}
	allgood, err := os.ReadFile("../testdata/node_allgood.tap")
	if err != nil {
		t.Fatal(err)
	}
	planned := bytes.LastIndex(allgood, []byte("\n1..1\n")) + len("\n1..1\n")
	reporttest.Cut(t, tap.New(), allgood, len(bytes.TrimSpace(allgood))-planned+1) // comments follow the plan
	reporttest.Cut(t, tap.New(), []byte("1..2\nok 1 a\nok 2 b\n"), 0)
	reporttest.Cut(t, tap.New(), []byte("TAP version 14\n1..1\n    1..2\n    ok 1 a\n    ok 2 b # SKIP no\nok 1 top\n"), 0)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		lim  report.Limits
		kind report.Kind
	}{
		"tests":   {"1..9\n" + strings.Repeat("ok\n", 9), report.Limits{Tests: 3}, report.KindTruncated},
		"ids":     {"1..1\n" + strings.Repeat("    ok\n", 9) + "ok 1 " + strings.Repeat("x", 1000) + "\n", report.Limits{IDTotal: 4000}, report.KindTruncated},
		"an id":   {"1..1\nok 1 " + strings.Repeat("x", 70_000) + "\n", report.Limits{}, report.KindContent},
		"memory":  {strings.Repeat("    ok\n", 1000) + "ok\n1..1\n", report.Limits{OpenBytes: 10_000}, report.KindTruncated},
		"depth":   {deep(100), report.Limits{}, report.KindMalformed},
		"no text": {"1..1\nok 1 \xff\xfe\n", report.Limits{}, report.KindContent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := reporttest.ReadLimited(t, tap.New(), name, []byte(test.text), test.lim)
			if len(res.Report.Damage) == 0 || res.Report.Damage[0].Kind != test.kind {
				t.Errorf("damage %v, want %s", res.Report.Damage, test.kind)
			}
			if got := res.Outcome(); got == report.OutcomePass {
				t.Errorf("the outcome is %s", got)
			}
		})
	}
}

func deep(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%*sok 1 - x\n", 2*i, "")
	}
	return text.String()
}

func FuzzRead(f *testing.F) {
	for _, glob := range []string{"../testdata/*.tap", "../testdata/*.ktap"} {
		paths, _ := filepath.Glob(glob)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte("    ok\n  not ok 99999999999999999999\n1..99999999999999999999 # SKIP\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, reader := range []report.Reader{tap.New(), tap.NewKernel()} {
			reader.Detect(data[:min(len(data), report.PrefixBytes)])
			res := reporttest.Read(t, reader, "fuzz", data)
			red := regexp.MustCompile(`(?m)^not ok\b[^#\\]*$`).Match(data)
			if red && !bytes.Contains(data, []byte("---")) && res.Outcome() == report.OutcomePass {
				t.Errorf("a failed point and the outcome is %s", res.Outcome())
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	sample, err := os.ReadFile("../testdata/node_arm.tap")
	if err != nil {
		b.Fatal(err)
	}
	var plain bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&plain, "ok %d - the arm moves to place %d\n", i+1, i)
	}
	plain.WriteString("1..100000\n")
	for name, data := range map[string][]byte{"node": bytes.Repeat(sample, 200), "points": plain.Bytes()} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				s := report.NewSink(report.Limits{}, func(*report.Record) error { return nil })
				if err := tap.New().Read(b.Context(), report.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
