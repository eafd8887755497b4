package dates

import "time"

// FormatEvent writes a time as SPI writes those of events, queued_at and
// updated_at: 2016-01-04T16:58:28.805000+00:00. There are always six digits, also
// when they are zero, and anything below a microsecond is cut.
func FormatEvent(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000000-07:00")
}

// FormatCreated writes a time as SPI writes created_at: six digits and no offset,
// meaning UTC, as in 2016-01-04T17:34:39.093142.
func FormatCreated(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000000")
}
