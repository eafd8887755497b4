package subunit

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/slipway-lab/slipway/server/edge/intake/subunit/subunittest"
)

// drawn is a report that a test draws up: which of its tests failed, if any, and
// the junk that stands wherever its format allows for a stranger's text.
type drawn struct {
	tests, failed int // failed is -1 when all have passed
	junk          []byte
}

func (d drawn) each(f func(i int, id string, failed bool)) {
	for i := range d.tests {
		f(i, fmt.Sprintf("suite.test_%d", i), i == d.failed)
	}
}

// lines is the junk without what would end details, as writers quote it.
func (d drawn) lines() string {
	return " " + strings.ReplaceAll(string(d.junk), "\n", "\n ") + "\n"
}

// escaped is the junk as text of XML; brackets are what even bad writers escape.
func (d drawn) escaped() string { return strings.ReplaceAll(string(d.junk), "<", "&lt;") }

func (d drawn) quoted() string {
	text, _ := json.Marshal(string(d.junk))
	return string(text)
}

// writers write a report in each format, and in each way in which it can say
// that a test failed.
var writers = map[string]func(drawn) []byte{
	"subunit-v2": func(d drawn) []byte {
		var out []byte
		name := "log"
		d.each(func(i int, id string, failed bool) {
			status := Success
			if failed {
				status = Fail
			}
			at := time.Unix(1_700_000_000+int64(i), 0)
			out = subunittest.Append(out, subunittest.Event{ID: &id, Status: uint16(Exists), Time: at})
			out = append(append(out, d.junk...), '\n')
			out = subunittest.Append(out, subunittest.Event{ID: &id, Status: uint16(InProgress), Time: at})
			out = subunittest.Append(out, subunittest.Event{ID: &id, FileName: &name, File: d.junk, MIME: "text/plain"})
			out = subunittest.Append(out, subunittest.Event{ID: &id, Status: uint16(status), Time: at})
		})
		return out
	},
	"subunit-v1": func(d drawn) []byte {
		var out bytes.Buffer
		d.each(func(_ int, id string, failed bool) {
			word := "success"
			if failed {
				word = "failure"
			}
			fmt.Fprintf(&out, "%stest: %s\n%s: %s [\n%s]\n", d.lines(), id, word, id, d.lines())
		})
		return out.Bytes()
	},
	"subunit-v1 with parts": func(d drawn) []byte {
		var out bytes.Buffer
		d.each(func(_ int, id string, failed bool) {
			word := "successful"
			if failed {
				word = "error"
			}
			fmt.Fprintf(&out, "%s\ntest: %s\n%s: %s [ multipart\nContent-Type: text/plain\nlog\n%X\r\n.%s0\r\n]\n", d.junk, id, word, id, 1+len(d.junk), d.junk)
		})
		return out.Bytes()
	},
	"subunit-v1, a class": func(d drawn) []byte {
		var out bytes.Buffer
		d.each(func(_ int, id string, failed bool) {
			if failed {
				fmt.Fprintf(&out, "error: setUpClass (%s) [\n%s]\n", id, d.lines())
				return
			}
			fmt.Fprintf(&out, "test: %s\nsuccess: %s\n", id, id)
		})
		return out.Bytes()
	},
	"junit": junitWith(`<failure message="m">`, `</failure>`, ""),
	"junit, errors without text": func(d drawn) []byte {
		d.junk = nil
		return junitWith(`<error/>`, "", "")(d)
	},
	"junit, a status": junitWith("", "", ` status="failed"`),
	"junit, a result": junitWith("", "", ` result="Error"`),
	"junit in UTF-16": func(d drawn) []byte {
		return []byte(wide("\ufeff"+string(junitWith(`<failure>`, `</failure>`, "")(d)), false))
	},
	"junit in latin-1": func(d drawn) []byte {
		return append([]byte("<?xml version='1.0' encoding='ISO-8859-1'?>"), junitWith(`<failure>`, `</failure>`, "")(d)...)
	},
	"junit, a suite": func(d drawn) []byte {
		var out strings.Builder
		out.WriteString("<testsuites>")
		d.each(func(_ int, id string, failed bool) {
			out.WriteString("<testsuite name='" + id + "'><testcase name='x'><system-out>" + d.escaped() + "</system-out></testcase>")
			if failed {
				out.WriteString("<error>" + d.escaped() + "</error>")
			}
			out.WriteString("</testsuite>")
		})
		return []byte(out.String() + "</testsuites>")
	},
	"junit, the counts": func(d drawn) []byte {
		failures := 0
		if d.failed >= 0 {
			failures, d.failed = 1, -1
		}
		return bytes.Replace(junitWith("", "", "")(d), []byte("<testsuite "), fmt.Appendf(nil, "<testsuite failures='%d' ", failures), 1)
	},
	"json, ours": func(d drawn) []byte {
		return d.json(`{"tests":[%s]}`, func(id string, failed bool) string {
			status := "success"
			if failed {
				status = "fail"
			}
			return fmt.Sprintf(`{"tags":[%s],"id":%q,"status":%q}`, d.quoted(), id, status)
		})
	},
	"json, by class": func(d drawn) []byte {
		return d.json(`{"data":{"C":[%s]}}`, func(id string, failed bool) string {
			return fmt.Sprintf(`[%q,%q,0.5,%s]`, id, passOr(failed, "FAIL"), d.quoted())
		})
	},
	"json, flat": func(d drawn) []byte {
		return d.json(`{"results":{%s}}`, func(id string, failed bool) string {
			return fmt.Sprintf(`%q:[%q,0.5,%s]`, id, passOr(failed, "ERROR"), d.quoted())
		})
	},
	"json, passes": func(d drawn) []byte { // of which a failure is no member, so it is another list
		return d.json(`{"results":[%s]}`, func(id string, failed bool) string {
			if failed {
				return fmt.Sprintf(`{"name":%q,"more":%s,"status":"failed"}`, id, d.quoted())
			}
			return fmt.Sprintf(`{"name":%q,"more":%s}`, id, d.quoted())
		})
	},
	"json, a run that failed": func(d drawn) []byte {
		success := d.failed < 0
		return d.json(fmt.Sprintf(`{"success":%v,"results":[%%s]}`, success), func(id string, _ bool) string { return fmt.Sprintf("%q", id) })
	},
}

