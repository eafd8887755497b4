package refstack

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-lab/slipway/server/edge/fault"
)

// FuzzCheckPassList: whatever is uploaded is taken, or refused with a 400.
func FuzzCheckPassList(f *testing.F) {
	files, err := filepath.Glob("testdata/13_results_*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{"", "{", "[]", "null", `{"cpid":"a","duration_seconds":1,"results":["a",{"name":"b","uuid":null}]}`, `{"cpid":1,"results":{}}`, `{"results":[[[]]]}{`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := checkPassList(strings.NewReader(string(text)))
		var refusal *fault.Fault
		switch {
		case err == nil && list == nil:
			t.Error("neither a list nor an error")
		case err != nil && (!errors.As(err, &refusal) || refusal.Status != 400 || len(refusal.Errors) == 0 || len(refusal.Errors) > maxViolations):
			t.Errorf("%#v, want a 400 that says what was wrong", err)
		}
	})
}

// FuzzParseKey: a key that is read is read the same from its own parts.
func FuzzParseKey(f *testing.F) {
	f.Add("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7 me")
	f.Add("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl")
	f.Add("ssh-rsa")
	f.Add("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDAxH6D1enz/5qP24QASBVEgsXRiTCcvvbDCHwtXYlADNA/KKctj+qHP5yQqXN/gbmLliELANaf0q5uGJjGoXcM80pRgNviwrMh91ALKANZIsDe+dDpExl1xQaWI1CB4wJlNOJ43V3TY7SJNe2faU/K5OdH0EhGvrj1aWaz3dSmNKvUcG7kNJMod4a02+lD69zchBsnitE1S4XK4gHCkq+LIuAck0JAgYhU0nA7cbrL7cz9fp3zuMMfqbYlMNl8QuQw5w0nCiKGWxP6CsK9Gq+/qlrOsPVMP05Ph/G/Tp28kHmkAaIfQ7GoYmepXZ6+92y9XA4k0H//V61mEUwrs4gF x")
	f.Fuzz(func(t *testing.T, line string) {
		k, err := parseKey(line)
		if err != nil {
			return
		}
		again, err := parseKey(k.format + " " + k.base64 + " " + k.comment)
		if err != nil || again.sum != k.sum || again.comment != k.comment {
			t.Errorf("%q: %+v, then %+v, %v", line, k, again, err)
		}
		k.verify(make([]byte, 32), []byte(line))
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ id, name, uuid string }{
		{"a.b", "a.b", ""},
		{"a.b[id-6f3d,smoke]", "a.b", "6f3d"},
		{"a.b[smoke,id-6f-3d](x)", "a.b(x)", "6f-3d"},
		{"a[1][2]b", "ab", ""}, // from the first to the last
		{"a]b[", "a]b[", ""},
		{"", "", ""},
		{"a[id-", "a[id-", ""},
	} {
		if got := bareName(tt.id); got != tt.name {
			t.Errorf("bareName(%q) = %q, want %q", tt.id, got, tt.name)
		}
		if got := idempotentUUID(tt.id); got != tt.uuid {
			t.Errorf("idempotentUUID(%q) = %q, want %q", tt.id, got, tt.uuid)
		}
	}
}
