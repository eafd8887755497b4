package triage

import (
	"regexp"
	"strings"

	"github.com/slipway-lab/slipway/server/ui/pages/frame"
)

// rerun is a command that runs one test again, in the words of the runner that its
// name and its file come from; "" where none is known.
func rerun(name, format string) string {
	if strings.ContainsAny(name, "\n\r\x00") {
		return ""
	}
	switch body, _, _ := strings.Cut(name, "["); {
	case strings.HasPrefix(name, "tempest."):
		return "tempest run --regex " + frame.Quote("^"+regexp.QuoteMeta(body))
	case strings.HasPrefix(name, "ltp."):
		parts := strings.Split(name, ".")
		if len(parts) >= 3 {
			return "./runltp -f " + frame.Quote(parts[1]) + " -s " + frame.Quote("^"+regexp.QuoteMeta(parts[len(parts)-1])+"$")
		}
	case strings.Contains(name, "::"):
		return "pytest " + frame.Quote(name)
	case strings.HasPrefix(format, "subunit"):
		return "stestr run " + frame.Quote("^"+regexp.QuoteMeta(body))
	case strings.HasPrefix(format, "go"):
		return "go test ./... -run " + frame.Quote("^"+regexp.QuoteMeta(name[strings.LastIndexAny(name, "./")+1:])+"$")
	}
	return ""
}
