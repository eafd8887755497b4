package subunit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// described writes records with their tags and attachments for comparison.
func described(t *testing.T, in []byte, records []Record) []string {
	t.Helper()
	var out []string
	for i, s := range brief(records) {
		for _, tag := range records[i].Tags {
			s += " #" + tag
		}
		for _, a := range records[i].Attachments {
			s += fmt.Sprintf(" %s(%s)=%q", a.Name, a.MIME, content(t, in, a))
		}
		out = append(out, s)
	}
	return out
}

func kinds(damage []Damage) []Kind {
	var out []Kind
	for _, d := range damage {
		out = append(out, d.Kind)
	}
	return out
}

// TestParse_v1 checks the grammar of v1 lines.
func TestParse_v1(t *testing.T) {
	t.Parallel()
	const trace = " traceback(text/x-traceback;charset=utf8)="
	part := func(name, chunks string) string {
		return "Content-Type: text/plain;charset=utf8\n" + name + "\n" + chunks
	}
	tests := []struct {
		name   string
		in     string
		want   []string
		damage []Kind
		noise  int64
	}{
		{"all words", "test: a\nsuccess: a\ntesting b\nsuccessful b\ntest c\nfailure c\ntest: d\nerror: d\ntest: e\nskip: e\ntest: f\nxfail: f\ntest: g\nuxsuccess: g\n",
			[]string{"a success", "b success", "c fail", "d fail", "e skip", "f xfail", "g uxsuccess"}, nil, 0},
		{"many colons and a tab", "test::: a\nsuccess:\ta\n", []string{"a success"}, nil, 0},
		{"labels keep their blanks", "test:  a b \nsuccess: a b \nsuccess:  a b \n", []string{" a b  success"}, nil, 14},
		{"a word of its own is no directive", "test: a\nsuccess\n success: a\nSuccess: a\nsuccess: a\n", []string{"a success"}, nil, 31},
		{"an empty label needs its colon", "test \ntest: \nsuccess \nsuccess: \n", []string{" success"}, nil, 15},
		{"an outcome of another test", "test: a\nsuccess: aa\nsuccess: b\nfailure: a\n", []string{"a fail"}, nil, 23},
		{"a label that ends like details", "test: a [\nsuccess: a [\n", []string{"a [ success"}, nil, 0},
		{"no line feed at the end", "test: a\nfailure: a [\nwhy\n]", []string{"a fail" + trace + `"why\n"`}, nil, 0},
		{"cut inside a label", "test: a\nfailure: ", []string{"a fail…"}, []Kind{KindV1Truncated}, 9},
		{"carriage returns belong to the label", "test: a\r\nsuccess: a\r\n", []string{"a\r success"}, nil, 0},

		{"tags of the run and of a test", "tags: x w-1\ntest: a\ntags: y -x\nsuccess: a\ntest: b\nsuccess: b\ntags: -w-1\ntest: c\nsuccess: c\n",
			[]string{"a success #w-1 #y", "b success #w-1 #x", "c success #x"}, nil, 0},
		{"taking away wins", "tags: a -a b\ntest: t\nsuccess: t\n", []string{"t success #b"}, nil, 0},
		{"tags inside details are text", "test: t\nfailure: t [\ntags: no\n]\n", []string{"t fail" + trace + `"tags: no\n"`}, nil, 0},
		{"a bad tag", "tags: caf\xe9\ntest: t\nsuccess: t\n", []string{"t success #caf\ufffd"}, []Kind{KindV1Label}, 0},

		{"progress", "progress: +4\nprogress: -1\nprogress: 3\nprogress: push\nprogress: pop\nprogress: 99999999999999999999\ntest: a\nsuccess: a\nprogress: ++1\n",
			[]string{"a success"}, []Kind{KindV1Progress}, 0},
		{"NUL in a label", "test: a\x00b\nsuccess: a\x00b\n", []string{"a\ufffdb success"}, []Kind{KindV1Label}, 0},

		{"simple details by outcome", "test: a\nskip: a [\nwhy\n]\ntest: b\nsuccess: b [\nnote\n]\ntest: c\nxfail: c [\nbug\n]\n",
			[]string{`a skip reason(text/plain)="why\n"`, `b success message(text/plain)="note\n"`, "c xfail" + trace + `"bug\n"`}, nil, 0},
		{"quoted brackets", "test: a\nerror: a [\n ] one\n  ] two\n ]\n]x\n]\n", []string{"a fail" + trace + `"] one\n  ] two\n]\n]x\n"`}, nil, 0},
		{"empty details", "test: a\nerror: a [\n]\n", []string{"a fail"}, nil, 0},
		{"details are cut", "test: a\nsuccess: a [\nhalf", []string{`a fail… message(text/plain)="half"`}, []Kind{KindV1Truncated}, 0},

		{"multipart", "test: a\nerror: a [ multipart\n" + part("log", "3\r\nabc2\r\n]\n0\r\n") + part("e", "0\r\n") + part("x", "A\r\n0123456789000\r\n") + "]\n",
			[]string{`a fail log(text/plain;charset=utf8)="abc]\n" x(text/plain;charset=utf8)="0123456789"`}, nil, 0},
		{"multipart without parts", "test: a\nsuccess: a [ multipart\n]\n", []string{"a success"}, nil, 0},
		{"the last of one name wins", "test: a\nerror: a [ multipart\n" + part("log", "1\r\nx0\r\n") + part("log", "1\r\ny0\r\n") + "]\n",
			[]string{`a fail log(text/plain;charset=utf8)="y"`}, nil, 0},
		{"no Content-Type", "test: a\nsuccess: a [ multipart\ntest: b\nsuccess: b\n", []string{"a success", "b success"}, []Kind{KindV1Details}, 0},
		{"a bad chunk keeps what was before", "test: a\nxfail: a [ multipart\n" + part("log", "1\r\nx2\nyy0\r\n") + "]\ntest: b\nsuccess: b\n",
			[]string{`a xfail log(text/plain;charset=utf8)="x"`, "b success"}, []Kind{KindV1Details}, 9},
		{"a chunk is cut", "test: a\nsuccess: a [ multipart\n" + part("log", "F\r\ntest: b\n"), []string{`a fail… log(text/plain;charset=utf8)="test: b\n"`}, []Kind{KindTruncated}, 0},
		{"the size of a chunk is cut", "test: a\nsuccess: a [ multipart\n" + part("log", "F"), []string{"a fail…"}, []Kind{KindTruncated}, 0},
		{"a chunk of 4 GiB", "test: a\nsuccess: a [ multipart\n" + part("log", "FFFFFFFF\r\nx\n]\ntest: b\nsuccess: b\n"), []string{"a fail…", "b success"}, []Kind{KindTruncated}, 14},
		{"a part's name is cut", "test: a\nsuccess: a [ multipart\nContent-Type: text/plain\nlo", []string{"a fail…"}, []Kind{KindV1Truncated}, 0},
		{"a name that is not UTF-8", "test: a\nsuccess: a [ multipart\n" + part("l\xf6g", "1\r\nx0\r\n") + "]\n",
			[]string{"a success l\ufffdg(text/plain;charset=utf8)=\"x\""}, []Kind{KindV1Details}, 0},
		{"a class whose set-up failed", "time: 2026-11-30 00:44:00Z\ntags: w-0\nerror: setUpClass (m.Net) [\nOSError\n]\ntest: a\nsuccess: a\nfailure: tearDownClass (m.Usb) [ multipart\n" + part("traceback", "2\r\nno0\r\n") + "]\n",
			[]string{"setUpClass (m.Net) fail #w-0" + trace + `"OSError\n"`, "a success #w-0", `tearDownClass (m.Usb) fail #w-0 traceback(text/plain;charset=utf8)="no"`}, nil, 0},
		{"nothing but an import that failed", "error: unittest.loader._FailedTest.net [\nImportError\n]\n", []string{"unittest.loader._FailedTest.net fail" + trace + `"ImportError\n"`}, nil, 0},
		{"nothing but a class with parts", "failure: setUpClass (m.Net) [ multipart\n" + part("x", "0\r\n") + "]\n", []string{"setUpClass (m.Net) fail"}, nil, 0},
		{"bare errors are noise", "error: no such file\ntest: a\nerror: in a test\nsuccess: a\nfailure: [\nerror:  [\n", []string{"a success"}, nil, 58},
		{"a suite that failed behind its good tests", "testsuite: s\ntest: a\nsuccess: a\ntestsuite-failure: s [\nexit code 1\n]\n", []string{"a success"}, []Kind{"verdict"}, 50},
		{"a suite that failed with a test", "test: a\nfailure: a\ntestsuite-error: s\n", []string{"a fail"}, nil, 19},
		{"suites that did not fail, or in a test", "testsuite-success: s\ntest: a\ntestsuite-failure: s\nsuccess: a\ntestsuite-xfail: s\n", []string{"a success"}, nil, 61},
		{"a class whose set-up failed, with carriage returns", "error: setUpClass (m.Net) [\r\nno\r\n]\r\ntest: a\r\nsuccess: a\r\n", []string{"a\r success"}, []Kind{KindV1Details}, 36},
		{"other outcomes without a test are noise", "test: a\nsuccess: a\nskip: setUpClass (m.Net) [\nno net\n]\n", []string{"a success"}, nil, 36},
		{"details that do not end", "test: a\nsuccess: a\nerror: setUpClass (m.Net) [\nOSError\n", []string{"a success"}, []Kind{KindV1Details}, 36},
		{"a log does not swallow a test", "error: opening [\ntest: a\nsuccess: a [ multipart\n]\ntest: b\nfailure: b [\nx\n]\n", []string{"a success", "b fail" + trace + `"x\n"`}, []Kind{KindV1Details}, 17},
		{"details may hold the beginning of a test", "error: m [\ntest: a\nno\n]\ntest: b\nsuccess: b\n", []string{"m fail" + trace + `"test: a\nno\n"`, "b success"}, nil, 0},
		{"parts that break", "error: m [ multipart\n" + part("log", "2\r\nx"), []string{"m fail… log(text/plain;charset=utf8)=\"x\""}, []Kind{KindTruncated}, 0},
		{"parts that are none", "error: m [ multipart\ntest: a\nsuccess: a\n", []string{"m fail", "a success"}, []Kind{KindV1Details}, 0},

		{"v2 packets in an attachment are its content", "test: a\nsuccess: a [ multipart\n" + part("p", fmt.Sprintf("%X\r\n%s0\r\n", 10, stream(about("x", Fail)))) + "]\n",
			[]string{fmt.Sprintf("a success p(text/plain;charset=utf8)=%q", stream(about("x", Fail)))}, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := []byte(tt.in)
			got := parseAll(t, in, Limits{}, windowStart)
			if got.report.Format != FormatV1 {
				t.Fatalf("format %s", got.report.Format)
			}
			if d := described(t, in, got.records); !slices.Equal(d, tt.want) {
				t.Errorf("records %q, want %q", d, tt.want)
			}
			if !slices.Equal(kinds(got.report.Damage), tt.damage) {
				t.Errorf("damage %v, want %v", got.report.Damage, tt.damage)
			}
			if got.report.NoiseBytes != tt.noise {
				t.Errorf("noise %q (%d), want %d", got.noise, got.report.NoiseBytes, tt.noise)
			}
		})
	}
}

