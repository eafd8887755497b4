package document

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxFailure is how much is kept of what a failure says.
const maxFailure = 4 << 10

// failed are the statuses of cases and boots that have a failure to tell of.
var failed = map[string]bool{"FAIL": true, "ERROR": true, "OFFLINE": true}

// Failure is the beginning of what a test case or a boot says of its failure: the
// lines of its log, or the description of its result. It is empty for one that did
// not fail.
func (d *Document) Failure() string {
	if !failed[d.Text("status")] {
		return ""
	}
	text := ""
	if _, isBoot := d.schema.index["boot_result_description"]; isBoot {
		text = d.Text("boot_result_description")
	}
	if _, isCase := d.schema.index["log_lines"]; isCase {
		raw, _ := d.Get("log_lines").(Raw)
		text = logText(jsontext.Value(raw))
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text[:min(len(text), maxFailure)], ""), "\x00", "")
}

// logText joins the lines of a log, which are texts, or objects that have the text
// in msg, as those of LAVA.
func logText(list jsontext.Value) string {
	lines, err := elements(list)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, line := range lines {
		if line.Kind() == '{' {
			of, err := members(line)
			if err != nil {
				continue
			}
			line = jsontext.Value(of.values["msg"])
		}
		if line.Kind() != '"' {
			continue
		}
		if text, err := jsontext.AppendUnquote(nil, line); err == nil {
			b.Write(text)
			b.WriteByte('\n')
		}
		if b.Len() > maxFailure {
			break
		}
	}
	return b.String()
}
