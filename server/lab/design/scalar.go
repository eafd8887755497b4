package design

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Drydock reads designs with PyYAML, which knows YAML 1.1: yes, no, on and off
// are booleans, 0o14 and 1e5 are texts. The Go parser leans to YAML 1.2, so what
// a plain scalar is gets decided here (PyYAML's lib/yaml/resolver.py). Two of its
// rules are left out on purpose: numbers to the base of 60, because of which a
// MAC address of decimal digits would be a number, and dates. Both stay texts.

// setScalar decides what a scalar is. It answers false for a tag that is not
// YAML's own.
func (v *value) setScalar(n *yaml.Node) bool {
	v.text = n.Value
	defer v.spellNumber()
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 && n.Style&yaml.TaggedStyle == 0 {
		v.kind = plainKind(n.Value)
		return true
	}
	switch n.ShortTag() {
	case "!!null":
		v.kind = kindNull
	case "!!bool":
		v.kind = kindBool
	case "!!int", "!!float":
		v.kind = kindNumber
	case "!!str", "!!timestamp", "!!merge":
		v.kind = kindText
	default:
		return false
	}
	return true
}

// plainKind is what YAML 1.1 takes a scalar without quotes and tag for.
func plainKind(text string) kind {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return kindNull
	}
	if _, ok := boolean11(text); ok {
		return kindBool
	}
	if isInteger11(text) || isFloat11(text) {
		return kindNumber
	}
	return kindText
}

// boolean11 reads the booleans of YAML 1.1, which come in lower case, in upper
// case, and with a capital.
func boolean11(text string) (yes, ok bool) {
	switch text {
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return true, true
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}

func unsigned(text string) string {
	if text != "" && (text[0] == '+' || text[0] == '-') {
		return text[1:]
	}
	return text
}

// isInteger11 knows 12, 0b11, 017 and 0x1f, with underscores anywhere behind the
// first digit.
func isInteger11(text string) bool {
	text = unsigned(text)
	switch {
	case text == "":
		return false
	case strings.HasPrefix(text, "0b"):
		return len(text) > 2 && madeOf(text[2:], "01_")
	case strings.HasPrefix(text, "0x"):
		return len(text) > 2 && madeOf(text[2:], "0123456789abcdefABCDEF_")
	case text == "0":
		return true
	case text[0] == '0':
		return madeOf(text[1:], "01234567_")
	}
	return text[0] >= '1' && text[0] <= '9' && madeOf(text[1:], digits11)
}

const digits11 = "0123456789_"

// isFloat11 knows 1.5, .5, 1.e+3, .inf and .nan. An exponent takes a point before
// it and a sign.
func isFloat11(text string) bool {
	switch text {
	case ".nan", ".NaN", ".NAN":
		return true
	}
	rest := unsigned(text)
	switch rest {
	case ".inf", ".Inf", ".INF":
		return true
	}
	whole, fraction, found := strings.Cut(rest, ".")
	if !found {
		return false
	}
	if whole == "" {
		if rest != text || fraction == "" || fraction[0] < '0' || fraction[0] > '9' {
			return false
		}
	} else if whole[0] == '_' || !madeOf(whole, digits11) {
		return false
	}
	if i := strings.IndexAny(fraction, "eE"); i >= 0 {
		exponent := fraction[i+1:]
		if unsigned(exponent) == exponent || len(exponent) < 2 || !madeOf(exponent[1:], "0123456789") {
			return false
		}
		fraction = fraction[:i]
	}
	return madeOf(fraction, digits11)
}

// spellNumber writes a number as Python would, because that is what Drydock
// makes of one where a text is wanted: 0x10 becomes 16, and 017 becomes 15.
func (v *value) spellNumber() {
	if v.kind != kindNumber {
		return
	}
	digits := strings.ReplaceAll(v.text, "_", "")
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign = "-"
	}
	if n, err := strconv.ParseUint(unsigned(digits), 0, 63); err == nil {
		v.text = sign + strconv.FormatUint(n, 10)
		if n == 0 {
			v.text = "0"
		}
	} else if f, err := strconv.ParseFloat(digits, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		v.text = pythonFloat(f)
	}
}

// pythonFloat is repr(f).
func pythonFloat(f float64) string {
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// madeOf tells whether text is made of the given characters.
func madeOf(text, chars string) bool {
	for i := range len(text) {
		if strings.IndexByte(chars, text[i]) < 0 {
			return false
		}
	}
	return true
}
