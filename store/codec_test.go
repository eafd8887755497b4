package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

var codecSamples = []struct {
	tags        []string
	attachments []Attachment
}{
	{nil, nil},
	{[]string{""}, []Attachment{{}}},
	{[]string{"worker-0", "a b", "\xff\x00é"}, []Attachment{
		{Name: "traceback", MIME: "text/x-traceback;charset=utf8", Size: 12, Spans: []Span{{3, 4}, {10, 8}}},
		{Name: "big", Size: 1 << 40, Spans: []Span{{1 << 39, 1}, {0, 1 << 38}}},
		{Name: "inline", MIME: "text/plain", Size: 4, Inline: []byte("here")},
	}},
	{[]string{strings.Repeat("x", 1<<16)}, []Attachment{{Name: strings.Repeat("n", 1<<16)}}},
}

func TestCompactColumns(t *testing.T) {
	t.Parallel()
	for _, sample := range codecSamples {
		if got, err := decodeTags(encodeTags(sample.tags)); err != nil || !reflect.DeepEqual(got, sample.tags) {
			t.Errorf("tags: %q, %v; want %q", got, err, sample.tags)
		}
		if got, err := decodeAttachments(encodeAttachments(sample.attachments)); err != nil || !reflect.DeepEqual(got, sample.attachments) {
			t.Errorf("attachments: %+v, %v; want %+v", got, err, sample.attachments)
		}
	}
	for _, damaged := range []string{"", "\x02", "\x01", "\x01\x05", "\x01\x01", "\x01\x01\xff", "\x01\x00rest",
		"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if got, err := decodeTags([]byte(damaged)); !errors.Is(err, errCompact) {
			t.Errorf("decodeTags(%q): %q, %v; want an error", damaged, got, err)
		}
		if got, err := decodeAttachments([]byte(damaged)); !errors.Is(err, errCompact) {
			t.Errorf("decodeAttachments(%q): %v, %v; want an error", damaged, got, err)
		}
	}
}

// Whatever can be read must come out the same after another round.
func FuzzDecodeAttachments(f *testing.F) {
	for _, sample := range codecSamples[:3] {
		f.Add(encodeAttachments(sample.attachments))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeAttachments(data)
		if err != nil {
			return
		}
		for _, a := range list {
			for _, s := range a.Spans {
				if s.Offset < 0 || s.Length < 0 || s.Offset+s.Length < 0 {
					t.Errorf("span %+v", s)
				}
			}
		}
		again, err := decodeAttachments(encodeAttachments(list))
		if err != nil || !reflect.DeepEqual(again, list) {
			t.Errorf("%+v\nbecame %+v, %v", list, again, err)
		}
	})
}

func FuzzDecodeTags(f *testing.F) {
	for _, sample := range codecSamples[:3] {
		f.Add(encodeTags(sample.tags))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tags, err := decodeTags(data)
		if err != nil {
			return
		}
		again, err := decodeTags(encodeTags(tags))
		if err != nil || !reflect.DeepEqual(again, tags) {
			t.Errorf("%q\nbecame %q, %v", tags, again, err)
		}
	})
}

func TestCursor(t *testing.T) {
	t.Parallel()
	values := []any{int64(-1), "ä\x00", nil, int64(1<<63 - 1), ""}
	cursor := encodeCursor("list", values)
	if strings.Trim(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("cursor %q needs escaping in a URL", cursor)
	}
	if got, err := decodeCursor("list", cursor); err != nil || !reflect.DeepEqual(got, values) {
		t.Errorf("decodeCursor: %v, %v; want %v", got, err, values)
	}
	for _, bad := range []string{"", "=", cursor + "A", cursor[:len(cursor)-2], "A" + cursor, strings.Repeat("A", maxCursorLength+1)} {
		if got, err := decodeCursor("list", bad); !errors.Is(err, ErrBadCursor) {
			t.Errorf("decodeCursor(%.20q): %v, %v; want ErrBadCursor", bad, got, err)
		}
	}
	if got, err := decodeCursor("other", cursor); !errors.Is(err, ErrBadCursor) {
		t.Errorf("the cursor of another list: %v, %v; want ErrBadCursor", got, err)
	}
}

func FuzzDecodeCursor(f *testing.F) {
	f.Add(encodeCursor("l", []any{int64(7), "text", nil}))
	f.Add("")
	f.Add("AQFsaQ4")
	f.Fuzz(func(t *testing.T, cursor string) {
		values, err := decodeCursor("l", cursor)
		if err != nil {
			if !errors.Is(err, ErrBadCursor) {
				t.Errorf("%v, want ErrBadCursor", err)
			}
			return
		}
		again, err := decodeCursor("l", encodeCursor("l", values))
		if err != nil || !reflect.DeepEqual(again, values) {
			t.Errorf("%v became %v, %v", values, again, err)
		}
	})
}

func TestStrings(t *testing.T) {
	t.Parallel()
	for _, want := range []Strings{nil, {"a"}, {"", "é\"\\\n"}} {
		text, err := want.Value()
		if err != nil {
			t.Fatal(err)
		}
		for _, stored := range []any{text, []byte(text.(string))} {
			got := Strings{"old"}
			if err := got.Scan(stored); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Scan(%q): %q, %v; want %q", stored, got, err, want)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	doc := []byte(`{ "b":1.0, "a":"\u0000"}`)
	var j JSON
	if err := j.Scan(doc); err != nil {
		t.Fatal(err)
	}
	doc[0] = 'x' // the driver may use its buffer again
	if got, err := j.MarshalJSON(); err != nil || !bytes.HasPrefix(got, []byte(`{ "b":1.0`)) {
		t.Errorf("MarshalJSON: %s, %v", got, err)
	}
	var copied JSON
	if err := json.Unmarshal([]byte(`[ {"x" : 1e2} ]`), &copied); err != nil || string(copied) != `[ {"x" : 1e2} ]` {
		t.Errorf("UnmarshalJSON: %s, %v; want the very bytes", copied, err)
	}
	if err := j.Scan(nil); err != nil || j != nil {
		t.Errorf("Scan(nil): %q, %v; want nil", j, err)
	}
	if got, _ := j.MarshalJSON(); string(got) != "null" {
		t.Errorf("MarshalJSON of nil: %s, want null", got)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	var p pace
	for range 50 {
		p.took(p.rows(), sliceTime/10)
	}
	if p.rows() != maxSlice {
		t.Errorf("after quick slices %d rows, want %d", p.rows(), maxSlice)
	}
	before := p.rows()
	p.took(before, 100*sliceTime)
	if p.rows() < before*3/4 {
		t.Errorf("after one slow slice %d rows of %d, want it to follow slowly", p.rows(), before)
	}
	for range 50 {
		p.took(p.rows(), 10*sliceTime)
	}
	if p.rows() != minSlice {
		t.Errorf("after slow slices %d rows, want %d", p.rows(), minSlice)
	}
}

func TestTestStatus(t *testing.T) {
	t.Parallel()
	for n, word := range []string{"unknown", "exists", "inprogress", "success", "uxsuccess", "skip", "fail", "xfail"} {
		status, ok := ParseTestStatus(word)
		if !ok || int(status) != n || status.String() != word {
			t.Errorf("ParseTestStatus(%q) = %d %q, %v; want %d", word, status, status, ok, n)
		}
	}
	if status, ok := ParseTestStatus("Fail"); ok || status != TestUnknown {
		t.Errorf("ParseTestStatus(Fail) = %s, %v; want unknown, false", status, ok)
	}
	if got := TestStatus(200).String(); got != "unknown" {
		t.Errorf("status 200 is %q, want unknown", got)
	}
}
