package upload

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// TestRead_contentTypes says which bodies are the file as they stand, and which
// are refused when a call does not take those.
func TestRead_contentTypes(t *testing.T) {
	t.Parallel()

	const body = "test: a\n"
	for _, contentType := range []string{
		"", "application/octet-stream", "application/x-subunit", "text/plain; charset=utf-8", "application/gzip", "application/xml",
		"multipart/mixed; boundary=B", "garbage; ; =", "application/x-www-form-urlencoded", "APPLICATION/JSON ; charset=utf-8",
		"application/vnd.lab+json",
	} {
		_, file := mustRead(t, strings.NewReader(body), contentType)
		if file != body {
			t.Errorf("%q: file %q, want %q", contentType, file, body)
		}
	}
	for _, contentType := range []string{"", "text/plain", "application/octet-stream", "multipart/mixed; boundary=B"} {
		_, err := ReadText(t.Context(), Request{Body: strings.NewReader(body), ContentType: contentType}, Options{Known: []string{"status"}})
		wantError(t, err, Unsupported, "", "the operation does not read this Content-Type")
	}
}

// TestRead_empty shows that no body is no file in any Content-Type, and nothing
// wrong with a call that needs none.
func TestRead_empty(t *testing.T) {
	t.Parallel()

	for _, contentType := range []string{"", "text/plain", jsonType, formType, multipartType} {
		for _, body := range []io.Reader{nil, http.NoBody, strings.NewReader("")} {
			form, _ := mustRead(t, body, contentType)
			wantError(t, form.File.Err("file"), Missing, "file", "file was not posted: send it as a form field, as a part, or as the whole body")
			if _, err := ReadText(t.Context(), Request{Body: body, ContentType: contentType}, Options{}); err != nil {
				t.Errorf("ReadText of nothing as %q: %v", contentType, err)
			}
		}
	}
	form, _ := mustRead(t, strings.NewReader("file=&test_id=1"), formType)
	wantError(t, form.File.Err("file"), Missing, "file", "file was posted without a filename and without content")
}

