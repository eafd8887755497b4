package refstack

import (
	"crypto/sha256"
	"strings"
)

// splitName takes a test's id apart: the name, and what stands in brackets, from
// the first opening to the last closing one.
func splitName(id string) (name, attrs string) {
	open, last := strings.IndexByte(id, '['), strings.LastIndexByte(id, ']')
	if open < 0 || last < open {
		return id, ""
	}
	return id[:open] + id[last+1:], id[open+1 : last]
}

// bareName is a test's id without what stands in brackets
// (refstack_client/subunit_processor.py, addSuccess).
func bareName(id string) string {
	name, _ := splitName(id)
	return name
}

// idempotentUUID is the id that tempest gives a test in brackets, id-<uuid>, or
// "" (refstack_client/subunit_processor.py, get_test_uuid).
func idempotentUUID(id string) string {
	_, attrs, ok := strings.Cut(id, "[")
	if !ok {
		return ""
	}
	attrs, _, _ = strings.Cut(attrs, "]")
	for _, a := range strings.Split(attrs, ",") {
		if uuid, ok := strings.CutPrefix(a, "id-"); ok {
			return uuid
		}
	}
	return ""
}

// nameSum stands for a name in memory, of which there may be millions.
type nameSum [16]byte

func sumOf(name string) nameSum {
	sum := sha256.Sum256([]byte(name))
	return nameSum(sum[:16])
}
