package engine

import "sort"

// BlockSize is how many items stand between two places at which a plan can be
// entered.
const BlockSize = 1024

// Plan is what is kept of a comparison: what it comes to, and where in it which
// classes are. With it a page is found without reading what lies before it, as
// long as neither set changes.
type Plan struct {
	Totals Totals
	blocks []block
	in     int // items of the last block
}

// block is a part of the comparison: the key with which it begins, and the classes
// of its items that an issue explains and of those that none does.
type block struct {
	first      Key
	known, not Classes
}

// Add counts the next item.
func (p *Plan) Add(i *Item, known bool) {
	if len(p.blocks) == 0 || p.in == BlockSize {
		k := i.Key()
		p.blocks, p.in = append(p.blocks, block{first: k}), 0
	}
	b := &p.blocks[len(p.blocks)-1]
	if p.in++; known {
		b.known |= 1 << i.Class
	} else {
		b.not |= 1 << i.Class
	}
	p.Totals.Add(i, known)
}

// Known says which failures are wanted.
type Known string

// What is wanted of failures that an issue explains.
const (
	IncludeKnown Known = "include"
	ExcludeKnown Known = "exclude"
	OnlyKnown    Known = "only"
)

// Wants reports whether an item is wanted.
func (k Known) Wants(known bool) bool {
	return k == IncludeKnown || known == (k == OnlyKnown)
}

// Span is a part of a comparison that has to be read: from a key on, up to but
// without the key To, or to the end.
type Span struct {
	From Key
	To   *Key // nil: the end
}

// Spans returns the parts that may hold items of the classes, in order, behind the
// key after or from the beginning. Those that hold none are left out.
func (p *Plan) Spans(classes Classes, known Known, after *Key) []Span {
	first := 0
	if after != nil {
		first = sort.Search(len(p.blocks), func(i int) bool { return p.blocks[i].first.Compare(*after) > 0 })
		first = max(first-1, 0)
	}
	var spans []Span
	open := false
	for i := first; i < len(p.blocks); i++ {
		b := &p.blocks[i]
		has := known != OnlyKnown && b.not&classes != 0 || known != ExcludeKnown && b.known&classes != 0
		switch {
		case has && !open:
			spans = append(spans, Span{From: b.first})
		case !has && open:
			spans[len(spans)-1].To = &b.first
		}
		open = has
	}
	return spans
}