func TestReadText_JSON(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, body, values string
		kind               Kind
		field, reason      string
	}{
		{name: "all kinds", body: `{"status":"a\u00e9;%+","finished":true,"test_id":5,"run_token":null,"x":{"status":"b"}}`, values: "finished=true;status=aé;%+;test_id=5"},
		{name: "texts for everything", body: `{"finished":"no","test_id":"5"}`, values: "finished=no;test_id=5"},
		{name: "numbers for everything", body: ` {"finished" : 0 , "status" : 12 } `, values: "finished=0;status=12"},
		{name: "an empty object", body: `{}`},
		{name: "a file means nothing here", body: `{"file":5,"file":null,"status":"a"}`, values: "status=a"},
		{name: "a list as a status", body: `{"status":["a"]}`, kind: Malformed, field: "status", reason: "status in the JSON body must be a string, a number, true, false or null"},
		{name: "a status twice", body: `{"status":"a","status":"a"}`, kind: Malformed, field: "status", reason: "status is given twice in the JSON body"},
		{name: "a string", body: `"test complete"`, kind: Malformed, reason: "the JSON body is malformed at byte 0: it is not an object"},
		{name: "a form", body: `status=a`, kind: Malformed, reason: "the JSON body is malformed at byte 0: it is not an object"},
		{name: "cut", body: `{"status":"a`, kind: Malformed, reason: "the JSON body is malformed at byte 12: it ends too early"},
		{name: "more", body: `{"status":"a"}{}`, kind: Malformed, reason: "the JSON body is malformed at byte 14: there is an unexpected character"},
		{name: "too deep", body: `{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, kind: Malformed, reason: "the JSON body is malformed at byte 68: it is nested too deep"},
		{name: "a long status", body: `{"status":"` + strings.Repeat("x", 64<<10+1) + `"}`, kind: TooLarge, field: "status", reason: "status is longer than 65536 bytes"},
		{name: "a long body", body: `{"x":"` + strings.Repeat("x", 1<<20) + `"}`, kind: TooLarge, reason: "the body is larger than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			values, err := ReadText(t.Context(), Request{Body: strings.NewReader(tt.body), ContentType: jsonType},
				Options{Known: []string{"test_id", "status", "finished", "run_token"}, RawBody: true, FileFields: []string{"file"}})
			wantError(t, err, tt.kind, tt.field, tt.reason)
			if got := showValues(values); got != tt.values {
				t.Errorf("values: got %q, want %q", got, tt.values)
			}
		})
	}
}

// TestReadText_places gives one field in every place at once.
func TestReadText_places(t *testing.T) {
	t.Parallel()

	read := func(path, query, body string) (int64, error) {
		values, err := ReadText(t.Context(), Request{
			Body: strings.NewReader(body), ContentType: formType, Query: query,
			PathValues: map[string]string{"test_id": path},
		}, Options{Known: []string{"test_id"}})
		if err != nil {
			return 0, err
		}
		id, _, err := values.ID("test_id")
		return id, err
	}
	if id, err := read("5", "test_id=5", "test_id=05"); id != 5 || err != nil {
		t.Errorf("equal everywhere: %d, %v", id, err)
	}
	if id, err := read("", "test_id=", "test_id=6"); id != 6 || err != nil {
		t.Errorf("only in the body: %d, %v", id, err)
	}
	_, err := read("5", "", "test_id=6")
	wantError(t, err, Conflict, "test_id", "test_id has one value in the path and another in the form")
	_, err = read("", "test_id=5", "test_id=6")
	wantError(t, err, Conflict, "test_id", "test_id has one value in the query and another in the form")
	_, err = read(strings.Repeat("1", 64<<10+1), "", "")
	wantError(t, err, TooLarge, "test_id", "test_id is longer than 65536 bytes")
}

// TestRead_fileInQuery gives the file in the query string, alone and again in
// the body.
func TestRead_fileInQuery(t *testing.T) {
	t.Parallel()

	const conflict = "file has one value in the query and another in the body"
	tests := []struct {
		name, query, contentType, body, file, reason string
	}{
		{name: "alone", query: "file=test:+a%0A&file=%e9", file: "test: a\n\xe9"},
		{name: "beside null", query: "file=a", contentType: jsonType, body: `{"file":null}`, file: "a"},
		{name: "beside an empty part", query: "file=a", contentType: multipartType, body: crlf(bareHead + "\n--B--\n"), file: "a"},
		{name: "the same in a form", query: "file=abc", contentType: formType, body: "file=a&file=bc", file: "abc"},
		{name: "the same raw", query: "file=abc", body: "abc", file: "abc"},
		{name: "longer in the body", query: "file=abc", body: "abcd", reason: conflict},
		{name: "shorter in the body", query: "file=abc", body: "ab", reason: conflict},
		{name: "other in the body", query: "file=abc", body: "abd", reason: conflict},
		{name: "in an envelope", query: "file=a", contentType: jsonType, body: `{"file":"a"}`, reason: conflict},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			var sink bytes.Buffer
			form, err := Read(t.Context(), Request{Body: strings.NewReader(tt.body), ContentType: tt.contentType, Query: tt.query}, Options{RawBody: true}, &sink)
			wantError(t, err, Conflict, "file", tt.reason)
			if err != nil {
				return
			}
			file := sink.Bytes()
			if form.File.Section != nil {
				file, _ = io.ReadAll(form.File.Section.Open(bytes.NewReader(file)))
			}
			if string(file) != tt.file || !form.File.Posted {
				t.Errorf("file: got %q, posted %t, want %q", file, form.File.Posted, tt.file)
			}
		})
	}
}

// TestRead_bodyErrors breaks every kind of body in the middle.
func TestRead_bodyErrors(t *testing.T) {
	t.Parallel()

	bodies := map[string]string{
		formType:      "file=a&test_id=1&file=",
		multipartType: crlf(idHead + "1\n" + fileHead + "a\n"),
		jsonType:      `{"test_id":1,"file":"a`,
		"text/plain":  "test: a\n",
	}
	broken := errors.New("broken")
	for contentType, body := range bodies {
		for n := range len(body) {
			in := io.MultiReader(strings.NewReader(body[:n]), iotest.ErrReader(broken))
			_, err := Read(t.Context(), Request{Body: in, ContentType: contentType}, Options{Known: resultFields, RawBody: true}, io.Discard)
			var failed *BodyError
			if !errors.As(err, &failed) || !errors.Is(err, broken) {
				t.Errorf("%s, broken behind %q: error %v", contentType, body[:n], err)
			}
		}
	}
}

// TestRead_afterTheEnd shows that damage behind a closing boundary is found: a
// gzip body has its checksum there.
func TestRead_afterTheEnd(t *testing.T) {
	t.Parallel()

	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	_, _ = zw.Write([]byte(crlf(fileHead + "a\n--B--\n")))
	_ = zw.Close()
	zipped.Bytes()[zipped.Len()-8] ^= 1
	body, err := gzip.NewReader(&zipped)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Read(t.Context(), Request{Body: body, ContentType: multipartType}, Options{RawBody: true}, io.Discard)
	var failed *BodyError
	if !errors.As(err, &failed) || !errors.Is(err, gzip.ErrChecksum) {
		t.Errorf("Read: %v, want a BodyError with %v", err, gzip.ErrChecksum)
	}
}

// TestRead_maxBytes tells the limit of the server from a body that was cut.
func TestRead_maxBytes(t *testing.T) {
	t.Parallel()

	for _, contentType := range []string{formType, multipartType, jsonType, ""} {
		body := crlf(fileHead) + strings.Repeat("a", 100000)
		limited := http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(strings.NewReader(body)), 1000)
		_, err := Read(t.Context(), Request{Body: limited, ContentType: contentType}, Options{RawBody: true}, io.Discard)
		var tooLong *http.MaxBytesError
		if !errors.As(err, &tooLong) {
			t.Errorf("%q: error %v, want http.MaxBytesError inside", contentType, err)
		}
	}
}

