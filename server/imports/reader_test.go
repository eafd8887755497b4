package imports

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// records reads everything: documents, and what stands in the place of one, each with
// its line.
func records(t testing.TB, r *Reader) (all []string) {
	t.Helper()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.Err != nil {
			all = append(all, fmt.Sprintf("%d! %v", rec.Line, rec.Err))
			continue
		}
		all = append(all, fmt.Sprintf("%d %s", rec.Line, rec.Text))
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		want       []string
	}{
		{"nothing", "", nil},
		{"one a line", "{\"a\":1}\n{\"b\":{}}\n", []string{`1 {"a":1}`, `2 {"b":{}}`}},
		{"lines of Windows and blank ones", "\xef\xbb\xbf{\"a\":1}\r\n\r\n{\"b\":2}", []string{`1 {"a":1}`, `3 {"b":2}`}},
		{"a list in one line", `[{"a":1},{"b":2}]`, []string{`1 {"a":1}`, `1 {"b":2}`}},
		{"over several lines", "{\n\t\"a\": {\n\t\t\"b\": 1\n\t}\n}\n{\n}\n", []string{"1 {\n\t\"a\": {\n\t\t\"b\": 1\n\t}\n}", "6 {\n}"}},
		{"braces and quotes in texts", `{"a":"}\"{"}`, []string{`1 {"a":"}\"{"}`}},
		{"a line that is cut", "{\"a\":1,\n{\"b\":2}\n", []string{"1! " + errCut.Error(), `2 {"b":2}`}},
		{"a line that is cut in a text", "{\"a\":\"tex\n{\"b\":2}\n", []string{"1! " + errCutText.Error(), `2 {"b":2}`}},
		{"a line of something else", "{\"a\":1}\n2026 connected to: localhost\n{\"b\":2}\n", []string{`1 {"a":1}`, "2! " + errJunk.Error(), `3 {"b":2}`}},
		{"half a file", "{\"a\":1}\n{\"b\":", []string{`1 {"a":1}`, "2! " + errEnd.Error()}},
		{"half a list", "[{\"a\":1},", []string{`1 {"a":1}`, "1! " + errList.Error()}},
		{"a list of something else", `[1,{"a":1}]`, []string{"1! " + errJunk.Error(), `1 {"a":1}`}},
		{"too large a document", `{"a":"` + strings.Repeat("x", 200) + "\"}\n{\"b\":2}", []string{"1! " + errLarge.Error(), `2 {"b":2}`}},
		{"UTF-16", "\xff\xfe{\x00}\x00", []string{"1! " + errUTF16.Error()}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for name, in := range map[string]io.Reader{"whole": strings.NewReader(tt.file), "by bytes": iotest.OneByteReader(strings.NewReader(tt.file))} {
				if tt.name == "lines of Windows and blank ones" && name == "by bytes" {
					continue // the mark is three bytes of one reading
				}
				if got := records(t, NewReader(in, 100)); !slices.Equal(got, tt.want) {
					t.Errorf("%s: %q, want %q", name, got, tt.want)
				}
			}
		})
	}
}

// endless is a file of one line that does not end.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, bytes.Repeat([]byte("x"), int(min(int64(len(p)), e.left))))
	e.left -= int64(n)
	return n, nil
}

func TestReader_OneLine(t *testing.T) {
	t.Parallel()
	r := NewReader(io.MultiReader(strings.NewReader(`{"a":"`), &endless{left: 64 << 20}), 1<<20)
	if got := records(t, r); len(got) != 1 || got[0] != "1! "+errEnd.Error() {
		t.Errorf("%q", got)
	}
	if cap(r.document) > 4<<20 {
		t.Errorf("it kept %d bytes of a line of 64 MiB, and may keep 1 MiB", cap(r.document))
	}
}

// TestReader_Skip goes on from each position as if the reader had never stopped, and not
// in another file.
func TestReader_Skip(t *testing.T) {
	t.Parallel()
	file := "[{\"a\":1},\n{\"b\":\n\n2},{\"c\":3}\n,{\"d\":4}]\n"
	first := NewReader(strings.NewReader(file), 0)
	all := records(t, NewReader(strings.NewReader(file), 0))
	for done := 0; ; done++ {
		at := first.Position()
		next := NewReader(iotest.HalfReader(strings.NewReader(file)), 0)
		if same, err := next.Skip(at); err != nil || !same {
			t.Fatalf("Skip(%+v): %v, %v", at, same, err)
		}
		if got := records(t, next); !slices.Equal(got, all[done:]) {
			t.Errorf("from %+v: %q, want %q", at, got, all[done:])
		}
		other := NewReader(strings.NewReader(strings.Replace(file, "a", "x", 1)), 0)
		if same, err := other.Skip(at); err != nil || same != (at.Offset < 4) {
			t.Errorf("Skip(%+v) in another file: %v, %v", at, same, err)
		}
		if _, err := first.Next(); errors.Is(err, io.EOF) {
			break
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{"{}\n{\"a\":\"}\"}", "[{},{}]", "[1,{\"a\":{\n{", "\xef\xbb\xbf{}", "\xff\xfe", "{\"a\":\"\\", "}\n]"} {
		f.Add([]byte(seed), uint8(10))
	}
	f.Fuzz(func(t *testing.T, file []byte, most uint8) {
		r := NewReader(bytes.NewReader(file), int(most)+1)
		var offset, lines int64
		for {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			at := r.Position()
			if rec.Err == nil && at.Offset <= offset || at.Offset < offset || rec.Line < lines || len(rec.Text) > int(most)+1 {
				t.Fatalf("%+v at %+v after offset %d, line %d", rec, at, offset, lines)
			}
			offset, lines = at.Offset, rec.Line
		}
		if at := r.Position(); at.Offset != int64(len(file)) {
			t.Errorf("read %d of %d bytes", at.Offset, len(file))
		}
	})
}
