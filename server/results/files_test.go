package results_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// named is a file with its name.
type named struct{ name, content string }

const (
	greenTAP = "1..2\nok 1 - arm lifts\nok 2 - arm turns\n"
	redTAP   = "1..2\nok 1 - switch on\nnot ok 2 - switch off\n"
	greenV1  = "test: lab.boots\nsuccess: lab.boots\n"
	picture  = "\x89PNG\r\n\x1a\n\x00\x00"
	readme   = "# What this is\n\nLogs of the lab.\n"
	webpage  = "<!DOCTYPE html>\n<html><body>ok</body></html>\n"
)

func partsForm(t testing.TB, files ...named) (string, servertest.Option) {
	t.Helper()
	body, media := multipartBody(t, func(w *multipart.Writer) {
		for _, f := range files {
			p, _ := w.CreateFormFile("file", f.name)
			_, _ = p.Write([]byte(f.content))
		}
	})
	return body, servertest.With("Content-Type", media)
}

// whole is a result with its files.
type whole struct {
	saved
	DamageCount int `json:"damage_count"`
	Warnings    []string
	Files       []struct {
		N            int
		Name, Posted string
		Format       string
		Bytes, Tests int64
		Counts       map[string]int
		Outcome      string
		Damage       []struct{ Kind, Reason string }
		DamageCount  int `json:"damage_count"`
		Warnings     []string
		Writer       *string
	}
}

func wholeOf(t testing.TB, a servertest.Answer) whole {
	t.Helper()
	var out whole
	if err := json.Unmarshal(a.Body, &out); err != nil || a.Status/100 != 2 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return out
}

// postFiles posts files as parts for a new run.
func postFiles(t testing.TB, s *servertest.Server, files ...named) whole {
	t.Helper()
	body, media := partsForm(t, files...)
	return wholeOf(t, s.Do("POST", "/v1/post-result?test_id="+newRun(t, s, ""), body, media, servertest.Admin()))
}

// postBytes posts one file as the body for a new run.
func postBytes(t testing.TB, s *servertest.Server, file string) whole {
	t.Helper()
	return wholeOf(t, s.Do("POST", "/v1/post-result?test_id="+newRun(t, s, ""), file, servertest.Admin()))
}

func zipOf(t testing.TB, files ...named) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		m, err := w.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = m.Write([]byte(f.content))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarOf(t testing.TB, files ...named) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(f.content))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipOf(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstdOf(t testing.TB, text string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(text), nil))
}

func xzOf(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z, err := xz.WriterConfig{DictCap: 1 << 20}.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = z.Write([]byte(text))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Files of one form are one result, red when one of them is, whatever their order.
func TestPostResult_SeveralParts(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		red, green, other := named{"switch.tap", redTAP}, named{"arm.tap", greenTAP}, named{"boot.subunit", greenV1}
		for _, tt := range []struct {
			files   []named
			format  string
			outcome string
			tests   int
			damage  int
			warns   int
		}{
			{[]named{green, red}, "tap", "fail", 4, 0, 0},
			{[]named{red, green}, "tap", "fail", 4, 0, 0},
			{[]named{green, other}, "multi", "pass", 3, 0, 0},
			{[]named{green, {"README.md", readme}, {"shot.png", picture}, {"index.html", webpage}}, "tap", "pass", 2, 0, 3},
			{[]named{{"dmesg", "[    0.000000] Linux\n"}, green}, "tap", "pass", 2, 0, 1},
			{[]named{green, {"empty.xml", ""}}, "tap", "incomplete", 2, 1, 0},
			{[]named{green, {"blank.xml", " \n"}}, "tap", "incomplete", 2, 1, 0},
			{[]named{green, {"cut.xml", "<testsuite><testc"}}, "multi", "incomplete", 2, 1, 0},
			{[]named{green, {"x.json", `{"a": [1, 2`}}, "multi", "incomplete", 2, 1, 0},
			{[]named{green, {"log", "ok 1 went well\nnothing else\n"}}, "tap", "incomplete", 2, 1, 0},
			{[]named{{"README.md", readme}, {"shot.png", picture}}, "unknown", "error", 0, 0, 0},
			{[]named{{"a.xml", ""}, {"b.xml", ""}}, "empty", "error", 0, 2, 0},
			{[]named{green, {"inner.zip", zipOf(t, red)}}, "tap", "pass", 2, 0, 0},
		} {
			got := postFiles(t, s, tt.files...)
			if len(tt.files) > 1 && tt.files[1].name == "inner.zip" { // a posted archive is opened
				if got.Outcome != "fail" || got.Tests != 4 || len(got.Files) != 2 || got.Files[1].Posted != "inner.zip" || got.Files[1].Name != "switch.tap" {
					t.Errorf("an archive among the parts: %+v", got)
				}
				continue
			}
			if got.Format != tt.format || got.Outcome != tt.outcome || got.Tests != tt.tests || got.DamageCount < tt.damage || got.DamageCount > 0 && tt.damage == 0 || len(got.Warnings) != tt.warns || len(got.Files) != len(tt.files) {
				t.Errorf("%.200v: %+v", tt, got)
			}
		}
	})
}