func TestRead_context(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	body := io.MultiReader(strings.NewReader(strings.Repeat("a", 200000)), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, nil
	}), strings.NewReader("b"))
	_, err := Read(ctx, Request{Body: body}, Options{RawBody: true}, io.Discard)
	var failed *BodyError
	if !errors.As(err, &failed) || !errors.Is(err, context.Canceled) {
		t.Errorf("Read: %v, want a BodyError with %v", err, context.Canceled)
	}
	stuck := readerFunc(func([]byte) (int, error) { return 0, nil })
	if _, err := Read(t.Context(), Request{Body: stuck}, Options{RawBody: true}, io.Discard); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("Read of a reader that is stuck: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestRead_sinkErrors shows that a full disk is not the client's fault.
func TestRead_sinkErrors(t *testing.T) {
	t.Parallel()

	full := errors.New("no space left")
	for contentType, body := range map[string]string{
		formType: "file=abc", multipartType: crlf(fileHead + "abc\n--B--\n"), jsonType: `{"file":"abc"}`, "": "abc",
	} {
		for _, sink := range []io.Writer{writerFunc(func([]byte) (int, error) { return 0, full }), writerFunc(func([]byte) (int, error) { return 1, nil })} {
			_, err := Read(t.Context(), Request{Body: strings.NewReader(body), ContentType: contentType}, Options{RawBody: true}, sink)
			var fault *Error
			var failed *BodyError
			if errors.As(err, &fault) || errors.As(err, &failed) || !errors.Is(err, full) && !errors.Is(err, io.ErrShortWrite) {
				t.Errorf("%q: error %v", contentType, err)
			}
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestRead_memory reads 16 MiB in each way and looks at what was allocated.
// It is not parallel, since it measures the whole process.
func TestRead_memory(t *testing.T) {
	const size = 16 << 20
	line := "file=%B3%29%01%0A" + strings.Repeat("x", 50) + "&"
	for _, tt := range []struct{ contentType, start, repeat, end string }{
		{formType, "test_id=7&", line, "strict=1"},
		{multipartType, crlf(idHead + "7\n" + fileHead), "\xb3some line\n", crlf("\n--B--\n")},
		{jsonType, `{"test_id":7,"file":"`, `some\nline\ud83d\ude00`, `"}`},
		{jsonType, `{"test_id":7,"file":[`, `{"name":"x"},`, `0]}`},
		{"", "test_id", "x", ""},
	} {
		body := io.MultiReader(strings.NewReader(tt.start), &endless{text: tt.repeat, left: size / len(tt.repeat) * len(tt.repeat)}, strings.NewReader(tt.end))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		form, err := Read(t.Context(), Request{Body: body, ContentType: tt.contentType}, Options{Known: resultFields, RawBody: true}, io.Discard)
		runtime.ReadMemStats(&after)
		if err != nil || form.File.Bytes < size/10 {
			t.Fatalf("%.30q: %+v, %v", tt.start, form, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%.30q: %d bytes allocated for %d", tt.start, used, size)
		}
	}
}

// endless repeats a text until left bytes have been read.
type endless struct {
	text string
	left int
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), e.left)], e.text[e.at:])
	for n < len(p) && n < e.left {
		n += copy(p[n:min(len(p), e.left)], e.text)
	}
	e.left -= n
	e.at = (e.at + n) % len(e.text)
	return n, nil
}

func TestContext(t *testing.T) {
	t.Parallel()

	if _, ok := FromContext(t.Context()); ok {
		t.Error("FromContext of a fresh context: ok")
	}
	if _, ok := FromContext(NewContext(t.Context(), nil)); ok {
		t.Error("FromContext of nil: ok")
	}
	raw := &Raw{Body: io.NopCloser(strings.NewReader("status=a")), ContentType: formType, ContentLength: 8, Query: "finished=1"}
	got, ok := FromContext(NewContext(t.Context(), raw))
	if !ok || got != raw {
		t.Fatalf("FromContext = %v, %t", got, ok)
	}
	values, err := ReadText(t.Context(), got.Request(map[string]string{"test_id": "7"}), Options{Known: []string{"test_id", "status", "finished"}})
	if got, want := showValues(values), "finished=1;status=a;test_id=7"; got != want || err != nil {
		t.Errorf("ReadText = %q, %v, want %q", got, err, want)
	}
}

func ExampleRead() {
	request := Request{
		Body:        strings.NewReader("file=test:+a%0A&test_id=100&file=success:+a%0A"),
		ContentType: "application/x-www-form-urlencoded",
	}
	var stored bytes.Buffer
	form, err := Read(context.Background(), request, Options{Known: []string{"test_id"}, RawBody: true}, &stored)
	if err == nil {
		err = form.File.Err("file")
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	id, _, err := form.Values.ID("test_id")
	fmt.Printf("%d %v %q\n", id, err, stored.String())
	// Output: 100 <nil> "test: a\nsuccess: a\n"
}
