// Package opaque compares JSON values that Slipway carries but does not
// understand: image references, payloads, manifests. Such a value is stored and
// returned byte for byte; this package only answers whether two of them say the
// same thing, so that white space, the order of members and the spelling of
// escapes do not make a difference where the contract asks for "the same".
//
// Numbers are compared by their text. 1 and 1.0 are different values here,
// because nothing in Slipway may pass a lab's number through a float.
package opaque

import (
	"bytes"
	"encoding/json"
	"io"
)

// Canonical returns raw without insignificant white space and with the members
// of every object in byte order; number text stays as it was. Input that is not
// exactly one JSON value is returned unchanged, so that Canonical can be used on
// anything and Equal falls back to comparing bytes.
func Canonical(raw json.RawMessage) json.RawMessage {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return raw
	}
	if _, err := dec.Token(); err != io.EOF {
		return raw
	}
	out, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return out
}

// Equal reports whether a and b are the same JSON value. A nil value, which
// means "not given", equals only another nil; it is not the JSON null.
func Equal(a, b json.RawMessage) bool {
	if (a == nil) != (b == nil) {
		return false
	}
	return bytes.Equal(a, b) || bytes.Equal(Canonical(a), Canonical(b))
}
