package frame

import (
	"net/url"
	"strings"

	"github.com/slipway-lab/slipway/gen/client"
)

// SetPage is the page of a set of tests, by its reference (run:17/2).
func SetPage(ref string) string {
	kind, rest, _ := strings.Cut(ref, ":")
	parts := strings.Split(rest, "/")
	for i := range parts {
		if text, err := url.PathUnescape(parts[i]); err == nil {
			parts[i] = text
		}
	}
	switch {
	case kind == "run" && len(parts) == 1:
		return "/ui/runs/" + url.PathEscape(parts[0])
	case kind == "run" && len(parts) == 2:
		return "/ui/runs/" + url.PathEscape(parts[0]) + "?attempt=" + url.QueryEscape(parts[1])
	case kind == "kernel" && len(parts) == 3:
		return "/ui/kernels/" + url.PathEscape(parts[0]) + "/" + url.PathEscape(parts[2]) + "?branch=" + url.QueryEscape(parts[1])
	case kind == "opportunity" && len(parts) == 1:
		return "/ui/opportunities/" + url.PathEscape(parts[0])
	case kind == "image" && len(parts) == 2:
		return "/ui/products/" + url.PathEscape(parts[0]) + "?image=" + url.QueryEscape(parts[1])
	}
	return ComparePage("none", ref)
}

// SetName is the reference of a set as words: run 17/2.
func SetName(ref string) string {
	kind, rest, _ := strings.Cut(ref, ":")
	if text, err := url.PathUnescape(rest); err == nil {
		rest = text
	}
	return strings.TrimSpace(kind + " " + rest)
}

// Attempt is which attempt of a run a set is, when it is not the first.
func Attempt(ref string) string {
	if rest, run := strings.CutPrefix(ref, "run:"); run {
		if _, n, found := strings.Cut(rest, "/"); found && n != "1" {
			return n
		}
	}
	return ""
}

// ComparePage is the page that compares two sets; an empty base is the one before the
// head in its line.
func ComparePage(base, head string) string {
	q := url.Values{"head": {head}}
	if base != "" && base != "previous" {
		q.Set("base", base)
	}
	return address("/ui/compare", q)
}

// TestPage is the page of one test of a set.
func TestPage(set, name string) string {
	return address("/ui/tests", url.Values{"set": {set}, "name": {name}})
}

// TestPageOf is the page of one test of a set, told apart by its context.
func TestPageOf(set, name string, context client.TestContext) string {
	q := url.Values{"set": {set}, "name": {name}}
	for field, value := range context {
		q.Set(field, value)
	}
	return address("/ui/tests", q)
}

// IssuePage is the form for a known issue that would explain a failure, and comes back
// to a page when it is kept. Of the message it takes the longest stretch of words
// without digits, as numbers, addresses and ids change from failure to failure.
func IssuePage(name, message, back string) string {
	q := url.Values{"name": {Glob(name)}}
	if text := lasting(message); text != "" {
		q.Set("message", text)
	}
	if back != "" {
		q.Set("back", back)
	}
	return address("/ui/issues", q) + "#edit"
}

// Glob is a pattern for a name and for few others: the API knows no way to write *
// or ? as themselves, and takes no pattern above 1 000 bytes.
func Glob(name string) string {
	const most = 990
	if len(name) <= most {
		return name
	}
	cut := most
	for cut > 0 && name[cut]&0xC0 == 0x80 {
		cut--
	}
	return name[:cut] + "*"
}

// lasting is the part of a message that most likely stays the same.
func lasting(message string) string {
	const most, enough = 300, 12
	best, start, end := "", -1, 0
	take := func() {
		if start >= 0 && end-start > len(best) {
			best = message[start:end]
		}
		start = -1
	}
	at := 0
	for word := range strings.FieldsSeq(message) {
		i := at + strings.Index(message[at:], word)
		at = i + len(word)
		switch {
		case strings.ContainsAny(word, "0123456789"):
			take()
		case start < 0:
			start, end = i, at
		default:
			end = at
		}
	}
	take()
	if len(best) < enough {
		best = message
	}
	if len(best) > most {
		best = strings.ToValidUTF8(best[:most], "")
	}
	return strings.TrimRight(best, " \t(\"'[{:,")
}

// HistoryPage is the page of a test through time. More are pairs of filters, as the
// API calls them.
func HistoryPage(name string, more ...string) string {
	q := url.Values{"name": {name}}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			q.Add(more[i], more[i+1])
		}
	}
	return address("/ui/history", q)
}
