package seal_test

import (
	"bytes"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/seal"
)

// TestBox: what was sealed opens with the same secret, kind and name only.
func TestBox(t *testing.T) {
	t.Parallel()

	box := func(secret, kind string) seal.Box {
		b, err := seal.New([]byte(secret), kind)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sealed := box("secret", "kind").Seal("name", []byte("text"))
	if bytes.Contains(sealed, []byte("text")) {
		t.Errorf("sealed: %q", sealed)
	}
	for name, tt := range map[string]struct {
		secret, kind, name string
		sealed             []byte
		want               string
	}{
		"the same":       {"secret", "kind", "name", sealed, "text"},
		"another secret": {"another", "kind", "name", sealed, ""},
		"another kind":   {"secret", "another", "name", sealed, ""},
		"another name":   {"secret", "kind", "another", sealed, ""},
		"cut short":      {"secret", "kind", "name", sealed[:5], ""},
		"changed":        {"secret", "kind", "name", append(bytes.Clone(sealed[:len(sealed)-1]), 0), ""},
	} {
		text, err := box(tt.secret, tt.kind).Open(tt.name, tt.sealed)
		if string(text) != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}
