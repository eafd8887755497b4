package products

import (
	"encoding/json"
	"slices"
	"strings"

	resultstore "github.com/slipway-lab/slipway/store/results"
)

// said are the members of a payload in which agents say why a test failed, in the
// order in which they are kept.
var said = []string{"message", "reason", "error", "traceback"}

// failureText is the beginning of what an agent says of a failure in the payload of
// its result: a text as it is, of an object the members that say it, else the JSON
// itself. It is nil for nothing.
func failureText(payload []byte) *string {
	text := strings.TrimSpace(string(payload))
	switch {
	case text == "" || text == "null":
		return nil
	case text[0] == '"':
		if err := json.Unmarshal(payload, &text); err != nil {
			return nil
		}
	case text[0] == '{':
		text = saidIn(payload, text)
	}
	text = strings.ReplaceAll(strings.ToValidUTF8(text[:min(len(text), resultstore.FailureBytes)], ""), "\x00", "")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return &text
}

// saidIn joins the texts of an object that say something; without any it is the
// object's text itself.
func saidIn(payload []byte, whole string) string {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil {
		return whole
	}
	var parts []string
	for _, name := range said {
		var part string
		if json.Unmarshal(members[name], &part) != nil {
			continue
		}
		if part = strings.TrimSuffix(part, "\n"); part != "" && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return whole
	}
	return strings.Join(parts, "\n")
}
