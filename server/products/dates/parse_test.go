package dates

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sample is one case of testdata/dates.json, which explains itself.
type sample struct {
	Text         string `json:"text"`
	Status       int    `json:"status"`
	FirstInstant string `json:"first_instant"`
	LastInstant  string `json:"last_instant"`
}

func loadSamples(tb testing.TB) []sample {
	tb.Helper()
	raw, err := os.ReadFile("testdata/dates.json")
	if err != nil {
		tb.Fatal(err)
	}
	var file struct {
		Cases []sample `json:"cases"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		tb.Fatal(err)
	}
	if len(file.Cases) == 0 {
		tb.Fatal("testdata/dates.json has no cases")
	}
	return file.Cases
}

func TestParse_samples(t *testing.T) {
	t.Parallel()

	for _, tt := range loadSamples(t) {
		t.Run(tt.Text, func(t *testing.T) {
			t.Parallel()

			span, err := Parse(tt.Text)
			if tt.Status != 200 {
				if err == nil {
					t.Fatalf("Parse(%q) = %v, want an error", tt.Text, span)
				}
				return
			}
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.Text, err)
			}
			if got := FormatEvent(span.First); got != tt.FirstInstant {
				t.Errorf("Parse(%q).First = %s, want %s", tt.Text, got, tt.FirstInstant)
			}
			if got := FormatEvent(span.Last); got != tt.LastInstant {
				t.Errorf("Parse(%q).Last = %s, want %s", tt.Text, got, tt.LastInstant)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, text, first, last string
	}{
		{"a zone may follow a bare date", "20150914Z", "2015-09-14T00:00:00.000000+00:00", "2015-09-14T23:59:59.999999+00:00"},
		{"an offset moves a whole day", "2015-09-14 +02:00", "2015-09-13T22:00:00.000000+00:00", "2015-09-14T21:59:59.999999+00:00"},
		{"an offset of hours only", "2015-09-14T17-05", "2015-09-14T22:00:00.000000+00:00", "2015-09-14T22:59:59.999999+00:00"},
		{"the largest offset", "2015-09-14T17:51-14:00", "2015-09-15T07:51:00.000000+00:00", "2015-09-15T07:51:59.999999+00:00"},
		{"hours and minutes after a bare date are a time", "2015-09-14 05:30", "2015-09-14T05:30:00.000000+00:00", "2015-09-14T05:30:59.999999+00:00"},
		{"a lost plus after seconds in one block", "20150914175131 0530", "2015-09-14T12:21:31.000000+00:00", "2015-09-14T12:21:31.999999+00:00"},
		{"a lost plus after a fraction, as our own event times lose it", "2016-01-04T16:58:28.805000 00:00", "2016-01-04T16:58:28.805000+00:00", "2016-01-04T16:58:28.805000+00:00"},
		{"several spaces before the time", "20150914   17:51:31", "2015-09-14T17:51:31.000000+00:00", "2015-09-14T17:51:31.999999+00:00"},
		{"several spaces before the zone", "20150914 17:51:31   GMT", "2015-09-14T17:51:31.000000+00:00", "2015-09-14T17:51:31.999999+00:00"},
		{"a space at either end", " 20150914 ", "2015-09-14T00:00:00.000000+00:00", "2015-09-14T23:59:59.999999+00:00"},
		{"blanks of all kinds at both ends", "  \t20150914 17:51:31 Z \r\n", "2015-09-14T17:51:31.000000+00:00", "2015-09-14T17:51:31.999999+00:00"},
		{"a space where a lost plus could stand", "20150914 17:51:31 ", "2015-09-14T17:51:31.000000+00:00", "2015-09-14T17:51:31.999999+00:00"},
		{"more blanks than a value may have characters", strings.Repeat(" ", 200) + "20150914", "2015-09-14T00:00:00.000000+00:00", "2015-09-14T23:59:59.999999+00:00"},
		{"a fraction below the microsecond is cut", "20150914T175131.1234569", "2015-09-14T17:51:31.123456+00:00", "2015-09-14T17:51:31.123456+00:00"},
		{"a fraction without a separator before the time", "20150914175131,5", "2015-09-14T17:51:31.500000+00:00", "2015-09-14T17:51:31.599999+00:00"},
		{"the first instant there is", "1970-01-01", "1970-01-01T00:00:00.000000+00:00", "1970-01-01T23:59:59.999999+00:00"},
		{"the last day there is", "99991231", "9999-12-31T00:00:00.000000+00:00", "9999-12-31T23:59:59.999999+00:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			span, err := Parse(tt.text)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.text, err)
			}
			if first, last := FormatEvent(span.First), FormatEvent(span.Last); first != tt.first || last != tt.last {
				t.Errorf("Parse(%q) = %s to %s, want %s to %s", tt.text, first, last, tt.first, tt.last)
			}
		})
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()

	tests := []struct{ name, text string }{
		{"nothing but blanks", " \t "},
		{"a blank that is none of ASCII's", "\u00a020150914"},
		{"a week date", "2015-W38-1"},
		{"an ordinal date", "2015-257"},
		{"an ordinal date in one block", "2015257"},
		{"hours directly after the date", "2015091417"},
		{"colons directly after the date", "2015091417:51"},
		{"a time directly after an extended date", "2015-09-141751"},
		{"a date of mixed styles", "2015-0914"},
		{"midnight as 24:00", "2015-09-14T24:00"},
		{"a minute of 60", "2015-09-14T17:60"},
		{"a leap second", "2015-09-14T17:51:60"},
		{"a fraction of minutes", "2015-09-14T17:51.5"},
		{"a fraction without digits", "2015-09-14T17:51:31."},
		{"a fraction of ten digits", "2015-09-14T17:51:31.1234567890"},
		{"another separator", "2015-09-14_17:51"},
		{"spaces around the T", "2015-09-14 T17:51"},
		{"a zone name in lower case", "20150914 17:51:31 utc"},
		{"a zone and text", "20150914Zulu"},
		{"two zones", "20150914 17:51:31 Z+01:00"},
		{"an offset just too large", "2015-09-14T17:51+14:01"},
		{"an offset of 60 minutes", "2015-09-14T17:51+01:60"},
		{"an offset that ends in its colon", "2015-09-14T17:51:31 05:"},
		{"the year before the first", "19691231"},
		{"digits that are not ASCII", "２０１５0914"},
		{"the 31st of a short month", "2015-04-31"},
		{"month zero", "2015-00-10"},
		{"day zero", "2015-01-00"},
		{"spaces only", "   "},
		{"endless spaces", "20150914" + strings.Repeat(" ", 200) + "17:51"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			span, err := Parse(tt.text)
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Reason == "" {
				t.Errorf("Parse(%q) = %v, %v, want a *SyntaxError with a reason", tt.text, span, err)
			}
		})
	}
}

// TestParse_everySpelling builds values from parts whose meaning it knows, so
// that each way to write a date is tried with each way to write a time and zone.
func TestParse_everySpelling(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(rt *rapid.T) {
		day := time.Unix(rapid.Int64Range(0, 253402300799).Draw(rt, "unix"), 0).UTC()
		text := day.Format(rapid.SampledFrom([]string{"2006-01-02", "20060102"}).Draw(rt, "date"))
		sep := rapid.SampledFrom([]string{"T", "t", " ", "  "}).Draw(rt, "sep")
		spelling := rapid.SampledFrom([]struct {
			layout string
			unit   time.Duration
		}{{"15", time.Hour}, {"15:04", time.Minute}, {"1504", time.Minute}, {"15:04:05", time.Second}, {"150405", time.Second}}).Draw(rt, "time")
		zone := rapid.SampledFrom([]struct {
			text   string
			offset time.Duration
		}{
			{"", 0}, {"Z", 0}, {" z", 0}, {"UTC", 0}, {"  GMT", 0}, {"+02", 2 * time.Hour}, {"-0530", -330 * time.Minute},
			{" +14:00", 14 * time.Hour}, {"-00:01", -time.Minute},
		}).Draw(rt, "zone")
		first := day.Truncate(spelling.unit)
		text += sep + first.Format(spelling.layout) + zone.text

		span, err := Parse(text)
		if err != nil {
			rt.Fatalf("Parse(%q): %v", text, err)
		}
		wantFirst := first.Add(-zone.offset)
		wantLast := wantFirst.Add(spelling.unit - time.Microsecond)
		if !span.First.Equal(wantFirst) || !span.Last.Equal(wantLast) {
			rt.Fatalf("Parse(%q) = %v to %v, want %v to %v", text, span.First, span.Last, wantFirst, wantLast)
		}
	})
}

// grammar is section 11 of the contract written as one expression. It knows
// nothing of calendars, so it accepts more than Parse but never less.
var grammar = regexp.MustCompile(func() string {
	const (
		frac = `(?:[.,]\d{1,9})?`
		secs = `(?:\d\d:\d\d:\d\d` + frac + `|\d{6}` + frac + `)`
		time = `(?:\d\d|\d\d:\d\d|\d{4}|` + secs + `)`
		zone = `(?: *(?:Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?`
		lost = ` \d\d:?\d\d`
		sep  = `(?:[Tt]| +)`
		date = `(?:\d{4}-\d\d-\d\d|\d{8})`
	)
	short := `\d{8}(?:\d{4}|\d{6}` + frac + `)` + zone
	shortLost := `\d{8}\d{6}` + frac + lost
	return fmt.Sprintf(`^ ?(?:%s(?:%s%s)?%s|%s%s%s%s|%s|%s) ?$`, date, sep, time, zone, date, sep, secs, lost, short, shortLost)
}())

func FuzzParse(f *testing.F) {
	for _, s := range loadSamples(f) {
		f.Add(s.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		span, err := Parse(text)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("Parse(%q): %T, want *SyntaxError", text, err)
			}
			return
		}
		if !grammar.MatchString(text) {
			t.Errorf("Parse(%q) = %v, but the grammar refuses it", text, span)
		}
		if span.First.After(span.Last) {
			t.Errorf("Parse(%q) = %v: the end is before the start", text, span)
		}
		for _, at := range []time.Time{span.First, span.Last} {
			if at.Year() < 1970 || at.Year() > 9999 {
				continue // an offset moved it out of what the grammar can write
			}
			for _, written := range []string{FormatEvent(at), FormatCreated(at)} {
				again, err := Parse(written)
				if err != nil || !again.First.Equal(at) || !again.Last.Equal(at) {
					t.Errorf("Parse(%q) = %v, %v, want exactly %v", written, again, err, at)
				}
			}
		}
	})
}
