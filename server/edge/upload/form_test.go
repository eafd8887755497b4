package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

const formType = "application/x-www-form-urlencoded"

// TestForm walks through the bodies that forms of real tools look like, and
// through those that only look like forms.
func TestForm(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name   string
		body   string
		file   string
		values string // as printed by showValues
	}{
		{name: "curl --data does not encode", body: "file=a&test_id=100", file: "a", values: "test_id=100"},
		{name: "a semicolon is text", body: "test_id=step 1; done&file=a;b", file: "a;b", values: "test_id=step 1; done"},
		{name: "a plus is a space", body: "test_id=a+b&file=c+d", file: "c d", values: "test_id=a b"},
		{name: "a lone percent sign stays", body: "test_id=50% done&file=%&file=%4&file=%4g&file=%%41", file: "%%4%4g%A", values: "test_id=50% done"},
		{name: "a percent sign before the separator stays", body: "test_id=1%&file=%2&strict=%", file: "%2", values: "strict=%;test_id=1%"},
		{name: "digits in both cases", body: "file=%c3%9F%C3%9f", file: "ßß"},
		{name: "the file is never repaired", body: "file=%E9\xff%00&test_id=caf\xe9", file: "\xe9\xff\x00", values: "test_id=caf\ufffd"},
		{name: "a wrong byte is one replacement", body: "test_id=\xe9\xe8&file=a", file: "a", values: "test_id=\ufffd\ufffd"},
		{name: "lines of a file between other fields", body: "file=a%0A&test_id=1&file=b%0A&strict=&file=c", file: "a\nb\nc", values: "test_id=1"},
		{name: "equals signs in a value", body: "file=a=b==&test_id==", file: "a=b==", values: "test_id=="},
		{name: "an escaped separator is text", body: "file=%26%3d&test_id=%26", file: "&=", values: "test_id=&"},
		{name: "an escaped name", body: "file=a&test%5Fid=1&fi%6ce=b", file: "ab", values: "test_id=1"},
		{name: "empty pairs", body: "file=a&&&=&test_id=1&", file: "a", values: "test_id=1"},
		{name: "a name without a value", body: "test_id=&file=a&strict&file", file: "a"},
		{name: "unknown fields", body: "file=a&other=b&test_id_=2&fil=c&files=d&=e", file: "a"},
		{name: "a repeated text", body: "file=a&test_id=1&test_id=2&test_id=1", file: "a", values: "test_id=1;test_id=2"},
		{name: "an empty body", body: ""},
		{name: "a line end behind the form", body: "file=a&test_id=1\n", file: "a", values: "test_id=1\n"},

		{name: "a raw file", body: "test: a\nsuccess: a\n", file: "test: a\nsuccess: a\n"},
		{name: "a raw file with separators", body: "a=b&file=c%41+", file: "a=b&file=c%41+"},
		{name: "a raw file of zeros", body: "\x00\x00&file=", file: "\x00\x00&file="},
		{name: "a raw file that is a name", body: "file", file: "file"},
		{name: "a raw file that starts like a longer name", body: "files=1", file: "files=1"},
		{name: "a raw file that starts with a separator", body: "&file=1", file: "&file=1"},
		{name: "one byte", body: "\xb3", file: "\xb3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			for _, chunk := range []int{1, 2, 3, 7, 1 << 20} {
				form, file := mustRead(t, &pieces{data: []byte(tt.body), size: fixed(chunk)}, formType)
				if file != tt.file {
					t.Errorf("read by %d, file: got %q, want %q", chunk, file, tt.file)
				}
				if got := showValues(form.Values); got != tt.values {
					t.Errorf("read by %d, values: got %q, want %q", chunk, got, tt.values)
				}
				if form.File.Posted != (tt.file != "") {
					t.Errorf("read by %d, Posted = %t", chunk, form.File.Posted)
				}
			}
		})
	}
}

// TestForm_onlyForm shows that without RawBody every body called a form is one.
func TestForm_onlyForm(t *testing.T) {
	t.Parallel()

	values, err := ReadText(t.Context(), Request{Body: strings.NewReader("other=1&status=a;+100%"), ContentType: formType + "; charset=utf-8"},
		Options{Known: []string{"status"}})
	if got, want := showValues(values), "status=a; 100%"; got != want || err != nil {
		t.Errorf("ReadText: %q, %v, want %q", got, err, want)
	}
}