func passOr(failed bool, word string) string {
	if failed {
		return word
	}
	return "PASS"
}

func (d drawn) json(frame string, item func(id string, failed bool) string) []byte {
	var items []string
	d.each(func(_ int, id string, failed bool) { items = append(items, item(id, failed)) })
	return fmt.Appendf(nil, frame, strings.Join(items, ","))
}

// junitWith writes reports whose failed test has a child around the junk, or
// attributes.
func junitWith(open, end, attributes string) func(drawn) []byte {
	return func(d drawn) []byte {
		var out strings.Builder
		out.WriteString("<testsuite name='s' time='NaN'>")
		d.each(func(_ int, id string, failed bool) {
			of, child := "", ""
			if failed {
				of = attributes
				if open != "" {
					child = open + d.escaped() + end
				}
			}
			if end == "" {
				child = strings.ReplaceAll(child, d.escaped(), "")
			}
			out.WriteString("<testcase classname='c' name='" + id + "'" + of + ">" + child + "<system-out>" + d.escaped() + "</system-out></testcase>\n")
		})
		return []byte(out.String() + "</testsuite>")
	}
}

func outcomeOfBytes(t testing.TB, data []byte) (Outcome, *Report) {
	t.Helper()
	var tally Tally
	report, err := Parse(bytes.NewReader(data), int64(len(data)), Limits{}, func(r *Record) error {
		tally.Add(r.ID, r.Status)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tally.Counts().Outcome(report.Format, report.DamageCount), report
}

// TestFlip draws reports in every format, flips one of their tests to failed,
// and sees that the outcome is no pass any more, whatever else stands in them.
func TestFlip(t *testing.T) {
	t.Parallel()
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if outcome, report := outcomeOfBytes(t, write(drawn{tests: 7, failed: -1})); outcome != OutcomePass {
				t.Fatalf("all have passed: %s, %+v", outcome, report)
			}
			rnd := rand.New(rand.NewPCG(1, 2))
			for range 300 {
				d := drawn{tests: 1 + rnd.IntN(9), junk: drawJunk(rnd)}
				d.failed = rnd.IntN(d.tests)
				if outcome, report := outcomeOfBytes(t, write(d)); outcome == OutcomePass || outcome == OutcomeSkip || outcome == OutcomeEmpty {
					t.Fatalf("%s of %q: %+v", outcome, write(d), report)
				}
			}
		})
	}
}

// TestCut cuts green reports of the formats that have an end anywhere before it,
// and sees that none of what is left is a pass.
func TestCut(t *testing.T) {
	t.Parallel()
	for name, write := range writers {
		if strings.HasPrefix(name, "subunit") {
			continue // which ends between any two tests
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := write(drawn{tests: 4, failed: -1, junk: []byte("a & b é")})
			for n := 1; n < len(whole); n++ {
				if outcome, report := outcomeOfBytes(t, whole[:n]); outcome == OutcomePass || outcome == OutcomeSkip {
					t.Fatalf("%s of %q: %+v", outcome, whole[:n], report)
				}
			}
		})
	}
}

