package upload

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"strings"
	"testing"
)

const multipartType = "multipart/form-data; boundary=B"

// crlf writes a body with readable line ends.
func crlf(body string) string { return strings.ReplaceAll(body, "\n", "\r\n") }

const (
	fileHead   = "--B\nContent-Disposition: form-data; name=\"file\"; filename=\"result\"\n\n"
	bareHead   = "--B\nContent-Disposition: form-data; name=\"file\"\n\n"
	noNameHead = "--B\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\nContent-Type: application/octet-stream\n\n"
	idHead     = "--B\nContent-Disposition: form-data; name=\"test_id\"\n\n"
)

func TestMultipart(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name        string
		contentType string
		body        string
		file        string
		filename    string
		values      string
		missing     string // what File.Err says
	}{
		{name: "a part without its own type", body: fileHead + "a\n--B--\n", file: "a", filename: "result"},
		{name: "a part without a filename", body: bareHead + "a\n--B--\n", file: "a"},
		{name: "text before and after", body: idHead + "7\n" + fileHead + "a\n" + strings.Replace(idHead, "test_id", "strict", 1) + "yes\n--B--\n", file: "a", filename: "result", values: "strict=yes;test_id=7"},
		{name: "text is repaired, the file is not", body: idHead + "caf\xe9\n" + fileHead + "\xe9\x00\n--B--\n", file: "\xe9\x00", filename: "result", values: "test_id=caf\ufffd"},
		{name: "text is not unescaped", body: idHead + "a+b%20&c\n" + fileHead + "a+b%20&c\n--B--\n", file: "a+b%20&c", filename: "result", values: "test_id=a+b%20&c"},
		{name: "two files", body: fileHead + "a\n" + bareHead + "b\n--B--\n", file: "ab", filename: "result"},
		{name: "an empty file with a name is a file", body: fileHead + "\n--B--\n", filename: "result"},
		{name: "an empty file without a name is none", body: bareHead + "\n--B--\n", missing: "file was posted without a filename and without content"},
		{name: "an empty name without content is none", body: noNameHead + "\n--B--\n", missing: "file was posted without a filename and without content"},
		{name: "an empty name with content is a file", body: noNameHead + "a\n--B--\n", file: "a"},
		{name: "no file at all", body: idHead + "7\n--B--\n", values: "test_id=7", missing: "file was not posted: send it as a form field, as a part, or as the whole body"},
		{name: "no part at all", body: "--B--\n", missing: "file was not posted: send it as a form field, as a part, or as the whole body"},
		{name: "no line end at the end", body: fileHead + "a\n--B--", file: "a", filename: "result"},
		{name: "text around the parts", body: "hello\n" + fileHead + "a\n--B--\nbye\n", file: "a", filename: "result"},
		{name: "unknown and nameless parts", body: strings.Replace(fileHead, "\"file\"", "\"log\"", 1) + "x\n--B\n\nx\n--B\nContent-Disposition: form-data\n\nx\n" + fileHead + "a\n--B--\n", file: "a", filename: "result"},
		{name: "line ends in the file", body: fileHead + "\na\n\n--b\n--\n--B--\n", file: "\r\na\r\n\r\n--b\r\n--", filename: "result"},
		{name: "a line that starts like the boundary", body: fileHead + "a\n--Bx\n--B--\n", file: "a\r\n--Bx", filename: "result"},
		{name: "a boundary in quotation marks", contentType: `Multipart/Form-Data; charset=utf-8; boundary="B"`, body: fileHead + "a\n--B--\n", file: "a", filename: "result"},
		{name: "a boundary that lacks quotation marks", contentType: `multipart/form-data; Boundary=----=_Part_0; x`, body: strings.ReplaceAll(fileHead+"a\n--B--\n", "--B", "------=_Part_0"), file: "a", filename: "result"},
		{name: "a filename with quotation marks", body: strings.Replace(fileHead, `"result"`, `"..\\a \"b\" é.txt"`, 1) + "a\n--B--\n", file: "a", filename: `..\a "b" é.txt`},
		{name: "a filename in latin-1", body: strings.Replace(fileHead, `"result"`, "\"caf\xe9\"", 1) + "a\n--B--\n", file: "a", filename: "caf\ufffd"},
		{name: "an encoded filename", body: strings.Replace(fileHead, `filename="result"`, "filename*=utf-8''caf%C3%A9", 1) + "a\n--B--\n", file: "a", filename: "café"},
		{name: "base64", body: strings.Replace(fileHead, "\n\n", "\nContent-Transfer-Encoding: Base64\n\n", 1) + "swAB\n/w==\n--B--\n", file: "\xb3\x00\x01\xff", filename: "result"},
		{name: "quoted-printable", body: strings.Replace(fileHead, "\n\n", "\nContent-Transfer-Encoding: quoted-printable\n\n", 1) + "=B3a=\nb\n--B--\n", file: "\xb3ab", filename: "result"},
		{name: "binary", body: strings.Replace(fileHead, "\n\n", "\nContent-Transfer-Encoding: binary\n\n", 1) + "=B3\n--B--\n", file: "=B3", filename: "result"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			contentType := tt.contentType
			if contentType == "" {
				contentType = multipartType
			}
			for _, chunk := range []int{1, 5, 1 << 20} {
				form, file := mustRead(t, &pieces{data: []byte(crlf(tt.body)), size: fixed(chunk)}, contentType)
				if file != tt.file || form.File.Filename != tt.filename {
					t.Errorf("read by %d: got %q named %q, want %q named %q", chunk, file, form.File.Filename, tt.file, tt.filename)
				}
				if got := showValues(form.Values); got != tt.values {
					t.Errorf("read by %d, values: got %q, want %q", chunk, got, tt.values)
				}
				if form.File.Posted != (tt.missing == "") {
					t.Errorf("read by %d, Posted = %t", chunk, form.File.Posted)
				}
				wantError(t, form.File.Err("file"), Missing, "file", tt.missing)
			}
		})
	}
}

