package engine

import "sort"

// BlockSize is how many items stand between two places at which a plan can be
// entered.
const BlockSize = 1024

const (
	// maxRare is how many items of one sort a plan keeps. Of a sort that has more,
	// a page is found in few blocks.
	maxRare = 4096

	// maxKept is how many items a plan keeps in all.
	maxKept = 16384
)

// Explained is an item and the issue that explains its failure, nil for none.
type Explained struct {
	Item
	Issue *Issue
}

// Copied is an item that stays good.
func (e *Explained) Copied() Explained {
	c := *e
	if e.Head != nil {
		head := *e.Head
		c.Head = &head
	}
	if e.Base != nil {
		base := *e.Base
		c.Base = &base
	}
	return c
}

// size is about how much memory an item takes.
func (e *Explained) size() int {
	const fixed = 400 // the structs of both sides
	k := e.Key()
	n := fixed + 2*len(k.Name)
	for _, v := range k.Context {
		n += 2 * (len(v) + 16)
	}
	return n
}

// Plan is what is kept of a comparison: what it comes to, the items of sorts of
// which there are few, and where in it all others are. A sort is a class, of tests
// that an issue explains or of those that none does. With a plan a page is found
// without reading what lies before it, as long as neither set changes.
type Plan struct {
	Totals Totals
	blocks []block
	in     int // items of the last block
	sorts  [2 * classCount]sortOfItems
	kept   int // items in sorts
	bytes  int
}

// block is a part of the comparison: the key with which it begins, and the classes
// of its items that an issue explains and of those that none does.
type block struct {
	first      Key
	known, not Classes
}

// sortOfItems are all items of a sort, unless there are many.
type sortOfItems struct {
	items []Explained
	many  bool
}

func sortOf(class Class, known bool) int {
	if known {
		return int(class) + classCount
	}
	return int(class)
}

// Add counts the next item.
func (p *Plan) Add(e *Explained) {
	if len(p.blocks) == 0 || p.in == BlockSize {
		k := e.Key()
		p.blocks, p.in = append(p.blocks, block{first: k}), 0
		p.bytes += len(k.Name) + 64
	}
	b, known := &p.blocks[len(p.blocks)-1], e.Issue != nil
	if p.in++; known {
		b.known |= 1 << e.Class
	} else {
		b.not |= 1 << e.Class
	}
	p.Totals.Add(&e.Item, known)
	p.keep(&p.sorts[sortOf(e.Class, known)], e)
}

func (p *Plan) keep(s *sortOfItems, e *Explained) {
	switch {
	case s.many:
		return
	case len(s.items) == maxRare:
		p.drop(s)
		return
	}
	s.items = append(s.items, e.Copied())
	p.bytes += e.size()
	if p.kept++; p.kept <= maxKept {
		return
	}
	largest := s
	for i := range p.sorts {
		if len(p.sorts[i].items) > len(largest.items) {
			largest = &p.sorts[i]
		}
	}
	p.drop(largest)
}

func (p *Plan) drop(s *sortOfItems) {
	p.kept -= len(s.items)
	for i := range s.items {
		p.bytes -= s.items[i].size()
	}
	s.items, s.many = nil, true
}

// Size is about how many bytes the plan takes.
func (p *Plan) Size() int { return p.bytes }

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

// Keeps reports whether the plan has all items of the entry's sort, so that they
// come from Kept and not from a span.
func (p *Plan) Keeps(e *Explained) bool { return !p.sorts[sortOf(e.Class, e.Issue != nil)].many }

// Kept returns the items of the classes that the plan has itself, behind the key
// after or from the beginning.
func (p *Plan) Kept(classes Classes, known Known, after *Key) *Kept {
	k := &Kept{}
	for class := range Class(classCount) {
		for _, explained := range []bool{false, true} {
			list := p.sorts[sortOf(class, explained)].items
			if !classes.Has(class) || !known.Wants(explained) {
				continue
			}
			if after != nil {
				list = list[sort.Search(len(list), func(i int) bool { return list[i].Key().Compare(*after) > 0 }):]
			}
			if len(list) > 0 {
				k.lists = append(k.lists, list)
			}
		}
	}
	return k
}

// Kept gives items that a plan has itself, in the order of their keys.
type Kept struct {
	lists [][]Explained // none is empty
}

// Next returns the next item whose key is before a key, nil when there is none; a
// limit of nil is behind all.
func (k *Kept) Next(before *Key) *Explained {
	least := -1
	for i := range k.lists {
		if least < 0 || k.lists[i][0].Key().Compare(k.lists[least][0].Key()) < 0 {
			least = i
		}
	}
	if least < 0 {
		return nil
	}
	e := &k.lists[least][0]
	if before != nil && e.Key().Compare(*before) >= 0 {
		return nil
	}
	if k.lists[least] = k.lists[least][1:]; len(k.lists[least]) == 0 {
		k.lists = append(k.lists[:least], k.lists[least+1:]...)
	}
	return e
}

// Span is a part of a comparison that has to be read: from a key on, up to but
// without the key To, or to the end.
type Span struct {
	From Key
	To   *Key // nil: the end
}

// Spans returns the parts that may hold items of the classes that the plan does not
// have itself, in order, behind the key after or from the beginning. Those that
// hold none are left out.
func (p *Plan) Spans(classes Classes, known Known, after *Key) []Span {
	not, explained := p.many(classes, known)
	first := 0
	if after != nil {
		first = sort.Search(len(p.blocks), func(i int) bool { return p.blocks[i].first.Compare(*after) > 0 })
		first = max(first-1, 0)
	}
	var spans []Span
	open := false
	for i := first; i < len(p.blocks); i++ {
		b := &p.blocks[i]
		has := b.not&not != 0 || b.known&explained != 0
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

// many are the wanted classes of which there are too many to be kept: of items that
// no issue explains, and of those that one does.
func (p *Plan) many(classes Classes, known Known) (not, explained Classes) {
	for class := range Class(classCount) {
		if !classes.Has(class) {
			continue
		}
		if known.Wants(false) && p.sorts[sortOf(class, false)].many {
			not |= 1 << class
		}
		if known.Wants(true) && p.sorts[sortOf(class, true)].many {
			explained |= 1 << class
		}
	}
	return not, explained
}