// TestForm_bigLines joins a file whose fields are longer and shorter than what
// is read at a time, and stand at every offset to it.
func TestForm_bigLines(t *testing.T) {
	t.Parallel()

	random := rand.New(rand.NewPCG(1, 2))
	var body, want bytes.Buffer
	for body.Len() < 3<<20 {
		line := make([]byte, random.IntN(3)*random.IntN(formChunk)+random.IntN(200))
		for i := range line {
			line[i] = byte(random.Uint32())
		}
		want.Write(line)
		body.WriteString("file=" + url.QueryEscape(string(line)) + "&")
	}
	body.WriteString("test_id=9")
	form, file := mustRead(t, &body, formType)
	if file != want.String() {
		t.Errorf("file: %d bytes differ from the %d sent", len(file), want.Len())
	}
	if got := showValues(form.Values); got != "test_id=9" {
		t.Errorf("values: %q", got)
	}
}

func TestForm_limits(t *testing.T) {
	t.Parallel()

	limits := Limits{File: 20, Body: 200, Text: 10, Fields: 3, Name: 12}
	tests := []struct {
		name, body, field, reason string
	}{
		{name: "all at their limits", body: "file=12345678901234567890&test_id=1234567890&strict=1&123456789012=x"},
		{name: "the file", body: "file=1234567890&file=12345678901", field: "file", reason: "file is larger than 20 bytes"},
		{name: "a raw file", body: "123456789012345678901", field: "file", reason: "file is larger than 20 bytes"},
		{name: "a text", body: "file=1&test_id=12345678901", field: "test_id", reason: "test_id is longer than 10 bytes"},
		{name: "a name", body: "file=1&1234567890123=x", reason: "the form has a field name of more than 12 bytes"},
		{name: "a name without end", body: "file=1&" + strings.Repeat("n", 100), reason: "the form has a field name of more than 12 bytes"},
		{name: "the fields", body: "file=1&a=1&b=&c&d=1", reason: "the body has more than 3 text fields"},
		{name: "the same field", body: "file=1&strict=1&strict=1&strict=1&strict=1", reason: "the body has more than 3 text fields"},
		{name: "many lines of a file are no fields", body: "file=1&file=1&file=1&file=1&file=1&file=1"},
		{name: "the body", body: strings.Repeat("file=&", 40), reason: "the body is larger than 200 bytes"},
		{name: "a body that just fits", body: strings.Repeat("file=&file=&&&", 14) + "file"},
		{name: "an unknown field only costs its length", body: "file=1&x=" + strings.Repeat("x", 150)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			_, err := Read(t.Context(), Request{Body: strings.NewReader(tt.body), ContentType: formType},
				Options{Known: resultFields, RawBody: true, Limits: limits}, io.Discard)
			wantError(t, err, TooLarge, tt.field, tt.reason)
		})
	}
}

// referenceForm is the form rule with everything in memory, one thing after
// the other.
func referenceForm(body string) (file string, values Values) {
	values = Values{}
	for pair := range strings.SplitSeq(body, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, value = referenceUnescape(name), referenceUnescape(value)
		switch name {
		case "file":
			file += value
		case "test_id", "run_token", "strict":
			values.add(name, string([]rune(value)), inForm)
		}
	}
	return file, values
}

func referenceUnescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '+':
			out.WriteByte(' ')
		case text[i] == '%' && i+2 < len(text):
			n, err := strconv.ParseUint(strings.ToLower(text[i+1:i+3]), 16, 8)
			if err != nil || strings.ContainsAny(text[i+1:i+3], "+-_") {
				out.WriteByte('%')
				continue
			}
			out.WriteByte(byte(n))
			i += 2
		default:
			out.WriteByte(text[i])
		}
	}
	return out.String()
}

