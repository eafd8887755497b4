package engine

import (
	"strings"
	"unicode/utf8"
)

// MaxGlob is how many bytes a glob may have.
const MaxGlob = 1000

// Glob is a pattern for a whole name: a star is any run of characters, a question
// mark is one, all else is itself.
type Glob struct {
	text  string
	parts []globPart // between the stars
	stars bool
}

// ParseGlob takes every text; its length is the caller's business.
func ParseGlob(text string) *Glob {
	g := &Glob{text: text, stars: strings.Contains(text, "*")}
	all := strings.Split(text, "*")
	for i, part := range all {
		if part != "" || i == 0 || i == len(all)-1 {
			g.parts = append(g.parts, newGlobPart(part))
		}
	}
	return g
}

// String is the pattern as it was written.
func (g *Glob) String() string { return g.text }

// Match reports whether the whole name fits. It takes time in proportion to the
// name, times the pattern's length in words where a part has a question mark.
func (g *Glob) Match(name string) bool {
	first, last := g.parts[0], g.parts[len(g.parts)-1]
	end, ok := first.at(name)
	switch {
	case !ok:
		return false
	case !g.stars:
		return end == len(name)
	}
	name = name[end:]
	tail, ok := last.atEnd(name)
	if !ok {
		return false
	}
	name = name[:tail]
	for _, part := range g.parts[1 : len(g.parts)-1] {
		if end = part.find(name); end < 0 {
			return false
		}
		name = name[end:]
	}
	return true
}

// globPart is what stands between two stars.
type globPart struct {
	text  string
	runes int
	// any are the places of question marks, a bit each; nil: there are none. places
	// are those of each character.
	any    []uint64
	places map[rune][]uint64
}

func newGlobPart(text string) globPart {
	p := globPart{text: text, runes: utf8.RuneCountInString(text)}
	if !strings.Contains(text, "?") {
		return p
	}
	words := p.runes/64 + 1
	p.any, p.places = make([]uint64, words), map[rune][]uint64{}
	i := 0
	for _, r := range text {
		set := p.any
		if r != '?' {
			if p.places[r] == nil {
				p.places[r] = make([]uint64, words)
			}
			set = p.places[r]
		}
		set[i/64] |= 1 << (i % 64)
		i++
	}
	return p
}

// at reports whether the name begins with the part, and where that ends.
func (p globPart) at(name string) (end int, ok bool) {
	if p.any == nil {
		return len(p.text), strings.HasPrefix(name, p.text)
	}
	for _, r := range p.text {
		c, size := utf8.DecodeRuneInString(name[end:])
		if size == 0 || r != '?' && r != c {
			return 0, false
		}
		end += size
	}
	return end, true
}

// atEnd reports whether the name ends with the part, and where that begins.
func (p globPart) atEnd(name string) (start int, ok bool) {
	if p.any == nil {
		return len(name) - len(p.text), strings.HasSuffix(name, p.text)
	}
	start = len(name)
	for range p.runes {
		_, size := utf8.DecodeLastRuneInString(name[:start])
		if size == 0 {
			return 0, false
		}
		start -= size
	}
	_, ok = p.at(name[start:])
	return start, ok
}

// find returns where the first place of the part in the name ends, or -1. With a
// question mark all places where it may have begun are followed at once, a bit
// for each (Baeza-Yates and Gonnet's Shift-Or, here with And).
func (p globPart) find(name string) int {
	if p.any == nil {
		if i := strings.Index(name, p.text); i >= 0 {
			return i + len(p.text)
		}
		return -1
	}
	state := make([]uint64, len(p.any))
	last := p.runes - 1
	for i, r := range name {
		set := p.places[r]
		carry := uint64(1)
		for w := range state {
			next := state[w] >> 63
			state[w] = (state[w]<<1 | carry) & (p.any[w] | word(set, w))
			carry = next
		}
		if state[last/64]>>(last%64)&1 == 1 {
			_, size := utf8.DecodeRuneInString(name[i:])
			return i + size
		}
	}
	return -1
}

func word(set []uint64, w int) uint64 {
	if set == nil {
		return 0
	}
	return set[w]
}
