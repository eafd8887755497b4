package bodycheck

import (
	"slices"
	"strings"
	"testing"
)

func TestUnknown(t *testing.T) {
	t.Parallel()

	known := []string{"agent_group", "capabilities", "event_types", "labels", "limit", "mode", "url"}
	for name, want := range map[string]string{
		"agentGroup": "agent_group", "agent-group": "agent_group", "AGENT_GROUP": "agent_group", "group": "agent_group",
		"event_type": "event_types", "evnet_types": "event_types", "lables": "labels", "label": "labels", "capability": "capabilities",
		"limt": "limit", "urls": "url", "mdoe": "mode", "callback_url": "url",
		"": "", "zz": "", "colour": "", "a": "", "\xff": "", "モード": "", strings.Repeat("limit", 1000): "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%.40q) = %q, want %q", name, got, want)
		}
	}
	for _, tt := range []struct {
		name  string
		known []string
		want  string
	}{
		{"limits", known[4:5], "is not a known member (did you mean limit?); known are limit"},
		{"colour", known[4:], "is not a known member; known are limit, mode, url"},
		{"colour", nil, "is not a known member"},
	} {
		if got := Unknown("member", tt.name, tt.known); got != tt.want {
			t.Errorf("Unknown(%q, %q) = %q, want %q", tt.name, tt.known, got, tt.want)
		}
	}
}

// TestUnknown_Nested: JSON at any depth, within alternatives, and forms.
func TestUnknown_Nested(t *testing.T) {
	t.Parallel()

	const hook = `{"type":"object","additionalProperties":false,"properties":{"url":{"type":"string"},"filter":{"nullable":true,"allOf":[` +
		`{"type":"object","additionalProperties":false,"properties":{"product_id":{"type":"string"}}}]}}}`
	c := compile(t, schemaOf(t, hook), Options{})
	for body, want := range map[string][]Violation{
		`{"url":"x","filter":{"product":"p"}}`: {{"/filter/product", "is not a known member (did you mean product_id?); known are product_id"}},
		`{"ulr":"x","filter":null}`:            {{"/ulr", "is not a known member (did you mean url?); known are filter, url"}},
		`{"url":"x"}`:                          nil,
	} {
		if got := c.Check([]byte(body)); !slices.Equal(got, want) {
			t.Errorf("Check(%s)\n got %q\nwant %q", body, got, want)
		}
	}
	want := []Violation{{"/URL", "is not a known member (did you mean url?); known are filter, url"}}
	if got := c.CheckForm(map[string][]string{"URL": {"x"}}); !slices.Equal(got, want) {
		t.Errorf("CheckForm: %q, want %q", got, want)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "axc", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
