package jsonfile

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/slipway-lab/slipway/server/edge/intake/report"
)

// Is reports whether the next value is of the kind.
func (f *File) Is(kind jsontext.Kind) bool { return f.Kind() == kind }

// Str reads a word, such as a status: a string, or the text of a number or
// boolean. Null, arrays and objects are empty.
func (f *File) Str() (string, error) {
	switch f.Kind() {
	case jsontext.KindNull, jsontext.KindBeginArray, jsontext.KindBeginObject:
		return "", f.Skip()
	}
	v, err := f.raw()
	if err != nil {
		return "", err
	}
	if v[0] != '"' {
		return f.names.Text(v), nil
	}
	inner := v[1 : len(v)-1]
	if !escaped(inner) {
		if len(inner) > f.Limits.IDBytes {
			inner = inner[:f.Limits.IDBytes+1] // Text says that it is cut
		}
		return f.names.Text(inner), nil
	}
	text, _ := unescape(nil, inner, f.Limits.IDBytes+1)
	return string(text), nil
}

// Name reads what a file calls something; the text can be stored.
func (f *File) Name(what string) (string, error) {
	at := f.Offset()
	text, err := f.Str()
	if err != nil {
		return "", err
	}
	return f.Text(strings.TrimSpace(text), at, report.KindJSON, what), nil
}

// ID makes one id of the parts of it.
func (f *File) ID(parts ...string) string {
	return f.Text(strings.TrimSpace(strings.Join(parts, "")), f.Offset(), report.KindJSON, "a test's name")
}

// Strings reads a string, or an array of them.
func (f *File) Strings(each func(text string)) error {
	one := func() error {
		text, err := f.Name("a text")
		if err == nil && text != "" {
			each(text)
		}
		return err
	}
	if f.Is(jsontext.KindBeginArray) {
		return f.Array(one)
	}
	return one()
}

// Append reads a string and appends up to most bytes of it to dst. It returns how
// long the whole of it is; what is no string is empty.
func (f *File) Append(dst []byte, most int) ([]byte, int64, error) {
	if f.Kind() != jsontext.KindString {
		return dst, 0, f.Skip()
	}
	v, err := f.raw()
	if err != nil {
		return dst, 0, err
	}
	dst, size := unescape(dst, v[1:len(v)-1], most)
	return dst, size, nil
}

// Long reads a text that may be long, up to what may be copied of a test's.
func (f *File) Long() (string, error) {
	text, _, err := f.Append(nil, f.Limits.InlineBytes)
	return string(text), err
}

// Writer reads which program wrote the file: an object with name and version, or
// a text.
func (f *File) Writer() error {
	if f.Kind() != jsontext.KindBeginObject {
		text, err := f.Name("the writer")
		f.WrittenBy(text)
		return err
	}
	var name, version string
	err := f.Object(func(member string) error {
		var err error
		switch member {
		case "name":
			name, err = f.Name("the writer")
		case "version":
			version, err = f.Name("the writer")
		}
		return err
	})
	f.WrittenBy(strings.TrimSpace(name + " " + version))
	return err
}

// WrittenBy notes which program wrote the file, of a long text the beginning. An empty
// one changes nothing.
func (f *File) WrittenBy(text string) {
	if text, _ = report.Cut(text, maxWriter); text != "" {
		f.Report.Writer = text
	}
}

// maxWriter is how long what a file calls its writer may be.
const maxWriter = 200

// Shared reads a string or an array of them that several tests of the file have in
// common, and appends them to those that are there. What is long is left out, with
// a warning: a short file could give it to very many tests.
func (f *File) Shared(texts []string) ([]string, error) {
	size, dropped := 0, false
	for _, text := range texts {
		size += len(text)
	}
	err := f.Strings(func(text string) {
		if size += len(text); size > maxShared {
			dropped = true
			return
		}
		texts = append(texts, text)
	})
	if dropped {
		f.Warn("texts of several tests that are longer than %d bytes are left out", maxShared)
	}
	return texts, err
}

// maxShared is how long what a reader gives to several tests may be.
const maxShared = 1000

// Bool reads a boolean; anything else is false.
func (f *File) Bool() (bool, error) {
	yes := f.Is(jsontext.KindTrue)
	return yes, f.Skip()
}

// Number reads a number, or a string with one. It reports false for what is none.
func (f *File) Number() (float64, bool, error) {
	switch f.Kind() {
	case jsontext.KindNumber, jsontext.KindString:
	default:
		return 0, false, f.Skip()
	}
	v, err := f.raw()
	if err != nil {
		return 0, false, err
	}
	if v[0] == '"' {
		v = v[1 : len(v)-1]
	}
	n, ok := number(v)
	return n, ok, nil
}

// Length reads a length of time. Null is none, and so is, with a warning, what is
// no number or below zero.
func (f *File) Length() (float64, bool, error) {
	if f.Is(jsontext.KindNull) {
		return 0, false, f.Skip()
	}
	n, ok, err := f.Number()
	if err == nil && !(ok && n >= 0) {
		f.BadDuration()
		ok = false
	}
	return n, ok, err
}

// Count reads a number that counts something; what is none is 0.
func (f *File) Count() (int64, error) {
	n, ok, err := f.Number()
	if err != nil || !ok || !(n > 0 && n < 1<<53) {
		return 0, err
	}
	return int64(n), nil
}

// Time reads a point in time: a number of the unit since 1970, or a text as
// RFC 3339 has it, which is UTC when it does not say its zone. The zero time is
// none.
func (f *File) Time(unit time.Duration) (time.Time, error) {
	if f.Is(jsontext.KindString) {
		text, err := f.Str()
		return ParseTime(text), err
	}
	n, ok, err := f.Number()
	if err != nil || !ok {
		return time.Time{}, err
	}
	return Epoch(n, unit), nil
}

// Epoch is the time n units after 1970, and zero when that is not in our days.
func Epoch(n float64, unit time.Duration) time.Time {
	seconds := n * unit.Seconds()
	if !(seconds > 0 && seconds < 1e10) {
		return time.Time{}
	}
	whole := int64(seconds)
	if unit == time.Millisecond || unit == time.Microsecond {
		return time.UnixMicro(int64(n*float64(unit/time.Microsecond) + 0.5)).UTC()
	}
	return time.Unix(whole, int64((seconds-float64(whole))*1e9)).UTC()
}

// ParseTime reads a time as RFC 3339 or ISO 8601 have it. What says no zone is
// UTC; what is no time, or 1970, is zero.
func ParseTime(text string) time.Time {
	text = strings.Replace(strings.TrimSpace(text), " ", "T", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1970 && t.Year() < 10000 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// Status looks a word up, in lower case. A word that is not there is Unknown, with
// a warning.
func (f *File) Status(words map[string]report.Status, word string) report.Status {
	if s, ok := words[word]; ok {
		return s
	}
	if s, ok := words[strings.ToLower(word)]; ok {
		return s
	}
	f.Odd(word)
	return report.Unknown
}

// Odd warns once of a word that no status has.
func (f *File) Odd(word string) {
	if len(f.words) < 20 && !f.words[word] {
		f.words[word] = true
		f.Warn("the status %s is not known", report.Quote(word))
	}
}
