package bodycheck

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// canonical writes equal JSON values as equal bytes: members sorted, strings
// and fractions in one spelling. Integers keep their digits, so that large ids
// which differ only beyond the precision of a float stay different.
var canonical = []jsontext.Options{
	jsontext.AllowDuplicateNames(true), // refused before
	jsontext.ReorderRawObjects(true),
	jsontext.CanonicalizeRawFloats(true),
	jsontext.CanonicalizeRawInts(false),
}

// uniqueItems holds the items of the arrays being read whose items must differ.
// It is a stack, because such arrays may stand inside each other.
type uniqueItems struct {
	items []uniqueItem
	text  []byte // the canonical form of all items
}

type uniqueItem struct {
	start, end int // in text
	index      int // in the array
}

// mark is where the items of an array start that begins now.
func (u *uniqueItems) mark() int { return len(u.items) }

// add takes an item as it stands in the array, with what separates it from the
// item before.
func (u *uniqueItems) add(raw []byte, index int) {
	start := len(u.text)
	raw = bytes.TrimLeft(raw, ","+whitespace)
	u.text, _ = jsontext.AppendFormat(u.text, raw, canonical...) // raw is known to be valid
	u.items = append(u.items, uniqueItem{start: start, end: len(u.text), index: index})
}

// repeated returns the index of the first item since mark that repeats an
// earlier one, or -1, and forgets the items. Sorting keeps the cost of hostile
// arrays at n log n.
func (u *uniqueItems) repeated(mark int) int {
	items := u.items[mark:]
	if len(items) == 0 {
		return -1
	}
	end := items[0].start
	slices.SortFunc(items, func(a, b uniqueItem) int {
		if c := bytes.Compare(u.text[a.start:a.end], u.text[b.start:b.end]); c != 0 {
			return c
		}
		return a.index - b.index
	})
	found := -1
	for i := 1; i < len(items); i++ {
		a, b := items[i-1], items[i]
		if bytes.Equal(u.text[a.start:a.end], u.text[b.start:b.end]) && (found < 0 || b.index < found) {
			found = b.index
		}
	}
	u.items, u.text = u.items[:mark], u.text[:end]
	return found
}

func (u *uniqueItems) reset() { u.items, u.text = u.items[:0], u.text[:0] }
