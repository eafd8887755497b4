package tap

import (
	"bytes"
	"regexp"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// pragma may stand before everything else of TAP 13 and 14.
var pragma = regexp.MustCompile(`^pragma [+-]\w`)

// detect judges the beginning of a file.
//
// A file of TAP begins, after blank lines and comments, with its version, a plan,
// or a point; a log that happens to begin with "ok" has no plan, neither at the
// beginning nor at the end. KTAP may stand anywhere in the log of a kernel.
func detect(prefix []byte, kernel bool) report.Confidence {
	whole := len(prefix) < report.PrefixBytes
	first, points, lines := other, 0, 0
	planned := false
	for text := range bytes.Lines(prefix) {
		text = bytes.TrimRight(text, "\r\n")
		if kernel {
			if beginsKernel(text) {
				return report.Certain
			}
			continue
		}
		p := parse(text, false)
		if p.kind == blank || p.kind == comment || p.kind == subtest || pragma.Match(text) {
			continue
		}
		if first == other {
			if first = p.kind; first == version {
				return report.Certain - 1 // kselftest begins so too
			}
			if first != plan && first != point {
				return detectBehind(prefix)
			}
		}
		lines++
		planned = planned || p.kind == plan && p.indent == 0
		if p.kind == point {
			points++
		}
	}
	switch {
	case kernel || first == other:
		return report.No
	case planned && (points > 0 || first == plan):
		return report.Likely
	case !whole && points*4 >= lines: // the plan may stand at the end
		return report.Possible
	}
	return report.No
}

// detectBehind looks for the version of TAP behind what npm or make print before a
// report. A line of it that a page quotes, or a document of another format has in
// it, is none.
func detectBehind(prefix []byte) report.Confidence {
	if body := bytes.TrimLeft(prefix, " \t\r\n"); len(body) > 0 && bytes.IndexByte([]byte("<{["), body[0]) >= 0 {
		return report.No
	}
	found := false
	for text := range bytes.Lines(prefix) {
		text = bytes.TrimRight(text, "\r\n")
		switch p := parse(text, false); {
		case bytes.HasPrefix(text, []byte("```")):
			return report.No
		case found && (p.kind == plan || p.kind == point || p.kind == comment || p.kind == subtest):
			return report.Possible
		case p.kind == version && p.indent == 0:
			found = true
		case p.kind != blank:
			found = false
		}
	}
	return report.No
}
