package products_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/server"
	"github.com/slipway-lab/slipway/server/servertest"
)

// upload is a part of a form that is a file.
type upload struct{ name, media, content string }

func filesForm(t *testing.T, result string, files ...upload) (string, servertest.Option) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	if err := w.WriteField("result", result); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		head := textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition("file", f.name)}}
		if f.media != "" {
			head.Set("Content-Type", f.media)
		}
		p, err := w.CreatePart(head)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = p.Write([]byte(f.content))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), servertest.With("Content-Type", w.FormDataContentType())
}

// Case 22: two files with a result are both kept.
func TestQueue_ResultWithSeveralFiles(t *testing.T) {
	t.Parallel()
	clocked(t, func(t *testing.T, l *lab, _ func(time.Duration)) {
		product := l.product("p", "smoke")
		l.image(product, "I1")
		l.agent("a1", object{})
		o := field(l.pick("a1", nil), "test_opportunity_id")
		result := fmt.Sprintf(`{"test_opportunity_id": %q, "test_status": "FAILED", "agent_id": "a1"}`, o)
		files := []upload{
			{"shot.png", "image/png", "\x89PNG\r\n\x1a\n\x00\x00"},
			{"dmesg.txt", "", "[    0.000000] Linux version\n"},
			{"run.subunit", "application/vnd.subunit", stream},
			{"dmesg.txt", "text/plain", "[    1.000000] another board\n"},
		}
		post := func(files ...upload) servertest.Answer {
			body, media := filesForm(t, result, files...)
			return l.Do("POST", product+"/tests/results", body, servertest.Admin(), media)
		}
		if a := post(files[0], files[1], files[0]); a.Status != http.StatusBadRequest {
			t.Errorf("the same file twice: %d %s", a.Status, a.Body)
		}
		if a := post(append(files, upload{"5", "", "5"})...); a.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("more files than the limit: %d %s", a.Status, a.Body)
		}
		a := post(files...)
		if a.Status != http.StatusCreated {
			t.Fatalf("POST: %d %s", a.Status, a.Body)
		}
		if again := post(files...); again.Status != http.StatusOK || string(again.Body) != string(a.Body) {
			t.Errorf("the same again: %d %s", again.Status, again.Body)
		}
		if other := post(files[:3]...); other.Status != http.StatusConflict {
			t.Errorf("fewer files: %d %s", other.Status, other.Body)
		}
		got := decode(t, a.Body)
		base := product + "/tests/results/" + field(got, "id")
		if read := l.try("GET", base, nil); string(read.Body) != string(a.Body) {
			t.Errorf("GET: %s, want %s", read.Body, a.Body)
		}
		kept := got["files"].([]any)
		if len(kept) != len(files) || got["file"].(object)["format"] != "subunit-v1" {
			t.Fatalf("files %v, file %v", kept, got["file"])
		}
		for i, f := range files {
			k := kept[i].(object)
			if k["name"] != f.name || field(k, "bytes") != fmt.Sprint(len(f.content)) || k["read"] != (i == 2) || f.media != "" && k["media_type"] != f.media {
				t.Errorf("file %d: %v", i, k)
			}
			down := l.try("GET", fmt.Sprintf("%s/files/%d", base, i), nil)
			if strings.TrimSpace(string(down.Body)) != strings.TrimSpace(f.content) || !strings.Contains(down.Header.Get("Content-Disposition"), f.name) {
				t.Errorf("download %d: %d %q, %s", i, down.Status, down.Body, down.Header.Get("Content-Disposition"))
			}
		}
		l.call("GET", base+"/files/4", nil, http.StatusNotFound)
		l.call("GET", base+"/files/0", nil, http.StatusNotFound, servertest.As(l.TokenOf("other", "operator")))
		if tests := l.call("GET", base+"/tests", nil, http.StatusOK)["tests"].([]any); len(tests) != 2 {
			t.Errorf("tests %v", tests)
		}
	}, func(c *server.Config) { c.Products.MaxFiles = 4 })
}

// Which of several files is read does not depend on their order.
func TestQueue_TheFileOfTestsIsRead(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t), t}
	product := l.product("p", "smoke")
	l.agent("a1", object{})
	log := upload{"dmesg.txt", "text/plain", "[    0.000000] Linux version\n"}
	for i, tt := range []struct{ tests, format string }{
		{stream, "subunit-v1"},
		{packed(t, stream), "subunit-v1"},
		{`<testsuite><testcase name="a"/></testsuite>`, "junit"},
		{`{"results": ["a.b"], "cpid": "x", "duration_seconds": 1}`, "json"},
	} {
		for _, files := range [][]upload{{{"tests", "", tt.tests}, log}, {log, {"logs.gz", "", packed(t, "hello")}, {"tests", "", tt.tests}}} {
			l.image(product, fmt.Sprint("I", i))
			o := field(l.pick("a1", nil), "test_opportunity_id")
			body, media := filesForm(t, fmt.Sprintf(`{"test_opportunity_id": %q, "test_status": "PASSED", "agent_id": "a1"}`, o), files...)
			a := l.Do("POST", product+"/tests/results", body, servertest.Admin(), media)
			if got := decode(t, a.Body); a.Status != http.StatusCreated || got["file"].(object)["format"] != tt.format {
				t.Errorf("%.20s: %d %v, want %s", tt.tests, a.Status, got["file"], tt.format)
			}
		}
	}
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write([]byte(text))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Without a file that can be read both are kept all the same.
func TestQueue_ResultWithTwoFilesOfNoFormat(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t), t}
	product := l.product("p", "smoke")
	l.image(product, "I1")
	l.agent("a1", object{})
	o := field(l.pick("a1", nil), "test_opportunity_id")
	body, media := filesForm(t, fmt.Sprintf(`{"test_opportunity_id": %q, "test_status": "PASSED", "agent_id": "a1"}`, o),
		upload{"shot.png", "image/png", "\x89PNG"}, upload{"dmesg.txt", "text/plain", "[ 0.0 ] Linux\n"})
	a := l.Do("POST", product+"/tests/results", body, servertest.Admin(), media)
	if got := decode(t, a.Body); a.Status != http.StatusCreated || len(got["files"].([]any)) != 2 || got["file"].(object)["outcome"] == "pass" {
		t.Errorf("POST: %d %s", a.Status, a.Body)
	}
}
