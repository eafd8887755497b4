package upload

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-lab/slipway/store/storetest/await"
)

// resultFields are the text fields of RefStack's post-result.
var resultFields = []string{"test_id", "run_token", "strict"}

// TestWireForms replays every captured upload byte for byte against a real
// HTTP server and compares what reached the sink with the original file.
func TestWireForms(t *testing.T) {
	t.Parallel()

	const v1, v2 = "03_all_statuses_v1.subunit", "01_all_statuses_v2.subunit"
	const stestr1, stestr2 = "04_stestr_4workers_v1.subunit.gz", "04_stestr_4workers_v2.subunit.gz"
	const result, zipped, junit = "13_results_uid_2015.json", "11_all_statuses_v2.subunit.gz", "12_all_statuses.junit.xml"
	tests := []struct {
		capture  string
		files    []string // joined
		filename string
		id       int64
		missing  bool
	}{
		{capture: "1_requests_files", files: []string{v1}, filename: "result", id: 235},
		{capture: "2_requests_form_v1", files: []string{v1}, id: 1234},
		{capture: "2_requests_form_v2", files: []string{v2}, id: 1234},
		{capture: "2_requests_form_no_id", files: []string{v2}},
		{capture: "2_requests_form_id_first", files: []string{v2}, id: 1234},
		{capture: "2_requests_form_stestr_v1", files: []string{stestr1}, id: 1234},
		{capture: "2_requests_form_stestr_v2", files: []string{stestr2}, id: 1234},
		{capture: "3_curl_file_then_id", files: []string{v2}, filename: "result2", id: 100},
		{capture: "3_curl_id_then_file", files: []string{v2}, filename: "result2", id: 100},
		{capture: "3_curl_two_files", files: []string{v1, v2}, filename: "result"},
		{capture: "3_curl_empty_file", filename: "empty"},
		{capture: "3_curl_gzip_part", files: []string{zipped}, filename: zipped, id: 100},
		{capture: "4_curl_no_filename", files: []string{v1}},
		{capture: "4_curl_no_filename_empty", missing: true},
		{capture: "5_curl_data_binary_v1", files: []string{v1}, id: 100},
		{capture: "5_curl_data_binary_v2", files: []string{v2}, id: 100},
		{capture: "5_curl_data_empty", id: 100, missing: true},
		{capture: "5_curl_urlencode_file", files: []string{v2}, id: 100},
		{capture: "6_curl_json", files: []string{result}, id: 100},
		{capture: "6_curl_json_envelope_object", files: []string{result}, id: 100},
		{capture: "6_requests_json_envelope_string", files: []string{v1}, id: 100},
		{capture: "7_curl_octet", files: []string{v2}, id: 100},
		{capture: "7_curl_subunit", files: []string{v2}, id: 100},
		{capture: "7_curl_text", files: []string{v1}, id: 100},
		{capture: "7_curl_gzip", files: []string{zipped}, id: 100},
		{capture: "7_curl_xml", files: []string{junit}, id: 100},
		{capture: "7_curl_no_type", files: []string{v2}, id: 100},
		{capture: "8_curl_content_encoding", files: []string{v2}},
		{capture: "8_curl_chunked", files: []string{v2}, filename: "result2", id: 100},
		{capture: "8_curl_expect", files: []string{v2}, id: 100},
		{capture: "8_requests_chunked", files: []string{v2}, id: 100},
	}
	if captured, _ := filepath.Glob("testdata/wire/[0-9]_*"); len(captured) != len(tests) {
		t.Errorf("%d captured uploads, %d in the table", len(captured), len(tests))
	}
	for _, tt := range tests {
		t.Run(tt.capture, func(t *testing.T) {
			t.Parallel()

			var want []byte
			for _, name := range tt.files {
				file := readTestdata(t, "files/"+name, strings.HasPrefix(name, "04_"))
				if strings.HasPrefix(tt.capture, "6_curl_json_envelope") {
					file = bytes.TrimSpace(file) // as it was put between the braces
				}
				want = append(want, file...)
			}
			var form *Form
			var got []byte
			replay(t, tt.capture, func(r *http.Request) error {
				var err error
				form, got, err = readHTTP(r)
				return err
			})
			if form == nil {
				t.Fatal("the request was not read")
			}
			if sha256.Sum256(got) != sha256.Sum256(want) {
				t.Errorf("file: got %d bytes %.60q, want %d bytes %.60q", len(got), got, len(want), want)
			}
			if form.File.Posted == tt.missing {
				t.Errorf("File.Posted = %t, want %t", form.File.Posted, !tt.missing)
			}
			if form.File.Filename != tt.filename {
				t.Errorf("File.Filename = %q, want %q", form.File.Filename, tt.filename)
			}
			if id, ok, err := form.Values.ID("test_id"); id != tt.id || ok != (tt.id != 0) || err != nil {
				t.Errorf("ID(test_id) = %d, %t, %v, want %d", id, ok, err, tt.id)
			}
		})
	}
}

