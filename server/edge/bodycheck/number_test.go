package bodycheck

import (
	"math/big"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestParseInteger(t *testing.T) {
	t.Parallel()

	tests := []struct {
		raw         string
		want        int64
		whole, fits bool
	}{
		{"0", 0, true, true},
		{"-0", 0, true, true},
		{"-0.000e-5", 0, true, true},
		{"-17", -17, true, true},
		{"9223372036854775807", 9223372036854775807, true, true},
		{"-9223372036854775808", -9223372036854775808, true, true},
		{"9223372036854775808", 0, true, false},
		{"-9223372036854775809", 0, true, false},
		{"18446744073709551616", 0, true, false},
		{"922337203685477580.7e1", 9223372036854775807, true, true},
		{"9.223372036854775807e18", 9223372036854775807, true, true},
		{"92233720368547758070e-1", 9223372036854775807, true, true},
		{"0.00000000000000000012e20", 12, true, true},
		{"1000000000000000000000e-20", 10, true, true},
		{"1e18", 1000000000000000000, true, true},
		{"1e19", 0, true, false},
		{"1e999999999999999999999", 0, true, false},
		{"1e-999999999999999999999", 0, false, false},
		{"0e999999999999999999999", 0, true, true},
		{"1.5", 0, false, false},
		{"1.50e1", 15, true, true},
		{"1.05e1", 0, false, false},
		{"10e-1", 1, true, true},
		{"1e-1", 0, false, false},
		{"1" + strings.Repeat("0", 400) + "e-400", 1, true, true},
		{"0." + strings.Repeat("0", 400) + "1e401", 1, true, true},
	}
	for _, tt := range tests {
		v, whole, fits := parseInteger([]byte(tt.raw))
		if whole != tt.whole || fits != tt.fits || fits && v != tt.want {
			t.Errorf("parseInteger(%s) = %d, %t, %t, want %d, %t, %t", tt.raw, v, whole, fits, tt.want, tt.whole, tt.fits)
		}
	}
}

// FuzzParseInteger compares with math/big.
func FuzzParseInteger(f *testing.F) {
	for _, seed := range []string{"0", "-1.50e+1", "123456789.5e7", "9223372036854775808", "1e-3", "100e-2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if v := jsontext.Value(raw); !v.IsValid() || v.Kind() != jsontext.KindNumber || strings.Trim(raw, whitespace) != raw || len(raw) > 60 {
			return
		}
		if i := strings.IndexAny(raw, "eE"); i >= 0 && len(raw)-i > 5 {
			return // big.Rat would compute the power
		}
		want, ok := new(big.Rat).SetString(raw)
		if !ok {
			t.Fatalf("math/big does not take %q", raw)
		}
		v, whole, fits := parseInteger([]byte(raw))
		if whole != want.IsInt() || fits != (want.IsInt() && want.Num().IsInt64()) || fits && v != want.Num().Int64() {
			t.Errorf("parseInteger(%s) = %d, %t, %t, math/big: %s", raw, v, whole, fits, want)
		}
	})
}
