package tap

import (
	"bytes"
	"context"
	"errors"
	"regexp"

	"github.com/slipway-lab/slipway/server/edge/intake/lines"
	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// What stands before each line of a kernel's log: a level, a time, and with
// CONFIG_PRINTK_CALLER who wrote it; with dmesg -T the time is a date, with -x the
// facility stands before it, with --time-format iso there is a date alone; journalctl
// and syslog put date, host and "kernel: " before it.
var (
	printkPrefix = regexp.MustCompile(`^(?:<\d{1,3}>)?\[(?: *\d{1,10}\.\d{1,9}|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\](?:\[[ A-Za-z0-9]{1,16}\])? ?`)
	facility     = regexp.MustCompile(`^kern {0,4}:[a-z]{1,8} {0,4}: ?`)
	datePrefix   = regexp.MustCompile(`^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S{1,255} kernel: |\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)? (?:\S{1,255} kernel: )?)`)
)

// withoutPrefix takes off what the kernel's log puts before a line.
func withoutPrefix(text []byte) []byte {
	if len(text) < 8 {
		return text
	}
	switch c := text[0]; {
	case c == 'k' && bytes.HasPrefix(text, []byte("kern")):
		text = text[len(facility.Find(text)):]
	case c >= 'A' && c <= 'Z' && text[3] == ' ', c == '2':
		text = text[len(datePrefix.Find(text)):]
	}
	if !mayBePrintk(text) {
		return text
	}
	return text[len(printkPrefix.Find(text)):]
}

// mayBePrintk spares the lines of JSON and XML the regular expression.
func mayBePrintk(text []byte) bool {
	if len(text) < 2 {
		return false
	}
	next := text[1]
	switch digit := next >= '0' && next <= '9'; text[0] {
	case '<':
		return digit
	case '[':
		return digit || next == ' ' || next >= 'A' && next <= 'Z'
	default:
		return false
	}
}

// beginsKernel reports whether a line says that KTAP begins. Until 6.0 KUnit wrote
// TAP's version; in the kernel's log, that is KTAP as well.
func beginsKernel(text []byte) bool {
	rest := withoutPrefix(text)
	body := bytes.TrimLeft(rest, " \t")
	return bytes.HasPrefix(body, []byte("KTAP version ")) || bytes.HasPrefix(body, []byte("# selftests: ")) ||
		len(rest) < len(text) && bytes.HasPrefix(body, []byte("TAP version "))
}

// errFound ends a search.
var errFound = errors.New("found")

// Probe looks for KTAP behind the beginning of a file: a kernel says a lot before it
// tests itself, and make before its tests run. TAP, XML and JSON begin at once.
func (d *dialect) Probe(in report.Input) (report.Confidence, error) {
	start := make([]byte, min(in.Size, report.PrefixBytes))
	if n, err := in.ReadAt(start, 0); n < len(start) {
		return report.No, err
	}
	if !d.kernel || in.Size <= report.PrefixBytes || !mayPrecede(start) {
		return report.No, nil
	}
	err := lines.Each(context.Background(), in.Reader(), func(l lines.Line) error {
		if beginsKernel(l.Text) {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return report.Likely + 10, nil // more than of what looks like a list in JSON
	}
	return report.No, err
}

// mayPrecede reports whether a file may be something else before its KTAP begins.
func mayPrecede(start []byte) bool {
	body := bytes.TrimLeft(start, " \t\r\n")
	switch {
	case len(body) == 0, body[0] == '{', bytes.IndexByte(start, 0) >= 0, detect(start, false) != report.No:
		return false
	case body[0] == '[', body[0] == '<':
		return len(withoutPrefix(body)) < len(body)
	}
	return true
}