func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"file=a%0A&file=b&test_id=1234", "test_id=step 1; 50% done + more&file=x", "file=%", "file=%4&%=%&=&%66ile=%%41%e9\xe9",
		"strict=1&file&file=&test_id", "", "&&", "file=+%2B+&run_token=caf\xe9&test_id=%00",
	} {
		f.Add([]byte(seed), uint64(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		wantFile, wantValues := referenceForm(string(body))
		limits := Limits{Fields: 1 << 30, Name: 1 << 30}
		random := rand.New(rand.NewPCG(seed, 0))
		r := newReader(Options{Known: resultFields, FileFields: []string{"file"}, Limits: limits}, random.IntN(2) == 0)
		var sink bytes.Buffer
		form, err := r.read(context.Background(), Request{
			Body:        &pieces{data: body, size: func() int { return 1 + random.IntN(9) }},
			ContentType: formType,
		}, &sink)
		if err != nil {
			t.Fatalf("Read(%q): %v", body, err)
		}
		if sink.String() != wantFile {
			t.Errorf("Read(%q): file %q, want %q", body, sink.String(), wantFile)
		}
		if !reflect.DeepEqual(form.Values, wantValues) {
			t.Errorf("Read(%q): values %v, want %v", body, form.Values, wantValues)
		}
		q := newReader(Options{Known: resultFields, FileFields: []string{"file"}}, true)
		file, err := q.query(string(body))
		for _, given := range wantValues {
			for i := range given {
				given[i].Place = inQuery
			}
		}
		if err != nil || string(file) != wantFile || !reflect.DeepEqual(q.values, wantValues) {
			t.Errorf("query(%q) = %q, %v, %v, want %q, %v", body, file, err, q.values, wantFile, wantValues)
		}
	})
}

// BenchmarkForm reads forms as python-requests makes them, a field per line.
func BenchmarkForm(b *testing.B) {
	for _, name := range []string{"2_requests_form_stestr_v1", "2_requests_form_stestr_v2"} {
		_, one, _ := bytes.Cut(readTestdata(b, "wire/"+name+".http.gz", true), []byte("\r\n\r\n"))
		form := bytes.Repeat(append(one, '&'), 15<<20/len(one))
		b.Run(name, func(b *testing.B) { benchmarkRead(b, form, formType) })
	}
	random := make([]byte, 5<<20)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	b.Run("random", func(b *testing.B) { benchmarkRead(b, []byte("file="+url.QueryEscape(string(random))), formType) })
	b.Run("raw", func(b *testing.B) { benchmarkRead(b, random, formType) })
}

func benchmarkRead(b *testing.B, body []byte, contentType string) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := Read(b.Context(), Request{Body: &pieces{data: body, size: fixed(1 << 20)}, ContentType: contentType},
			Options{Known: resultFields, RawBody: true, Limits: Limits{Fields: 1 << 30}}, io.Discard)
		if err != nil {
			b.Fatal(err)
		}
	}
}

// pieces is a reader that hands out a few bytes at a time.
type pieces struct {
	data []byte
	size func() int
}

func (p *pieces) Read(buf []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(buf[:min(len(buf), p.size())], p.data)
	p.data = p.data[n:]
	return n, nil
}

func fixed(n int) func() int { return func() int { return n } }

// mustRead reads a body as an upload and opens the section, if there is one.
func mustRead(t *testing.T, body io.Reader, contentType string) (*Form, string) {
	t.Helper()
	var sink bytes.Buffer
	form, err := Read(t.Context(), Request{Body: body, ContentType: contentType}, Options{Known: resultFields, RawBody: true}, &sink)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	if form.File.Bytes != int64(sink.Len()) {
		t.Errorf("File.Bytes = %d, written %d", form.File.Bytes, sink.Len())
	}
	if form.File.Section == nil {
		return form, sink.String()
	}
	file, err := io.ReadAll(form.File.Section.Open(bytes.NewReader(sink.Bytes())))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return form, string(file)
}

// wantError checks an *Error; an empty reason wants none at all.
func wantError(t *testing.T, err error, kind Kind, field, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Errorf("got error %v, want none", err)
		}
		return
	}
	var got *Error
	if !errors.As(err, &got) {
		t.Fatalf("got error %v, want %q", err, reason)
	}
	if got.Kind != kind || got.Field != field || got.Error() != reason {
		t.Errorf("got kind %d, field %q, %q, want kind %d, field %q, %q", got.Kind, got.Field, got.Error(), kind, field, reason)
	}
}

// showValues prints values sorted, as name=text;name=text.
func showValues(v Values) string {
	var all []string
	for _, field := range []string{"finished", "run_token", "status", "strict", "test_id"} {
		for _, given := range v[field] {
			all = append(all, fmt.Sprintf("%s=%s", field, given.Text))
		}
	}
	return strings.Join(all, ";")
}
