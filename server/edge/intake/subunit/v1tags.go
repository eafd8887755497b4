package subunit

import (
	"bytes"
	"maps"
	"slices"
)

// v1Tags keeps the tags that tags lines turn on and off: those of all tests to
// come, and the changes that concern only the test in progress.
type v1Tags struct {
	outer       tagSet
	added, gone tagSet // for the test in progress

	// budget bounds how often tags may be repeated: one line can put thousands
	// of tags on each of millions of tests that follow.
	budget int64
	told   bool // damage was noted
}

const (
	tagSetBytes = 4 << 20 // of all tags that are on at one time
	cheapTags   = 64      // tags that cost next to nothing to sort
	sortCost    = 16
)

func newV1Tags(size int64) v1Tags {
	return v1Tags{outer: newTagSet(), added: newTagSet(), gone: newTagSet(), budget: size + 1<<20}
}

// tagSet is a set of tags with its sorted form.
type tagSet struct {
	words  map[string]struct{}
	bytes  int      // length of all words
	sorted []string // nil when it must be made again
}

func newTagSet() tagSet { return tagSet{words: map[string]struct{}{}} }

func (s *tagSet) has(tag string) bool {
	_, ok := s.words[tag]
	return ok
}

func (s *tagSet) add(tag string) {
	if !s.has(tag) {
		s.words[tag] = struct{}{}
		s.bytes += len(tag)
		s.sorted = nil
	}
}

func (s *tagSet) remove(tag string) {
	if s.has(tag) {
		delete(s.words, tag)
		s.bytes -= len(tag)
		s.sorted = nil
	}
}

// list returns the words in order.
func (s *tagSet) list() []string {
	if s.sorted == nil {
		s.sorted = slices.AppendSeq(make([]string, 0, len(s.words)), maps.Keys(s.words))
		slices.Sort(s.sorted)
	}
	return s.sorted
}

// add turns a tag on. It returns false when there are limit tags already.
func (t *v1Tags) add(tag string, inTest bool, limit int) bool {
	if inTest && t.gone.has(tag) {
		t.gone.remove(tag)
	}
	if t.outer.has(tag) || inTest && t.added.has(tag) {
		return true
	}
	if len(t.outer.words)+len(t.added.words) >= limit || t.outer.bytes+t.added.bytes+len(tag) > tagSetBytes {
		return false
	}
	if inTest {
		t.added.add(tag)
	} else {
		t.outer.add(tag)
	}
	return true
}

// remove turns a tag off.
func (t *v1Tags) remove(tag string, inTest bool) {
	if !inTest {
		t.outer.remove(tag)
		return
	}
	t.added.remove(tag)
	if t.outer.has(tag) {
		t.gone.add(tag)
	}
}

// endTest forgets what concerned one test.
func (t *v1Tags) endTest() {
	if len(t.added.words) > 0 {
		t.added = newTagSet()
	}
	if len(t.gone.words) > 0 {
		t.gone = newTagSet()
	}
}

// pay takes from the budget what appendTo will cost.
func (t *v1Tags) pay() bool {
	n := len(t.outer.words) + len(t.added.words)
	t.budget -= int64(n + sortCost*max(0, n-cheapTags))
	return t.budget >= 0 || n == 0
}

// appendTo adds the tags of the moment to dst, which is empty, in order.
func (t *v1Tags) appendTo(dst []string) []string {
	if len(t.added.words)+len(t.gone.words) == 0 {
		return append(dst, t.outer.list()...)
	}
	for _, tag := range t.outer.list() {
		if !t.gone.has(tag) {
			dst = append(dst, tag)
		}
	}
	dst = append(dst, t.added.list()...)
	slices.Sort(dst)
	return dst
}

// changeTags obeys a tags line. Inside a test it concerns that test only. Like
// python-subunit it adds all new tags and then removes the others.
func (r *v1reader) changeTags(l line, argument []byte) {
	inTest := r.current != nil
	dropped := false
	for field := range bytes.FieldsSeq(argument) {
		if field[0] != '-' && !r.tags.add(r.tag(field, l.start), inTest, r.lim.TagsPerEvent) {
			dropped = true
		}
	}
	for field := range bytes.FieldsSeq(argument) {
		if field[0] == '-' {
			r.tags.remove(r.tag(field[1:], -1), inTest)
		}
	}
	if dropped {
		r.damagef(l.start, KindContent, "more than %d tags, or too long ones; the rest is dropped", r.lim.TagsPerEvent)
	}
}

// tag makes a tag of a word; damage is noted unless offset is negative.
func (r *v1reader) tag(field []byte, offset int64) string {
	text, bad := repair(r.names.Text(field))
	text, was := cut(text, r.lim.IDBytes)
	if (bad || was) && offset >= 0 {
		r.damage(offset, KindV1Label, "tag is not UTF-8 or too long")
	}
	return text
}

// overspent notes once that tags are left out from here on.
func (r *v1reader) overspent(offset int64) {
	if !r.tags.told {
		r.tags.told = true
		r.damage(offset, KindContent, "tags are repeated so often that those of further tests are dropped")
	}
}
