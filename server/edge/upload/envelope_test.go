package upload

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

const jsonType = "application/json"

func TestEnvelope(t *testing.T) {
	t.Parallel()

	deep := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	tests := []struct {
		name    string
		body    string
		file    string // "" means the whole body
		values  string
		missing bool
	}{
		{name: "a plain result", body: `{"cpid":"x","results":[]}`},
		{name: "an array", body: `[{"file":"a"}]`},
		{name: "a file further in", body: `{"a":{"file":"b"},"test_id":7}`},
		{name: "a word", body: `"file"`},
		{name: "white space", body: " \n"},
		{name: "no JSON", body: "test: a\nsuccess: a\n"},
		{name: "NaN, as python writes it", body: `{"duration_seconds": NaN, "file": 1}`},
		{name: "cut before it shows a file", body: `{"test_id":7,"file"`},
		{name: "too deep before it shows a file", body: `{"a":` + deep + deep + `,"file":{}}`},
		{name: "two values", body: `{"a":1} {"file":{}}`},
		{name: "a zero byte", body: "{\x00}"},

		{name: "an object", body: `{"file": {"b": [1, "}"], "a" :null } ,"test_id":7}`, file: `{"b": [1, "}"], "a" :null }`, values: "test_id=7"},
		{name: "an array as the file", body: `{"file":[{"name":"x"}]}`, file: `[{"name":"x"}]`},
		{name: "a string", body: `{"test_id":"7","file":"test: a\nsuccess: a\n"}`, file: "test: a\nsuccess: a\n", values: "test_id=7"},
		{name: "escapes", body: `{"file":"\"\\\/\b\f\n\r\t\u0000\u00e9\u20AC\ud83d\ude00"}`, file: "\"\\/\b\f\n\r\t\x00é€😀"},
		{name: "half surrogate pairs", body: `{"file":"\ud83dx\ude00\ud83d\u0041\ud83d\ud83d\ude00\udcb3"}`, file: "\ufffdx\ufffd\ufffdA\ufffd😀\ufffd"},
		{name: "bytes that are no UTF-8 stay in the file", body: "{\"file\":\"\xb3)\",\"test_id\":\"\xe9\"}", file: "\xb3)", values: "test_id=\ufffd"},
		{name: "all kinds of texts", body: `{"test_id":1234,"strict":true,"run_token":null,"file":{}}`, file: `{}`, values: "strict=true;test_id=1234"},
		{name: "false, and a number as written", body: `{"strict":false,"test_id":1.50e0 ,"run_token":-0,"file":{}}`, file: `{}`, values: "run_token=-0;strict=false;test_id=1.50e0"},
		{name: "escaped names", body: `{"fi\u006ce":{},"test\u005fid":"\u0037","\ud83d":1,"` + strings.Repeat("x", 1000) + `":1}`, file: `{}`, values: "test_id=7"},
		{name: "unknown members, even twice", body: `{"x":1,"x":{"file":2},"file":{},"y":[]}`, file: `{}`},
		{name: "a byte order mark", body: "\ufeff {\"file\":{\"a\":1}}\n", file: `{"a":1}`},
		{name: "as deep as allowed", body: `{"file":` + deep + `}`, file: deep},
		{name: "a long string", body: `{"file":"` + strings.Repeat(`a\ud83d\ude00\n`, 20000) + `"}`, file: strings.Repeat("a😀\n", 20000)},
		{name: "null is no file", body: `{"file":null,"test_id":7}`, values: "test_id=7", missing: true},
		{name: "an empty string is no file", body: `{"file":""}`, missing: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			for _, chunk := range []int{1, 2, 13, 1 << 20} {
				form, file := mustRead(t, &pieces{data: []byte(tt.body), size: fixed(chunk)}, jsonType)
				if want := cmp.Or(tt.file, tt.body); file != want {
					t.Errorf("read by %d, file: got %.80q, want %.80q", chunk, file, want)
				}
				if got := showValues(form.Values); got != tt.values {
					t.Errorf("read by %d, values: got %q, want %q", chunk, got, tt.values)
				}
				if form.File.Posted == tt.missing || (form.File.Section != nil) != (tt.file != "") {
					t.Errorf("read by %d: %+v", chunk, form.File)
				}
			}
		})
	}
}

