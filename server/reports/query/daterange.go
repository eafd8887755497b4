package query

import "time"

const (
	defaultDays    = 5
	maxDays        = 999999999
	defaultMinutes = 60
	minMinutes     = 10
	maxMinutes     = 1440
)

// Day returns the span of the UTC day of t: from its start, to one second
// before its end. The last second is left out because kernelci-backend did so
// (app/handlers/common/query.py) and its introduction prints that bound.
func Day(t time.Time) (from, to time.Time) {
	y, m, d := t.UTC().Date()
	from = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return from, from.Add(24*time.Hour - time.Second)
}

// DateRange turns the date_range parameter into the span [from, to). It counts
// whole days back from the start of the day of end, in UTC, and ends one
// second before the midnight that follows. A value that is no number means
// five days rather than an error, because kernelci-backend never refused one
// (app/handlers/common/query.py); more days than there were since the year 1
// lead to its first day.
func DateRange(raw string, end time.Time) (from, to time.Time) {
	from, to = Day(end)
	n, _, ok := parseInt(raw)
	if !ok || n > maxDays || n < -maxDays {
		n = defaultDays
	}
	if n < 0 {
		n = -n
	}
	from = from.AddDate(0, 0, -int(n))
	if from.UnixMilli() < minMillis {
		from = time.UnixMilli(minMillis).UTC()
	}
	return from, to
}

// TimeRange turns the time_range parameter into the span [from, to) that ends
// now. The minutes lie between 10 and 1440; a value that is no number means 60.
func TimeRange(raw string, now time.Time) (from, to time.Time) {
	n, _, ok := parseInt(raw)
	switch {
	case !ok:
		n = defaultMinutes
	case n > maxMinutes || n < -maxMinutes:
		n = maxMinutes
	case n < 0:
		n = -n
	}
	return now.Add(-time.Duration(max(n, minMinutes)) * time.Minute), now
}
