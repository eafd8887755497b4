package design

import (
	"strconv"
	"strings"
)

// members reads what the schemas leave open the way Drydock's object model does
// (oslo.versionedobjects): a scalar stands for a text, null only where the
// field may be empty. The first thing that does not fit is kept in err.
type members struct {
	at  string // the place of the object; empty for the document's data
	err *docError
}

func (m *members) fail(key, reason string) {
	if m.err != nil {
		return
	}
	at := m.at
	if key != "" && at != "" {
		at += "/"
	}
	m.err = &docError{true, at + shorten(key) + " " + reason}
}

// object wants a mapping.
func (m *members) object(v *value) {
	if v.kind != kindMap {
		m.fail("", "must be an object, not "+v.kind.String())
	}
}

// required wants a scalar.
func (m *members) required(v *value, key string) string {
	if member := v.get(key); member == nothing {
		m.fail(key, "is missing")
	} else if !member.isScalar() {
		m.fail(key, "must be a scalar, not "+member.kind.String())
	}
	return v.get(key).scalar()
}

// given wants a scalar if there is the member at all.
func (m *members) given(v *value, key string) string {
	if !v.has(key) {
		return ""
	}
	return m.required(v, key)
}

// optional wants a scalar, null or nothing.
func (m *members) optional(v *value, key string) string {
	if v.get(key).kind == kindNull {
		return ""
	}
	return m.required(v, key)
}

// list wants a list of scalars, null or nothing.
func (m *members) list(v *value, key string) []string {
	member := v.get(key)
	if member.kind == kindNull {
		return nil
	}
	if member.kind != kindList {
		m.fail(key, "must be a list, not "+member.kind.String())
	}
	for _, item := range member.items {
		if !item.isScalar() {
			m.fail(key, "must hold scalars only, not "+item.kind.String())
		}
	}
	return member.texts()
}

// texts wants a mapping to scalars, null or nothing. Nulls says whether a value
// may be null.
func (m *members) texts(v *value, key string, nulls bool) map[string]string {
	member := v.get(key)
	if member.kind == kindNull {
		return nil
	}
	if member.kind != kindMap {
		m.fail(key, "must be an object, not "+member.kind.String())
	}
	for _, f := range member.fields {
		if !f.value.isScalar() && !(nulls && f.value.kind == kindNull) {
			m.fail(key+"/"+shorten(f.key), "must be a scalar, not "+f.value.kind.String())
		}
	}
	return member.textMap()
}

// count wants a number that is not negative, or a text that spells one.
func (m *members) count(v *value, key string, must bool) int {
	member := v.get(key)
	if member.kind == kindNull && !must {
		return 0
	}
	n, ok := member.integer()
	switch member.kind {
	case kindText:
		spelt, err := strconv.Atoi(strings.TrimSpace(member.text))
		n, ok = spelt, err == nil
	case kindBool:
		ok = true
		if member.isTrue() {
			n = 1
		}
	}
	if !ok || n < 0 {
		m.fail(key, "must be a number and not negative")
		return 0
	}
	return n
}
