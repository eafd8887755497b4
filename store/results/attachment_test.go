package results

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
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
		{Name: "derived", Size: 4, Spans: []Span{{9, 4}}, File: 1 << 40, Derived: true},
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

func TestDetails(t *testing.T) {
	t.Parallel()
	for _, o := range []Origin{{}, {Suite: "s"}, {Host: "h"}, {Prefix: 3}, {Suite: "\xff", Host: "", Prefix: 1 << 40, Properties: []Property{{}, {"a", "b"}}}} {
		if got, err := DecodeOrigin(o.encodeDetails()); err != nil || !reflect.DeepEqual(got, o) {
			t.Errorf("%+v, %v; want %+v", got, err, o)
		}
	}
	for _, damaged := range []string{"\x02", "\x01", "\x01\x05", "\x01\x00\x00\x00", "\x01\x00\x00\x00\x01", "\x01\x00\x00\x00\x00rest", "\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if got, err := DecodeOrigin([]byte(damaged)); !errors.Is(err, errCompact) {
			t.Errorf("DecodeOrigin(%q): %+v, %v; want an error", damaged, got, err)
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

func FuzzDecodeRecords(f *testing.F) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for i, sample := range codecSamples[:3] {
		f.Add(encodeRecords([]TestRecord{{Record: int64(i), Status: TestFail, Start: at, Tags: sample.tags, Attachments: sample.attachments}, {Record: 7, Stop: at}}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeRecords(data, 5)
		if err != nil {
			return
		}
		again, err := decodeRecords(encodeRecords(list), 5)
		if err != nil || !reflect.DeepEqual(again, list) {
			t.Errorf("%+v\nbecame %+v, %v", list, again, err)
		}
	})
}