// drawJunk joins pieces that mean something in one of the formats.
func drawJunk(rnd *rand.Rand) []byte {
	pieces := []string{
		"test: x\n", "success: x\n", "success: suite.test_0\n", "error: x [\n", "failure: y [ multipart\n", "]\n", " [\n", "time: never\n", "tags: a\n",
		"Content-Type: text/plain\n", "0\r\n", "\xb3", "\xb3\x29\x01\x0c", "\x1b[31m", "\x00", "\xff\xfe", "é", "\xed\xa0\x80",
		"</testcase>", "<!--", "-->", "]]>", "<![CDATA[", "&", "&#0;", "&lt;", "&x;", "'", `"`, ">", "{", "}", `{"results":["a"]}`, "\n", " ", "\\",
	}
	var out []byte
	for range rnd.IntN(6) {
		out = append(out, pieces[rnd.IntN(len(pieces))]...)
	}
	return out
}

// FuzzFlip is TestFlip with junk that the fuzzer draws.
func FuzzFlip(f *testing.F) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(drawJunk(rnd), uint8(rnd.IntN(8)))
	}
	f.Fuzz(func(t *testing.T, junk []byte, failed uint8) {
		if len(junk) > 10_000 {
			return
		}
		for name, write := range writers {
			d := drawn{tests: 8, failed: int(failed % 8), junk: junk}
			if strings.Contains(name, "latin-1") && !utf8.Valid(junk) {
				continue
			}
			if outcome, report := outcomeOfBytes(t, write(d)); outcome == OutcomePass || outcome == OutcomeSkip || outcome == OutcomeEmpty {
				t.Errorf("%s: %s of %q: %+v", name, outcome, write(d), report)
			}
		}
	})
}

// TestParse_inTime reads what would take very long if some step over it were
// made again for each byte.
func TestParse_inTime(t *testing.T) {
	t.Parallel()
	const n = 1 << 20
	start := "<testsuite name='s'>"
	for name, in := range map[string]string{
		"brackets":          start + strings.Repeat("<", n),
		"ampersands":        start + strings.Repeat("&", n),
		"entities":          start + strings.Repeat("&#00000000000000000000000000000000000001", n/40),
		"comments":          start + strings.Repeat("<!--", n/4),
		"sections":          start + strings.Repeat("<![CDATA[", n/9),
		"section ends":      start + strings.Repeat("]]>", n/3),
		"end tags":          start + strings.Repeat("</x>", n/4),
		"open cases":        start + strings.Repeat("<testcase name='a'>", n/19),
		"closed badly":      start + strings.Repeat("<testsuite><testcase></testsuite>", n/33),
		"bad tags":          start + strings.Repeat("<testcase name=x>", n/17),
		"half characters":   start + strings.Repeat("\xc3", n),
		"documents":         strings.Repeat("<testsuite/>", n/12),
		"errors":            "test: a\nsuccess: a\n" + strings.Repeat("error: x [\n", n/11),
		"errors with parts": "test: a\nsuccess: a\n" + strings.Repeat("error: x [ multipart\n", n/21),
		"errors closed":     "test: a\nsuccess: a\n" + strings.Repeat("error: x [\n]\n", n/13),
		"errors in a test":  "test: a\n" + strings.Repeat("error: x [\n", n/11) + "]\nsuccess: a\n",
		"tests in a test":   "test: a\n" + strings.Repeat("test: b\nfailure: b\n", n/19) + "success: a\n",
		"no signatures":     "\xb3\x29\x01\x0c\x03foo\x08\x55\x5f\x1b" + strings.Repeat("\n- \x80\x7f", n/5),
		"entries":           `{"results":[` + strings.Repeat(`{"name":"a"},`, n/13) + `"b"]}`,
		"members":           `{` + strings.Repeat(`"errors":[[]],`, n/14) + `"results":["b"]}`,
	} {
		began := time.Now()
		_, report := outcomeOfBytes(t, []byte(in))
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: %v for %d bytes, %d findings", name, took, len(in), report.DamageCount)
		} else if took > time.Second {
			t.Logf("%s: %v", name, took)
		}
	}
}

// wide writes text as UTF-16.
func wide(text string, bigEndian bool) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		if bigEndian {
			out = binary.BigEndian.AppendUint16(out, u)
		} else {
			out = binary.LittleEndian.AppendUint16(out, u)
		}
	}
	return string(out)
}