func TestEnvelope_refused(t *testing.T) {
	t.Parallel()

	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	const kinds = "file in the JSON body must be an object, an array or a string"
	tests := []struct {
		name, body    string
		kind          Kind
		field, reason string
	}{
		{name: "a number as the file", body: `{"file":5}`, kind: Malformed, field: "file", reason: kinds},
		{name: "true as the file", body: `{"file":true}`, kind: Malformed, field: "file", reason: kinds},
		{name: "an object as an id", body: `{"test_id":{"a":1},"file":{}}`, kind: Malformed, field: "test_id", reason: "test_id in the JSON body must be a string, a number, true, false or null"},
		{name: "two files", body: `{"file":{},"file":{}}`, kind: Malformed, field: "file", reason: "file is given twice in the JSON body"},
		{name: "two ids", body: `{"test_id":1,"file":{},"test_id":1}`, kind: Malformed, field: "test_id", reason: "test_id is given twice in the JSON body"},
		{name: "cut in the file", body: `{"test_id":1,"file":{"a":1`, kind: Malformed, reason: "the JSON body is malformed at byte 26: it ends too early"},
		{name: "cut behind the file", body: `{"file":"a"`, kind: Malformed, reason: "the JSON body is malformed at byte 11: it ends too early"},
		{name: "more behind the object", body: `{"file":"a"} x`, kind: Malformed, reason: "the JSON body is malformed at byte 13: there is an unexpected character"},
		{name: "NaN in the file", body: `{"file":{"a":NaN}}`, kind: Malformed, reason: "the JSON body is malformed at byte 13: there is an unexpected character where a value must be"},
		{name: "too deep in the file", body: `{"file":` + deep + `}`, kind: Malformed, reason: "the JSON body is malformed at byte 72: it is nested too deep"},
		{name: "a long id", body: `{"file":{},"test_id":"` + strings.Repeat("1", 101) + `"}`, kind: TooLarge, field: "test_id", reason: "test_id is longer than 100 bytes"},
		{name: "a long escaped id", body: `{"file":{},"test_id":"` + strings.Repeat(`\u0031`, 101) + `"}`, kind: TooLarge, field: "test_id", reason: "test_id is longer than 100 bytes"},
		{name: "a very long id", body: `{"file":{},"test_id":"` + strings.Repeat(`\u0031`, 1000) + `"}`, kind: TooLarge, field: "test_id", reason: "test_id is longer than 100 bytes"},
		{name: "a long escaped id that just fits", body: `{"file":{},"test_id":"` + strings.Repeat(`\u0031`, 100) + `"}`},
		{name: "the body", body: `{"file":"` + strings.Repeat("x", 10000) + `"}`, kind: TooLarge, field: "file", reason: "file is larger than 9000 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			for _, chunk := range []int{1, 1 << 20} {
				_, err := Read(t.Context(), Request{Body: &pieces{data: []byte(tt.body), size: fixed(chunk)}, ContentType: jsonType},
					Options{Known: resultFields, RawBody: true, Limits: Limits{File: 9000, Text: 100}}, io.Discard)
				wantError(t, err, tt.kind, tt.field, tt.reason)
			}
		})
	}
}

// TestEnvelope_names reads the subunit call of RefStack's later API, which
// calls the file "subunit_data", and "subunit data" in one place.
func TestEnvelope_names(t *testing.T) {
	t.Parallel()

	opts := Options{FileFields: []string{"subunit_data", "subunit data", "file"}, RawBody: true}
	var sink bytes.Buffer
	for _, body := range []string{`{"subunit_data":"test: a"}`, `{"subunit data":"test: a"}`, `{"file":"test: a"}`} {
		sink.Reset()
		form, err := Read(t.Context(), Request{Body: strings.NewReader(body), ContentType: jsonType}, opts, &sink)
		if err != nil || form.File.Section == nil {
			t.Fatalf("Read(%s): %+v, %v", body, form, err)
		}
		if file, _ := io.ReadAll(form.File.Section.Open(bytes.NewReader(sink.Bytes()))); string(file) != "test: a" {
			t.Errorf("Read(%s): file %q", body, file)
		}
	}
	_, err := Read(t.Context(), Request{Body: strings.NewReader(`{"subunit_data":"a","file":"a"}`), ContentType: jsonType}, opts, io.Discard)
	wantError(t, err, Malformed, "file", "file is given twice in the JSON body")
}

