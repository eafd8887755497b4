package engine

import (
	"fmt"
	"slices"
	"strings"
)

// The fields beside the name, by which tests of the sources are told apart, in the
// order in which they sort.
var (
	reportFields      = []string{"arch", "board", "build_environment", "defconfig_full", "device_type", "lab_name"}
	opportunityFields = []string{"platform", "primary_snap_name", "spec_name"}
)

// AllFields are the fields that the tests of some set have.
func AllFields() []string { return slices.Concat(reportFields, opportunityFields) }

// FieldsOf are the fields that the tests of a kind of set have.
func FieldsOf(kind Kind) []string {
	switch kind {
	case Group, Kernel:
		return reportFields
	case Opportunity, Image:
		return opportunityFields
	}
	return nil
}

// SharedFields are the fields that count when two sets are compared: those that
// both have, and of them those that are wanted. A wanted of nil is all of them.
func SharedFields(head, base Kind, wanted []string) []string {
	fields := FieldsOf(head)
	if base != None && !slices.Equal(fields, FieldsOf(base)) {
		return nil // no two kinds have a part of their fields in common
	}
	if wanted == nil {
		return fields
	}
	var shared []string
	for _, f := range fields {
		if slices.Contains(wanted, f) {
			shared = append(shared, f)
		}
	}
	return shared
}

// CheckFields refuses names that are no field of any set.
func CheckFields(names []string) error {
	all := AllFields()
	for _, name := range names {
		if !slices.Contains(all, name) {
			return fmt.Errorf("has the unknown field %q; must be empty or some of %s", name, strings.Join(all, ", "))
		}
	}
	return nil
}

// Value is the value of a field as keys hold it, so that the null value sorts
// before the empty text.
func Value(v *string) string {
	if v == nil {
		return ""
	}
	return "=" + *v
}

// PlainValue is the inverse of Value.
func PlainValue(v string) *string {
	if v == "" {
		return nil
	}
	plain := v[1:]
	return &plain
}

// Key tells a test of a set from the others.
type Key struct {
	Context []string // a Value for each field that counts
	Name    string
}

// Compare orders keys by context, then by name, byte by byte.
func (k Key) Compare(o Key) int {
	if c := slices.Compare(k.Context, o.Context); c != 0 {
		return c
	}
	return strings.Compare(k.Name, o.Name)
}

// ContextMap is the context as the document writes it: the fields that have a
// value.
func (k Key) ContextMap(fields []string) map[string]string {
	m := map[string]string{}
	for i, f := range fields {
		if v := PlainValue(k.Context[i]); v != nil {
			m[f] = *v
		}
	}
	return m
}
