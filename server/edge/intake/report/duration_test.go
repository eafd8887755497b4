package report

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1.5": 1500 * time.Millisecond, " 0 ": 0, "1,234.5": 1234500 * time.Millisecond, "1e-3": time.Millisecond, "0.0000000014": time.Nanosecond,
	} {
		if got, ok := ParseDuration(text, time.Second); !ok || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "NaN", "-1", "Inf", "1e300", "1s", "0x"} {
		if got, ok := ParseDuration(text, time.Second); ok {
			t.Errorf("ParseDuration(%q) = %v, want none", text, got)
		}
	}
	if got, ok := ParseDuration("12.5", time.Millisecond); !ok || got != 12500*time.Microsecond {
		t.Errorf("12.5 ms are %v, %v", got, ok)
	}
}
