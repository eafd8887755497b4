package xmlfile

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Seconds reads a length of time: "1.5", "1,234.5" (Ant groups thousands), and "1,5"
// and "1.234,5" (as other locales print them). What cannot be one is false.
func Seconds(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	dot := strings.LastIndexByte(text, '.')
	switch comma := strings.LastIndexByte(text, ','); {
	case comma < 0:
	case comma > dot && strings.IndexByte(text, ',') == comma:
		text = strings.ReplaceAll(text[:comma], ".", "") + "." + text[comma+1:]
	case dot >= 0:
		text = strings.ReplaceAll(text, ",", "")
	}
	seconds, err := strconv.ParseFloat(text, 64)
	const most = 100 * 366 * 24 * 3600
	if err != nil || !(seconds >= 0 && seconds < most) {
		return 0, false
	}
	return time.Duration(seconds*float64(time.Second) + 0.5), true
}

// Duration gives a record the length of time that text says, if any. One that
// cannot be is counted.
func Duration(r *report.Record, text string, s *report.Sink) {
	if strings.TrimSpace(text) == "" {
		return
	}
	length, ok := Seconds(text)
	if !ok {
		s.BadDuration()
		return
	}
	r.Duration, r.HasDuration = length, true
}

// layouts are the forms of a time that runners write. Fractions of a second are
// read with each of them.
var layouts = []string{
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05 Z0700",
	"20060102 15:04:05", // Robot Framework before schema 5
}

// Time reads a time, which is UTC when it says no zone. What is none, or stands
// for none as 1970 and the year 1 do, is the zero time.
func Time(text string) time.Time {
	text = strings.TrimSpace(text)
	if len(text) < len("20060102 15:04:05") || len(text) > 64 {
		return time.Time{}
	}
	dashed := text[4] == '-'
	for _, layout := range layouts {
		if dashed != (layout[4] == '-') || dashed && layout[10] != text[10] {
			continue
		}
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if t = t.UTC(); t.Year() <= 1970 || t.Year() > 9999 {
			return time.Time{}
		}
		return t
	}
	return time.Time{}
}

// Tags returns tags sorted and each once, without empty ones.
func Tags(tags []string, at int64, s *report.Sink) []string {
	kept := make([]string, 0, len(tags))
	for _, tag := range tags {
		if tag = strings.TrimSpace(tag); tag != "" {
			kept = append(kept, s.Text(tag, at, report.KindXML, "a tag"))
		}
	}
	slices.Sort(kept)
	kept = slices.Compact(kept)
	if len(kept) > s.Limits.TagsPerEvent {
		s.Damage(at, report.KindXML, "more than %d tags; the rest is dropped", s.Limits.TagsPerEvent)
		kept = kept[:s.Limits.TagsPerEvent]
	}
	return kept
}

// IsPath reports whether a name is the absolute path of a file, which differs from
// machine to machine and is no part of an id.
func IsPath(name string) bool {
	drive := len(name) > 2 && name[1] == ':' && (name[2] == '\\' || name[2] == '/')
	rooted := strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "//") // which is a target of Bazel's
	return rooted || strings.HasPrefix(name, `\\`) || drive
}

// Writer notes the program that has written a file, if it says so and none was
// noted before.
func Writer(s *report.Sink, name string) {
	const most = 200 // bytes
	if s.Report.Writer == "" {
		s.Report.Writer, _ = report.Cut(strings.TrimSpace(name), most)
	}
}