// TestParse_v1Times checks which time a test gets.
func TestParse_v1Times(t *testing.T) {
	t.Parallel()
	in := []byte("test: a\ntime: 2014-08-15 10:34:49Z\nsuccess: a\ntest: b\ntime: 2014-08-15 10:34:50.5Z\nfailure: b [\ntime: 1999-01-01 00:00:00Z\n]\n")
	got := parseAll(t, in, Limits{}, windowStart).records
	at := time.Date(2014, 8, 15, 10, 34, 49, 0, time.UTC)
	if !got[0].Start.IsZero() || !got[0].Stop.Equal(at) || !got[1].Start.Equal(at) || !got[1].Stop.Equal(at.Add(1500*time.Millisecond)) {
		t.Errorf("times %v %v, %v %v", got[0].Start, got[0].Stop, got[1].Start, got[1].Stop)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"2014-08-15 10:34:49.010492Z", "2014-08-15T10:34:49.010492Z"},
		{"2014-08-15T10:34:49", "2014-08-15T10:34:49Z"},
		{"2014-08-15 10:34:49.1Z", "2014-08-15T10:34:49.1Z"},
		{"2014-08-15 10:34:49,5", "2014-08-15T10:34:49.5Z"},
		{"2014-08-15 10:34:49.1234567899Z", "2014-08-15T10:34:49.123456789Z"},
		{"2014-08-15 01:34:49+02:00", "2014-08-14T23:34:49Z"},
		{"2014-08-15 10:34:49-0130", "2014-08-15T12:04:49Z"},
		{"2014-08-15 10:34:49+02", "2014-08-15T08:34:49Z"},
		{"2024-02-29 00:00:00Z", "2024-02-29T00:00:00Z"},
		{"9999-12-31 23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"},
		{"2014-02-29 00:00:00Z", ""},
		{"2014-13-01 00:00:00Z", ""},
		{"2014-08-15 24:00:00Z", ""},
		{"2014-08-15 10:34:60Z", ""},
		{"2014-08-15 10:34:49.Z", ""},
		{"2014-08-15 10:34:49 Z", ""},
		{"2014-08-15 10:34:49+2", ""},
		{"2014-08-15 10:34:49+99:00", ""},
		{"9999-12-31 23:59:59-01:00", ""},
		{"0001-01-01 00:00:00Z", ""},
		{"+014-08-15 10:34:49Z", ""},
		{"yesterday", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got, ok := parseTime(tt.in)
		if ok != (tt.want != "") || ok && got.Format(time.RFC3339Nano) != tt.want {
			t.Errorf("parseTime(%q) = %v, %v, want %q", tt.in, got, ok, tt.want)
		}
	}
}