func TestMultipart_refused(t *testing.T) {
	t.Parallel()

	const cut = "the multipart body ends before its closing boundary"
	const noBoundary = "the Content-Type multipart/form-data has no boundary"
	const unreadable = "the multipart body cannot be read"
	limits := Limits{File: 20, Body: 100000, Text: 10, Fields: 3, Parts: 5, PartHeader: 5000}
	tests := []struct {
		name, contentType, body string
		kind                    Kind
		field, reason           string
	}{
		{name: "no boundary", contentType: "multipart/form-data", body: fileHead + "a\n--B--\n", kind: Malformed, reason: noBoundary},
		{name: "an empty boundary", contentType: "multipart/form-data; boundary=", body: fileHead + "a\n--B--\n", kind: Malformed, reason: noBoundary},
		{name: "another boundary", contentType: "multipart/form-data; boundary=C", body: fileHead + "a\n--B--\n", kind: Malformed, reason: cut},
		{name: "no closing boundary", body: fileHead + "a\n", kind: Malformed, reason: cut},
		{name: "cut behind a part", body: fileHead + "a\n--B", kind: Malformed, reason: cut},
		{name: "cut in the closing boundary", body: fileHead + "a\n--B-", kind: Malformed, reason: cut},
		{name: "cut behind a boundary line", body: fileHead + "a\n--B\n", kind: Malformed, reason: cut},
		{name: "cut in a header", body: fileHead[:20], kind: Malformed, reason: cut},
		{name: "no multipart body", body: "test: a\n", kind: Malformed, reason: cut},
		{name: "a header that is none", body: "--B\nfile\n\na\n--B--\n", kind: Malformed, reason: unreadable},
		{name: "a disposition that cannot be read", body: "--B\nContent-Disposition: form-data; name=\"file\"; filename=my file\n\na\n--B--\n", kind: Malformed, reason: "a part of the multipart body has a Content-Disposition that cannot be read"},
		{name: "base64 that is none", body: strings.Replace(fileHead, "\n\n", "\nContent-Transfer-Encoding: base64\n\n", 1) + "!!!!\n--B--\n", kind: Malformed, reason: unreadable},
		{name: "the file", body: fileHead + strings.Repeat("a", 21) + "\n--B--\n", kind: TooLarge, field: "file", reason: "file is larger than 20 bytes"},
		{name: "a text", body: idHead + strings.Repeat("1", 11) + "\n--B--\n", kind: TooLarge, field: "test_id", reason: "test_id is longer than 10 bytes"},
		{name: "too many fields", body: strings.Repeat(idHead+"1\n", 4) + "--B--\n", kind: TooLarge, reason: "the body has more than 3 text fields"},
		{name: "too many parts", body: strings.Repeat(fileHead+"1\n", 6) + "--B--\n", kind: TooLarge, reason: "the multipart body has more than 5 parts"},
		{name: "a long header", body: "--B\nX: " + strings.Repeat("x", 20000) + "\n\na\n--B--\n", kind: TooLarge, reason: "a part of the multipart body has a header of more than 5000 bytes"},
		{name: "a long header later", body: fileHead + "a\n--B\nX: " + strings.Repeat("x", 20000) + "\n\na\n--B--\n", kind: TooLarge, reason: "a part of the multipart body has a header of more than 5000 bytes"},
		{name: "a long text before the parts", body: strings.Repeat("x\n", 10000) + fileHead + "a\n--B--\n", kind: TooLarge, reason: "a part of the multipart body has a header of more than 5000 bytes"},
		{name: "a long rest", body: fileHead + "a\n--B--\n" + strings.Repeat("x", 100000), kind: TooLarge, reason: "the body is larger than 100000 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			contentType := tt.contentType
			if contentType == "" {
				contentType = multipartType
			}
			_, err := Read(t.Context(), Request{Body: strings.NewReader(crlf(tt.body)), ContentType: contentType},
				Options{Known: resultFields, RawBody: true, Limits: limits}, io.Discard)
			wantError(t, err, tt.kind, tt.field, tt.reason)
		})
	}
}

