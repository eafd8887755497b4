package triage

import (
	"regexp"
	"strings"
)

// rerun is a command that runs one test again, in the words of the runner that its
// name and its file come from; "" where none is known.
func rerun(name, format string) string {
	if strings.ContainsAny(name, "\n\r\x00") {
		return ""
	}
	switch body, _, _ := strings.Cut(name, "["); {
	case strings.HasPrefix(name, "tempest."):
		return "tempest run --regex " + quoted("^"+regexp.QuoteMeta(body))
	case strings.HasPrefix(name, "ltp."):
		parts := strings.Split(name, ".")
		if len(parts) >= 3 {
			return "./runltp -f " + quoted(parts[1]) + " -s " + quoted("^"+regexp.QuoteMeta(parts[len(parts)-1])+"$")
		}
	case strings.Contains(name, "::"):
		return "pytest " + quoted(name)
	case strings.HasPrefix(format, "subunit"):
		return "stestr run " + quoted("^"+regexp.QuoteMeta(body))
	case strings.HasPrefix(format, "go"):
		return "go test ./... -run " + quoted("^"+regexp.QuoteMeta(name[strings.LastIndexAny(name, "./")+1:])+"$")
	}
	return ""
}

// quoted is a word as a shell takes it.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