// TestSection_wrong opens sections of bodies that they do not belong to.
func TestSection_wrong(t *testing.T) {
	t.Parallel()

	const body = `\u12\x\`
	for offset := range int64(len(body) + 2) {
		file, err := io.ReadAll(Section{Offset: offset, Length: 50, Text: true}.Open(strings.NewReader(body)))
		if want := body[min(int(offset), len(body)):]; string(file) != want || err != nil {
			t.Errorf("offset %d: got %q, %v, want %q", offset, file, err, want)
		}
	}
}

// FuzzEnvelope compares with encoding/json: what is JSON, what is an envelope,
// and what is in it.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"file":{"a":[1,2.5e-3,true,false,null,"x\u0041"]},"test_id":7}`, `{"file":"a\n\ud83d\ude00\ud83d","strict":"yes"}`, `{"file":null}`,
		`[1,-0,0.0,1e5,01]`, `{"a":{"file":1},"b":[],"c":{}}`, `{"a":1,}`, `[1,]`, `{"file":{},"file":1}`, "{\"a\":\"\x01\"}", `"\x"`, `tru`, ` 1 `, `-`, `{"file":"a"}x`,
	} {
		f.Add([]byte(seed), uint64(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		size := func() int { return 1 + random.IntN(9) }
		scanner := &jsonScanner{depth: 1 << 20}
		_, _ = io.Copy(scanWriter{scanner}, &pieces{data: body, size: size})
		scanner.finish()
		if want := json.Valid(bytes.TrimPrefix(body, []byte(byteOrderMark))); (scanner.fault == "") != want {
			t.Fatalf("scan(%q): %q, json.Valid says %t", body, scanner.fault, want)
		}
		var sink bytes.Buffer
		form, err := Read(context.Background(), Request{Body: &pieces{data: body, size: size}, ContentType: jsonType},
			Options{Known: resultFields, RawBody: true}, &sink)
		var fault *Error
		if err != nil {
			if !errors.As(err, &fault) {
				t.Fatalf("Read(%q): %v is no *Error", body, err)
			}
			return
		}
		if !bytes.Equal(sink.Bytes(), body) {
			t.Fatalf("Read(%q) wrote %q", body, sink.Bytes())
		}
		checkEnvelope(t, body, form)
	})
}

// checkEnvelope compares an accepted body with what encoding/json finds in it.
func checkEnvelope(t *testing.T, body []byte, form *Form) {
	t.Helper()
	var members map[string]json.RawMessage
	// Names that are not UTF-8 are one name to encoding/json only.
	if !utf8.Valid(body) || json.Unmarshal(bytes.TrimPrefix(body, []byte(byteOrderMark)), &members) != nil {
		return
	}
	raw, is := members["file"]
	if section := form.File.Section; section != nil {
		file, err := io.ReadAll(section.Open(bytes.NewReader(body)))
		want := string(raw)
		if section.Text {
			_ = json.Unmarshal(raw, &want)
		}
		if err != nil || !is || string(file) != want {
			t.Errorf("Read(%q): file %q, %v, want %q", body, file, err, want)
		}
	} else if is && string(raw) != "null" && string(raw) != `""` && !tooDeep(raw) {
		t.Errorf("Read(%q): no section, but %q", body, raw)
	}
	for field, given := range form.Values {
		var text string
		if json.Unmarshal(members[field], &text) != nil {
			text = string(members[field])
		}
		if given[0].Text != text {
			t.Errorf("Read(%q): %s = %q, want %q", body, field, given[0].Text, text)
		}
	}
}

func tooDeep(raw []byte) bool {
	return bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) > 60
}

func BenchmarkEnvelope(b *testing.B) {
	text, _ := json.Marshal(map[string]any{"file": string(readTestdata(b, "files/04_stestr_4workers_v1.subunit.gz", true)), "test_id": 7})
	b.Run("string", func(b *testing.B) { benchmarkRead(b, text, jsonType) })
	items := bytes.Repeat([]byte(`{"name":"tempest.api.compute.servers","ok":true,"n":[1,2.5,-3e7]},`), 50000)
	object := append(append([]byte(`{"test_id":7,"file":[`), items...), `0]}`...)
	b.Run("object", func(b *testing.B) { benchmarkRead(b, object, jsonType) })
}