// TestParse_v1LongLines reads lines that are longer than any buffer.
func TestParse_v1LongLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxPiece+maxPiece/2)
	in := []byte("test: a\n" + long + "\nsuccess: a\ntest: " + long + "\ntest: b\nfailure: b [\n" + long + "\n]\n")
	got := parseAll(t, in, Limits{}, windowStart)
	if want := []string{"a success", "b fail"}; !slices.Equal(brief(got.records), want) {
		t.Fatalf("records %q, want %q", brief(got.records), want)
	}
	if k := kinds(got.report.Damage); !slices.Equal(k, []Kind{KindV1Label}) {
		t.Errorf("damage %v", got.report.Damage)
	}
	if want := int64(len(long) + 1 + len("test: ") + len(long) + 1); got.report.NoiseBytes != want {
		t.Errorf("noise %d, want %d", got.report.NoiseBytes, want)
	}
	if a := got.records[1].Attachments[0]; a.Size != int64(len(long)+1) || len(a.Spans) != 1 {
		t.Errorf("attachment of %d bytes in %d pieces", a.Size, len(a.Spans))
	}
}

// TestParse_v1Label70kB reads an id that is too long to keep.
func TestParse_v1Label70kB(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 70_000)
	got := parseAll(t, []byte("test: "+long+"\nsuccess: "+long+"\n"), Limits{}, windowStart)
	if len(got.records) != 1 || len(got.records[0].ID) != 64<<10 || got.records[0].Status != Success || got.report.DamageCount != 1 {
		t.Errorf("records %d, report %+v", len(got.records), got.report)
	}
}

