package lab

import (
	"slices"
	"testing"
)

func TestReadArray(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []string
		ok   bool
	}{
		{"", nil, true}, {"{}", nil, true}, {"{a,b}", []string{"a", "b"}, true}, {`{"a b","c\"\\,}"}`, []string{"a b", `c"\,}`}, true},
		{`{NULL,"NULL",""}`, []string{"NULL", ""}, true}, {"a", nil, false}, {`{"a}`, nil, false}, {"{a,}", []string{"a"}, false}, {`{"a"b}`, []string{"a"}, false}, {"{", nil, false}, {"}", nil, false},
	}
	for _, tt := range tests {
		if got, ok := readArray(tt.text); ok != tt.ok || ok && !slices.Equal(got, tt.want) {
			t.Errorf("readArray(%q): %q, %v, want %q, %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzReadArray(f *testing.F) {
	for _, seed := range []string{"{a,b}", `{"a\"b",NULL}`, "{", `{"`, `{\`, "{,}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := readArray(text)
		size := 0
		for _, item := range list {
			size += len(item)
		}
		if size > len(text) {
			t.Errorf("%d bytes of %d", size, len(text))
		}
	})
}