// TestWireStatus does the same for the status messages.
func TestWireStatus(t *testing.T) {
	t.Parallel()

	tests := []struct {
		capture  string
		status   string
		finished string // as printed by boolText
		id       int64
	}{
		{capture: "status_seed", status: "test complete", id: 100},
		{capture: "status_curl_odd", status: "step 1; 50% done   more", finished: "true", id: 100},
		{capture: "status_curl_latin1", status: "caf\ufffd", id: 100},
		{capture: "status_requests_tester", status: "running tempest: 50% done", id: 1234},
		{capture: "status_requests_json", status: "all done", finished: "true", id: 5},
		{capture: "status_curl_query", status: "a;b c", finished: "false", id: 7},
		{capture: "status_curl_multipart", status: "test complete", finished: "true", id: 100},
	}
	for _, tt := range tests {
		t.Run(tt.capture, func(t *testing.T) {
			t.Parallel()

			var values Values
			replay(t, tt.capture, func(r *http.Request) error {
				raw := &Raw{Body: r.Body, ContentType: r.Header.Get("Content-Type"), Query: r.URL.RawQuery}
				path := map[string]string{}
				if last := filepath.Base(r.URL.Path); last != "update-test-status" {
					path["test_id"] = last
				}
				var err error
				values, err = ReadText(r.Context(), raw.Request(path),
					Options{Known: []string{"test_id", "status", "finished", "run_token"}})
				return err
			})
			if got, err := values.Text("status"); got != tt.status || err != nil {
				t.Errorf("Text(status) = %q, %v, want %q", got, err, tt.status)
			}
			if got := boolText(values.Bool("finished")); got != tt.finished {
				t.Errorf("Bool(finished) = %s, want %s", got, tt.finished)
			}
			if id, _, err := values.ID("test_id"); id != tt.id || err != nil {
				t.Errorf("ID(test_id) = %d, %v, want %d", id, err, tt.id)
			}
		})
	}
}

func boolText(value, ok bool, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case !ok:
		return ""
	}
	return fmt.Sprint(value)
}

// readHTTP is what a handler does: undo gzip, read, open the section.
func readHTTP(r *http.Request) (*Form, []byte, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, nil, err
		}
		body = unzipped
	}
	var sink bytes.Buffer
	form, err := Read(r.Context(), Request{Body: body, ContentType: r.Header.Get("Content-Type"), Query: r.URL.RawQuery},
		Options{Known: resultFields, RawBody: true}, &sink)
	if err != nil {
		return nil, nil, err
	}
	if form.File.Section == nil {
		return form, sink.Bytes(), nil
	}
	file, err := io.ReadAll(form.File.Section.Open(bytes.NewReader(sink.Bytes())))
	return form, file, err
}

// replay sends a captured request to a server that calls handle.
func replay(t *testing.T, capture string, handle func(*http.Request) error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handle(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(await.Limit))
	name := "wire/" + capture + ".http"
	_, err = os.Stat("testdata/" + name)
	if err != nil {
		name += ".gz"
	}
	if _, err := conn.Write(readTestdata(t, name, strings.HasSuffix(name, ".gz"))); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", capture, err)
		}
		if res.StatusCode == http.StatusContinue {
			continue
		}
		message, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("%s: status %d: %s", capture, res.StatusCode, message)
		}
		return
	}
}

func readTestdata(t testing.TB, name string, compressed bool) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if !compressed {
		return data
	}
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if data, err = io.ReadAll(zr); err != nil {
		t.Fatal(err)
	}
	return data
}
