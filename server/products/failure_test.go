package products

import (
	"strings"
	"testing"
)

func TestFailureText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, payload, want string }{
		{"nothing", "", ""},
		{"null", " null ", ""},
		{"an empty text", `""`, ""},
		{"a text", `"no route\nto host"`, "no route\nto host"},
		{"a text that looks like JSON", `"{'foo': 'bar'}"`, "{'foo': 'bar'}"},
		{"members that say it", `{"z": 1, "traceback": "Traceback\n  x", "message": "it failed\n", "reason": null, "error": "it failed\n"}`, "it failed\nTraceback\n  x"},
		{"an object that says nothing", `{"exit": 4}`, `{"exit": 4}`},
		{"a message that is no text", `{"message": {"a": 1}}`, `{"message": {"a": 1}}`},
		{"a list", `[1, "x"]`, `[1, "x"]`},
		{"a number", "4", "4"},
		{"U+0000", `"a\u0000b"`, "ab"},
		{"a long text", `"` + strings.Repeat("é", 3000) + `"`, strings.Repeat("é", 2048)},
	} {
		got := ""
		if text := failureText([]byte(tt.payload)); text != nil {
			got = *text
		}
		if got != tt.want {
			t.Errorf("%s: failureText(%.60q) = %.60q, want %.60q", tt.name, tt.payload, got, tt.want)
		}
	}
}
