package products_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/servertest"
)

const stream = "test: a.b\nsuccess: a.b\ntest: a.c\nfailure: a.c [\nTraceback: boom\n]\n"

// form is a result and a file as a form; parts are name and content by turns.
func form(t *testing.T, parts ...string) (body string, media servertest.Option) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for i := 0; i < len(parts); i += 2 {
		p, err := w.CreateFormField(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		_, _ = p.Write([]byte(parts[i+1]))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), servertest.With("Content-Type", w.FormDataContentType())
}

func TestResult_WithFile(t *testing.T) {
	t.Parallel()
	eachLab(t, func(t *testing.T, l *lab) {
		path := l.product("p", "smoke")
		l.image(path, "I1")
		l.agent("a1", object{})
		o := field(l.call("POST", "/v1/agents/a1/pick", nil, http.StatusOK), "test_opportunity_id")
		result := fmt.Sprintf(`{"test_opportunity_id": %q, "test_status": "FAILED", "agent_id": "a1", "result_payload": %s}`, o, odd)
		post := func(parts ...string) servertest.Answer {
			body, media := form(t, parts...)
			return l.Do("POST", path+"/tests/results", body, servertest.Admin(), media)
		}
		for name, parts := range map[string][]string{
			"file twice":              {"file", stream, "file", stream, "result", result},
			"no result":               {"file", stream},
			"no file":                 {"result", result},
			"nothing":                 {},
			"a part too many":         {"result", result, "file", stream, "more", "x"},
			"result no JSON":          {"result", "x", "file", stream},
			"no test_status":          {"result", `{"test_opportunity_id": "` + o + `"}`, "file", stream},
			"a bad status":            {"result", `{"test_opportunity_id": "` + o + `", "test_status": "a b", "agent_id": "a1"}`, "file", stream},
			"neither token nor agent": {"result", `{"test_opportunity_id": "` + o + `", "test_status": "PASSED"}`, "file", stream},
		} {
			if a := post(parts...); a.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s, want 400", name, a.Status, a.Body)
			}
		}
		if a := l.Do("POST", path+"/tests/results", "--x\r\n", servertest.Admin(), servertest.With("Content-Type", "multipart/form-data; boundary=x")); a.Status != 400 {
			t.Errorf("a form that broke off: %d %s", a.Status, a.Body)
		}
		a := post("result", result, "file", stream)
		wantOdd(t, "POST", a, http.StatusCreated, 1)
		got := decode(t, a.Body)
		file := got["file"].(object)
		if file["format"] != "subunit-v1" || field(file, "tests") != "2" || file["outcome"] != "fail" || field(file["counts"].(object), "fail") != "1" {
			t.Errorf("file %v", file)
		}
		if again := post("file", stream, "result", result); again.Status != http.StatusOK || string(again.Body) != string(a.Body) {
			t.Errorf("the same again: %d %s", again.Status, again.Body)
		}
		if other := post("result", result, "file", "success: a.b\n"); other.Status != http.StatusConflict || field(decode(t, other.Body), "id") != "already-posted" {
			t.Errorf("another file: %d %s", other.Status, other.Body)
		}
		base := path + "/tests/results/" + field(got, "id")
		list := l.call("GET", base+"/tests?status=fail", nil, http.StatusOK)["tests"].([]any)
		if len(list) != 1 || field(list[0].(object), "id") != "a.c" {
			t.Fatalf("failed tests %v", list)
		}
		if raw := l.try("GET", base+"/raw", nil); string(raw.Body)+"\n" != stream {
			t.Errorf("raw: %d %q", raw.Status, raw.Body)
		}
		if att := l.try("GET", base+"/tests/1/attachments/0", nil); !strings.Contains(string(att.Body), "boom") {
			t.Errorf("attachment: %d %q", att.Status, att.Body)
		}
		l.call("GET", base+"/tests/1", nil, http.StatusOK)
		l.call("GET", base+"/tests/2", nil, http.StatusNotFound)
		l.call("GET", base+"/tests/1/attachments/7", nil, http.StatusNotFound)
		if page := l.call("GET", base+"/tests?limit=1&page=2", nil, http.StatusOK); len(page["tests"].([]any)) != 1 {
			t.Errorf("second page %v", page)
		}
	})
}

func TestResult_WithoutFile(t *testing.T) {
	t.Parallel()
	l := &lab{servertest.New(t), t}
	path := l.product("p", "smoke")
	l.image(path, "I1")
	base := path + "/tests/results/" + field(l.run(path, "a1", "PASSED")[0], "id")
	if a := l.call("GET", base+"/tests", nil, http.StatusOK); len(a["tests"].([]any)) != 0 {
		t.Errorf("tests %v", a)
	}
	l.call("GET", base+"/raw", nil, http.StatusNotFound)
	l.call("GET", base+"/tests/0", nil, http.StatusNotFound)
}