// What was posted can be read back, and each test says where it stands.
func TestPostResult_FilesAreKept(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, s *servertest.Server) {
		files := []named{{"../up.tap", greenTAP}, {"boot.subunit.gz", gzipOf(t, greenV1)}, {"up.tap", redTAP}, {"shots.zip", zipOf(t, named{"b/x.tap", "1..1\nok 1 - in a zip\n"}, named{"a/shot.png", picture})}}
		got := postFiles(t, s, files...)
		base := fmt.Sprintf("/v1/runs/%d/results/%s", got.TestID, got.ResultID)
		if a := s.Do("GET", base, "", servertest.Admin()); len(wholeOf(t, a).Files) != 5 {
			t.Errorf("GET %s: %s", base, a.Body)
		}
		for n, want := range []string{files[0].content, files[1].content, files[2].content, picture, "1..1\nok 1 - in a zip\n"} {
			if a := s.Do("GET", fmt.Sprintf("%s/files/%d", base, n), "", servertest.Admin()); a.Status != 200 || string(a.Body) != strings.TrimSpace(want) && string(a.Body) != want {
				t.Errorf("file %d: %d %q, want %q", n, a.Status, a.Body, want)
			}
		}
		for path, want := range map[string]int{base + "/files/5": 404, base + "/files/-1": 400, base + "/files/x": 400} {
			if a := s.Do("GET", path, "", servertest.Admin()); a.Status != want {
				t.Errorf("GET %s: %d, want %d", path, a.Status, want)
			}
		}
		back := tar.NewReader(bytes.NewReader(raw(t, s, fmt.Sprint(got.TestID), got.ResultID)))
		for i, name := range []string{"up.tap", "boot.subunit.gz", "2-up.tap", "shots.zip"} {
			h, err := back.Next()
			if err != nil || h.Name != name {
				t.Fatalf("raw: entry %d is %v, %v; want %s", i, h, err, name)
			}
			if content, err := io.ReadAll(back); err != nil || string(content) != files[i].content {
				t.Errorf("raw: %s holds %q, %v", name, content, err)
			}
		}
		if _, err := back.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("raw goes on: %v", err)
		}
		var list struct {
			Tests []struct {
				ID    string
				File  string
				FileN int `json:"file_n"`
			}
		}
		if a := s.Do("GET", base+"/tests", "", servertest.Admin()); json.Unmarshal(a.Body, &list) != nil || len(list.Tests) != 6 {
			t.Fatalf("tests: %s", a.Body)
		}
		for i, want := range []string{"../up.tap 0", "../up.tap 0", "boot.subunit.gz 1", "up.tap 2", "up.tap 2", "b/x.tap 4"} {
			if got := list.Tests[i]; fmt.Sprint(got.File, " ", got.FileN) != want {
				t.Errorf("test %q stands in %q, want %s", got.ID, got.File, want)
			}
		}
	})
}

