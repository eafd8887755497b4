package store

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestCursor(t *testing.T) {
	t.Parallel()
	values := []any{int64(-1), "ä\x00", nil, int64(1<<63 - 1), ""}
	cursor := EncodeCursor("list", values)
	if strings.Trim(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("cursor %q needs escaping in a URL", cursor)
	}
	if got, err := DecodeCursor("list", cursor); err != nil || !reflect.DeepEqual(got, values) {
		t.Errorf("DecodeCursor: %v, %v; want %v", got, err, values)
	}
	for _, bad := range []string{"", "=", cursor + "A", cursor[:len(cursor)-2], "A" + cursor, strings.Repeat("A", maxCursorLength+1)} {
		if got, err := DecodeCursor("list", bad); !errors.Is(err, ErrBadCursor) {
			t.Errorf("DecodeCursor(%.20q): %v, %v; want ErrBadCursor", bad, got, err)
		}
	}
	if got, err := DecodeCursor("other", cursor); !errors.Is(err, ErrBadCursor) {
		t.Errorf("the cursor of another list: %v, %v; want ErrBadCursor", got, err)
	}
}

func FuzzDecodeCursor(f *testing.F) {
	f.Add(EncodeCursor("l", []any{int64(7), "text", nil}))
	f.Add("")
	f.Add("AQFsaQ4")
	f.Fuzz(func(t *testing.T, cursor string) {
		values, err := DecodeCursor("l", cursor)
		if err != nil {
			if !errors.Is(err, ErrBadCursor) {
				t.Errorf("%v, want ErrBadCursor", err)
			}
			return
		}
		again, err := DecodeCursor("l", EncodeCursor("l", values))
		if err != nil || !reflect.DeepEqual(again, values) {
			t.Errorf("%v became %v, %v", values, again, err)
		}
	})
}
