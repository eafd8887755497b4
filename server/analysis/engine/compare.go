package engine

import "time"

// Test is one test of a set.
type Test struct {
	Key
	Outcome  Outcome
	Source   Source
	Tenant   string
	Status   string // in the words of the source
	Duration *time.Duration
	Place    Place
}

// Place is where a test stands in the store: in a file by the key of the upload and
// the test's number; a report by the number under which it came, and its id.
type Place struct {
	Upload int64
	N      int64
	ID     string
}

// Stream gives the tests of a set in the order of their keys, one that comes
// several times one after the other. Next returns nil at the end; what it returns
// is good until the next call.
type Stream interface {
	Next() (*Test, error)
}

// Slice is a stream of tests that are in memory.
type Slice []Test

// Next returns the next test.
func (s *Slice) Next() (*Test, error) {
	if len(*s) == 0 {
		return nil, nil
	}
	t := &(*s)[0]
	*s = (*s)[1:]
	return t, nil
}

// folded joins what a stream has several times: the worst counts, of equals the
// first.
type folded struct {
	from  Stream
	ahead *Test // read, and not yet given out
	buf   [2]Test
	flip  int
	begun bool
}

// Fold returns a stream that has every key once, the worst of each.
func Fold(from Stream) Stream { return &folded{from: from} }

// Next returns the next test.
func (f *folded) Next() (*Test, error) {
	if !f.begun {
		f.begun = true
		if err := f.read(); err != nil {
			return nil, err
		}
	}
	worst := f.ahead
	if worst == nil {
		return nil, nil
	}
	f.flip = 1 - f.flip
	for {
		if err := f.read(); err != nil {
			return nil, err
		}
		if f.ahead == nil || f.ahead.Compare(worst.Key) != 0 {
			return worst, nil
		}
		if f.ahead.Outcome.WorseThan(worst.Outcome) {
			*worst = *f.ahead
		}
	}
}

// read reads a test into the buffer that is not given out.
func (f *folded) read() error {
	t, err := f.from.Next()
	if f.ahead = nil; t != nil && err == nil {
		f.buf[f.flip] = *t
		f.ahead = &f.buf[f.flip]
	}
	return err
}

// Item is a test of the head, of the base, or of both.
type Item struct {
	Class      Class
	Head, Base *Test // nil where it is absent
}

// Key is that of the test.
func (i *Item) Key() Key {
	if i.Head != nil {
		return i.Head.Key
	}
	return i.Base.Key
}

// Merge walks two streams that have every key once, and calls visit with each test
// of either, in the order of keys. The item is good until visit returns. Merge
// ends early, without an error, when visit returns false.
func Merge(head, base Stream, visit func(*Item) (bool, error)) error {
	h, err := head.Next()
	if err != nil {
		return err
	}
	b, err := base.Next()
	if err != nil {
		return err
	}
	for h != nil || b != nil {
		var item Item
		var order int
		switch {
		case h == nil:
			order = 1
		case b == nil:
			order = -1
		default:
			order = h.Compare(b.Key)
		}
		if order <= 0 {
			item.Head = h
		}
		if order >= 0 {
			item.Base = b
		}
		item.Class = ClassOf(item.Head.outcome(), item.Base.outcome())
		if more, err := visit(&item); err != nil || !more {
			return err
		}
		if item.Head != nil {
			if h, err = head.Next(); err != nil {
				return err
			}
		}
		if item.Base != nil {
			if b, err = base.Next(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Test) outcome() Outcome {
	if t == nil {
		return Absent
	}
	return t.Outcome
}

// Counts is how many tests a side has of each outcome.
type Counts [Fail + 1]int64

// Tests is how many there are.
func (c *Counts) Tests() int64 {
	var n int64
	for _, v := range c {
		n += v
	}
	return n
}

// Of is how many there are of one outcome.
func (c *Counts) Of(o Outcome) int64 { return c[o] }

// Complete reports whether any test passed or failed.
func (c *Counts) Complete() bool { return c[Pass]+c[Fail] > 0 }

// ClassCounts is how many tests are of each class.
type ClassCounts [classCount]int64

// Totals is what a whole comparison comes to.
type Totals struct {
	Classes    ClassCounts
	Head, Base Counts
	Known      int64 // failures and errors of the head that a known issue explains
}

// Add counts an item.
func (t *Totals) Add(i *Item, known bool) {
	t.Classes[i.Class]++
	if i.Head != nil {
		t.Head[i.Head.Outcome]++
	}
	if i.Base != nil {
		t.Base[i.Base.Outcome]++
	}
	if known {
		t.Known++
	}
}