// An archive is its members, and one that is cut, changed or hostile is never green.
func TestPostResult_Archives(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	members := []named{{"b/two.tap", "1..1\nok 1 - two\n"}, {"a/one.tap", "1..1\nok 1 - one\n"}, {"README", readme}}
	for name, pack := range map[string]func(...named) string{
		"zip":     func(f ...named) string { return zipOf(t, f...) },
		"tar":     func(f ...named) string { return tarOf(t, f...) },
		"tar.gz":  func(f ...named) string { return gzipOf(t, tarOf(t, f...)) },
		"tar.zst": func(f ...named) string { return zstdOf(t, tarOf(t, f...)) },
		"tar.xz":  func(f ...named) string { return xzOf(t, tarOf(t, f...)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive := pack(members...)
			got := postBytes(t, s, archive)
			if got.Format != "tap" || got.Outcome != "pass" || got.Tests != 2 || len(got.Files) != 3 || got.Files[1].Name != "a/one.tap" || got.Compressed != (name != "tar") {
				t.Fatalf("%+v", got)
			}
			if back := raw(t, s, fmt.Sprint(got.TestID), got.ResultID); string(back) != archive {
				t.Errorf("raw has %d bytes, want %d", len(back), len(archive))
			}
			step := max(1, len(archive)/40)
			for cut := step; cut < len(archive); cut += step {
				if got := postBytes(t, s, archive[:cut]); got.Outcome == "pass" || got.Outcome == "skip" {
					// A tar may lose zeros behind the mark of its end.
					if name != "tar" || cut < len(archive)-512 {
						t.Errorf("cut at %d of %d: %s", cut, len(archive), got.Outcome)
					}
				}
			}
			for what, more := range map[string]named{
				"empty member": {"c.tap", ""}, "broken XML": {"c.xml", "<testsuites><testsuite"}, "broken JSON": {"c.json", `{"results": [`},
				"plan not met": {"c.tap", "1..5\nok 1 - c\n"}, "red": {"c.tap", "1..1\nnot ok 1 - c\n"},
				"nested": {"inner.zip", zipOf(t, members...)},
			} {
				if got := postBytes(t, s, pack(append(members, more)...)); got.Outcome != "fail" && got.Outcome != "incomplete" {
					t.Errorf("%s: %s", what, got.Outcome)
				}
			}
			for what, more := range map[string]named{"slip": {"../../etc/passwd", "root\n"}, "absolute": {"/etc/passwd", "root\n"}, "drive": {`C:\x`, "root\n"}} {
				if got := postBytes(t, s, pack(append(members, more)...)); got.Outcome != "pass" || got.Tests != 2 || len(got.Files) != 4 {
					t.Errorf("%s: %+v", what, got)
				}
			}
			twice := postBytes(t, s, pack(members[0], named{"b/two.tap", "1..1\nnot ok 1 - two\n"}))
			if twice.Outcome != "fail" || twice.Tests != 1 || len(twice.Warnings) != 1 {
				t.Errorf("a name twice: %+v", twice)
			}
			long := strings.Repeat("n", 70_000)
			if got := postBytes(t, s, pack(named{"x.tap", "1..1\nok 1 - " + long + "\n"})); name != "tar" && got.Tests != 1 {
				t.Errorf("a long name of a test: %+v", got.DamageCount)
			}
			if got := postBytes(t, s, pack()); got.Outcome == "pass" {
				t.Errorf("no member: %+v", got)
			}
		})
	}
}

// Bombs end at the limits, and what was not read is damage.
func TestPostResult_ArchiveLimits(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, func(c *server.Config) {
		c.Uploads.Decompressed, c.Uploads.Members, c.Uploads.Ratio = 20<<20, 50, 100
	})
	green := named{"a.tap", "1..1\nok 1 - a\n"}
	zeros := strings.Repeat("\x00", 19<<20)
	var many []named
	for i := range 60 {
		many = append(many, named{fmt.Sprintf("%03d.tap", i), fmt.Sprintf("1..1\nok 1 - t%d\n", i)})
	}
	for what, archive := range map[string]string{
		"ratio zip":     zipOf(t, green, named{"z.bin", zeros}),
		"ratio tar.gz":  gzipOf(t, tarOf(t, green, named{"z.bin", zeros})),
		"ratio tar.zst": zstdOf(t, tarOf(t, green, named{"z.bin", zeros})),
		"ratio tar.xz":  xzOf(t, tarOf(t, green, named{"z.bin", zeros})),
		"bytes zip":     zipOf(t, green, named{"y.bin", zeros}, named{"z.bin", zeros}),
		"members zip":   zipOf(t, many...),
		"members tar":   tarOf(t, many...),
	} {
		if got := postBytes(t, s, archive); got.Outcome != "incomplete" || got.DamageCount == 0 || got.Tests == 0 {
			t.Errorf("%s: %s, %d tests, %+v", what, got.Outcome, got.Tests, got.Damage)
		}
	}
	body, media := partsForm(t, many...)
	if a := s.Do("POST", "/v1/post-result", body, media); a.Status != 413 {
		t.Errorf("too many parts: %d %s", a.Status, a.Body)
	}
}
