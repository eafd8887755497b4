package store

import (
	"testing"
	"time"
)

func TestMicros(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   time.Time
		want int64
	}{
		{"whole", time.Unix(1, 2000), 1_000_002},
		{"down", time.Unix(1, 2499), 1_000_002},
		{"half to even, down", time.Unix(1, 2500), 1_000_002},
		{"half to even, up", time.Unix(1, 3500), 1_000_004},
		{"just above half", time.Unix(1, 2501), 1_000_003},
		{"into the next second", time.Unix(1, 999_999_500), 2_000_000},
		{"before 1970", time.Unix(-1, 1500), -999_998},
		{"before 1970, half to even", time.Unix(-1, 2500), -999_998},
		{"zero time", time.Time{}, -62_135_596_800_000_000},
		{"the last", time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), 253_402_300_799_999_999},
		{"into the year 10000", time.Date(9999, 12, 31, 23, 59, 59, 999_999_900, time.UTC), 253_402_300_799_999_999},
		{"a zone into the year 10000", time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600)), 253_402_300_799_999_999},
		{"far beyond", time.Unix(1<<62, 0), 253_402_300_799_999_999},
		{"the first", time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), -62_167_219_200_000_000},
		{"a zone before the year 0", time.Date(0, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)), -62_167_219_200_000_000},
		{"far before", time.Unix(-1<<62, 0), -62_167_219_200_000_000},
		{"end of subunit", time.Unix(1<<32-1, 999_999_999), 4_294_967_296_000_000},
	} {
		if got := Micros(tt.in); got != tt.want {
			t.Errorf("%s: Micros(%v) = %d, want %d", tt.name, tt.in, got, tt.want)
		}
	}
	if !RoundTime(time.Time{}).IsZero() {
		t.Error("the zero time does not survive")
	}
	if got := RoundTime(time.Now()).Location(); got != time.UTC {
		t.Errorf("RoundTime is in %v, want UTC", got)
	}
}
