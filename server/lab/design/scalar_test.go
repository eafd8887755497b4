package design

import (
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestScalars holds what PyYAML 6.0 makes of plain scalars.
func TestScalars(t *testing.T) {
	t.Parallel()

	tests := []struct {
		text string
		kind kind
		want string // what scalar gives
	}{
		{"yes", kindBool, "True"}, {"No", kindBool, "False"}, {"ON", kindBool, "True"}, {"off", kindBool, "False"},
		{"TRUE", kindBool, "True"}, {"false", kindBool, "False"}, {"y", kindText, "y"}, {"tRUE", kindText, "tRUE"},
		{"~", kindNull, ""}, {"Null", kindNull, ""}, {"", kindNull, ""}, {"nULL", kindText, "nULL"},
		{"12", kindNumber, "12"}, {"-7", kindNumber, "-7"}, {"+7", kindNumber, "7"}, {"1_000", kindNumber, "1000"}, {"0", kindNumber, "0"},
		{"017", kindNumber, "15"}, {"-017", kindNumber, "-15"}, {"0x1f", kindNumber, "31"}, {"0b101", kindNumber, "5"}, {"-0", kindNumber, "0"},
		{"0999", kindText, "0999"}, {"0o14", kindText, "0o14"}, {"1e5", kindText, "1e5"}, {"0b", kindText, "0b"}, {"_1", kindText, "_1"},
		{"1.5", kindNumber, "1.5"}, {"1.", kindNumber, "1.0"}, {".5", kindNumber, "0.5"}, {"-.5", kindText, "-.5"}, {"1.5e+3", kindNumber, "1500.0"},
		{"1.5e3", kindText, "1.5e3"}, {"1.0e+20", kindNumber, "1e+20"}, {"1.2.3", kindText, "1.2.3"}, {"10.40.0.1", kindText, "10.40.0.1"},
		{".inf", kindNumber, ".inf"}, {"-.INF", kindNumber, "-.INF"}, {".nan", kindNumber, ".nan"}, {"+.nan", kindText, "+.nan"},
		{"52:54:00:12:34:56", kindText, "52:54:00:12:34:56"}, {"2001-01-01", kindText, "2001-01-01"}, // a number and a date for PyYAML
		{"123456789012345678901234567890", kindNumber, "1.2345678901234568e+29"},
		{`"yes"`, kindText, "yes"}, {`'12'`, kindText, "12"}, {"!!str 12", kindText, "12"}, {"!!int '12'", kindNumber, "12"}, {"!!int ''", kindNumber, ""},
		{"!!bool maybe", kindBool, "False"},
	}
	for _, tt := range tests {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte("a: "+tt.text), &doc); err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		var v value
		if !v.setScalar(doc.Content[0].Content[1]) || v.kind != tt.kind || v.scalar() != tt.want {
			t.Errorf("%s is %s %q, want %s %q", tt.text, v.kind, v.scalar(), tt.kind, tt.want)
		}
	}
}
