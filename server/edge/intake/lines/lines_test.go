package lines_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/intake/lines"
)

func TestScanner(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", lines.MaxBytes+10)
	input := "a\r\n\ufeff\n" + long + "\nb"
	want := []struct {
		text        string
		at          int64
		ended, long bool
	}{
		{"a", 0, true, false},
		{"", 3, true, false},
		{long[:lines.MaxBytes], 7, true, true},
		{"b", int64(len(input)) - 1, false, false},
	}
	s := lines.New(strings.NewReader(input))
	for i, w := range want {
		l, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if string(l.Text) != w.text || l.At != w.at || l.Ended != w.ended || l.Long != w.long {
			t.Errorf("line %d is %.20q at %d, ended %v, long %v; want %.20q at %d, %v, %v", i, l.Text, l.At, l.Ended, l.Long, w.text, w.at, w.ended, w.long)
		}
	}
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last line %v, want io.EOF", err)
	}
}
