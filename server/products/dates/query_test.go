package dates

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseRange(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name       string
		start, end []string
		from, to   string // empty: open
		wantErr    []string
	}{
		{name: "neither given"},
		{name: "only a start", start: []string{"20150826T00:00:00"}, from: "2015-08-26T00:00:00.000000+00:00"},
		{name: "only an end covers its whole day", end: []string{"20150914"}, to: "2015-09-14T23:59:59.999999+00:00"},
		{
			name: "the example of the reference", start: []string{"20150826T00:00:00"}, end: []string{"20150826T04:00:00"},
			from: "2015-08-26T00:00:00.000000+00:00", to: "2015-08-26T04:00:00.999999+00:00",
		},
		{
			name: "the same day twice is that day", start: []string{"20150914"}, end: []string{"2015-09-14"},
			from: "2015-09-14T00:00:00.000000+00:00", to: "2015-09-14T23:59:59.999999+00:00",
		},
		{name: "a start after the end names both", start: []string{"20150915"}, end: []string{"20150914"}, wantErr: []string{"start_date", "end_date"}},
		{name: "a start given twice", start: []string{"20150914", "20150914"}, wantErr: []string{"start_date"}},
		{name: "an empty start", start: []string{""}, wantErr: []string{"start_date"}},
		{name: "an end that is no date", end: []string{"soon"}, wantErr: []string{"end_date"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := ParseRange(Param{"start_date", tt.start}, Param{"end_date", tt.end})
			if tt.wantErr != nil {
				var bad *ParamError
				if !errors.As(err, &bad) {
					t.Fatalf("ParseRange(%q, %q) = %v, %v, want a *ParamError", tt.start, tt.end, got, err)
				}
				for _, name := range tt.wantErr {
					if !strings.Contains(err.Error(), name) {
						t.Errorf("ParseRange(%q, %q): %q does not name %s", tt.start, tt.end, err, name)
					}
				}
				return
			}
			if err != nil {
				t.Fatalf("ParseRange(%q, %q): %v", tt.start, tt.end, err)
			}
			if from, to := show(got.From), show(got.To); from != tt.from || to != tt.to {
				t.Errorf("ParseRange(%q, %q) = %q to %q, want %q to %q", tt.start, tt.end, from, to, tt.from, tt.to)
			}
		})
	}
}

func show(t *time.Time) string {
	if t == nil {
		return ""
	}
	return FormatEvent(*t)
}

func TestFormat_writesSixDigitsAlways(t *testing.T) {
	t.Parallel()

	at := time.Date(2016, 1, 4, 18, 58, 28, 999, time.FixedZone("", 2*3600))
	if got, want := FormatEvent(at), "2016-01-04T16:58:28.000000+00:00"; got != want {
		t.Errorf("FormatEvent = %s, want %s", got, want)
	}
	if got, want := FormatCreated(at), "2016-01-04T16:58:28.000000"; got != want {
		t.Errorf("FormatCreated = %s, want %s", got, want)
	}
}