// TestParse_v1Limits checks the limits that only v1 meets.
func TestParse_v1Limits(t *testing.T) {
	t.Parallel()
	var tags bytes.Buffer
	tags.WriteString("tags:")
	for i := range 20_000 {
		fmt.Fprintf(&tags, " t%d", i)
	}
	tags.WriteString("\n")
	got := parseAll(t, append(tags.Bytes(), "test: a\nsuccess: a\n"...), Limits{}, windowStart)
	if len(got.records[0].Tags) != 10_000 || got.report.DamageCount != 1 {
		t.Errorf("%d tags, damage %v", len(got.records[0].Tags), got.report.Damage)
	}

	// One line of tags on each of many tests must not multiply.
	tags.Write(bytes.Repeat([]byte("test: a\nsuccess: a\n"), 2_000))
	records, repeated := 0, 0
	report, err := Parse(bytes.NewReader(tags.Bytes()), int64(tags.Len()), Limits{}, func(r *Record) error {
		records++
		repeated += len(r.Tags)
		return nil
	})
	if err != nil || records != 2_000 || repeated > tags.Len()+1<<20 || report.DamageCount != 2 {
		t.Errorf("%d records with %d tags, report %+v, %v", records, repeated, report, err)
	}
}

// TestParse_v1Bare checks that lines which may have been meant as results are
// told of.
func TestParse_v1Bare(t *testing.T) {
	t.Parallel()
	got := parseAll(t, []byte("error: one\ntest: a\nerror: b\nsuccess: a\nfailure two\nuxsuccess: c\n"), Limits{}, windowStart)
	if w := got.report.Warnings; len(w) != 1 || !strings.HasPrefix(w[0], "3 lines begin with error, failure or uxsuccess") || !strings.HasSuffix(w[0], "at byte 0") {
		t.Errorf("warnings %q", w)
	}
}

// TestParse_v1OpenDetails reads very many beginnings of details that never end
// in a time that does not grow with their square.
func TestParse_v1OpenDetails(t *testing.T) {
	t.Parallel()
	for _, tail := range []string{"test: b\nfailure: b\n", "test: b\nfailure: b [\n]\n"} {
		in := []byte("test: a\nsuccess: a\n" + strings.Repeat("error: x [\n", 300_000) + tail)
		got := parseAll(t, in, Limits{}, windowStart)
		if want := []string{"a success", "b fail"}; !slices.Equal(brief(got.records), want) || got.report.DamageCount != 300_000 {
			t.Errorf("records %q, damage %d", brief(got.records), got.report.DamageCount)
		}
	}
}