// TestMultipart_everyCut cuts good bodies at every byte. None of the rest is
// good, except what only lost the line end behind the closing boundary.
func TestMultipart_everyCut(t *testing.T) {
	t.Parallel()

	lf := idHead + "7\n" + fileHead + "some\nlines\n--B--\n"
	for _, body := range []string{lf, crlf(lf)} {
		whole := strings.LastIndex(body, "--B--") + len("--B--")
		for n := 1; n <= len(body); n++ {
			for _, chunk := range []int{1, 1 << 20} {
				_, err := Read(t.Context(), Request{Body: &pieces{data: []byte(body[:n]), size: fixed(chunk)}, ContentType: multipartType},
					Options{Known: resultFields, RawBody: true}, io.Discard)
				var fault *Error
				if cut := errors.As(err, &fault) && fault.Kind == Malformed; cut == (n >= whole && body[n-1] != '\r') {
					t.Errorf("cut to %q: error %v", body[:n], err)
				}
			}
		}
	}
}

// FuzzMultipart reads any bytes, and then the same bytes as a file and a text
// that the standard library packed.
func FuzzMultipart(f *testing.F) {
	for _, seed := range []string{
		fileHead + "a\n--B--\n", idHead + "7\n" + bareHead + "\n--B--", noNameHead + "a\n--B", "--B--", "--B\nX: y\n\n", fileHead + "a\n--B \n--Bx\n--B--\n",
		strings.Replace(fileHead, "\n\n", "\nContent-Transfer-Encoding: base64\n\n", 1) + "swAB\n--B--\n",
	} {
		f.Add([]byte(crlf(seed)), uint64(1))
		f.Add([]byte(seed), uint64(2))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		size := func() int { return 1 + random.IntN(50) }
		opts := Options{Known: resultFields, RawBody: true}
		var sink bytes.Buffer
		form, err := Read(context.Background(), Request{Body: &pieces{data: data, size: size}, ContentType: multipartType}, opts, &sink)
		var fault *Error
		if err != nil && !errors.As(err, &fault) {
			t.Fatalf("Read(%q): %v is no *Error", data, err)
		}
		if err == nil && form.File.Bytes != int64(sink.Len()) {
			t.Fatalf("Read(%q): %d bytes counted, %d written", data, form.File.Bytes, sink.Len())
		}

		var body bytes.Buffer
		packed := multipart.NewWriter(&body)
		text := data[:min(len(data), 1<<10)]
		part, _ := packed.CreateFormField("strict")
		_, _ = part.Write(text)
		part, _ = packed.CreateFormFile("file", "name")
		_, _ = part.Write(data)
		_ = packed.Close()
		sink.Reset()
		form, err = Read(context.Background(), Request{Body: &pieces{data: body.Bytes(), size: size}, ContentType: packed.FormDataContentType()}, opts, &sink)
		if err != nil {
			t.Fatalf("Read of a good body: %v", err)
		}
		if !bytes.Equal(sink.Bytes(), data) || !form.File.Posted {
			t.Errorf("file: got %q, want %q", sink.Bytes(), data)
		}
		if want := string([]rune(string(text))); want != "" && form.Values["strict"][0].Text != want {
			t.Errorf("text: got %v, want %q", form.Values, want)
		}
	})
}

func BenchmarkMultipart(b *testing.B) {
	var body bytes.Buffer
	packed := multipart.NewWriter(&body)
	part, _ := packed.CreateFormFile("file", "name")
	for range 16 << 20 / 8 {
		_, _ = part.Write([]byte{byte(rand.Uint32()), 1, 2, 3, 4, 5, 6, 7})
	}
	_ = packed.Close()
	benchmarkRead(b, body.Bytes(), packed.FormDataContentType())
}
